//! A server of PostgreSQL with an empty database, for tests that are no Rust:
//! `cargo run -p causeway-testkit --example database_server -- --folder DIR --listen 127.0.0.1:0`.
//!
//! The first line that it prints is the database's URL. It ends the server, and takes its folder, when its input ends or it
//! is told to terminate.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_testkit::database::Cluster;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (folder, listen) = match words.as_slice() {
        ["--folder", folder] => (folder, "127.0.0.1:0"),
        ["--folder", folder, "--listen", listen] | ["--listen", listen, "--folder", folder] => {
            (folder, *listen)
        }
        _ => return Err(io::Error::other("--folder DIR [--listen ADDRESS:PORT]")),
    };
    let listen: SocketAddr = listen.parse().map_err(io::Error::other)?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let cluster = Cluster::start(&PathBuf::from(folder), listen)?;
    let Some(cluster) = cluster else {
        return Err(io::Error::other("there is no PostgreSQL on this machine"));
    };
    println!("{}", cluster.create("causeway")?.url());
    let (ended, is_ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        ended.send(())
    });
    tokio::select! {
        _ = is_ended => {}
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    drop(cluster);
    // Nothing waits for the thread that still reads.
    std::process::exit(0);
}
