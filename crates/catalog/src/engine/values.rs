//! Values on their way into a statement and out of a row, the same for every database. What goes in stays borrowed
//! until it is bound; what comes out is copied once, by who wants to own it.

use super::failure::Failure;

/// A value that a statement is given, for lists whose length only the program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing.
    Null,
    /// A number, a moment or a yes (1) and no (0).
    Integer(i64),
    /// A text.
    Text(String),
}

/// A value as a row has it, or as a statement is given it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ValueRef<'v> {
    /// Nothing.
    Null,
    /// A number.
    Integer(i64),
    /// A text, which should be UTF-8.
    Text(&'v [u8]),
    /// Bytes.
    Blob(&'v [u8]),
    /// What the catalog never writes.
    Foreign,
}

/// A value is not of the type that it is read as.
#[derive(Debug)]
pub(crate) struct Mismatch;

impl<'v> ValueRef<'v> {
    /// The text.
    pub(crate) fn as_str(self) -> Result<&'v str, Mismatch> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).map_err(|_| Mismatch),
            Self::Null | Self::Integer(_) | Self::Blob(_) | Self::Foreign => Err(Mismatch),
        }
    }

    fn as_integer(self) -> Result<i64, Mismatch> {
        match self {
            Self::Integer(number) => Ok(number),
            Self::Null | Self::Text(_) | Self::Blob(_) | Self::Foreign => Err(Mismatch),
        }
    }

    fn as_blob(self) -> Result<&'v [u8], Mismatch> {
        match self {
            Self::Blob(bytes) => Ok(bytes),
            Self::Null | Self::Integer(_) | Self::Text(_) | Self::Foreign => Err(Mismatch),
        }
    }
}

/// What a statement can be given.
pub(crate) trait ToSql {
    /// The value, borrowed.
    fn to_sql(&self) -> ValueRef<'_>;
}

impl<T: ToSql + ?Sized> ToSql for &T {
    fn to_sql(&self) -> ValueRef<'_> {
        (**self).to_sql()
    }
}

impl<T: ToSql> ToSql for Option<T> {
    fn to_sql(&self) -> ValueRef<'_> {
        self.as_ref().map_or(ValueRef::Null, ToSql::to_sql)
    }
}

impl ToSql for ValueRef<'_> {
    fn to_sql(&self) -> ValueRef<'_> {
        *self
    }
}

impl ToSql for str {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Text(self.as_bytes())
    }
}

impl ToSql for String {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Text(self.as_bytes())
    }
}

impl ToSql for [u8] {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl ToSql for Vec<u8> {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl<const N: usize> ToSql for [u8; N] {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Blob(self)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl ToSql for $integer {
            fn to_sql(&self) -> ValueRef<'_> {
                ValueRef::Integer(i64::from(*self))
            }
        }
    )*};
}

integers!(i64, i32, u32, u16, u8, bool);

/// The length of something, which is never beyond what an `i64` holds.
impl ToSql for usize {
    fn to_sql(&self) -> ValueRef<'_> {
        ValueRef::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
    }
}

/// What can be read from a row.
pub(crate) trait FromSql: Sized {
    /// Reads it.
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch>;
}

impl FromSql for String {
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        value.as_str().map(str::to_owned)
    }
}

impl FromSql for Vec<u8> {
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        value.as_blob().map(<[u8]>::to_vec)
    }
}

impl<const N: usize> FromSql for [u8; N] {
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        value.as_blob()?.try_into().map_err(|_| Mismatch)
    }
}

impl FromSql for bool {
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        value.as_integer().map(|number| number != 0)
    }
}

macro_rules! integers_back {
    ($($integer:ty),*) => {$(
        impl FromSql for $integer {
            fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
                value.as_integer()?.try_into().map_err(|_| Mismatch)
            }
        }
    )*};
}

integers_back!(i64, u64, u32, u16, u8, usize);

impl<T: FromSql> FromSql for Option<T> {
    fn from_sql(value: ValueRef<'_>) -> Result<Self, Mismatch> {
        if value == ValueRef::Null { Ok(None) } else { T::from_sql(value).map(Some) }
    }
}

