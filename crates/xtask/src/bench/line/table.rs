//! The figures of deliveries over a line, as a table and as JSON.

use std::time::Duration;

use anyhow::Result;
use causeway_testkit::line::Count;
use serde_json::{Value, json};

use super::super::report::{Report, aligned};

/// One delivery.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Figure {
    /// How long it took.
    pub(super) time: Duration,
    /// How long its bytes take by themselves.
    pub(super) own_time: Duration,
    /// How many these are.
    pub(super) bytes: u64,
    /// What passed over the line.
    pub(super) count: Count,
}

impl Figure {
    fn ratio(&self) -> f64 {
        self.time.as_secs_f64() / self.own_time.as_secs_f64().max(1e-9)
    }

    /// Bytes that went there over those of the files: what protocols and repetitions add.
    fn load(&self) -> f64 {
        self.count.there as f64 / (self.bytes as f64).max(1.0)
    }
}

/// A row of the table.
#[derive(Debug)]
pub(in super::super) struct Row {
    work: String,
    aim: Option<f64>,
    figure: Figure,
}

impl Report {
    /// Takes a delivery over a line, or why there was none, and tells it.
    pub(in super::super) fn add_line(&mut self, work: String, aim: Option<f64>, figure: Result<Figure>) {
        match figure {
            Ok(figure) => {
                let (ratio, time) = (figure.ratio(), figure.time.as_secs_f64());
                println!("  {work}: {time:.1} s, {ratio:.2} times the bytes' own time");
                self.lines.push(Row { work, aim, figure });
            }
            Err(error) => self.fail(format!("{work}: {error:#}")),
        }
    }
}

/// The table, for a reader.
pub(in super::super) fn table(rows: &[Row]) -> String {
    let head = ["delivery", "time", "own time", "ratio", "bytes sent", "connections", "aim"];
    let mut lines = vec![head.map(str::to_owned)];
    for Row { work, aim, figure } in rows {
        let ratio = figure.ratio();
        let aim = aim.map_or_else(
            || "–".to_owned(),
            |aim| format!("≤ {aim} {}", if ratio <= aim { "reached" } else { "MISSED" }),
        );
        lines.push([
            work.clone(),
            format!("{:.1} s", figure.time.as_secs_f64()),
            format!("{:.1} s", figure.own_time.as_secs_f64()),
            format!("{ratio:.2}"),
            format!("{:.2}", figure.load()),
            figure.count.connections.to_string(),
            aim,
        ]);
    }
    aligned(&lines)
}

/// The same for a program.
pub(in super::super) fn json(rows: &[Row]) -> Value {
    let row = |Row { work, aim, figure }: &Row| {
        json!({
            "work": work,
            "seconds": figure.time.as_secs_f64(),
            "own_seconds": figure.own_time.as_secs_f64(),
            "ratio": figure.ratio(),
            "bytes_sent_over_bytes": figure.load(),
            "connections": figure.count.connections,
            "breaks": figure.count.breaks,
            "aim": aim,
        })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_told_by_its_ratio_and_held_to_its_aim() {
        let figure = |seconds| Figure {
            time: Duration::from_secs(seconds),
            own_time: Duration::from_secs(10),
            bytes: 100,
            count: Count { there: 110, ..Count::default() },
        };
        let mut report = Report::default();
        report.add_line("near".to_owned(), Some(1.3), Ok(figure(13)));
        report.add_line("far".to_owned(), Some(1.3), Ok(figure(14)));
        report.add_line("none".to_owned(), None, Err(anyhow::anyhow!("no line")));
        let shown = table(&report.lines);
        assert!(shown.contains("1.30") && shown.contains("≤ 1.3 reached"), "{shown}");
        assert!(shown.contains("1.40") && shown.contains("≤ 1.3 MISSED"), "{shown}");
        assert!(shown.contains("1.10"), "{shown}");
        assert!(!report.is_whole());
        assert_eq!(json(&report.lines)[1]["ratio"], 1.4);
    }
}
