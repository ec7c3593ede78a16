//! The catalog's texts of SQL as PostgreSQL reads them.

/// What SQLite is told of how to go about a statement, and what stands in its place.
const FOR_SQLITE: [(&str, &str); 2] = [(" NOT INDEXED", ""), (" CROSS JOIN ", " JOIN ")];

/// The same statement with `$1` for `?1`, and `$1`, `$2` … for one `?` after another. What is within quotes stays.
pub(super) fn translated(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let (mut quote, mut places) = (None, 0);
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None, '?') => {
                text.push('$');
                if !letters.peek().is_some_and(char::is_ascii_digit) {
                    places += 1;
                    text.push_str(&places.to_string());
                }
                continue;
            }
            _ => {}
        }
        text.push(letter);
    }
    let text = FOR_SQLITE.iter().fold(text, |text, (said, instead)| text.replace(said, instead));
    with_arrays(&text)
}

/// A list that comes as JSON, as an array: only so it is looked for by an index where it is one of several conditions of which
/// one must hold.
fn with_arrays(text: &str) -> String {
    const LIST: &str = " IN (SELECT ";
    const OF_JSON: &str = " FROM json_each(";
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(LIST) {
        let (before, list) = rest.split_at(at);
        let inner = list.get(" IN ".len()..).unwrap_or_default();
        let end = closing(inner);
        let (inner, after) = inner.split_at(end);
        let is_of_json = inner.find(" FROM ") == inner.find(OF_JSON) && !before.ends_with(" NOT");
        whole.push_str(before);
        if is_of_json {
            whole.extend([" = ANY (ARRAY", inner, ")"]);
        } else {
            whole.extend([" IN ", &with_arrays_within(inner)]);
        }
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// The same for what stands within parentheses.
fn with_arrays_within(inner: &str) -> String {
    let (open, inside) = inner.split_at(inner.len().min(1));
    format!("{open}{}", with_arrays(inside))
}

/// Where the parenthesis is closed with which the text begins; its end where none does.
fn closing(text: &str) -> usize {
    let (mut depth, mut is_quoted) = (0_u32, false);
    for (place, letter) in text.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return place + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn places_are_numbered_and_numbers_kept() {
        assert_eq!(translated("a = ?2 AND b = ?1 OR c = ?12"), "a = $2 AND b = $1 OR c = $12");
        assert_eq!(translated("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
    }

    #[test]
    fn what_is_quoted_stays() {
        assert_eq!(translated("a = 'why?' AND b = ?"), "a = 'why?' AND b = $1");
        assert_eq!(translated("a = 'it''s ?' || ?1"), "a = 'it''s ?' || $1");
        assert_eq!(translated(r#""a?" = ?"#), r#""a?" = $1"#);
    }

    #[test]
    fn a_list_that_comes_as_json_is_an_array_and_any_other_stays() {
        let of_json = translated("a IN (SELECT value FROM json_each(?)) OR b = ?");
        assert_eq!(of_json, "a = ANY (ARRAY(SELECT value FROM json_each($1))) OR b = $2");
        let joined = "a IN (SELECT p.id FROM json_each(?) AS n JOIN p ON p.x = n.value WHERE p.y <> ')')";
        let array =
            "a = ANY (ARRAY(SELECT p.id FROM json_each($1) AS n JOIN p ON p.x = n.value WHERE p.y <> ')'))";
        assert_eq!(translated(joined), array);
        let other = "a IN (SELECT b FROM c WHERE d IN (SELECT value FROM json_each(?)) AND e = 1)";
        let within =
            "a IN (SELECT b FROM c WHERE d = ANY (ARRAY(SELECT value FROM json_each($1))) AND e = 1)";
        assert_eq!(translated(other), within);
        let not = "a NOT IN (SELECT value FROM json_each($1))";
        assert_eq!(translated(not), not);
    }

    #[test]
    fn what_only_sqlite_is_told_is_left_out() {
        let walked = "SELECT study.id FROM study NOT INDEXED CROSS JOIN patient ON a = b";
        assert_eq!(translated(walked), "SELECT study.id FROM study JOIN patient ON a = b");
    }
}
