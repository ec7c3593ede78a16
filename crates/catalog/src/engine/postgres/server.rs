//! Which server, and how it is called: addresses, sockets that notice when the other side is gone, and what each session
//! is told at its beginning.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use causeway_tls::Security;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{CancelToken, Client, Config, Connection, NoTls, SimpleQueryMessage};

use super::calling::Standing;
use super::encryption::{Encryption, Wire, without_encryption};
use super::failure::Refusal;
use super::session::Session;

/// How long calling a server may take, all in all.
const CALL: Duration = Duration::from_secs(10);
/// After so much silence a server is asked whether it is there.
const IDLE: Duration = Duration::from_secs(15);
/// Between two such questions.
const BETWEEN: Duration = Duration::from_secs(5);
/// How many may go without an answer.
const QUESTIONS: u32 = 3;
/// How long what was sent may go without being taken note of.
const UNHEARD: Duration = Duration::from_secs(30);
/// The port where nothing else is said.
const PORT: u16 = 5432;

/// A server of PostgreSQL, and the database on it. Never shows its password.
#[derive(Clone)]
pub struct Server {
    config: Config,
    encryption: Encryption,
    security: Security,
    /// Known to all that call it.
    standing: Arc<Standing>,
}

/// Why a server cannot be meant so. Never tells of the password.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The URL is none of PostgreSQL.
    #[error("it is no URL as PostgreSQL has them, postgres://user@host:port/database ({0})")]
    Url(String),
    /// Something is missing.
    #[error("it names no {0}: postgres://user@host:port/database")]
    Lacks(&'static str),
    /// A way of encryption that there is not.
    #[error(
        "sslmode={0} is none of disable, prefer, require, verify-full; whoever is called with TLS must show a \
             certificate for its name"
    )]
    Encryption(String),
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes.
    Writer,
    /// One that only reads.
    Reader,
}

impl Role {
    /// What a session is told at its beginning. Its plans are made for statements that find few rows among many, whatever
    /// the server has counted so far; and it answers with what this connection must know of the server.
    const fn settings(self) -> &'static str {
        match self {
            Self::Writer => {
                "SET lock_timeout = '30s'; SET statement_timeout = '5min';
                 SET idle_in_transaction_session_timeout = '60s'; SET jit = off; SET random_page_cost = 1.1;
                 SET enable_seqscan = off;
                 SET plan_cache_mode = force_generic_plan;
                 SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') IN ('off', 'local');
                 SELECT current_setting('transaction_read_only') = 'off', current_setting('server_encoding')"
            }
            Self::Reader => {
                "SET default_transaction_read_only = on; SET statement_timeout = '5min';
                 SET idle_in_transaction_session_timeout = '60s'; SET jit = off;
                 SET random_page_cost = 1.1;
                 SELECT true, current_setting('server_encoding')"
            }
        }
    }
}

impl Server {
    /// Reads `postgres://user@host:port/database`.
    ///
    /// # Errors
    /// When it is no such URL, or names no host, user or database.
    pub fn parse(url: &str) -> Result<Self, ServerError> {
        let (url, said) = without_encryption(url);
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            ServerError::Url(source.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(ServerError::Lacks("host"));
        }
        if config.get_user().is_none() {
            return Err(ServerError::Lacks("user"));
        }
        if config.get_dbname().is_none() {
            return Err(ServerError::Lacks("database"));
        }
        if config.get_application_name().is_none() {
            config.application_name("causeway");
        }
        // The handshake is made before the library has the stream.
        config.ssl_mode(SslMode::Disable);
        let encryption = Encryption::of(said.as_deref(), config.get_hosts())?;
        Ok(Self { config, encryption, security: Security::PLAIN, standing: Arc::default() })
    }

    /// Whether it is called with TLS, or may be.
    #[must_use]
    pub fn wants_tls(&self) -> bool {
        self.encryption != Encryption::Never
    }

