//! The call of a remote: the one place where what is known of a remote becomes what it is called with, its quirks
//! included.

use std::borrow::Cow;
use std::time::Duration;

use causeway_core::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{AeTitle, Quirk, Remote, Uid};
use causeway_tls::Security;

use super::{Call, Known, Offers, Pair, WantedContext, credentials, plan};
use crate::error::Error;
use crate::negotiation::{Role, Window};
use crate::timeouts::{SMALL_PDU_BYTES, Settings};

impl Call {
    /// The call of `remote` by `calling`, without contexts yet. None for a remote that has no host and port: it calls
    /// us, we never call it.
    #[must_use]
    pub fn to(
        remote: &Remote,
        calling: &AeTitle,
        security: Security,
        settings: Settings,
        connect_timeout: Duration,
    ) -> Option<Self> {
        let (called, host, port) = remote.dimse_peer()?;
        let small = remote.quirks.has(Quirk::SmallPdus);
        Some(Self {
            host: host.to_owned(),
            port,
            security,
            calling: calling.clone(),
            called: called.clone(),
            contexts: Vec::new(),
            offers: Offers::default(),
            credentials: remote.credentials.clone(),
            quirks: remote.quirks.clone(),
            known: Known::default(),
            settings: if small { settings.within(SMALL_PDU_BYTES) } else { settings },
            connect_timeout,
        })
    }

    /// The same call for these contexts, as far as the peer bears them.
    #[must_use]
    pub fn with_contexts(&self, mut contexts: Vec<WantedContext>) -> Self {
        if self.quirks.has(Quirk::ImplicitOnly) {
            for context in &mut contexts {
                context.transfer_syntaxes.retain(|syntax| syntax.as_str() == IMPLICIT_VR_LITTLE_ENDIAN);
            }
            contexts.retain(|context| !context.transfer_syntaxes.is_empty());
        }
        Self { contexts, ..self.clone() }
    }

    /// The same call, with up to `operations` stores at once offered, where that is more than one. Of the peer's own
    /// operations none is served.
    pub(super) fn with_window(mut self, operations: u16) -> Self {
        self.offers.window = (operations > 1).then_some(Window { invoked: operations, performed: 1 });
        self
    }

    /// The contexts to propose for instances that are to be sent.
    pub(super) fn plan(&self, pairs: &[Pair]) -> Vec<WantedContext> {
        match Uid::parse(IMPLICIT_VR_LITTLE_ENDIAN) {
            Ok(implicit) if self.quirks.has(Quirk::ImplicitOnly) => {
                let relaid: Vec<Pair> =
                    pairs.iter().map(|(sop_class, _)| (sop_class.clone(), implicit.clone())).collect();
                // The plan would offer explicit VR beside it.
                let bears = |context: &WantedContext| context.transfer_syntaxes.first() == Some(&implicit);
                plan(&relaid).into_iter().filter(bears).collect()
            }
            _ => self.known.shorten(plan(pairs)),
        }
    }

    /// What is offered beside the contexts, as far as the peer bears it, and who we are.
    ///
    /// # Errors
    /// [`Error::Credentials`] when it cannot be read who we are.
    pub(super) fn offers_to_make(&self) -> Result<Cow<'_, Offers>, Error> {
        let mut offers = Cow::Borrowed(&self.offers);
        if self.quirks.has(Quirk::NoRoleSelection) {
            offers.to_mut().roles.clear();
        }
        if let Some(credentials) = &self.credentials {
            offers.to_mut().identity = Some(credentials::identity(credentials).map_err(Error::Credentials)?);
        }
        Ok(offers)
    }
}

