//! C-STORE: DCMTK's `storescu` sends, over one association and over eight at once. A figure includes the start of
//! the senders, the same for all.

use std::time::Instant;

use anyhow::Result;
use causeway_testkit::sample::{Modality, Study};

use super::load::{Batch, settle};
use super::report::{Name, Unit, Work};
use super::servers::ANSWER_MAX;
use super::{Bench, per_second};

/// The largest series that a study here has.
const SERIES_INSTANCES_MAX: u32 = 100;

struct Job {
    modality: Modality,
    associations: u32,
    /// Files of each association.
    files: u32,
    work: Work,
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let plan = bench.plan;
    let jobs = [
        job(Modality::Mr, 1, plan.mr_files_alone, 2.5),
        job(Modality::Mr, 8, plan.mr_files_of_eight, 4.0),
        job(Modality::Ct, 1, plan.ct_files_alone, 4.0),
        job(Modality::Ct, 8, plan.ct_files_of_eight, 3.0),
    ];
    for job in jobs {
        for round in 0..plan.rounds {
            send(bench, &job, round)?;
        }
    }
    Ok(())
}

fn job(modality: Modality, associations: u32, files: u32, aim: f64) -> Job {
    let size = match modality {
        Modality::Mr => "33 KB MR",
        Modality::Ct => "525 KB CT",
    };
    let plural = if associations == 1 { "" } else { "s" };
    let name = format!("C-STORE {size}, {associations} association{plural}");
    Job { modality, associations, files, work: Work { name, unit: Unit::PerSecond, aim: Some(aim) } }
}

fn send(bench: &mut Bench, job: &Job, round: usize) -> Result<()> {
    let series = job.files.div_ceil(SERIES_INSTANCES_MAX).max(1);
    let studies = (0..job.associations)
        .map(|_| Study::new(bench.next_seed(), job.modality, series, job.files / series))
        .collect();
    let batch = Batch::write(studies, job.associations as usize, bench.folder.path())?;
    for server in bench.order(&Name::ALL, round) {
        settle()?;
        let figure = bench.budget.left(ANSWER_MAX).and_then(|most| {
            let start = Instant::now();
            batch.send(&server, most)?;
            let figure = per_second(batch.files(), start.elapsed());
            batch.verify(&server, ANSWER_MAX)?;
            Ok(figure)
        });
        bench.report.add(&job.work, server.name, round, figure);
    }
    Ok(())
}
