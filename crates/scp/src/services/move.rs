//! C-MOVE (PS3.4 §C.4.2): instances go to a registered remote as C-STORE sub-operations, over as many associations as it
//! takes, with a pending answer after each.

use std::sync::Arc;
use std::time::Duration;

use causeway_archive::{Passage, Throttle};
use causeway_core::{AeTitle, Remote, RemoteName, Status, StoredInstance};
use causeway_dimse::message::CMoveRq;
use causeway_dimse::scu::{Call, Convoy, Settled, Terms, WhenBroken};
use causeway_dimse::{Association, Context, Error};

use super::Stream;
use super::retrieval::{Asked, Refused, Retrieval, instances, read};
use super::suboperations::{Sending, SubOperation};
use crate::door::{Door, Visitor};

/// How long the destination may take to take up the connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Failures of the destination in a row, with no answer between them, before what is left is given up.
const SETBACKS: u32 = 3;
/// Time between two looks for a cancel while nothing arrives.
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_millis(200);

pub(super) async fn handle<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    context: &Context,
    request: &CMoveRq,
) -> Result<(), Error> {
    let asked = Asked::Move(request);
    let found = match read(association, context, asked).await? {
        Ok(selection) => match call(door, visitor, request) {
            Ok(called) => {
                instances(door, visitor, asked, &selection).await.map(|instances| (called, instances))
            }
            Err(refused) => Err(refused),
        },
        Err(refused) => Err(refused),
    };
    let (Called { call, passage, throttle }, instances) = match found {
        Ok(found) => found,
        Err(refused) => return association.send(context.id, &asked.command(*refused), None).await,
    };
    let sending = Sending {
        archive: door.archive.clone(),
        passage,
        priority: asked.priority(),
        originator: Some((visitor.ae_title.clone(), asked.message_id())),
        throttle: Some(throttle),
    };
    let mut retrieval = Retrieval::new(asked, context, instances.len());
    let terms = Terms {
        lines: door.config.move_associations as usize,
        lines_far: door.config.move_associations as usize,
        when_broken: WhenBroken::Fail,
        setbacks: SETBACKS,
        operations: u16::try_from(door.config.operations).unwrap_or(u16::MAX),
        spare: Arc::clone(&door.spare),
        reach: Arc::default(),
    };
    let mut convoy = Convoy::new(call, terms);
    convoy.load(operations(sending, instances));
    let sent = send(association, context, asked, &mut retrieval, &mut convoy).await;
    // Whatever became of the caller: what is on its way arrives.
    convoy.close().await;
    sent?;
    let (last, list) = retrieval.last(visitor);
    association.send(context.id, &last, list.as_deref()).await
}

fn operations(sending: Sending, instances: Vec<StoredInstance>) -> impl Iterator<Item = SubOperation> {
    let sending = Arc::new(sending);
    instances.into_iter().map(move |instance| SubOperation { sending: Arc::clone(&sending), instance })
}

/// Hears of each sub-operation and tells the caller, until all are decided; looks for a cancel meanwhile.
async fn send<S: Stream>(
    association: &mut Association<S>,
    context: &Context,
    asked: Asked<'_>,
    retrieval: &mut Retrieval<'_>,
    convoy: &mut Convoy<SubOperation>,
) -> Result<(), Error> {
    let mut cancelled = false;
    loop {
        // Nothing is lost of a convoy that is not listened to for a moment.
        let settled = tokio::select! {
            settled = convoy.next() => settled,
            () = tokio::time::sleep(PAUSE_BETWEEN_LOOKS) => {
                cancelled = cancelled || look(association, asked, convoy)?;
                continue;
            }
        };
        let Some(Settled { cargo, fate }) = settled else { return Ok(()) };
        retrieval.settle(&cargo.instance.ids.instance, (&fate).into());
        cancelled = cancelled || look(association, asked, convoy)?;
        if !cancelled && retrieval.goes_on() {
            association.send(context.id, &retrieval.pending(), None).await?;
        }
    }
}

