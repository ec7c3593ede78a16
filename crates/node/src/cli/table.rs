//! Rows for people: columns as wide as what stands in them.

/// Prints `rows` under `heads`.
#[expect(clippy::print_stdout, reason = "it is what the command was asked for")]
pub(super) fn print<const N: usize>(heads: [&str; N], rows: &[[String; N]]) {
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    println!("{}", line(&heads.map(str::to_owned), &widths));
    for row in rows {
        println!("{}", line(row, &widths));
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other_and_nothing_trails() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(line(&row("a", "b"), &[3, 5]), "a    b");
        assert_eq!(line(&row("äöü", "b"), &[3, 5]), "äöü  b");
    }
}
