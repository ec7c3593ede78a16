//! What all that goes out over HTTP shares: how a client is made, the token that is shown, what it means when a line
//! fails. Never here: what is asked for or sent.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder};

use crate::failure::{Failure, Kind};

/// Longest token file that is read.
const MAX_TOKEN_BYTES: u64 = 16 * 1024;

/// A client that gives up connecting after a while and goes nowhere but where it is told to.
pub(crate) fn builder(connect: Duration) -> ClientBuilder {
    Client::builder().connect_timeout(connect).redirect(reqwest::redirect::Policy::none()).tcp_nodelay(true)
}

/// The client; that none can be had is our own fault.
pub(crate) fn client(builder: ClientBuilder) -> Result<Client, Failure> {
    builder.build().map_err(|error| Failure::new(Kind::Ours, error.to_string()))
}

/// The request with the bearer token of a file, where there is one.
pub(crate) fn authorized(
    request: RequestBuilder,
    token_file: Option<&Path>,
) -> Result<RequestBuilder, Failure> {
    Ok(match token_file.map(read_token).transpose()? {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
}

/// The token that is in a file, which may change at any time.
fn read_token(path: &Path) -> Result<String, Failure> {
    let unreadable = |words: String| Failure::new(Kind::Refused, words);
    // A few bytes of a local file: no thread is worth it.
    match std::fs::metadata(path).map(|file| file.len()) {
        Ok(length) if length <= MAX_TOKEN_BYTES => {}
        Ok(_) => return Err(unreadable("the token file is too long".to_owned())),
        Err(error) => return Err(unreadable(format!("the token file cannot be read: {error}"))),
    }
    let token = std::fs::read_to_string(path)
        .map_err(|error| unreadable(format!("the token file cannot be read: {error}")))?;
    Ok(token.trim().to_owned())
}

/// The far side neither takes nor says anything any more.
pub(crate) fn silent() -> Failure {
    Failure::new(Kind::Transient, "timed out: it neither took nor said anything")
}

/// The line broke, or nobody answered. The URL stays out of the words: it may hold a secret.
pub(crate) fn broken(error: &reqwest::Error) -> Failure {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "timed out"
    } else {
        "the connection broke"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let deepest = if cause.is::<reqwest::Error>() { String::new() } else { format!(": {cause}") };
    Failure::new(Kind::Transient, format!("{what}{deepest}"))
}
