//! Files in a zip archive. The standard has archives for what is retrieved (PS3.18 §8.7.3.1); clients send them as well.
//!
//! The table of contents is at the end of an archive, so it is put aside first; then its members are unpacked one by
//! one, on a thread, and go in as the parts of a multipart body do. An archive within it is not opened.

mod contents;
mod unpack;

use bytes::Bytes;
use causeway_archive::Scratch;
use causeway_core::Via;
use tokio::sync::mpsc;

use super::broken::Broken;
use super::flight::{Coming, Flight};
use crate::body::RequestBody;
use crate::threads;
use unpack::{Unpacked, unpack};

/// Most members of an archive: instances, and what is beside them.
pub(crate) const MAX_MEMBERS: usize = 200_000;
/// How many times its own size an archive may unpack to. Images without a picture are packed to a thousandth, but not
/// whole studies.
pub(crate) const MAX_RATIO: u64 = 200;
/// What any archive may unpack to, in bytes.
const MIN_UNPACKED_BYTES: u64 = 256 * 1024 * 1024;
/// Pieces of members that may wait to be taken.
const PIECES_WAITING: usize = 4;

/// What was passed over, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct PassedOver {
    directories: usize,
    archives: usize,
    others: usize,
}

/// Takes in all files of an archive. `notes`: what is to be said of the others.
pub(super) async fn take(
    flight: &mut Flight,
    mut scratch: Scratch,
    body: &mut RequestBody,
    notes: &mut Vec<String>,
) -> Result<(), Broken> {
    while let Some(chunk) = body.chunk().await? {
        scratch.append(chunk).await.map_err(not_put_aside)?;
    }
    let aside = scratch.so_far().await.map_err(not_put_aside)?;
    let most = aside.bytes().saturating_mul(MAX_RATIO).max(MIN_UNPACKED_BYTES);
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let unpacking = threads::run("stow-unzip", move || unpack(aside.into_reader(), most, &sender));
    // When one of them ends early it lets go of its end of the channel, and so ends the other.
    let (unpacked, passed_over) = tokio::join!(unpacking, take_members(flight, receiver));
    let passed_over = passed_over?;
    notes.extend(passed_over.words());
    unpacked.map_err(Broken::NotPutAside)?
}

fn not_put_aside(error: causeway_archive::StoreError) -> Broken {
    // Its words may name paths of this machine.
    tracing::warn!(%error, "an archive could not be put aside");
    Broken::NotPutAside(error.class())
}

async fn take_members(
    flight: &mut Flight,
    mut receiver: mpsc::Receiver<Unpacked>,
) -> Result<PassedOver, Broken> {
    let mut passed_over = PassedOver::default();
    let mut coming: Option<Coming> = None;
    while let Some(unpacked) = receiver.recv().await {
        match unpacked {
            Unpacked::Begin => coming = Some(flight.begin(Via::default()).await?),
            Unpacked::Data(data) => data_of(flight, &mut coming, data).await,
            Unpacked::End => {
                if let Some(coming) = coming.take() {
                    coming.end().await;
                }
            }
            Unpacked::Broken(words) => {
                let broken = match coming.take() {
                    Some(coming) => coming,
                    None => flight.begin(Via::default()).await?,
                };
                broken.break_off(words).await;
            }
            Unpacked::Directory => passed_over.directories += 1,
            Unpacked::Archive => passed_over.archives += 1,
            Unpacked::Other => passed_over.others += 1,
        }
    }
    Ok(passed_over)
}

async fn data_of(flight: &mut Flight, coming: &mut Option<Coming>, data: Bytes) {
    if let Some(coming) = coming {
        flight.data(coming, data).await;
    }
}

impl PassedOver {
    /// What is to be said of it.
    fn words(self) -> Option<String> {
        let counted = [
            (self.directories, "DICOMDIR, which names instances and is none"),
            (self.archives, "archives within the archive, which are not opened"),
            (self.others, "members that are no DICOM files"),
        ];
        let told = counted.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, what)| format!("{count} {what}")).collect();
        (!told.is_empty()).then(|| format!("passed over: {}", told.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_over_is_told_in_words() {
        assert_eq!(PassedOver::default().words(), None);
        let all = PassedOver { directories: 1, archives: 0, others: 3 };
        assert_eq!(
            all.words().unwrap(),
            "passed over: 1 DICOMDIR, which names instances and is none; 3 members that are no DICOM files"
        );
    }
}
