//! DELETE of a study, a series or an instance: a permission of its own, on record, 410 ever after.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::door::{Caller, Door};
use crate::problem::Problem;
use crate::target::Target;
use crate::wado::absent;

/// Removes what the path names.
pub(crate) async fn delete(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    target: Target,
) -> Result<StatusCode, Problem> {
    let selection = target.selection();
    match door.archive.delete(&principal, &selection).await? {
        0 => Err(absent(&door, &principal, &target).await?),
        removed => {
            tracing::info!(who = %principal.name, removed, what = target.noun(), "instances deleted");
            Ok(StatusCode::NO_CONTENT)
        }
    }
}
