//! Where a setting stands: which table, which key. For words that say what to change.

use std::fmt;

/// A table of `causeway.toml` with settings of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Table {
    /// `[dimse.tls]`.
    #[default]
    Dimse,
    /// `[web.tls]`.
    Web,
    /// `[catalog.tls]`.
    Catalog,
}

impl Table {
    /// Its name, without brackets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dimse => "dimse.tls",
            Self::Web => "web.tls",
            Self::Catalog => "catalog.tls",
        }
    }

    /// One of its keys.
    pub(crate) const fn key(self, key: &'static str) -> Setting {
        Setting { table: self, key }
    }

    /// The protocols that are spoken behind the handshake, the best first (RFC 7301); none where there is nothing to
    /// choose among.
    pub(crate) fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Dimse | Self::Catalog => Vec::new(),
            Self::Web => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }

    /// What a caller is told who speaks in letters where TLS is spoken; none where nobody would read it.
    pub(crate) const fn to_plain(self) -> Option<&'static str> {
        match self {
            Self::Dimse | Self::Catalog => None,
            Self::Web => Some(TO_PLAIN_HTTP),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.name())
    }
}

/// To a caller that speaks HTTP without TLS, in its own language (RFC 9457). The length is that of the last line.
const TO_PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: application/problem+json\r\n\
    Content-Length: 137\r\n\
    Connection: close\r\n\
    \r\n\
    {\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\
    \"detail\":\"this port speaks HTTP over TLS only; begin the address with https://\"}";

/// One key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The table.
    pub table: Table,
    /// The key.
    pub key: &'static str,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_told_as_the_file_has_it() {
        assert_eq!(Table::Web.key("client_ca").to_string(), "[web.tls] client_ca");
    }

    #[test]
    fn the_answer_to_plain_http_is_as_long_as_it_says() {
        let (head, body) = TO_PLAIN_HTTP.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
