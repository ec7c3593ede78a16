//! The convoy, over TCP: peers that take many associations, one, or one after the other, that break, vanish and refuse.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{Status, Uid};
use causeway_dimse::negotiation::best;
use causeway_dimse::scu::{Body, Cargo, Convoy, Fate, Pace, Pair, StoreRequest, Terms, WhenBroken};
use causeway_dimse::{
    BodyError, Command, Error, Policy, Proposal, ProposedContext, Refusal, Rejection, Settings, accept,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::common::{CT, HERE, call, uid};

/// An instance by its number.
struct Load(usize);

impl Pace for Load {}

impl Cargo for Load {
    type Body = Piece;

    fn pair(&self) -> Pair {
        (uid(CT), uid(EXPLICIT_VR_LITTLE_ENDIAN))
    }

    fn request(&self) -> StoreRequest {
        StoreRequest::new(uid(CT), uid(&format!("1.2.{}", self.0)))
    }

    async fn open(&self, _: Uid) -> Result<Piece, BodyError> {
        Ok(Piece { left: if self.0 == UNREADABLE { None } else { Some(1) } })
    }
}

/// The number of an instance that cannot be read.
const UNREADABLE: usize = 1_000;

struct Piece {
    left: Option<usize>,
}

impl Body for Piece {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let left = self.left.ok_or("unreadable")?;
        self.left = Some(0);
        Ok((left > 0).then(|| Bytes::from(vec![7; 4_000])))
    }
}

/// What a peer does with an instance.
enum Act {
    Answer(Status),
    HangUp,
    /// Hangs up, and is gone for good.
    Vanish,
}

struct Peer {
    /// Associations that it takes at the same time.
    most: usize,
    open: AtomicUsize,
    opened: watch::Sender<usize>,
    /// By association, what arrived.
    arrived: Mutex<Vec<(usize, usize)>>,
    gone: watch::Sender<bool>,
}

struct Gate<'a>(&'a Peer);

impl Policy for Gate<'_> {
    fn admit(&self, _: &Proposal, _: IpAddr) -> Result<(), Rejection> {
        if self.0.open.fetch_add(1, Ordering::SeqCst) < self.0.most {
            return Ok(());
        }
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        Err(Rejection::LocalLimitExceeded)
    }
    fn choose(&self, _: &Proposal, context: &ProposedContext) -> Result<Uid, Refusal> {
        best(&context.transfer_syntaxes).cloned().ok_or(Refusal::TransferSyntaxesNotSupported)
    }
}

impl Peer {
    fn arrived(&self) -> Vec<usize> {
        self.arrived.lock().unwrap().iter().map(|(_, number)| *number).collect()
    }

