//! The C-STORE sub-operations of a retrieval (PS3.4 §C.4.2.2.1): a line to the destination, and what became of each
//! instance.

use std::time::Duration;

use bytes::Bytes;
use causeway_archive::{Archive, Object, Wanted};
use causeway_core::{AeTitle, Remote, StoredInstance, status};
use causeway_dimse::scu::{self, Call, Courier, Offers, StoreRequest};
use causeway_dimse::{BodyError, Settings};
use causeway_tls::Security;

/// How long the destination may take to take up the connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What became of one sub-operation.
pub(super) enum Sent {
    Done,
    DoneWithWarning,
    /// With a reason.
    Failed(String),
}

/// The sub-operations of one retrieval.
pub(super) struct SubOperations {
    archive: Archive,
    courier: Option<Courier>,
    originator: (AeTitle, u16),
    /// Why the destination cannot be reached; nothing more is tried then.
    hopeless: Option<String>,
}

impl SubOperations {
    pub(super) fn new(
        archive: Archive,
        calling: &AeTitle,
        settings: Settings,
        security: Security,
        remote: &Remote,
        originator: (AeTitle, u16),
    ) -> Self {
        let offers = Offers::for_requests(remote);
        let hopeless = offers.as_ref().err().map(|error| format!("who we are cannot be read: {error}"));
        let courier = remote.dimse_peer().map(|(called, host, port)| {
            Courier::new(Call {
                host: host.to_owned(),
                port,
                security,
                calling: calling.clone(),
                called: called.clone(),
                contexts: Vec::new(),
                offers: offers.unwrap_or_default(),
                settings,
                connect_timeout: CONNECT,
            })
        });
        Self { archive, courier, originator, hopeless }
    }

    /// Sends `instance`; `next` are those to come, so that one association serves them all.
    pub(super) async fn send(&mut self, instance: &StoredInstance, next: &[StoredInstance]) -> Sent {
        if let Some(why) = &self.hopeless {
            return Sent::Failed(why.clone());
        }
        let Some(courier) = &mut self.courier else {
            return Sent::Failed("the destination has no host and port".to_owned());
        };
        if let Err(error) = courier.open_for(&instance.pair(), next.iter().map(StoredInstance::pair)).await {
            let why = error.to_string();
            self.hopeless = Some(why.clone());
            return Sent::Failed(why);
        }
        let mut request = StoreRequest::new(instance.sop_class.clone(), instance.ids.instance.clone());
        request.move_originator = Some(self.originator.clone());
        store(&self.archive, courier, instance, request).await.unwrap_or_else(Sent::Failed)
    }

    pub(super) async fn close(&mut self) {
        if let Some(courier) = &mut self.courier {
            courier.hang_up().await;
        }
    }
}

async fn store(
    archive: &Archive,
    courier: &mut Courier,
    instance: &StoredInstance,
    request: StoreRequest,
) -> Result<Sent, String> {
    let (context, wanted) = courier.context_for(&instance.pair()).map_err(|error| error.to_string())?;
    let object = archive.open_instance(instance, &Wanted::OneOf(vec![wanted])).await;
    let body = ObjectBody(object.map_err(|error| error.to_string())?);
    let response = courier.store(context, request, body).await.map_err(|error| error.to_string())?;
    Ok(match response.status.outcome() {
        status::Outcome::Success => Sent::Done,
        status::Outcome::Warning => Sent::DoneWithWarning,
        _ => Sent::Failed(format!("the destination answered {}", response.status)),
    })
}

/// The archive's object as the body of a C-STORE.
struct ObjectBody(Object);

impl scu::Body for ObjectBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.chunk().await.map_err(Into::into)
    }
}
