//! The hatch, state by state.

use causeway_core::ManualClock;
use causeway_core::link::words::{Fate, Standing};
use futures_util::StreamExt as _;

use super::*;
use crate::dispatch::NoDispatcher;

const LONG: Duration = Duration::from_secs(20);

fn hatch() -> (Arc<Hatch>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    (Arc::new(Hatch::new(clock.clone(), Arc::new(NoDispatcher))), clock)
}

fn remote() -> RemoteName {
    "hospital".parse().unwrap()
}

fn nothing() -> Offer {
    Offer { instances: Vec::new(), acknowledged: Vec::new() }
}

fn answer() -> Answer {
    Answer { standings: vec![Standing::Send(7)] }
}

fn said(index: u32) -> Said {
    Said { index, fate: Fate::Again }
}

fn collected(count: u32, done: bool) -> Collected {
    Collected { said: (0..count).map(said).collect(), done }
}

fn offering(hatch: &Arc<Hatch>) -> tokio::task::JoinHandle<Result<(Answer, Handing), Uncollected>> {
    let hatch = Arc::clone(hatch);
    tokio::spawn(async move { hatch.offer(&remote(), nothing(), LONG).await })
}

/// An offer that was taken and answered: the sender's end, and what the answer is waiting for.
async fn answered(
    hatch: &Arc<Hatch>,
) -> (Handing, u64, tokio::task::JoinHandle<Result<Option<Pieces>, Over>>) {
    let offering = offering(hatch);
    let ticket = hatch.collect(&remote(), LONG).await.unwrap().ticket;
    let answering = {
        let hatch = Arc::clone(hatch);
        tokio::spawn(async move { hatch.answer(&remote(), ticket, answer()).await })
    };
    let (told, handing) = offering.await.unwrap().ok().unwrap();
    assert_eq!(told, answer());
    (handing, ticket, answering)
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_taken_answered_handed_out_and_told_of() {
    let (hatch, _) = hatch();
    let (mut handing, ticket, answering) = answered(&hatch).await;
    handing.hand(futures_util::stream::iter([Ok(Bytes::from_static(b"bytes"))]).boxed());
    let pieces: Vec<_> = answering.await.unwrap().unwrap().unwrap().collect().await;
    assert_eq!(pieces.len(), 1);
    hatch.said(&remote(), ticket, collected(2, false)).unwrap();
    hatch.said(&remote(), ticket, collected(1, true)).unwrap();
    for index in [0, 1, 0] {
        assert_eq!(handing.said().await, Some(said(index)));
    }
    assert_eq!(handing.said().await, None);
    assert_eq!(hatch.said(&remote(), ticket, collected(1, false)), Err(Over));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_first_waits_and_one_who_waits_in_vain_is_told_so() {
    let (hatch, _) = hatch();
    assert_eq!(hatch.collect(&remote(), LONG).await, None);
    let asking = {
        let hatch = Arc::clone(&hatch);
        tokio::spawn(async move { hatch.collect(&remote(), LONG).await })
    };
    tokio::task::yield_now().await;
    let _offering = offering(&hatch);
    assert!(asking.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_nobody_takes_or_answers_is_given_up() {
    let (hatch, _) = hatch();
    assert_eq!(offering(&hatch).await.unwrap().err(), Some(Uncollected::NobodyCame));
    let offering = offering(&hatch);
    let ticket = hatch.collect(&remote(), LONG).await.unwrap().ticket;
    assert_eq!(offering.await.unwrap().err(), Some(Uncollected::Lost));
    assert_eq!(hatch.answer(&remote(), ticket, answer()).await.err(), Some(Over));
    assert_eq!(hatch.collect(&remote(), Duration::ZERO).await, None, "it lies there no more");
}

#[tokio::test(start_paused = true)]
async fn who_asks_anew_has_let_go_of_what_was_taken() {
    let (hatch, _) = hatch();
    let first = offering(&hatch);
    let ticket = hatch.collect(&remote(), LONG).await.unwrap().ticket;
    assert_eq!(hatch.collect(&remote(), Duration::ZERO).await, None);
    assert_eq!(first.await.unwrap().err(), Some(Uncollected::Lost));
    assert_eq!(hatch.said(&remote(), ticket, collected(0, true)), Err(Over));
    let (mut handing, _, _answering) = answered(&hatch).await;
    assert_eq!(hatch.collect(&remote(), Duration::ZERO).await, None);
    assert_eq!(handing.said().await, None);
}

#[tokio::test(start_paused = true)]
async fn of_two_who_ask_the_later_is_given_it() {
    let (hatch, _) = hatch();
    let ask = |hatch: &Arc<Hatch>| {
        let hatch = Arc::clone(hatch);
        tokio::spawn(async move { hatch.collect(&remote(), LONG).await })
    };
    let earlier = ask(&hatch);
    tokio::task::yield_now().await;
    let later = ask(&hatch);
    assert_eq!(earlier.await.unwrap(), None);
    let _offering = offering(&hatch);
    assert!(later.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_taken_once_and_where_nothing_is_handed_out_there_is_nothing() {
    let (hatch, _) = hatch();
    let (handing, ticket, answering) = answered(&hatch).await;
    assert_eq!(hatch.answer(&remote(), ticket, answer()).await.err(), Some(Over));
    drop(handing);
    assert!(answering.await.unwrap().unwrap().is_none());
    assert_eq!(hatch.answer(&remote(), ticket, answer()).await.err(), Some(Over));
    assert_eq!(hatch.said(&remote(), ticket, collected(0, false)), Err(Over));
}

#[tokio::test(start_paused = true)]
async fn no_more_is_said_than_there_may_be_instances() {
    let (hatch, _) = hatch();
    let (_handing, ticket, _answering) = answered(&hatch).await;
    let all = u32::try_from(MAX_OFFERED).unwrap();
    hatch.said(&remote(), ticket, collected(all, false)).unwrap();
    assert_eq!(hatch.said(&remote(), ticket, collected(1, false)), Err(Over));
}

#[tokio::test(start_paused = true)]
async fn one_offer_at_a_time_and_the_next_when_that_is_over() {
    let (hatch, _) = hatch();
    let (handing, first, _answering) = answered(&hatch).await;
    let next = offering(&hatch);
    assert_eq!(hatch.collect(&remote(), Duration::from_secs(1)).await, None);
    drop(handing);
    assert_ne!(hatch.collect(&remote(), LONG).await.unwrap().ticket, first);
    next.abort();
}

#[tokio::test(start_paused = true)]
async fn a_remote_is_there_while_it_waits_or_collects_and_a_moment_after() {
    let (hatch, clock) = hatch();
    assert_eq!(hatch.presence(&remote()), Presence::Away(None));
    assert_eq!(hatch.collect(&remote(), Duration::ZERO).await, None);
    clock.advance(GRACE);
    assert_eq!(hatch.presence(&remote()), Presence::There);
    clock.advance(Duration::from_millis(1));
    assert_eq!(hatch.presence(&remote()), Presence::Away(Some(Timestamp::UNIX_EPOCH)));
    let (handing, _, _answering) = answered(&hatch).await;
    clock.advance(GRACE * 2);
    assert_eq!(hatch.presence(&remote()), Presence::There);
    drop(handing);
    assert!(matches!(hatch.presence(&remote()), Presence::Away(Some(_))));
}

#[tokio::test(start_paused = true)]
async fn when_the_node_stops_nobody_is_kept_waiting() {
    let (hatch, _) = hatch();
    let asking = {
        let hatch = Arc::clone(&hatch);
        tokio::spawn(async move { hatch.collect(&remote(), Duration::MAX).await })
    };
    tokio::task::yield_now().await;
    hatch.close();
    assert_eq!(asking.await.unwrap(), None);
}
