//! What a condition can ask for: the kept attributes of an instance by keyword, and how the instance came.
//!
//! Each has one type. A text that is absent is empty, a list that is absent has no values, a number that is absent
//! has no value at all: a comparison with it does not hold.

use std::borrow::Cow;
use std::sync::LazyLock;

use causeway_core::query::levels::KEPT;
use causeway_core::{Door, Element, InstanceRecord, Tag, Vr, sop_class};
use causeway_dataset::dictionary;
use cel::common::types::{CelDouble, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use super::check::Type;

/// Most values of one attribute that a condition sees.
pub(super) const MAX_VALUES: usize = 64;

/// Kept attributes of more than one value (PS3.6, column VM): a condition sees them as lists.
const LISTS: &[Tag] = &[
    Tag::new(0x0008, 0x0008), // Image Type
    Tag::PHYSICIANS_OF_RECORD,
    Tag::PERFORMING_PHYSICIAN_NAME,
    Tag::NAME_OF_PHYSICIANS_READING_STUDY,
    Tag::new(0x0008, 0x1070), // Operators' Name
    Tag::new(0x0008, 0x1080), // Admitting Diagnoses Description
    Tag::new(0x0010, 0x1001), // Other Patient Names
];

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first value of an attribute, as text.
    Text(Tag),
    /// The first value of an attribute, as a whole number.
    Int(Tag),
    /// The first value of an attribute, as a number.
    Real(Tag),
    /// All values of an attribute.
    List(Tag),
    /// Something else that is known of the instance, as text.
    Known(Known),
}

/// What is known of an instance beside its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// AE title of the sender.
    CallingAe,
    /// Name of the remote that sent it.
    Remote,
    /// Address it came from.
    SourceAddress,
    /// `dimse`, `web` or `local`.
    Door,
    /// Transfer Syntax UID of the stored bytes.
    TransferSyntax,
    /// SOP Class UID.
    SopClass,
    /// Name of the SOP class in PS3.6.
    SopClassName,
}

impl Kind {
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int(_) | Self::Real(_))
    }
}

/// A name that a condition can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name: a keyword of PS3.6, or one of ours in lower case.
    pub name: &'static str,
    /// What it stands for.
    pub kind: Kind,
    /// What it is.
    pub description: &'static str,
}

impl Variable {
    /// Its type.
    #[must_use]
    pub fn value_type(&self) -> Type {
        match self.kind {
            Kind::Text(_) | Kind::Known(_) => Type::Text,
            Kind::Int(_) => Type::Int,
            Kind::Real(_) => Type::Real,
            Kind::List(_) => Type::List(Box::new(Type::Text), MAX_VALUES),
        }
    }

    /// Whether the instance has a value for it that can be used.
    pub(super) fn is_in(&self, record: &InstanceRecord) -> bool {
        match self.kind {
            Kind::Int(tag) => integer(record, tag).is_some(),
            Kind::Real(tag) => real(record, tag).is_some(),
            Kind::Text(_) | Kind::List(_) | Kind::Known(_) => true,
        }
    }
}

const OWN: &[Variable] = &[
    own("calling_ae", Known::CallingAe, "AE title of the sender; empty over the web"),
    own("remote", Known::Remote, "name of the remote that sent it; empty when none is registered"),
    own("source_address", Known::SourceAddress, "IP address that it came from"),
    own("door", Known::Door, "'dimse', 'web', 'link' or 'local'"),
    own("transfer_syntax", Known::TransferSyntax, "Transfer Syntax UID of the stored bytes"),
    own("sop_class", Known::SopClass, "SOP Class UID"),
    own("sop_class_name", Known::SopClassName, "name of the SOP class, such as 'CT Image Storage'"),
];

const fn own(name: &'static str, known: Known, description: &'static str) -> Variable {
    Variable { name, kind: Kind::Known(known), description }
}

