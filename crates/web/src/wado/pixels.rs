//! In which media type and transfer syntax frames go out (PS3.18 §8.7.3.3, Table 8.7.3-4, Table 8.7.3-5, §8.7.8). Pure.
//!
//! Samples in little endian are the default; coded frames go out as they are stored, and are never coded anew. Who asks
//! for `application/octet-stream` with `transfer-syntax=*`, or with the stored one, gets coded frames under that name.
//! Who takes anything gets samples, or where they cannot be made, what is stored.

use axum::http::HeaderMap;
use causeway_core::Uid;
use causeway_core::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Plain};

use crate::accept::{self, Offer, Syntax, Wish};
use crate::config::MissingAccept;
use crate::problem::Problem;

/// Media type of samples, and of anything.
pub(super) const OCTETS: &str = "application/octet-stream";
const MULTIPART: &str = "multipart/related";

/// Whether an answer may be one part by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alone {
    /// Nothing may.
    Never,
    /// Samples may, coded frames only among parts.
    Samples,
    /// Anything may.
    Always,
}

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Samples in little endian.
    Samples,
    /// Coded frames as they are stored.
    Coded,
}

/// How frames go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Media type of a frame.
    pub(super) media: &'static str,
    pub(super) transfer_syntax: Uid,
    pub(super) content: Content,
    pub(super) is_multipart: bool,
}

/// The media types of a coded frame; the first is the right one, the others are what it was called before.
fn media_types(transfer_syntax: &Uid) -> &'static [&'static str] {
    match transfer_syntax.as_str().strip_prefix("1.2.840.10008.1.2.").unwrap_or_default() {
        "4.50" | "4.51" | "4.57" | "4.70" => &["image/jpeg"],
        "5" => &["image/dicom-rle", "image/x-dicom-rle"],
        "4.80" | "4.81" => &["image/jls", "image/x-jls"],
        "4.90" | "4.91" => &["image/jp2"],
        "4.92" | "4.93" => &["image/jpx"],
        "4.201" | "4.202" | "4.203" => &["image/jphc"],
        "4.110" | "4.111" | "4.112" => &["image/jxl"],
        "4.100" | "4.100.1" | "4.101" | "4.101.1" => &["video/mpeg"],
        "4.102" | "4.102.1" | "4.103" | "4.103.1" | "4.104" | "4.104.1" | "4.105" | "4.105.1" | "4.106"
        | "4.106.1" => &["video/mp4"],
        "4.107" | "4.108" => &["video/h265"],
        _ => &[],
    }
}

/// The form of frames that are stored in `stored`.
pub(super) fn choose(
    stored: &Uid,
    alone: Alone,
    headers: &HeaderMap,
    query: Option<&str>,
    missing: MissingAccept,
) -> Result<Form, Problem> {
    let mut offers: Vec<Offer> = Vec::new();
    for essence in [OCTETS].iter().chain(media_types(stored)).copied() {
        offers.push(Offer { essence: MULTIPART, root: Some(essence) });
    }
    if alone != Alone::Never {
        offers.push(Offer { essence: OCTETS, root: None });
    }
    if alone == Alone::Always {
        offers.extend(media_types(stored).iter().map(|essence| Offer { essence, root: None }));
    }
    let mut refused = None;
    while !offers.is_empty() {
        match accept::select(&offers, headers, query, missing) {
            Ok(selected) => {
                if let Some(form) = form(stored, alone, selected.offer, &selected.wishes) {
                    return Ok(form);
                }
                offers.retain(|offer| *offer != selected.offer);
                refused = Some(Problem::not_acceptable(format!(
                    "the frames are stored in transfer syntax {stored}, and cannot be given in the one asked for; \
                     ask with transfer-syntax=*"
                )));
            }
            Err(problem) => return Err(refused.unwrap_or(problem)),
        }
    }
    Err(refused.unwrap_or_else(|| Problem::not_acceptable("there is no form to give this in")))
}

