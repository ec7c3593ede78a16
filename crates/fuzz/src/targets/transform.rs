//! Data sets changed on their way to a remote (PS3.15 Annex E), in pieces of any size.
//!
//! Input: layout (low two bits), layout to write (next), which transform (next two); size of the pieces; the data set.

use causeway_core::Transform;
use causeway_core::transfer_syntax::Layout;
use causeway_core::transform::{BurnedIn, Deidentify, Edit, ProfileOption};
use causeway_dataset::Error;
use causeway_dataset::head::HeadCollector;
use causeway_dataset::scanner::Progress;
use causeway_dataset::transform::{Decision, Original, Plan, SECRET_BYTES, Survey, Transformer};

use super::layout;
use crate::chunks::chunks;

const WHEN: &str = "20240101120000+0000";

pub(crate) fn run(data: &[u8]) {
    let Some(([choice, seed], bytes)) = data.split_first_chunk::<2>() else { return };
    let (from, to) = (layout(*choice), layout((choice >> 2) & 1));
    let Some(plan) = plan((choice >> 3) & 3) else { return };
    let Ok(survey) = survey(&plan, bytes, from, *seed) else { return };
    if let Ok(decision) = plan.decide(&survey, WHEN) {
        check(bytes, from, to, *seed, &decision);
    }
    if let Some(back) = plan.way_back(&survey, &Original::default(), "reader", WHEN) {
        check(bytes, from, to, *seed, &back.decision);
    }
}

fn plan(choice: u8) -> Option<Plan> {
    let mut transform = Transform::named("fuzzed".parse().ok()?);
    let options: &[ProfileOption] = match choice {
        0 => &[],
        1 => &[
            ProfileOption::RetainModifiedDates,
            ProfileOption::CleanDescriptors,
            ProfileOption::CleanGraphics,
            ProfileOption::CleanStructuredContent,
        ],
        2 => &[ProfileOption::RetainUids, ProfileOption::RetainDevice],
        _ => {
            transform.edits = vec![
                Edit::Set { attribute: "PatientName".to_owned(), values: vec!["\u{5c71}".to_owned()] },
                Edit::Prefix { attribute: "PatientID".to_owned(), text: "H".to_owned() },
                Edit::Copy { from: "PatientID".to_owned(), to: "AccessionNumber".to_owned() },
            ];
            return Plan::new(transform, [7; SECRET_BYTES]).ok();
        }
    };
    transform.deidentify = Some(Deidentify { options: options.iter().copied().collect() });
    transform.burned_in = Some(BurnedIn::Send);
    Plan::new(transform, [7; SECRET_BYTES]).ok()
}

fn survey(plan: &Plan, bytes: &[u8], from: Layout, seed: u8) -> Result<Survey, Error> {
    let mut surveyor = plan.surveyor(from);
    for piece in chunks(bytes, seed) {
        if surveyor.feed(piece)? == Progress::Stopped {
            break;
        }
    }
    Ok(surveyor.finish())
}

fn transformed(
    bytes: &[u8],
    from: Layout,
    to: Layout,
    seed: u8,
    decision: &Decision,
) -> Result<Vec<u8>, Error> {
    let mut transformer = Transformer::new(from, to, decision.clone());
    let mut out = Vec::new();
    for piece in chunks(bytes, seed) {
        out.extend_from_slice(&transformer.feed(piece)?);
    }
    out.extend_from_slice(&transformer.finish()?);
    Ok(out)
}

/// In pieces and at once it becomes the same, and what it becomes can be read.
fn check(bytes: &[u8], from: Layout, to: Layout, seed: u8, decision: &Decision) {
    let out = transformed(bytes, from, to, seed, decision);
    let at_once = transformed(bytes, from, to, 0, decision);
    if let (Ok(out), Ok(at_once)) = (&out, &at_once) {
        assert_eq!(out, at_once, "in pieces and at once it becomes something else");
    }
    let Ok(out) = out else { return };
    if to == Layout::ExplicitLittleEndian {
        let mut head = HeadCollector::new(to);
        let read = head.feed(&out).and_then(|()| head.finish().map(drop));
        assert!(read.is_ok(), "it became what cannot be read: {read:?} {out:02X?}");
    }
}
