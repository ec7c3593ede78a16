//! Fetching the documents of an identity provider: discovery and keys, over HTTP, within bounds.

use std::time::Duration;

use causeway_archive::oidc::{Fetch, FetchError, Fetching};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

/// How long a connection may take.
const CONNECT_SECONDS: u64 = 5;
/// How long all of it may take.
const FETCH_SECONDS: u64 = 10;

/// Fetches what the archive asks for.
#[derive(Debug, Clone)]
pub struct Fetcher(Client);

impl Fetcher {
    /// A fetcher that trusts the certificates that the machine trusts.
    ///
    /// # Errors
    /// When those cannot be read.
    pub fn new() -> Result<Self, FetchError> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
            .timeout(Duration::from_secs(FETCH_SECONDS))
            .redirect(Policy::none())
            .build();
        client.map(Self).map_err(|error| told(&error))
    }

    async fn get(&self, url: &str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let mut response = self.0.get(url).send().await.map_err(|error| told(&error))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError(format!("{url} answered {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
            if body.len() + chunk.len() > max_bytes {
                return Err(FetchError(format!("{url} has more than {max_bytes} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Fetch for Fetcher {
    fn fetch<'a>(&'a self, url: &'a str, max_bytes: usize) -> Fetching<'a> {
        Box::pin(self.get(url, max_bytes))
    }
}

/// The error with all its causes: the last of them says what is wrong.
fn told(error: &reqwest::Error) -> FetchError {
    let mut words = error.to_string();
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        words = format!("{words}: {deeper}");
        cause = deeper;
    }
    FetchError(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Fetches from a server that gives `answer` to its first caller.
    async fn fetched(answer: &'static str, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let found = Fetcher::new().unwrap().fetch(&url, max_bytes).await;
        server.await.unwrap();
        found
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_bound() {
        const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nkeys";
        assert_eq!(fetched(ANSWER, 5).await, Ok(b"keys".to_vec()));
        assert_eq!(fetched(ANSWER, 4).await, Ok(b"keys".to_vec()));
        assert!(fetched(ANSWER, 3).await.unwrap_err().0.contains("more than 3 bytes"));
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_a_silent_end_is_told() {
        const ELSEWHERE: &str =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert!(fetched(ELSEWHERE, 9).await.unwrap_err().0.contains("302"));
        assert!(fetched("", 9).await.is_err());
    }
}
