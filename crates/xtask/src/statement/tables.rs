//! The tables of the conformance statement, each computed from the code's own.

use causeway_core::query::levels::{COMPUTED, KEPT};
use causeway_core::service::{self, Service};
use causeway_core::transfer_syntax::{self, Compression};
use causeway_core::{Level, Quirk, sop_class, tls};
use causeway_dataset::dictionary;

/// The table called `name`; none when there is no such.
pub(super) fn named(name: &str) -> Option<String> {
    match name {
        "services" => Some(services()),
        "storage SOP classes" => Some(storage()),
        "transfer syntaxes" => Some(transfer_syntaxes()),
        "quirks" => Some(quirks()),
        "TLS cipher suites" => Some(cipher_suites()),
        "TLS key exchanges" => Some(key_exchanges()),
        _ => {
            let (kind, of) = name.split_once(' ')?;
            match kind {
                "statuses" => statuses(of),
                "keys" => Level::parse(of).map(keys),
                _ => None,
            }
        }
    }
}

fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    let rule: Vec<String> = heads.iter().map(|_| "---".to_owned()).collect();
    let mut out = line(&heads) + &line(&rule);
    rows.for_each(|row| out.push_str(&line(&row)));
    out
}

const fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn cipher_suites() -> String {
    offers("cipher suite", &tls::SUITES)
}

fn key_exchanges() -> String {
    offers("key exchange", &tls::KEY_EXCHANGES)
}

fn offers(what: &str, offers: &[tls::Offer]) -> String {
    table(&[what, "TLS"], offers.iter().map(|offer| vec![offer.name.to_owned(), offer.versions.to_owned()]))
}

fn services() -> String {
    let row = |class: &service::ServiceClass| {
        vec![
            class.name.to_owned(),
            class.uid.to_owned(),
            yes(class.user).to_owned(),
            yes(class.provider).to_owned(),
        ]
    };
    table(&["SOP class", "UID", "as user (SCU)", "as provider (SCP)"], service::CLASSES.iter().map(row))
}

fn storage() -> String {
    let row = |(uid, name): (&str, &str)| vec![name.to_owned(), uid.to_owned()];
    table(&["SOP class", "UID"], sop_class::storage().map(row))
}

fn transfer_syntaxes() -> String {
    let row = |(index, syntax): (usize, &transfer_syntax::TransferSyntax)| {
        let pixels = match syntax.compression {
            Compression::None => "plain",
            Compression::Lossless => "lossless",
            Compression::Lossy => "lossy",
            Compression::Unsaid => "either",
        };
        vec![(index + 1).to_string(), syntax.name.to_owned(), syntax.uid.to_owned(), pixels.to_owned()]
    };
    table(
        &["preference", "transfer syntax", "UID", "pixels"],
        transfer_syntax::ALL.iter().enumerate().map(row),
    )
}

fn quirks() -> String {
    let row = |quirk: Quirk| vec![format!("`{quirk}`"), quirk.words().to_owned()];
    table(&["quirk", "what it does"], Quirk::ALL.into_iter().map(row))
}

fn statuses(of: &str) -> Option<String> {
    let is_named = |service: &Service| format!("{service:?}") == of;
    let service = service::all_meanings().map(|meaning| meaning.service).find(is_named)?;
    let row = |meaning: service::Meaning| vec![format!("{:04X}", meaning.status.0), meaning.words.to_owned()];
    Some(table(&["status", "meaning here"], service::meanings(service).into_iter().map(row)))
}

fn keys(level: Level) -> String {
    let mut keys: Vec<(bool, _)> = KEPT.iter().map(|kept| (false, kept)).collect();
    keys.extend(COMPUTED.iter().map(|kept| (true, kept)));
    keys.retain(|(_, kept)| kept.level == level);
    keys.sort_by_key(|(_, kept)| kept.tag);
    let row = |(is_computed, kept): (bool, &causeway_core::query::levels::Kept)| {
        let name = dictionary::keyword_of(kept.tag).unwrap_or_default().to_owned();
        let remark = if kept.tag == level.unique_key() {
            "unique key"
        } else if is_computed {
            "counted or gathered"
        } else {
            ""
        };
        let shown = if kept.default { "yes" } else { "" };
        let tag = format!("({:04X},{:04X})", kept.tag.group(), kept.tag.element());
        vec![name, tag, kept.vr.to_string(), shown.to_owned(), remark.to_owned()]
    };
    table(&["attribute", "tag", "VR", "by default over the web", ""], keys.into_iter().map(row))
}
