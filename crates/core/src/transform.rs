//! What is changed of instances on their way to a remote: the document that an administrator writes.
//!
//! Lives here: [`Transform`] and its parts, as data. Never here: which attributes there are and what a value must look
//! like, which the dictionary says (`dataset`), nor the secret of a project, which the catalog keeps.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::remote::RemoteName;

/// Most edits of one transform.
pub const MAX_EDITS: usize = 256;
/// Most lines of the table of one [`Edit::Map`].
pub const MAX_MAP_LINES: usize = 4096;

/// What becomes of an instance before it goes to a remote. Without edits and without de-identification it changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// What an administrator calls it.
    pub name: RemoteName,
    /// Whose secret makes UIDs, IDs and the shift of dates: transforms of one project agree with each other. None: a
    /// project of its own, called as the transform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<RemoteName>,
    /// De-identification (PS3.15 Annex E); none: identities stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deidentify: Option<Deidentify>,
    /// What happens to an instance whose pixels may tell who the patient is; none: refused where identities are taken
    /// away, else sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burned_in: Option<BurnedIn>,
    /// Edits of attributes outside of any sequence, in their order, after de-identification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
}

/// The Basic Application Level Confidentiality Profile (PS3.15 §E.2) and which of its options (§E.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deidentify {
    /// Its options.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub options: BTreeSet<ProfileOption>,
}

/// An option of the profile (PS3.15 §E.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileOption {
    /// UIDs stay (PS3.15 §E.3.9).
    RetainUids,
    /// What tells the device stays (PS3.15 §E.3.8).
    RetainDevice,
    /// What tells the institution stays (PS3.15 §E.3.11).
    RetainInstitution,
    /// Age, sex, size and the like stay (PS3.15 §E.3.7).
    RetainPatientCharacteristics,
    /// Dates and times stay (PS3.15 §E.3.6).
    RetainFullDates,
    /// Dates are shifted, each patient's by a number of days of its own (PS3.15 §E.3.6).
    RetainModifiedDates,
    /// Descriptions keep the words that are known to tell nothing of a person (PS3.15 §E.3.5).
    CleanDescriptors,
    /// Drawings stay, their texts go (PS3.15 §E.3.3).
    CleanGraphics,
    /// Reports keep their codes and numbers; of their texts what is known to tell nothing (PS3.15 §E.3.4).
    CleanStructuredContent,
}

/// What happens to an instance whose pixels may tell who the patient is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BurnedIn {
    /// It is not sent; its delivery says why.
    Refuse,
    /// It is sent.
    Send,
}

/// One edit. Attributes are named by their keyword of PS3.6, or as `(gggg,eeee)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// Gives the attribute this value, whether it was there or not.
    Set {
        /// Which.
        attribute: String,
        /// Its values; none: it is there and empty.
        values: Vec<String>,
    },
    /// Takes the attribute away.
    Remove {
        /// Which.
        attribute: String,
    },
    /// Gives an attribute the values of another; nothing happens where that one is absent.
    Copy {
        /// Whose values.
        from: String,
        /// Which gets them.
        to: String,
    },
    /// Replaces each value that the table has; others stay.
    Map {
        /// Which.
        attribute: String,
        /// What each value becomes.
        table: BTreeMap<String, String>,
    },
    /// Puts a text before each value that is not empty.
    Prefix {
        /// Which.
        attribute: String,
        /// The text.
        text: String,
    },
    /// Puts a text behind each value that is not empty.
    Suffix {
        /// Which.
        attribute: String,
        /// The text.
        text: String,
    },
    /// Says who issued an identifier (PS3.3 §10.14), where the identifier is there and not empty.
    Issuer {
        /// Of which.
        of: Issued,
        /// The issuer's name in its institution.
        namespace: String,
        /// The issuer's identifier everywhere, and what kind of identifier that is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        universal: Option<UniversalEntity>,
    },
}

/// An identifier that has an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issued {
    /// Patient ID (0010,0020).
    PatientId,
    /// Accession Number (0008,0050).
    AccessionNumber,
}

/// An issuer's identifier that holds everywhere (PS3.3 §10.14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniversalEntity {
    /// Universal Entity ID (0040,0032).
    pub id: String,
    /// Universal Entity ID Type (0040,0033): `ISO`, `DNS`, `UUID` …
    #[serde(rename = "type")]
    pub kind: String,
}

impl Transform {
    /// A transform of this name that changes nothing.
    #[must_use]
    pub const fn named(name: RemoteName) -> Self {
        Self { name, project: None, deidentify: None, burned_in: None, edits: Vec::new() }
    }

    /// Whose secret it uses.
    #[must_use]
    pub fn project(&self) -> &RemoteName {
        self.project.as_ref().unwrap_or(&self.name)
    }

    /// Whether it takes identities away.
    #[must_use]
    pub const fn deidentifies(&self) -> bool {
        self.deidentify.is_some()
    }

    /// What happens to pixels that may tell who the patient is.
    #[must_use]
    pub fn burned_in(&self) -> BurnedIn {
        let usual = if self.deidentifies() { BurnedIn::Refuse } else { BurnedIn::Send };
        self.burned_in.unwrap_or(usual)
    }

    /// Whether this option is taken.
    #[must_use]
    pub fn has(&self, option: ProfileOption) -> bool {
        self.deidentify.as_ref().is_some_and(|profile| profile.options.contains(&option))
    }

    /// Whether UIDs become others.
    #[must_use]
    pub fn maps_uids(&self) -> bool {
        self.deidentifies() && !self.has(ProfileOption::RetainUids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_only_what_is_known_and_comes_back_as_short() {
        let document = r#"{"name":"trial","deidentify":{"options":["retain-device"]},"edits":[{"action":"set","attribute":"PatientName","values":["A"]}]}"#;
        let transform: Transform = serde_json::from_str(document).unwrap();
        assert_eq!(serde_json::to_string(&transform).unwrap(), document);
        assert!(transform.maps_uids());
        assert_eq!(transform.burned_in(), BurnedIn::Refuse);
        assert_eq!(transform.project().as_str(), "trial");
        for wrong in [
            r#"{"name":"trial","unknown":1}"#,
            r#"{"name":"trial","deidentify":{"options":["retain-everything"]}}"#,
            r#"{"name":"trial","edits":[{"action":"set","attribute":"PatientName","values":[],"to":"x"}]}"#,
            r#"{"name":"trial","edits":[{"action":"erase","attribute":"PatientName"}]}"#,
        ] {
            assert!(serde_json::from_str::<Transform>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_takes_no_identity_away_sends_what_is_burned_in_unless_told_otherwise() {
        let mut transform = Transform::named("relabel".parse().unwrap());
        assert_eq!(transform.burned_in(), BurnedIn::Send);
        assert!(!transform.maps_uids());
        transform.burned_in = Some(BurnedIn::Refuse);
        assert_eq!(transform.burned_in(), BurnedIn::Refuse);
    }
}
