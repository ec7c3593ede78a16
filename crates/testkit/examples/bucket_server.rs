//! An S3 server on a folder, as a process of its own:
//! `cargo run -p causeway-testkit --example bucket_server --features bucket -- --listen 127.0.0.1:0 --folder DIR --bucket NAME
//! [--access-key K --secret-key S]`.
//!
//! The first line that it prints is its address. It serves until it is killed.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use causeway_testkit::bucket::{Bucket, Key};
use tokio::runtime::Builder;

const USAGE: &str = "--listen ADDRESS:PORT --folder DIR --bucket NAME [--access-key K --secret-key S]";

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let (Some(listen), Some(folder), Some(bucket)) =
        (given("--listen"), given("--folder"), given("--bucket"))
    else {
        return Err(io::Error::other(USAGE));
    };
    let listen: SocketAddr = listen.parse().map_err(io::Error::other)?;
    let key = match (given("--access-key"), given("--secret-key")) {
        (Some(id), Some(secret)) => Some(Key { id, secret }),
        (None, None) => None,
        _ => return Err(io::Error::other(USAGE)),
    };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let bucket = Bucket::open(listen, Path::new(&folder), &bucket, key)?;
        println!("{}", bucket.address());
        std::future::pending().await
    })
}
