//! `causeway worklist import`: the entries of a file, one request each, so that one that is refused hinders no other.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::Client;

/// The media type of DICOM JSON (PS3.18 §8.7.3).
pub(super) const DICOM_JSON: &str = "application/dicom+json";
/// Largest file that is read.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

pub(super) async fn run(client: &Client, file: &Path) -> anyhow::Result<ExitCode> {
    let name = || format!("in {}", file.display());
    let bytes = std::fs::metadata(file).with_context(name)?.len();
    anyhow::ensure!(bytes <= MAX_FILE_BYTES, "{} is larger than {MAX_FILE_BYTES} bytes", file.display());
    let text = std::fs::read_to_string(file).with_context(name)?;
    let document: Value = serde_json::from_str(&text).with_context(name)?;
    let entries = match document {
        Value::Array(entries) => entries,
        one => vec![one],
    };
    let mut added = Vec::new();
    let mut refused = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        match add(client, &entry).await {
            Ok(id) => added.push(id),
            Err(error) => refused.push((index, error.to_string())),
        }
    }
    tell(client, &added, &refused);
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn add(client: &Client, entry: &Value) -> anyhow::Result<Value> {
    let media_type = if is_dicom(entry) { DICOM_JSON } else { "application/json" };
    let request = client.request(Method::POST, "/api/v1/worklist");
    let request = request.body(entry.to_string()).header(CONTENT_TYPE, media_type);
    let kept: Value = client.ask(request).await?;
    Ok(kept.get("id").cloned().unwrap_or(Value::Null))
}

/// Whether its names are tags.
fn is_dicom(entry: &Value) -> bool {
    let is_tag = |name: &String| causeway_core::Tag::from_hex(name).is_some();
    entry.as_object().is_some_and(|members| !members.is_empty() && members.keys().all(is_tag))
}

fn tell(client: &Client, added: &[Value], refused: &[(usize, String)]) {
    if client.is_json() {
        let refused: Vec<Value> =
            refused.iter().map(|(index, words)| json!({ "index": index, "because": words })).collect();
        println!("{}", json!({ "added": added, "refused": refused }));
        return;
    }
    println!("{} entries added", added.len());
    for (index, words) in refused {
        println!("  entry {index}: {words}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_tags_make_it_dicom_json() {
        assert!(is_dicom(&json!({ "00100020": { "vr": "LO", "Value": ["P1"] } })));
        assert!(!is_dicom(&json!({ "patient": {} })));
        assert!(!is_dicom(&json!({})));
        assert!(!is_dicom(&json!("00100020")));
    }
}
