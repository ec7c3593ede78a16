//! What becomes of one instance, decided from its beginning. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use causeway_core::transfer_syntax::Layout;
use causeway_core::transform::{BurnedIn, Deidentify, ProfileOption};
use causeway_core::{Attributes, Element, Tag, Transform, Uid, Value, Vr};

use super::action::Profile;
use super::check::{self, PlanError};
use super::edit::{self, Changed};
use super::pseudonym::{SECRET_BYTES, Secret};
use super::survey::{MAX_UIDS, MAX_VALUE_BYTES, Survey, Surveyor};
use super::tags;
use super::words::Telling;

/// A transform that can be applied.
#[derive(Debug, Clone)]
pub struct Plan {
    transform: Transform,
    profile: Option<Profile>,
    pub(super) secret: Secret,
    read: BTreeSet<Tag>,
}

/// Why an instance is not changed, and so must not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its pixels may tell who the patient is.
    #[error("transform '{transform}' refuses it: {reason}; to send it all the same set burned_in = \"send\"")]
    BurnedIn {
        /// Whose policy it is.
        transform: String,
        /// Why they may.
        reason: &'static str,
    },
    /// An edit makes a value that its attribute cannot have.
    #[error("transform '{transform}' cannot be applied: {tag} would become a value {reason}")]
    Value {
        /// Which.
        transform: String,
        /// The attribute.
        tag: Tag,
        /// What is wrong.
        reason: &'static str,
    },
    /// It cannot be read well enough.
    #[error("transform '{transform}' cannot be applied: {reason}")]
    Unreadable {
        /// Which.
        transform: String,
        /// Why.
        reason: String,
    },
}

/// What becomes of each UID.
#[derive(Debug, Clone)]
pub(super) enum Uids {
    /// Each becomes what the secret makes of it, where the profile says so.
    Made,
    /// These become those, wherever they stand.
    Known(HashMap<String, String>),
}

/// What becomes of one instance.
#[derive(Debug, Clone)]
pub struct Decision {
    pub(super) profile: Option<Profile>,
    pub(super) secret: Secret,
    pub(super) uids: Uids,
    /// By how many days dates go back.
    pub(super) days: i64,
    pub(super) telling: Telling,
    /// Attributes outside of any sequence: what each becomes; none: it goes.
    pub(super) puts: BTreeMap<Tag, Option<Element>>,
    /// One more item for Original Attributes Sequence.
    pub(super) original: Option<Attributes>,
    /// Whether text is written anew as UTF-8.
    pub(super) to_utf8: bool,
}

impl Decision {
    /// The same for what is nested.
    pub(super) fn within(&self) -> Self {
        Self { puts: BTreeMap::new(), original: None, ..self.clone() }
    }
}

/// Label of what is made of UIDs on the way out.
pub(super) const OUTWARD: &str = "uid";

impl Plan {
    /// A transform with the secret of its project.
    ///
    /// # Errors
    /// When it names what does not exist, or gives an attribute what it cannot have.
    pub fn new(transform: Transform, secret: [u8; SECRET_BYTES]) -> Result<Self, PlanError> {
        check::check_all(&transform)?;
        let mut read = edit::read(&transform)?;
        read.extend(tags::READ);
        read.extend(tags::IDENTITY);
        let profile = Profile::of(&transform);
        Ok(Self { transform, profile, secret: Secret::new(secret), read })
    }

    /// The transform.
    #[must_use]
    pub const fn transform(&self) -> &Transform {
        &self.transform
    }

    /// A surveyor that reads what [`Self::decide`] has to know.
    #[must_use]
    pub fn surveyor(&self, layout: Layout) -> Surveyor {
        Surveyor::new(layout, self.read.clone())
    }

    /// The UID that stands in the place of this one in what goes out.
    #[must_use]
    pub fn uid(&self, uid: &Uid) -> Uid {
        if !self.transform.maps_uids() || tags::is_of_the_standard(uid.as_str()) {
            return uid.clone();
        }
        self.secret.uid(OUTWARD, uid.as_str())
    }

    /// Whether who gets it sees another patient or study than there is: what it makes of it has to find its way back.
    #[must_use]
    pub fn hides_identity(&self) -> bool {
        self.transform.deidentifies() || self.edits_identity()
    }

    fn edits_identity(&self) -> bool {
        edit::written(&self.transform).iter().any(|tag| tags::IDENTITY.contains(tag))
    }

    fn refused(&self, reason: String) -> Refused {
        Refused::Unreadable { transform: self.transform.name.to_string(), reason }
    }

