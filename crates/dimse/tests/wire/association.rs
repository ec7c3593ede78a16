//! Acceptor against requestor, in memory: every verb, every orderly end.

use bytes::Bytes;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use causeway_core::{AeTitle, Status};
use causeway_dimse::message::{Priority, Progress};
use causeway_dimse::scu::{
    Body, Call, Matches, MoveRequest, Requestor, StoreRequest, Whole, Wish, associate,
};
use causeway_dimse::{Abort, BodyError, Command, Error, Refusal, Settings, Wait, accept};
use sha2::{Digest, Sha256};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use crate::common::{CT, FIND, HERE, MOVE, Open, Served, serve, uid, usual};

type Server = JoinHandle<Result<Served, Error>>;

async fn pair(call: &Call, settings: Settings) -> (Requestor<DuplexStream>, Server) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(serve(far, settings));
    (associate(near, call).await.unwrap(), server)
}

fn request() -> StoreRequest {
    StoreRequest {
        sop_class: uid(CT),
        sop_instance: uid("1.2.3"),
        priority: Priority::Medium,
        move_originator: Some((AeTitle::parse("MOVER").unwrap(), 5)),
    }
}

/// Bytes in slices of uneven, mostly odd sizes.
struct Uneven {
    bytes: Bytes,
    size: usize,
}

impl Body for Uneven {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.size = (self.size * 7 + 13) % 9_973;
        let size = self.size.min(self.bytes.len());
        let slice = self.bytes.split_to(size);
        Ok((!slice.is_empty() || !self.bytes.is_empty()).then_some(slice))
    }
}

