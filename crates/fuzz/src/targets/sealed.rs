//! Objects that somebody else may have changed in the bucket, and the text of a key file.
//!
//! Input of the first: size of the pieces; the sealed object. Of the second: the text.

use bytes::Bytes;
use causeway_core::ObjectKey;
use causeway_store::sealed::{Keys, unsealed};
use futures_util::stream::{self, StreamExt};

use crate::chunks::chunks;

/// The key of the seeds, and a name that they bear.
const KEYS: &str = "one AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NAME: &str = "01a21d2f46b676ea833658de513e52c4";

pub(crate) fn run_object(data: &[u8]) {
    let Some((seed, sealed)) = data.split_first() else { return };
    let (Ok(keys), Ok(name)) = (Keys::parse(KEYS), ObjectKey::parse(NAME)) else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    runtime.block_on(async {
        let pieces: Vec<_> = chunks(sealed, *seed).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let pieces = stream::iter(pieces).boxed();
        let Ok((told, mut plain)) = unsealed(&keys.into(), &name, sealed.len() as u64, pieces).await else {
            return;
        };
        let mut given = 0;
        while let Some(piece) = plain.next().await {
            // What does not open is an error, and nothing comes after it.
            let Ok(piece) = piece else { return };
            given += piece.len() as u64;
        }
        assert_eq!(given, told, "it opened, and was not as long as it said");
    });
}

pub(crate) fn run_keys(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Keys::parse(text) {
        Ok(keys) => assert!(keys.holds(keys.first()), "the first key does not seal"),
        Err(words) => assert!(words.len() < 200, "more is said of a line than which it is: {words}"),
    }
}
