//! Which pictures an answer has: frames of images, as they are or as a presentation state says (PS3.18 §8.3.5.1.6).

use std::collections::HashMap;
use std::num::NonZeroU32;

use causeway_archive::State;
use causeway_core::transfer_syntax::Plain;
use causeway_core::{Selection, StoredInstance, Uid};
use causeway_dataset::presentation::{Pipeline, Reference, Standing};
use causeway_dataset::render::Profile;

use super::super::frames::FrameList;
use super::ask::{Ask, Service};
use super::problem;
use super::show::Exhibit;
use crate::problem::Problem;
use crate::target::Target;

/// How many pictures an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    /// Several of one instance.
    Frames,
    /// Those of several instances.
    Instances,
}

/// What is shown.
pub(super) struct Scene {
    pub(super) exhibits: Vec<Exhibit>,
    pub(super) count: Count,
    pub(super) profile: Profile,
    /// The object of the presentation state.
    pub(super) state: Option<StoredInstance>,
    /// How many are not shown since their syntax has no decoder.
    pub(super) not_decoded: usize,
    /// How many images the state refers to that are not kept.
    pub(super) not_kept: usize,
}

/// What is shown of the instances that were asked for.
pub(super) async fn scene(ask: &Ask<'_>, instances: Vec<StoredInstance>) -> Result<Scene, Problem> {
    let mut scene = match stated(ask, &instances).await? {
        Some(scene) => scene,
        None => Scene::of(instances, ask),
    };
    let decoded = |exhibit: &Exhibit| Plain::of(&exhibit.instance.transfer_syntax).is_some();
    if scene.exhibits.len() > 1 && scene.exhibits.iter().any(decoded) {
        // One that stands alone says itself why there is no picture of it.
        let all = scene.exhibits.len();
        scene.exhibits.retain(decoded);
        scene.not_decoded = all - scene.exhibits.len();
        scene.count = Count::Instances;
    } else {
        scene.exhibits.truncate(1);
        scene.count = count(ask, &mut scene.exhibits, scene.profile).await?;
    }
    Ok(scene)
}

impl Scene {
    /// Images as they are.
    fn of(instances: Vec<StoredInstance>, ask: &Ask<'_>) -> Self {
        let frames =
            |instances: &[StoredInstance]| if instances.len() == 1 { ask.frames.clone() } else { None };
        let frames = frames(&instances);
        let exhibits = instances.into_iter().map(|instance| Exhibit::of(instance, frames.clone()));
        Self {
            exhibits: exhibits.collect(),
            count: Count::One,
            profile: ask.parameters.profile.unwrap_or_default(),
            state: None,
            not_decoded: 0,
            not_kept: 0,
        }
    }
}

/// How many pictures of one instance there are, which is opened for that where its frames are not named.
async fn count(ask: &Ask<'_>, exhibits: &mut [Exhibit], profile: Profile) -> Result<Count, Problem> {
    let [exhibit] = exhibits else { return Ok(Count::Instances) };
    if let (Service::Uri { .. }, Some(list), None) = (&ask.service, &exhibit.frames, &exhibit.state) {
        let pictures = ask.door.archive.pictures(&exhibit.instance, profile).await.map_err(problem)?;
        let frames = pictures.count();
        if frames == 1 || list.0.iter().any(|number| number.get() > frames) {
            return Err(Problem::bad_request(format!(
                "frameNumber is for images of several frames, of which this one has {frames} (PS3.18 §9.5.2.1)"
            )));
        }
        exhibit.pictures = Some(pictures);
    }
    let count = match &exhibit.frames {
        Some(list) => list.0.len(),
        None => {
            let opened = ask.door.archive.presented(&exhibit.instance, profile, exhibit.state.as_ref());
            let pictures = opened.await.map_err(problem)?;
            let count = pictures.count() as usize;
            exhibit.pictures = Some(pictures);
            count
        }
    };
    Ok(if count == 1 { Count::One } else { Count::Frames })
}

/// What is shown as a presentation state says, where one is asked for or named beside.
async fn stated(ask: &Ask<'_>, instances: &[StoredInstance]) -> Result<Option<Scene>, Problem> {
    let [instance] = instances else { return Ok(None) };
    if let Service::Uri { state: Some((series, uid)), .. } = &ask.service {
        return beside(ask, instance, series, uid).await.map(Some);
    }
    match Standing::of(&instance.sop_class) {
        Standing::Applied(pipeline) if ask.target.instance.is_some() => {
            refuse_what_states_decide(ask)?;
            by_itself(ask, instance, pipeline).await.map(Some)
        }
        Standing::Unknown if ask.target.instance.is_some() => Err(Problem::not_acceptable(
            "presentation states of this kind are not applied here: grayscale, color and pseudo-color ones are",
        )),
        Standing::Applied(_) | Standing::Unknown | Standing::None => Ok(None),
    }
}

