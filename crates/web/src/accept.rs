//! Which representation a caller gets (PS3.18 §8.7.5 to §8.7.8): what the resource offers held against the Accept
//! query parameter and the Accept header. Pure.
//!
//! What is malformed or unknown is passed over. A more specific entry decides over a wider one, then `q`, then
//! our own order. `*/*` means the resource's default. Nothing left: 406.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use causeway_core::Uid;

use crate::config::MissingAccept;
use crate::media::{MediaType, takes_in};
use crate::percent;
use crate::problem::Problem;

/// A representation that a resource has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// `multipart/related` or the media type itself.
    pub(crate) essence: &'static str,
    /// Media type of the parts, for `multipart/related`.
    pub(crate) root: Option<&'static str>,
}

const fn alone(essence: &'static str) -> Offer {
    Offer { essence, root: None }
}

const fn in_parts(root: &'static str) -> Offer {
    Offer { essence: "multipart/related", root: Some(root) }
}

/// DICOM JSON (PS3.18 Annex F).
pub(crate) const DICOM_JSON: Offer = alone("application/dicom+json");
/// The same under the name that plain JSON clients ask for.
pub(crate) const JSON: Offer = alone("application/json");
/// The Native DICOM Model, one part for each data set (PS3.19 §A.1, PS3.18 §8.7.3.2).
pub(crate) const XML: Offer = in_parts("application/dicom+xml");
/// The same of a single data set, by itself.
pub(crate) const XML_ALONE: Offer = alone("application/dicom+xml");
/// DICOM JSON as the one part (PS3.18 §8.7.3.2).
pub(crate) const JSON_IN_A_PART: Offer = in_parts("application/dicom+json");
/// Files, one part each (PS3.18 §10.4.4).
pub(crate) const FILES: Offer = in_parts("application/dicom");
/// One file, for a single instance only.
pub(crate) const FILE: Offer = alone("application/dicom");
/// Files, as one archive.
pub(crate) const ZIP: Offer = alone("application/zip");

/// The answer to a search, and metadata (PS3.18 §10.4.4, §10.6.4).
pub(crate) const FOR_DATA_SETS: &[Offer] = &[DICOM_JSON, JSON, XML];
/// The answer to a store request (PS3.18 §10.5.4).
pub(crate) const FOR_REPORT: &[Offer] = &[DICOM_JSON, JSON, XML, XML_ALONE];
/// The result of a storage commitment (PS3.18 §13.1.3).
pub(crate) const FOR_COMMITMENT: &[Offer] = &[DICOM_JSON, JSON, XML_ALONE, XML, JSON_IN_A_PART];
/// Instances of a study or a series.
pub(crate) const FOR_INSTANCES: &[Offer] = &[FILES, ZIP, OCTETS_IN_PARTS];
/// One instance.
pub(crate) const FOR_INSTANCE: &[Offer] = &[FILES, FILE, ZIP, OCTETS_IN_PARTS];
/// Bytes of bulk data or of frames, one part each (PS3.18 §8.7.3.3).
pub(crate) const OCTETS_IN_PARTS: Offer = in_parts("application/octet-stream");
/// The same of a single value or frame, by itself.
pub(crate) const OCTETS: Offer = alone("application/octet-stream");
/// Frames and bulk data, whatever the instance is stored in. Coded frames have media types beside these, which depend on
/// the instance.
pub(crate) const FOR_BULK: &[Offer] = &[OCTETS_IN_PARTS, OCTETS];
/// The same of all that is below a study, a series or an instance: single parts are for single items (PS3.18 §10.4.4).
pub(crate) const FOR_ALL_BULK: &[Offer] = &[OCTETS_IN_PARTS];
/// A picture that stands for what the path names, the default first (PS3.18 §10.4.1.1.4).
pub(crate) const FOR_THUMBNAIL: &[Offer] = &[alone("image/jpeg"), alone("image/png"), alone("image/gif")];
/// Pictures, one part each (PS3.18 §8.7.4).
pub(crate) const FOR_PICTURES: &[Offer] =
    &[in_parts("image/jpeg"), in_parts("image/png"), in_parts("image/gif")];
