//! WADO-RS (PS3.18 §10.4): studies, series and instances as files, their metadata, frames, bulk data and pictures. Bytes
//! pass through from the archive as they are read; nothing is gathered but one picture at a time. The URI service
//! (PS3.18 §9) gives instances in the same way.

mod again;
mod bulkdata;
mod collected;
pub(crate) mod etag;
mod form;
mod frames;
mod metadata;
mod objects;
mod parts;
mod pixels;
mod ranged;
mod rendered;
mod sending;
mod uri;
mod zip;

use causeway_core::Principal;

use crate::door::Door;
use crate::problem::Problem;
use crate::target::Target;

pub(crate) use bulkdata::{bulkdata, pixeldata};
pub(crate) use collected::{all_bulkdata, all_pixeldata};
pub(crate) use frames::frames;
pub(crate) use metadata::metadata;
pub(crate) use objects::objects;
pub(crate) use rendered::{OF_A_PICTURE, OF_A_THUMBNAIL, rendered, thumbnail};
pub(crate) use uri::uri;
pub(crate) use zip::OF_AN_ARCHIVE;

/// Why there is nothing at `target`: it was deleted (410), or it never was (404; PS3.18 §8.5).
pub(crate) async fn absent(door: &Door, principal: &Principal, target: &Target) -> Result<Problem, Problem> {
    let noun = target.noun();
    if door.archive.was_deleted(principal, &target.selection()).await? {
        return Ok(Problem::gone(format!("the {noun} was here and has been deleted")));
    }
    Ok(Problem::not_found(format!("there is no such {noun}")))
}

/// The URL of an instance, below the service's base.
fn location(base: &str, ids: &causeway_core::Identifiers) -> String {
    format!("{base}/studies/{}/series/{}/instances/{}", ids.study, ids.series, ids.instance)
}
