//! How many tests ran, read from what the runners write: cargo test, cargo nextest, and pytest's JUnit report.

use std::fmt;
use std::ops::AddAssign;

/// Tests that passed and tests that failed. Skipped ones, and known failures of a peer, are neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// How nextest begins its last line.
const NEXTEST: &str = "Summary [";

impl Count {
    /// From the output of `cargo test` (a line for each program) or `cargo nextest` (one line).
    pub(crate) fn of_cargo(output: &str) -> Self {
        let mut count = Self::default();
        let lines = || output.lines().map(str::trim_start);
        // nextest shows the output of a test that failed, which has a result of its own.
        let head = if lines().any(|line| line.starts_with(NEXTEST)) { NEXTEST } else { "test result:" };
        for line in lines() {
            if line.starts_with(head) {
                count.passed += number_before(line, "passed");
                for word in ["failed", "timed out", "exec failed"] {
                    count.failed += number_before(line, word);
                }
            }
        }
        count
    }

    /// From a JUnit report: the attributes of each `<testsuite>`. Nothing when there is none.
    pub(crate) fn of_junit(report: &str) -> Option<Self> {
        let mut count = None;
        for suite in report.split("<testsuite ").skip(1) {
            let attributes = suite.split('>').next()?;
            let number = |name: &str| attribute(attributes, name);
            let failed = number("failures")? + number("errors")?;
            let passed = number("tests")?.saturating_sub(failed + number("skipped")?);
            *count.get_or_insert_with(Self::default) += Self { passed, failed };
        }
        count
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The number in front of `word` in a list such as `5 tests run: 4 passed (1 slow), 1 failed; 0 ignored`.
fn number_before(line: &str, word: &str) -> u64 {
    line.split([',', ';', ':', '.', '(', ')'])
        .filter_map(|part| part.trim().split_once(' '))
        .filter(|(_, rest)| *rest == word)
        .filter_map(|(number, _)| number.parse::<u64>().ok())
        .sum()
}

fn attribute(attributes: &str, name: &str) -> Option<u64> {
    let (_, rest) = attributes.split_once(&format!("{name}=\""))?;
    rest.split('"').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_test_is_summed_over_its_programs() {
        let output = "running 3 tests\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
                      test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Count::of_cargo(output), Count { passed: 7, failed: 2 });
    }

    #[test]
    fn nextest_is_read_from_its_summary() {
        let output = "    test result: FAILED. 0 passed; 1 failed; 0 ignored\n     \
             Summary [   0.123s] 8 tests run: 5 passed (1 slow), 2 failed, 1 timed out, 4 skipped\n";
        assert_eq!(Count::of_cargo(output), Count { passed: 5, failed: 3 });
        assert_eq!(Count::of_cargo("error: could not compile"), Count::default());
    }

    #[test]
    fn a_junit_report_is_read_from_its_attributes() {
        let report = "<?xml version=\"1.0\"?><testsuites name=\"x\"><testsuite name=\"pytest\" errors=\"1\" \
                      failures=\"2\" skipped=\"3\" tests=\"20\" time=\"1.5\"><testcase/></testsuite></testsuites>";
        assert_eq!(Count::of_junit(report), Some(Count { passed: 14, failed: 3 }));
        assert_eq!(Count::of_junit(""), None);
    }
}
