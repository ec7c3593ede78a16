//! Instances told by their metadata, and their bulk data in parts of their own (PS3.18 §8.6.1.2, §10.5.1.4).
//!
//! Lives here: what each part is. `waiting` holds instances until their bulk data are there; `made` makes a data set of
//! both. Bulk data are put aside on disk, since they come in any order: only the metadata are in memory.

mod location;
mod made;
mod pictures;
mod waiting;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use causeway_archive::{Scratch, StoreError};
use causeway_core::Class;
use causeway_dataset::compose::{ComposeError, Composed, Refused};
use causeway_dataset::{json, xml};

use super::broken::Broken;
use super::flight::{Flight, MAX_INSTANCES};
use super::part::{CANNOT_UNDERSTAND, Refusal, inside};
use crate::body::RequestBody;
use crate::data_set::Form;
use crate::media::MediaType;
use crate::multipart::read::{Head, Reader, Step};
use crate::threads;
use location::Locations;
use waiting::{Kind, Part, Ready, Waiting};

/// Most bytes of the metadata of one request, and most bytes of data set made of them.
pub(crate) const MAX_METADATA_BYTES: usize = 64 * 1024 * 1024;
/// Most parts of bulk data in one request: frames of many images.
pub(crate) const MAX_BULK_PARTS: usize = 1_000_000;
/// Metadata longer than this are read on a thread.
const MAX_READ_AT_ONCE_BYTES: usize = 64 * 1024;

/// What is read, and where it stands.
pub(super) struct Input<'a> {
    pub(super) reader: Reader,
    pub(super) body: &'a mut RequestBody,
    /// The head of the first part, where that was read already.
    pub(super) first: Option<Head>,
}

/// Takes in all of a body. `base`: the URL that relative ones are relative to.
pub(super) async fn take(
    flight: &mut Flight,
    scratch: Scratch,
    form: Form,
    input: Input<'_>,
    base: &str,
) -> Result<(), Broken> {
    let mut taking = Taking {
        flight,
        scratch,
        form,
        locations: Locations::new(base),
        waiting: Waiting::default(),
        metadata_bytes: 0,
        made_bytes: 0,
        bulk_parts: 0,
        part: Coming::Nothing,
        unheard_of: 0,
        disk: None,
    };
    let ended = taking.take_parts(input).await;
    taking.finish();
    ended
}

/// The request as far as it came.
struct Taking<'a> {
    flight: &'a mut Flight,
    scratch: Scratch,
    form: Form,
    locations: Locations,
    waiting: Waiting,
    metadata_bytes: usize,
    made_bytes: usize,
    bulk_parts: usize,
    part: Coming,
    /// Parts that no metadata name.
    unheard_of: usize,
    /// Why bulk data could not be put aside, if so.
    disk: Option<Class>,
}

/// The part that is coming in.
enum Coming {
    /// None, or one that is passed over.
    Nothing,
    Metadata(BytesMut),
    Bulk {
        location: String,
        kind: Arc<Kind>,
        start: u64,
    },
}

