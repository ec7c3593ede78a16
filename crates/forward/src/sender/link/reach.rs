//! The two ways to the far side of a link: it is called, or it calls and collects. What is offered, sent and heard is the
//! same; here is who asks whom.

use causeway_archive::Archive;
use causeway_archive::link::hatch::{Handing, Pieces, Uncollected};
use causeway_core::Remote;
use causeway_core::link::words::{Answer, Offer};
use causeway_core::link::{LinkAddress, MAX_OFFER_BYTES};
use reqwest::Body;

use super::client::{Line, broken, call, fine};
use super::heard::{Lines, Saying};
use crate::failure::{Failure, Kind};
use crate::sender::{Broke, Way};

/// Largest answer to an offer, in bytes.
const MAX_ANSWER_BYTES: usize = 4 * MAX_OFFER_BYTES;

/// How the far side is come by.
pub(super) enum Reach {
    /// It is called, over a line that is made when it is first needed.
    Called(Option<Line>),
    /// It calls.
    Collects,
}

/// Where the bytes of an upload go.
pub(super) enum Outlet {
    /// Into a request.
    Called(Line),
    /// To whoever collects.
    Collects(Handing),
}

/// Why an offer has no answer.
pub(super) enum Unanswered {
    /// Nobody is there to collect it: the far side has not failed, it waits for itself.
    Nobody,
    /// The far side failed, or the catalog did.
    Broke(Broke),
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self::Broke(Broke::Destination(failure))
    }
}

impl From<Broke> for Unanswered {
    fn from(broke: Broke) -> Self {
        Self::Broke(broke)
    }
}

impl Reach {
    pub(super) const fn to(address: &LinkAddress) -> Self {
        if address.url.is_some() { Self::Called(None) } else { Self::Collects }
    }

    /// Makes a line that is called anew.
    pub(super) fn forget(&mut self) {
        if let Self::Called(line) = self {
            *line = None;
        }
    }

    /// Has the far side answer an offer.
    pub(super) async fn offer(
        &mut self,
        archive: &Archive,
        remote: &Remote,
        address: &LinkAddress,
        way: &Way,
        offer: Offer,
    ) -> Result<(Answer, Outlet), Unanswered> {
        match self {
            Self::Called(line) => {
                let line = match line {
                    Some(line) => line.clone(),
                    None => line
                        .insert(Line::to(archive, remote, address, way.patience, &way.clock).await?)
                        .clone(),
                };
                let request = line.post("offer").json(&offer);
                let answer = call(request, way.patience.response, MAX_ANSWER_BYTES).await?;
                Ok((answer, Outlet::Called(line)))
            }
            Self::Collects => {
                let offered = archive.hatch().offer(&remote.name, offer, way.patience.response).await;
                match offered {
                    Ok((answer, handing)) => Ok((answer, Outlet::Collects(handing))),
                    Err(Uncollected::NobodyCame) => Err(Unanswered::Nobody),
                    Err(Uncollected::Lost) => {
                        let words = "it asked what there is for it, and was not heard of again";
                        Err(Failure::new(Kind::Transient, words).into())
                    }
                }
            }
        }
    }
}

impl Outlet {
    /// Gives the far side the bytes; what it says of them comes as it is decided.
    pub(super) async fn give(self, pieces: Pieces) -> Result<Saying, Failure> {
        match self {
            Self::Called(line) => {
                let request = line.post("upload").body(Body::wrap_stream(pieces));
                let response = fine(request.send().await.map_err(|error| broken(&error))?).await?;
                Ok(Saying::Answer(Lines::new(response)))
            }
            Self::Collects(mut handing) => {
                handing.hand(pieces);
                Ok(Saying::Collected(handing))
            }
        }
    }
}
