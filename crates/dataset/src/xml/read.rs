//! The Native DICOM Model read into a data set (PS3.19 §A.1).
//!
//! A document type declaration is refused wherever it stands, so that no entity can unfold and none can name a file;
//! the five that XML has by itself, and characters by number, are all there is.

use std::borrow::Cow;

use causeway_core::{Tag, Vr};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{COMPONENTS, GROUPS};
use crate::compose::{Builder, ComposeError, Composed, Given, Place, Refused, Values};
use crate::dictionary;
use crate::value::from_base64;

const FORM: &str = "the Native DICOM Model";
/// Where a declaration that names an encoding must have ended.
const MAX_DECLARATION_BYTES: usize = 256;
/// Most person name components and groups are few; text outside of them is white space.
const ROOT: &str = "NativeDicomModel";

/// Reads one document, in the encoding that it declares, into a data set of at most `max_bytes`.
///
/// # Errors
/// When it is no XML, no Native DICOM Model, or has a value that is none.
pub fn read(document: &[u8], max_bytes: usize) -> Result<Composed, Refused> {
    let mut builder = Builder::new(max_bytes);
    let text = decoded(document);
    let made = text.and_then(|text| Document::new(&text).put_all(&mut builder));
    match made {
        Ok(()) => {
            let named = builder.named();
            builder.finish().map_err(|error| Refused { named, error })
        }
        Err(error) => Err(Refused { named: builder.named(), error }),
    }
}

/// The document as text: its byte order mark decides, else its declaration, else it is UTF-8 (XML 1.0 §4.3.3).
pub(crate) fn decoded(document: &[u8]) -> Result<Cow<'_, str>, ComposeError> {
    let broken = |words: &str| ComposeError::Syntax { form: "XML", words: words.to_owned() };
    let beginning = document.get(..document.len().min(MAX_DECLARATION_BYTES)).unwrap_or_default();
    let encoding = match declared(beginning) {
        Some(label) => {
            encoding_rs::Encoding::for_label(label).ok_or_else(|| broken("its encoding is not known"))?
        }
        None => encoding_rs::UTF_8,
    };
    match encoding.decode(document) {
        (text, _, false) => Ok(text),
        (_, _, true) => Err(broken("it is not in the encoding that it declares")),
    }
}

/// The encoding that an XML declaration names.
fn declared(beginning: &[u8]) -> Option<&[u8]> {
    let rest = beginning.strip_prefix(b"<?xml")?;
    let rest = rest.get(..memchr::memmem::find(rest, b"?>")?)?;
    let rest = rest.get(memchr::memmem::find(rest, b"encoding")? + b"encoding".len()..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    rest.split(|byte| byte == quote).next()
}

/// A document that is being read.
struct Document<'a> {
    reader: Reader<&'a [u8]>,
}

/// An attribute's own XML attributes (PS3.19 §A.1.5).
struct Attribute {
    tag: Tag,
    vr: Vr,
    creator: Option<String>,
}

/// What holds the value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Values,
    Items,
    Bytes,
    BulkData,
}

/// What stands next inside of an element.
enum Next<'a> {
    Element(BytesStart<'a>),
    End,
}

const fn form(words: &'static str) -> ComposeError {
    ComposeError::Form { form: FORM, words }
}

