//! What a URL's path names: a study, a series, an instance, each by a UID that was parsed before anything else
//! happens (PS3.18 §10.1.1).

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use causeway_core::{Selection, Uid};

use crate::problem::Problem;

/// The UIDs in the path, as many as the resource has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Target {
    pub(crate) study: Option<Uid>,
    pub(crate) series: Option<Uid>,
    pub(crate) instance: Option<Uid>,
}

impl Target {
    /// The instances that the path names.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            patient_id: None,
            studies: self.study.iter().cloned().collect(),
            series: self.series.iter().cloned().collect(),
            instances: self.instance.iter().cloned().collect(),
        }
    }

    /// What kind of thing the path names, in a word for messages.
    pub(crate) const fn noun(&self) -> &'static str {
        match self {
            Self { instance: Some(_), .. } => "instance",
            Self { series: Some(_), .. } => "series",
            Self { .. } => "study",
        }
    }

    /// Where the UID of this name in the path goes; none for what is no UID.
    fn place(&mut self, name: &str) -> Option<&mut Option<Uid>> {
        match name {
            "study" => Some(&mut self.study),
            "series" => Some(&mut self.series),
            "instance" => Some(&mut self.instance),
            _ => None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        let mut target = Self::default();
        for (name, value) in &params {
            let Some(place) = target.place(name) else { continue };
            *place = Some(uid(name, value)?);
        }
        Ok(target)
    }
}

/// The request for storage commitment that the path names, by its Transaction UID (PS3.18 §13.4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction(pub(crate) Uid);

impl<S: Send + Sync> FromRequestParts<S> for Transaction {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        let found = params.iter().find(|(name, _)| *name == "transaction");
        let (name, value) = found.ok_or_else(|| Problem::bad_request("the path names no transaction"))?;
        let uid = uid(name, value)?;
        // Other UIDs are held against what is here; this one names what is to be, and dots alone lead elsewhere (RFC
        // 3986 §5.2.4).
        if uid.as_str().split('.').any(str::is_empty) {
            return Err(Problem::bad_request("the Transaction UID has an empty component (PS3.5 §9.1)"));
        }
        Ok(Self(uid))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    let unreadable = |_| Problem::bad_request("the path cannot be read");
    RawPathParams::from_request_parts(parts, state).await.map_err(unreadable)
}

fn uid(name: &str, value: &str) -> Result<Uid, Problem> {
    Uid::parse(value)
        .map_err(|error| Problem::bad_request(format!("the path does not name a {name} by its UID: {error}")))
}
