//! Compressed pixel data as the web has them, made ready for a data set (PS3.18 §10.5.2, Table 10.5.2-1): PNG and GIF are
//! unpacked into samples, the codestream of JPEG 2000 is found in its file, and what the metadata leave out of the Image
//! Pixel Description Macro is read from the stream.

use std::sync::Arc;

use bytes::Bytes;
use causeway_archive::{Aside, Scratch};
use causeway_core::{Class, Vr};
use causeway_dataset::compose::{CodestreamFinder, Composed, Description, MAX_BOX_HEADER_BYTES};
use causeway_dataset::pixels::described::{MAX_HEADERS_BYTES, described};
use causeway_dataset::pixels::picture::{self, Colours, is_picture};
use causeway_dataset::pixels::{MAX_FRAME_BYTES, PixelError};
use tokio::sync::mpsc;

use super::made::Unlike;
use super::waiting::{Kind, Part};
use crate::threads;

/// Frames of a picture that may wait to be put aside.
const FRAMES_WAITING: usize = 1;

/// Makes `parts`, those of each gap, ready: what they are put in place of is put aside as well. What the pixels look
/// like, where the metadata do not say it all.
pub(super) async fn prepare(
    composed: &mut Composed,
    parts: &mut [Vec<Part>],
    scratch: &mut Scratch,
) -> Result<Option<Description>, Unlike> {
    let Some(at) = composed.gaps.iter().position(causeway_dataset::compose::Gap::is_pixel_data) else {
        return Ok(None);
    };
    let Some(parts) = parts.get_mut(at) else { return Ok(None) };
    let Some(media_type) = parts.first().map(|part| part.kind.media_type.clone()) else { return Ok(None) };
    if !media_type.starts_with("image/") && !media_type.starts_with("video/") {
        return Ok(None);
    }
    if is_picture(&media_type) {
        let description = unpack_all(composed, parts, scratch).await?;
        if let Some(gap) = composed.gaps.get_mut(at) {
            gap.vr = if description.bits_allocated() == 16 { Vr::OW } else { Vr::OB };
        }
        return Ok(Some(description));
    }
    let aside = scratch.so_far().await.map_err(|error| Unlike::Store(error.class()))?;
    if matches!(media_type.as_str(), "image/jp2" | "image/jpx" | "image/jph" | "image/jphc") {
        for part in parts.iter_mut() {
            find_codestream(part, &aside).await?;
        }
    }
    let Some(lacking) = composed.told.lacks() else { return Ok(None) };
    let head = match parts.first() {
        Some(first) => read(first, MAX_HEADERS_BYTES as u64, &aside).await?,
        None => Vec::new(),
    };
    match described(&media_type, &head) {
        Some(description) => Ok(Some(description)),
        None => Err(Unlike::Pixels(format!(
            "the metadata leave {lacking} out, and it cannot be derived from the stream of {media_type}"
        ))),
    }
}

/// Up to `most` of the bytes of a part.
async fn read(part: &Part, most: u64, aside: &Aside) -> Result<Vec<u8>, Unlike> {
    let end = part.start.saturating_add(part.bytes.min(most));
    let mut bytes = Vec::new();
    loop {
        let at = part.start.saturating_add(bytes.len() as u64);
        if at >= end {
            return Ok(bytes);
        }
        let some = aside.read(at..end).await.map_err(|error| Unlike::Store(error.class()))?;
        if some.is_empty() {
            return Err(Unlike::Store(Class::Bug));
        }
        bytes.extend_from_slice(&some);
    }
}

/// Leaves of a part its codestream.
async fn find_codestream(part: &mut Part, aside: &Aside) -> Result<(), Unlike> {
    let mut finder = CodestreamFinder::new(part.bytes);
    while let Some(at) = finder.wants() {
        let start = part.start.saturating_add(at);
        let end = start.saturating_add(MAX_BOX_HEADER_BYTES).min(part.start.saturating_add(part.bytes));
        finder.give(&aside.read(start..end).await.map_err(|error| Unlike::Store(error.class()))?);
    }
    let found = finder
        .finish()
        .ok_or_else(|| Unlike::Pixels("a part holds no codestream of JPEG 2000".to_owned()))?;
    part.start = part.start.saturating_add(found.start);
    part.bytes = found.end.saturating_sub(found.start);
    Ok(())
}

/// Unpacks pictures, which are alike, one after the other.
async fn unpack_all(
    composed: &Composed,
    parts: &mut [Part],
    scratch: &mut Scratch,
) -> Result<Description, Unlike> {
    let colours = match composed.told.is_grey() {
        None => Colours::AsTheyAre,
        Some(true) => Colours::Grey,
        Some(false) => Colours::Rgb,
    };
    let kinds = parts.first().map(|first| Arc::clone(&first.kind));
    if parts.iter().any(|part| Some(&part.kind) != kinds.as_ref()) {
        return Err(Unlike::Kinds);
    }
    let mut all: Option<Description> = None;
    for part in parts {
        let one = unpack(part, colours, scratch).await?;
        let frames = all.as_ref().map_or(0, |all| all.frames).saturating_add(one.frames);
        let whole = Description { frames, ..one };
        let is_alike = all.as_ref().is_none_or(|all| Description { frames, ..all.clone() } == whole);
        if !is_alike {
            return Err(Unlike::Pixels("its frames are of several sizes, depths or colours".to_owned()));
        }
        all = Some(whole);
    }
    let description = all.ok_or_else(|| Unlike::Pixels("it has no frames".to_owned()))?;
    match composed.told.contradicts(&description) {
        Some(tag) => Err(Unlike::Pixels(format!("the picture has another {tag} than the metadata say"))),
        None => Ok(description),
    }
}

/// Unpacks a picture, and lets the part be its samples.
async fn unpack(part: &mut Part, colours: Colours, scratch: &mut Scratch) -> Result<Description, Unlike> {
    if part.bytes > MAX_FRAME_BYTES {
        return Err(Unlike::Pixels(PixelError::FrameTooLarge { bytes: part.bytes }.to_string()));
    }
    let aside = scratch.so_far().await.map_err(|error| Unlike::Store(error.class()))?;
    let coded = read(part, part.bytes, &aside).await?;
    let media_type = part.kind.media_type.clone();
    let (sender, mut receiver) = mpsc::channel(FRAMES_WAITING);
    let start = scratch.bytes();
    let unpacking = threads::run("stow-picture", move || {
        picture::unpack(&media_type, &coded, colours, |frame| {
            let gone =
                |_| PixelError::Codec { codec: "pictures", words: "nobody takes the frames".to_owned() };
            sender.blocking_send(Bytes::from(frame)).map_err(gone)
        })
    });
    // When one of them ends early it lets go of its end of the channel, and so ends the other.
    let taking = async {
        let mut put = Ok(());
        while let Some(frame) = receiver.recv().await.filter(|_| put.is_ok()) {
            put = scratch.append(frame).await;
        }
        receiver.close();
        put
    };
    let (unpacked, taken) = tokio::join!(unpacking, taking);
    taken.map_err(|error| Unlike::Store(error.class()))?;
    let unpacked = unpacked.map_err(Unlike::Store)?;
    let description = unpacked.map_err(|error| Unlike::Pixels(error.to_string()))?;
    part.kind = Arc::new(Kind::of(None));
    (part.start, part.bytes) = (start, scratch.bytes().saturating_sub(start));
    Ok(description)
}
