//! C-GET: asking the peer for instances, which it gives on the same association (PS3.7 §9.1.3, PS3.4 §C.4.3.2).

use std::future::pending;

use bytes::Bytes;
use causeway_core::status::Outcome;
use causeway_core::transfer_syntax::{
    self, Compression, EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
};
use causeway_core::{Class, Status, Uid};
use tokio::io::{AsyncRead, AsyncWrite};

use super::stop::Stop;
use super::{MAX_CONTEXTS, Requestor, Response, Retrieved, WantedContext, Wish};
use crate::association::driver::Driver;
use crate::association::{Context, Message};
use crate::error::{Error, Wait};
use crate::message::{CGetRq, CStoreRq, CStoreRsp, Command, Priority, Progress};

/// Most requests of the peer, other than instances, that are refused during one C-GET.
const MAX_FOREIGN_REQUESTS: usize = 64;

/// Which instances are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetRequest {
    /// The information model.
    pub sop_class: Uid,
    /// The keys, encoded in the transfer syntax of the context.
    pub identifier: Vec<u8>,
}

/// Who keeps what a C-GET brings: the SCP of its C-STORE sub-operations.
pub trait Keeper: Send {
    /// Keeps one instance. What is returned is told to the peer, so what it says must be true by then. What is left
    /// unread of the data set is skipped.
    fn keep<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        request: &CStoreRq,
        given: &mut Given<'_, S>,
    ) -> impl Future<Output = Response> + Send;

    /// Hears how far the peer says it is; not every peer says it.
    fn hear(&mut self, progress: &Progress) {
        let _ = progress;
    }

    /// Asked after each instance and each word of the peer.
    fn wish(&mut self) -> Wish {
        Wish::More
    }

    /// Completes when the peer is to be asked to stop, also while it is silent; dropped and called again between
    /// messages.
    fn stopped(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// The data set of an instance that the peer gives.
pub struct Given<'a, S> {
    driver: &'a mut Driver<S>,
    context: &'a Context,
    broken: Option<Error>,
}

