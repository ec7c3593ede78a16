//! Text as XML has it, in content and in attributes alike (XML 1.0 §2.2, §2.4, §2.11, §3.3.3).

/// Writes `text` so that a reader gets it back as it is. Control characters have no form in XML 1.0 at all: in their
/// place stands U+FFFD.
pub fn put_escaped(text: &str, out: &mut Vec<u8>) {
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let Some(escaped) = escape(character) else { continue };
        out.extend(text.get(plain..at).unwrap_or_default().bytes());
        out.extend(escaped.bytes());
        plain = at + character.len_utf8();
    }
    out.extend(text.get(plain..).unwrap_or_default().bytes());
}

/// What stands for a character; none where it stands for itself.
const fn escape(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        // A reader would turn these into spaces or line feeds.
        '\t' => "&#9;",
        '\n' => "&#10;",
        '\r' => "&#13;",
        '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        put_escaped(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_means_something_in_xml_is_escaped_and_the_rest_is_not() {
        assert_eq!(escaped(""), "");
        assert_eq!(escaped("山 'plain' é"), "山 'plain' é");
        assert_eq!(escaped("<a b=\"c\">&amp;]]>"), "&lt;a b=&quot;c&quot;&gt;&amp;amp;]]&gt;");
        assert_eq!(escaped("a\r\n\tb"), "a&#13;&#10;&#9;b");
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        assert_eq!(escaped("a\u{0}\u{C}\u{1B}b\u{FFFE}"), "a\u{FFFD}\u{FFFD}\u{FFFD}b\u{FFFD}");
    }
}