    /// What becomes of the instance that this was read of. `when` it was taken in, as DT, is what Original Attributes
    /// Sequence says: equal instances are to go out as equal bytes however often they are sent.
    ///
    /// # Errors
    /// When it must not go out.
    pub fn decide(&self, survey: &Survey, when: &str) -> Result<Decision, Refused> {
        let transform = &self.transform;
        if transform.burned_in() == BurnedIn::Refuse
            && let Some(reason) = pixels_may_tell(&survey.attributes)
        {
            return Err(Refused::BurnedIn { transform: transform.name.to_string(), reason });
        }
        if survey.has_too_many_uids {
            return Err(self.refused(format!("it names more than {MAX_UIDS} UIDs, or one that is too long")));
        }
        if survey.is_cut && !transform.edits.is_empty() {
            let words = format!("an attribute that is edited may be longer than {MAX_VALUE_BYTES} bytes");
            return Err(self.refused(words));
        }
        let mut puts = BTreeMap::new();
        let mut kept = survey.attributes.clone();
        if let Some(profile) = &transform.deidentify {
            self.pseudonyms(survey, &mut puts);
            puts.extend(method(profile));
            kept = Attributes::new();
        }
        let Changed { puts: edited, before } = edit::apply(transform, &kept, &survey.attributes)
            .map_err(|(tag, reason)| Refused::Value { transform: transform.name.to_string(), tag, reason })?;
        let is_changed = !edited.is_empty();
        puts.extend(edited);
        if is_changed && !transform.deidentifies() {
            puts.extend([tags::MAC_PARAMETERS, tags::DIGITAL_SIGNATURES].map(|tag| (tag, None)));
        }
        let original = (is_changed && !transform.deidentifies()).then(|| original(before, when, ""));
        let to_utf8 = !survey.is_utf8 && !is_ascii(&puts, original.as_ref());
        if to_utf8 && survey.is_lossy {
            return Err(self.refused("its text cannot be read as its character set says".to_owned()));
        }
        Ok(Decision {
            profile: self.profile,
            secret: self.secret.clone(),
            uids: Uids::Made,
            days: self.secret.days(&patient(&survey.attributes)),
            telling: telling(&survey.attributes),
            puts,
            original,
            to_utf8,
        })
    }

    /// Patient and case get IDs of the project: studies of one patient stay together.
    fn pseudonyms(&self, survey: &Survey, puts: &mut BTreeMap<Tag, Option<Element>>) {
        let attributes = &survey.attributes;
        let has = |tag| attributes.first(tag).is_some_and(|value| !value.is_empty());
        let patient = self.secret.id('P', &patient(attributes));
        let mut put = |tag, vr, value: String| puts.insert(tag, Some(Element::text(vr, vec![value])));
        if has(Tag::PATIENT_ID) {
            put(Tag::PATIENT_ID, Vr::LO, patient.clone());
        }
        if has(Tag::PATIENT_NAME) {
            put(Tag::PATIENT_NAME, Vr::PN, patient);
        }
        if let Some(accession) = attributes.first(tags::ACCESSION_NUMBER).filter(|text| !text.is_empty()) {
            put(tags::ACCESSION_NUMBER, Vr::SH, self.secret.id('A', &[accession]));
        }
    }
}

fn patient(attributes: &Attributes) -> [&str; 2] {
    let text = |tag| attributes.first(tag).unwrap_or_default();
    [text(Tag::ISSUER_OF_PATIENT_ID), text(Tag::PATIENT_ID)]
}

/// The words of everything that names somebody or something.
fn telling(attributes: &Attributes) -> Telling {
    let mut telling = Telling::default();
    for (tag, element) in attributes.iter().filter(|(tag, element)| tags::tells(*tag, element.vr)) {
        // Sex and the like are words of a description.
        let _ = tag;
        element.values().iter().for_each(|value| telling.add(value));
    }
    telling
}

pub(super) fn is_ascii(puts: &BTreeMap<Tag, Option<Element>>, original: Option<&Attributes>) -> bool {
    puts.values().flatten().all(element_is_ascii) && original.is_none_or(attributes_are_ascii)
}

fn element_is_ascii(element: &Element) -> bool {
    match &element.value {
        Value::Text(values) => values.iter().all(|value| value.is_ascii()),
        Value::Items(items) => items.iter().all(attributes_are_ascii),
    }
}

fn attributes_are_ascii(attributes: &Attributes) -> bool {
    attributes.iter().all(|(_, element)| element_is_ascii(element))
}

