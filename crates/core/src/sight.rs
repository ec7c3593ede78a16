//! Which studies someone may see. Studies are seen whole or not at all, so that no count and no list of what is seen
//! tells of what is not.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::instance::PatientKey;
use crate::remote::RemoteName;
use crate::uid::Uid;

/// Most studies, patients and remotes, each, that a scope names.
pub const MAX_SCOPE_ITEMS: usize = 1000;
/// Longest Patient ID or issuer in a scope, in bytes.
const MAX_PATIENT_BYTES: usize = 256;

/// What a principal sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sight {
    /// Every study.
    #[default]
    Everything,
    /// These studies; for anything else it is as if they were the only ones.
    Only(Scope),
}

impl Sight {
    /// Whether some studies may be hidden.
    #[must_use]
    pub const fn is_confined(&self) -> bool {
        matches!(self, Self::Only(_))
    }

    /// The scope; none where everything is seen.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Everything => None,
            Self::Only(scope) => Some(scope),
        }
    }
}

impl From<Option<Scope>> for Sight {
    fn from(scope: Option<Scope>) -> Self {
        scope.map_or(Self::Everything, Self::Only)
    }
}

/// Studies that are seen: those of any of these. One that names nothing sees nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// These studies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub studies: Vec<Uid>,
    /// The studies of these patients: ID and issuer, both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<PatientKey>,
    /// The studies whose first instance came from these remotes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<RemoteName>,
}

/// A scope that names too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {MAX_SCOPE_ITEMS} studies, patients and remotes can be named")]
pub struct ScopeError;

impl Scope {
    /// What came from one remote.
    #[must_use]
    pub fn of_remote(name: RemoteName) -> Self {
        Self { remotes: vec![name], ..Self::default() }
    }

    /// Refuses a scope that names too much.
    ///
    /// # Errors
    /// When a list is longer than [`MAX_SCOPE_ITEMS`].
    pub fn check(&self) -> Result<(), ScopeError> {
        let longest = self.studies.len().max(self.patients.len()).max(self.remotes.len());
        if longest > MAX_SCOPE_ITEMS { Err(ScopeError) } else { Ok(()) }
    }

    /// Whether a study of this UID, patient and origin is seen.
    #[must_use]
    pub fn sees(&self, study: &Uid, patient: &PatientKey, origin: Option<&RemoteName>) -> bool {
        self.studies.contains(study)
            || (!patient.id.is_empty() && self.patients.contains(patient))
            || origin.is_some_and(|remote| self.remotes.contains(remote))
    }
}

/// For people, as a list of them shows it.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let studies = self.studies.iter().map(|it| format!("study {it}"));
        let patients = self.patients.iter().map(|it| format!("patient {it}"));
        let remotes = self.remotes.iter().map(|it| format!("from {it}"));
        let all: Vec<String> = studies.chain(patients).chain(remotes).collect();
        f.write_str(if all.is_empty() { "nothing" } else { "" })?;
        f.write_str(&all.join(", "))
    }
}

/// A text that names no patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a patient is ID, or ID^^^ISSUER where the data sets have an Issuer of Patient ID")]
pub struct PatientKeyError;

impl PatientKey {
    /// Reads an ID with its issuer as HL7 writes them (CX: `ID^^^ISSUER&OID&ISO`); without an issuer it is the ID of
    /// data sets that have none.
    ///
    /// # Errors
    /// When there is no ID, or one too long.
    pub fn parse(text: &str) -> Result<Self, PatientKeyError> {
        let mut components = text.split('^');
        let id = components.next().unwrap_or_default().trim();
        let authority = components.nth(2).unwrap_or_default();
        let issuer = authority.split('&').next().unwrap_or_default().trim();
        let fits = |text: &str| text.len() <= MAX_PATIENT_BYTES && !text.chars().any(char::is_control);
        if id.is_empty() || !fits(id) || !fits(issuer) {
            return Err(PatientKeyError);
        }
        Ok(Self { id: id.to_owned(), issuer: issuer.to_owned() })
    }
}

impl fmt::Display for PatientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.issuer.as_str() {
            "" => f.write_str(&self.id),
            issuer => write!(f, "{}^^^{issuer}", self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(text: &str) -> PatientKey {
        PatientKey::parse(text).unwrap()
    }

    #[test]
    fn a_patient_is_read_as_hl7_writes_it_and_never_without_an_id() {
        for (text, id, issuer) in [
            ("P1", "P1", ""),
            ("P1^^^HOSPITAL", "P1", "HOSPITAL"),
            ("P 1^^^HOSPITAL&1.2.3&ISO", "P 1", "HOSPITAL"),
            ("P1^^", "P1", ""),
        ] {
            assert_eq!(patient(text), PatientKey { id: id.to_owned(), issuer: issuer.to_owned() });
        }
        assert_eq!(patient("P1^^^H").to_string(), "P1^^^H");
        for text in ["", " ", "^^^HOSPITAL", "a\nb", &"x".repeat(257)] {
            assert!(PatientKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_study_is_seen_for_any_of_the_reasons_and_for_no_other() {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let remote: RemoteName = "ct1".parse().unwrap();
        let other: RemoteName = "ct2".parse().unwrap();
        let scope = Scope {
            studies: vec![uid("1.2")],
            patients: vec![patient("P1^^^H")],
            remotes: vec![remote.clone()],
        };
        let nobody = PatientKey { id: String::new(), issuer: String::new() };
        assert!(scope.sees(&uid("1.2"), &nobody, None));
        assert!(scope.sees(&uid("1.3"), &patient("P1^^^H"), Some(&other)));
        assert!(scope.sees(&uid("1.3"), &nobody, Some(&remote)));
        for wrong in ["P1", "P1^^^I", "P2^^^H", "p1^^^H"] {
            assert!(!scope.sees(&uid("1.3"), &patient(wrong), Some(&other)), "{wrong}");
        }
        assert!(!Scope::default().sees(&uid("1.2"), &nobody, None), "naming nothing sees nothing");
        let empty = Scope { patients: vec![nobody.clone()], ..Scope::default() };
        assert!(!empty.sees(&uid("1.2"), &nobody, None), "without an ID nobody can be told from anybody");
    }

    #[test]
    fn a_scope_is_held_at_its_bound_and_above() {
        let named = |count| Scope { patients: vec![patient("P1"); count], ..Scope::default() };
        assert_eq!(named(MAX_SCOPE_ITEMS).check(), Ok(()));
        assert_eq!(named(MAX_SCOPE_ITEMS + 1).check(), Err(ScopeError));
    }
}
