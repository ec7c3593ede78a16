//! Blocks of text as a page of HTML, and as lines of plain text.

use super::Block;
use crate::xml::put_escaped;

/// The lowest level of a heading that HTML has.
const LOWEST_HEADING: usize = 6;

pub(super) fn html(blocks: &[Block]) -> Vec<u8> {
    let title = blocks.iter().find_map(|block| match block {
        Block::Title(1, title) => Some(title.as_str()),
        _ => None,
    });
    let mut page = Vec::new();
    markup(&mut page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    put_escaped(title.unwrap_or("Document"), &mut page);
    markup(&mut page, "</title>\n</head>\n<body>\n");
    let mut around = None;
    for block in blocks {
        let wanted = container(block);
        if around != wanted {
            around.into_iter().for_each(|name: &str| markup(&mut page, &format!("</{name}>\n")));
            wanted.into_iter().for_each(|name| markup(&mut page, &format!("<{name}>\n")));
            around = wanted;
        }
        match block {
            Block::Title(level, text) => {
                let level = (*level).min(LOWEST_HEADING);
                element(&mut page, &format!("h{level}"), text);
            }
            Block::About(label, text) => {
                element(&mut page, "dt", label);
                element(&mut page, "dd", text);
            }
            Block::Paragraph(text) => element(&mut page, "p", text),
            Block::Item(text) => element(&mut page, "li", text),
            Block::Row(cells) => {
                markup(&mut page, "<tr>");
                for cell in cells {
                    markup(&mut page, "<td>");
                    lines(&mut page, cell);
                    markup(&mut page, "</td>");
                }
                markup(&mut page, "</tr>\n");
            }
        }
    }
    around.into_iter().for_each(|name| markup(&mut page, &format!("</{name}>\n")));
    markup(&mut page, "</body>\n</html>\n");
    page
}

/// What stands around blocks of a kind that follow one another.
const fn container(block: &Block) -> Option<&'static str> {
    match block {
        Block::Title(..) | Block::Paragraph(_) => None,
        Block::About(..) => Some("dl"),
        Block::Item(_) => Some("ul"),
        Block::Row(_) => Some("table"),
    }
}

fn markup(page: &mut Vec<u8>, text: &str) {
    page.extend(text.bytes());
}

fn element(page: &mut Vec<u8>, name: &str, text: &str) {
    markup(page, &format!("<{name}>"));
    lines(page, text);
    markup(page, &format!("</{name}>\n"));
}

fn lines(page: &mut Vec<u8>, text: &str) {
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            markup(page, "<br>\n");
        }
        put_escaped(line, page);
    }
}

pub(super) fn plain(blocks: &[Block]) -> Vec<u8> {
    let mut out = String::new();
    let mut before: Option<&Block> = None;
    for block in blocks {
        // Items, rows, and what a document is about follow one another without a line between.
        let follows =
            before.is_some_and(|before| container(before).is_some() && container(before) == container(block));
        if before.is_some() && !follows {
            out.push('\n');
        }
        match block {
            Block::Title(level, text) => {
                let line = if *level == 1 { "=" } else { "-" };
                let line =
                    line.repeat(text.lines().map(|line| line.chars().count()).max().unwrap_or_default());
                out.push_str(&format!("{text}\n{line}\n"));
            }
            Block::About(label, text) => out.push_str(&format!("{label}: {text}\n")),
            Block::Paragraph(text) => out.push_str(&format!("{text}\n")),
            Block::Item(text) => out.push_str(&format!("- {text}\n")),
            Block::Row(cells) => out.push_str(&format!("{}\n", cells.join(" | "))),
        }
        before = Some(block);
    }
    out.into_bytes()
}
