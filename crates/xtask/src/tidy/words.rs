//! What each source file says and does not say: it opens with `//!`; outside tests nothing in it ends the process
//! on its own; a lint is silenced with a reason.

use super::Finding;
use super::source::Source;

/// Calls that end the process or task, and what to write in their place.
const BANNED: &[(&str, &str)] = &[
    (".unwrap()", "return an error, or match"),
    (".expect(", "return an error, or match"),
    ("panic!(", "return an error"),
    ("todo!(", "write it, or leave it out"),
    ("unimplemented!(", "write it, or leave it out"),
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !source.text.starts_with("//!") {
        let words =
            "begins without `//!`: say what lives here, what may not, and which clause of the standard";
        findings.push(Finding::new(&source.name, 1, words));
    }
    for (line, code) in source.code_lines() {
        if code.contains("#[allow(") || code.contains("#![allow(") {
            let words = "a lint is silenced for good: use #[expect(lint, reason = \"…\")]";
            findings.push(Finding::new(&source.name, line, words));
        }
        if source.is_test(line) {
            continue;
        }
        for (word, remedy) in BANNED {
            if code.contains(word) {
                findings.push(Finding::new(&source.name, line, format!("`{word}` outside tests: {remedy}")));
            }
        }
    }
    findings.extend(expectations_without_reason(source));
    findings
}

/// Each `#[expect(…)]` has a `reason`.
fn expectations_without_reason(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let code = &source.lexed.code;
    for start in ["#[expect(", "#![expect("] {
        for (at, _) in code.match_indices(start) {
            let attribute =
                code.get(at..).and_then(|rest| rest.split_once(")]")).map_or("", |(inside, _)| inside);
            if !super::source::has_word(attribute, "reason") {
                let line = super::source::line_of(code, at);
                let words = "an expected lint without a reason: add reason = \"…\"";
                findings.push(Finding::new(&source.name, line, words));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let source = Source::new("crates/core/src/a.rs".to_owned(), text.to_owned());
        check(&source).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_says_first_what_it_is() {
        assert_eq!(findings("//! Tags.\n"), Vec::<String>::new());
        assert!(findings("use a;\n")[0].starts_with("crates/core/src/a.rs:1: begins without"));
    }

    #[test]
    fn what_ends_the_process_is_found_in_code_only() {
        let text = "//! A\n// .unwrap()\nfn a() { b(\".unwrap()\"); c.unwrap(); }\n\
                    #[cfg(test)]\nmod tests { fn d() { e.unwrap(); } }\n";
        assert_eq!(
            findings(text),
            ["crates/core/src/a.rs:3: `.unwrap()` outside tests: return an error, or match"]
        );
        assert_eq!(findings("//! A\nfn a() { b.unwrap_or(1); c.expect_err(2) }\n"), Vec::<String>::new());
    }

    #[test]
    fn a_silenced_lint_needs_its_reason() {
        assert_eq!(findings("//! A\n#[allow(dead_code)]\nfn a() {}\n").len(), 1);
        assert_eq!(findings("//! A\n#[expect(dead_code)]\nfn a() {}\n").len(), 1);
        let reasoned = "//! A\n#[expect(dead_code, reason = \"read by the linker\")]\nfn a() {}\n";
        assert_eq!(findings(reasoned), Vec::<String>::new());
    }
}
