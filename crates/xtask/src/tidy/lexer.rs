//! Just enough of Rust's grammar to tell code from comments and texts: the code comes back with everything else
//! blanked, line by line where it was, and the string literals beside it.

/// A source text taken apart. `code` has the lines and columns (in characters) of the original.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) code: String,
    /// Each string literal with the line, from 1, on which it begins.
    pub(super) strings: Vec<(usize, String)>,
}

/// Takes `text` apart. Text that is no Rust gives some answer, never a failure.
pub(super) fn lex(text: &str) -> Lexed {
    let mut lexer = Lexer { rest: text.chars().collect(), at: 0, line: 1, out: Lexed::default() };
    while lexer.at < lexer.rest.len() {
        lexer.token();
    }
    lexer.out
}

struct Lexer {
    rest: Vec<char>,
    at: usize,
    line: usize,
    out: Lexed,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.rest.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn starts_with(&self, word: &str) -> bool {
        word.chars().enumerate().all(|(ahead, letter)| self.peek(ahead) == letter)
    }

    /// Moves over one character, as itself or blanked. Line ends always stay.
    fn step(&mut self, kept: Kept) -> char {
        let letter = self.peek(0);
        self.at += 1;
        if letter == '\n' {
            self.line += 1;
        }
        self.out.code.push(if kept == Kept::AsItIs || letter == '\n' { letter } else { ' ' });
        letter
    }

    fn token(&mut self) {
        if self.starts_with("//") {
            while self.at < self.rest.len() && self.peek(0) != '\n' {
                self.step(Kept::Blank);
            }
        } else if self.starts_with("/*") {
            self.block_comment();
        } else if let Some(hashes) = self.raw_string_ahead() {
            self.raw_string(hashes);
        } else if self.peek(0) == '"' {
            self.string();
        } else if self.peek(0) == '\'' {
            self.character_or_lifetime();
        } else if is_word(self.peek(0)) {
            while is_word(self.peek(0)) {
                self.step(Kept::AsItIs);
            }
            // b"…", c"…": the prefix is a word and the literal follows on the next turn.
        } else {
            self.step(Kept::AsItIs);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.rest.len() {
            if self.starts_with("/*") {
                depth += 1;
                self.step(Kept::Blank);
            } else if self.starts_with("*/") {
                depth -= 1;
                self.step(Kept::Blank);
            }
            self.step(Kept::Blank);
            if depth == 0 {
                return;
            }
        }
    }

    /// The number of `#` when a raw string begins here (`r"`, `r#"`, `br##"`).
    fn raw_string_ahead(&self) -> Option<usize> {
        let mut ahead = usize::from(matches!(self.peek(0), 'b' | 'c'));
        if self.peek(ahead) != 'r' {
            return None;
        }
        ahead += 1;
        let mut hashes = 0;
        while self.peek(ahead) == '#' {
            hashes += 1;
            ahead += 1;
        }
        (self.peek(ahead) == '"').then_some(hashes)
    }

    fn raw_string(&mut self, hashes: usize) {
        while self.step(Kept::Blank) != '"' {}
        let (line, mut text) = (self.line, String::new());
        let end = format!("\"{}", "#".repeat(hashes));
        while self.at < self.rest.len() && !self.starts_with(&end) {
            text.push(self.step(Kept::Blank));
        }
        for _ in 0..=hashes {
            self.step(Kept::Blank);
        }
        self.out.strings.push((line, text));
    }

    fn string(&mut self) {
        self.step(Kept::Blank);
        let (line, mut text) = (self.line, String::new());
        while self.at < self.rest.len() {
            match self.step(Kept::Blank) {
                '"' => break,
                '\\' => {
                    text.push('\\');
                    text.push(self.step(Kept::Blank));
                }
                letter => text.push(letter),
            }
        }
        self.out.strings.push((line, text));
    }

    /// `'x'` and `'\n'` are blanked; the `'` of a lifetime or label is an ordinary character.
    fn character_or_lifetime(&mut self) {
        let is_character = self.peek(1) == '\\' || self.peek(2) == '\'';
        self.step(if is_character { Kept::Blank } else { Kept::AsItIs });
        if !is_character {
            return;
        }
        if self.peek(0) == '\\' {
            self.step(Kept::Blank);
        }
        self.step(Kept::Blank);
        while self.at < self.rest.len() && self.peek(0) != '\'' && self.peek(0) != '\n' {
            self.step(Kept::Blank);
        }
        self.step(Kept::Blank);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    AsItIs,
    Blank,
}

/// Whether `letter` can stand in an identifier.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        lex(text).code
    }

    #[test]
    fn comments_are_blanked_and_lines_stay() {
        assert_eq!(code("a // {\nb /* { /* } */ \n } */ c"), "a     \nb              \n      c");
    }

    #[test]
    fn texts_are_blanked_and_kept_aside() {
        let lexed = lex("f(\"{ \\\" }\");\ng(br#\"}\"#)");
        assert!(!lexed.code.contains(['{', '}', '"']), "{}", lexed.code);
        assert_eq!(lexed.strings, [(1, "{ \\\" }".to_owned()), (2, "}".to_owned())]);
    }

    #[test]
    fn a_brace_as_a_character_is_no_brace_and_a_lifetime_is_none() {
        let text = "fn f<'a>(x: &'a str) { match c { '{' | '\\'' | '\\u{7b}' => 1 } }";
        let code = code(text);
        assert_eq!(code.matches('{').count(), 2, "{code}");
        assert_eq!(code.matches('}').count(), 2, "{code}");
        assert_eq!(code.chars().count(), text.chars().count());
    }

    #[test]
    fn what_ends_in_the_middle_ends() {
        for text in ["\"", "'", "/*", "r#\"", "'\\", "b", "\"\\"] {
            lex(text);
        }
    }
}
