//! What becomes of attributes when identities are taken away: PS3.15 Table E.1-1, as actions per attribute.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Fewer than this, and something was not read.
const FEWEST_ATTRIBUTES: usize = 500;

/// X/Z: of Type 3 in the IODs, and with an item at least where it is there (PS3.3 §C.7.2.1): removed, not emptied.
const REFERENCED_STUDY_SEQUENCE: u32 = 0x0008_1110;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    id: String,
    basic_profile: String,
    rtn_safe_priv_opt: Option<String>,
    #[serde(rename = "rtnUIDsOpt")]
    rtn_uids_opt: Option<String>,
    rtn_dev_id_opt: Option<String>,
    rtn_inst_id_opt: Option<String>,
    rtn_pat_chars_opt: Option<String>,
    rtn_long_full_dates_opt: Option<String>,
    rtn_long_modif_dates_opt: Option<String>,
    clean_desc_opt: Option<String>,
    clean_struct_cont_opt: Option<String>,
    clean_graph_opt: Option<String>,
}

/// The text of `table_gen.rs`.
pub(super) fn text(standard: &Path, edition: &str) -> Result<String> {
    let path = standard.join("confidentiality_profile_attributes.json");
    let json =
        std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines: Vec<Line> = serde_json::from_str(&json).context("confidentiality_profile_attributes.json")?;
    ensure!(lines.len() >= FEWEST_ATTRIBUTES, "only {} attributes were found", lines.len());
    render(&lines, edition)
}

/// The safest of the actions that the profile leaves a choice of (PS3.15 Table E.1-1a): it serves an attribute of
/// any Type. References whose UIDs are replaced (U*) stay references.
fn basic(action: &str) -> Result<&'static str> {
    Ok(match action {
        "X" => "Remove",
        "Z" | "X/Z" => "Empty",
        "D" | "Z/D" | "X/D" | "X/Z/D" => "Dummy",
        "U" | "X/Z/U*" => "Uid",
        _ => anyhow::bail!("an action that is not known: {action}"),
    })
}

fn options(line: &Line) -> Result<String> {
    ensure!(line.rtn_safe_priv_opt.is_none(), "{} would be kept with private ones", line.name);
    let named = [
        ("UIDS", &line.rtn_uids_opt),
        ("DEVICE", &line.rtn_dev_id_opt),
        ("INSTITUTION", &line.rtn_inst_id_opt),
        ("PATIENT", &line.rtn_pat_chars_opt),
        ("FULL_DATES", &line.rtn_long_full_dates_opt),
        ("MODIFIED_DATES", &line.rtn_long_modif_dates_opt),
        ("DESCRIPTORS", &line.clean_desc_opt),
        ("STRUCTURED", &line.clean_struct_cont_opt),
        ("GRAPHICS", &line.clean_graph_opt),
    ];
    let mut text = Vec::new();
    for (name, action) in named {
        match action.as_deref() {
            None => {}
            Some("K") => text.push(format!("keep({name})")),
            Some("C") => text.push(format!("clean({name})")),
            Some(other) => anyhow::bail!("{}: an action that is not known: {other}", line.name),
        }
    }
    Ok(if text.is_empty() { "0".to_owned() } else { text.join(" | ") })
}

fn render(lines: &[Line], edition: &str) -> Result<String> {
    let mut rows = BTreeMap::new();
    for line in lines {
        // Repeating groups and private attributes have rules of their own; a command is no data set.
        let Ok(tag) = u32::from_str_radix(&line.id, 16) else { continue };
        if tag >> 16 != 0 {
            let action =
                if tag == REFERENCED_STUDY_SEQUENCE { "Remove" } else { basic(&line.basic_profile)? };
            rows.insert(tag, (action, options(line)?, line.name.trim().to_owned()));
        }
    }
    let mut text = format!(
        "//! Actions of the Basic Application Level Confidentiality Profile and its options: PS3.15 {edition} Table E.1-1.\n\
         //! Written by `cargo xtask tables`, not by hand.\n\n\
         use super::action::Basic::{{Dummy, Empty, Remove, Uid}};\n\
         use super::action::Line;\n\
         use super::action::bits::{{\n    \
         DESCRIPTORS, DEVICE, FULL_DATES, GRAPHICS, INSTITUTION, MODIFIED_DATES, PATIENT, STRUCTURED, UIDS, clean, keep,\n\
         }};\n\n\
         /// By tag, in ascending order.\n\
         #[rustfmt::skip]\n\
         pub(super) const TABLE: &[Line] = &[\n"
    );
    for (tag, (basic, options, name)) in rows {
        let name = name.lines().next().unwrap_or_default();
        let _ = writeln!(text, "    Line::new({tag:#010X}, {basic}, {options}), // {name}");
    }
    text.push_str("];\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_action_is_taken_and_an_unknown_one_is_an_error() {
        for (said, taken) in [("X", "Remove"), ("X/Z", "Empty"), ("X/Z/D", "Dummy"), ("X/Z/U*", "Uid")] {
            assert_eq!(basic(said).unwrap(), taken);
        }
        assert!(basic("Q").is_err());
    }
}
