//! Who is asking, and what they may do. Doors make a `Principal`; `archive/access.rs` judges it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sight::Sight;

/// One thing that may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Add instances.
    Store,
    /// Search.
    Query,
    /// Read instances back, or have them moved.
    Retrieve,
    /// Ask for storage commitment.
    Commit,
    /// Read the worklist, and report the progress of procedure steps.
    Worklist,
    /// Remove instances.
    Delete,
    /// Change remotes, routes and tokens; see queues.
    Admin,
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Self; 7] =
        [Self::Store, Self::Query, Self::Retrieve, Self::Commit, Self::Worklist, Self::Delete, Self::Admin];

    /// Its name in settings and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Query => "query",
            Self::Retrieve => "retrieve",
            Self::Commit => "commit",
            Self::Worklist => "worklist",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(std::collections::BTreeSet<Permission>);

impl Permissions {
    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether `permission` is among them.
    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// The permissions, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// How someone who asks is known, and so where it is set what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// It is this very machine, or the node itself.
    Machine,
    /// It is a remote, by its AE title.
    Remote,
    /// It bears a token of ours.
    Token,
    /// It bears a token of an identity provider.
    Provider,
}

/// Someone who asks, as far as a door could establish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// For logs and audit: a remote's name, a token's name, or `local`.
    pub name: String,
    /// How it is known.
    pub credential: Credential,
    /// What they may do.
    pub permissions: Permissions,
    /// Which studies they may do it with.
    pub sight: Sight,
}

impl Principal {
    /// A caller from this very machine, or the node itself: may do all.
    #[must_use]
    pub fn local() -> Self {
        Self {
            name: "local".to_owned(),
            credential: Credential::Machine,
            permissions: Permissions::all(),
            sight: Sight::Everything,
        }
    }
}
