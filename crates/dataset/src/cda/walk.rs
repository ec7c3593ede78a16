//! From the XML of a clinical document to blocks of text. A document type declaration is refused, so that no entity can
//! unfold and none can name a file.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Block, CdaError, MAX_DEPTH};
use crate::xml::decoded;

/// What the text that comes is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Title,
    Name(&'static str),
    /// The narrative of a section.
    Narrative,
}

/// The walk through a document.
struct Walk {
    /// Names of the elements that are open.
    path: Vec<String>,
    /// What the text is for, and how many elements were open when that began.
    told: (Told, usize),
    text: String,
    cells: Vec<String>,
    blocks: Vec<Block>,
    has_text: bool,
}

pub(super) fn blocks(document: &[u8]) -> Result<Vec<Block>, CdaError> {
    let text = decoded(document).map_err(|error| CdaError::Xml(error.to_string()))?;
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk {
        path: Vec::new(),
        told: (Told::Nothing, 0),
        text: String::new(),
        cells: Vec::new(),
        blocks: Vec::new(),
        has_text: false,
    };
    let mut was_closed = false;
    loop {
        let event = reader.read_event();
        let broken = |words: &str| CdaError::Xml(format!("{words}, at byte {}", reader.buffer_position()));
        match event {
            Ok(Event::Start(element)) => {
                if was_closed || (walk.path.is_empty() && element.local_name().as_ref() != "ClinicalDocument")
                {
                    return Err(CdaError::NoText);
                }
                walk.start(&element)?;
            }
            Ok(Event::End(_)) => {
                walk.end();
                was_closed = walk.path.is_empty();
            }
            Ok(Event::Text(text)) => walk.add(&text.xml10_content()),
            Ok(Event::CData(text)) => walk.add(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                walk.add_char(character(&reference).ok_or_else(|| broken("it has an entity of its own"))?);
            }
            Ok(Event::DocType(_)) => return Err(broken("a document type declaration is not read")),
            Ok(Event::Eof) if was_closed => break,
            Ok(Event::Eof) | Err(_) => return Err(broken("its grammar is broken")),
            Ok(Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
        }
    }
    if walk.has_text { Ok(walk.blocks) } else { Err(CdaError::NoText) }
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Some(character);
    }
    Some(match reference.as_ref() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

impl Walk {
    /// Sections that are open.
    fn sections(&self) -> usize {
        self.path.iter().filter(|name| *name == "section").count()
    }

    fn is_in(&self, name: &str) -> bool {
        self.path.iter().any(|open| open == name)
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), CdaError> {
        if self.path.len() == MAX_DEPTH {
            return Err(CdaError::TooDeep);
        }
        let name = element.local_name().as_ref().to_owned();
        let parent = self.path.last().map(String::as_str).unwrap_or_default();
        if self.told.0 == Told::Nothing {
            let told = match (name.as_str(), parent) {
                ("title", "ClinicalDocument" | "section") => Told::Title,
                ("text", "section") => Told::Narrative,
                ("name", "patient") if self.is_in("recordTarget") => Told::Name("Patient"),
                ("name", "assignedPerson") if self.is_in("author") => Told::Name("Author"),
                ("birthTime", "patient") => self.note("Born", element),
                ("effectiveTime", "ClinicalDocument") => self.note("Date", element),
                _ => Told::Nothing,
            };
            self.told = (told, self.path.len());
            self.text.clear();
        } else if self.told.0 == Told::Narrative {
            self.begin(&name);
        } else {
            self.space();
        }
        self.path.push(name);
        Ok(())
    }

    /// What an element says in its attribute.
    fn note(&mut self, label: &'static str, element: &BytesStart<'_>) -> Told {
        let attribute = element.attributes().flatten().find(|attribute| attribute.key.as_ref() == "value");
        let value = attribute.map(|attribute| attribute.value.into_owned()).unwrap_or_default();
        let digits = value.get(..8).filter(|date| date.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some((year, rest)) = digits.and_then(|date| date.split_at_checked(4)) {
            let (month, day) = rest.split_at(2);
            self.blocks.push(Block::About(label, format!("{year}-{month}-{day}")));
        }
        Told::Nothing
    }

    /// An element of a narrative begins.
    fn begin(&mut self, name: &str) {
        match name {
            "br" => self.text.push('\n'),
            "paragraph" | "list" | "item" | "caption" | "table" | "tr" if !self.is_in_row() => self.flush(),
            "td" | "th" => self.text.clear(),
            "renderMultiMedia" => self.add("[picture]"),
            _ => {}
        }
    }

    fn is_in_row(&self) -> bool {
        self.path.iter().skip(self.told.1).any(|name| name == "tr")
    }

    fn end(&mut self) {
        let Some(name) = self.path.pop() else { return };
        let (told, since) = self.told;
        if self.path.len() > since {
            if told == Told::Narrative {
                self.end_in_narrative(&name);
            }
            return;
        }
        self.told = (Told::Nothing, 0);
        match told {
            Told::Nothing => {}
            Told::Title => {
                let level = self.sections() + 1;
                self.put(|text| Block::Title(level, text));
            }
            Told::Name(label) => self.put(|text| Block::About(label, text)),
            Told::Narrative => self.flush(),
        }
    }

    fn end_in_narrative(&mut self, name: &str) {
        match name {
            "td" | "th" => {
                let cell = clean(&std::mem::take(&mut self.text));
                self.cells.push(cell);
            }
            "tr" => {
                let cells = std::mem::take(&mut self.cells);
                self.has_text |= cells.iter().any(|cell| !cell.is_empty());
                self.blocks.push(Block::Row(cells));
                self.text.clear();
            }
            _ if self.is_in_row() => self.space(),
            "item" => {
                self.has_text |= !self.text.trim().is_empty();
                self.put(Block::Item);
            }
            "paragraph" | "caption" | "list" | "table" => self.flush(),
            _ => {}
        }
    }

    /// Text of a narrative that stands for itself.
    fn flush(&mut self) {
        self.has_text |= !self.text.trim().is_empty();
        self.put(Block::Paragraph);
    }

    fn put(&mut self, block: impl FnOnce(String) -> Block) {
        let text = clean(&std::mem::take(&mut self.text));
        if !text.is_empty() {
            self.blocks.push(block(text));
        }
    }

    fn space(&mut self) {
        self.text.push(' ');
    }

    /// Text as it stands, whose line ends are no more than white space.
    fn add(&mut self, text: &str) {
        if self.told.0 != Told::Nothing {
            self.text.extend(text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }));
        }
    }

    fn add_char(&mut self, letter: char) {
        if self.told.0 != Told::Nothing {
            self.text.push(if letter.is_whitespace() { ' ' } else { letter });
        }
    }
}

/// Each line without white space beyond one space between words; no empty ones at the ends.
fn clean(text: &str) -> String {
    let lines: Vec<String> =
        text.split('\n').map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n").trim().to_owned()
}
