//! Incidents: what was refused to a peer or broke between it and us, in words that its administrator can act on.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentKind {
    /// An association was rejected as a whole.
    Rejected,
    /// A presentation context was refused within an association that was accepted.
    ContextRefused,
    /// A request was refused: an instance not taken, a query or a retrieval not carried out.
    RequestRefused,
    /// An association that stood was aborted or lost.
    Broken,
    /// TLS could not be agreed on.
    Handshake,
    /// A bearer token was not believed.
    TokenRefused,
    /// An instance came back over other nodes.
    Circle,
}

impl IncidentKind {
    /// Every kind there is.
    pub const ALL: [Self; 7] = [
        Self::Rejected,
        Self::ContextRefused,
        Self::RequestRefused,
        Self::Broken,
        Self::Handshake,
        Self::TokenRefused,
        Self::Circle,
    ];

    /// Its name in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::ContextRefused => "context-refused",
            Self::RequestRefused => "request-refused",
            Self::Broken => "broken",
            Self::Handshake => "handshake",
            Self::TokenRefused => "token-refused",
            Self::Circle => "circle",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// With whom it happened, as far as it said who it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Where it called from, or was called at.
    pub address: IpAddr,
    /// What it called itself; empty when it had not said it yet.
    pub ae_title: String,
}

/// What happened once. The words hold no patient data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// What kind of thing.
    pub kind: IncidentKind,
    /// With whom.
    pub peer: Peer,
    /// What it offered or asked: an AE title called, a SOP class, a transfer syntax. Never a token.
    pub subject: String,
    /// What was wrong with it.
    pub words: String,
    /// The setting or command that would change it; none where nothing of ours would.
    pub remedy: Option<String>,
}

/// The same thing, as often as it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// What kind of thing.
    pub kind: IncidentKind,
    /// With whom.
    pub peer: Peer,
    /// What it offered or asked.
    pub subject: String,
    /// What was wrong with it, the last time.
    pub words: String,
    /// The setting or command that would change it.
    pub remedy: Option<String>,
    /// How often.
    pub count: u64,
    /// The first time.
    pub first_at: Timestamp,
    /// The last time.
    pub last_at: Timestamp,
}

impl IncidentRecord {
    /// Adds what another record counts of the same thing.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first_at = self.first_at.min(other.first_at);
        if other.last_at >= self.last_at {
            (self.last_at, self.words, self.remedy) = (other.last_at, other.words, other.remedy);
        }
    }
}
