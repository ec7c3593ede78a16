//! Rows for people: columns as wide as what stands in them.

/// Prints `rows` under `heads`.
pub(super) fn print<const N: usize>(heads: [&str; N], rows: &[[String; N]]) {
    print_rows(&heads, rows);
}

/// As [`print`], for as many columns as are known when it runs.
#[expect(clippy::print_stdout, reason = "it is what the command was asked for")]
pub(super) fn print_rows(heads: &[&str], rows: &[impl AsRef<[String]>]) {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    println!("{}", line(heads, &widths));
    for row in rows {
        println!("{}", line(row.as_ref(), &widths));
    }
}

/// What stands at a place of an answer (RFC 6901), as text; nothing where there is nothing.
pub(super) fn text(value: &serde_json::Value, pointer: &str) -> String {
    use serde_json::Value;
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn line(cells: &[impl AsRef<str>], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{:width$}", cell.as_ref())).collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other_and_nothing_trails() {
        assert_eq!(line(&["a", "b"], &[3, 5]), "a    b");
        assert_eq!(line(&["äöü", "b"], &[3, 5]), "äöü  b");
    }
}
