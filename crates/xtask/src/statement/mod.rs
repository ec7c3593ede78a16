//! `cargo xtask statement`: writes the tables of the conformance statement (PS3.2) from the code's own tables, between
//! marks that name them. The prose around them is written by hand. A test holds the file against the code.

mod tables;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::paths;

/// Where the statement stands.
pub(crate) const FILE: &str = "conformance/STATEMENT.md";

const BEGIN: &str = "<!-- table: ";
const BEGIN_END: &str = " -->";
const END: &str = "<!-- end of table -->";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a table differs from the code
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (present, wanted) = both()?;
    if present == wanted {
        println!("{FILE}: up to date");
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.check {
        println!("{FILE}: a table differs from the code; run `cargo xtask statement`");
        return Ok(ExitCode::FAILURE);
    }
    std::fs::write(paths::root().join(FILE), wanted).with_context(|| format!("{FILE} cannot be written"))?;
    println!("{FILE}: written");
    Ok(ExitCode::SUCCESS)
}

fn both() -> Result<(String, String)> {
    let present = std::fs::read_to_string(paths::root().join(FILE))
        .with_context(|| format!("{FILE} cannot be read"))?;
    let wanted = filled(&present)?;
    Ok((present, wanted))
}

/// The text with each table between its marks written anew.
fn filled(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(BEGIN_END));
        let Some(name) = name else { continue };
        let Some(table) = tables::named(name) else { bail!("{FILE}: there is no table '{name}'") };
        out.push('\n');
        out.push_str(&table);
        out.push('\n');
        if !lines.any(|line| line == END) {
            bail!("{FILE}: table '{name}' has no end");
        }
        out.push_str(END);
        out.push('\n');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_says_what_the_code_does() {
        let (present, wanted) = both().unwrap();
        assert!(present == wanted, "run `cargo xtask statement`");
    }

    #[test]
    fn what_stands_between_the_marks_is_written_anew_and_the_rest_left_alone() {
        let text = format!("prose\n{BEGIN}statuses Verification{BEGIN_END}\nold\n{END}\nmore\n");
        let out = filled(&text).unwrap();
        assert!(out.starts_with("prose\n") && out.ends_with(&format!("{END}\nmore\n")));
        assert!(out.contains("| 0000 | we are here |") && !out.contains("old"));
        assert_eq!(filled(&out).unwrap(), out);
    }

    #[test]
    fn a_table_that_is_unknown_or_has_no_end_is_an_error() {
        assert!(filled(&format!("{BEGIN}nothing{BEGIN_END}\n{END}\n")).is_err());
        assert!(filled(&format!("{BEGIN}statuses Find{BEGIN_END}\n")).is_err());
    }
}
