//! C-GET between our two sides, in memory: roles, counts, statuses told back, a cancel in the middle.

use std::net::IpAddr;

use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_core::{Quirk, Status, Uid};
use causeway_dimse::message::{CGetRq, CStoreRq, Progress};
use causeway_dimse::negotiation::{Role, best};
use causeway_dimse::scu::{
    Call, GetRequest, Given, Keeper, Offers, Response, Retrieved, StoreRequest, Whole, Wish, associate,
};
use causeway_dimse::{
    Association, Command, Error, Policy, Proposal, ProposedContext, Refusal, Rejection, Settings, accept,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use crate::common::{CT, HERE, call, uid};

const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

/// Grants every role.
struct Giving;

impl Policy for Giving {
    fn admit(&self, _: &Proposal, _: IpAddr) -> Result<(), Rejection> {
        Ok(())
    }
    fn choose(&self, _: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        best(&context.transfer_syntaxes).cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }
    fn roles(&self, _: &Proposal, proposed: &Role) -> Option<Role> {
        Some(proposed.clone())
    }
}

/// What the giving side saw.
#[derive(Debug, Default)]
struct Saw {
    statuses: Vec<Status>,
    not_given: Vec<String>,
    cancelled: bool,
}

/// Gives `classes`, one instance each, then answers.
async fn give(stream: DuplexStream, classes: Vec<Uid>) -> Saw {
    let mut association = accept(stream, HERE, &Settings::default(), &Giving).await.unwrap();
    let mut saw = Saw::default();
    while let Some(message) = association.next().await.unwrap() {
        let Command::CGetRq(rq) = message.command else { panic!("{message:?}") };
        assert_eq!(association.identifier().await.unwrap(), b"keys");
        let last = subs(&mut association, message.context.id, &rq, &classes, &mut saw).await.unwrap();
        let answer = rq.answer(last, Progress { completed: Some(1), ..Progress::default() });
        association.send(message.context.id, &Command::CGetRsp(answer), Some(b"failed list.")).await.unwrap();
    }
    saw
}

async fn subs(
    association: &mut Association<DuplexStream>,
    context: u8,
    rq: &CGetRq,
    classes: &[Uid],
    saw: &mut Saw,
) -> Result<Status, Error> {
    for (number, class) in classes.iter().enumerate() {
        if association.try_cancelled(rq.message_id)? {
            saw.cancelled = true;
            return Ok(Status::CANCEL);
        }
        let pair = (class.clone(), uid(EXPLICIT_VR_LITTLE_ENDIAN));
        match association.context_for(&pair) {
            Ok((id, _)) => {
                let request = StoreRequest::new(class.clone(), uid(&format!("1.5.{number}")));
                let body = Whole::new(vec![u8::try_from(number % 256).unwrap(); 100_000]);
                saw.statuses.push(association.store(id, request, body).await?.status);
            }
            Err(error) => saw.not_given.push(error.to_string()),
        }
        let progress = Progress { remaining: Some(1), ..Progress::default() };
        association.feed(context, &Command::CGetRsp(rq.answer(Status::PENDING, progress)), None).await?;
    }
    Ok(Status::SUBOPERATIONS_WITH_FAILURES)
}

/// Keeps lengths; refuses what is longer than nothing of the second instance; wants so many.
struct Kept {
    lengths: Vec<usize>,
    wanted: usize,
    heard: usize,
}

impl Keeper for Kept {
    async fn keep<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &mut self,
        request: &CStoreRq,
        given: &mut Given<'_, S>,
    ) -> Response {
        if request.sop_instance.as_str() == "1.5.1" {
            // Answered without reading a byte of it.
            return Response { status: Status::OUT_OF_RESOURCES, comment: Some("full".to_owned()) };
        }
        let mut length = 0;
        while let Some(bytes) = given.chunk().await.unwrap() {
            length += bytes.len();
        }
        self.lengths.push(length);
        Response { status: Status::SUCCESS, comment: None }
    }

    fn hear(&mut self, _: &Progress) {
        self.heard += 1;
    }

    fn wish(&mut self) -> Wish {
        if self.lengths.len() >= self.wanted { Wish::Cancel } else { Wish::More }
    }
}

fn asking(classes: &[&str]) -> Call {
    let plain = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
    let mut contexts: Vec<(&str, &[&str])> = vec![(GET, &plain)];
    contexts.extend(classes.iter().map(|class| (*class, &plain[..])));
    let classes: Vec<Uid> = classes.iter().map(|class| uid(class)).collect();
    Call { offers: Offers::to_be_given(&classes), ..call(0, &contexts) }
}

async fn get(call: &Call, classes: &[&str], wanted: usize) -> (Retrieved, Kept, Saw) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let giving = tokio::spawn(give(far, classes.iter().map(|class| uid(class)).collect()));
    let mut requestor = associate(near, call).await.unwrap();
    let context = requestor.accepted_for(&uid(GET)).next().unwrap().id;
    let mut kept = Kept { lengths: Vec::new(), wanted, heard: 0 };
    let request = GetRequest { sop_class: uid(GET), identifier: b"keys".to_vec() };
    let retrieved = requestor.get(context, request, &mut kept).await.unwrap();
    requestor.release().await.unwrap();
    (retrieved, kept, giving.await.unwrap())
}

#[tokio::test]
async fn instances_come_on_the_association_that_asks_and_their_statuses_go_back() {
    let (retrieved, kept, saw) = get(&asking(&[CT]), &[CT, CT, CT], usize::MAX).await;
    assert_eq!(kept.lengths, [100_000, 100_000]);
    assert_eq!(saw.statuses, [Status::SUCCESS, Status::OUT_OF_RESOURCES, Status::SUCCESS]);
    assert_eq!(kept.heard, 3);
    assert_eq!(retrieved.status, Status::SUBOPERATIONS_WITH_FAILURES);
    assert_eq!(retrieved.progress.completed, Some(1));
    assert_eq!(retrieved.identifier.as_deref(), Some(&b"failed list."[..]));
}

#[tokio::test]
async fn what_no_role_was_taken_for_cannot_be_given() {
    let (_, kept, saw) = get(&asking(&[CT]), &[CT, MR], usize::MAX).await;
    assert_eq!(kept.lengths.len(), 1);
    assert_eq!(saw.not_given, [format!("no context with SCP role for {MR}")]);
    let quirk = Call { quirks: [Quirk::NoRoleSelection].into_iter().collect(), ..asking(&[CT]) };
    let (_, kept, saw) = get(&quirk, &[CT], usize::MAX).await;
    assert_eq!((kept.lengths.len(), saw.not_given.len()), (0, 1));
}

#[tokio::test]
async fn a_cancel_ends_it_and_the_last_answer_is_waited_for() {
    let (retrieved, kept, saw) = get(&asking(&[CT]), &[CT; 50], 2).await;
    assert!(saw.cancelled && kept.lengths.len() < 50, "{}", kept.lengths.len());
    assert_eq!(retrieved.status, Status::CANCEL);
}
