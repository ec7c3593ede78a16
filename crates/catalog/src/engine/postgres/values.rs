//! Values on PostgreSQL's wire: whole numbers of 64 bits, texts, bytes.
//!
//! Invariant: what a statement is given is never shown, not even by the library's own log.

use std::error::Error;
use std::fmt;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::engine::failure::Failure;
use crate::engine::values::{self, Binder, Params, ValueRef};

/// What stands for a NUL within a text, which no text of PostgreSQL can hold: its picture.
const NUL: &str = "\u{2400}";

type Wrong = Box<dyn Error + Sync + Send>;

/// A value that a statement is given.
pub(super) enum Given {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Given {
    /// All values of a statement.
    pub(super) fn all(params: impl Params) -> Result<Vec<Self>, Failure> {
        let mut given = Gathered(Vec::new());
        params.bind_to(&mut given)?;
        Ok(given.0)
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

struct Gathered(Vec<Given>);

impl Binder for Gathered {
    fn bind(&mut self, value: &dyn values::ToSql) -> Result<(), Failure> {
        self.0.push(match value.to_sql() {
            ValueRef::Null | ValueRef::Foreign => Given::Null,
            ValueRef::Integer(number) => Given::Integer(number),
            ValueRef::Text(text) => {
                let text = std::str::from_utf8(text).map_err(|_| Failure::Column(self.0.len()))?;
                let has_nul = text.contains('\0');
                Given::Text(if has_nul { text.replace('\0', NUL) } else { text.to_owned() })
            }
            ValueRef::Blob(bytes) => Given::Blob(bytes.to_vec()),
        });
        Ok(())
    }
}

impl ToSql for Given {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => integer(*number, wanted, out),
            // As SQLite has it: a text is a number where a number is wanted.
            Self::Text(text) if is_integer(wanted) => integer(text.trim().parse()?, wanted, out),
            Self::Text(text) => text.as_str().to_sql(&Type::TEXT, out),
            Self::Blob(bytes) => bytes.as_slice().to_sql(&Type::BYTEA, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn is_integer(wanted: &Type) -> bool {
    [Type::INT8, Type::INT4, Type::INT2].contains(wanted)
}

fn integer(number: i64, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Wrong> {
    match *wanted {
        Type::INT8 => number.to_sql(wanted, out),
        Type::INT4 => i32::try_from(number)?.to_sql(wanted, out),
        Type::INT2 => i16::try_from(number)?.to_sql(wanted, out),
        Type::BOOL => (number != 0).to_sql(wanted, out),
        _ => number.to_string().as_str().to_sql(&Type::TEXT, out),
    }
}

/// A value of a row, borrowed from it.
pub(super) struct Held<'r>(pub(super) ValueRef<'r>);

impl<'r> FromSql<'r> for Held<'r> {
    fn from_sql(held: &Type, raw: &'r [u8]) -> Result<Self, Wrong> {
        Ok(Self(match *held {
            Type::INT8 => ValueRef::Integer(i64::from_sql(held, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(held, raw)?.into()),
            Type::INT2 => ValueRef::Integer(i16::from_sql(held, raw)?.into()),
            Type::BOOL => ValueRef::Integer(bool::from_sql(held, raw)?.into()),
            Type::BYTEA => ValueRef::Blob(raw),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => ValueRef::Text(raw),
            _ => ValueRef::Foreign,
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Wrong> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(value: &dyn values::ToSql, wanted: &Type) -> Option<Vec<u8>> {
        let mut gathered = Gathered(Vec::new());
        gathered.bind(value).unwrap();
        let mut out = BytesMut::new();
        gathered.0.remove(0).to_sql(wanted, &mut out).ok().map(|_| out.to_vec())
    }

    #[test]
    fn a_number_takes_the_form_that_is_wanted_or_is_an_error() {
        assert_eq!(wire(&5_i64, &Type::INT8).unwrap(), [0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(wire(&5_i64, &Type::INT4).unwrap(), [0, 0, 0, 5]);
        assert_eq!(wire(&i64::MAX, &Type::INT4), None);
        assert_eq!(wire(&"5", &Type::INT8), wire(&5_i64, &Type::INT8));
        assert_eq!(wire(&"five", &Type::INT8), None);
        assert_eq!(wire(&5_i64, &Type::TEXT).unwrap(), b"5");
        assert_eq!(wire(&true, &Type::BOOL).unwrap(), [1]);
    }

    #[test]
    fn a_text_keeps_all_but_what_cannot_be_kept() {
        assert_eq!(wire(&"a\0b", &Type::TEXT).unwrap(), "a\u{2400}b".as_bytes());
        assert_eq!(wire(&"Müller", &Type::TEXT).unwrap(), "Müller".as_bytes());
    }

    #[test]
    fn what_a_statement_is_given_is_not_shown() {
        assert_eq!(format!("{:?}", Given::Text("Doe^John".to_owned())), "…");
    }
}
