//! C-GET (PS3.4 §C.4.3): instances go to the caller on the association that it asks by, as C-STORE sub-operations, with
//! a pending answer after each.

use std::sync::Arc;

use causeway_archive::Passage;
use causeway_core::{StoredInstance, Uid};
use causeway_dimse::message::CGetRq;
use causeway_dimse::scu::{Ahead, Cargo as _};
use causeway_dimse::{Association, Context, Error};
use tokio::sync::OwnedSemaphorePermit;

use super::Stream;
use super::retrieval::{Asked, Retrieval, instances, read};
use super::suboperations::{ObjectBody, Sending, Sent, SubOperation};
use crate::door::{Door, Visitor};

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CGetRq,
) -> Result<(), Error> {
    let asked = Asked::Get(request);
    let found = match read(association, context, asked).await? {
        Ok(selection) => instances(door, visitor, asked, &selection).await,
        Err(refused) => Err(refused),
    };
    let instances = match found {
        Ok(instances) => instances,
        Err(refused) => return association.send(context.id, &asked.command(*refused), None).await,
    };
    let sending = Sending {
        archive: door.archive.clone(),
        // Who comes for instances has been let in to them.
        passage: Passage::unchanged(),
        priority: asked.priority(),
        originator: None,
        throttle: None,
    };
    let mut retrieval = Retrieval::new(asked, context, instances.len());
    give(door, association, context, asked, &mut retrieval, Arc::new(sending), instances).await?;
    let (last, list) = retrieval.last(visitor);
    association.send(context.id, &last, list.as_deref()).await
}

/// Gives one after the other, until all are given or the caller cancels.
async fn give<S: Stream>(
    door: &Door,
    association: &mut Association<S>,
    context: &Context,
    asked: Asked<'_>,
    retrieval: &mut Retrieval<'_>,
    sending: Arc<Sending>,
    instances: Vec<StoredInstance>,
) -> Result<(), Error> {
    let to_send = |instance| SubOperation { sending: Arc::clone(&sending), instance };
    let mut rest = instances.into_iter().map(to_send);
    let mut next = rest.next();
    let mut opened = None;
    while let Some(operation) = next {
        if association.try_cancelled(asked.message_id())? {
            return Ok(());
        }
        next = rest.next();
        let instance = &operation.instance.ids.instance;
        let ready = match opened.take() {
            Some(ready) => ready,
            None => open(&operation, way(association, &operation)).await,
        };
        let sent = match ready {
            Ok(Ready { context, body, place }) => {
                drop(place);
                let ahead = next.as_ref().and_then(|next| ahead(door, association, next));
                let opening = async {
                    let (operation, way, place) = ahead?;
                    Some(open(operation, way).await.map(|ready| Ready { place: Some(place), ..ready }))
                };
                let storing = association.store(context, operation.request(), body);
                let (answered, ahead) = tokio::join!(storing, opening);
                opened = ahead;
                Sent::from(&answered?)
            }
            Err(error) => Sent::Failed(error.to_string()),
        };
        retrieval.settle(instance, sent);
        if retrieval.goes_on() {
            // Written together with what follows, which is a sub-operation or the last answer.
            association.feed(context.id, &retrieval.pending(), None).await?;
        }
    }
    Ok(())
}

/// On which context an instance goes, and in which transfer syntax.
type Way = (u8, Uid);

/// An instance that can be given now.
struct Ready {
    context: u8,
    body: Ahead<ObjectBody>,
    /// Its place in memory, until it is the one that is sent.
    place: Option<OwnedSemaphorePermit>,
}

fn way<S: Stream>(association: &Association<S>, operation: &SubOperation) -> Result<Way, Error> {
    association.context_for(&operation.pair())
}

async fn open(operation: &SubOperation, way: Result<Way, Error>) -> Result<Ready, Error> {
    let (context, transfer_syntax) = way?;
    Ok(Ready { context, body: operation.open_ahead(transfer_syntax).await?, place: None })
}

/// The next instance, to be opened while one is on the wire, when there is a place for it.
fn ahead<'a, S: Stream>(
    door: &Door,
    association: &Association<S>,
    next: &'a SubOperation,
) -> Option<(&'a SubOperation, Result<Way, Error>, OwnedSemaphorePermit)> {
    let place = Arc::clone(&door.spare).try_acquire_owned().ok()?;
    Some((next, way(association, next), place))
}
