//! What a catalog of very many instances costs: it is filled with a million or more, and each key is asked for at each
//! level, on SQLite, and on PostgreSQL where the environment names a database.
//!
//! Not part of a whole run: it fills a catalog of a gigabyte for each million.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::report::median;
use super::{Bench, process};
use crate::run;

/// Names an empty database of PostgreSQL by its URL.
const DATABASE: &str = "CAUSEWAY_BENCH_DATABASE";
/// Milliseconds that a question takes at the 99th percentile, at most.
const AIM_MILLIS: f64 = 50.0;
/// Bytes of an instance, at most.
const AIM_BYTES: f64 = 1024.0;
/// How much of its speed an empty catalog loses by being full, at most.
const AIM_LOSS: f64 = 0.15;

/// A figure, as the example tells it.
#[derive(Deserialize)]
struct Figure {
    what: String,
    of: String,
    unit: String,
    value: f64,
}

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let file = bench.folder.path().join("catalog.db").display().to_string();
    let studies = bench.plan.scale_studies;
    let database = std::env::var(DATABASE).ok();
    for place in [Some(file), database].into_iter().flatten() {
        let name = if place.starts_with("postgres") { "PostgreSQL" } else { "SQLite" };
        bench.report.say(format!("a catalog of {studies} studies with 100 instances each on {name}"));
        let figures = fill_and_ask(&place, studies)?;
        for line in figures.iter().filter_map(told) {
            bench.report.say(line);
        }
        bench.report.say(loss(&figures));
    }
    Ok(())
}

fn fill_and_ask(place: &str, studies: u32) -> Result<Vec<Figure>> {
    let mut command = process::example("causeway-catalog", "large_catalog", &[]);
    command.arg(place).arg(studies.to_string());
    let told = run::output_of(&mut command)?;
    told.lines().map(|line| serde_json::from_str(line).context("a figure that cannot be read")).collect()
}

/// A figure beside its aim; none for what is only part of another.
fn told(figure: &Figure) -> Option<String> {
    let Figure { what, of, unit, value } = figure;
    let aim = match unit.as_str() {
        "bytes" => AIM_BYTES,
        "ms at the 99th percentile" => AIM_MILLIS,
        _ => return None,
    };
    let word = if *value <= aim { "reached" } else { "MISSED" };
    Some(format!("{what} {of}: {value:.1} {unit}, aim ≤ {aim} {word}"))
}

/// How much slower the full catalog takes in than an empty one.
fn loss(figures: &[Figure]) -> String {
    let inserts = figures.iter().filter(|figure| figure.what == "insert");
    let (empty, full): (Vec<&Figure>, Vec<&Figure>) =
        inserts.partition(|figure| figure.of.ends_with("after 0"));
    let speed = |figures: &[&Figure]| {
        let values: Vec<f64> = figures.iter().map(|figure| figure.value).collect();
        median(&values).unwrap_or_default()
    };
    let (empty, full) = (speed(&empty), speed(&full));
    let loss = 1.0 - full / empty.max(1e-9);
    let word = if loss <= AIM_LOSS { "reached" } else { "MISSED" };
    format!(
        "insert: {empty:.0} /s empty, {full:.0} /s full, {:.0} % less, aim ≤ {:.0} % {word}",
        loss * 100.0,
        AIM_LOSS * 100.0
    )
}
