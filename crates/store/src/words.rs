//! What an object store said, in words that fit on a line. Servers answer in pages of XML; of that the code and the message
//! are told. No secret is in it: keys are never part of an answer.

use object_store::Error;

/// Most letters of what a server says.
const MOST: usize = 240;

/// What went wrong, from its cause.
pub(crate) fn of(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let words = cause.to_string();
    let told = match (between(&words, "<Code>", "</Code>"), between(&words, "<Message>", "</Message>")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => words,
    };
    let line: String = told.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let short: String = line.chars().take(MOST).collect();
    let short = short.trim();
    match status(error) {
        Some(status) if !short.contains(&status) => format!("{short} ({status})"),
        _ => short.to_owned(),
    }
}

/// The code by which a server names what is wrong, such as `NoSuchBucket`.
pub(crate) fn code(error: &Error) -> Option<String> {
    let words = error.to_string();
    between(&words, "<Code>", "</Code>").map(str::to_owned)
}

/// The number of the status with which a server answered.
pub(crate) fn status(error: &Error) -> Option<String> {
    let words = error.to_string();
    let (_, behind) = words.split_once("status code: ")?;
    let number: String = behind.chars().take_while(char::is_ascii_digit).collect();
    (number.len() == 3).then_some(number)
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (inside, _) = rest.split_once(behind)?;
    Some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(words: &str) -> Error {
        Error::Generic { store: "S3", source: words.to_owned().into() }
    }

    #[test]
    fn of_a_page_the_code_and_the_message_are_told() {
        let page = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>AccessDenied\
                    </Code><Message>Access\nDenied.</Message><Key>01935/20a/x</Key></Error>";
        assert_eq!(of(&generic(page)), "AccessDenied: Access Denied. (403)");
        assert_eq!(code(&generic(page)).as_deref(), Some("AccessDenied"));
        assert_eq!(status(&generic(page)).as_deref(), Some("403"));
    }

    #[test]
    fn what_is_no_page_is_told_as_it_is_and_not_at_length() {
        assert_eq!(of(&generic("connection refused")), "connection refused");
        assert_eq!(of(&generic(&"x".repeat(10_000))).len(), MOST);
        assert_eq!(code(&generic("connection refused")), None);
    }
}
