//! A file that only passes through: read as one that comes in, given as one that goes out, kept nowhere.
//!
//! Its bytes go by in pieces, each of which passes the scanner before it is given; what is compressed and has to be
//! given plain is held in memory, since its frames are found by looking back and forth.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use bytes::{Bytes, BytesMut};
use causeway_core::transfer_syntax::{Layout, Plain};
use causeway_core::{Uid, sop_class};
use causeway_dataset::file_meta::{Parsed, Part10Reader, Step};
use causeway_dataset::head::HeadCollector;
use causeway_store::Blob;

use crate::decoded::Decoded;
use crate::error::RetrieveError;
use crate::relaying::Relaying;
use crate::{Archive, Body, BodyError};

/// How far into a data set its SOP Class and SOP Instance UID are looked for: they stand at its beginning.
pub const HEAD_BYTES: usize = 1024 * 1024;
/// Largest data set that is held to be decompressed on the way.
pub const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a file cannot pass.
#[derive(Debug, thiserror::Error)]
pub enum PassingError {
    /// It broke off before its end.
    #[error("the transfer broke off: {0}")]
    Body(#[from] BodyError),
    /// It is no data set, or one that breaks our bounds.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It does not say what it is.
    #[error("it has no usable SOP Class UID or SOP Instance UID in its first {HEAD_BYTES} bytes")]
    Nameless,
    /// It is no instance.
    #[error("SOP class {0} is not for storage")]
    NotStorage(Uid),
    /// Its pixels cannot be given plain.
    #[error("it cannot be decompressed on the way: {0}")]
    NotDecodable(String),
}

/// A file whose beginning was read.
pub struct Passing<B> {
    /// Its own SOP Class UID.
    pub sop_class: Uid,
    /// Its own SOP Instance UID.
    pub sop_instance: Uid,
    /// How its data set is encoded.
    pub transfer_syntax: Uid,
    source: Source<B>,
}

/// The data set of a file, scanned as it goes by.
struct Source<B> {
    body: B,
    /// What was read and not given yet; scanned already.
    opening: VecDeque<Bytes>,
    /// Gone at the end.
    scanner: Option<HeadCollector>,
}

/// A file as it is given.
pub struct Passed<B>(Form<B>);

enum Form<B> {
    AsItIs(Source<B>),
    Relaid { source: Source<B>, relaying: Relaying },
    Decoded(Box<Decoded>),
}

fn unreadable(error: impl std::fmt::Display) -> PassingError {
    PassingError::Unreadable(error.to_string())
}

impl<B: Body> Passing<B> {
    /// Reads the beginning of a file (PS3.10 §7), as far as it has to be known for an association.
    ///
    /// # Errors
    /// When it is no file that can be sent.
    pub async fn open(mut body: B) -> Result<Self, PassingError> {
        let mut reader = Part10Reader::new();
        let Parsed { meta, rest, .. } = loop {
            let Some(chunk) = body.chunk().await? else { break reader.finish().map_err(unreadable)? };
            if let Step::Done(parsed) = reader.feed(chunk).map_err(unreadable)? {
                break parsed;
            }
        };
        let scanner = HeadCollector::new(Layout::of(&meta.transfer_syntax));
        let mut source = Source { body, opening: VecDeque::new(), scanner: Some(scanner) };
        source.scan(&rest)?;
        let mut read = rest.len();
        source.opening.push_back(rest);
        let (sop_class, sop_instance) = loop {
            if let Some(sop) = source.scanner.as_ref().and_then(HeadCollector::sop) {
                break sop;
            }
            if read > HEAD_BYTES {
                return Err(PassingError::Nameless);
            }
            let chunk = source.fresh().await?.ok_or(PassingError::Nameless)?;
            read += chunk.len();
            source.opening.push_back(chunk);
        };
        if sop_class.as_str() == sop_class::MEDIA_STORAGE_DIRECTORY {
            return Err(PassingError::NotStorage(sop_class));
        }
        Ok(Self { sop_class, sop_instance, transfer_syntax: meta.transfer_syntax, source })
    }

    /// The data set in `to`: its own transfer syntax, or a plain one that can be made of it.
    ///
    /// # Errors
    /// When it cannot be read, or its pixels cannot be given so.
    pub async fn give(self, archive: &Archive, to: &Uid) -> Result<Passed<B>, PassingError> {
        let Self { sop_instance, transfer_syntax, mut source, .. } = self;
        if *to == transfer_syntax {
            return Ok(Passed(Form::AsItIs(source)));
        }
        let layout = Layout::of(to);
        if Plain::of(&transfer_syntax) != Some(Plain::ByDecoding) {
            let relaying = Relaying::new(Layout::of(&transfer_syntax), layout);
            return Ok(Passed(Form::Relaid { source, relaying }));
        }
        let held = source.whole().await?;
        let (blob, bytes) = (Blob::memory(held.clone()), 0..held.len() as u64);
        let not_decodable = |error: RetrieveError| PassingError::NotDecodable(error.to_string());
        let pool = archive.inner.decoders.pool().map_err(not_decodable)?;
        let which = (&sop_instance, &transfer_syntax);
        let decoded = Decoded::begin(pool, blob, bytes, which, layout).await.map_err(not_decodable)?;
        Ok(Passed(Form::Decoded(Box::new(decoded))))
    }
}

impl<B: Body> Source<B> {
    fn scan(&mut self, bytes: &[u8]) -> Result<(), PassingError> {
        self.scanner.as_mut().map_or(Ok(()), |scanner| scanner.feed(bytes).map_err(unreadable))
    }

