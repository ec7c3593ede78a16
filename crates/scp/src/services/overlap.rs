//! C-STORE operations that overlap, where a window was negotiated (PS3.7 §D.3.3.3): while one instance is made durable
//! the next is read, and each is answered when it is safe, in whatever order.
//!
//! Bodies come in turn, since they share a connection. Any other operation waits until all stores are answered.

use bytes::Bytes;
use causeway_archive::{Accepted, Body, BodyError, IngestError};
use causeway_dimse::message::CStoreRq;
use causeway_dimse::{Agreement, Association, Command, Context, Error, Message};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::commitment::Results;
use super::{End, Stream, store};
use crate::door::{Door, Visitor};

/// How many operations may overlap; none where the peer waits for each answer.
pub(super) fn operations(agreement: &Agreement) -> Option<usize> {
    agreement.window.map(|window| usize::from(window.invoked)).filter(|operations| *operations > 1)
}

/// As [`super::serve`], with up to `operations` stores under way.
pub(super) async fn serve<S: Stream>(
    door: &Door,
    visitor: &Visitor,
    association: &mut Association<S>,
    results: &mut Results<'_>,
    operations: usize,
    stopped: &mut watch::Receiver<bool>,
) -> Result<End, Error> {
    let mut stores = Stores { door, visitor, results, operations, under_way: JoinSet::new() };
    let served = stores.serve(association, stopped).await;
    // What was read to its end is kept, also when there is no one left to be told.
    while let Some(done) = stores.under_way.join_next().await {
        if let Ok(Done { request, ingested, .. }) = whole(done) {
            let _ = store::answer(door, visitor, &request, ingested);
        }
    }
    served
}

/// A store that is decided.
struct Done {
    /// The context it came on.
    context: u8,
    request: CStoreRq,
    ingested: Result<Accepted, IngestError>,
}

/// The stores of an association.
struct Stores<'a, 'r> {
    door: &'a Door,
    visitor: &'a Visitor,
    results: &'a mut Results<'r>,
    operations: usize,
    /// Those whose bodies have been read.
    under_way: JoinSet<Done>,
}

impl Stores<'_, '_> {
    async fn serve<S: Stream>(
        &mut self,
        association: &mut Association<S>,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<End, Error> {
        loop {
            // Cancel-safe: a message that has begun to arrive is not lost when an answer is due or the node stops.
            let message = tokio::select! {
                Some(done) = self.under_way.join_next() => {
                    self.send(association, done).await?;
                    continue;
                }
                message = association.next() => message?,
                () = self.results.ready(), if self.under_way.is_empty() => {
                    self.results.tell(association).await?;
                    continue;
                }
                () = super::stopping(stopped) => {
                    self.answer_all(association).await?;
                    return Ok(End::Stopped);
                }
            };
            match message {
                None => return Ok(End::Released),
                Some(Message { context, command: Command::CStoreRq(request), has_data_set: true }) => {
                    self.take(association, context, request).await?;
                }
                Some(message) => {
                    self.answer_all(association).await?;
                    super::answer(self.door, self.visitor, association, self.results, message).await?;
                }
            }
        }
    }

    /// Reads an instance; what follows goes on by itself.
    async fn take<S: Stream>(
        &mut self,
        association: &mut Association<S>,
        context: Context,
        request: CStoreRq,
    ) -> Result<(), Error> {
        // A peer that keeps to the window is never held up here.
        while self.under_way.len() >= self.operations {
            self.answer_one(association).await?;
        }
        self.results.heard();
        if let Some(refusal) = store::misplaced(&context, &request) {
            while association.chunk().await?.is_some() {}
            return association.send(context.id, &Command::CStoreRsp(refusal), None).await;
        }
        let announced = store::announced(&context, &request);
        let (archive, visitor) = (self.door.archive.clone(), self.visitor);
        let mut body = Incoming { association, stores: self, broken: None };
        let principal = &visitor.caller.principal;
        let received = archive.receive(principal, visitor.envelope(), announced, &mut body, None).await;
        if let Some(broken) = body.broken {
            return Err(broken);
        }
        // A sender that is refused early still sends to the end; it is answered then.
        while association.chunk().await?.is_some() {}
        let context = context.id;
        match received {
            Ok(received) => {
                self.under_way.spawn(async move {
                    let ingested = archive.finish(received).await;
                    Done { context, request, ingested }
                });
                Ok(())
            }
            Err(error) => {
                let done = Done { context, request, ingested: Err(error) };
                self.send(association, Ok(done)).await
            }
        }
    }

    async fn answer_one<S: Stream>(&mut self, association: &mut Association<S>) -> Result<(), Error> {
        match self.under_way.join_next().await {
            Some(done) => self.send(association, done).await,
            None => Ok(()),
        }
    }

    async fn answer_all<S: Stream>(&mut self, association: &mut Association<S>) -> Result<(), Error> {
        while !self.under_way.is_empty() {
            self.answer_one(association).await?;
        }
        Ok(())
    }

    async fn send<S: Stream>(
        &self,
        association: &mut Association<S>,
        done: Result<Done, JoinError>,
    ) -> Result<(), Error> {
        let Done { context, request, ingested } = whole(done)?;
        let answer = store::answer(self.door, self.visitor, &request, ingested);
        association.send(context, &Command::CStoreRsp(answer), None).await
    }
}

/// A fault of ours in a store ends its association: there is no knowing what its sender is to be told.
fn whole(done: Result<Done, JoinError>) -> Result<Done, Error> {
    done.map_err(|error| {
        tracing::error!(%error, "a store failed by a fault of ours");
        Error::Misuse("a store was lost")
    })
}

/// A data set as it arrives; answers that become due meanwhile go out at once.
struct Incoming<'a, 'b, 'r, S> {
    association: &'a mut Association<S>,
    stores: &'a mut Stores<'b, 'r>,
    broken: Option<Error>,
}

impl<S: Stream> Incoming<'_, '_, '_, S> {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            // Cancel-safe: a slice that is waited for is not lost.
            tokio::select! {
                Some(done) = self.stores.under_way.join_next() => {
                    self.stores.send(self.association, done).await?;
                }
                chunk = self.association.chunk() => return chunk,
            }
        }
    }
}

impl<S: Stream> Body for Incoming<'_, '_, '_, S> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let chunk = self.next().await;
        chunk.map_err(|error| store::broke(error, &mut self.broken))
    }
}
