//! What libFuzzer says of itself, in few words: `#4096 pulse  cov: 812 ft: 2301 corp: 94/3Kb … exec/s: 2048 rss: 45Mb`.

use std::fmt;
use std::time::Duration;

/// How often progress is told.
const EVERY: Duration = Duration::from_secs(30);

/// The last figures of a target.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    runs: u64,
    edges: u64,
    inputs: u64,
    told: Duration,
}

impl Progress {
    /// Takes a line; whether it held figures.
    pub(super) fn read(&mut self, line: &str) -> bool {
        let Some(runs) = line.strip_prefix('#').and_then(number) else { return false };
        let after = |word: &str| line.split_once(word).and_then(|(_, rest)| number(rest.trim_start()));
        let Some(edges) = after("cov:") else { return false };
        self.runs = runs;
        self.edges = edges;
        self.inputs = after("corp:").unwrap_or(self.inputs);
        true
    }

    /// Whether it is time to tell again, so long after the start.
    pub(super) fn is_due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed.saturating_sub(self.told) >= EVERY;
        if due {
            self.told = elapsed;
        }
        due
    }
}

/// The number that `text` begins with.
fn number(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.get(..digits)?.parse().ok()
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs, {} edges reached, {} inputs kept", self.runs, self.edges, self.inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_lines_that_hold_them() {
        let mut progress = Progress::default();
        assert!(!progress.read("INFO: Running with entropic power schedule (0xFF, 100)."));
        assert!(!progress.read("#0\tREAD units: 9"));
        assert!(progress.read("#4096\tpulse  cov: 812 ft: 2301 corp: 94/3Kb lim: 43 exec/s: 2048 rss: 45Mb"));
        assert_eq!(progress.to_string(), "4096 runs, 812 edges reached, 94 inputs kept");
    }

    #[test]
    fn progress_is_told_now_and_then() {
        let mut progress = Progress::default();
        let due: Vec<bool> =
            [1, 30, 31, 59, 60].map(|second| progress.is_due(Duration::from_secs(second))).to_vec();
        assert_eq!(due, [false, true, false, false, true]);
    }
}