/// The association broke in the middle of a data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct BrokenOff {
    /// What happened.
    pub words: String,
    /// What it calls for.
    pub class: Class,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Given<'_, S> {
    /// The context it comes on, and so its transfer syntax.
    #[must_use]
    pub const fn context(&self) -> &Context {
        self.context
    }

    /// The next slice of the data set; none at its end.
    ///
    /// # Errors
    /// When the association broke; the C-GET fails with it.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BrokenOff> {
        self.driver.chunk().await.map_err(|error| {
            let broken = BrokenOff { words: error.to_string(), class: error.class() };
            self.broken = Some(error);
            broken
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Requestor<S> {
    /// Asks for instances; `keeper` is given each as it comes. The association must have been offered
    /// [`Offers::to_be_given`](super::Offers::to_be_given) the SOP classes that are to come, with contexts for them
    /// ([`contexts_to_be_given`]).
    ///
    /// # Errors
    /// When the peer aborts, leaves, breaks the protocol, does not answer or does not heed a cancel.
    pub async fn get(
        &mut self,
        context: u8,
        request: GetRequest,
        keeper: &mut impl Keeper,
    ) -> Result<Retrieved, Error> {
        let message_id = self.driver.next_message_id();
        let GetRequest { sop_class, identifier } = request;
        let command = Command::CGetRq(CGetRq { message_id, sop_class, priority: Priority::default() });
        self.driver.ask(context, &command, Some(&identifier)).await?;
        let (mut stop, mut foreign) = (Stop::new(context, message_id), 0_usize);
        loop {
            stop.attend(&mut self.driver, keeper.stopped()).await?;
            let Some(next) = stop.within(self.driver.next()).await else {
                return Err(self.driver.overdue(Wait::Cancel).await);
            };
            let Some(message) = next? else { return Err(Error::Closed) };
            let Message { context: on, command, has_data_set } = message;
            match command {
                Command::CGetRsp(rsp) if rsp.message_id_responded == message_id => {
                    if rsp.status.outcome() != Outcome::Pending {
                        let identifier =
                            if has_data_set { Some(self.driver.identifier().await?) } else { None };
                        return Ok(Retrieved::new(rsp, identifier));
                    }
                    keeper.hear(&rsp.progress);
                }
                Command::CStoreRq(request) if has_data_set => {
                    take(&mut self.driver, &on, &request, keeper).await?;
                }
                command if command.field().is_response() => return Err(self.driver.wrong_answer().await),
                command => {
                    foreign += 1;
                    if foreign > MAX_FOREIGN_REQUESTS {
                        return Err(self.driver.broke("requests instead of an answer").await);
                    }
                    if let Some(refusal) = command.refuse(Status::UNRECOGNIZED_OPERATION) {
                        self.driver.ask(on.id, &refusal, None).await?;
                    }
                }
            }
            if keeper.wish() == Wish::Cancel {
                stop.ask(&mut self.driver).await?;
            }
        }
    }
}

/// One sub-operation: the instance, and our answer to it.
async fn take<S: AsyncRead + AsyncWrite + Unpin + Send>(
    driver: &mut Driver<S>,
    context: &Context,
    request: &CStoreRq,
    keeper: &mut impl Keeper,
) -> Result<(), Error> {
    let response = if request.sop_class == context.abstract_syntax {
        let mut given = Given { driver: &mut *driver, context, broken: None };
        let response = keeper.keep(request, &mut given).await;
        if let Some(error) = given.broken {
            return Err(error);
        }
        response
    } else {
        let comment = Some("SOP class is not that of the presentation context".to_owned());
        Response { status: Status::SOP_CLASS_NOT_SUPPORTED, comment }
    };
    while driver.chunk().await?.is_some() {}
    let answer = CStoreRsp { comment: response.comment, ..request.answer(response.status) };
    driver.ask(context.id, &Command::CStoreRsp(answer), None).await
}

/// Contexts for a C-GET by `model` that is to bring instances of these SOP classes: for each a context in which
/// everything can be had without compression, then, as far as there is room, one for each encoding that pixels may be
/// kept in, so that the peer can give an instance as it has it. Classes beyond the number of contexts are left out.
#[must_use]
pub fn contexts_to_be_given(model: &Uid, sop_classes: &[Uid]) -> Vec<WantedContext> {
    let plain: Vec<Uid> = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]
        .iter()
        .filter_map(|text| Uid::parse(text).ok())
        .collect();
    let context = |abstract_syntax: &Uid, transfer_syntaxes: &[Uid]| WantedContext {
        abstract_syntax: abstract_syntax.clone(),
        transfer_syntaxes: transfer_syntaxes.to_vec(),
    };
    let mut contexts = vec![context(model, &plain)];
    contexts.extend(sop_classes.iter().map(|sop_class| context(sop_class, &plain)));
    let compressed = transfer_syntax::ALL.iter().filter(|syntax| syntax.compression != Compression::None);
    for syntax in compressed.filter_map(|syntax| Uid::parse(syntax.uid).ok()) {
        contexts
            .extend(sop_classes.iter().map(|sop_class| context(sop_class, std::slice::from_ref(&syntax))));
    }
    contexts.truncate(MAX_CONTEXTS);
    contexts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_can_be_given_plainly_and_as_it_is_kept_while_there_is_room() {
        let model = Uid::parse(causeway_core::sop_class::STUDY_ROOT_GET).unwrap();
        for (classes, contexts) in [(0, 1), (1, 0), (2, 0), (126, 128), (127, 128), (200, 128)] {
            let classes: Vec<Uid> = (0..classes).map(|n| Uid::parse(&format!("1.2.{n}")).unwrap()).collect();
            let planned = contexts_to_be_given(&model, &classes);
            assert!(planned.len() <= MAX_CONTEXTS);
            assert!(contexts == 0 || planned.len() == contexts, "{}", planned.len());
            assert_eq!(planned[0].abstract_syntax, model);
            for (context, class) in planned[1..].iter().zip(&classes) {
                assert_eq!((&context.abstract_syntax, context.transfer_syntaxes.len()), (class, 2));
            }
        }
        let one = contexts_to_be_given(&model, &[Uid::parse("1.2").unwrap()]);
        let offers = |uid: &str| one.iter().any(|context| context.transfer_syntaxes[0].as_str() == uid);
        assert!(offers("1.2.840.10008.1.2.4.50") && offers("1.2.840.10008.1.2.5"));
    }
}