impl Offers {
    /// The role of an SCP for these SOP classes, so that the peer may give us instances of them (PS3.4 §C.5.3).
    #[must_use]
    pub fn to_be_given<'a>(sop_classes: impl IntoIterator<Item = &'a Uid>) -> Self {
        let role = |sop_class: &Uid| Role { sop_class: sop_class.clone(), user: false, provider: true };
        Self { roles: sop_classes.into_iter().map(role).collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::Credentials;
    use causeway_core::remote::DimseAddress;
    use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;

    use super::*;

    fn remote(quirks: &[Quirk]) -> Remote {
        let dimse = DimseAddress {
            ae_title: AeTitle::parse("READER").unwrap(),
            host: Some("reader.example.org".to_owned()),
            port: Some(11112),
            tls: false,
        };
        let quirks = quirks.iter().copied().collect();
        Remote { dimse: Some(dimse), quirks, ..Remote::named("reader".parse().unwrap()) }
    }

    fn call(quirks: &[Quirk]) -> Call {
        let calling = AeTitle::parse("CAUSEWAY").unwrap();
        Call::to(&remote(quirks), &calling, Security::PLAIN, Settings::default(), Duration::from_secs(1))
            .unwrap()
    }

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    #[test]
    fn a_remote_that_only_calls_us_is_not_called() {
        let calling = AeTitle::parse("CAUSEWAY").unwrap();
        let mut remote = remote(&[]);
        remote.dimse.as_mut().unwrap().port = None;
        assert!(Call::to(&remote, &calling, Security::PLAIN, Settings::default(), Duration::ZERO).is_none());
    }

    #[test]
    fn small_pdus_bound_both_directions_and_nothing_else() {
        let (usual, small) = (call(&[]).settings, call(&[Quirk::SmallPdus]).settings);
        assert_eq!(usual, Settings::default());
        assert_eq!((small.max_pdu, small.max_sent_pdu), (16_384, 16_384));
        assert_eq!(small.timeouts, usual.timeouts);
    }

    #[test]
    fn implicit_only_proposes_nothing_else_whatever_is_stored() {
        let pairs = [
            (uid("1.1"), uid(EXPLICIT_VR_LITTLE_ENDIAN)),
            (uid("1.1"), uid("1.2.840.10008.1.2.4.70")),
            (uid("1.2"), uid("1.2.840.10008.1.2.4.70")),
        ];
        let planned = call(&[Quirk::ImplicitOnly]).plan(&pairs);
        assert_eq!(planned.len(), 2);
        assert!(planned.iter().all(|context| context.transfer_syntaxes == [uid(IMPLICIT_VR_LITTLE_ENDIAN)]));
        assert!(call(&[]).plan(&pairs).len() > 2);
    }

    #[test]
    fn contexts_of_any_service_are_implicit_where_the_peer_bears_nothing_else() {
        let context = |syntaxes: &[&str]| WantedContext {
            abstract_syntax: uid("1.1"),
            transfer_syntaxes: syntaxes.iter().map(|text| uid(text)).collect(),
        };
        let contexts = vec![
            context(&[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]),
            context(&["1.2.840.10008.1.2.4.70"]),
        ];
        assert_eq!(call(&[]).with_contexts(contexts.clone()).contexts, contexts);
        let borne = call(&[Quirk::ImplicitOnly]).with_contexts(contexts).contexts;
        assert_eq!(borne, [context(&[IMPLICIT_VR_LITTLE_ENDIAN])]);
    }

    #[test]
    fn no_roles_are_offered_to_a_peer_that_does_not_bear_them() {
        let offers = Offers::to_be_given([&uid("1.1")]);
        let with = |quirks: &[Quirk]| Call { offers: offers.clone(), ..call(quirks) };
        assert_eq!(*with(&[]).offers_to_make().unwrap(), offers);
        assert!(with(&[Quirk::NoRoleSelection]).offers_to_make().unwrap().roles.is_empty());
    }

    #[test]
    fn who_we_are_is_read_when_the_call_is_made_and_a_window_of_one_is_not_offered() {
        let user = Credentials::User { name: "us".parse().unwrap(), passcode_file: None };
        let named = Call { credentials: Some(user), ..call(&[]) }.with_window(8);
        let offers = named.offers_to_make().unwrap();
        assert_eq!(offers.identity.as_ref().map(|identity| identity.primary.as_slice()), Some(&b"us"[..]));
        assert_eq!(offers.window, Some(Window { invoked: 8, performed: 1 }));
        assert_eq!(named.with_window(1).offers.window, None);
        let missing = Credentials::Token { file: "/none/such".to_owned() };
        let unreadable = Call { credentials: Some(missing), ..call(&[]) };
        assert!(matches!(unreadable.offers_to_make(), Err(Error::Credentials(_))));
    }
}
