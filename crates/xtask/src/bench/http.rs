//! A client of HTTP/1.1 (RFC 9112) that does as little as possible: it shares the processor with the server it
//! measures, so what it costs is a part of every figure. One connection, kept open; no redirects, no compression.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// One read of the socket.
const BUFFER_BYTES: usize = 256 * 1024;
/// A line of a head.
const LINE_BYTES_MAX: u64 = 16 * 1024;
/// Lines of a head.
const HEADERS_MAX: usize = 100;
/// A body that is kept.
const BODY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request<'a> {
    /// Path and query.
    pub(super) path: &'a str,
    /// Media type wanted.
    pub(super) accept: &'a str,
    /// Media type and bytes of what is sent.
    pub(super) body: Option<(&'a str, &'a [u8])>,
    /// The method; none: POST with a body, GET without.
    pub(super) method: Option<&'a str>,
    /// Whether the answer's body is of interest, or only its length.
    pub(super) keep: bool,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Length of the body.
    pub(super) bytes: u64,
    /// The body, if it was to be kept.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer, if its status is one of success.
    pub(super) fn fine(self) -> Result<Self> {
        if !(200..300).contains(&self.status) {
            let words = String::from_utf8_lossy(self.body.get(..300).unwrap_or(&self.body)).into_owned();
            bail!("HTTP status {} {words}", self.status);
        }
        Ok(self)
    }
}

/// A client of one server.
pub(super) struct Client {
    address: SocketAddr,
    timeout: Duration,
    open: Option<BufReader<TcpStream>>,
}

enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
}

struct Head {
    status: u16,
    framing: Framing,
    close: bool,
}

impl Client {
    /// A client of the loopback address' `port`; each read and write may take `timeout`.
    pub(super) fn new(port: u16, timeout: Duration) -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), timeout, open: None }
    }

    /// Sends a request and reads the whole answer.
    pub(super) fn send(&mut self, request: &Request<'_>) -> Result<Answer> {
        if let Some(connection) = self.open.take()
            && let Ok(answer) = self.exchange(connection, request)
        {
            return Ok(answer);
        }
        // Either there was no connection, or the server has closed it between two requests, as it may.
        let connection = self.connect()?;
        self.exchange(connection, request)
            .with_context(|| format!("no answer to {}", request.path.split('?').next().unwrap_or_default()))
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, self.timeout).context("no connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(BufReader::with_capacity(BUFFER_BYTES, stream))
    }

    fn exchange(&mut self, mut connection: BufReader<TcpStream>, request: &Request<'_>) -> Result<Answer> {
        let written = write_request(connection.get_mut(), self.address, request);
        // A server that refuses a body may answer and close before it has read it all: its answer counts.
        let head = match (read_head(&mut connection), written) {
            (Ok(head), _) => head,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        let mut answer = Answer { status: head.status, ..Answer::default() };
        let keep = request.keep || head.status >= 300;
        match head.framing {
            Framing::Length(length) => read_length(&mut connection, length, keep, &mut answer)?,
            Framing::Chunked => read_chunks(&mut connection, keep, &mut answer)?,
            Framing::UntilClosed => read_until_closed(&mut connection, keep, &mut answer)?,
        }
        if !head.close {
            self.open = Some(connection);
        }
        Ok(answer)
    }
}

