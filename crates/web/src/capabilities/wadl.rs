//! The table of resources as a WADL document (PS3.18 Annex H, §B.26). Pure.

use causeway_core::query::levels::{COMPUTED, KEPT, Kept};
use causeway_core::{Level, Vr};
use causeway_dataset::dictionary;

use super::about::{About, Parameter, Parameters, Resource};
use super::node::Node;
use crate::accept::Offer;

const WADL_NAMESPACE: &str = "http://wadl.dev.java.net/2009/02";
const SCHEMA_NAMESPACE: &str = "http://www.w3.org/2001/XMLSchema";

/// How answers are chosen (PS3.18 §8.3.3).
const CHARSET: Parameter = Parameter {
    name: "charset",
    kind: "xs:string",
    options: &["UTF-8"],
    words: "character set of the answer; others are ignored",
};
const SWITCH: &[&str] = &["true", "false"];
/// What a search takes beside attributes (PS3.18 Table 8.3.4-1).
const OF_A_SEARCH: &[Parameter] = &[
    Parameter { name: "limit", kind: "xs:int", options: &[], words: "most results of the answer" },
    Parameter { name: "offset", kind: "xs:int", options: &[], words: "results to pass over" },
    Parameter {
        name: "includefield",
        kind: "xs:string",
        options: &["all"],
        words: "attributes to show, by keyword or tag",
    },
    Parameter {
        name: "fuzzymatching",
        kind: "xs:boolean",
        options: SWITCH,
        words: "names match by the beginnings of their words",
    },
    Parameter {
        name: "emptyvaluematching",
        kind: "xs:boolean",
        options: SWITCH,
        words: "a quoted empty value matches attributes without a value",
    },
    Parameter {
        name: "multiplevaluematching",
        kind: "xs:boolean",
        options: SWITCH,
        words: "each of several values must match",
    },
];

/// Describes the resource at `path` and all below it.
pub(super) fn describe(resources: &[Resource], path: &str, base: &str) -> Node {
    let mut root = Branch::default();
    for resource in resources {
        let below = resource.path.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(below) = below {
            root.insert(below, &resource.methods);
        }
    }
    let all = Node::new("resources").with("base", base);
    let all = if path.is_empty() {
        all.holding(root.children.iter().map(Branch::node))
    } else {
        root.segment = path.trim_start_matches('/');
        all.holding([root.node()])
    };
    Node::new("application").with("xmlns", WADL_NAMESPACE).with("xmlns:xs", SCHEMA_NAMESPACE).holding([all])
}

/// A resource with those below it.
#[derive(Default)]
struct Branch<'a> {
    segment: &'a str,
    methods: &'a [About],
    children: Vec<Branch<'a>>,
}

impl<'a> Branch<'a> {
    /// Goes as deep as `path` has segments.
    fn insert(&mut self, path: &'a str, methods: &'a [About]) {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            self.methods = methods;
            return;
        }
        let (segment, rest) = path.split_once('/').unwrap_or((path, ""));
        if let Some(known) = self.children.iter_mut().find(|child| child.segment == segment) {
            return known.insert(rest, methods);
        }
        let mut child = Self { segment, ..Self::default() };
        child.insert(rest, methods);
        self.children.push(child);
    }

    fn node(&self) -> Node {
        let parts = self.segment.split('/');
        let names = parts.filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
        let template = |name: &str| {
            Node::new("param").with("name", name).with("style", "template").with("type", "xs:string")
        };
        Node::new("resource")
            .with("path", self.segment)
            .holding(names.map(template))
            .holding(self.methods.iter().map(method))
            .holding(self.children.iter().map(Self::node))
    }
}

fn method(about: &About) -> Node {
    let [good, bad] = about.statuses;
    let request = Node::new("request")
        .holding(header(about.offers))
        .holding(query(about))
        .holding(about.takes.iter().map(|media| representation((*media).to_owned())));
    Node::new("method").with("name", about.verb.as_str()).with("id", about.id).holding([
        request,
        Node::new("response")
            .with("status", good)
            .holding(about.offers.iter().map(|offer| representation(offer.name()))),
        Node::new("response")
            .with("status", bad)
            .holding([representation("application/problem+json".to_owned())]),
    ])
}

fn representation(media: String) -> Node {
    Node::new("representation").with("mediaType", media)
}

/// The Accept header.
fn header(offers: &[Offer]) -> Option<Node> {
    let default = offers.first()?.name();
    Some(accept(offers).with("style", "header").with("default", default).with("name", "Accept"))
}

