//! Encryption on the way to a server: asked for in PostgreSQL's own words, before anything else is said (PostgreSQL,
//! "SSL Session Encryption"), and made by `tls`.
//!
//! Invariant: whoever is called with TLS shows a certificate for the name by which it is called; and nothing goes
//! unencrypted to another machine unless that was said.

use std::net::IpAddr;

use causeway_tls::Security;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::Host;

use super::failure::Refusal;
use super::server::ServerError;

/// Asks for TLS: a length, and a version that no version is.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Says that it follows.
const YES: u8 = b'S';

/// A stream of bytes to a server, whatever is around it.
pub(super) type Wire = Box<dyn Duplex>;

/// Both ways at once.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Whether a server is called with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// It is not.
    Never,
    /// Where it has TLS; one on another machine must.
    Offered,
    /// It is.
    Always,
}

impl Encryption {
    /// As `sslmode` says; where nothing is said, always towards another machine and never within this one.
    pub(super) fn of(said: Option<&str>, hosts: &[Host]) -> Result<Self, ServerError> {
        match said {
            None if hosts.iter().all(is_here) => Ok(Self::Never),
            None | Some("require" | "verify-ca" | "verify-full") => Ok(Self::Always),
            Some("prefer") => Ok(Self::Offered),
            Some("disable") => Ok(Self::Never),
            Some(other) => Err(ServerError::Encryption(other.to_owned())),
        }
    }

    /// The stream to the host of this name with what belongs around it.
    pub(super) async fn around(
        self,
        mut stream: TcpStream,
        name: &str,
        security: &Security,
    ) -> Result<Wire, Refusal> {
        if self == Self::Never {
            return Ok(Box::new(stream));
        }
        let answer = async {
            stream.write_all(&REQUEST).await?;
            // One byte and no more: what came behind it would not be encrypted.
            stream.read_u8().await
        };
        let answer = answer.await.map_err(|error| Refusal::lost(error.to_string()))?;
        if answer == YES {
            let secured = security.secure(stream, name).await;
            let line = secured.map_err(|error| Refusal::insecure(&error.to_string(), error.class()))?;
            return Ok(Box::new(line));
        }
        if self == Self::Offered && is_here(&Host::Tcp(name.to_owned())) {
            return Ok(Box::new(stream));
        }
        Err(Refusal::unfit("it has no TLS: set ssl = on there, or sslmode=disable in [catalog] url here"))
    }
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    }
}

/// A URL without its `sslmode`, which the library knows less of, and what that was.
pub(super) fn without_encryption(url: &str) -> (String, Option<String>) {
    let Some((url, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (said, rest): (Vec<&str>, Vec<&str>) = query.split('&').partition(|it| it.starts_with("sslmode="));
    let said = said.last().and_then(|it| it.split_once('=')).map(|(_, mode)| mode.to_owned());
    (if rest.is_empty() { url.to_owned() } else { format!("{url}?{}", rest.join("&")) }, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: Option<&str>, host: &str) -> Option<Encryption> {
        Encryption::of(said, &[Host::Tcp(host.to_owned())]).ok()
    }

    #[test]
    fn another_machine_is_called_with_tls_unless_something_else_is_said() {
        for here in ["127.0.0.1", "::1", "localhost"] {
            assert_eq!(of(None, here), Some(Encryption::Never));
            assert_eq!(of(Some("verify-full"), here), Some(Encryption::Always));
        }
        assert_eq!(of(None, "db.example.org"), Some(Encryption::Always));
        assert_eq!(of(None, "10.0.0.7"), Some(Encryption::Always));
        assert_eq!(of(Some("disable"), "10.0.0.7"), Some(Encryption::Never));
        assert_eq!(of(Some("prefer"), "10.0.0.7"), Some(Encryption::Offered));
        assert_eq!(of(Some("allow"), "10.0.0.7"), None);
    }

    #[test]
    fn the_mode_is_taken_out_of_the_url_and_nothing_else() {
        let apart = without_encryption("postgres://a@b/c?connect_timeout=3&sslmode=require&options=-cx%3Dy");
        let rest = "postgres://a@b/c?connect_timeout=3&options=-cx%3Dy".to_owned();
        assert_eq!(apart, (rest, Some("require".to_owned())));
        assert_eq!(
            without_encryption("postgres://a@b/c?sslmode=x"),
            ("postgres://a@b/c".to_owned(), Some("x".to_owned()))
        );
        assert_eq!(without_encryption("postgres://a@b/c"), ("postgres://a@b/c".to_owned(), None));
    }
}
