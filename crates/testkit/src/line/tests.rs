//! The line against a far side that reads, and one that answers. Whether it is as slow as it says is measured on the
//! paused clock of the runtime where it can be; over sockets only that it is not faster.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A far side that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind(HERE).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, mut writes) = stream.split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
                let _ = writes.shutdown().await;
            });
        }
    });
    address
}

async fn open(terms: Terms) -> Line {
    Line::open(HERE, echo().await, terms).unwrap()
}

/// Sends as much over each of `connections`, and waits until it is back.
async fn exchange(line: &Line, connections: usize, bytes: usize) {
    let mut all = JoinSet::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(line.address()).await.unwrap();
        all.spawn(async move {
            let (mut reads, mut writes) = stream.into_split();
            let sends = async move {
                writes.write_all(&vec![7; bytes]).await.unwrap();
                writes.shutdown().await.unwrap();
            };
            let mut back = Vec::new();
            let (_, read) = tokio::join!(sends, reads.read_to_end(&mut back));
            assert_eq!((read.unwrap(), back.iter().all(|byte| *byte == 7)), (bytes, true));
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn what_goes_in_comes_out_and_is_counted() {
    let line = open(Terms::default()).await;
    exchange(&line, 3, 1_000_000).await;
    let count = line.count();
    assert_eq!(
        count,
        Count { there: 3_000_000, back: 3_000_000, connections: 3, breaks: 0, busy: count.busy }
    );
    assert!(count.busy > Duration::ZERO);
    line.count_anew();
    assert_eq!(line.count(), Count::default());
}

#[tokio::test]
async fn connections_share_the_line_and_it_is_no_faster_than_it_says() {
    let round_trip = Duration::from_millis(100);
    let terms = Terms { round_trip, bits_per_second: Some(16_000_000), breaks_every: None };
    let line = open(terms).await;
    let begun = Instant::now();
    exchange(&line, 4, 250_000).await;
    // A handshake, a round trip, and a million bytes at two million a second; both directions go at once.
    let least = round_trip * 2 + terms.own_time(1_000_000);
    assert_eq!(least, Duration::from_millis(700));
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn whoever_sends_feels_the_line() {
    let terms = Terms { bits_per_second: Some(8_000), ..Terms::default() };
    let line = open(terms).await;
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    let megabyte = vec![0; 8 * 1024 * 1024];
    let sent = tokio::time::timeout(Duration::from_millis(300), stream.write_all(&megabyte)).await;
    assert!(sent.is_err(), "a line of a kilobyte a second took eight megabytes");
}

#[tokio::test]
async fn a_cut_ends_all_connections_and_new_ones_are_taken() {
    let line = open(Terms::default()).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(line.address()).await.unwrap();
        stream.write_all(&[1]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        streams.push(stream);
    }
    line.cut();
    for mut stream in streams {
        assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    }
    exchange(&line, 1, 10).await;
    assert_eq!(line.count().breaks, 1);
}

#[tokio::test]
async fn breaks_come_by_themselves_where_they_are_asked_for() {
    let line = open(Terms { breaks_every: Some(Duration::from_millis(50)), ..Terms::default() }).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(line.address()).await.unwrap();
        assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    }
    assert!(line.count().breaks >= 2);
}

#[tokio::test]
async fn one_connection_is_cut_after_so_many_bytes_and_the_next_is_not() {
    let line = open(Terms::default()).await;
    line.cut_after([100_000]);
    let mut stream = TcpStream::connect(line.address()).await.unwrap();
    // It may be gone before all of it was taken.
    let _ = stream.write_all(&vec![7; 4 * 1024 * 1024]).await;
    while !matches!(stream.read(&mut [0; 1024]).await, Ok(0) | Err(_)) {}
    let passed = line.count().there;
    // To a chunk.
    assert!((100_000..110_000).contains(&passed), "{passed}");
    exchange(&line, 1, 200_000).await;
    assert_eq!((line.count().breaks, line.count().there), (1, passed + 200_000));
}
