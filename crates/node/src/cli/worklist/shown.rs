//! Entries, candidates and performed steps as tables.
#![expect(clippy::print_stdout, reason = "it answers on standard output")]

use std::process::ExitCode;

use serde_json::Value;

use super::super::table;
use crate::client::Client;

/// The text at a path such as `/patient/id`; a list is joined by commas.
fn text(value: &Value, path: &str) -> String {
    match value.pointer(path) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(values)) => {
            values.iter().map(|value| text(value, "")).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    }
}

fn columns<const N: usize>(values: &[Value], paths: [&str; N]) -> Vec<[String; N]> {
    values.iter().map(|value| paths.map(|path| text(value, path))).collect()
}

/// Prints `values` as JSON where that was asked for; says whether it did.
fn as_json(client: &Client, values: &[Value]) -> anyhow::Result<bool> {
    if client.is_json() {
        println!("{}", serde_json::to_string(values)?);
    }
    Ok(client.is_json())
}

pub(super) fn entries(client: &Client, entries: &[Value]) -> anyhow::Result<ExitCode> {
    if !as_json(client, entries)? {
        let paths = [
            "/id",
            "/step/start",
            "/status",
            "/step/modality",
            "/step/station_ae",
            "/patient/id",
            "/patient/name",
            "/accession_number",
            "/step/description",
        ];
        let heads =
            ["ID", "START", "STATUS", "MODALITY", "STATION", "PATIENT", "NAME", "ACCESSION", "DESCRIPTION"];
        table::print(heads, &columns(entries, paths));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn steps(client: &Client, steps: &[Value]) -> anyhow::Result<ExitCode> {
    if !as_json(client, steps)? {
        let paths = [
            "/uid",
            "/status",
            "/modality",
            "/station_ae",
            "/started",
            "/ended",
            "/patient/id",
            "/accession_numbers",
            "/worklist",
        ];
        let heads =
            ["UID", "STATUS", "MODALITY", "STATION", "STARTED", "ENDED", "PATIENT", "ACCESSION", "ENTRIES"];
        table::print(heads, &columns(steps, paths));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn matches(client: &Client, found: &[Value]) -> anyhow::Result<ExitCode> {
    if as_json(client, found)? {
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        println!("no entry of the worklist has anything in common with this study");
        return Ok(ExitCode::SUCCESS);
    }
    let paths = [
        "/score",
        "/entry/id",
        "/entry/status",
        "/entry/step/start",
        "/entry/step/modality",
        "/entry/patient/id",
        "/entry/patient/name",
        "/entry/accession_number",
    ];
    let mut rows = Vec::new();
    for (candidate, cells) in found.iter().zip(columns(found, paths)) {
        let [score, id, status, start, modality, patient, name, accession] = cells;
        rows.push([score, id, status, start, modality, patient, name, accession, why(candidate)]);
    }
    let heads = ["SCORE", "ENTRY", "STATUS", "START", "MODALITY", "PATIENT", "NAME", "ACCESSION", "WHY"];
    table::print(heads, &rows);
    Ok(ExitCode::SUCCESS)
}

fn why(candidate: &Value) -> String {
    let reasons = candidate.get("reasons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    reasons.iter().map(|reason| text(reason, "/words")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_shows_a_text_a_number_a_list_or_nothing() {
        let entry = json!({ "id": 7, "step": { "station_ae": ["CT1", "CT2"] }, "patient": { "name": null } });
        let cells =
            ["/id", "/step/station_ae", "/patient/name", "/patient/id"].map(|path| text(&entry, path));
        assert_eq!(cells, ["7", "CT1,CT2", "", ""]);
    }
}
