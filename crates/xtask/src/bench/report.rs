//! The figures: gathered round by round, told as a table, and kept as JSON.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::line;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Causeway,
    Orthanc,
    Storescp,
}

impl Name {
    pub(super) const ALL: [Self; 3] = [Self::Causeway, Self::Orthanc, Self::Storescp];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Causeway => "causeway",
            Self::Orthanc => "Orthanc",
            Self::Storescp => "storescp",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    PerSecond,
    MegabytesPerSecond,
    Milliseconds,
    Megabytes,
}

impl Unit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Milliseconds => "ms",
            Self::Megabytes => "MB",
        }
    }

    /// Whether a smaller figure is the better one.
    const fn less_is_better(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Megabytes)
    }
}

/// A piece of work that is measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Work {
    pub(super) name: String,
    pub(super) unit: Unit,
    /// How many times as good as Orthanc in the same run we mean to be.
    pub(super) aim: Option<f64>,
}

#[derive(Debug)]
struct Row {
    work: Work,
    figures: BTreeMap<Name, Vec<f64>>,
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    /// Deliveries over a line.
    pub(super) lines: Vec<line::Row>,
    /// What is said in a sentence of its own.
    said: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    /// Takes the figure of one round, or why there is none, and tells it.
    pub(super) fn add(&mut self, work: &Work, name: Name, round: usize, figure: Result<f64>) {
        let figure = match figure {
            Ok(figure) => figure,
            Err(error) => {
                self.fail(format!("{}: {}: {error:#}", work.name, name.as_str()));
                return;
            }
        };
        println!("  {}, round {}: {} {}", work.name, round + 1, name.as_str(), shown(figure, work.unit));
        if let Some(row) = self.rows.iter_mut().find(|row| row.work == *work) {
            row.figures.entry(name).or_default().push(figure);
        } else {
            self.rows.push(Row { work: work.clone(), figures: BTreeMap::from([(name, vec![figure])]) });
        }
    }

    /// Takes a figure that fits no table.
    pub(super) fn say(&mut self, words: String) {
        println!("  {words}");
        self.said.push(words);
    }

    /// Takes note of something that did not come about.
    pub(super) fn fail(&mut self, words: String) {
        println!("  FAILED {words}");
        self.failures.push(words);
    }

    /// Whether all that was begun came about.
    pub(super) fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    /// The table, for a reader.
    pub(super) fn table(&self) -> String {
        let mut lines =
            vec![["work", "causeway", "Orthanc", "storescp", "ratio to Orthanc", "aim"].map(str::to_owned)];
        for row in &self.rows {
            let figure =
                |name| row.median(name).map_or_else(|| "–".to_owned(), |figure| shown(figure, row.work.unit));
            let ratio = row.ratio().map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1}"));
            let aim = match (row.work.aim, row.reached()) {
                (None, _) => "–".to_owned(),
                (Some(aim), None) => format!("≥ {aim}"),
                (Some(aim), Some(true)) => format!("≥ {aim} reached"),
                (Some(aim), Some(false)) => format!("≥ {aim} MISSED"),
            };
            lines.push([
                row.work.name.clone(),
                figure(Name::Causeway),
                figure(Name::Orthanc),
                figure(Name::Storescp),
                ratio,
                aim,
            ]);
        }
        let mut table = if self.rows.is_empty() { String::new() } else { aligned(&lines) };
        if !self.lines.is_empty() {
            table.push_str(&line::table(&self.lines));
        }
        for words in &self.said {
            table.push_str(&format!("{words}\n"));
        }
        for failure in &self.failures {
            table.push_str(&format!("FAILED {failure}\n"));
        }
        table
    }

    /// The same for a program, every round included.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let figures: serde_json::Map<String, Value> = row
                    .figures
                    .iter()
                    .map(|(name, rounds)| {
                        (name.as_str().to_owned(), json!({ "median": median(rounds), "rounds": rounds }))
                    })
                    .collect();
                json!({
                    "work": row.work.name,
                    "unit": row.work.unit.as_str(),
                    "figures": figures,
                    "ratio_to_orthanc": row.ratio(),
                    "aim": row.work.aim,
                    "reached": row.reached(),
                })
            })
            .collect();
        json!({ "rows": rows, "lines": line::json(&self.lines), "said": self.said, "failures": self.failures })
    }
}

impl Row {
    fn median(&self, name: Name) -> Option<f64> {
        median(self.figures.get(&name)?)
    }

    /// How many times as good as Orthanc we are, by the medians.
    fn ratio(&self) -> Option<f64> {
        let (ours, theirs) = (self.median(Name::Causeway)?, self.median(Name::Orthanc)?);
        Some(if self.work.unit.less_is_better() { theirs / ours } else { ours / theirs })
    }

    fn reached(&self) -> Option<bool> {
        Some(self.ratio()? >= self.work.aim?)
    }
}

/// The middle one of `figures`; of an even number, the mean of the middle two.
pub(super) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn shown(figure: f64, unit: Unit) -> String {
    let digits = usize::from(figure < 100.0);
    format!("{figure:.digits$} {}", unit.as_str())
}

/// Columns as wide as their widest cell.
pub(super) fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for line in lines {
        let cells: Vec<String> =
            line.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        table.push_str(cells.join(" | ").trim_end());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(unit: Unit) -> Work {
        Work { name: "work".to_owned(), unit, aim: Some(4.0) }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 100.0]), Some(3.0));
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
    }

    #[test]
    fn a_ratio_says_how_many_times_as_good() {
        for (unit, ours, theirs) in [(Unit::PerSecond, 800.0, 200.0), (Unit::Milliseconds, 10.0, 40.0)] {
            let mut report = Report::default();
            report.add(&work(unit), Name::Orthanc, 0, Ok(theirs));
            report.add(&work(unit), Name::Causeway, 0, Ok(ours));
            assert_eq!(report.json()["rows"][0]["ratio_to_orthanc"], 4.0);
            assert!(report.table().contains("≥ 4 reached"), "{}", report.table());
        }
    }

    #[test]
    fn a_failure_is_told_and_remembered() {
        let mut report = Report::default();
        assert!(report.is_whole());
        report.add(&work(Unit::PerSecond), Name::Causeway, 0, Err(anyhow::anyhow!("refused")));
        assert!(!report.is_whole());
        assert!(report.table().contains("FAILED work: causeway: refused"));
    }
}
