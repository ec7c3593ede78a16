//! The one place that says who may do what.
//!
//! A door finds out who is calling ([`Archive::admit`], [`Archive::bearer`] in `identity/oidc`) and hands the `Principal` to every
//! use-case, which asks `allow` first, or `sight` where studies are looked into. Closed by default: an unknown caller is let in from this very machine only.

use std::net::IpAddr;
use std::sync::Arc;

use causeway_core::{
    AeTitle, Credential, Fingerprint, InstanceRecord, Permission, Principal, Quirks, Remote, RemoteName,
    Sight,
};

use crate::error::AccessError;
use crate::identity::{Identified, Offered, Wrong};
use crate::places::Place;
use crate::{Archive, CatalogError};

/// A DIMSE caller, as far as a door could establish.
#[derive(Debug, Clone)]
pub struct Knock<'a> {
    /// What it calls itself.
    pub ae_title: &'a AeTitle,
    /// Where from, and over what.
    pub evidence: Evidence,
    /// What it says of its user (PS3.7 §D.3.3.7).
    pub offered: Offered,
}

/// What shows who is calling over DIMSE, beside the AE title, which is only a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Where it calls from.
    pub address: IpAddr,
    /// What its connection shows.
    pub connection: Connection,
}

/// What a connection shows of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Nothing: there is no TLS.
    Plain,
    /// The certificate that it presented over TLS and proved to hold, if any.
    Tls(Option<Fingerprint>),
}

/// A DIMSE caller that was let in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is and what it may do.
    pub principal: Principal,
    /// The registered remote, where it is one.
    pub remote: Option<RemoteName>,
    /// What it cannot bear.
    pub quirks: Quirks,
    /// Whether the identity it offered was looked at.
    pub identified: Identified,
    /// Its place among the associations of its remote, for as long as someone holds it.
    pub place: Option<Arc<Place>>,
}

/// What a refusal is about, for the numbers that a door answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The caller is nobody we know.
    Caller,
    /// It did not show to be who it must be.
    Identity,
    /// It has as many associations as it may.
    Limit,
    /// It is welcome a little later.
    Moment,
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
         `causeway remote show {remote}`, and `causeway remote add {remote} … --address` sets them"
    )]
    Address {
        /// The remote with this AE title.
        remote: RemoteName,
        /// What the caller called itself.
        ae_title: AeTitle,
        /// Where it called from.
        address: IpAddr,
    },
    /// The remote has certificates of its own, and the caller showed none of them.
    #[error("remote {remote} ({ae_title}) is known by its certificate: {}", shown(remote, *connection))]
    Certificate {
        /// The remote with this AE title.
        remote: RemoteName,
        /// What the caller called itself.
        ae_title: AeTitle,
        /// What its connection showed.
        connection: Connection,
    },
    /// It did not show to be who it must be.
    #[error(
        "remote {remote} must show who it is {wanted}, as `causeway remote add {remote} … --user` set it; it offered \
         {offered}: {wrong}"
    )]
    Identity {
        /// The remote.
        remote: RemoteName,
        /// What it must show, for people.
        wanted: &'static str,
        /// What it offered, for people.
        offered: &'static str,
        /// What is wrong with that.
        wrong: Wrong,
    },
    /// Too many identities from its address were wrong of late.
    #[error(
        "remote {remote} showed too many wrong identities from {address} within a minute; it may try again when the \
         minute is over"
    )]
    Attempts {
        /// The remote.
        remote: RemoteName,
        /// Where it called from.
        address: IpAddr,
    },
    /// It has as many associations open as it may.
    #[error(
        "remote {remote} has {limit} associations open, as many as it may; \
         `causeway remote add {remote} … --associations N` allows more"
    )]
    Associations {
        /// The remote.
        remote: RemoteName,
        /// How many it may have.
        limit: u32,
    },
}

impl CallerRefused {
    /// What it is about.
    #[must_use]
    pub const fn about(&self) -> About {
        match self {
            Self::Unknown { .. } | Self::Address { .. } | Self::Certificate { .. } => About::Caller,
            Self::Identity { wrong: Wrong::Busy, .. } | Self::Attempts { .. } => About::Moment,
            Self::Identity { .. } => About::Identity,
            Self::Associations { .. } => About::Limit,
        }
    }
}

/// What a caller showed instead of its certificate, and what would help.
fn shown(remote: &RemoteName, connection: Connection) -> String {
    match connection {
        Connection::Plain => "it must call over TLS ([dimse.tls] listen) and present it".to_owned(),
        Connection::Tls(None) => "it called over TLS and presented none".to_owned(),
        Connection::Tls(Some(other)) => format!(
            "it presented another; if that is right, add it with `causeway remote add {remote} … --certificate \
             {other}`"
        ),
    }
}

