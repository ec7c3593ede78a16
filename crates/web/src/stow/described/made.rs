//! A data set made of metadata and of bulk data that were put aside, piece by piece, as the archive takes it.

use bytes::Bytes;
use causeway_archive::{Announced, Aside, Body, BodyError};
use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{Class, Uid, Vr};
use causeway_dataset::compose::pixels::{self, Form, MAX_HEAD_BYTES};
use causeway_dataset::compose::{
    self, ComposeError, Composed, Description, Gap, Named, SEQUENCE_END, begin_fragment, begin_fragments,
    begin_value,
};

use super::super::part::{Fate, Refusal, Sender, inside, refusal};
use super::waiting::Part;

/// Failure Reason of pixel data in a form that is not taken: Referenced Transfer Syntax not supported (PS3.18 Table
/// I.2-2).
const SYNTAX_NOT_SUPPORTED: u16 = 0xC122;

/// The data set of one instance.
pub(super) struct Made {
    named: Named,
    transfer_syntax: Uid,
    is_coerced: bool,
    /// The metadata, with gaps.
    bytes: Bytes,
    /// How far they were given.
    given: usize,
    /// The gaps that are left, the next one last, with what goes there.
    gaps: Vec<Filled>,
    aside: Aside,
    /// What is given next, the first one last.
    pieces: Vec<Piece>,
    /// Frames that are left of the pixel data being given, the next one last.
    frames: Vec<Part>,
    /// The pixel data being given.
    pixels: Option<Gap>,
    is_at_end: bool,
}

/// A gap with what goes there.
struct Filled {
    gap: Gap,
    filling: Filling,
}

enum Filling {
    /// An element, header and all.
    Element(Vec<u8>),
    /// A value, of one part or of several that follow one another.
    Value(Vec<Part>),
    /// Fragments, the first one last.
    Fragments(Vec<Part>),
}

enum Piece {
    Bytes(Bytes),
    /// Bytes of what was put aside: from, to.
    Aside(u64, u64),
}

impl Sender {
    /// Takes an instance in that was made.
    pub(super) async fn ingest_made(self, mut made: Made) -> Fate {
        let Self { archive, principal, envelope, study } = self;
        let transfer_syntax = made.transfer_syntax.clone();
        let announced = Announced { sop_class: None, sop_instance: None, transfer_syntax };
        let (named, is_coerced) = (std::mem::take(&mut made.named), made.is_coerced);
        match archive.ingest(&principal, envelope, announced, &mut made, study.as_ref()).await {
            Ok(accepted) if is_coerced => Fate::Coerced(accepted),
            Ok(accepted) => Fate::Stored(accepted),
            Err(error) => Fate::Refused(refusal(&error, named)),
        }
    }
}

impl Made {
    /// Puts `parts`, those of each gap, where they belong; and, where its pixels told what they are, that too.
    pub(super) async fn of(
        composed: Composed,
        parts: Vec<Vec<Part>>,
        description: Option<Description>,
        aside: Aside,
    ) -> Result<Self, Refusal> {
        let Composed { named, bytes, gaps, transfer_syntax: told, told: image, is_coerced, .. } = composed;
        let mut syntax = None;
        let mut filled = Vec::with_capacity(gaps.len());
        for (gap, mut parts) in gaps.into_iter().zip(parts) {
            let mut form = Form::Native;
            if gap.is_pixel_data() {
                let found = form_of(&parts, told.as_ref(), &aside).await;
                form = found.map_err(|unlike| unlike.into_refusal(named.clone()))?;
            } else {
                parts.truncate(1);
            }
            let filling = match form {
                Form::Native => Filling::Value(parts),
                Form::Encapsulated(uid) => {
                    syntax = Some(uid);
                    parts.reverse();
                    Filling::Fragments(parts)
                }
            };
            let filling = Filled { gap, filling };
            filling.check().map_err(|error| Refusal::of(named.clone(), error.to_string()))?;
            filled.push(filling);
        }
        if let Some(description) = &description {
            let element = |gap| Some(Filled { filling: Filling::Element(description.element(&gap)?), gap });
            filled.extend(image.missing.into_iter().filter_map(element));
        }
        // Where there is nothing between two gaps, they are at the same place.
        filled.sort_by_key(|filled| (filled.gap.at, filled.gap.tag));
        filled.reverse();
        let plain = || Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).map_err(|error| error.to_string());
        let transfer_syntax = match syntax {
            Some(syntax) => syntax,
            None => plain().map_err(|words| Refusal::of(named.clone(), words))?,
        };
        Ok(Self {
            named,
            transfer_syntax,
            is_coerced,
            bytes: Bytes::from(bytes),
            given: 0,
            gaps: filled,
            aside,
            pieces: Vec::new(),
            frames: Vec::new(),
            pixels: None,
            is_at_end: false,
        })
    }

    /// Bytes of it, but for a few headers.
    pub(super) fn bytes(&self) -> u64 {
        let parts = self.gaps.iter().flat_map(|filled| filled.parts());
        self.bytes.len() as u64 + parts.map(|part| part.bytes).sum::<u64>()
    }

    /// Lines up what comes next; nothing at the end.
    fn line_up(&mut self) -> Result<(), ComposeError> {
        if let Some(gap) = &self.pixels {
            match self.frames.pop() {
                Some(part) => self.pieces.extend(value(begin_fragment(gap, part.bytes)?, gap.vr, &[part])),
                None => {
                    self.pieces.push(Piece::Bytes(Bytes::from_static(&SEQUENCE_END)));
                    self.pixels = None;
                }
            }
            return Ok(());
        }
        let Some(Filled { gap, filling }) = self.gaps.pop() else {
            self.is_at_end = true;
            self.pieces.push(Piece::Bytes(self.bytes.slice(self.given.min(self.bytes.len())..)));
            return Ok(());
        };
        let before = self.bytes.slice(self.given.min(gap.at)..gap.at.min(self.bytes.len()));
        self.given = gap.at;
        match filling {
            Filling::Element(element) => self.pieces.push(Piece::Bytes(element.into())),
            Filling::Value(parts) => {
                self.pieces.extend(value(begin_value(&gap, bytes_of(&parts))?, gap.vr, &parts));
            }
            Filling::Fragments(parts) => {
                self.pieces.push(Piece::Bytes(begin_fragments(&gap).into()));
                (self.frames, self.pixels) = (parts, Some(Gap { vr: Vr::OB, ..gap }));
            }
        }
        self.pieces.push(Piece::Bytes(before));
        Ok(())
    }
}

