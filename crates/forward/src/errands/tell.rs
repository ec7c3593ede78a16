//! Telling: the result of a commitment that was asked of us (PS3.4 §J.3.3), and what is available here (PS3.4 §R.3).

use causeway_core::availability::{MAX_INSTANCES, notice};
use causeway_core::commitment::Settlement;
use causeway_core::sop_class::{INSTANCE_AVAILABILITY, STORAGE_COMMITMENT_PUSH};
use causeway_core::{Remote, Selection, Sight, Uid};
use causeway_dimse::message::Operation;

use super::fresh_uid;
use super::line::{Answered, Line, Part, well_known};
use super::step::{is_taken, refusal};
use crate::failure::{Failure, Kind};
use crate::sender::passage;
use crate::worker::Inner;

/// N-EVENT-REPORT, on an association of ours with us as the provider.
pub(super) async fn result(inner: &Inner, remote: &Remote, settlement: &Settlement) -> Result<(), Failure> {
    let mut line = Line::open(inner, remote, STORAGE_COMMITMENT_PUSH, Part::Provider).await?;
    let event = Operation::EventReport(settlement.event_type());
    let Answered { status, words } = line.perform(well_known()?, event, &settlement.attributes()).await?;
    line.close().await;
    if is_taken(status) { Ok(()) } else { Err(refusal(status, &words)) }
}

/// N-CREATE of one notice, or of several for a study of very many instances; of none for one that is gone.
pub(super) async fn availability(inner: &Inner, remote: &Remote, study: &Uid) -> Result<(), Failure> {
    if passage(&inner.archive, remote)?.hides_identity() {
        let words = "its transform hides which study this is, and a notice would name it";
        return Err(Failure::new(Kind::Permanent, words));
    }
    let instances = inner.catalog.instances(Selection::study(study.clone()), Sight::Everything).await;
    let instances = instances.map_err(|error| Failure::new(Kind::Ours, error.to_string()))?;
    if instances.is_empty() {
        return Ok(());
    }
    let mut line = Line::open(inner, remote, INSTANCE_AVAILABILITY, Part::User).await?;
    for some in instances.chunks(MAX_INSTANCES) {
        let notice = notice(study, some, &inner.caller.ae_title);
        let Answered { status, words } = line.perform(fresh_uid(), Operation::Create, &notice).await?;
        if !is_taken(status) {
            line.close().await;
            return Err(refusal(status, &words));
        }
    }
    line.close().await;
    Ok(())
}