impl Archive {
    /// Lets a DIMSE caller in, or not. A registered remote is itself when it calls from its addresses and shows one of
    /// its certificates, where it lists any; then it must show the identity that is asked of it, and have an association
    /// left. Anyone else must call from the loopback address, under a name that is not a remote's with certificates.
    ///
    /// # Errors
    /// Says in words why the caller is refused, and what would let it in.
    pub async fn admit(&self, knock: Knock<'_>) -> Result<Caller, CallerRefused> {
        let remotes = self.inner.remotes.snapshot();
        let Some(remote) = who(&remotes, knock.ae_title, knock.evidence)? else {
            return Ok(Caller {
                principal: Principal::local(),
                remote: None,
                quirks: Quirks::default(),
                identified: Identified::NotLookedAt,
                place: None,
            });
        };
        let identified = self.identify(remote, knock.evidence.address, knock.offered).await?;
        let Some(place) = self.inner.places.take(&remote.name, remote.associations) else {
            let limit = remote.associations.unwrap_or_default();
            return Err(CallerRefused::Associations { remote: remote.name.clone(), limit });
        };
        Ok(Caller {
            principal: Principal {
                name: remote.name.to_string(),
                credential: Credential::Remote,
                permissions: remote.allow.clone(),
                sight: remote.sight(),
            },
            remote: Some(remote.name.clone()),
            quirks: remote.quirks.clone(),
            identified,
            place: Some(Arc::new(place)),
        })
    }

    /// Holds what is offered against what the remote must show.
    async fn identify(
        &self,
        remote: &Remote,
        address: IpAddr,
        offered: Offered,
    ) -> Result<Identified, CallerRefused> {
        let Some(identity) = &remote.identity else { return Ok(Identified::NotLookedAt) };
        let now_seconds = self.inner.clock.now().as_second();
        if !self.inner.attempts.take(address, now_seconds) {
            return Err(CallerRefused::Attempts { remote: remote.name.clone(), address });
        }
        let words = offered.words();
        let found = self.inner.examiner.examine(identity, offered).await;
        if !matches!(found, Err(wrong) if wrong.is_a_guess()) {
            self.inner.attempts.forgive(address);
        }
        found.map_err(|wrong| CallerRefused::Identity {
            remote: remote.name.clone(),
            wanted: identity.proof.words(),
            offered: words,
            wrong,
        })
    }
}

/// Which of `remotes` is calling; none: someone on this very machine. Several may share an AE title, told apart by what
/// else they show.
fn who<'a>(
    remotes: &'a [Remote],
    ae_title: &AeTitle,
    evidence: Evidence,
) -> Result<Option<&'a Remote>, CallerRefused> {
    let Evidence { address, connection } = evidence;
    let address = address.to_canonical();
    let (mut elsewhere, mut unproven) = (None, None);
    let of_that_name = |remote: &&Remote| remote.dimse.as_ref().is_some_and(|it| it.ae_title == *ae_title);
    for remote in remotes.iter().filter(of_that_name) {
        if !remote.addresses.is_empty() && !remote.addresses.iter().any(|it| it.contains(address)) {
            elsewhere = Some(remote.name.clone());
        } else if !remote.certificates.is_empty() && !connection.shows_one_of(&remote.certificates) {
            unproven = Some(remote.name.clone());
        } else {
            return Ok(Some(remote));
        }
    }
    let ae_title = ae_title.clone();
    match (unproven, elsewhere) {
        (Some(remote), _) => Err(CallerRefused::Certificate { remote, ae_title, connection }),
        _ if address.is_loopback() => Ok(None),
        (None, Some(remote)) => Err(CallerRefused::Address { remote, ae_title, address }),
        (None, None) => Err(CallerRefused::Unknown { ae_title, address }),
    }
}

impl Connection {
    fn shows_one_of(self, certificates: &[Fingerprint]) -> bool {
        matches!(self, Self::Tls(Some(shown)) if certificates.contains(&shown))
    }
}

/// Lets the principal pass, or says what it lacks.
///
/// # Errors
/// When `permission` is not among the principal's.
pub fn allow(principal: &Principal, permission: Permission) -> Result<(), AccessError> {
    if principal.permissions.allow(permission) && suits(&principal.sight, permission) {
        Ok(())
    } else {
        let Principal { name, credential, .. } = principal;
        Err(AccessError { who: name.clone(), credential: *credential, permission })
    }
}

/// Whether someone with this sight may have the permission at all. An administrator sees queues and settings of
/// every study; the worklist tells of patients who have none yet, which is for a modality that sees its own.
fn suits(sight: &Sight, permission: Permission) -> bool {
    let Some(scope) = sight.scope() else { return true };
    match permission {
        Permission::Admin => false,
        Permission::Worklist => {
            scope.studies.is_empty() && scope.patients.is_empty() && !scope.remotes.is_empty()
        }
        Permission::Store
        | Permission::Query
        | Permission::Retrieve
        | Permission::Commit
        | Permission::Delete => true,
    }
}

/// Lets the principal pass, and says with which studies. Whoever looks into the catalog for it hands this on, so that
/// what is not seen is, for it, not there.
///
/// # Errors
/// When `permission` is not among the principal's.
pub(crate) fn sight(principal: &Principal, permission: Permission) -> Result<Sight, AccessError> {
    allow(principal, permission)?;
    Ok(principal.sight.clone())
}

