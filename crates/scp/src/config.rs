//! `[dimse]` of `causeway.toml`: where the door listens, whom it takes calls for, its bounds. Read by `node`,
//! owned here.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_archive::identity;
use causeway_core::AeTitle;
use causeway_core::limits::MAX_PDATA_BYTES;
use causeway_dimse::{Settings, Timeouts};
use serde::Deserialize;

/// Settings of the DIMSE door.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the listener without TLS.
    pub listen: SocketAddr,
    /// Further AE titles that the node answers to, when it is strict about what it is called.
    pub aliases: Vec<AeTitle>,
    /// Whether a caller must use the node's AE title, or one of `aliases`.
    pub check_called_ae_title: bool,
    /// Whether queries may leave out the unique keys of the levels above theirs (PS3.4 §C.4.1.3.1.1).
    pub relational_queries: bool,
    /// Operations of one association that may be under way at once, where a caller asks for it, and stores on each
    /// association to the destination of a C-MOVE, where it grants it (PS3.7 §D.3.3.3).
    pub operations: u32,
    /// Associations held to the destination of one C-MOVE, where it takes as many and there is enough to send.
    pub move_associations: u32,
    /// Most answers to one query; one that has more ends as out of resources. 0: as many as there are, which the peer
    /// can cancel and whose number costs no memory.
    pub results: u32,
    /// Associations open at once; one more is rejected as beyond the local limit.
    pub associations: u32,
    /// Largest P-DATA-TF that is announced and accepted, in bytes without its header.
    pub max_pdu_bytes: u32,
    /// Seconds in which a caller must ask for its association, and close it in the end (ARTIM).
    pub artim_seconds: u32,
    /// Seconds that a peer may pause within a PDU.
    pub read_seconds: u32,
    /// Seconds that a peer may take nothing of what we send.
    pub write_seconds: u32,
    /// Seconds that an association may be idle between messages.
    pub idle_seconds: u32,
    /// Seconds for which the result of a storage commitment is left to the association on which it was asked, while
    /// that is open and idle (PS3.4 §J.3.3.1.2); 0: a caller that can be called is always told on an association of our
    /// own.
    pub commitment_same_association_seconds: u32,
    /// Seconds that associations under way are given to finish when the node stops.
    pub drain_seconds: u32,
    /// TLS, for those who call and those who are called.
    pub tls: causeway_tls::Config,
    /// Whose tokens are believed of callers that must show who they are.
    pub identity: identity::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 11112)),
            aliases: Vec::new(),
            check_called_ae_title: false,
            relational_queries: false,
            operations: 16,
            move_associations: 4,
            results: 0,
            associations: 100,
            max_pdu_bytes: MAX_PDATA_BYTES,
            artim_seconds: 10,
            read_seconds: 60,
            write_seconds: 60,
            idle_seconds: 300,
            commitment_same_association_seconds: 10,
            drain_seconds: 20,
            tls: causeway_tls::Config::default(),
            identity: identity::Config::default(),
        }
    }
}

/// Most operations under way on one association.
const MAX_OPERATIONS: u32 = 256;
/// Smallest P-DATA-TF that is worth announcing, in bytes.
const MIN_PDU_BYTES: u32 = 4096;

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is out of its bounds.
    #[error("[dimse] {key} is {value}; it must be {least} to {most}")]
    Bounds {
        /// Which.
        key: &'static str,
        /// What it is.
        value: u32,
        /// What it may be at least.
        least: u32,
        /// What it may be at most.
        most: u32,
    },
    /// It is one of TLS.
    #[error(transparent)]
    Tls(#[from] causeway_tls::ConfigError),
    /// It is one of those of `[dimse.identity]` that go together.
    #[error(transparent)]
    Identity(#[from] identity::ConfigError),
}

impl Config {
    /// Refuses what is out of bounds or does not fit together.
    ///
    /// # Errors
    /// Names the first setting that is.
    pub fn check(&self) -> Result<(), ConfigError> {
        let day = 24 * 3600;
        let table = [
            ("operations", self.operations, 1, MAX_OPERATIONS),
            ("move_associations", self.move_associations, 1, 16),
            ("associations", self.associations, 1, 10_000),
            ("max_pdu_bytes", self.max_pdu_bytes, MIN_PDU_BYTES, MAX_PDATA_BYTES),
            ("artim_seconds", self.artim_seconds, 1, day),
            ("read_seconds", self.read_seconds, 1, day),
            ("write_seconds", self.write_seconds, 1, day),
            ("idle_seconds", self.idle_seconds, 1, day),
            ("commitment_same_association_seconds", self.commitment_same_association_seconds, 0, 300),
            ("drain_seconds", self.drain_seconds, 0, 600),
        ];
        match table.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((key, value, least, most)) => Err(ConfigError::Bounds { key, value, least, most }),
            None => {
                self.identity.check()?;
                Ok(self.tls.check()?)
            }
        }
    }

    pub(crate) const fn settings(&self) -> Settings {
        let timeouts = Timeouts {
            artim: Duration::from_secs(self.artim_seconds as u64),
            read: Duration::from_secs(self.read_seconds as u64),
            write: Duration::from_secs(self.write_seconds as u64),
            idle: Duration::from_secs(self.idle_seconds as u64),
        };
        Settings { timeouts, max_pdu: self.max_pdu_bytes, max_sent_pdu: MAX_PDATA_BYTES }
    }

    /// How long a result is left to the association on which it was asked for.
    pub(crate) const fn commitment_hold(&self) -> Duration {
        Duration::from_secs(self.commitment_same_association_seconds as u64)
    }

    pub(crate) const fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_refused_below_and_above_its_bounds_and_taken_at_them() {
        assert_eq!(Config::default().check(), Ok(()));
        for (bytes, fine) in [
            (MIN_PDU_BYTES - 1, false),
            (MIN_PDU_BYTES, true),
            (MAX_PDATA_BYTES, true),
            (MAX_PDATA_BYTES + 1, false),
        ] {
            let config = Config { max_pdu_bytes: bytes, ..Config::default() };
            assert_eq!(config.check().is_ok(), fine, "{bytes}");
        }
    }
}
