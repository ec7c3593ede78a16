//! A batch of files as one STOW-RS request, and what the node said of each (PS3.18 §10.5).

use anyhow::{Context as _, bail};
use bytes::Bytes;
use causeway_core::{Attributes, Element, Tag};
use futures_util::stream;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode};

use super::{Line, Report};
use crate::cli::found::ReadFile;
use crate::client::Client;

/// Sends `batch` and adds what became of it to `report`. When several files were refused together without a
/// word of which, each is sent by itself.
pub(super) async fn send(client: &Client, batch: Vec<ReadFile>, report: &mut Report) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (status, answer) = post(client, &batch).await?;
    let items = |tag: Tag| answer.get(tag).map(Element::items).unwrap_or_default();
    let (taken, mut failed) = (items(Tag::REFERENCED_SOP_SEQUENCE), items(Tag::FAILED_SOP_SEQUENCE));
    if failed.is_empty() {
        failed = items(Tag::OTHER_FAILURES_SEQUENCE);
    }
    if failed.is_empty() && taken.len() == batch.len() {
        report.taken += taken.len() as u64;
        return Ok(());
    }
    if let [file] = batch.as_slice() {
        let because = failed.first().map_or_else(|| format!("HTTP {status}"), why);
        report.not_taken.push(Line { file: file.name.clone(), because });
        return Ok(());
    }
    // Which file a failure belongs to is not said of files that could not be read: ask one by one. What was
    // taken is taken again, to the same effect.
    for file in batch {
        Box::pin(send(client, vec![file], report)).await?;
    }
    Ok(())
}

/// The failure reason in words (PS3.18 Table I.2-2).
fn why(item: &Attributes) -> String {
    let Some(reason) = item.first(Tag::FAILURE_REASON).and_then(|text| text.parse::<u16>().ok()) else {
        return "no reason given".to_owned();
    };
    let words = match reason {
        0x0110 => "the node failed; its log says how",
        0x0111 => "another instance with this UID is kept, with other content",
        0x0122 => "its SOP class is not for storage",
        0x0124 => "the token may not store",
        0xA700..=0xA7FF => "the node is full or busy; try again later",
        0xA900..=0xA9FF => "a UID is missing, or is not what was announced",
        0xC000..=0xCFFF => "it cannot be read as a data set",
        _ => "refused",
    };
    format!("{words} ({reason:04X}H)")
}

async fn post(client: &Client, batch: &[ReadFile]) -> anyhow::Result<(u16, Attributes)> {
    let boundary = "causeway-import-2d7c1a54";
    let mut chunks: Vec<Result<Bytes, std::io::Error>> = Vec::new();
    for file in batch {
        chunks.push(Ok(Bytes::from(format!("\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"))));
        chunks.push(Ok(file.bytes.clone()));
    }
    chunks.push(Ok(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
    let request = client
        .request(Method::POST, "/dicom-web/studies")
        .header(CONTENT_TYPE, content_type)
        .header(ACCEPT, "application/dicom+json")
        .body(Body::wrap_stream(stream::iter(chunks)));
    let response = client.send(request).await?;
    let status = response.status();
    let text = response.text().await.context("the answer cannot be read")?;
    match status {
        StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT | StatusCode::BAD_REQUEST => {
            Ok((status.as_u16(), Attributes::from_json(&text).unwrap_or_default()))
        }
        _ => bail!("the node takes nothing: HTTP {status}: {text}"),
    }
}
