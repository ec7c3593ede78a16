//! Files stay under 500 lines, functions under 70, tests and generated tables apart.

use super::Finding;
use super::lexer::is_word;
use super::source::{Source, line_of};

/// Lines of a file, without its tests.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if source.is_generated() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let lines = source.product_lines();
    if lines > FILE_LINES_MAX {
        let words = format!("{lines} lines without tests, {FILE_LINES_MAX} at most: split it by verb");
        findings.push(Finding::new(&source.name, 0, words));
    }
    for function in functions(&source.lexed.code) {
        if function.lines > FUNCTION_LINES_MAX && !source.is_test(function.line) {
            let Function { name, lines, line } = function;
            let words =
                format!("fn {name} has {lines} lines, {FUNCTION_LINES_MAX} at most: split it by step");
            findings.push(Finding::new(&source.name, line, words));
        }
    }
    findings
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Every function with a body.
fn functions(code: &str) -> Vec<Function> {
    let starts = code.match_indices("fn ").filter(|(at, _)| {
        let before = code.get(..*at).and_then(|part| part.chars().next_back());
        !before.is_some_and(is_word)
    });
    starts.filter_map(|(at, _)| function_at(code, at)).collect()
}

/// The function whose `fn` stands at `at`; nothing for a declaration or a pointer's type.
fn function_at(code: &str, at: usize) -> Option<Function> {
    let rest = code.get(at..)?;
    let name: String = rest.get(3..)?.chars().take_while(|letter| is_word(*letter)).collect();
    if name.is_empty() {
        return None;
    }
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (offset, letter) in rest.char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' if depth <= 1 => {
                let line = line_of(code, at);
                return Some(Function { name, line, lines: 1 + line_of(code, at + offset) - line });
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, text: String) -> Source {
        Source::new(name.to_owned(), text)
    }

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_seventy_lines_passes_and_one_more_does_not() {
        assert_eq!(check(&source("a.rs", function_of(FUNCTION_LINES_MAX))), []);
        let findings = check(&source("a.rs", function_of(FUNCTION_LINES_MAX + 1)));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with("a.rs:1: fn long has 71 lines"), "{}", findings[0]);
    }

    #[test]
    fn a_file_of_five_hundred_lines_passes_and_one_more_does_not() {
        assert_eq!(check(&source("a.rs", "const A: u8 = 1;\n".repeat(FILE_LINES_MAX))), []);
        let long = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(check(&source("a.rs", long.clone())).len(), 1);
        assert_eq!(check(&source("a_gen.rs", long)), []);
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function_of(400).repeat(2));
        assert_eq!(check(&source("a.rs", text)), []);
    }

    #[test]
    fn declarations_and_nested_functions_are_told_apart() {
        let code = "trait T { fn a(&self, x: [u8; 4]); fn b() { fn c() { {} } } } type P = fn (u8);";
        let names: Vec<String> = functions(code).into_iter().map(|function| function.name).collect();
        assert_eq!(names, ["b", "c"]);
    }
}