/// A value with its header before it and its padding behind, the first one last.
fn value(header: Vec<u8>, vr: Vr, parts: &[Part]) -> impl Iterator<Item = Piece> {
    let padding = compose::padding(vr, bytes_of(parts));
    let aside =
        parts.iter().rev().map(|part| Piece::Aside(part.start, part.start.saturating_add(part.bytes)));
    let before = [Piece::Bytes(Bytes::from_static(padding))];
    before.into_iter().chain(aside).chain([Piece::Bytes(Bytes::from(header))])
}

fn bytes_of(parts: &[Part]) -> u64 {
    parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
}

impl Filled {
    /// Whether each part fits where it goes.
    fn check(&self) -> Result<(), ComposeError> {
        match &self.filling {
            Filling::Element(_) => Ok(()),
            Filling::Value(parts) => begin_value(&self.gap, bytes_of(parts)).map(drop),
            Filling::Fragments(parts) => {
                parts.iter().try_for_each(|part| begin_fragment(&self.gap, part.bytes).map(drop))
            }
        }
    }

    fn parts(&self) -> &[Part] {
        match &self.filling {
            Filling::Element(_) => &[],
            Filling::Value(parts) | Filling::Fragments(parts) => parts,
        }
    }
}

/// Why parts are no pixel data.
pub(super) enum Unlike {
    /// They are of several kinds.
    Kinds,
    Form(pixels::UnknownForm),
    /// They are not what they are said to be, in words.
    Pixels(String),
    Store(Class),
}

impl Unlike {
    pub(super) fn into_refusal(self, named: Named) -> Refusal {
        match self {
            Self::Kinds => {
                let words = "the parts of its pixel data are of several media types or transfer syntaxes";
                Refusal::of(named, words.to_owned())
            }
            Self::Pixels(words) => Refusal::of(named, words),
            Self::Form(unknown) => {
                Refusal { reason: SYNTAX_NOT_SUPPORTED, ..Refusal::of(named, unknown.to_string()) }
            }
            Self::Store(class) => {
                let (reason, words) = (class.store_status().0, inside(class).to_owned());
                Refusal { reason, words, class, ..Refusal::of(named, String::new()) }
            }
        }
    }
}

/// The form of pixel data, by the first of their parts.
async fn form_of(parts: &[Part], told: Option<&Uid>, aside: &Aside) -> Result<Form, Unlike> {
    let Some(first) = parts.first() else { return Ok(Form::Native) };
    if parts.iter().any(|part| part.kind != first.kind) {
        return Err(Unlike::Kinds);
    }
    let head = first.bytes.min(MAX_HEAD_BYTES as u64);
    let head = aside.read(first.start..first.start.saturating_add(head)).await;
    let head = head.map_err(|error| Unlike::Store(error.class()))?;
    pixels::form(&first.kind.media_type, first.kind.syntax.as_deref(), told, &head).map_err(Unlike::Form)
}

impl Body for Made {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            match self.pieces.pop() {
                Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Piece::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Piece::Aside(from, to)) if from >= to => {}
                Some(Piece::Aside(from, to)) => {
                    let read = self.aside.read(from..to).await.map_err(|error| {
                        tracing::warn!(%error, "bulk data that were put aside could not be read");
                        BodyError { words: inside(error.class()).to_owned(), class: error.class() }
                    })?;
                    if read.is_empty() {
                        let words = "bulk data end before their end".to_owned();
                        return Err(BodyError { words, class: Class::Bug });
                    }
                    self.pieces.push(Piece::Aside(from.saturating_add(read.len() as u64), to));
                    return Ok(Some(read));
                }
                None if self.is_at_end => return Ok(None),
                None => self
                    .line_up()
                    .map_err(|error| BodyError { words: error.to_string(), class: Class::Peer })?,
            }
        }
    }
}