/// Whether the caller has cancelled; the convoy is stopped then.
fn look<S: Stream>(
    association: &mut Association<S>,
    asked: Asked<'_>,
    convoy: &mut Convoy<SubOperation>,
) -> Result<bool, Error> {
    let cancelled = association.try_cancelled(asked.message_id())?;
    if cancelled {
        convoy.stop();
    }
    Ok(cancelled)
}

/// How the destination is called and given instances.
struct Called {
    call: Call,
    passage: Passage,
    throttle: Throttle,
}

/// The same, if there is a destination and the caller may name it.
fn call(door: &Door, visitor: &Visitor, request: &CMoveRq) -> Result<Called, Refused> {
    let named = &request.destination;
    let calling = &visitor.ae_title;
    let refuse = |words: &str| Asked::Move(request).refuse(Status::MOVE_DESTINATION_UNKNOWN, words);
    let remotes = door.archive.remotes();
    let Some(destination) = callable(&remotes, named) else {
        tracing::warn!(
            %calling, destination = %named,
            "a C-MOVE to an unknown destination; register it with `causeway remote add NAME --ae-title {named} --host … \
             --port …`"
        );
        return Err(refuse("no remote with this AE title and a host"));
    };
    let caller = visitor.caller.remote.as_ref().and_then(|name| remotes.iter().find(|it| it.name == *name));
    if let Some(caller) = caller
        && !may_move(&caller.destinations, &destination.name)
    {
        let allowed: Vec<&str> = caller.destinations.iter().map(RemoteName::as_str).collect();
        let words =
            format!("{} may not move to {}; allowed: {}", caller.name, destination.name, allowed.join(", "));
        tracing::warn!(
            %calling, destination = %named,
            "refused: {words}; give {} `--destination {}` as well to change that", caller.name, destination.name
        );
        return Err(refuse(&words));
    }
    let passage = door.archive.passage(destination).map_err(|error| refuse(&error.to_string()))?;
    let security = door.tls.towards(destination);
    Call::to(destination, &door.ae_title, security, door.config.settings(), CONNECT)
        .map(|call| Called { call, passage, throttle: door.archive.throttle(destination) })
        .ok_or_else(|| refuse("the destination has no host and port"))
}

/// The remote with this AE title that can be called.
fn callable<'a>(remotes: &'a [Remote], ae_title: &AeTitle) -> Option<&'a Remote> {
    remotes.iter().find(|remote| remote.dimse_peer().is_some_and(|(called, ..)| called == ae_title))
}

/// Whether a caller with these destinations may name this one; none: it may name any.
fn may_move(destinations: &[RemoteName], to: &RemoteName) -> bool {
    destinations.is_empty() || destinations.contains(to)
}

#[cfg(test)]
mod tests {
    use causeway_core::remote::DimseAddress;

    use super::*;

    #[test]
    fn a_caller_moves_to_those_it_is_given_or_to_any_when_none_is() {
        let name = |text: &str| text.parse::<RemoteName>().unwrap();
        assert!(may_move(&[], &name("reader")));
        assert!(may_move(&[name("pacs"), name("reader")], &name("reader")));
        assert!(!may_move(&[name("pacs")], &name("reader")));
    }

    #[test]
    fn a_destination_can_be_called_or_is_none() {
        let title = AeTitle::parse("READER").unwrap();
        let remote = |name: &str, port| {
            let dimse =
                DimseAddress { ae_title: title.clone(), host: Some("reader".to_owned()), port, tls: false };
            Remote { dimse: Some(dimse), ..Remote::named(name.parse().unwrap()) }
        };
        let remotes =
            [Remote::named("web".parse().unwrap()), remote("calls", None), remote("reader", Some(104))];
        assert_eq!(callable(&remotes, &title).unwrap().name.as_str(), "reader");
        assert!(callable(&remotes[..2], &title).is_none());
    }
}
