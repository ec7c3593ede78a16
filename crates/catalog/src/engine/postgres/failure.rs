//! What went wrong with PostgreSQL, in words that hold no value: of what the server says, only what names its own
//! things is told.

use std::error::Error as _;
use std::io;

use causeway_core::Class;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::engine::failure::Failure;

/// What PostgreSQL said, or what became of the connection to it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    class: Class,
    /// Whether the connection is of no more use.
    is_lost: bool,
    words: String,
}

impl Refusal {
    /// The server cannot be reached, or does not answer any more.
    pub(super) fn lost(words: impl Into<String>) -> Self {
        Self { class: Class::Transient, is_lost: true, words: words.into() }
    }

    /// The server is not one that a catalog can be kept on.
    pub(super) fn unfit(words: impl Into<String>) -> Self {
        Self { class: Class::Caller, is_lost: true, words: words.into() }
    }

    /// The handshake with it failed.
    pub(super) fn insecure(words: &str, class: Class) -> Self {
        Self { class, is_lost: true, words: format!("TLS with it does not come about: {words}") }
    }

    /// A statement was given more or fewer values than it has places.
    pub(super) fn count(given: usize, wanted: usize) -> Self {
        let words = format!("{wanted} values were wanted and {given} given");
        Self { class: Class::Bug, is_lost: false, words }
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }

    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The same, when it happened in calling the server: then nothing is left of the connection. What the settings are
    /// to blame for at the start passes, by an administrator's hand, where the server `was_there` before.
    pub(super) fn in_calling(self, was_there: bool) -> Self {
        let words = format!("PostgreSQL cannot be reached: {}", self.words);
        Self { class: if was_there { Class::Transient } else { self.class }, is_lost: true, words }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        if let Some(said) = error.as_db_error() {
            return of_server(said);
        }
        let source = error.source();
        let is_io = source.is_some_and(|source| source.downcast_ref::<io::Error>().is_some());
        if error.is_closed() || is_io {
            let why = source.map_or_else(|| "it was closed".to_owned(), ToString::to_string);
            return Self::lost(format!("the connection to PostgreSQL was lost: {why}"));
        }
        // The words of the library hold no values; those of its sources may.
        Self { class: Class::Bug, is_lost: false, words: format!("PostgreSQL was not understood: {error}") }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Postgres(refusal)
    }
}

/// What is put right by a new connection: a server that became a standby; statements that were prepared of tables that
/// have been changed since, or that somebody between has forgotten.
const OUTLIVED: [&str; 3] = ["25006", "0A000", "26000"];

fn of_server(said: &DbError) -> Refusal {
    let code = said.code();
    let is_over = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    Refusal { class: class(code), is_lost: is_over || OUTLIVED.contains(&code.code()), words: words(said) }
}

/// The words of the server, but for those that tell of values (class 22).
fn words(said: &DbError) -> String {
    let code = said.code().code();
    if code.starts_with("22") {
        return format!("PostgreSQL refused a value (SQLSTATE {code})");
    }
    format!("PostgreSQL: {} (SQLSTATE {code})", said.message())
}

/// What a failure calls for, by SQLSTATE (PostgreSQL, Appendix A).
fn class(code: &SqlState) -> Class {
    match (code.code(), code.code().get(..2).unwrap_or_default()) {
        // disk_full, out_of_memory, configuration_limit_exceeded.
        ("53100" | "53200" | "53400", _) => Class::Exhausted,
        // A value that is too long for an index: whoever sent it gets its fault back.
        ("54000", _) => Class::Caller,
        // Broken connections, conflicts, too many connections, locks that were not got, an administrator at work, the
        // server's own I/O.
        (_, "08" | "40" | "53" | "55" | "57" | "58") | ("25006" | "25P03" | "0A000" | "26000", _) => {
            Class::Transient
        }
        // Wrong passwords, databases that are not there, rights that are lacking.
        (_, "28" | "3D" | "3F") | ("42501", _) => Class::Caller,
        _ => Class::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_from_what_does_not() {
        for (code, expected) in [
            ("57P01", Class::Transient),
            ("57P03", Class::Transient),
            ("40001", Class::Transient),
            ("53300", Class::Transient),
            ("55P03", Class::Transient),
            ("53100", Class::Exhausted),
            ("28P01", Class::Caller),
            ("3D000", Class::Caller),
            ("42501", Class::Caller),
            ("54000", Class::Caller),
            ("42601", Class::Bug),
            ("23505", Class::Bug),
        ] {
            assert_eq!(class(&SqlState::from_code(code)), expected, "{code}");
        }
    }
}
