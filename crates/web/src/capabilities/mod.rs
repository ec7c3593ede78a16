//! Retrieve Capabilities (PS3.18 §8.9, Annex H): OPTIONS of the base or of a resource is answered with what can be
//! asked there and below, as WADL or as its JSON form.
//!
//! Lives here: the answer; in `about`, the words that the router's table is made of; in `wadl`, the description
//! that is made of that table; in `node`, its two ways to be written.

pub(crate) mod about;
mod node;
mod wadl;

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{ALLOW, CONTENT_TYPE, ETAG};
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::accept::{self, FOR_CAPABILITIES, WADL};
use crate::base_url::base_url;
use crate::door::Door;
use crate::problem::Problem;
use crate::wado::etag;
use about::Resource;

/// What is told of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Described {
    /// All that there are.
    pub(crate) resources: Arc<[Resource]>,
    /// Which of them is asked about.
    pub(crate) path: Arc<str>,
}

impl Described {
    /// Answers an OPTIONS request.
    pub(crate) fn answer(&self, door: &Door, request: &Request) -> Result<Response, Problem> {
        let (uri, headers) = (request.uri(), request.headers());
        let selected = accept::select(FOR_CAPABILITIES, headers, uri.query(), door.config.missing_accept)?;
        let document = wadl::describe(&self.resources, &self.path, &base_url(&door.config, uri, headers));
        let body = if selected.offer == WADL { document.to_xml() } else { document.to_json() };
        let tag = etag::header(&Sha256::digest(&body).into());
        let mut response = etag::not_modified(headers, &tag).unwrap_or_else(|| Response::new(body.into()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(selected.offer.essence));
        headers.insert(ETAG, tag);
        if let Some(allow) = self.allow() {
            headers.insert(ALLOW, allow);
        }
        Ok(response)
    }

    fn allow(&self) -> Option<HeaderValue> {
        let resource = self.resources.iter().find(|resource| *resource.path == *self.path)?;
        HeaderValue::try_from(resource.allow()).ok()
    }
}