/// The form that `offer` becomes by the first of `wishes` (best first) that can be met.
fn form(stored: &Uid, alone: Alone, offer: Offer, wishes: &[Wish]) -> Option<Form> {
    let media = offer.root.unwrap_or(offer.essence);
    let is_multipart = offer.root.is_some();
    let coded = || Form { media, transfer_syntax: stored.clone(), content: Content::Coded, is_multipart };
    if media != OCTETS {
        let takes = |wish: &Wish| match &wish.syntax {
            Syntax::Unsaid | Syntax::Any => true,
            Syntax::Exactly(uid) => uid == stored,
        };
        return wishes.iter().any(takes).then(coded);
    }
    let plain = Plain::of(stored);
    let may_be_coded = plain != Some(Plain::ByLayout) && (is_multipart || alone == Alone::Always);
    let takes_coded = |wish: &Wish| match &wish.syntax {
        Syntax::Any => true,
        Syntax::Exactly(uid) => uid == stored,
        Syntax::Unsaid => false,
    };
    let takes_samples = |wish: &Wish| match &wish.syntax {
        Syntax::Any | Syntax::Unsaid => true,
        Syntax::Exactly(uid) => uid.as_str() == EXPLICIT_VR_LITTLE_ENDIAN,
    };
    wishes.chunk_by(|a, b| a.q == b.q).find_map(|equal| {
        if may_be_coded && equal.iter().any(takes_coded) {
            return Some(coded());
        }
        let is_made = plain.is_some() && equal.iter().any(takes_samples);
        let transfer_syntax = is_made.then(|| Uid::parse(EXPLICIT_VR_LITTLE_ENDIAN).ok()).flatten()?;
        Some(Form { media, transfer_syntax, content: Content::Samples, is_multipart })
    })
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT;
    use axum::http::{HeaderValue, StatusCode};
    use causeway_core::transfer_syntax::{
        ALL, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN,
    };

    use super::*;

    const JPEG: &str = "1.2.840.10008.1.2.4.50";
    const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
    const SPECTRAL: &str = "1.2.840.10008.1.2.4.53";
    const VIDEO: &str = "1.2.840.10008.1.2.4.102";

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn ask(stored: &str, alone: Alone, accept: &str) -> Result<Form, StatusCode> {
        let headers = [(ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
        choose(&uid(stored), alone, &headers, None, MissingAccept::Default)
            .map_err(|problem| problem.status())
    }

    /// Media type, transfer syntax, and whether it is multipart.
    fn given(stored: &str, accept: &str) -> Option<(&'static str, String, bool)> {
        let form = ask(stored, Alone::Always, accept).ok()?;
        Some((form.media, form.transfer_syntax.as_str().to_owned(), form.is_multipart))
    }

    fn of(media: &'static str, syntax: &str, is_multipart: bool) -> Option<(&'static str, String, bool)> {
        Some((media, syntax.to_owned(), is_multipart))
    }

    #[test]
    fn samples_are_the_default_whatever_is_stored() {
        for stored in
            [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, JPEG]
        {
            for accept in
                ["", "*/*", "multipart/related", "multipart/related; type=\"application/octet-stream\""]
            {
                assert_eq!(
                    given(stored, accept),
                    of(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, true),
                    "{stored} {accept}"
                );
            }
            let alone = given(stored, "application/octet-stream");
            assert_eq!(alone, of(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, false), "{stored}");
        }
    }

    #[test]
    fn coded_frames_are_given_under_their_media_type() {
        for (stored, media) in [
            ("4.50", "image/jpeg"),
            ("4.70", "image/jpeg"),
            ("5", "image/dicom-rle"),
            ("4.81", "image/jls"),
            ("4.90", "image/jp2"),
            ("4.93", "image/jpx"),
            ("4.201", "image/jphc"),
            ("4.110", "image/jxl"),
            ("4.100.1", "video/mpeg"),
            ("4.102", "video/mp4"),
            ("4.108", "video/h265"),
        ] {
            let stored = format!("1.2.840.10008.1.2.{stored}");
            assert_eq!(given(&stored, media), of(media, &stored, false));
            for parameter in ["", "; transfer-syntax=*", &format!("; transfer-syntax={stored}")] {
                let accept = format!("multipart/related; type=\"{media}\"{parameter}");
                assert_eq!(given(&stored, &accept), of(media, &stored, true), "{accept}");
            }
        }
        assert_eq!(given(JPEG_LS, "image/x-jls"), of("image/x-jls", JPEG_LS, false));
    }

    #[test]
    fn octets_of_any_transfer_syntax_are_what_is_stored() {
        let any = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";
        assert_eq!(given(JPEG, any), of(OCTETS, JPEG, true));
        assert_eq!(given(VIDEO, any), of(OCTETS, VIDEO, true));
        assert_eq!(given(IMPLICIT_VR_LITTLE_ENDIAN, any), of(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, true));
        let named = format!("application/octet-stream; transfer-syntax={JPEG}");
        assert_eq!(given(JPEG, &named), of(OCTETS, JPEG, false));
        assert_eq!(given(JPEG_LS, &named), None);
        let explicit = format!("application/octet-stream; transfer-syntax={EXPLICIT_VR_LITTLE_ENDIAN}");
        assert_eq!(given(JPEG, &explicit), of(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, false));
    }

    #[test]
    fn what_cannot_be_decoded_is_given_as_it_is_to_who_takes_anything_and_to_nobody_else() {
        assert_eq!(given(VIDEO, "*/*"), of("video/mp4", VIDEO, true));
        for accept in ["application/octet-stream", "image/jpeg", "multipart/related; type=\"image/jpeg\""] {
            assert_eq!(ask(VIDEO, Alone::Always, accept), Err(StatusCode::NOT_ACCEPTABLE), "{accept}");
        }
        assert_eq!(ask(SPECTRAL, Alone::Always, "*/*"), Err(StatusCode::NOT_ACCEPTABLE));
        assert!(ask(SPECTRAL, Alone::Always, "application/octet-stream; transfer-syntax=*").is_ok());
    }

    #[test]
    fn media_types_of_something_else_are_not_given() {
        for accept in ["image/jls", "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", "text/csv"] {
            assert_eq!(ask(JPEG, Alone::Always, accept), Err(StatusCode::NOT_ACCEPTABLE), "{accept}");
        }
        let mixed = "multipart/related; type=\"image/jls\", application/octet-stream; q=0.5";
        assert_eq!(given(JPEG, mixed), of(OCTETS, EXPLICIT_VR_LITTLE_ENDIAN, false));
        let liked = "application/octet-stream; q=0.5, image/jpeg";
        assert_eq!(given(JPEG, liked), of("image/jpeg", JPEG, false));
    }

    #[test]
    fn one_part_alone_is_given_where_there_is_one() {
        assert_eq!(ask(JPEG, Alone::Never, "application/octet-stream"), Err(StatusCode::NOT_ACCEPTABLE));
        assert_eq!(ask(JPEG, Alone::Samples, "image/jpeg"), Err(StatusCode::NOT_ACCEPTABLE));
        let any = ask(JPEG, Alone::Samples, "application/octet-stream; transfer-syntax=*").unwrap();
        assert_eq!((any.content, any.is_multipart), (Content::Samples, false));
    }

    #[test]
    fn every_media_type_belongs_to_a_transfer_syntax_that_is_known() {
        let with = ALL.iter().filter(|syntax| !media_types(&uid(syntax.uid)).is_empty());
        assert!(with.count() >= 25);
        assert!(media_types(&uid(EXPLICIT_VR_LITTLE_ENDIAN)).is_empty());
    }
}