/// Exactly one picture: by itself, or as the one part.
pub(crate) const FOR_PICTURE: &[Offer] = &[
    alone("image/jpeg"),
    alone("image/png"),
    alone("image/gif"),
    in_parts("image/jpeg"),
    in_parts("image/png"),
    in_parts("image/gif"),
];
/// Several frames of one instance: one part each, or together as one that moves.
pub(crate) const FOR_FRAMES: &[Offer] =
    &[in_parts("image/jpeg"), in_parts("image/png"), in_parts("image/gif"), alone("image/gif")];
/// What the URI service has, whatever the instance is: rendered by default, or the file (PS3.18 §9.3).
pub(crate) const EITHER: &[Offer] = &[
    alone("image/jpeg"),
    alone("image/png"),
    alone("image/gif"),
    alone("text/html"),
    alone("text/plain"),
    alone("text/xml"),
    alone("application/pdf"),
    FILE,
];
/// A capabilities description (PS3.18 §8.9.4).
pub(crate) const FOR_CAPABILITIES: &[Offer] = &[WADL, JSON];
/// Web Application Description Language.
pub(crate) const WADL: Offer = alone("application/vnd.sun.wadl+xml");

/// A transfer syntax that the caller takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// None was named: Explicit VR Little Endian, or what PS3.18 §8.7.3.4 lets stand in its place.
    Unsaid,
    /// `*`: whatever is stored.
    Any,
    /// This one.
    Exactly(Uid),
}

/// A transfer syntax and how much the caller likes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) syntax: Syntax,
    /// Thousandths.
    pub(crate) q: u16,
}

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selected {
    /// The representation.
    pub(crate) offer: Offer,
    /// Transfer syntaxes that will do, best first.
    pub(crate) wishes: Vec<Wish>,
}

/// Largest `q`.
const FULL: u16 = 1000;

/// Chooses among `offers`, the first of which is the resource's default.
pub(crate) fn select(
    offers: &[Offer],
    headers: &HeaderMap,
    query: Option<&str>,
    missing: MissingAccept,
) -> Result<Selected, Problem> {
    let asked = query.and_then(accept_parameter).map(percent::decode).transpose();
    let asked = asked
        .map_err(|error| Problem::bad_request(format!("the accept parameter cannot be read: {error}")))?;
    select_named(offers, headers, asked.as_deref(), missing)
}

/// Chooses among `offers` by the list of a query parameter, and by the header where nothing in that list will do.
pub(crate) fn select_named(
    offers: &[Offer],
    headers: &HeaderMap,
    named: Option<&str>,
    missing: MissingAccept,
) -> Result<Selected, Problem> {
    if let Some(named) = named {
        let ranges: Vec<Range> =
            Range::list(named).filter(|range| !range.media.essence.contains('*')).collect();
        refuse_mixture(&ranges)?;
        if let Some(selected) = choose(offers, &ranges) {
            return Ok(selected);
        }
    }
    let mut lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).peekable();
    let default = offers.first().copied();
    // Nearly every caller names the one type it wants, and nothing else.
    if let (Some(line), Some(offer)) = (lines.peek(), default)
        && *line == offer.essence
        && headers.get_all(ACCEPT).iter().count() == 1
    {
        return Ok(Selected { offer, wishes: vec![Wish { syntax: Syntax::Unsaid, q: FULL }] });
    }
    let ranges: Vec<Range> = lines.flat_map(Range::list).collect();
    let silent = headers.get_all(ACCEPT).iter().all(|line| line.as_bytes().trim_ascii().is_empty());
    match (silent, missing, default) {
        (true, MissingAccept::Default, Some(offer)) => {
            Ok(Selected { offer, wishes: vec![Wish { syntax: Syntax::Unsaid, q: FULL }] })
        }
        (true, _, _) => Err(Problem::not_acceptable("an Accept header is needed (PS3.18 §8.7.5)")),
        (false, _, _) => {
            refuse_mixture(&ranges)?;
            choose(offers, &ranges).ok_or_else(|| not_acceptable(offers))
        }
    }
}