impl Archive {
    /// Whether someone with this sight may add the instance: it would see it afterwards, and nothing that it does not
    /// see is added to or replaced.
    pub(crate) async fn may_place(
        &self,
        sight: &Sight,
        record: &InstanceRecord,
    ) -> Result<bool, CatalogError> {
        let Some(scope) = sight.scope() else { return Ok(true) };
        if !scope.sees(&record.ids.study, &record.patient, record.envelope.remote.as_ref()) {
            return Ok(false);
        }
        Ok(!self.inner.catalog.is_hidden(record.ids.clone(), sight.clone()).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use causeway_core::remote::DimseAddress;
    use causeway_core::{PatientKey, Scope};

    use super::*;

    const OWN: Fingerprint = Fingerprint([1; 32]);
    const OTHER: Fingerprint = Fingerprint([2; 32]);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

    fn remote(name: &str, certificates: &[Fingerprint], addresses: &[Ipv4Addr]) -> Remote {
        let ae_title = AeTitle::parse("CT1").unwrap();
        Remote {
            dimse: Some(DimseAddress { ae_title, host: None, port: None, tls: false }),
            certificates: certificates.to_vec(),
            addresses: addresses.iter().map(|address| IpAddr::V4(*address).into()).collect(),
            ..Remote::named(name.parse().unwrap())
        }
    }

    fn call(
        remotes: &[Remote],
        address: Ipv4Addr,
        connection: Connection,
    ) -> Result<Option<String>, CallerRefused> {
        let evidence = Evidence { address: address.into(), connection };
        let remote = who(remotes, &AeTitle::parse("CT1").unwrap(), evidence)?;
        Ok(remote.map(|remote| remote.name.to_string()))
    }

    #[test]
    fn a_remote_with_certificates_is_itself_only_with_one_of_them() {
        let remotes = [remote("ct1", &[OTHER, OWN], &[])];
        for address in [OUTSIDE, Ipv4Addr::LOCALHOST] {
            assert_eq!(call(&remotes, address, Connection::Tls(Some(OWN))), Ok(Some("ct1".to_owned())));
            for connection in
                [Connection::Plain, Connection::Tls(None), Connection::Tls(Some(Fingerprint([3; 32])))]
            {
                let refused = call(&remotes, address, connection).unwrap_err();
                assert!(matches!(refused, CallerRefused::Certificate { .. }), "{refused}");
            }
        }
        let words = call(&remotes, OUTSIDE, Connection::Plain).unwrap_err().to_string();
        assert!(words.contains("must call over TLS"), "{words}");
    }

    #[test]
    fn a_remote_without_certificates_needs_none_and_may_present_any() {
        let remotes = [remote("ct1", &[], &[])];
        for connection in [Connection::Plain, Connection::Tls(None), Connection::Tls(Some(OTHER))] {
            assert_eq!(call(&remotes, OUTSIDE, connection), Ok(Some("ct1".to_owned())));
        }
    }

    #[test]
    fn a_certificate_does_not_make_up_for_a_wrong_address() {
        let remotes = [remote("ct1", &[OWN], &[Ipv4Addr::new(10, 0, 0, 8)])];
        let refused = call(&remotes, OUTSIDE, Connection::Tls(Some(OWN))).unwrap_err();
        assert!(matches!(refused, CallerRefused::Address { .. }), "{refused}");
    }

    #[test]
    fn two_of_one_name_are_told_apart_by_their_certificates() {
        let remotes = [remote("one", &[OWN], &[]), remote("two", &[OTHER], &[])];
        assert_eq!(call(&remotes, OUTSIDE, Connection::Tls(Some(OTHER))), Ok(Some("two".to_owned())));
        assert_eq!(call(&remotes, OUTSIDE, Connection::Tls(Some(OWN))), Ok(Some("one".to_owned())));
    }

    #[test]
    fn who_is_confined_is_no_administrator_and_reads_a_worklist_only_as_a_modality() {
        let who = |scope: Option<Scope>| Principal { sight: scope.into(), ..Principal::local() };
        let own = who(Some(Scope::of_remote("ct1".parse().unwrap())));
        let patients = vec![PatientKey::parse("P1").unwrap()];
        let patient = who(Some(Scope { patients, ..Scope::of_remote("ct1".parse().unwrap()) }));
        let nothing = who(Some(Scope::default()));
        for (principal, admin, worklist) in
            [(who(None), true, true), (own, false, true), (patient, false, false), (nothing, false, false)]
        {
            assert_eq!(allow(&principal, Permission::Admin).is_ok(), admin, "{principal:?}");
            assert_eq!(allow(&principal, Permission::Worklist).is_ok(), worklist, "{principal:?}");
            assert!(allow(&principal, Permission::Delete).is_ok());
        }
    }

    #[test]
    fn a_stranger_is_let_in_from_this_machine_alone() {
        assert_eq!(call(&[], Ipv4Addr::LOCALHOST, Connection::Plain), Ok(None));
        let refused = call(&[], OUTSIDE, Connection::Tls(Some(OWN))).unwrap_err();
        assert!(matches!(refused, CallerRefused::Unknown { .. }), "{refused}");
    }
}
