//! Taking in a Part 10 file (STOW-RS, import): its File Meta Information is read for the transfer syntax, then it
//! is left behind; the data set goes on as any other.

use bytes::Bytes;
use causeway_core::{Envelope, Principal, Uid};
use causeway_dataset::file_meta::{Parsed, Part10Reader, Step};

use super::{Accepted, Announced, Body, BodyError, unreadable};
use crate::Archive;
use crate::error::IngestError;

impl Archive {
    /// Takes one file as PS3.10 §7 describes it, streaming in as `body`. A file without preamble or without File
    /// Meta Information is taken too, when its head leaves no doubt about how it is laid out.
    ///
    /// # Errors
    /// As for [`Archive::ingest`].
    pub async fn ingest_file(
        &self,
        principal: &Principal,
        envelope: Envelope,
        body: &mut impl Body,
        study: Option<&Uid>,
    ) -> Result<Accepted, IngestError> {
        let mut reader = Part10Reader::new();
        let parsed = loop {
            let Some(chunk) = body.chunk().await? else { break reader.finish().map_err(unreadable)? };
            if let Step::Done(parsed) = reader.feed(chunk).map_err(unreadable)? {
                break parsed;
            }
        };
        let Parsed { meta, rest, .. } = parsed;
        // Group 2 is the container's; where its UIDs differ from the data set's, the data set's hold.
        let announced =
            Announced { sop_class: None, sop_instance: None, transfer_syntax: meta.transfer_syntax };
        let mut data_set = AfterMeta { first: Some(rest), body };
        self.ingest(principal, envelope, announced, &mut data_set, study).await
    }
}

/// The rest of a file after its File Meta Information.
struct AfterMeta<'a, B> {
    first: Option<Bytes>,
    body: &'a mut B,
}

impl<B: Body> Body for AfterMeta<'_, B> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.first.take().filter(|first| !first.is_empty()) {
            Some(first) => Ok(Some(first)),
            None => self.body.chunk().await,
        }
    }
}