/// Takes the values of a statement, in their order.
pub(crate) trait Binder {
    /// Takes the next one.
    fn bind(&mut self, value: &dyn ToSql) -> Result<(), Failure>;
}

/// All values that a statement is given: a tuple, an array, or what [`params_from_iter`] makes of a list.
pub(crate) trait Params {
    /// Hands over one after another.
    fn bind_to(self, binder: &mut impl Binder) -> Result<(), Failure>;
}

impl Params for [&dyn ToSql; 0] {
    fn bind_to(self, _binder: &mut impl Binder) -> Result<(), Failure> {
        Ok(())
    }
}

macro_rules! arrays {
    ($($count:literal),*) => {$(
        impl<T: ToSql> Params for [T; $count] {
            fn bind_to(self, binder: &mut impl Binder) -> Result<(), Failure> {
                self.iter().try_for_each(|value| binder.bind(value))
            }
        }
    )*};
}

arrays!(1, 2, 3, 4, 5, 6);

macro_rules! tuples {
    ($(($($name:ident),+)),*) => {$(
        impl<$($name: ToSql),+> Params for ($($name,)+) {
            fn bind_to(self, binder: &mut impl Binder) -> Result<(), Failure> {
                #[expect(non_snake_case, reason = "a value is named as its type")]
                let ($($name,)+) = self;
                $(binder.bind(&$name)?;)+
                Ok(())
            }
        }
    )*};
}

tuples!(
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F),
    (A, B, C, D, E, F, G),
    (A, B, C, D, E, F, G, H),
    (A, B, C, D, E, F, G, H, I),
    (A, B, C, D, E, F, G, H, I, J),
    (A, B, C, D, E, F, G, H, I, J, K),
    (A, B, C, D, E, F, G, H, I, J, K, L),
    (A, B, C, D, E, F, G, H, I, J, K, L, M),
    (A, B, C, D, E, F, G, H, I, J, K, L, M, N),
    (A, B, C, D, E, F, G, H, I, J, K, L, M, N, O),
    (A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P)
);

/// Values one after another.
pub(crate) struct Listed<I>(I);

/// The values that `values` gives, for a statement.
pub(crate) fn params_from_iter<I: IntoIterator<Item: ToSql>>(values: I) -> Listed<I> {
    Listed(values)
}

impl<I: IntoIterator<Item: ToSql>> Params for Listed<I> {
    fn bind_to(self, binder: &mut impl Binder) -> Result<(), Failure> {
        self.0.into_iter().try_for_each(|value| binder.bind(&value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromSql>(value: ValueRef<'_>) -> Option<T> {
        T::from_sql(value).ok()
    }

    #[test]
    fn a_value_is_read_as_its_own_type_and_as_no_other() {
        assert_eq!(read::<String>(ValueRef::Text(b"a")), Some("a".to_owned()));
        assert_eq!(read::<String>(ValueRef::Text(b"\xff")), None);
        assert_eq!(read::<String>(ValueRef::Integer(1)), None);
        assert_eq!(read::<i64>(ValueRef::Text(b"1")), None);
        assert_eq!(read::<[u8; 2]>(ValueRef::Blob(b"ab")), Some(*b"ab"));
        assert_eq!(read::<[u8; 2]>(ValueRef::Blob(b"abc")), None);
        assert_eq!(read::<Option<i64>>(ValueRef::Null), Some(None));
        assert_eq!(read::<i64>(ValueRef::Null), None);
    }

    #[test]
    fn a_number_that_does_not_fit_is_none() {
        assert_eq!(read::<u8>(ValueRef::Integer(255)), Some(255));
        assert_eq!(read::<u8>(ValueRef::Integer(256)), None);
        assert_eq!(read::<u64>(ValueRef::Integer(-1)), None);
        assert_eq!(read::<i64>(ValueRef::Integer(i64::MIN)), Some(i64::MIN));
    }
}
