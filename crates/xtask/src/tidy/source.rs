//! One Rust source file, read once for all rules: its code without comments and texts, and which of its lines
//! are tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::lexer::{Lexed, is_word, lex};

/// A `.rs` file of the workspace.
pub(super) struct Source {
    /// Relative to the top folder, with `/`.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) lexed: Lexed,
    /// Lines, from 1, that are compiled into tests only.
    test_lines: BTreeSet<usize>,
    tests_only: bool,
}

/// Reads every Rust source among `files`.
pub(super) fn read_all(root: &Path, files: &[PathBuf]) -> Result<Vec<Source>> {
    let rust = files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|file| {
        let text = std::fs::read_to_string(root.join(file))
            .with_context(|| format!("{} cannot be read", file.display()))?;
        Ok(Source::new(file.to_string_lossy().replace('\\', "/"), text))
    })
    .collect()
}

impl Source {
    pub(super) fn new(name: String, text: String) -> Self {
        let lexed = lex(&text);
        let test_lines = test_lines(&lexed.code);
        let tests_only = is_test_file(&name);
        Self { name, text, lexed, test_lines, tests_only }
    }

    /// Name of the room (`crates/<room>/…`), or nothing.
    pub(super) fn room(&self) -> Option<&str> {
        self.name.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the line, from 1, is compiled into tests only.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.tests_only || self.test_lines.contains(&line)
    }

    /// Written by `cargo xtask tables`.
    pub(super) fn is_generated(&self) -> bool {
        self.name.ends_with("_gen.rs")
    }

    /// Lines that are no tests.
    pub(super) fn product_lines(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// The code lines with their numbers, from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lexed.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Folders and files whose whole content is for tests.
fn is_test_file(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.iter().any(|part| matches!(*part, "tests" | "benches" | "examples" | "tests.rs" | "testing.rs"))
        || name.starts_with("crates/testkit/")
}

/// The lines of every item under `#[cfg(test)]`, attribute included.
fn test_lines(code: &str) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    for (start, _) in code.match_indices("#[cfg(test)]") {
        let end = start + item_length(code.get(start..).unwrap_or_default());
        let first = line_of(code, start);
        lines.extend(first..=line_of(code, end));
    }
    lines
}

/// Length in bytes of the item at the start of `code`: to the end of its first block, or to its `;`.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth <= 1 => return at,
            '}' => depth -= 1,
            ';' if depth == 0 => return at,
            _ => {}
        }
    }
    code.len()
}

/// The line, from 1, of the byte at `at`.
pub(super) fn line_of(code: &str, at: usize) -> usize {
    1 + code.get(..at).unwrap_or_default().matches('\n').count()
}

/// Where `word` stands in `line` as a word of its own.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|part| part.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|part| part.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_module_is_no_product() {
        let text = "//! A\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x { } }\n}\nfn c() {}\n";
        let source = Source::new("crates/core/src/a.rs".to_owned(), text.to_owned());
        let tests: Vec<bool> = (1..=7).map(|line| source.is_test(line)).collect();
        assert_eq!(tests, [false, false, true, true, true, true, false]);
        assert_eq!(source.product_lines(), 3);
        assert_eq!(source.room(), Some("core"));
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_ends_with_its_line() {
        let source = Source::new(
            "crates/core/src/a.rs".to_owned(),
            "#[cfg(test)]\nmod tests;\nfn a() {}\n".to_owned(),
        );
        assert!(source.is_test(2) && !source.is_test(3));
        assert!(Source::new("crates/core/src/a/tests.rs".to_owned(), "fn a() {}".to_owned()).is_test(1));
    }

    #[test]
    fn a_word_is_found_only_whole() {
        assert!(has_word("use dicom_ul::pdu;", "dicom_ul"));
        assert!(!has_word("use dicom_ultra;", "dicom_ul"));
    }
}
