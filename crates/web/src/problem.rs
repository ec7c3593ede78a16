//! What an error looks like from outside: a status, words for the one who asked, never a path, never a value of
//! a data set (RFC 9457, `application/problem+json`; statuses of PS3.18 §8.5).
//!
//! One place turns the archive's errors into HTTP. What went wrong inside is handed to `front` for the log.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_archive::{AccessError, BearerError, CommitmentError, DeleteError, RetrieveError, SearchError};
use causeway_core::{Class, Permission};

/// Seconds after which a caller may come back to a node that was busy or full.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// An error as the caller sees it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    challenge: Challenge,
    internal: Option<String>,
}

/// What the challenge says beside its realm (RFC 6750 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Challenge {
    /// Nothing: no credentials came that could be wrong.
    #[default]
    Plain,
    /// The token is not believed.
    InvalidToken(BearerError),
    /// The token is believed and does not allow this.
    InsufficientScope(Permission),
}

impl Challenge {
    /// The header, whose words are ours alone and have no quotation marks.
    fn header(self) -> Option<HeaderValue> {
        const REALM: &str = "Bearer realm=\"causeway\"";
        let text = match self {
            Self::Plain => REALM.to_owned(),
            Self::InvalidToken(error) => {
                format!("{REALM}, error=\"invalid_token\", error_description=\"{error}\"")
            }
            Self::InsufficientScope(permission) => {
                format!("{REALM}, error=\"insufficient_scope\", scope=\"{permission}\"")
            }
        };
        HeaderValue::from_str(&text).ok()
    }
}

/// What an error was about, for the log only.
#[derive(Debug, Clone)]
pub(crate) struct Internal(pub(crate) String);

