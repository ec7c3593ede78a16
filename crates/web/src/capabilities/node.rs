//! A tree of elements, written as XML or as JSON by the rules of PS3.18 Annex G.

use causeway_dataset::xml::put_escaped;
use serde_json::{Map, Value};

/// An element.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<&'static str>,
    children: Vec<Node>,
}

/// Elements that occur once within their parent; all others may repeat, and are arrays in JSON (PS3.18 §G.2).
const UNIQUE: &[&str] = &["resources", "request"];

impl Node {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// With an attribute.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With words about it.
    #[must_use]
    pub(super) fn said(self, words: &'static str) -> Self {
        let doc = Self { text: Some(words), ..Self::new("doc").with("xml:lang", "en") };
        self.holding([doc])
    }

    /// With these inside, behind those that are there.
    #[must_use]
    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The document of which this is the root.
    pub(super) fn to_xml(&self) -> Vec<u8> {
        let mut out = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
        self.put_xml(&mut out);
        out.push(b'\n');
        out
    }

    /// Goes as deep as the table's paths do.
    fn put_xml(&self, out: &mut Vec<u8>) {
        out.push(b'<');
        out.extend(self.name.bytes());
        for (name, value) in &self.attributes {
            out.push(b' ');
            out.extend(name.bytes());
            out.extend(b"=\"");
            put_escaped(value, out);
            out.push(b'"');
        }
        if self.text.is_none() && self.children.is_empty() {
            out.extend(b"/>");
            return;
        }
        out.push(b'>');
        put_escaped(self.text.unwrap_or_default(), out);
        for child in &self.children {
            child.put_xml(out);
        }
        out.extend(b"</");
        out.extend(self.name.bytes());
        out.push(b'>');
    }

    /// The JSON form of the document of which this is the root.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut root = Map::new();
        root.insert(self.name.to_owned(), self.value());
        Value::Object(root).to_string().into_bytes()
    }

    fn value(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.attributes {
            object.insert(format!("@{name}"), Value::from(value.as_str()));
        }
        if let Some(text) = self.text {
            object.insert("value".to_owned(), Value::from(text));
        }
        for child in &self.children {
            let value = child.value();
            if UNIQUE.contains(&child.name) {
                object.insert(child.name.to_owned(), value);
            } else if let Value::Array(all) =
                object.entry(child.name).or_insert_with(|| Value::Array(Vec::new()))
            {
                all.push(value);
            }
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_tell_the_same() {
        let tree = Node::new("application").holding([Node::new("resources")
            .with("base", "http://h/a&b")
            .holding([
                Node::new("resource").with("path", "a"),
                Node::new("resource").with("path", "b").said("words"),
            ])]);
        assert_eq!(
            String::from_utf8(tree.to_xml()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<application><resources base=\"http://h/a&amp;b\">\
             <resource path=\"a\"/><resource path=\"b\"><doc xml:lang=\"en\">words</doc></resource>\
             </resources></application>\n"
        );
        let json: Value = serde_json::from_slice(&tree.to_json()).unwrap();
        let doc = serde_json::json!([{ "@xml:lang": "en", "value": "words" }]);
        let resource = serde_json::json!([{ "@path": "a" }, { "@path": "b", "doc": doc }]);
        let resources = serde_json::json!({ "@base": "http://h/a&b", "resource": resource });
        assert_eq!(json, serde_json::json!({ "application": { "resources": resources } }));
    }
}