/// An item of Original Attributes Sequence (PS3.3 §C.12.1.1.9): what there was `before`.
pub(super) fn original(before: Attributes, when: &str, source: &str) -> Attributes {
    let mut item = Attributes::new();
    item.put(tags::MODIFIED_ATTRIBUTES, Element { vr: Vr::SQ, value: Value::Items(vec![before]) });
    item.put_text(tags::MODIFICATION_TIME, Vr::DT, when);
    item.put_text(tags::MODIFYING_SYSTEM, Vr::LO, causeway_core::implementation::VERSION_NAME);
    item.put_text(tags::SOURCE_OF_PREVIOUS, Vr::LO, source);
    item.put_text(tags::REASON, Vr::CS, "COERCE");
    item
}

/// What says that identities were taken away, and how (PS3.15 §E.1.1, PS3.16 CID 7050).
fn method(profile: &Deidentify) -> impl Iterator<Item = (Tag, Option<Element>)> {
    let mut codes = vec![("113100", "Basic Application Confidentiality Profile")];
    codes.extend(profile.options.iter().map(|option| code(*option)));
    let items = codes.iter().map(|(value, meaning)| {
        let mut item = Attributes::new();
        item.put_text(Tag::new(0x0008, 0x0100), Vr::SH, *value);
        item.put_text(Tag::new(0x0008, 0x0102), Vr::SH, "DCM");
        item.put_text(Tag::new(0x0008, 0x0104), Vr::LO, *meaning);
        item
    });
    let items = Element { vr: Vr::SQ, value: Value::Items(items.collect()) };
    let text = |vr, value: &str| Element::text(vr, vec![value.to_owned()]);
    let dates = match () {
        () if profile.options.contains(&ProfileOption::RetainFullDates) => "UNMODIFIED",
        () if profile.options.contains(&ProfileOption::RetainModifiedDates) => "MODIFIED",
        () => "REMOVED",
    };
    [
        (tags::IDENTITY_REMOVED, Some(text(Vr::CS, "YES"))),
        (tags::METHOD, Some(text(Vr::LO, "PS3.15 2024e Annex E, Basic Profile"))),
        (tags::METHOD_CODES, Some(items)),
        (tags::TEMPORAL_MODIFIED, Some(text(Vr::CS, dates))),
    ]
    .into_iter()
}

const fn code(option: ProfileOption) -> (&'static str, &'static str) {
    match option {
        ProfileOption::RetainUids => ("113110", "Retain UIDs Option"),
        ProfileOption::RetainDevice => ("113109", "Retain Device Identity Option"),
        ProfileOption::RetainInstitution => ("113112", "Retain Institution Identity Option"),
        ProfileOption::RetainPatientCharacteristics => ("113108", "Retain Patient Characteristics Option"),
        ProfileOption::RetainFullDates => {
            ("113106", "Retain Longitudinal Temporal Information Full Dates Option")
        }
        ProfileOption::RetainModifiedDates => {
            ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")
        }
        ProfileOption::CleanDescriptors => ("113105", "Clean Descriptors Option"),
        ProfileOption::CleanGraphics => ("113103", "Clean Graphics Option"),
        ProfileOption::CleanStructuredContent => ("113104", "Clean Structured Content Option"),
    }
}

/// Modalities whose images often have the patient's name in their pixels.
const WRITTEN_OVER: &[&str] = &["US", "IVUS", "ES", "XC", "GM", "SM", "OT", "DOC", "SC", "ECG", "HC"];
/// Classes of images that were captured from a screen or from paper, and of documents.
const CAPTURED: &[&str] = &["1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.104"];

/// Why pixels may tell who the patient is; `None` where nothing says so (PS3.3 §C.7.6.1, Burned In Annotation).
fn pixels_may_tell(attributes: &Attributes) -> Option<&'static str> {
    let text = |tag| attributes.first(tag).unwrap_or_default();
    let class = text(Tag::SOP_CLASS_UID);
    let is_captured = CAPTURED.iter().any(|captured| {
        class.strip_prefix(captured).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    if class.starts_with("1.2.840.10008.5.1.4.1.1.104") {
        return Some("an encapsulated document may tell who the patient is, and is not looked into");
    }
    match text(tags::BURNED_IN_ANNOTATION) {
        "NO" => None,
        "YES" => Some("Burned In Annotation (0028,0301) is YES: its pixels tell who the patient is"),
        _ if is_captured => Some("it was captured, and Burned In Annotation (0028,0301) is not NO"),
        _ if WRITTEN_OVER.contains(&text(tags::MODALITY)) => {
            Some("its modality writes into pixels, and Burned In Annotation (0028,0301) is not NO")
        }
        _ => None,
    }
}
