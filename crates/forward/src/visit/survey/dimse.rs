//! What a remote has, by C-FIND level by level (PS3.4 §C.4.1.2.1).

use std::collections::BTreeSet;

use causeway_core::status::Outcome;
use causeway_core::transfer_syntax::Layout;
use causeway_core::{Attributes, Element, Level, Tag, Uid, Vr, sop_class};
use causeway_dataset::identifier;
use causeway_dimse::Context;
use causeway_dimse::scu::{Call, Matches, Requestor, Wish};
use causeway_tls::Line;

use super::{Listed, MAX_INSTANCES, Stopped, Wanted};
use crate::visit::find::open;
use crate::visit::words;

/// Most series of a study that are looked into.
const MAX_SERIES: usize = 5_000;

/// What `wanted` names, as the remote lists it; in words why it is not known.
pub(super) async fn survey(
    call: &Call,
    wanted: &Wanted,
    stopped: &mut (impl Stopped + Send),
) -> Result<Listed, String> {
    let model = Uid::parse(sop_class::STUDY_ROOT_FIND).map_err(|error| error.to_string())?;
    let (mut requestor, context) = open(call, &model).await.map_err(|error| error.to_string())?;
    let listed = look(&mut requestor, &context, wanted, stopped).await;
    // Nothing is owed to it any more.
    let _ = requestor.release().await;
    listed
}

/// What a remote has at the level that `keys` name; of each match what was asked for.
pub(super) async fn matches(
    call: &Call,
    keys: &Attributes,
    most: usize,
    stopped: &mut (impl Stopped + Send),
) -> Result<Vec<Attributes>, String> {
    let model = Uid::parse(sop_class::STUDY_ROOT_FIND).map_err(|error| error.to_string())?;
    let (mut requestor, context) = open(call, &model).await.map_err(|error| error.to_string())?;
    let found = ask(&mut requestor, &context, keys, most, stopped).await;
    // Nothing is owed to it any more.
    let _ = requestor.release().await;
    found
}

async fn look(
    requestor: &mut Requestor<Line>,
    context: &Context,
    wanted: &Wanted,
    stopped: &mut (impl Stopped + Send),
) -> Result<Listed, String> {
    let series = match &wanted.series {
        Some(series) => vec![series.clone()],
        None => {
            let keys = keys(Level::Series, &[(Level::Study, &wanted.study)], &[Tag::MODALITY]);
            let found = ask(requestor, context, &keys, MAX_SERIES, stopped).await?;
            found.iter().filter_map(|found| uid(found, Tag::SERIES_INSTANCE_UID)).collect()
        }
    };
    let mut listed = Listed::new();
    for series in &series {
        let above = [(Level::Study, &wanted.study), (Level::Series, series)];
        let mut keys = keys(Level::Instance, &above, &[Tag::SOP_CLASS_UID]);
        if let Some(instance) = &wanted.instance {
            keys.put_text(Tag::SOP_INSTANCE_UID, Vr::UI, instance.as_str());
        }
        let room = MAX_INSTANCES.saturating_sub(listed.len());
        for found in ask(requestor, context, &keys, room, stopped).await? {
            if let Some(instance) = uid(&found, Tag::SOP_INSTANCE_UID) {
                listed.insert(instance, uid(&found, Tag::SOP_CLASS_UID));
            }
        }
    }
    Ok(listed)
}

/// A key of the level and those above, and what is to be told besides.
fn keys(level: Level, above: &[(Level, &Uid)], told: &[Tag]) -> Attributes {
    let mut keys = Attributes::new();
    keys.put_text(Tag::QUERY_RETRIEVE_LEVEL, Vr::CS, level.as_str());
    keys.put(level.unique_key(), Element::empty(Vr::UI));
    for tag in told {
        let vr = if *tag == Tag::MODALITY { Vr::CS } else { Vr::UI };
        keys.put(*tag, Element::empty(vr));
    }
    for (level, uid) in above {
        keys.put_text(level.unique_key(), Vr::UI, uid.as_str());
    }
    keys
}

fn uid(found: &Attributes, tag: Tag) -> Option<Uid> {
    found.first(tag).and_then(|text| Uid::parse(text).ok())
}

async fn ask(
    requestor: &mut Requestor<Line>,
    context: &Context,
    keys: &Attributes,
    most: usize,
    stopped: &mut (impl Stopped + Send),
) -> Result<Vec<Attributes>, String> {
    let layout = Layout::of(&context.transfer_syntax);
    let wanted = keys.iter().map(|(tag, _)| tag).collect();
    let mut gathered = Gathered { layout, wanted, most, found: Vec::new(), stopped };
    let identifier = identifier::encode(keys, layout);
    let answered =
        requestor.find_each(context.id, &context.abstract_syntax, &identifier, &mut gathered).await;
    let answered = answered.map_err(|error| error.to_string())?;
    if answered.cut_short {
        return Err(format!("it lists more than {most}, or nobody waits for it"));
    }
    match answered.status.outcome() {
        Outcome::Success => Ok(gathered.found),
        Outcome::Pending | Outcome::Warning | Outcome::Failure | Outcome::Cancel => {
            Err(words::sentence(answered.status, answered.comment.as_deref(), &answered.offending))
        }
    }
}

/// Matches in memory, up to a bound.
struct Gathered<'a, T> {
    layout: Layout,
    /// What is kept of each.
    wanted: BTreeSet<Tag>,
    most: usize,
    found: Vec<Attributes>,
    stopped: &'a mut T,
}

impl<T: Stopped + Send> Matches for Gathered<'_, T> {
    async fn take(&mut self, bytes: Vec<u8>) -> Wish {
        if self.found.len() >= self.most {
            return Wish::Cancel;
        }
        if let Ok(mut found) = identifier::decode(&bytes, self.layout) {
            found.retain(|tag| self.wanted.contains(&tag));
            self.found.push(found);
        }
        Wish::More
    }

    async fn stopped(&mut self) {
        self.stopped.stopped().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_asked_for_below_its_study_and_series() {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let (study, series) = (uid("1.2"), uid("1.2.3"));
        let keys =
            keys(Level::Instance, &[(Level::Study, &study), (Level::Series, &series)], &[Tag::SOP_CLASS_UID]);
        assert_eq!(keys.first(Tag::QUERY_RETRIEVE_LEVEL), Some("IMAGE"));
        assert_eq!(keys.first(Tag::STUDY_INSTANCE_UID), Some("1.2"));
        assert_eq!(keys.first(Tag::SERIES_INSTANCE_UID), Some("1.2.3"));
        assert!(keys.get(Tag::SOP_INSTANCE_UID).unwrap().is_empty());
        assert_eq!(keys.len(), 5);
    }
}
