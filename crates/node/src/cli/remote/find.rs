//! `causeway remote find`: what a remote has, asked by the node over C-FIND or QIDO-RS.
#![expect(clippy::print_stderr, reason = "it answers on the terminal")]

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use causeway_core::{Attributes, RemoteName, Tag};
use causeway_dataset::dictionary;
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::table;
use crate::client::{Client, Lines};

/// Matches that are shown when nothing is said of it.
const LIMIT: u64 = 1_000;

/// Ask a remote what it has
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  causeway remote find pacs1 PatientName='DOE^*' StudyDate=20250101-20250131
  causeway remote find pacs1 --level series StudyInstanceUID=1.2.840.99999.1 BodyPartExamined
  causeway remote find pacs1 --level patient --root patient PatientName=müller --fuzzy
  causeway remote find pacs1 ModalitiesInStudy='CT\\MR' --limit 20 --json > found.json

Exit code 1 when the remote did not answer to the end.")]
pub(crate) struct Find {
    /// The remote's name
    name: RemoteName,
    /// What is to match: KEYWORD=VALUE, with wildcards and ranges as C-FIND and QIDO-RS have them; a keyword alone is only told
    #[arg(value_name = "KEY[=VALUE]")]
    keys: Vec<String>,
    /// What is asked for
    #[arg(long, value_enum, default_value_t = Level::Study)]
    level: Level,
    /// The information model it is asked in [default: patient for patients, else study]
    #[arg(long, value_enum)]
    root: Option<Root>,
    /// Match names fuzzily, where the remote can
    #[arg(long)]
    fuzzy: bool,
    /// Most matches wanted; when there are more the remote is asked to stop, or not asked further
    #[arg(long, value_name = "N", default_value_t = LIMIT)]
    limit: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Patient,
    Study,
    Series,
    Image,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Root {
    Patient,
    Study,
}

/// The question as the node takes it.
#[derive(Debug, Serialize)]
struct Question<'a> {
    level: Level,
    root: Root,
    keys: BTreeMap<&'a str, &'a str>,
    fuzzy: bool,
    limit: u64,
}

/// A line of the node's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Match(Value),
    End(End),
}

#[derive(Debug, Deserialize)]
struct End {
    is_well: bool,
    words: String,
    has_remarks: bool,
    has_more: bool,
}

impl Level {
    /// What stands in the table for people.
    const fn columns(self) -> &'static [(&'static str, Tag)] {
        match self {
            Self::Patient => &[
                ("PATIENT", Tag::PATIENT_NAME),
                ("ID", Tag::PATIENT_ID),
                ("BORN", Tag::PATIENT_BIRTH_DATE),
                ("SEX", Tag::PATIENT_SEX),
                ("STUDIES", Tag::NUMBER_OF_PATIENT_RELATED_STUDIES),
            ],
            Self::Study => &[
                ("PATIENT", Tag::PATIENT_NAME),
                ("ID", Tag::PATIENT_ID),
                ("DATE", Tag::STUDY_DATE),
                ("MODALITIES", Tag::MODALITIES_IN_STUDY),
                ("ACCESSION", Tag::ACCESSION_NUMBER),
                ("DESCRIPTION", Tag::STUDY_DESCRIPTION),
                ("INSTANCES", Tag::NUMBER_OF_STUDY_RELATED_INSTANCES),
                ("STUDY INSTANCE UID", Tag::STUDY_INSTANCE_UID),
            ],
            Self::Series => &[
                ("NUMBER", Tag::SERIES_NUMBER),
                ("MODALITY", Tag::MODALITY),
                ("DESCRIPTION", Tag::SERIES_DESCRIPTION),
                ("INSTANCES", Tag::NUMBER_OF_SERIES_RELATED_INSTANCES),
                ("SERIES INSTANCE UID", Tag::SERIES_INSTANCE_UID),
            ],
            Self::Image => &[
                ("NUMBER", Tag::INSTANCE_NUMBER),
                ("SOP CLASS", Tag::SOP_CLASS_UID),
                ("SOP INSTANCE UID", Tag::SOP_INSTANCE_UID),
            ],
        }
    }
}

impl Find {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let question = self.question();
        let request = client.request(Method::POST, &format!("/api/v1/remotes/{}/find", self.name));
        let lines = client.lines(request.json(&question)).await?;
        let end = if client.is_json() { as_json(lines).await? } else { self.as_table(lines).await? };
        if !end.is_well || end.has_more || end.has_remarks {
            eprintln!("{}: {}", self.name, end.words);
        }
        Ok(if end.is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn question(&self) -> Question<'_> {
        let patient = if self.level == Level::Patient { Root::Patient } else { Root::Study };
        Question {
            level: self.level,
            root: self.root.unwrap_or(patient),
            keys: self.keys.iter().map(|key| key.split_once('=').unwrap_or((key, ""))).collect(),
            fuzzy: self.fuzzy,
            limit: self.limit,
        }
    }