impl Taking<'_> {
    async fn take_parts(&mut self, input: Input<'_>) -> Result<(), Broken> {
        let Input { mut reader, body, mut first } = input;
        loop {
            let step = first.take().map_or_else(|| reader.step(), |head| Ok(Step::Begin(head)))?;
            match step {
                Step::NeedMore => match body.chunk().await? {
                    Some(chunk) => reader.feed(chunk),
                    None => return Ok(reader.finish()?),
                },
                Step::Begin(head) => self.part = self.begin(head)?,
                Step::Data(data) => self.data(data).await?,
                Step::End => self.end().await?,
                Step::Finished => return Ok(()),
            }
        }
    }

    /// What a part is, by its Content-Type and its Content-Location.
    fn begin(&mut self, head: Head) -> Result<Coming, Broken> {
        if !head.is_plain() {
            self.refuse_part("a part has a Content-Transfer-Encoding, which is not taken")?;
            return Ok(Coming::Nothing);
        }
        let media = head.content_type.as_deref().map(MediaType::parse);
        let is_metadata = match &media {
            Some(Some(media)) => self.form.is_of(media),
            // The first part is what the whole is said to be (RFC 2387 §3.2).
            None => self.metadata_bytes == 0,
            Some(None) => false,
        };
        if is_metadata {
            return Ok(Coming::Metadata(BytesMut::new()));
        }
        let Some(location) = head.content_location else {
            let metadata = self.form.media_type();
            let words = format!("a part is no {metadata}, and has no Content-Location that says what it is");
            self.refuse_part(&words)?;
            return Ok(Coming::Nothing);
        };
        if self.bulk_parts == MAX_BULK_PARTS {
            return Err(Broken::TooManyParts);
        }
        self.bulk_parts += 1;
        let kind = Arc::new(Kind::of(media.flatten().as_ref()));
        let location = self.locations.resolve(&location);
        Ok(Coming::Bulk { location, kind, start: self.scratch.bytes() })
    }

    fn refuse_part(&mut self, words: &str) -> Result<(), Broken> {
        let index = self.flight.number()?;
        self.flight.refuse(index, Refusal::nameless(CANNOT_UNDERSTAND, words.to_owned(), Class::Peer));
        Ok(())
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Broken> {
        match &mut self.part {
            Coming::Nothing => {}
            Coming::Metadata(text) => {
                self.metadata_bytes = self.metadata_bytes.saturating_add(data.len());
                if self.metadata_bytes > MAX_METADATA_BYTES {
                    return Err(Broken::MetadataTooLong);
                }
                text.extend_from_slice(&data);
            }
            Coming::Bulk { location, .. } => {
                if self.disk.is_none() && self.waiting.knows(location) {
                    let put = self.scratch.append(data).await;
                    self.note_disk(put);
                }
            }
        }
        Ok(())
    }

    fn note_disk<T>(&mut self, done: Result<T, StoreError>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                // Its words may name paths of this machine.
                tracing::warn!(%error, "bulk data could not be put aside");
                self.disk = Some(error.class());
                None
            }
        }
    }

    async fn end(&mut self) -> Result<(), Broken> {
        match std::mem::replace(&mut self.part, Coming::Nothing) {
            Coming::Nothing => Ok(()),
            Coming::Metadata(text) => self.take_metadata(text.freeze()).await,
            Coming::Bulk { location, kind, start } => {
                if self.disk.is_some() {
                    return Ok(());
                }
                let part = Part { kind, start, bytes: self.scratch.bytes() - start };
                match self.waiting.give(&location, part) {
                    Some(ready) => self.launch_all(ready).await,
                    None => self.unheard_of += 1,
                }
                Ok(())
            }
        }
    }

    async fn take_metadata(&mut self, text: Bytes) -> Result<(), Broken> {
        let (form, left) = (self.form, MAX_METADATA_BYTES.saturating_sub(self.made_bytes));
        let length = text.len();
        let read = move || read(form, &text, left);
        let made = if length > MAX_READ_AT_ONCE_BYTES {
            threads::run("stow-metadata", read).await.map_err(Broken::NotPutAside)?
        } else {
            read()
        };
        match made {
            Ok(made) => {
                for one in made {
                    self.take_one(one).await?;
                }
                Ok(())
            }
            Err(ComposeError::TooMany { .. }) => Err(Broken::TooMany),
            Err(error) => {
                let index = self.flight.number()?;
                let refusal = Refusal::nameless(CANNOT_UNDERSTAND, error.to_string(), Class::Caller);
                self.flight.refuse(index, refusal);
                Ok(())
            }
        }
    }

    async fn take_one(&mut self, made: Result<Composed, Refused>) -> Result<(), Broken> {
        let index = self.flight.number()?;
        match made {
            Ok(composed) => {
                self.made_bytes = self.made_bytes.saturating_add(composed.bytes.len());
                let gaps = composed.gaps.iter();
                let places = gaps.map(|gap| self.locations.resolve(&gap.uri)).collect();
                if let Some(ready) = self.waiting.take(index, composed, places) {
                    self.launch_all(vec![ready]).await;
                }
            }
            Err(Refused { named, error }) => self.flight.refuse(index, Refusal::of(named, error.to_string())),
        }
        Ok(())
    }

    async fn launch_all(&mut self, ready: Vec<Ready>) {
        for Ready { index, mut composed, places } in ready {
            let named = composed.named.clone();
            let mut parts = self.waiting.parts_of(&places);
            let described = pictures::prepare(&mut composed, &mut parts, &mut self.scratch).await;
            let aside = self.scratch.so_far().await;
            let Some(aside) = self.note_disk(aside) else {
                self.refuse_for_disk(index, Refusal::of(named, String::new()));
                continue;
            };
            let made = match described {
                Ok(description) => made::Made::of(composed, parts, description, aside).await,
                Err(unlike) => Err(unlike.into_refusal(named)),
            };
            match made {
                Ok(made) => {
                    let bytes = made.bytes();
                    self.flight.launch(index, bytes, |sender| sender.ingest_made(made)).await;
                }
                Err(refusal) => self.flight.refuse(index, refusal),
            }
        }
    }

    fn refuse_for_disk(&mut self, index: usize, refusal: Refusal) {
        let class = self.disk.unwrap_or(Class::Transient);
        let (reason, words) = (class.store_status().0, inside(class).to_owned());
        self.flight.refuse(index, Refusal { reason, words, class, ..refusal });
    }

    /// Nothing more comes: what still waits, waits in vain.
    fn finish(&mut self) {
        for (index, composed, location) in std::mem::take(&mut self.waiting).into_waiting() {
            let refusal = Refusal::of(composed.named, missing(&location));
            if self.disk.is_some() {
                self.refuse_for_disk(index, refusal);
            } else {
                self.flight.refuse(index, refusal);
            }
        }
        if self.unheard_of > 0 {
            let words = format!("{} parts are bulk data that no metadata before them name", self.unheard_of);
            self.flight.refuse(usize::MAX, Refusal::nameless(CANNOT_UNDERSTAND, words, Class::Peer));
        }
    }
}

fn missing(location: &str) -> String {
    format!("bulk data are missing: no part, or too few frames, with Content-Location {location}")
}

/// Reads metadata: of JSON all instances at once, of XML one.
fn read(form: Form, text: &[u8], max_bytes: usize) -> Result<Vec<Result<Composed, Refused>>, ComposeError> {
    match form {
        Form::Json => json::read::read(text, MAX_INSTANCES, max_bytes),
        Form::Xml => match xml::read::read(text, max_bytes) {
            Err(Refused {
                error: error @ (ComposeError::Syntax { .. } | ComposeError::DocumentType),
                ..
            }) => Err(error),
            made => Ok(vec![made]),
        },
    }
}
