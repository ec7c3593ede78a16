//! Offers: what of it is here already, what is to be sent, and from where on.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use causeway_core::link::words::{Answer, Offer};
use causeway_core::link::{MAX_OFFER_BYTES, MAX_OFFERED};

use super::gathered;
use crate::body::RequestBody;
use crate::door::{Caller, Door};
use crate::problem::Problem;

/// Answers an offer with one standing for each instance.
pub(super) async fn answer(
    State(door): State<Arc<Door>>,
    Caller(principal): Caller,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let from = super::caller(&principal)?;
    let body = RequestBody::new(request.into_body(), door.config.limits.read_timeout());
    let body = gathered(body, MAX_OFFER_BYTES).await?;
    let offer: Offer =
        serde_json::from_slice(&body).map_err(|_| Problem::bad_request("the request is no offer"))?;
    if offer.instances.len().max(offer.acknowledged.len()) > MAX_OFFERED {
        return Err(Problem::too_large(format!(
            "an offer has at most {MAX_OFFERED} instances, and as many receipts"
        )));
    }
    let standings = door.archive.standings(&principal, &from, &offer).await?;
    Ok(Json(Answer { standings }))
}
