//! WADO-RS (PS3.18 §10.4): studies, series and instances as files, their metadata and their pictures. Bytes pass through
//! from the archive as they are read; nothing is gathered but one picture at a time.

mod etag;
mod form;
mod metadata;
mod objects;
mod parts;
mod rendered;

use causeway_core::Principal;

use crate::door::Door;
use crate::problem::Problem;
use crate::target::Target;

pub(crate) use metadata::metadata;
pub(crate) use objects::objects;
pub(crate) use rendered::{rendered, thumbnail};

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
