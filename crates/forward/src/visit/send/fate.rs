//! What became of one file that was to be given to a remote. Pure.

use causeway_archive::PassingError;
use causeway_core::Status;
use causeway_dimse::Error;
use causeway_dimse::scu::Response;

use crate::failure::{self, Answer, Kind};

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The remote says that it has it; in words what it says besides.
    Taken { status: Status, words: String },
    /// The remote does not take it, or it cannot be sent; the next one may be.
    Refused { status: Option<Status>, words: String },
    /// The line broke before it was answered: nothing is known of it, and it may be the cause.
    Broken(String),
    /// Nothing is known of it, and no other can be sent now.
    Unknown(String),
}

impl Fate {
    /// What the remote's answer means.
    pub(super) fn of_answer(response: &Response) -> Self {
        let comment = crate::visit::said(response.comment.as_deref());
        match failure::answer(response.status, &comment) {
            Answer::Has(Status::SUCCESS) => Self::Taken { status: Status::SUCCESS, words: String::new() },
            Answer::Has(status) => {
                let words = format!("taken with a warning ({status}) {comment}").trim_end().to_owned();
                Self::Taken { status, words }
            }
            // The next one would be told the same.
            Answer::HasNot(failure) if failure.kind == Kind::Exhausted => Self::Unknown(failure.words),
            Answer::HasNot(failure) => Self::Refused { status: Some(response.status), words: failure.words },
        }
    }

    /// What it means that a file cannot be read.
    pub(super) fn of_file(error: &PassingError) -> Self {
        match error {
            PassingError::Body(_) => Self::Unknown(error.to_string()),
            PassingError::Unreadable(_)
            | PassingError::Nameless
            | PassingError::NotStorage(_)
            | PassingError::NotDecodable(_) => Self::Refused { status: None, words: error.to_string() },
        }
    }

    /// The same of a file that is on its way.
    pub(super) fn of_body(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        match error.downcast_ref() {
            Some(error) => Self::of_file(error),
            None => Self::Unknown(error.to_string()),
        }
    }

    /// What it means that the line was not to be had.
    pub(super) fn of_line(error: &Error) -> Self {
        Self::Unknown(error.to_string())
    }

    /// What it means that the line broke while the file was on its way.
    pub(super) fn of_broken_line(error: &Error) -> Self {
        Self::Broken(format!("the line broke before it was answered: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use causeway_archive::BodyError;
    use causeway_core::Class;

    use super::*;

    fn answered(status: u16, comment: &str) -> Fate {
        Fate::of_answer(&Response { status: Status(status), comment: Some(comment.to_owned()) })
    }

    #[test]
    fn an_answer_is_a_yes_a_no_or_an_end() {
        assert_eq!(answered(0, "fine"), Fate::Taken { status: Status::SUCCESS, words: String::new() });
        let Fate::Taken { words, .. } = answered(0xB000, "coerced\n") else { panic!() };
        assert_eq!(words, "taken with a warning (B000H) coerced");
        for status in [0xA900, 0xC000, 0x0122, 0x0124, 0x0110, 0x0111] {
            let fate = answered(status, "no");
            assert!(
                matches!(&fate, Fate::Refused { status: Some(_), words } if words.contains("no")),
                "{fate:?}"
            );
        }
        assert!(matches!(answered(0xA700, ""), Fate::Unknown(_)));
    }

    #[test]
    fn a_bad_file_is_refused_and_one_that_broke_off_ends_it() {
        let broken = BodyError { words: "gone".to_owned(), class: Class::Transient };
        assert!(matches!(Fate::of_file(&PassingError::Body(broken)), Fate::Unknown(_)));
        let boxed: causeway_dimse::BodyError = PassingError::Unreadable("no".to_owned()).into();
        assert!(matches!(Fate::of_body(boxed.as_ref()), Fate::Refused { status: None, .. }));
        assert!(matches!(Fate::of_line(&Error::Closed), Fate::Unknown(_)));
        assert!(matches!(Fate::of_broken_line(&Error::Closed), Fate::Broken(_)));
    }
}