impl<'a> Document<'a> {
    fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader }
    }

    fn event(&mut self) -> Result<Event<'a>, ComposeError> {
        match self.reader.read_event() {
            Ok(Event::DocType(_)) => Err(ComposeError::DocumentType),
            Ok(event) => Ok(event),
            Err(_) => Err(self.syntax()),
        }
    }

    /// What the library says may hold what stands in the document.
    fn syntax(&self) -> ComposeError {
        let words = format!("its grammar is broken, at byte {}", self.reader.buffer_position());
        ComposeError::Syntax { form: "XML", words }
    }

    fn put_all(mut self, builder: &mut Builder) -> Result<(), ComposeError> {
        let mut was_read = false;
        loop {
            match self.event()? {
                Event::Start(root) if root.local_name().as_ref() == ROOT && !was_read => {
                    self.put_attributes(builder)?;
                    was_read = true;
                }
                Event::Eof if was_read => return Ok(()),
                Event::Eof => return Err(self.syntax()),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Text(text) if text.xml10_content().trim().is_empty() => {}
                _ => {
                    let words = "its root is no NativeDicomModel".to_owned();
                    return Err(ComposeError::Syntax { form: "Native DICOM Model", words });
                }
            }
        }
    }

    /// The next element, up to the end of the one around it. What stands between elements is white space.
    fn next(&mut self) -> Result<Next<'a>, ComposeError> {
        loop {
            match self.event()? {
                Event::Start(start) => return Ok(Next::Element(start)),
                Event::End(_) => return Ok(Next::End),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Text(text) if text.xml10_content().trim().is_empty() => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(form("text stands outside of values"));
                }
                Event::Eof | Event::Decl(_) | Event::Empty(_) | Event::DocType(_) => {
                    return Err(self.syntax());
                }
            }
        }
    }

    /// The text up to the end of the element around it.
    fn text(&mut self) -> Result<Cow<'a, str>, ComposeError> {
        let mut text = Cow::Borrowed("");
        loop {
            let more = match self.event()? {
                Event::Text(more) => more.xml10_content(),
                Event::CData(more) => more.xml10_content(),
                Event::GeneralRef(reference) => Cow::Owned(character(&reference)?.to_string()),
                Event::Comment(_) | Event::PI(_) => continue,
                Event::End(_) => return Ok(text),
                Event::Start(_) => return Err(form("an element stands inside of a value")),
                Event::Eof | Event::Decl(_) | Event::Empty(_) | Event::DocType(_) => {
                    return Err(self.syntax());
                }
            };
            if text.is_empty() { text = more } else { text.to_mut().push_str(&more) }
        }
    }

    /// Passes over an element that holds nothing.
    fn nothing(&mut self) -> Result<(), ComposeError> {
        match self.next()? {
            Next::End => Ok(()),
            Next::Element(_) => Err(form("an element stands where none is due")),
        }
    }

    /// Goes as deep as the builder lets it.
    fn put_attributes(&mut self, builder: &mut Builder) -> Result<(), ComposeError> {
        while let Next::Element(start) = self.next()? {
            if start.local_name().as_ref() != "DicomAttribute" {
                return Err(form("something else than attributes stands in a data set"));
            }
            let attribute = attribute(&start)?;
            self.put_attribute(attribute, builder)?;
        }
        Ok(())
    }

    fn put_attribute(&mut self, attribute: Attribute, builder: &mut Builder) -> Result<(), ComposeError> {
        let Attribute { tag, vr, creator } = attribute;
        let mut value = Value::of(tag, vr, builder.room());
        if vr == Vr::SQ {
            if builder.place(tag, creator.as_deref())? == Place::PassedOver {
                return Err(ComposeError::Misplaced(tag));
            }
            builder.begin_sequence(tag, creator)?;
            self.put_items(&mut value, builder)?;
            builder.end_sequence();
            return Ok(());
        }
        while let Next::Element(start) = self.next()? {
            self.put_value(&start, &mut value)?;
        }
        match value.held {
            Held::BulkData => builder.put_gap(tag, vr, creator, value.uri),
            Held::Bytes => builder.put(tag, vr, creator, &value.bytes),
            Held::Nothing | Held::Values | Held::Items => {
                builder.put(tag, vr, creator, &value.values.finish())
            }
        }
    }

    fn put_items(&mut self, value: &mut Value, builder: &mut Builder) -> Result<(), ComposeError> {
        while let Next::Element(start) = self.next()? {
            if start.local_name().as_ref() != "Item" {
                return Err(form("something else than items stands in a sequence"));
            }
            value.hold(Held::Items)?;
            builder.begin_item()?;
            self.put_attributes(builder)?;
            builder.end_item()?;
        }
        Ok(())
    }

    fn put_value(&mut self, start: &BytesStart<'a>, value: &mut Value) -> Result<(), ComposeError> {
        match start.local_name().as_ref() {
            "Value" => {
                value.next_number(start)?;
                let text = self.text()?;
                value.push(text)
            }
            "PersonName" if value.vr == Vr::PN => {
                value.next_number(start)?;
                let name = self.name(value)?;
                value.push(Cow::Owned(name))
            }
            "InlineBinary" => {
                value.hold_once(Held::Bytes)?;
                let text = self.text()?;
                value.bytes = value.inline(&text)?;
                Ok(())
            }
            "BulkData" => {
                value.hold_once(Held::BulkData)?;
                value.uri = bulk_location(start)?;
                self.nothing()
            }
            _ => Err(form("an attribute holds an element that is none of a value")),
        }
    }

    /// A name, its components joined as a value field has them (PS3.5 §6.2.1).
    fn name(&mut self, value: &Value) -> Result<String, ComposeError> {
        let mut groups: [String; GROUPS.len()] = Default::default();
        while let Next::Element(start) = self.next()? {
            let place = GROUPS.iter().position(|group| *group == start.local_name().as_ref());
            let group = self.group()?;
            match place.and_then(|place| groups.get_mut(place)) {
                Some(free) if free.is_empty() && !group.contains('=') => *free = group,
                _ => return Err(value.error("its groups are none of a name")),
            }
        }
        Ok(groups.join("=").trim_end_matches('=').to_owned())
    }

    fn group(&mut self) -> Result<String, ComposeError> {
        let mut components: [String; COMPONENTS.len()] = Default::default();
        while let Next::Element(start) = self.next()? {
            let name = start.local_name();
            let place = COMPONENTS.iter().position(|component| *component == name.as_ref());
            let text = self.text()?;
            match place.and_then(|place| components.get_mut(place)) {
                Some(free) => free.push_str(&text),
                None => return Err(form("a component is none of a name")),
            }
        }
        Ok(components.join("^").trim_end_matches('^').to_owned())
    }
}

