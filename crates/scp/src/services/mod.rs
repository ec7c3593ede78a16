//! The services of an association: which file answers which message.

mod commitment;
mod echo;
mod find;
mod get;
mod r#move;
mod normalized;
mod overlap;
mod performed;
mod retrieval;
mod store;
mod suboperations;
mod worklist;

use causeway_core::transfer_syntax::Layout;
use causeway_core::{Status, sop_class};
use causeway_dimse::{Association, Command, Error, Message};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use self::commitment::Results;
use crate::door::{Door, Visitor};

/// Any stream an association can run over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How an association came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer released it.
    Released,
    /// The node stops.
    Stopped,
}

/// Answers message after message until the peer releases, fails, or the node stops.
pub(crate) async fn serve<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    mut stopped: watch::Receiver<bool>,
) -> Result<End, Error> {
    let mut results = Results::new(door, visitor, association).await;
    let ended = match overlap::operations(association.agreement()) {
        Some(operations) => {
            overlap::serve(door, visitor, association, &mut results, operations, &mut stopped).await
        }
        None => one_by_one(door, visitor, association, &mut results, &mut stopped).await,
    };
    results.release().await;
    ended
}

async fn one_by_one<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    results: &mut Results<'_>,
    stopped: &mut watch::Receiver<bool>,
) -> Result<End, Error> {
    loop {
        // Cancel-safe: a message that has begun to arrive is not lost when the node is told to stop between polls, or
        // has something to tell.
        let message = tokio::select! {
            message = association.next() => message?,
            () = results.ready() => {
                results.tell(association).await?;
                continue;
            }
            () = stopping(stopped) => return Ok(End::Stopped),
        };
        let Some(message) = message else { return Ok(End::Released) };
        answer(door, visitor, association, results, message).await?;
    }
}

/// Completes when the node stops.
async fn stopping(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone is a node that is gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn answer<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    results: &mut Results<'_>,
    message: Message,
) -> Result<(), Error> {
    results.heard();
    let Message { context, command, has_data_set } = message;
    match command {
        Command::CEchoRq(request) => echo::handle(association, &context, &request).await,
        Command::CStoreRq(request) if has_data_set => {
            store::handle(door, visitor, association, &context, &request).await
        }
        Command::CFindRq(request)
            if has_data_set && context.abstract_syntax.as_str() == sop_class::MODALITY_WORKLIST_FIND =>
        {
            worklist::handle(door, visitor, association, &context, &request).await
        }
        Command::CFindRq(request) if has_data_set => {
            find::handle(door, visitor, association, &context, &request).await
        }
        Command::CMoveRq(request) if has_data_set => {
            r#move::handle(door, visitor, association, &context, &request).await
        }
        Command::NRq(request) => {
            let request = normalized::Request { context: &context, asked: &request, has_data_set };
            normalized::handle(door, visitor, association, results, request).await
        }
        Command::NRsp(response) => {
            association.responded(response.message_id_responded);
            results.answered(&response).await;
            Ok(())
        }
        Command::CGetRq(request) if has_data_set => {
            get::handle(door, visitor, association, &context, &request).await
        }
        // What it would cancel is answered already (PS3.7 §9.3.2.3).
        Command::CCancelRq(_) => Ok(()),
        command => {
            let misses = matches!(
                command,
                Command::CStoreRq(_) | Command::CFindRq(_) | Command::CMoveRq(_) | Command::CGetRq(_)
            );
            let status = if misses { Status::MISTYPED_ARGUMENT } else { Status::UNRECOGNIZED_OPERATION };
            match command.refuse(status) {
                Some(refusal) => association.send(context.id, &refusal, None).await,
                None => Ok(()),
            }
        }
    }
}

/// How the data sets of a context are laid out.
fn layout(context: &causeway_dimse::Context) -> Layout {
    Layout::of(&context.transfer_syntax)
}