fn not_acceptable(offers: &[Offer]) -> Problem {
    let names: Vec<String> = offers.iter().map(Offer::name).collect();
    Problem::not_acceptable(format!("this resource can be had as {}", names.join(" or ")))
}

impl Offer {
    /// How the offer is written in a header.
    pub(crate) fn name(&self) -> String {
        match self.root {
            Some(root) => format!("{}; type=\"{root}\"", self.essence),
            None => self.essence.to_owned(),
        }
    }
}

/// The raw value of the `accept` query parameter (PS3.18 §8.3.3.1).
fn accept_parameter(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("accept="))
}

/// An entry of an Accept list.
struct Range {
    media: MediaType,
    wish: Wish,
}

impl Range {
    fn list(text: &str) -> impl Iterator<Item = Self> {
        MediaType::list(text).filter_map(Self::of)
    }

    /// `None` where the weight or the transfer syntax makes no sense.
    fn of(media: MediaType) -> Option<Self> {
        let q = match media.parameter("q") {
            Some(text) => weight(text)?,
            None => FULL,
        };
        let syntax = match media.parameter("transfer-syntax") {
            None => Syntax::Unsaid,
            Some("*") => Syntax::Any,
            Some(text) => Syntax::Exactly(Uid::parse(text).ok()?),
        };
        Some(Self { media, wish: Wish { syntax, q } })
    }