fn accept(offers: &[Offer]) -> Node {
    Node::new("param").holding(offers.iter().map(|offer| Node::new("option").with("value", offer.name())))
}

fn query(about: &About) -> Vec<Node> {
    if about.query == Parameters::Nothing {
        return Vec::new();
    }
    let negotiation =
        [accept(about.offers).with("style", "query").with("name", "accept"), parameter(&CHARSET)];
    let mut all = Vec::from(negotiation);
    match about.query {
        Parameters::Nothing => {}
        Parameters::Named(named) => all.extend(named.iter().map(parameter)),
        Parameters::Search(level) => {
            all.extend(OF_A_SEARCH.iter().map(parameter));
            all.extend(matched(level).flat_map(attribute));
        }
    }
    all
}

fn parameter(parameter: &Parameter) -> Node {
    let options = parameter.options.iter().map(|option| Node::new("option").with("value", *option));
    let node = Node::new("param")
        .with("name", parameter.name)
        .with("style", "query")
        .with("type", parameter.kind)
        .said(parameter.words)
        .holding(options);
    if parameter.name == "includefield" { node.with("repeating", "true") } else { node }
}

/// The attributes that a search at `level` matches.
fn matched(level: Level) -> impl Iterator<Item = &'static Kept> {
    KEPT.iter().chain(COMPUTED).filter(move |kept| kept.level <= level)
}

/// An attribute is named by keyword or by tag; those of items by the path that leads to them.
fn attribute(kept: &Kept) -> Vec<Node> {
    let names = dictionary::keyword_of(kept.tag).map(str::to_owned).into_iter().chain([kept.tag.to_hex()]);
    let one = |name: String| {
        let node = Node::new("param").with("name", name).with("style", "query").with("type", "xs:string");
        match kept.vr {
            Vr::UI => node.with("repeating", "true"),
            Vr::SQ => node.said("a sequence: attributes of its items are named behind a dot"),
            _ => node,
        }
    };
    names.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::FOR_INSTANCE;
    use crate::capabilities::about::{described, remove, retrieve, row, search};
    use crate::problem::no_such_resource;

    fn told(path: &str) -> serde_json::Value {
        let table = [
            row("", []),
            row("/studies", [search("Search", Level::Study, no_such_resource)]),
            row(
                "/studies/{study}",
                [retrieve("Get", FOR_INSTANCE, no_such_resource), remove("Delete", no_such_resource)],
            ),
            row("/studiesandmore", [search("Other", Level::Study, no_such_resource)]),
        ];
        let document = describe(&described(&table), path, "http://h/dicom-web");
        let json: serde_json::Value = serde_json::from_slice(&document.to_json()).unwrap();
        json["application"]["resources"].clone()
    }

    #[test]
    fn the_base_tells_all_resources_each_below_its_parent() {
        let all = told("");
        assert_eq!(all["@base"], "http://h/dicom-web");
        assert_eq!(all["resource"][0]["@path"], "studies");
        assert_eq!(all["resource"][0]["resource"][0]["@path"], "{study}");
        assert_eq!(all["resource"][0]["resource"][0]["param"][0]["@name"], "study");
        assert_eq!(all["resource"][1]["@path"], "studiesandmore");
    }

    #[test]
    fn a_resource_tells_itself_and_what_is_below_it() {
        let studies = told("/studies");
        assert_eq!(studies["resource"].as_array().unwrap().len(), 1);
        assert_eq!(studies["resource"][0]["resource"][0]["@path"], "{study}");
        let study = told("/studies/{study}");
        assert_eq!(study["resource"][0]["@path"], "studies/{study}");
        let methods = study["resource"][0]["method"].as_array().unwrap();
        let names: Vec<_> = methods.iter().map(|method| method["@name"].as_str().unwrap()).collect();
        assert_eq!(names, ["GET", "DELETE"]);
        assert_eq!(methods[1]["request"], serde_json::json!({}));
    }

    #[test]
    fn a_search_tells_the_keys_of_its_level_by_keyword_and_by_tag() {
        let studies = told("/studies");
        let params = studies["resource"][0]["method"][0]["request"]["param"].as_array().unwrap().clone();
        let named = |name: &str| params.iter().find(|param| param["@name"] == name);
        for name in ["Accept", "accept", "charset", "limit", "includefield", "PatientName", "00100010"] {
            assert!(named(name).is_some(), "{name}");
        }
        assert_eq!(named("StudyInstanceUID").unwrap()["@repeating"], "true");
        assert!(named("Modality").is_none() && named("SOPInstanceUID").is_none());
    }
}
