//! A batch of files as one request to the node, which gives them to the remote over one association, and what the remote
//! said of each.

use anyhow::Context as _;
use bytes::Bytes;
use causeway_core::{RemoteName, Uid};
use futures_util::stream;
use indicatif::ProgressBar;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Method};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::record::Record;
use super::{Line, Report, hexadecimal};
use crate::cli::found::ReadFile;
use crate::client::Client;

/// Files sent in one request, and their bytes together; a larger file goes alone.
const MAX_FILES: usize = 100;
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A file that waits to be sent.
pub(super) struct Waiting {
    file: ReadFile,
    /// SHA-256 of the file, in hexadecimal digits.
    pub(super) digest: String,
}

/// Files that go together.
#[derive(Default)]
pub(super) struct Batch {
    files: Vec<Waiting>,
    bytes: usize,
}

/// A line of the node's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    File(FileLine),
    End(End),
}

#[derive(Debug, Deserialize)]
struct FileLine {
    index: usize,
    sop_instance: Option<Uid>,
    is_taken: bool,
    words: String,
}

#[derive(Debug, Deserialize)]
struct End {
    is_well: bool,
    words: String,
}

impl Waiting {
    pub(super) fn new(file: ReadFile) -> Self {
        let digest = hexadecimal(Sha256::digest(&file.bytes).into());
        Self { file, digest }
    }
}

impl Batch {
    pub(super) fn has_room_for(&self, file: &Waiting) -> bool {
        self.files.is_empty()
            || (self.files.len() < MAX_FILES && self.bytes + file.file.bytes.len() <= MAX_BYTES)
    }

    pub(super) fn push(&mut self, file: Waiting) {
        self.bytes += file.file.bytes.len();
        self.files.push(file);
    }

    /// Sends it, notes what the remote took, and adds what became of it to `report`. A node that cannot be reached, or
    /// breaks off, is an interruption like a remote that does.
    pub(super) async fn send(
        self,
        client: &Client,
        remote: &RemoteName,
        record: &mut Record,
        report: &mut Report,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        if self.files.is_empty() || report.interrupted.is_some() {
            return Ok(());
        }
        if let Err(error) = self.put(client, remote, record, report, bar).await {
            report.interrupted = Some(format!("{error:#}"));
        }
        record.settle()
    }

    async fn put(
        &self,
        client: &Client,
        remote: &RemoteName,
        record: &mut Record,
        report: &mut Report,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let boundary = self.boundary();
        let request = client
            .request(Method::POST, &format!("/api/v1/remotes/{remote}/send"))
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .body(Body::wrap_stream(stream::iter(self.form(&boundary))));
        let mut lines = client.lines(request).await?;
        loop {
            match lines.next().await?.context("the node broke off its answer")? {
                Told::File(line) => {
                    let Some(waiting) = self.files.get(line.index) else { continue };
                    let named = |because| Line { file: waiting.file.name.clone(), because };
                    if !line.is_taken {
                        report.not_taken.push(named(line.words));
                        continue;
                    }
                    record.note(line.sop_instance.as_ref(), &waiting.digest)?;
                    report.taken += 1;
                    bar.set_message(format!("{} taken", report.taken));
                    if !line.words.is_empty() {
                        report.remarks.push(named(line.words));
                    }
                }
                Told::End(end) => {
                    report.interrupted = (!end.is_well).then_some(end.words);
                    return Ok(());
                }
            }
        }
    }

    /// What stands between the files: nobody can put it into one of them beforehand.
    fn boundary(&self) -> String {
        let mut hasher = Sha256::new();
        self.files.iter().for_each(|waiting| hasher.update(&waiting.digest));
        let digest = hexadecimal(hasher.finalize().into());
        format!("causeway-{}", digest.get(..32).unwrap_or_default())
    }

    /// The form (RFC 7578), in pieces that hold the files as they are. Names of files stay here.
    fn form(&self, boundary: &str) -> Vec<Result<Bytes, std::io::Error>> {
        let head = Bytes::from(format!(
            "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Type: application/dicom\r\n\r\n"
        ));
        let files = self.files.iter().flat_map(|waiting| [head.clone(), waiting.file.bytes.clone()]);
        files.chain([Bytes::from(format!("\r\n--{boundary}--\r\n"))]).map(Ok).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(bytes: usize) -> Waiting {
        Waiting::new(ReadFile { name: "x".to_owned(), bytes: Bytes::from(vec![0; bytes]) })
    }

    #[test]
    fn a_batch_is_bounded_in_files_and_bytes_and_a_large_file_goes_alone() {
        let mut batch = Batch::default();
        assert!(batch.has_room_for(&waiting(MAX_BYTES + 1)));
        batch.push(waiting(MAX_BYTES - 10));
        assert!(batch.has_room_for(&waiting(10)) && !batch.has_room_for(&waiting(11)));
        let mut many = Batch::default();
        (0..MAX_FILES).for_each(|_| many.push(waiting(1)));
        assert!(!many.has_room_for(&waiting(1)));
    }
}
