//! The one place that says who may do what.
//!
//! A door finds out who is calling ([`Archive::dimse_caller`], [`Archive::bearer`]) and hands the `Principal` to
//! every use-case, which asks `allow` first. Closed by default: an unknown caller is let in from this very
//! machine only.

use std::net::IpAddr;

use causeway_core::{AeTitle, Permission, Principal, RemoteName};

use crate::Archive;
use crate::error::AccessError;

/// A DIMSE caller that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is and what it may do.
    pub principal: Principal,
    /// The registered remote, where it is one.
    pub remote: Option<RemoteName>,
}

/// Why a DIMSE caller was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerRefused {
    /// No remote has this AE title.
    #[error(
        "no remote has the AE title {ae_title}; add it with \
         `causeway remote add NAME --ae-title {ae_title} --host {address} --port PORT --allow store`"
    )]
    Unknown {
        /// What the caller called itself.
        ae_title: AeTitle,
        /// Where it called from.
        address: IpAddr,
    },
    /// The remote is known, its address is another.
    #[error(
        "remote {remote} ({ae_title}) may not call from {address}; its addresses are those of \
         `causeway remote show {remote}`"
    )]
    Address {
        /// The remote with this AE title.
        remote: RemoteName,
        /// What the caller called itself.
        ae_title: AeTitle,
        /// Where it called from.
        address: IpAddr,
    },
}

impl Archive {
    /// Who is calling over DIMSE. A registered remote is itself, from wherever its addresses allow; anyone else
    /// must call from the loopback address.
    ///
    /// # Errors
    /// Says in words why the caller is refused, and what would let it in.
    pub fn dimse_caller(&self, ae_title: &AeTitle, address: IpAddr) -> Result<Caller, CallerRefused> {
        let address = address.to_canonical();
        let remotes = self.inner.remotes.snapshot();
        let mut known = None;
        for remote in remotes.iter() {
            if remote.dimse.as_ref().is_none_or(|dimse| dimse.ae_title != *ae_title) {
                continue;
            }
            if remote.addresses.is_empty() || remote.addresses.contains(&address) {
                let principal =
                    Principal { name: remote.name.to_string(), permissions: remote.allow.clone() };
                return Ok(Caller { principal, remote: Some(remote.name.clone()) });
            }
            known = Some(remote.name.clone());
        }
        match known {
            _ if address.is_loopback() => Ok(Caller { principal: Principal::local(), remote: None }),
            Some(remote) => Err(CallerRefused::Address { remote, ae_title: ae_title.clone(), address }),
            None => Err(CallerRefused::Unknown { ae_title: ae_title.clone(), address }),
        }
    }

    /// Whose bearer token this is.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Option<Principal> {
        self.inner.tokens.find(token)
    }
}

/// Lets the principal pass, or says what it lacks.
///
/// # Errors
/// When `permission` is not among the principal's.
pub fn allow(principal: &Principal, permission: Permission) -> Result<(), AccessError> {
    if principal.permissions.allow(permission) {
        Ok(())
    } else {
        Err(AccessError { who: principal.name.clone(), permission })
    }
}
