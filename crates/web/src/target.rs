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
        let unreadable = |_| Problem::bad_request("the path cannot be read");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(unreadable)?;
        let mut target = Self::default();
        for (name, value) in &params {
            let Some(place) = target.place(name) else { continue };
            let uid = Uid::parse(value).map_err(|error| {
                Problem::bad_request(format!("the path does not name a {name} by its UID: {error}"))
            })?;
            *place = Some(uid);
        }
        Ok(target)
    }
}