    /// The same, called so where it is called with TLS.
    #[must_use]
    pub fn with_security(self, security: Security) -> Self {
        Self { security, ..self }
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Calls it, and has the session ready for its role. What drives the session becomes a task of the runtime that this is
    /// polled on.
    pub(super) async fn call(&self, role: Role) -> Result<Session, Refusal> {
        let called = timeout(CALL, self.first(role)).await;
        called.unwrap_or_else(|_| {
            let words = format!("no answer in {} seconds", CALL.as_secs());
            Err(Refusal::lost(words))
        })
    }

    /// The first of its addresses that will do.
    async fn first(&self, role: Role) -> Result<Session, Refusal> {
        let mut refused = Refusal::lost("it has no address");
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            match self.begin(host, self.port(index), role).await {
                Ok(session) => return Ok(session),
                Err(refusal) => refused = refusal,
            }
        }
        Err(refused)
    }

    fn port(&self, index: usize) -> u16 {
        let ports = self.config.get_ports();
        ports.get(index).or_else(|| ports.last()).copied().unwrap_or(PORT)
    }

    async fn begin(&self, host: &Host, port: u16, role: Role) -> Result<Session, Refusal> {
        let (client, driver) = self.greet(self.open(host, port).await?).await?;
        let session = Session::new(client, tokio::spawn(driver));
        let said = session.client().simple_query(role.settings()).await?;
        let fit = said.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("UTF8"))),
            _ => None,
        });
        match fit {
            Some((true, true)) => Ok(session),
            Some((false, _)) => Err(Refusal::lost("it is a standby, or read-only for another reason")),
            _ => Err(Refusal::unfit("its database is not in UTF-8: CREATE DATABASE … ENCODING 'UTF8'")),
        }
    }

    /// Tells it that what a session asked is not waited for.
    pub(super) async fn cancel(&self, token: CancelToken) {
        for (index, host) in self.config.get_hosts().iter().enumerate() {
            if let Ok(wire) = self.open(host, self.port(index)).await {
                let _ = token.cancel_query_raw(wire, NoTls).await;
            }
        }
    }

    /// A stream to it, encrypted as it is to be.
    async fn open(&self, host: &Host, port: u16) -> Result<Wire, Refusal> {
        let gone = |error: io::Error| Refusal::lost(error.to_string());
        match host {
            Host::Tcp(name) => {
                let stream = tcp(name, port).await.map_err(gone)?;
                self.encryption.around(stream, name, &self.security).await
            }
            Host::Unix(folder) => {
                let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await;
                Ok(Box::new(stream.map_err(gone)?))
            }
        }
    }

    async fn greet(&self, wire: Wire) -> Result<(Client, Driver), Refusal> {
        Ok(self.config.connect_raw(wire, NoTls).await?)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", self.port(index)),
            Host::Unix(folder) => format!("{}:{}", folder.display(), self.port(index)),
        });
        let hosts: Vec<String> = hosts.collect();
        let user = self.config.get_user().unwrap_or_default();
        write!(f, "postgres://{user}@{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }
}

type Driver = Connection<Wire, tokio_postgres::tls::NoTlsStream>;

/// A connection that notices when the other side is gone, be it idle or not.
async fn tcp(name: &str, port: u16) -> io::Result<TcpStream> {
    use rustix::net::sockopt;
    let stream = TcpStream::connect((name, port)).await?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, IDLE)?;
    sockopt::set_tcp_keepintvl(&stream, BETWEEN)?;
    sockopt::set_tcp_keepcnt(&stream, QUESTIONS)?;
    let unheard = u32::try_from(UNHEARD.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, unheard)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        let server = Server::parse("postgres://me:secret@db.example:5433/causeway").unwrap();
        assert_eq!(server.to_string(), "postgres://me@db.example:5433/causeway");
        assert_eq!(format!("{:?}", server.with_password("other")), "postgres://me@db.example:5433/causeway");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (url, missing) in [
            ("postgres://me@/causeway", "host"),
            ("postgres://db/causeway", "user"),
            ("postgres://me@db", "database"),
            ("postgres://me:secret@db:port/x", "URL"),
        ] {
            let words = Server::parse(url).unwrap_err().to_string();
            assert!(words.contains(missing) && !words.contains("secret"), "{words}");
        }
    }
}
