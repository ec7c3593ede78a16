//! The way back: an object that was made for what was sent out gets the identity that the study has here. Pure.

use std::collections::{BTreeMap, HashMap};

use causeway_core::{Attributes, Element, Tag, Uid};

use super::Plan;
use super::plan::{Decision, Uids, is_ascii, original};
use super::pseudonym::Secret;
use super::survey::Survey;
use super::tags;
use super::words::Telling;

/// Label of what is made of UIDs on the way back.
const INWARD: &str = "back";

/// What is known here of the study that an object belongs to.
#[derive(Debug, Clone, Default)]
pub struct Original {
    /// Its patient and itself, as they are here.
    pub attributes: Attributes,
    /// What each UID that was sent out stands for.
    pub uids: HashMap<String, String>,
}

/// An object as it comes back.
#[derive(Debug, Clone)]
pub struct WayBack {
    /// The SOP Instance UID that the copy has.
    pub sop_instance: Uid,
    /// What becomes of the object.
    pub decision: Decision,
}

impl Plan {
    /// Attributes of a survey that say whose a study is and which: what [`Original::attributes`] is to hold.
    #[must_use]
    pub fn identity(survey: &Survey) -> Attributes {
        let mut identity = survey.attributes.clone();
        identity.retain(|tag| tags::IDENTITY.contains(&tag));
        identity
    }

    /// What becomes of an object that `source` sent back, surveyed by this plan's surveyor.
    ///
    /// UIDs that were sent out become again what they stood for. The object's own, that of its series, and those of
    /// instances which are not known here become others, always the same ones: what comes back twice is one object,
    /// and what refers to another of its kind still does. `None` when it has no SOP Instance UID.
    #[must_use]
    pub fn way_back(
        &self,
        survey: &Survey,
        original_of: &Original,
        source: &str,
        when: &str,
    ) -> Option<WayBack> {
        let attributes = &survey.attributes;
        let known = &original_of.uids;
        let own = attributes.first(Tag::SOP_INSTANCE_UID)?;
        let series = attributes.first(Tag::SERIES_INSTANCE_UID).unwrap_or_default();
        let mut uids: HashMap<String, String> = HashMap::new();
        for uid in survey.uids.iter().chain(&survey.instances) {
            if let Some(original) = known.get(uid) {
                uids.insert(uid.clone(), original.clone());
            } else if uid == series || survey.instances.contains(uid) {
                uids.insert(uid.clone(), made(&self.secret, uid));
            }
        }
        // Its own is never one that is here already.
        uids.insert(own.to_owned(), made(&self.secret, own));
        let sop_instance = Uid::parse(uids.get(own)?).ok()?;
        let (puts, before) = identity(attributes, &original_of.attributes);
        let original = Some(original(before, when, source));
        let to_utf8 = !survey.is_utf8 && !is_ascii(&puts, original.as_ref());
        let decision = Decision {
            profile: None,
            secret: self.secret.clone(),
            uids: Uids::Known(uids),
            days: 0,
            telling: Telling::default(),
            puts,
            original,
            to_utf8,
        };
        Some(WayBack { sop_instance, decision })
    }
}

fn made(secret: &Secret, uid: &str) -> String {
    secret.uid(INWARD, uid).as_str().to_owned()
}

/// What each attribute of patient and study becomes, and what it was.
fn identity(came: &Attributes, here: &Attributes) -> (BTreeMap<Tag, Option<Element>>, Attributes) {
    let mut puts: BTreeMap<Tag, Option<Element>> = BTreeMap::new();
    let mut before = Attributes::new();
    for tag in tags::IDENTITY {
        let (came, here) = (came.get(*tag), here.get(*tag));
        if came == here {
            continue;
        }
        puts.insert(*tag, here.cloned());
        if let Some(came) = came {
            before.put(*tag, came.clone());
        }
    }
    // It says who the patient is again.
    for tag in [tags::IDENTITY_REMOVED, tags::METHOD, tags::METHOD_CODES, tags::TEMPORAL_MODIFIED] {
        puts.insert(tag, None);
    }
    // What was signed is not what this is.
    puts.extend([tags::MAC_PARAMETERS, tags::DIGITAL_SIGNATURES].map(|tag| (tag, None)));
    (puts, before)
}