/// The value of an attribute, as it comes.
struct Value {
    tag: Tag,
    vr: Vr,
    held: Held,
    values: Values,
    bytes: Vec<u8>,
    uri: String,
}

impl Value {
    const fn of(tag: Tag, vr: Vr, max_bytes: usize) -> Self {
        let values = Values::new(tag, vr, max_bytes);
        Self { tag, vr, held: Held::Nothing, values, bytes: Vec::new(), uri: String::new() }
    }

    const fn error(&self, words: &'static str) -> ComposeError {
        ComposeError::Value { tag: self.tag, vr: self.vr, words }
    }

    fn hold(&mut self, held: Held) -> Result<(), ComposeError> {
        if self.held != Held::Nothing && self.held != held {
            return Err(ComposeError::Ambiguous(self.tag));
        }
        self.held = held;
        Ok(())
    }

    fn hold_once(&mut self, held: Held) -> Result<(), ComposeError> {
        if self.held != Held::Nothing {
            return Err(ComposeError::Ambiguous(self.tag));
        }
        self.hold(held)
    }

    fn next_number(&mut self, start: &BytesStart<'_>) -> Result<(), ComposeError> {
        self.hold(Held::Values)?;
        match named(start, "number")? {
            Some(number) => {
                let number = number.trim().parse().map_err(|_| form("the number of a value is none"))?;
                self.values.fill_up_to(number)
            }
            None => Ok(()),
        }
    }

    fn push(&mut self, text: Cow<'_, str>) -> Result<(), ComposeError> {
        self.values.push(&Given::Text(text))
    }

    fn inline(&self, letters: &str) -> Result<Vec<u8>, ComposeError> {
        let bytes = from_base64(letters).ok_or_else(|| self.error("its InlineBinary is no base64"))?;
        if self.vr.is_text() && std::str::from_utf8(&bytes).is_err() {
            return Err(self.error("its InlineBinary is no UTF-8"));
        }
        Ok(bytes)
    }
}

/// The names are those of PS3.19 §A.1.5, or those of the examples in PS3.18 §B.28, which begin with capitals.
fn attribute(start: &BytesStart<'_>) -> Result<Attribute, ComposeError> {
    let either = |small, capital| match named(start, small)? {
        Some(text) => Ok(Some(text)),
        None => named(start, capital),
    };
    let tag = either("tag", "Tag")?.and_then(|text| Tag::from_hex(&text)).ok_or(ComposeError::NotATag)?;
    let vr = match either("vr", "VR")? {
        Some(name) => Vr::parse(&name),
        None => dictionary::vr_of(tag),
    };
    let creator = named(start, "privateCreator")?.map(Cow::into_owned);
    let creator = creator.filter(|creator| !creator.trim().is_empty());
    Ok(Attribute { tag, vr: vr.ok_or(ComposeError::Vr(tag))?, creator })
}

/// Where bulk data are: the standard names a place, or an object by its UUID (PS3.19 §A.1.5).
fn bulk_location(start: &BytesStart<'_>) -> Result<String, ComposeError> {
    let uri = match named(start, "uri")? {
        Some(uri) => Some(uri),
        None => named(start, "uuid")?,
    };
    uri.map(Cow::into_owned).ok_or_else(|| form("bulk data have neither a uri nor a uuid"))
}

/// The value of an XML attribute.
fn named<'s>(start: &'s BytesStart<'_>, name: &str) -> Result<Option<Cow<'s, str>>, ComposeError> {
    let broken =
        || ComposeError::Syntax { form: "XML", words: "an attribute of an element is broken".to_owned() };
    let Some(attribute) = start.try_get_attribute(name).map_err(|_| broken())? else { return Ok(None) };
    attribute.normalized_value(XmlVersion::Implicit1_0).map(Some).map_err(|_| broken())
}

/// The character that a reference stands for.
fn character(reference: &BytesRef<'_>) -> Result<char, ComposeError> {
    let unknown = || ComposeError::Syntax { form: "XML", words: "an entity is not known".to_owned() };
    if let Some(character) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character);
    }
    match reference.xml10_content().as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests;
