//! `cargo xtask tidy`: the rules of the house that no compiler holds. Each rule is a file; each finding names a
//! place, what is wrong there and what to do about it.

mod directions;
mod layout;
mod lengths;
mod lexer;
mod licences;
mod manifests;
mod metadata;
mod source;
mod words;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::paths;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// Counted from 1; 0 when the finding is about the file as a whole.
    line: usize,
    /// What is wrong and what to do about it.
    words: String,
}

impl Finding {
    fn new(file: impl Into<String>, line: usize, words: impl Into<String>) -> Self {
        Self { file: file.into(), line, words: words.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.words),
            line => write!(formatter, "{}:{line}: {}", self.file, self.words),
        }
    }
}

/// Prints every finding. Fails when there is one.
pub(crate) fn run() -> Result<ExitCode> {
    let findings = findings(&paths::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: nothing found"),
        count => println!("tidy: {count} found"),
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let metadata = metadata::Metadata::read(root)?;
    let files = layout::files(root)?;
    let sources = source::read_all(root, &files)?;

    let mut findings = layout::check(root, &files)?;
    findings.extend(directions::check(&metadata));
    findings.extend(manifests::check(root, &metadata)?);
    findings.extend(licences::check(root, &metadata)?);
    for source in &sources {
        findings.extend(words::check(source));
        findings.extend(lengths::check(source));
        findings.extend(directions::check_source(source));
    }
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_place_first() {
        assert_eq!(Finding::new("a.rs", 7, "too long").to_string(), "a.rs:7: too long");
        assert_eq!(Finding::new("a.rs", 0, "stray").to_string(), "a.rs: stray");
    }
}
