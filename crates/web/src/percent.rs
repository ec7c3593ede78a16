//! Percent-encoding of URLs (RFC 3986 §2.1), decoded once and strictly. A plus sign is a plus sign.

use std::borrow::Cow;

/// Why a piece of a URL cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PercentError {
    /// A `%` without two hexadecimal digits.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Digits,
    /// The decoded bytes are not UTF-8.
    #[error("the percent-encoded bytes are not UTF-8")]
    Utf8,
    /// A control character, which no query needs.
    #[error("there is a control character")]
    Control,
}

/// The text that `raw` stands for.
pub(crate) fn decode(raw: &str) -> Result<Cow<'_, str>, PercentError> {
    let text = if raw.contains('%') { Cow::Owned(decode_bytes(raw)?) } else { Cow::Borrowed(raw) };
    if text.chars().any(char::is_control) { Err(PercentError::Control) } else { Ok(text) }
}

fn decode_bytes(raw: &str) -> Result<String, PercentError> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = digit(bytes.next())?;
            let low = digit(bytes.next())?;
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| PercentError::Utf8)
}

fn digit(byte: Option<u8>) -> Result<u8, PercentError> {
    match byte {
        Some(b @ b'0'..=b'9') => Ok(b - b'0'),
        Some(b @ b'a'..=b'f') => Ok(b - b'a' + 10),
        Some(b @ b'A'..=b'F') => Ok(b - b'A' + 10),
        _ => Err(PercentError::Digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plus_sign_is_no_space_and_bad_digits_are_an_error() {
        assert_eq!(decode("a+b%20c").unwrap(), "a+b c");
        assert_eq!(decode("%E5%B1%B1%e7%94%b0").unwrap(), "山田");
        assert_eq!(decode("%"), Err(PercentError::Digits));
        assert_eq!(decode("%4"), Err(PercentError::Digits));
        assert_eq!(decode("%zz"), Err(PercentError::Digits));
        assert_eq!(decode("%FF"), Err(PercentError::Utf8));
        assert_eq!(decode("a%0D%0Ab"), Err(PercentError::Control));
        assert_eq!(decode("%00"), Err(PercentError::Control));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(text in "\\PC{0,40}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            match decode(&encoded) {
                Ok(read) => prop_assert_eq!(read, text),
                Err(error) => prop_assert_eq!(error, PercentError::Control),
            }
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(raw in ".{0,60}") {
            let _ = decode(&raw);
        }
    }
}
