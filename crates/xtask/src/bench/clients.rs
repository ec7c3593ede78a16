//! Many clients at once, each on a connection that it keeps, going through the same questions in an order of its own.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::http::Request;
use super::per_second;
use super::servers::{ANSWER_MAX, Server};

/// How many there are.
pub(super) const CLIENTS: usize = 8;

/// What they ask for.
pub(super) struct Questions<'a> {
    pub(super) paths: &'a [String],
    pub(super) accept: &'a str,
    /// Fewer bytes are no answer.
    pub(super) least_bytes: u64,
    /// What is put behind the path of the question of that number, of all that are asked, so that none is asked twice.
    pub(super) query: Option<fn(u64) -> String>,
    /// What the answer to the path at that index has to hold; looked at once for each client.
    pub(super) holds: &'a (dyn Fn(usize, &[u8]) -> bool + Sync),
}

/// Answers a second, of all clients together. In another `round` each begins elsewhere.
pub(super) fn ask(server: &Server, questions: &Questions<'_>, round: usize, time: Duration) -> Result<f64> {
    let begin = Barrier::new(CLIENTS);
    let counts: Vec<Result<f64>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    ask_alone(server, questions, round * CLIENTS + number, time)
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| bail!("a client is lost")))
            .collect()
    });
    counts.into_iter().sum()
}

fn ask_alone(server: &Server, questions: &Questions<'_>, number: usize, time: Duration) -> Result<f64> {
    // A prime larger than any number of questions: each client meets all of them, each in another order.
    const STEP: usize = 7919;
    /// More than there are clients in all rounds.
    const SERIAL_STEP: u64 = 1000;
    let mut client = server.client(ANSWER_MAX)?;
    let mut index = number * STEP * 31;
    let mut answers = 0_u64;
    let start = Instant::now();
    while start.elapsed() < time {
        index += STEP;
        let at = index % questions.paths.len().max(1);
        let path = questions.paths.get(at).context("no questions")?;
        let serial = answers * SERIAL_STEP + number as u64;
        let path = match questions.query {
            Some(query) => &format!("{path}?{}", query(serial)),
            None => path,
        };
        let keep = answers == 0;
        let request = Request { path, accept: questions.accept, keep, ..Request::default() };
        let answer = client.send(&request)?.fine()?;
        if answer.bytes < questions.least_bytes || (keep && !(questions.holds)(at, &answer.body)) {
            bail!("{path} was answered with something else");
        }
        answers += 1;
    }
    Ok(per_second(answers, start.elapsed()))
}
