//! What is asked of rendered resources, by either service: over WADO-RS (PS3.18 §10.4) or by the URI service (§9.5).

use axum::extract::RawPathParams;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use causeway_core::{Principal, Uid};

use super::super::frames::FrameList;
use super::parse::{self, Kind, Parameters};
use crate::accept::{self, Offer};
use crate::base_url::base_url;
use crate::door::Door;
use crate::problem::Problem;
use crate::target::Target;

/// A request for pictures or documents.
pub(in crate::wado) struct Ask<'a> {
    pub(in crate::wado) door: &'a Door,
    pub(in crate::wado) principal: &'a Principal,
    pub(in crate::wado) target: Target,
    pub(in crate::wado) uri: &'a Uri,
    pub(in crate::wado) headers: &'a HeaderMap,
    /// Frames that are named; none: all.
    pub(in crate::wado) frames: Option<FrameList>,
    pub(in crate::wado) parameters: Parameters,
    pub(in crate::wado) service: Service,
}

/// Which service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wado) enum Service {
    /// WADO-RS: answers may have parts.
    Restful,
    /// The URI service: an answer is one thing.
    Uri {
        /// The value of `contentType`.
        content_type: Option<String>,
        /// Series and instance of the presentation state to apply.
        state: Option<(Uid, Uid)>,
    },
}

impl<'a> Ask<'a> {
    /// A request of WADO-RS.
    pub(super) fn restful(
        door: &'a Door,
        principal: &'a Principal,
        target: Target,
        path: &RawPathParams,
        request: &'a Parts,
        kind: Kind,
    ) -> Result<Self, Problem> {
        let (uri, headers) = (&request.uri, &request.headers);
        let parameters = parse::parse(uri.query().unwrap_or_default(), kind)?;
        let list = path.iter().find(|(name, _)| *name == "frames");
        let frames = list.map(|(_, list)| FrameList::parse(list)).transpose()?;
        Ok(Self { door, principal, target, uri, headers, frames, parameters, service: Service::Restful })
    }

    /// Chooses among what there is.
    pub(super) fn choose(&self, offers: &[Offer]) -> Result<Offer, Problem> {
        let missing = self.door.config.missing_accept;
        let selected = match &self.service {
            Service::Restful => accept::select(offers, self.headers, self.uri.query(), missing)?,
            Service::Uri { content_type, .. } => {
                let alone: Vec<Offer> = offers.iter().filter(|offer| offer.root.is_none()).copied().collect();
                accept::select_named(&alone, self.headers, content_type.as_deref(), missing)?
            }
        };
        Ok(selected.offer)
    }

    /// Where links begin.
    pub(super) fn base(&self) -> String {
        base_url(&self.door.config, self.uri, self.headers)
    }

    pub(super) const fn is_restful(&self) -> bool {
        matches!(self.service, Service::Restful)
    }
}
