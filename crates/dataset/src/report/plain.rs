//! A report as plain text: a line for each content item, with its number, set in by two spaces for each item around it.

use causeway_core::Attributes;

use super::{Place, Report, tags, value};

pub(super) fn tell(report: &Report) -> Vec<u8> {
    let mut out = String::new();
    put_lines(&report.title(), 0, &mut out);
    for (label, text) in report.heading() {
        put_lines(&format!("{label}: {text}"), 0, &mut out);
    }
    out.push('\n');
    let root = value::values(&report.0).join("; ");
    if !root.is_empty() {
        put_lines(&root, 0, &mut out);
    }
    put_children(&report.0, &Place::root(), 0, &mut out);
    out.into_bytes()
}

/// Goes as deep as the sequences do, which were held to a bound when they were read.
fn put_children(item: &Attributes, place: &Place, depth: usize, out: &mut String) {
    let children = item.get(tags::CONTENT).map_or(&[][..], |element| element.items());
    for (number, child) in (1..).zip(children) {
        let place = place.child(number);
        put_lines(&format!("{} {}", place.0, line(child)), depth, out);
        put_children(child, &place, depth + 1, out);
    }
}

fn line(item: &Attributes) -> String {
    let mut text = String::new();
    if let Some(relation) = value::relation(item) {
        text.push_str(&format!("({relation}) "));
    }
    let said = value::values(item).join("; ");
    let referenced = value::referenced(item).map(|number| format!("see item {number}"));
    let parts = [value::name(item), referenced, (!said.is_empty()).then_some(said)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    text + &parts.join(": ")
}

/// Writes `text`, its later lines set in below the first. Control characters would do things to a terminal.
fn put_lines(text: &str, depth: usize, out: &mut String) {
    for (number, line) in text.lines().enumerate() {
        out.extend(std::iter::repeat_n("  ", depth + if number == 0 { 0 } else { 2 }));
        out.extend(line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }));
        out.push('\n');
    }
}
