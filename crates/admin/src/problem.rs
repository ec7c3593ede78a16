//! Errors as RFC 9457 problems: a status, and words for the one who asked.

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_archive::{
    AccessError, DeleteError, HoldError, IngestError, MoveError, RetentionError, SearchError, TransformError,
};
use causeway_forward::admin::AdminError;
use causeway_forward::visit::VisitError;

/// An error as the caller sees it.
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// The field of the body that is at fault.
    field: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None }
    }

    /// Names the field of the body that is at fault; an empty name is none.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn inside(error: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%error, "an administrator's request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the node failed; its log says how")
    }
}

/// Most that the library says of a request that it could not read, in bytes.
const MAX_REJECTION_BYTES: usize = 4096;

/// What the library says of a path, a query or a body that it could not read, as a problem like all others.
pub(crate) async fn dressed(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let status = response.status();
    if !status.is_client_error() || kind.is_none_or(|kind| !kind.starts_with("text/plain")) {
        return response;
    }
    let words = axum::body::to_bytes(response.into_body(), MAX_REJECTION_BYTES).await.unwrap_or_default();
    Problem::new(status, String::from_utf8_lossy(&words)).into_response()
}

/// 405; the router adds the methods that would do as `Allow`.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "the method is not supported for this resource; see Allow")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = serde_json::json!({ "status": self.status.as_u16(), "detail": self.detail });
        if let (Some(field), Some(members)) = (self.field, body.as_object_mut()) {
            members.insert("field".to_owned(), field.into());
        }
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        Self::new(StatusCode::FORBIDDEN, error.to_string())
    }
}

impl From<TransformError> for Problem {
    fn from(error: TransformError) -> Self {
        match error {
            TransformError::Access(error) => error.into(),
            TransformError::Plan(_) | TransformError::Unfit(_) => Self::bad_request(error.to_string()),
            TransformError::InUse(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            TransformError::Catalog(error) => Self::inside(&error),
        }
    }
}

impl From<SearchError> for Problem {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Access(error) => error.into(),
            SearchError::Catalog(error) => Self::inside(&error),
        }
    }
}

/// Of what is taken in at an administrator's word.
impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Access(error) => error.into(),
            other => Self::inside(&other),
        }
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::Access(error) => error.into(),
            DeleteError::Held { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            DeleteError::Catalog(_) | DeleteError::Store(_) => Self::inside(&error),
        }
    }
}

impl From<MoveError> for Problem {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Access(error) => error.into(),
            MoveError::NoOther | MoveError::OnePlace { .. } | MoveError::UnderWay => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            // What a store says names no patient, and an administrator is to know it.
            MoveError::Store(error) => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            MoveError::Catalog(error) => Self::inside(&error),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Reason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).at("reason"),
            HoldError::Search(error) => error.into(),
        }
    }
}

impl From<RetentionError> for Problem {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Rule(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).at("rule")
            }
            RetentionError::TooMany => Self::new(StatusCode::CONFLICT, error.to_string()),
            RetentionError::Search(error) => error.into(),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Access(error) => error.into(),
            AdminError::Route(error) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            AdminError::NothingNamed
            | AdminError::NowhereFrom
            | AdminError::NoRemote(_)
            | AdminError::NoUrl => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            AdminError::Catalog(error) => Self::inside(&error),
        }
    }
}

impl From<VisitError> for Problem {
    fn from(error: VisitError) -> Self {
        let status = match &error {
            VisitError::Access(_) => StatusCode::FORBIDDEN,
            VisitError::NoRemote(_) => StatusCode::NOT_FOUND,
            VisitError::Question(_) => StatusCode::BAD_REQUEST,
            VisitError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}