/// The state says which frames are shown, which part of them, and in which window.
fn refuse_what_states_decide(ask: &Ask<'_>) -> Result<(), Problem> {
    let word = match ask {
        Ask { frames: Some(_), .. } => "frames",
        Ask { parameters, .. } if parameters.window.is_some() => "a window",
        Ask { parameters, .. } if parameters.has_region && ask.is_restful() => "a region",
        _ => return Ok(()),
    };
    Err(Problem::bad_request(format!("{word} cannot be asked of a presentation state (PS3.18 §8.3.5.1.6)")))
}

/// All images that a state refers to, in its order: those of its own study that the caller sees.
async fn by_itself(ask: &Ask<'_>, object: &StoredInstance, pipeline: Pipeline) -> Result<Scene, Problem> {
    let state = read(ask, object, pipeline).await?;
    let references = state.presentation.references();
    if references.is_empty() {
        return Err(Problem::not_acceptable("the presentation state refers to no image"));
    }
    let selection = Selection {
        patient_id: None,
        studies: vec![object.ids.study.clone()],
        series: Vec::new(),
        instances: references.iter().map(|reference| reference.instance.clone()).collect(),
    };
    let found = ask.door.archive.select(ask.principal, &selection).await?;
    let kept: HashMap<Uid, StoredInstance> =
        found.into_iter().map(|image| (image.ids.instance.clone(), image)).collect();
    let shown: Vec<Exhibit> = references
        .iter()
        .filter_map(|reference| Some((kept.get(&reference.instance)?, reference)))
        .map(|(image, reference)| Exhibit::presented(image.clone(), named(reference), state.clone()))
        .collect();
    if shown.is_empty() {
        return Err(Problem::not_found("none of the images that the presentation state refers to is here"));
    }
    let not_kept = references.len() - shown.len();
    Ok(Scene { not_kept, ..told(ask, object, &state, shown) })
}

/// One image as a state says that is named beside it (PS3.18 §9.5.1.2.7).
async fn beside(ask: &Ask<'_>, image: &StoredInstance, series: &Uid, uid: &Uid) -> Result<Scene, Problem> {
    refuse_what_states_decide(ask)?;
    let study = Some(image.ids.study.clone());
    let target = Target { study, series: Some(series.clone()), instance: Some(uid.clone()) };
    let found = ask.door.archive.select(ask.principal, &target.selection()).await?;
    let object = found.into_iter().next().ok_or_else(|| {
        Problem::bad_request(
            "presentationSeriesUID and presentationUID name nothing in the study (PS3.18 §8.3.5.1.6)",
        )
    })?;
    let pipeline = match Standing::of(&object.sop_class) {
        Standing::Applied(pipeline) => pipeline,
        Standing::Unknown | Standing::None => {
            return Err(Problem::bad_request(
                "presentationUID names no presentation state that is applied here",
            ));
        }
    };
    let state = read(ask, &object, pipeline).await?;
    let mut references =
        state.presentation.references().iter().filter(|reference| reference.instance == image.ids.instance);
    let reference = references
        .next()
        .ok_or_else(|| Problem::bad_request("the presentation state does not refer to the image"))?;
    let shown = Exhibit::presented(image.clone(), named(reference), state.clone());
    Ok(told(ask, &object, &state, vec![shown]))
}

async fn read(ask: &Ask<'_>, object: &StoredInstance, pipeline: Pipeline) -> Result<State, Problem> {
    ask.door.archive.presentation(object, pipeline).await.map_err(problem)
}

fn named(reference: &Reference) -> Option<FrameList> {
    let frames: Vec<NonZeroU32> = reference.frames.iter().copied().filter_map(NonZeroU32::new).collect();
    (!frames.is_empty()).then_some(FrameList(frames))
}

/// A state that says what its colours are has them said in its pictures, unless the caller says otherwise.
fn told(ask: &Ask<'_>, object: &StoredInstance, state: &State, exhibits: Vec<Exhibit>) -> Scene {
    let by_state = if state.presentation.profile().is_some() { Profile::Own } else { Profile::None };
    Scene {
        exhibits,
        count: Count::One,
        profile: ask.parameters.profile.unwrap_or(by_state),
        state: Some(object.clone()),
        not_decoded: 0,
        not_kept: 0,
    }
}
