//! A line that is far, narrow and breaks, in front of another server:
//! `cargo run -p causeway-testkit --example bad_line -- TO ROUND_TRIP_MS MBIT_PER_SECOND BREAKS_EVERY_MS [LISTEN]`.
//!
//! 0 stands for no limit, and for no breaks. The first line that it prints is the port; to each line that it is given it
//! answers with what has passed, as JSON, after it has done what that line says: `cut` cuts all connections, `cut-after` and
//! numbers of bytes cuts those that come next, one for each, when so many have passed, `anew` counts from there on. It ends
//! with its input.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use causeway_testkit::line::{Line, Terms};
use tokio::runtime::Builder;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [to, round_trip, megabits, breaks, listen @ ..] = words.as_slice() else {
        println!("TO ROUND_TRIP_MS MBIT_PER_SECOND BREAKS_EVERY_MS [LISTEN]");
        return Ok(());
    };
    let number = |text: &String| text.parse::<u64>().map_err(io::Error::other);
    let address = |text: &str| text.parse::<SocketAddr>().map_err(io::Error::other);
    let (rate, breaks) = (number(megabits)?, number(breaks)?);
    let terms = Terms {
        round_trip: Duration::from_millis(number(round_trip)?),
        bits_per_second: (rate > 0).then_some(rate * 1_000_000),
        breaks_every: (breaks > 0).then(|| Duration::from_millis(breaks)),
    };
    let listen = listen.first().map_or("127.0.0.1:0", String::as_str);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let line = {
        let _within = runtime.enter();
        Line::open(address(listen)?, address(to)?, terms)?
    };
    println!("{}", line.address().port());
    for command in io::stdin().lines() {
        let command = command?;
        let mut words = command.split_whitespace();
        match words.next() {
            Some("cut") => line.cut(),
            Some("cut-after") => {
                let bytes: Result<Vec<u64>, _> = words.map(str::parse).collect();
                line.cut_after(bytes.map_err(io::Error::other)?);
            }
            Some("anew") => line.count_anew(),
            _ => {}
        }
        let count = line.count();
        println!(
            r#"{{"there":{},"back":{},"connections":{},"breaks":{},"busy_ms":{}}}"#,
            count.there,
            count.back,
            count.connections,
            count.breaks,
            count.busy.as_millis()
        );
    }
    Ok(())
}