fn write_request(stream: &mut TcpStream, host: SocketAddr, request: &Request<'_>) -> Result<()> {
    let Request { path, accept, body, method, .. } = *request;
    let method = method.unwrap_or(if body.is_some() { "POST" } else { "GET" });
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\n");
    if let Some((media_type, bytes)) = body {
        head.push_str(&format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", bytes.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if let Some((_, bytes)) = body {
        stream.write_all(bytes)?;
    }
    Ok(())
}

/// Reads the head of the final answer; those of status 1xx are passed over.
fn read_head(reader: &mut impl BufRead) -> Result<Head> {
    for _ in 0..HEADERS_MAX {
        let head = read_one_head(reader)?;
        if head.status >= 200 {
            return Ok(head);
        }
    }
    bail!("one interim answer after the other");
}

fn read_one_head(reader: &mut impl BufRead) -> Result<Head> {
    let line = read_line(reader)?;
    let mut words = line.split(' ');
    let close = words.next() == Some("HTTP/1.0");
    let status = words.next().and_then(|word| word.parse().ok()).context("no status line")?;
    // 204 and 304 have no body, whatever else they say (RFC 9112 §6.3).
    let bare = status < 200 || status == 204 || status == 304;
    let mut head = Head { status, framing: Framing::UntilClosed, close };
    for _ in 0..HEADERS_MAX {
        let line = read_line(reader)?;
        if line.is_empty() {
            if bare {
                head.framing = Framing::Length(0);
            }
            head.close |= matches!(head.framing, Framing::UntilClosed);
            return Ok(head);
        }
        let Some((name, value)) = line.split_once(':') else { bail!("a header without a colon") };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            head.framing = Framing::Length(value.parse().context("Content-Length is no number")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            head.framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            head.close = true;
        }
    }
    bail!("more than {HEADERS_MAX} headers");
}

fn read_line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        bail!("the answer breaks off in its head");
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn read_chunks(reader: &mut impl BufRead, keep: bool, answer: &mut Answer) -> Result<()> {
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(size, 16).context("a chunk without a size")?;
        if length == 0 {
            while !read_line(reader)?.is_empty() {}
            return Ok(());
        }
        read_length(reader, length, keep, answer)?;
        read_line(reader)?;
    }
}

fn read_length(reader: &mut impl BufRead, length: u64, keep: bool, answer: &mut Answer) -> Result<()> {
    let mut left = length;
    while left > 0 {
        let taken = take_some(reader, left, keep, answer)?;
        if taken == 0 {
            bail!("the answer breaks off");
        }
        left = left.saturating_sub(taken);
    }
    Ok(())
}

fn read_until_closed(reader: &mut impl BufRead, keep: bool, answer: &mut Answer) -> Result<()> {
    while take_some(reader, u64::MAX, keep, answer)? > 0 {}
    Ok(())
}

/// Takes what one read gives, `most` bytes at the most, and says how many those were.
fn take_some(reader: &mut impl BufRead, most: u64, keep: bool, answer: &mut Answer) -> Result<u64> {
    let available = reader.fill_buf()?;
    let length = available.len().min(usize::try_from(most).unwrap_or(usize::MAX));
    if keep {
        if answer.body.len() + length > BODY_BYTES_MAX {
            bail!("an answer of more than {BODY_BYTES_MAX} bytes");
        }
        answer.body.extend_from_slice(available.get(..length).unwrap_or_default());
    }
    reader.consume(length);
    answer.bytes += length as u64;
    Ok(length as u64)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// A server that gives each connection its answers, one for each request without a body, and closes.
    fn serve(connections: Vec<Vec<&'static str>>) -> (u16, JoinHandle<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            for answers in connections {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                for answer in answers {
                    while !read_line(&mut reader).unwrap().is_empty() {}
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        (port, thread)
    }

    fn get(client: &mut Client) -> Result<Answer> {
        client.send(&Request { path: "/x", accept: "*/*", keep: true, ..Request::default() })
    }

    #[test]
    fn every_framing_is_read_and_a_closed_connection_is_opened_again() {
        let (port, thread) = serve(vec![
            vec![
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n",
                "HTTP/1.1 204 No Content\r\n\r\n",
            ],
            vec!["HTTP/1.1 200 OK\r\n\r\nuntil the end"],
        ]);
        let mut client = Client::new(port, Duration::from_secs(5));
        assert_eq!(get(&mut client).unwrap().body, b"abc");
        assert_eq!(get(&mut client).unwrap().body, b"def");
        assert_eq!(get(&mut client).unwrap().status, 204);
        let last = get(&mut client).unwrap();
        assert_eq!((last.body.as_slice(), last.bytes), (b"until the end".as_slice(), 13));
        thread.join().unwrap();
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error_and_a_refusal_is_told() {
        let (port, thread) = serve(vec![
            vec!["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
            vec!["HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nwhy"],
        ]);
        let mut client = Client::new(port, Duration::from_secs(5));
        assert!(get(&mut client).is_err());
        let error = get(&mut client).unwrap().fine().unwrap_err();
        assert_eq!(error.to_string(), "HTTP status 409 why");
        thread.join().unwrap();
    }
}
