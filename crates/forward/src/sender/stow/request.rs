//! One request to a remote's DICOMweb side, from its beginning to its answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use causeway_archive::Passage;
use causeway_catalog::delivery::SentAs;
use causeway_core::Uid;
use causeway_core::remote::DicomWebAddress;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Body, Client};

use super::before::Answers;
use super::body::{Source, Upload, multipart};
use super::load::Item;
use super::reply::{Reply, read_reply};
use crate::dicomweb::DicomWeb;
use crate::failure::Failure;
use crate::http::{authorized, broken, silent};
use crate::qido::{self, Presence};
use crate::sender::Patience;

/// Where requests go.
pub(super) struct Target {
    /// The studies resource.
    pub(super) studies: String,
    pub(super) token_file: Option<PathBuf>,
    /// The far side's base, for questions.
    pub(super) address: DicomWebAddress,
    /// How long the far side may be silent.
    pub(super) patience: Patience,
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
    /// Sends instances as the parts of one request (PS3.18 §10.5.1), which does not end before `asked` is heard.
    pub(super) async fn post(
        &self,
        client: &Client,
        items: &[Item],
        source: Source,
        (upload, asked): (Upload, Vec<Answers>),
    ) -> What {
        let begun = Instant::now();
        let boundary = format!("causeway-{:032x}", rand::random::<u128>());
        let content_type = format!("multipart/related; type=\"application/dicom\"; boundary={boundary}");
        let batch = items.iter().map(|item| item.ready.clone()).collect();
        let body = multipart(source, batch, boundary, &upload, asked);
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
                () = upload.silent_for(self.patience.response) => return Err(silent()),
            };
            read_reply(response, self.patience.response).await
        };
        let reply = reply.await;
        What::Sent { upload, reply, took: begun.elapsed() }
    }

    /// Asks which of these, all of one study, the far side has (QIDO-RS, PS3.18 §10.6).
    pub(super) async fn ask(&self, client: &Client, items: &[Item]) -> What {
        What::Asked(self.which(client, items).await)
    }

    async fn which(&self, client: &Client, items: &[Item]) -> Result<Option<Vec<bool>>, Failure> {
        let names: Vec<Option<&SentAs>> = items.iter().map(|item| item.sent_as.as_ref()).collect();
        let Some(study) = names.iter().flatten().map(|sent_as| &sent_as.study).next() else {
            return Ok(None);
        };
        let uids: Vec<Uid> = names.iter().flatten().map(|sent_as| sent_as.instance.clone()).collect();
        let web = DicomWeb::over(client.clone(), &self.address, self.patience);
        Ok(match qido::which(&web, study, &uids).await? {
            Presence::Lists(listed) => {
                let is_listed = |name: Option<&SentAs>| name.is_some_and(|it| listed.contains(&it.instance));
                Some(names.into_iter().map(is_listed).collect())
            }
            Presence::Untold => None,
        })
    }
}