impl Problem {
    /// A problem of this status, told in these words.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), challenge: Challenge::Plain, internal: None }
    }

    /// 400.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401, with the challenge that PS3.18 §8.5 asks for.
    pub(crate) fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 401 for a token that is not believed (RFC 6750 §3.1).
    pub(crate) fn invalid_token(error: BearerError) -> Self {
        Self { challenge: Challenge::InvalidToken(error), ..Self::unauthorized(error.to_string()) }
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 406.
    pub(crate) fn not_acceptable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, detail)
    }

    /// 410.
    pub(crate) fn gone(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::GONE, detail)
    }

    /// 413.
    pub(crate) fn too_large(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 415.
    pub(crate) fn unsupported_media_type(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 503.
    pub(crate) fn busy(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// An error of the archive's insides: the caller learns what to do, the log learns the rest.
    pub(crate) fn inside(class: Class, words: String) -> Self {
        let (status, detail) = match class {
            Class::Caller | Class::Peer => (StatusCode::BAD_REQUEST, "the request cannot be served as it is"),
            Class::Transient => (StatusCode::SERVICE_UNAVAILABLE, "the node is busy; try again in a moment"),
            Class::Exhausted => {
                (StatusCode::SERVICE_UNAVAILABLE, "the node has run out of room; try again later")
            }
            Class::Bug => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the node failed; its log says more under the id of this request",
            ),
        };
        Self { internal: Some(words), ..Self::new(status, detail) }
    }

    /// Why a token was not believed, where that is the problem.
    pub(crate) const fn refused_token(&self) -> Option<BearerError> {
        match self.challenge {
            Challenge::InvalidToken(error) => Some(error),
            Challenge::Plain | Challenge::InsufficientScope(_) => None,
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let challenge = Challenge::InsufficientScope(error.permission);
        Self { challenge, ..Self::new(StatusCode::FORBIDDEN, error.to_string()) }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Access(error) => error.into(),
            SearchError::Catalog(_) => Self::inside(error.class(), error.to_string()),
        }
    }
}

impl From<RetrieveError> for Problem {
    fn from(error: RetrieveError) -> Self {
        match error {
            RetrieveError::Access(error) => error.into(),
            RetrieveError::NotAcceptable { .. }
            | RetrieveError::NotDecodable { .. }
            | RetrieveError::Transform(_)
            | RetrieveError::Frames(_) => Self::not_acceptable(error.to_string()),
            RetrieveError::Elsewhere { .. } => Self {
                internal: Some(error.to_string()),
                ..Self::busy(
                    "the instance came a moment ago and is not in the store yet; try again in a moment",
                )
            },
            RetrieveError::Catalog(_) | RetrieveError::Store(_) | RetrieveError::Unreadable(_) => {
                Self::inside(error.class(), error.to_string())
            }
        }
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Access(error) => error.into(),
            DeleteError::Held { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            DeleteError::Catalog(_) | DeleteError::Store(_) => Self::inside(error.class(), error.to_string()),
        }
    }
}

impl From<CommitmentError> for Problem {
    fn from(error: CommitmentError) -> Self {
        match error {
            CommitmentError::Access(error) => error.into(),
            CommitmentError::Duplicate => Self::new(
                StatusCode::CONFLICT,
                "the Transaction UID was used before; GET tells the result of the request that used it, and another \
                 request needs a Transaction UID of its own",
            ),
            CommitmentError::TooMany => Self::busy(
                "too many requests of this caller wait to be decided; try again when some of them are",
            ),
            CommitmentError::Unknown => Self::not_found(
                "this caller has not asked for storage commitment under this Transaction UID, or long ago",
            ),
            CommitmentError::Gone => Self::gone(
                "the result of this request is not kept any more; ask again under another Transaction UID",
            ),
            CommitmentError::Catalog(error) => Self::inside(error.class(), error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        let is_challenged = self.status == StatusCode::UNAUTHORIZED || self.challenge != Challenge::Plain;
        if let Some(challenge) = self.challenge.header().filter(|_| is_challenged) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            StatusCode::REQUEST_TIMEOUT => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        if let Some(words) = self.internal {
            response.extensions_mut().insert(Internal(words));
        }
        response
    }
}

/// 404 for what names nothing.
pub(crate) async fn no_such_resource() -> Problem {
    Problem::not_found("there is no such resource; DICOMweb resources begin with /dicom-web/studies")
}

/// 405; the router adds the methods that would do as `Allow` (PS3.18 §8.5).
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the method is not supported for this resource; see Allow")
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_core::Credential;

    #[test]
    fn what_went_wrong_inside_is_for_the_log_only() {
        let problem: Problem = RetrieveError::Unreadable("/srv/objects/0193.dcm broke".to_owned()).into();
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail().contains("/srv"));
        let response = problem.into_response();
        assert!(response.extensions().get::<Internal>().is_some_and(|words| words.0.contains("/srv")));
    }

    #[test]
    fn a_caller_without_leave_is_told_what_it_lacks() {
        let error = AccessError {
            who: "viewer".to_owned(),
            credential: Credential::Token,
            permission: Permission::Store,
        };
        let problem = Problem::from(error);
        assert_eq!(problem.status(), StatusCode::FORBIDDEN);
        assert!(problem.detail().contains("store"));
    }

    #[test]
    fn statuses_carry_the_headers_that_go_with_them() {
        let challenge = |problem: Problem| {
            problem
                .into_response()
                .headers()
                .get(WWW_AUTHENTICATE)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(challenge(Problem::unauthorized("x")).unwrap(), "Bearer realm=\"causeway\"");
        let invalid = challenge(Problem::invalid_token(BearerError::Time)).unwrap();
        assert!(
            invalid.contains("error=\"invalid_token\", error_description=\"the token has expired"),
            "{invalid}"
        );
        let lacks = AccessError {
            who: "viewer".to_owned(),
            credential: Credential::Token,
            permission: Permission::Store,
        };
        assert!(challenge(lacks.into()).unwrap().contains("error=\"insufficient_scope\", scope=\"store\""));
        assert_eq!(challenge(Problem::not_found("x")), None);
        assert!(Problem::busy("x").into_response().headers().contains_key(RETRY_AFTER));
    }
}