    /// Serves an association; `act` says what is done with each instance, and may wait.
    async fn serve<F>(&self, stream: TcpStream, act: &impl Fn(usize) -> F) -> Result<(), Error>
    where
        F: Future<Output = Act>,
    {
        let mut association = accept(stream, HERE, &Settings::default(), &Gate(self)).await?;
        let mut line = 0;
        self.opened.send_modify(|opened| {
            *opened += 1;
            line = *opened;
        });
        let served = async {
            while let Some(message) = association.next().await? {
                let Command::CStoreRq(rq) = message.command else { panic!("{message:?}") };
                while association.chunk().await?.is_some() {}
                let number = rq.sop_instance.as_str().rsplit('.').next().unwrap().parse().unwrap();
                self.arrived.lock().unwrap().push((line, number));
                match act(number).await {
                    Act::Answer(status) => {
                        let answer = Command::CStoreRsp(rq.answer(status));
                        association.send(message.context.id, &answer, None).await?;
                    }
                    Act::HangUp => return Ok(()),
                    Act::Vanish => {
                        self.gone.send_replace(true);
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        let served = served.await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        served
    }
}

/// A peer that takes up to `most` associations at once.
async fn peer<F>(most: usize, act: impl Fn(usize) -> F + Send + Sync + 'static) -> (u16, Arc<Peer>)
where
    F: Future<Output = Act> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = Arc::new(Peer {
        most,
        open: AtomicUsize::new(0),
        opened: watch::Sender::new(0),
        arrived: Mutex::default(),
        gone: watch::Sender::new(false),
    });
    let (door, act) = (Arc::clone(&peer), Arc::new(act));
    tokio::spawn(async move {
        let mut gone = door.gone.subscribe();
        loop {
            let (stream, _) = tokio::select! {
                taken = listener.accept() => taken.unwrap(),
                _ = gone.wait_for(|gone| *gone) => return,
            };
            let (door, act, mut gone) = (Arc::clone(&door), Arc::clone(&act), door.gone.subscribe());
            tokio::spawn(async move {
                tokio::select! {
                    _ = door.serve(stream, &*act) => {}
                    _ = gone.wait_for(|gone| *gone) => {}
                }
            });
        }
    });
    (port, peer)
}

fn convoy(port: u16, lines: usize, spare: usize) -> Convoy<Load> {
    let terms = Terms {
        lines,
        lines_far: lines,
        when_broken: WhenBroken::Fail,
        setbacks: 3,
        operations: 1,
        spare: Arc::new(Semaphore::new(spare)),
        reach: Arc::default(),
    };
    Convoy::new(call(port, &[]), terms)
}

/// Sends so many; the fates by number. Each must be told of once.
async fn send(mut convoy: Convoy<Load>, numbers: impl IntoIterator<Item = usize>) -> Vec<(usize, Fate)> {
    let numbers: Vec<usize> = numbers.into_iter().collect();
    convoy.load(numbers.iter().copied().map(Load));
    let mut fates = Vec::new();
    while let Some(settled) = convoy.next().await {
        fates.push((settled.cargo.0, settled.fate));
    }
    convoy.close().await;
    let told: BTreeSet<usize> = fates.iter().map(|(number, _)| *number).collect();
    assert_eq!(told.len(), fates.len(), "each is told of once");
    assert_eq!(told, numbers.into_iter().collect());
    fates
}

fn is_success(fate: &Fate) -> bool {
    matches!(fate, Fate::Answered(response) if response.status == Status::SUCCESS)
}

async fn well(_: usize) -> Act {
    Act::Answer(Status::SUCCESS)
}

#[tokio::test]
async fn many_go_over_several_associations_each_once_and_in_order_on_each() {
    let (all_open, is_open) = watch::channel(0);
    let (port, peer) = peer(4, move |number| {
        let mut opened = is_open.clone();
        async move {
            // Whoever is not the first is answered when all four are there.
            if number > 0 {
                opened.wait_for(|opened| *opened == 4).await.unwrap();
            }
            Act::Answer(Status::SUCCESS)
        }
    })
    .await;
    let mut opened = peer.opened.subscribe();
    tokio::spawn(async move {
        while opened.changed().await.is_ok() {
            all_open.send_replace(*opened.borrow());
        }
    });
    let fates = send(convoy(port, 4, 32), 0..200).await;
    assert!(fates.iter().all(|(_, fate)| is_success(fate)));
    let arrived = peer.arrived.lock().unwrap().clone();
    assert_eq!(arrived.len(), 200);
    for line in 1..=4 {
        let on_it: Vec<usize> =
            arrived.iter().filter(|(on, _)| *on == line).map(|(_, number)| *number).collect();
        assert!(!on_it.is_empty() && on_it.is_sorted(), "line {line}: {on_it:?}");
    }
}

#[tokio::test]
async fn a_few_go_over_one_association_and_so_do_many_where_there_is_no_place_to_spare() {
    for (count, spare) in [(4, 32), (100, 0)] {
        let (port, peer) = peer(4, well).await;
        assert!(send(convoy(port, 4, spare), 0..count).await.iter().all(|(_, fate)| is_success(fate)));
        assert_eq!(*peer.opened.borrow(), 1);
        assert_eq!(peer.arrived(), Vec::from_iter(0..count));
    }
}

#[tokio::test]
async fn a_peer_that_takes_one_association_is_sent_all_over_it() {
    let (port, peer) = peer(1, well).await;
    assert!(send(convoy(port, 4, 32), 0..100).await.iter().all(|(_, fate)| is_success(fate)));
    assert_eq!((peer.arrived(), *peer.opened.borrow()), (Vec::from_iter(0..100), 1));
}

#[tokio::test]
async fn a_peer_that_serves_one_after_the_other_holds_nothing_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = crate::common::serve(stream, Settings::default()).await;
        }
    });
    // Far less than the wait for an answer to the second association request.
    let sent = tokio::time::timeout(Duration::from_secs(20), send(convoy(port, 4, 32), 0..100));
    assert!(sent.await.unwrap().iter().all(|(_, fate)| is_success(fate)));
    // More is loaded when the only line has sent all and has not ended yet: it goes on, though others are being opened.
    let mut convoy = convoy(port, 4, 32);
    convoy.load([Load(0)]);
    assert!(is_success(&convoy.next().await.unwrap().fate));
    let sent = tokio::time::timeout(Duration::from_secs(20), send(convoy, 1..100));
    assert!(sent.await.unwrap().iter().all(|(_, fate)| is_success(fate)));
}

#[tokio::test]
async fn a_line_that_breaks_costs_the_instance_that_was_on_it() {
    for lines in [1, 4] {
        let (port, peer) = peer(4, |number| async move {
            if number % 40 == 7 { Act::HangUp } else { Act::Answer(Status::SUCCESS) }
        })
        .await;
        let fates = send(convoy(port, lines, 32), 0..100).await;
        for (number, fate) in fates {
            assert_eq!(is_success(&fate), number % 40 != 7, "{number}: {fate:?}");
        }
        let mut arrived = peer.arrived();
        arrived.sort_unstable();
        assert_eq!(arrived, Vec::from_iter(0..100), "nothing was sent twice");
    }
}

