//! One request to a remote's DICOMweb side, from its beginning to its answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use causeway_archive::Passage;
use causeway_core::{Attributes, Tag, Uid};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Body, Client};

use super::body::{Source, Upload, multipart};
use super::load::Item;
use super::reply::{Reply, read_reply, read_whole};
use crate::failure::{Failure, Kind};
use crate::http::{authorized, broken, silent};

/// Where requests go.
pub(super) struct Target {
    /// The studies resource.
    pub(super) studies: String,
    pub(super) token_file: Option<PathBuf>,
    /// How long the far side may be silent.
    pub(super) patience: Duration,
}

/// A request that is over.
pub(super) struct Landed {
    pub(super) items: Vec<Item>,
    /// Which of the lines it was on.
    pub(super) line: usize,
    /// Of which requests it is one: those that were begun between two breaks.
    pub(super) generation: u32,
    /// Under which names the instances went.
    pub(super) passage: Passage,
    pub(super) what: What,
}

pub(super) enum What {
    /// Instances were sent.
    Sent { upload: Upload, reply: Result<Reply, Failure>, took: Duration },
    /// It was asked whether it has them; of each in its place whether it has, or none when it does not answer that.
    Asked(Result<Option<Vec<bool>>, Failure>),
}

impl Target {
    /// Sends instances as the parts of one request (PS3.18 §10.5.1).
    pub(super) async fn post(&self, client: &Client, items: &[Item], source: Source, upload: Upload) -> What {
        let begun = Instant::now();
        let boundary = format!("causeway-{:032x}", rand::random::<u128>());
        let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let batch = items.iter().map(|item| item.ready.clone()).collect();
        let body = multipart(source, batch, boundary, &upload);
        let request = client
            .post(&self.studies)
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, "application/dicom+json")
            .body(Body::wrap_stream(body));
        let reply = async {
            let request = authorized(request, self.token_file.as_deref())?;
            // Not the client's own read timeout: that one runs while we send, however fast the far side takes it.
            let response = tokio::select! {
                response = request.send() => response.map_err(|error| broken(&error))?,
                () = upload.silent_for(self.patience) => return Err(silent()),
            };
            read_reply(response, self.patience).await
        };
        let reply = reply.await;
        What::Sent { upload, reply, took: begun.elapsed() }
    }

    /// Asks which of these, all of one study, the far side has (QIDO-RS, PS3.18 §10.6).
    pub(super) async fn ask(&self, client: &Client, items: &[Item], passage: &Passage) -> What {
        What::Asked(self.which(client, items, passage).await)
    }

    async fn which(
        &self,
        client: &Client,
        items: &[Item],
        passage: &Passage,
    ) -> Result<Option<Vec<bool>>, Failure> {
        let Some(first) = items.first() else { return Ok(None) };
        let study = passage.study(&first.ready.instance);
        let uids: Vec<Uid> = items.iter().map(|item| passage.sop_instance(&item.ready.instance)).collect();
        let listed_uids = uids.iter().map(Uid::as_str).collect::<Vec<_>>().join(",");
        let url = format!("{}/{}/instances?SOPInstanceUID={listed_uids}", self.studies, study.as_str());
        let request = client.get(url).header(ACCEPT, "application/dicom+json").timeout(self.patience);
        let request = authorized(request, self.token_file.as_deref())?;
        let response = request.send().await.map_err(|error| broken(&error))?;
        match response.status().as_u16() {
            // None found: 204, or what some answer for it.
            204 => return Ok(Some(vec![false; items.len()])),
            200 => {}
            502 | 504 => return Err(Failure::new(Kind::Transient, "no answer to a question after a break")),
            _ => return Ok(None),
        }
        let Some(body) = read_whole(response, self.patience).await? else { return Ok(None) };
        let Some(found) = std::str::from_utf8(&body).ok().and_then(listed) else { return Ok(None) };
        Ok(Some(uids.iter().map(|uid| found.iter().any(|other| other == uid.as_str())).collect()))
    }
}

/// The SOP Instance UIDs of a list of matches; none when it is no list.
fn listed(json: &str) -> Option<Vec<String>> {
    let matches: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(json).ok()?;
    let uid = |found: &serde_json::value::RawValue| {
        let attributes = Attributes::from_json(found.get()).ok()?;
        attributes.first(Tag::SOP_INSTANCE_UID).map(str::to_owned)
    };
    Some(matches.iter().filter_map(|found| uid(found)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_found_and_what_is_no_list_says_nothing() {
        let json =
            r#"[{"00080018":{"vr":"UI","Value":["1.2.3"]}},{"00080018":{"vr":"UI","Value":["1.2.4"]}},{}]"#;
        assert_eq!(listed(json), Some(vec!["1.2.3".to_owned(), "1.2.4".to_owned()]));
        assert_eq!(listed("[]"), Some(Vec::new()));
        assert_eq!(listed("<html>"), None);
        assert_eq!(listed(r#"{"error":"no"}"#), None);
    }
}