    /// Whether this takes in `offer`, and how narrowly.
    fn takes_in(&self, offer: &Offer, is_default: IsDefault) -> Option<u8> {
        let narrow = takes_in(&self.media.essence, offer.essence)?;
        if narrow == 0 && is_default == IsDefault::No {
            return None;
        }
        match (self.media.parameter("type"), offer.root) {
            (Some(range), Some(root)) => {
                let inner = takes_in(&range.to_ascii_lowercase(), root)?;
                Some(narrow + 1 + inner)
            }
            (Some(_), None) => None,
            (None, _) => Some(narrow),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsDefault {
    Yes,
    No,
}

/// A weight in thousandths (RFC 9110 §12.4.2).
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(FULL),
        _ => None,
    }
}

fn choose(offers: &[Offer], ranges: &[Range]) -> Option<Selected> {
    let mut best: Option<(u16, Selected)> = None;
    for (index, offer) in offers.iter().enumerate() {
        let is_default = if index == 0 { IsDefault::Yes } else { IsDefault::No };
        let Some((q, wishes)) = wishes(offer, ranges, is_default) else { continue };
        if best.as_ref().is_none_or(|(other, _)| q > *other) {
            best = Some((q, Selected { offer: *offer, wishes }));
        }
    }
    best.map(|(_, selected)| selected)
}

/// How much the caller likes `offer`: the weight of the narrowest entries that take it in; and the transfer
/// syntaxes of all that do, best first.
fn wishes(offer: &Offer, ranges: &[Range], is_default: IsDefault) -> Option<(u16, Vec<Wish>)> {
    let mut matching: Vec<(u8, &Wish)> =
        ranges.iter().filter_map(|range| Some((range.takes_in(offer, is_default)?, &range.wish))).collect();
    matching.sort_by_key(|(narrow, wish)| (std::cmp::Reverse(*narrow), std::cmp::Reverse(wish.q)));
    let (_, first) = matching.first()?;
    let q = first.q;
    let mut wishes: Vec<Wish> = Vec::new();
    for (_, wish) in matching {
        if wish.q > 0 && wishes.iter().all(|other| other.syntax != wish.syntax) {
            wishes.push(wish.clone());
        }
    }
    wishes.sort_by_key(|wish| std::cmp::Reverse(wish.q));
    (q > 0).then_some((q, wishes))
}

/// DICOM and rendered media types in one list are an error (PS3.18 §8.7.5). Types that are both, such as
/// `image/jpeg`, and types that are neither count for nothing here.
fn refuse_mixture(ranges: &[Range]) -> Result<(), Problem> {
    let is_dicom = |essence: &str| {
        essence.starts_with("application/dicom")
            || essence == "application/octet-stream"
            || essence == "multipart/related"
    };
    let is_rendered = |essence: &str| {
        matches!(
            essence,
            "text/html"
                | "text/plain"
                | "text/xml"
                | "text/rtf"
                | "application/pdf"
                | "image/gif"
                | "image/png"
                | "image/webp"
        )
    };
    let any = |is: &dyn Fn(&str) -> bool| ranges.iter().any(|range| is(&range.media.essence));
    if any(&is_dicom) && any(&is_rendered) {
        return Err(Problem::bad_request(
            "DICOM and rendered media types cannot be asked for in one request (PS3.18 §8.7.5)",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, StatusCode};
    use proptest::prelude::*;

    const FOR_SEARCH: &[Offer] = FOR_DATA_SETS;

    fn ask(offers: &[Offer], accept: &str) -> Result<Selected, StatusCode> {
        let headers = [(ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        select(offers, &headers, None, MissingAccept::Default).map_err(|problem| problem.status())
    }

    fn offer(offers: &[Offer], accept: &str) -> Result<Offer, StatusCode> {
        ask(offers, accept).map(|selected| selected.offer)
    }

    #[test]
    fn a_missing_header_gets_the_default_or_406_as_set() {
        let none = HeaderMap::new();
        assert_eq!(select(FOR_SEARCH, &none, None, MissingAccept::Default).unwrap().offer, DICOM_JSON);
        let refused = select(FOR_SEARCH, &none, None, MissingAccept::Refuse).unwrap_err();
        assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
        assert_eq!(offer(FOR_SEARCH, ""), Ok(DICOM_JSON));
    }

    #[test]
    fn a_star_means_the_default_of_the_resource() {
        assert_eq!(offer(FOR_INSTANCE, "*/*"), Ok(FILES));
        assert_eq!(offer(FOR_SEARCH, "*/*"), Ok(DICOM_JSON));
        assert_eq!(offer(FOR_SEARCH, "application/*"), Ok(DICOM_JSON));
        assert_eq!(offer(FOR_INSTANCE, "multipart/*"), Ok(FILES));
        assert_eq!(offer(FOR_INSTANCE, "multipart/related"), Ok(FILES));
    }

    #[test]
    fn what_is_unknown_or_malformed_is_passed_over() {
        assert_eq!(offer(FOR_SEARCH, "nonsense, foo/bar, application/dicom+json;q=0.1"), Ok(DICOM_JSON));
        assert_eq!(offer(FOR_SEARCH, "application/dicom+json; q=2, application/json"), Ok(JSON));
        assert_eq!(offer(FOR_SEARCH, "foo/bar"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(offer(FOR_SEARCH, "nonsense"), Err(StatusCode::NOT_ACCEPTABLE));
    }

    #[test]
    fn the_weight_decides_and_our_order_breaks_a_tie() {
        assert_eq!(offer(FOR_SEARCH, "application/dicom+json;q=0.4, application/json;q=0.5"), Ok(JSON));
        assert_eq!(offer(FOR_SEARCH, "application/json, application/dicom+json"), Ok(DICOM_JSON));
        assert_eq!(offer(FOR_SEARCH, "application/dicom+json;q=0"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(offer(FOR_SEARCH, "application/dicom+json;q=0, */*"), Err(StatusCode::NOT_ACCEPTABLE));
    }

    #[test]
    fn a_search_answers_json_when_octets_are_asked_for_beside_it() {
        let accept = "application/dicom+json, multipart/related; type=\"application/octet-stream\"";
        assert_eq!(offer(FOR_SEARCH, accept), Ok(DICOM_JSON));
        assert_eq!(offer(FOR_SEARCH, "application/json, text/plain, */*"), Ok(DICOM_JSON));
    }

    #[test]
    fn xml_is_given_to_who_asks_for_it() {
        assert_eq!(offer(FOR_SEARCH, "multipart/related; type=\"application/dicom+xml\""), Ok(XML));
        assert_eq!(
            offer(FOR_SEARCH, "multipart/related; type=application/dicom+xml;q=0.5, */*;q=0.1"),
            Ok(XML)
        );
        assert_eq!(
            offer(FOR_SEARCH, "multipart/related; type=\"application/dicom+xml\", */*"),
            Ok(DICOM_JSON)
        );
        assert_eq!(offer(FOR_SEARCH, "application/dicom+xml"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(offer(FOR_REPORT, "application/dicom+xml"), Ok(XML_ALONE));
        assert_eq!(offer(FOR_CAPABILITIES, "application/json"), Ok(JSON));
        assert_eq!(offer(FOR_CAPABILITIES, "*/*"), Ok(WADL));
    }

    #[test]
    fn dicom_and_rendered_types_in_one_list_are_an_error() {
        assert_eq!(offer(FOR_INSTANCE, "application/dicom, image/png"), Err(StatusCode::BAD_REQUEST));
        assert_eq!(offer(FOR_INSTANCE, "text/html, */*;q=0.8"), Ok(FILES));
    }

    #[test]
    fn a_single_file_is_offered_only_where_the_resource_is_one() {
        assert_eq!(offer(FOR_INSTANCE, "application/dicom"), Ok(FILE));
        assert_eq!(offer(&[FILES], "application/dicom"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(offer(FOR_INSTANCE, "multipart/related; type=application/dicom"), Ok(FILES));
        assert_eq!(
            offer(FOR_INSTANCE, "multipart/related; type=\"application/dicom+xml\""),
            Err(StatusCode::NOT_ACCEPTABLE)
        );
    }

    #[test]
    fn transfer_syntaxes_come_best_first() {
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.4.57; q=0.5, \
                      multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.4.50, \
                      */*; q=0.1";
        let selected = ask(FOR_INSTANCE, accept).unwrap();
        assert_eq!(selected.offer, FILES);
        let exactly = |uid: &str| Syntax::Exactly(Uid::parse(uid).unwrap());
        assert_eq!(
            selected.wishes,
            [
                Wish { syntax: exactly("1.2.840.10008.1.2.4.50"), q: 1000 },
                Wish { syntax: exactly("1.2.840.10008.1.2.4.57"), q: 500 },
                Wish { syntax: Syntax::Unsaid, q: 100 },
            ]
        );
        let any = ask(FOR_INSTANCE, "application/dicom; transfer-syntax=*").unwrap();
        assert_eq!(any.wishes, [Wish { syntax: Syntax::Any, q: 1000 }]);
    }

    #[test]
    fn the_query_parameter_decides_over_the_header_when_it_is_supported() {
        let headers: HeaderMap = [(ACCEPT, HeaderValue::from_static("*/*"))].into_iter().collect();
        let ask = |query| select(FOR_INSTANCE, &headers, Some(query), MissingAccept::Refuse);
        assert_eq!(ask("accept=application/dicom%3Btransfer-syntax%3D*").unwrap().offer, FILE);
        assert_eq!(ask("accept=foo/bar").unwrap().offer, FILES);
        assert_eq!(ask("x=1&accept=application%2Fdicom").unwrap().offer, FILE);
        assert_eq!(ask("accept=%zz").unwrap_err().status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn weights_have_at_most_three_digits_and_end_at_one() {
        for (text, wanted) in [
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0", Some(0)),
            ("0.5", Some(500)),
            ("0.001", Some(1)),
            ("1.001", None),
            ("0.0001", None),
            ("2", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(weight(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_answered_without_panic(accept in "[ -~]{0,100}") {
            let _ = offer(FOR_INSTANCE, &accept);
        }

        #[test]
        fn whatever_else_is_asked_for_a_named_default_is_given(noise in "[a-z]{1,5}/[a-z]{1,5}") {
            let accept = format!("x-{noise}, application/dicom+json");
            prop_assert_eq!(offer(FOR_SEARCH, &accept), Ok(DICOM_JSON));
        }
    }
}