#[tokio::test]
async fn a_peer_that_is_gone_leaves_the_rest_unreached_and_none_untold() {
    for lines in [1, 4] {
        let (port, peer) =
            peer(
                4,
                |number| async move { if number == 20 { Act::Vanish } else { Act::Answer(Status::SUCCESS) } },
            )
            .await;
        let fates = send(convoy(port, lines, 32), 0..100).await;
        let arrived = peer.arrived();
        for (number, fate) in fates {
            match fate {
                Fate::Answered(_) => assert!(arrived.contains(&number)),
                Fate::Failed(_) | Fate::Broken(_) => assert!(number <= 40, "{number} was on the wire"),
                Fate::Unreached(_) => assert!(!arrived.contains(&number)),
                Fate::NotBegun => panic!("{number} was not stopped"),
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_rejects_us_is_given_up_with_its_words() {
    let (port, _) = peer(0, well).await;
    let fates = send(convoy(port, 4, 32), 0..10).await;
    for (_, fate) in fates {
        let Fate::Unreached(error) = fate else { panic!("{fate:?}") };
        assert!(matches!(*error, Error::Rejected(reject) if reject.is_transient()), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_costs_itself_and_no_association() {
    let (port, peer) = peer(1, well).await;
    let fates = send(convoy(port, 1, 32), [1, UNREADABLE, 2, 3]).await;
    for (number, fate) in fates {
        match fate {
            Fate::Failed(error) => assert!(number == UNREADABLE && matches!(*error, Error::Body(_))),
            fate => assert!(is_success(&fate), "{number}: {fate:?}"),
        }
    }
    assert_eq!((peer.arrived(), *peer.opened.borrow()), (vec![1, 2, 3], 1));
}

#[tokio::test]
async fn a_convoy_that_is_stopped_ends_what_is_on_its_way_and_begins_nothing() {
    let (port, peer) = peer(4, well).await;
    let mut convoy = convoy(port, 4, 32);
    convoy.load((0..100).map(Load));
    let first = convoy.next().await.unwrap();
    assert!(is_success(&first.fate));
    convoy.stop();
    let (mut sent, mut left) = (1, 0);
    while let Some(settled) = convoy.next().await {
        match settled.fate {
            Fate::NotBegun => left += 1,
            fate => {
                assert!(is_success(&fate), "{fate:?}");
                sent += 1;
            }
        }
    }
    convoy.close().await;
    assert_eq!((sent + left, peer.arrived().len()), (100, sent));
    assert!(left > 0);
}

#[tokio::test]
async fn the_associations_stay_open_for_the_next_load() {
    let (port, peer) = peer(1, well).await;
    let mut convoy = convoy(port, 1, 32);
    for numbers in [0..3, 3..6] {
        convoy.load(numbers.clone().map(Load));
        for number in numbers {
            assert_eq!(convoy.next().await.unwrap().cargo.0, number);
        }
        assert!(convoy.next().await.is_none());
    }
    convoy.close().await;
    assert_eq!((peer.arrived(), *peer.opened.borrow()), (Vec::from_iter(0..6), 1));
}

#[tokio::test]
async fn an_instance_goes_again_when_its_line_breaks_before_it_answered_anything_and_others_did() {
    let door: Arc<OnceLock<Arc<Peer>>> = Arc::default();
    let seen = Arc::clone(&door);
    let (port, peer) = peer(2, move |number| {
        let door = Arc::clone(&seen);
        async move {
            let line_of = |arrived: &[(usize, usize)]| {
                arrived.iter().rev().find(|(_, other)| *other == number).map(|(line, _)| *line)
            };
            let on = |line: usize| {
                let arrived = door.get().map(|peer| peer.arrived.lock().unwrap().clone()).unwrap_or_default();
                (line_of(&arrived), arrived.iter().filter(|(on, _)| *on == line).count())
            };
            let until = async |line: usize, count: usize| {
                while on(line).1 < count {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            match on(2) {
                (Some(2), 1) => {
                    // The second on the other line comes when the first was answered.
                    until(1, 2).await;
                    Act::HangUp
                }
                (Some(1), _) if on(1).1 > 1 => {
                    until(2, 1).await;
                    Act::Answer(Status::SUCCESS)
                }
                _ => Act::Answer(Status::SUCCESS),
            }
        }
    })
    .await;
    assert!(door.set(Arc::clone(&peer)).is_ok());
    let terms = Terms {
        lines: 2,
        lines_far: 2,
        when_broken: WhenBroken::SendAgain,
        setbacks: 1,
        operations: 1,
        spare: Arc::new(Semaphore::new(32)),
        reach: Arc::default(),
    };
    let fates = send(Convoy::new(call(port, &[]), terms), 0..60).await;
    for (number, fate) in fates {
        assert!(is_success(&fate), "{number}: {fate:?}");
    }
    let mut arrived = peer.arrived();
    arrived.sort_unstable();
    assert_eq!(arrived.len(), 61, "one went twice");
    arrived.dedup();
    assert_eq!(arrived, Vec::from_iter(0..60));
}