    async fn as_table(&self, mut lines: Lines) -> anyhow::Result<End> {
        let columns = self.columns();
        let mut rows: Vec<Vec<String>> = Vec::new();
        let end = loop {
            match next(&mut lines).await? {
                Line::Match(found) => {
                    let found =
                        Attributes::from_json(&found.to_string()).context("a match cannot be read")?;
                    rows.push(columns.iter().map(|(_, tag)| cell(&found, *tag)).collect());
                }
                Line::End(end) => break end,
            }
        };
        let heads: Vec<&str> = columns.iter().map(|(head, _)| head.as_str()).collect();
        table::print_rows(&heads, &rows);
        Ok(end)
    }

    /// The columns of the level, then what was asked about besides.
    fn columns(&self) -> Vec<(String, Tag)> {
        let mut columns: Vec<(String, Tag)> =
            self.level.columns().iter().map(|(head, tag)| ((*head).to_owned(), *tag)).collect();
        for key in &self.keys {
            let name = key.split(['=', '.']).next().unwrap_or_default();
            let Some(tag) = dictionary::parse_attribute(name) else { continue };
            let is_shown = columns.iter().any(|(_, other)| *other == tag);
            if !is_shown && !key.contains('.') {
                columns.push((name.to_owned(), tag));
            }
        }
        columns
    }
}

async fn next(lines: &mut Lines) -> anyhow::Result<Line> {
    lines.next().await?.context("the node broke off its answer")
}

/// One array of DICOM JSON (PS3.18 §F.2), written as it comes.
async fn as_json(mut lines: Lines) -> anyhow::Result<End> {
    let mut out = io::stdout().lock();
    let mut separator = "[";
    loop {
        match next(&mut lines).await? {
            Line::Match(found) => {
                write!(out, "{separator}{found}")?;
                separator = ",\n";
            }
            Line::End(end) => {
                writeln!(out, "{}]", if separator == "[" { "[" } else { "" })?;
                return Ok(end);
            }
        }
    }
}

/// A value on one line: control characters, which a remote may send, are left out.
fn cell(found: &Attributes, tag: Tag) -> String {
    let Some(element) = found.get(tag) else { return String::new() };
    let text = match tag {
        Tag::PATIENT_NAME => element.values().first().map(|name| person(name)).unwrap_or_default(),
        Tag::SOP_CLASS_UID => element.values().first().map(|uid| class(uid)).unwrap_or_default(),
        _ => element.values().join("\\"),
    };
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The alphabetic group, or the first that there is.
fn person(name: &str) -> String {
    name.split('=').find(|group| !group.is_empty()).unwrap_or_default().trim_end_matches('^').to_owned()
}

fn class(uid: &str) -> String {
    let parsed = causeway_core::Uid::parse(uid).ok();
    let name = parsed.as_ref().and_then(causeway_core::sop_class::name);
    name.unwrap_or(uid).to_owned()
}

#[cfg(test)]
mod tests {
    use causeway_core::{Element, Vr};

    use super::*;

    fn find(keys: &[&str]) -> Find {
        Find {
            name: "pacs".parse().unwrap(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            level: Level::Series,
            root: None,
            fuzzy: false,
            limit: 1,
        }
    }

    #[test]
    fn a_key_ends_at_its_first_equals_sign_and_may_stand_alone() {
        let find = find(&["PatientComments=a=b", "Modality", "X.Y="]);
        let keys = find.question().keys;
        assert_eq!(
            keys.into_iter().collect::<Vec<_>>(),
            [("Modality", ""), ("PatientComments", "a=b"), ("X.Y", "")]
        );
    }

    #[test]
    fn what_is_asked_about_besides_has_a_column_of_its_own_once() {
        let columns = find(&["BodyPartExamined=CHEST", "Modality=CT", "00180015", "Nonsense"]).columns();
        let heads: Vec<&str> = columns.iter().map(|(head, _)| head.as_str()).collect();
        assert_eq!(heads[5..], ["BodyPartExamined"]);
    }

    #[test]
    fn a_cell_is_one_line_without_control_characters() {
        let mut found = Attributes::new();
        found.put_text(Tag::PATIENT_NAME, Vr::PN, "Müller^Jörg^^=\u{5c71}");
        found.put(
            Tag::MODALITIES_IN_STUDY,
            Element::text(Vr::CS, vec!["CT".to_owned(), "\u{1b}MR".to_owned()]),
        );
        found.put_text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2");
        assert_eq!(cell(&found, Tag::PATIENT_NAME), "Müller^Jörg");
        assert_eq!(cell(&found, Tag::MODALITIES_IN_STUDY), "CT\\MR");
        assert_eq!(cell(&found, Tag::SOP_CLASS_UID), "CT Image Storage");
        assert_eq!(cell(&found, Tag::PATIENT_ID), "");
    }
}