static ALL: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let attributes = KEPT.iter().filter_map(|kept| {
        let kind = match kept.vr {
            Vr::SQ => return None,
            _ if LISTS.contains(&kept.tag) => Kind::List(kept.tag),
            Vr::IS | Vr::US => Kind::Int(kept.tag),
            Vr::DS => Kind::Real(kept.tag),
            _ => Kind::Text(kept.tag),
        };
        Some(Variable { name: dictionary::keyword_of(kept.tag)?, kind, description: "attribute of PS3.6" })
    });
    let mut all: Vec<Variable> = OWN.iter().copied().chain(attributes).collect();
    all.sort_by_key(|variable| variable.name);
    all
});

/// Every name that a condition can use, in alphabetical order.
#[must_use]
pub fn variables() -> &'static [Variable] {
    &ALL
}

/// The variable of that name.
pub(super) fn find(name: &str) -> Option<&'static Variable> {
    let index = ALL.binary_search_by(|variable| variable.name.cmp(name)).ok()?;
    ALL.get(index)
}

/// Whether `name` is an attribute that is kept as a sequence, which a condition cannot ask for.
pub(super) fn is_sequence(name: &str) -> bool {
    KEPT.iter().any(|kept| kept.vr == Vr::SQ && dictionary::keyword_of(kept.tag) == Some(name))
}

fn first(record: &InstanceRecord, tag: Tag) -> Option<&str> {
    record.attributes.first(tag).map(str::trim)
}

fn integer(record: &InstanceRecord, tag: Tag) -> Option<i64> {
    first(record, tag)?.parse().ok()
}

fn real(record: &InstanceRecord, tag: Tag) -> Option<f64> {
    first(record, tag)?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// An instance whose variables are read when a condition asks for them.
pub(super) struct Bound<'a>(pub(super) &'a InstanceRecord);

impl Bound<'_> {
    fn known(&self, known: Known) -> Cow<'_, str> {
        let Self(record) = self;
        let envelope = &record.envelope;
        match known {
            Known::CallingAe => envelope.calling_ae.as_ref().map_or("", |ae| ae.as_str()).into(),
            Known::Remote => envelope.remote.as_ref().map_or("", |name| name.as_str()).into(),
            Known::SourceAddress => envelope
                .source_address
                .map(|address| address.to_canonical().to_string())
                .unwrap_or_default()
                .into(),
            Known::Door => match envelope.door {
                Door::Dimse => "dimse",
                Door::Web => "web",
                Door::Link => "link",
                Door::Local => "local",
            }
            .into(),
            Known::TransferSyntax => record.transfer_syntax.as_str().into(),
            Known::SopClass => record.sop_class.as_str().into(),
            Known::SopClassName => sop_class::name(&record.sop_class).unwrap_or_default().into(),
        }
    }
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let Self(record) = self;
        let variable = find(name)?;
        Some(match variable.kind {
            Kind::Text(tag) => text(record.attributes.first(tag).unwrap_or_default()),
            Kind::Int(tag) => CowVal::owned(CelInt::from(integer(record, tag)?)),
            Kind::Real(tag) => CowVal::owned(CelDouble::from(real(record, tag)?)),
            Kind::List(tag) => {
                let values = record.attributes.get(tag).map(Element::values).unwrap_or_default();
                let values = values.iter().take(MAX_VALUES);
                let list: Vec<Box<dyn Val + 'b>> = values
                    .map(|value| Box::new(CelString::from(value.as_str())) as Box<dyn Val + 'b>)
                    .collect();
                CowVal::owned(CelList::from(list))
            }
            Kind::Known(known) => match self.known(known) {
                Cow::Borrowed(value) => text(value),
                Cow::Owned(value) => CowVal::owned(CelString::from(value)),
            },
        })
    }
}

fn text<'b>(value: &'b str) -> CowVal<'b, 'b> {
    CowVal::owned(CelString::from(value))
}
