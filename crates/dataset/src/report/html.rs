//! A report as HTML: a heading, a table of what it is about, and a list in lists. It has no script, no style and no
//! link but to its own items.

use causeway_core::Attributes;

use super::{Place, Report, tags, value};
use crate::xml::put_escaped;

pub(super) fn tell(report: &Report) -> Vec<u8> {
    let mut page = Page(Vec::new());
    page.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    page.text(&report.title());
    page.markup("</title>\n</head>\n<body>\n<h1>");
    page.text(&report.title());
    page.markup("</h1>\n<table>\n");
    for (label, text) in report.heading() {
        page.markup("<tr><th scope=\"row\">");
        page.text(label);
        page.markup("</th><td>");
        page.text(&text);
        page.markup("</td></tr>\n");
    }
    page.markup("</table>\n<div id=\"item-1\">");
    page.values(&report.0);
    page.markup("</div>\n");
    page.children(&report.0, &Place::root());
    page.markup("</body>\n</html>\n");
    page.0
}

/// What is written so far.
struct Page(Vec<u8>);

impl Page {
    fn markup(&mut self, markup: &str) {
        self.0.extend(markup.bytes());
    }

    /// Foreign text.
    fn text(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            if number > 0 {
                self.markup("<br>\n");
            }
            put_escaped(line, &mut self.0);
        }
    }

    /// Goes as deep as the sequences do, which were held to a bound when they were read.
    fn children(&mut self, item: &Attributes, place: &Place) {
        let children = item.get(tags::CONTENT).map_or(&[][..], |element| element.items());
        if children.is_empty() {
            return;
        }
        self.markup("<ul>\n");
        for (number, child) in (1..).zip(children) {
            let place = place.child(number);
            self.markup(&format!("<li id=\"item-{}\">", place.0));
            self.item(child);
            self.children(child, &place);
            self.markup("</li>\n");
        }
        self.markup("</ul>\n");
    }

    fn item(&mut self, item: &Attributes) {
        if let Some(relation) = value::relation(item) {
            self.markup("<em>");
            self.text(&relation);
            self.markup("</em> ");
        }
        if let Some(name) = value::name(item) {
            self.markup("<strong>");
            self.text(&name);
            self.markup("</strong> ");
        }
        if let Some(number) = value::referenced(item) {
            self.markup("<a href=\"#item-");
            self.text(&number);
            self.markup("\">item ");
            self.text(&number);
            self.markup("</a> ");
        }
        self.values(item);
    }

    fn values(&mut self, item: &Attributes) {
        for (number, text) in value::values(item).iter().enumerate() {
            if number > 0 {
                self.markup("; ");
            }
            self.text(text);
        }
    }
}