fn noise(length: usize) -> Bytes {
    let mut state = 0x2545_F491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn contexts_are_answered_and_an_echo_comes_back() {
    let (mut requestor, server) = pair(&usual(), Settings::default()).await;
    assert_eq!(requestor.accepted(&uid(CT), &uid(EXPLICIT_VR_LITTLE_ENDIAN)), Some(3));
    assert_eq!(requestor.accepted(&uid(CT), &uid(IMPLICIT_VR_LITTLE_ENDIAN)), Some(5));
    assert_eq!(requestor.accepted(&uid("1.2.3.4"), &uid(IMPLICIT_VR_LITTLE_ENDIAN)), None);
    assert_eq!(requestor.refused().len(), 1);
    assert_eq!(requestor.refused()[0].refusal, Refusal::AbstractSyntaxNotSupported);
    assert_eq!(requestor.implementation_version(), Some("CAUSEWAY_010"));
    assert_eq!(requestor.echo().await.unwrap(), Status::SUCCESS);
    assert_eq!(requestor.echo().await.unwrap(), Status::SUCCESS);
    requestor.release().await.unwrap();
    assert_eq!(server.await.unwrap().unwrap().echoes, 2);
}

#[tokio::test]
async fn three_megabytes_arrive_as_they_were_sent_whatever_the_sizes() {
    for (theirs, ours) in [(16_384, 262_144), (262_144, 16_384), (131_072, 4_096), (1_018, 1_000)] {
        let mut call = usual();
        call.settings.max_pdu = theirs;
        let (mut requestor, server) = pair(&call, Settings { max_pdu: ours, ..Settings::default() }).await;
        let bytes = noise(3 * 1024 * 1024);
        let body = Uneven { bytes: bytes.clone(), size: 1 };
        let response = requestor.store(3, request(), body).await.unwrap();
        assert_eq!(response.status, Status::SUCCESS);
        let response = requestor.store(5, request(), Whole::new(bytes.slice(..10))).await.unwrap();
        assert_eq!(response.status, Status::SUCCESS);
        requestor.release().await.unwrap();
        let expected = |bytes: &[u8]| (bytes.len(), <[u8; 32]>::from(Sha256::digest(bytes)));
        let served = server.await.unwrap().unwrap();
        assert_eq!(served.stored, [expected(&bytes), expected(&bytes[..10])]);
    }
}

#[tokio::test]
async fn a_body_at_around_and_of_a_whole_number_of_fragments_is_whole() {
    let mut call = usual();
    call.settings.max_pdu = 4_096;
    let (mut requestor, server) = pair(&call, Settings { max_pdu: 1_030, ..Settings::default() }).await;
    let lengths = [0, 2, 1_022, 1_024, 1_026, 2_046, 2_048, 2_050];
    for length in lengths {
        requestor.store(3, request(), Whole::new(noise(length))).await.unwrap();
    }
    requestor.release().await.unwrap();
    let served: Vec<usize> =
        server.await.unwrap().unwrap().stored.iter().map(|(length, _)| *length).collect();
    assert_eq!(served, lengths);
}

/// Keeps matches, up to a limit.
struct Kept {
    matches: Vec<Vec<u8>>,
    limit: usize,
}

impl Matches for Kept {
    async fn take(&mut self, identifier: Vec<u8>) -> Wish {
        if self.matches.len() >= self.limit {
            return Wish::Cancel;
        }
        self.matches.push(identifier);
        Wish::More
    }
}

#[tokio::test]
async fn a_find_gives_each_pending_and_the_final_status() {
    let (mut requestor, server) = pair(&usual(), Settings::default()).await;
    let mut identifier = vec![0; 300];
    identifier[0] = 250;
    let mut kept = Kept { matches: Vec::new(), limit: 1_000 };
    let found = requestor.find_each(7, &uid(FIND), &identifier, &mut kept).await.unwrap();
    assert_eq!(kept.matches.len(), 250);
    assert!(kept.matches.iter().all(|one| *one == identifier));
    assert_eq!((found.status, found.cut_short), (Status::SUCCESS, false));
    requestor.release().await.unwrap();
    assert_eq!(server.await.unwrap().unwrap().cancelled_after, Vec::<usize>::new());
}

#[tokio::test]
async fn above_the_limit_a_find_is_cancelled_and_the_association_lives_on() {
    let (mut requestor, server) = pair(&usual(), Settings::default()).await;
    let mut identifier = vec![0xFF; 300];
    identifier[1] = 0x7F;
    let mut kept = Kept { matches: Vec::new(), limit: 10 };
    let found = requestor.find_each(7, &uid(FIND), &identifier, &mut kept).await.unwrap();
    assert_eq!(kept.matches.len(), 10);
    assert_eq!((found.status, found.cut_short), (Status::CANCEL, true));
    assert_eq!(requestor.echo().await.unwrap(), Status::SUCCESS);
    requestor.release().await.unwrap();
    let served = server.await.unwrap().unwrap();
    assert_eq!(served.cancelled_after.len(), 1);
    assert!(served.cancelled_after[0] < 32_767, "the cancel was seen while it ran");
}

/// Wants nothing more, and is told nothing.
struct Gone;

impl Matches for Gone {
    async fn take(&mut self, _: Vec<u8>) -> Wish {
        panic!("nothing comes")
    }

    async fn stopped(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_to_stop_and_given_up_when_it_does_not() {
    for heeds in [true, false] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = tokio::spawn(async move {
            let mut association = accept(far, HERE, &Settings::default(), &Open).await?;
            let find = association.next().await?.unwrap();
            while association.chunk().await?.is_some() {}
            let cancel = association.next().await?.unwrap();
            assert!(matches!(cancel.command, Command::CCancelRq(_)), "{cancel:?}");
            if heeds {
                let answer = find.command.refuse(Status::CANCEL).unwrap();
                association.send(find.context.id, &answer, None).await?;
            }
            association.next().await.map(drop)
        });
        let mut requestor = associate(near, &usual()).await.unwrap();
        let answered = requestor.find_each(7, &uid(FIND), &[0; 8], &mut Gone).await;
        if heeds {
            let answered = answered.unwrap();
            assert_eq!((answered.status, answered.cut_short), (Status::CANCEL, true));
            requestor.release().await.unwrap();
            server.await.unwrap().unwrap();
        } else {
            assert!(matches!(answered, Err(Error::Timeout(Wait::Cancel))), "{answered:?}");
            assert!(matches!(server.await.unwrap(), Err(Error::Aborted(_))));
        }
    }
}

#[tokio::test]
async fn a_move_reports_its_progress_and_brings_the_list_of_what_failed() {
    let (mut requestor, server) = pair(&usual(), Settings::default()).await;
    let mut reports = Vec::new();
    let request = MoveRequest {
        sop_class: uid(MOVE),
        destination: AeTitle::parse("ELSEWHERE").unwrap(),
        identifier: b"identifier".to_vec(),
    };
    let moved = requestor
        .move_(9, request, |progress: &Progress| {
            reports.push(progress.remaining);
            Wish::More
        })
        .await
        .unwrap();
    assert_eq!(reports, [Some(2), Some(1)]);
    assert_eq!(moved.status, Status::SUBOPERATIONS_WITH_FAILURES);
    assert_eq!(moved.progress.completed, Some(2));
    assert_eq!(moved.identifier.as_deref(), Some(&b"failed list."[..]));
    requestor.release().await.unwrap();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn rejections_carry_the_numbers_both_sides_can_read() {
    for (calling, numbers, transient) in [("STRANGER", (1, 1, 3), false), ("CROWD", (2, 3, 2), true)] {
        let mut call = usual();
        call.calling = AeTitle::parse(calling).unwrap();
        let (near, far) = tokio::io::duplex(4_096);
        let server = tokio::spawn(serve(far, Settings::default()));
        let Err(Error::Rejected(reject)) = associate(near, &call).await else { panic!("not rejected") };
        assert_eq!((reject.result, reject.source, reject.reason), numbers);
        assert_eq!(reject.is_transient(), transient);
        let Err(Error::Refused { proposal: Some(proposal), .. }) = server.await.unwrap() else { panic!() };
        assert_eq!(proposal.calling.as_str(), calling);
    }
}

#[tokio::test]
async fn an_abort_is_known_as_one_on_the_other_side() {
    let (requestor, server) = pair(&usual(), Settings::default()).await;
    requestor.abort().await;
    let Err(Error::Aborted(abort)) = server.await.unwrap() else { panic!() };
    assert_eq!(abort.source, 0);
}

#[tokio::test]
async fn a_connection_that_closes_without_release_is_an_error() {
    let (requestor, server) = pair(&usual(), Settings::default()).await;
    drop(requestor);
    assert!(matches!(server.await.unwrap(), Err(Error::Closed)));
}

/// A body that breaks after a few slices.
struct Broken(usize);

impl Body for Broken {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0 += 1;
        if self.0 > 20 { Err("the disk is gone".into()) } else { Ok(Some(noise(50_000))) }
    }
}

#[tokio::test]
async fn a_body_that_breaks_aborts_and_the_peer_never_takes_it_for_whole() {
    let (mut requestor, server) = pair(&usual(), Settings::default()).await;
    let failed = requestor.store(3, request(), Broken(0)).await;
    assert!(matches!(failed, Err(Error::Body(_))), "{failed:?}");
    assert!(matches!(server.await.unwrap(), Err(Error::Aborted(_))));
}

#[tokio::test]
async fn an_abort_is_noticed_while_sending_to_one_who_no_longer_reads() {
    let (near, far) = tokio::io::duplex(4_096);
    let server = tokio::spawn(async move {
        let mut association = accept(far, HERE, &Settings::default(), &Open).await.unwrap();
        association.next().await.unwrap().unwrap();
        association.abort(Abort::BY_USER).await;
    });
    let mut requestor = associate(near, &usual()).await.unwrap();
    let failed = requestor.store(3, request(), Whole::new(noise(5_000_000))).await;
    assert!(matches!(failed, Err(Error::Aborted(_))), "{failed:?}");
    drop(requestor);
    server.await.unwrap();
}

#[tokio::test]
async fn what_is_left_unread_of_a_data_set_is_skipped() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(async move {
        let mut association = accept(far, HERE, &Settings::default(), &Open).await?;
        let mut seen = 0;
        while let Some(message) = association.next().await? {
            seen += 1;
            let refusal = message.command.refuse(Status::OUT_OF_RESOURCES).unwrap();
            if seen == 1 {
                association.chunk().await?;
            }
            association.send(message.context.id, &refusal, None).await?;
        }
        Ok::<_, Error>(seen)
    });
    let mut requestor = associate(near, &usual()).await.unwrap();
    for _ in 0..2 {
        let response = requestor.store(3, request(), Whole::new(noise(700_001))).await.unwrap();
        assert_eq!(response.status, Status::OUT_OF_RESOURCES);
    }
    requestor.release().await.unwrap();
    assert_eq!(server.await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn a_future_that_is_dropped_while_it_waits_loses_no_byte() {
    let (near, far) = tokio::io::duplex(64);
    let server = tokio::spawn(async move {
        let mut association = accept(far, HERE, &Settings::default(), &Open).await?;
        let message = loop {
            tokio::select! {
                biased;
                message = association.next() => break message?.unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        association.send(message.context.id, &message.command.refuse(Status::SUCCESS).unwrap(), None).await?;
        assert!(association.next().await?.is_none());
        Ok::<_, Error>(())
    });
    let mut requestor = associate(near, &usual()).await.unwrap();
    assert_eq!(requestor.echo().await.unwrap(), Status::SUCCESS);
    requestor.release().await.unwrap();
    server.await.unwrap().unwrap();
}