    /// The next bytes of the body, scanned; at the end it is seen to be whole.
    async fn fresh(&mut self) -> Result<Option<Bytes>, PassingError> {
        if let Some(chunk) = self.body.chunk().await? {
            self.scan(&chunk)?;
            return Ok(Some(chunk));
        }
        if let Some(scanner) = self.scanner.take() {
            scanner.finish().map_err(unreadable)?;
        }
        Ok(None)
    }

    /// The next bytes of the data set.
    async fn chunk(&mut self) -> Result<Option<Bytes>, PassingError> {
        match self.opening.pop_front() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.fresh().await,
        }
    }

    /// All of it, within the bound.
    async fn whole(&mut self) -> Result<Bytes, PassingError> {
        let mut held = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if held.len().saturating_add(chunk.len()) > HELD_BYTES_MAX {
                let words =
                    format!("it is longer than {HELD_BYTES_MAX} bytes; import it, and forward it from here");
                return Err(PassingError::NotDecodable(words));
            }
            held.extend_from_slice(&chunk);
        }
        Ok(held.freeze())
    }
}

impl<B: Body> Passed<B> {
    /// The next chunk of the data set; none at its end.
    ///
    /// # Errors
    /// When the file breaks off, is no data set, or a frame cannot be decoded.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, PassingError> {
        match &mut self.0 {
            Form::AsItIs(source) => source.chunk().await,
            Form::Relaid { source, relaying } => loop {
                let came = source.chunk().await?;
                if let ControlFlow::Break(out) = relaying.take(came).map_err(unreadable)? {
                    return Ok(out);
                }
            },
            Form::Decoded(decoded) => {
                decoded.chunk().await.map_err(|error| PassingError::NotDecodable(error.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
    use causeway_testkit::sample::{Modality, Study};

    use super::*;

    /// A file in pieces of `size` bytes.
    struct Pieces {
        bytes: Bytes,
        size: usize,
    }

    impl Body for Pieces {
        async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
            let count = self.size.min(self.bytes.len());
            Ok((count > 0).then(|| self.bytes.split_to(count)))
        }
    }

    fn file() -> (Bytes, Vec<u8>, Uid) {
        let sample = Study::new(5, Modality::Ct, 1, 1).instances().next().unwrap();
        (Bytes::from(sample.file.clone()), sample.data_set().to_vec(), sample.ids.instance.clone())
    }

    async fn all(source: &mut Source<Pieces>) -> Result<Vec<u8>, PassingError> {
        let mut out = Vec::new();
        while let Some(chunk) = source.chunk().await? {
            out.extend_from_slice(&chunk);
        }
        Ok(out)
    }

    #[tokio::test]
    async fn a_file_in_any_pieces_says_what_it_is_and_comes_out_as_it_is() {
        let (bytes, data_set, instance) = file();
        for size in [1, 7, 132, 1_000, bytes.len()] {
            let mut passing = Passing::open(Pieces { bytes: bytes.clone(), size }).await.unwrap();
            assert_eq!(passing.sop_instance, instance);
            assert_eq!(passing.transfer_syntax.as_str(), EXPLICIT_VR_LITTLE_ENDIAN);
            assert!(all(&mut passing.source).await.unwrap() == data_set, "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_short_or_no_dicom_does_not_pass() {
        let (bytes, ..) = file();
        let cut = bytes.slice(..bytes.len() - 10);
        let mut passing = Passing::open(Pieces { bytes: cut, size: 500 }).await.unwrap();
        assert!(matches!(all(&mut passing.source).await, Err(PassingError::Unreadable(_))));
        let noise = Bytes::from(vec![0x41; 4_000]);
        assert!(Passing::open(Pieces { bytes: noise, size: 500 }).await.is_err());
        assert!(Passing::open(Pieces { bytes: Bytes::new(), size: 500 }).await.is_err());
    }

    #[tokio::test]
    async fn a_data_set_that_does_not_say_what_it_is_is_read_no_further_than_the_bound() {
        let (bytes, data_set, _) = file();
        let meta = bytes.slice(..bytes.len() - data_set.len());
        let mut long = meta.to_vec();
        // An element of group 0006 as long as can be, and nothing of group 0008.
        long.extend_from_slice(&[6, 0, 1, 0, b'O', b'B', 0, 0, 0, 0, 0, 0x40]);
        long.resize(4 * HEAD_BYTES, 0);
        let passing = Passing::open(Pieces { bytes: Bytes::from(long), size: 64 * 1024 }).await;
        assert!(matches!(passing, Err(PassingError::Nameless)));
    }
}
