//! Talking to a running node: its REST interface and its STOW-RS, for the commands that need one.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Certificate, Client as Http, Identity, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How to reach the node, and how to speak to whoever called the command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// Where the node is
    #[arg(
        long,
        global = true,
        env = "CAUSEWAY_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) url: String,
    /// CAs that may have issued the node's certificate, or that certificate itself, for a node that speaks TLS
    /// [default: the CAs this machine trusts]
    #[arg(long, global = true, env = "CAUSEWAY_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate and key in one file, for a node that asks for one
    #[arg(long, global = true, env = "CAUSEWAY_IDENTITY", value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// Bearer token, for a node that asks for one
    #[arg(long, global = true, env = "CAUSEWAY_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Print JSON for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A client of one node.
pub(crate) struct Client {
    http: Http,
    target: Target,
}

impl Client {
    pub(crate) fn new(target: Target) -> anyhow::Result<Self> {
        let mut http = Http::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &target.ca {
            let pem = read(path, "--ca")?;
            let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            let found = found.with_context(|| {
                format!("--ca {} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path.display())
            })?;
            http = http.tls_certs_only(found);
        }
        if let Some(path) = &target.identity {
            let identity = Identity::from_pem(&read(path, "--identity")?);
            // What is said of a key that cannot be read may hold a part of it.
            let identity = identity.ok().with_context(|| {
                format!("--identity {} does not hold a certificate and its key in PEM", path.display())
            })?;
            http = http.identity(identity);
        }
        Ok(Self { http: http.build()?, target })
    }

    pub(crate) fn is_json(&self) -> bool {
        self.target.json
    }

    /// Where the node is.
    pub(crate) fn url(&self) -> &str {
        self.target.url.trim_end_matches('/')
    }

    /// A request to `path`, which begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url()));
        match &self.target.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| {
            let hint = hint(&error);
            anyhow::Error::new(error.without_url())
                .context(format!("no answer from {}{hint}", self.target.url))
        })?;
        Ok(response)
    }

    /// The answer, or the node's own words for why there is none.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = fine(self.send(request).await?).await?;
        response.json().await.context("the answer cannot be read")
    }

    /// The answer as it comes, line by line; or the node's own words for why there is none.
    pub(crate) async fn lines(&self, request: RequestBuilder) -> anyhow::Result<Lines> {
        let response = fine(self.send(request).await?).await?;
        Ok(Lines { response, held: Vec::new() })
    }

    pub(crate) async fn tell(&self, request: RequestBuilder) -> anyhow::Result<()> {
        fine(self.send(request).await?).await.map(drop)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(self.request(Method::GET, path)).await
    }

    /// A list that comes in pages, all of it: each is asked for from beyond what the last one there has at `key`.
    pub(crate) async fn get_all(&self, path: &str, key: &str) -> anyhow::Result<Vec<Value>> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all.last().and_then(|last| last.get(key)).and_then(Value::as_str).unwrap_or_default();
            let more: Vec<Value> = self.get(&format!("{path}?after={after}")).await?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<()> {
        self.tell(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.tell(self.request(Method::DELETE, path)).await
    }
}

fn read(path: &Path, option: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{option} {} cannot be read", path.display()))
}

/// What may help where no answer came.
fn hint(error: &reqwest::Error) -> &'static str {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if !error.is_connect() {
        ""
    } else if causes.any(|cause| cause.to_string().contains("certificate")) {
        "; if its certificate is right, name it or its CA with --ca (CAUSEWAY_CA)"
    } else {
        "; is it running (`causeway serve`)?"
    }
}

/// Longest line that is read: one match is at most as long as its identifier, told in JSON.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// An answer of one JSON document a line.
pub(crate) struct Lines {
    response: Response,
    held: Vec<u8>,
}

impl Lines {
    /// The next line; none at the end.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                return serde_json::from_slice(&line)
                    .map(Some)
                    .context("a line of the answer cannot be read");
            }
            if self.held.len() > MAX_LINE_BYTES {
                bail!("a line of the answer is longer than {MAX_LINE_BYTES} bytes");
            }
            let chunk = self.response.chunk().await.map_err(reqwest::Error::without_url);
            match chunk.context("the node broke off its answer")? {
                Some(chunk) => self.held.extend_from_slice(&chunk),
                None if self.held.is_empty() => return Ok(None),
                None => bail!("the node broke off its answer"),
            }
        }
    }
}

/// Passes an answer that says yes; else tells what the node said.
async fn fine(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let detail = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|problem| problem.get("detail").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or(text);
    let hint = if status == StatusCode::UNAUTHORIZED { " (give --token or CAUSEWAY_TOKEN)" } else { "" };
    bail!("the node says no: {detail}{hint} [HTTP {}]", status.as_u16())
}
