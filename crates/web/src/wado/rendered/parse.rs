//! What the query of a URL asks of a picture (PS3.18 §8.3.5). Pure.
//!
//! What is not a parameter of the resource is passed over.

use causeway_dataset::render::{
    Annotations, Function, MAX_VIEWPORT_SIDE, Profile, Quality, Region, Viewport, Window,
};

use crate::capabilities::about::Parameter;
use crate::percent;
use crate::problem::Problem;

/// Query parameters of a picture, as a capabilities description tells them.
pub(crate) const OF_A_PICTURE: &[Parameter] = &[
    Parameter { name: "window", kind: "xs:string", options: &[], words: "centre,width,function" },
    VIEWPORT,
    Parameter { name: "quality", kind: "xs:int", options: &[], words: "of a JPEG, 1 to 100" },
    Parameter {
        name: "annotation",
        kind: "xs:string",
        options: &ANNOTATIONS,
        words: "burnt in: who it is of, how it was made",
    },
    Parameter {
        name: "iccprofile",
        kind: "xs:string",
        options: &PROFILES,
        words: "in a JPEG or PNG; colours are converted to the space that is named",
    },
];
/// Those of a thumbnail.
pub(crate) const OF_A_THUMBNAIL: &[Parameter] = &[VIEWPORT];
const VIEWPORT: Parameter = Parameter {
    name: "viewport",
    kind: "xs:string",
    options: &[],
    words: "width,height, perhaps with the region that is shown: x,y,width,height",
};
/// Words that may be asked for in a picture.
const ANNOTATIONS: [&str; 2] = ["patient", "technique"];
/// What may be asked for of a colour profile.
const PROFILES: [&str; 5] = ["no", "yes", "srgb", "adobergb", "rommrgb"];

/// What kind of resource it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rendered,
    Thumbnail,
}

/// What the query asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::wado) struct Parameters {
    pub(in crate::wado) window: Option<Window>,
    pub(in crate::wado) viewport: Option<Viewport>,
    pub(in crate::wado) quality: Option<Quality>,
    pub(in crate::wado) annotations: Annotations,
    /// None: nothing is said of it.
    pub(in crate::wado) profile: Option<Profile>,
    /// Whether a part of the picture is asked for.
    pub(in crate::wado) has_region: bool,
}

/// Reads a query.
pub(super) fn parse(query: &str, kind: Kind) -> Result<Parameters, Problem> {
    let mut parameters = Parameters::default();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=').or(Some((pair, "")))) {
        let is_known = match kind {
            Kind::Rendered => ["annotation", "quality", "viewport", "window", "iccprofile"].contains(&name),
            Kind::Thumbnail => name == "viewport",
        };
        if !is_known {
            continue;
        }
        if seen.contains(&name) {
            return Err(Problem::bad_request(format!("{name} is given twice")));
        }
        seen.push(name);
        let text = percent::decode(value)
            .map_err(|error| Problem::bad_request(format!("{name} cannot be read: {error}")))?;
        match name {
            "annotation" => parameters.annotations = annotations(&text)?,
            "quality" => parameters.quality = Some(quality(&text)?),
            "viewport" => {
                parameters.viewport = Some(viewport(&text, kind)?);
                parameters.has_region = text.split(',').count() > 2;
            }
            "window" => parameters.window = Some(window(&text)?),
            _ => parameters.profile = Some(icc_profile(&text)?),
        }
    }
    Ok(parameters)
}

pub(in crate::wado) fn annotations(text: &str) -> Result<Annotations, Problem> {
    let mut annotations = Annotations::default();
    for word in text.split(',') {
        match word {
            "patient" => annotations.patient = true,
            "technique" => annotations.technique = true,
            _ => {
                return Err(Problem::bad_request(
                    "annotation is a list of patient and technique (PS3.18 §8.3.5.1.1)",
                ));
            }
        }
    }
    Ok(annotations)
}

pub(in crate::wado) fn quality(text: &str) -> Result<Quality, Problem> {
    whole(text)
        .and_then(Quality::new)
        .ok_or_else(|| Problem::bad_request("quality is a whole number from 1 to 100 (PS3.18 §8.3.5.1.2)"))
}

/// A number of digits alone.
pub(in crate::wado) fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A decimal number (PS3.5 §6.2, DS).
pub(in crate::wado) fn decimal(text: &str) -> Option<f64> {
    let is_decimal = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.bytes().all(is_decimal).then(|| text.parse().ok())?.filter(|number: &f64| number.is_finite())
}

fn window(text: &str) -> Result<Window, Problem> {
    let parts: Vec<&str> = text.split(',').collect();
    let read = || {
        let [center, width, function] = parts.as_slice() else { return None };
        let function = match *function {
            "linear" => Function::Linear,
            "linear-exact" => Function::LinearExact,
            "sigmoid" => Function::Sigmoid,
            _ => return None,
        };
        Window::new(decimal(center)?, decimal(width)?, function)
    };
    read().ok_or_else(|| {
        Problem::bad_request(
            "window is center,width,function: two decimal numbers, the width at least 1 (linear) or above 0, and one \
             of linear, linear-exact, sigmoid (PS3.18 §8.3.5.1.4)",
        )
    })
}

fn viewport(text: &str, kind: Kind) -> Result<Viewport, Problem> {
    let parts: Vec<&str> = text.split(',').collect();
    let most = if kind == Kind::Thumbnail { 2 } else { 6 };
    let read = || {
        let (width, height) = (whole(parts.first()?)?, whole(parts.get(1)?)?);
        // An elided value is one that is not said; the commas of those at the end are elided with them.
        let number = |index: usize| match parts.get(index) {
            None | Some(&"") => Some(None),
            Some(text) => decimal(text).map(Some),
        };
        let is_whole = parts.len() <= most && (parts.len() == 2 || parts.last() != Some(&""));
        let region = Region {
            x: number(2)?.unwrap_or(0.0),
            y: number(3)?.unwrap_or(0.0),
            width: number(4)?,
            height: number(5)?,
        };
        is_whole.then(|| Viewport::new(width, height, region))?
    };
    read().ok_or_else(|| {
        let form = if kind == Kind::Thumbnail { "width,height" } else { "width,height[,x,y,width,height]" };
        Problem::bad_request(format!(
            "viewport is {form}, the first two from 1 to {MAX_VIEWPORT_SIDE}, no side of the region 0 \
             (PS3.18 §8.3.5.1.3)"
        ))
    })
}

fn icc_profile(text: &str) -> Result<Profile, Problem> {
    match text {
        "no" => Ok(Profile::None),
        "yes" => Ok(Profile::Own),
        "srgb" => Ok(Profile::Srgb),
        "adobergb" => Ok(Profile::AdobeRgb),
        "rommrgb" => Ok(Profile::RommRgb),
        _ => Err(Problem::bad_request(
            "iccprofile is one of no, yes, srgb, adobergb, rommrgb (PS3.18 §8.3.5.1.5)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use proptest::prelude::*;

    fn ask(query: &str) -> Result<Parameters, StatusCode> {
        parse(query, Kind::Rendered).map_err(|problem| problem.status())
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let found = ask("window=40,400,linear&viewport=512,256,,,-100.5&quality=80&x=1").unwrap();
        assert_eq!(found.window, Window::new(40.0, 400.0, Function::Linear));
        let region = Region { width: Some(-100.5), ..Region::default() };
        assert_eq!(found.viewport, Viewport::new(512, 256, region));
        assert_eq!(found.quality, Quality::new(80));
        assert_eq!(
            ask("window=-1e3%2C.5,sigmoid").unwrap().window,
            Window::new(-1e3, 0.5, Function::Sigmoid)
        );
        assert_eq!(ask(""), Ok(Parameters::default()));
    }

    #[test]
    fn bad_values_are_refused() {
        for query in [
            "window=1,2",
            "window=1,2,LINEAR",
            "window=a,2,linear",
            "window=1,0.5,linear",
            "window=1,0,sigmoid",
            "window=nan,2,linear",
            "window=inf,2,linear",
            "window=1,2,linear,",
            "window=",
            "window",
            "viewport=1",
            "viewport=0,1",
            "viewport=1,8193",
            "viewport=1.5,1",
            "viewport=-1,1",
            "viewport=1,1,",
            "viewport=1,1,a",
            "viewport=1,1,,,0",
            "viewport=1,1,1,1,1,1,1",
            "viewport=,",
            "quality=0",
            "quality=101",
            "quality=",
            "quality=+5",
            "quality=5.0",
            "quality=%zz",
            "annotation=",
            "annotation=name",
            "annotation=patient,",
            "annotation=Patient",
            "iccprofile=AdobeRGB",
            "iccprofile=yes,no",
            "iccprofile=x",
            "quality=1&quality=1",
        ] {
            assert_eq!(ask(query), Err(StatusCode::BAD_REQUEST), "{query}");
        }
    }

    #[test]
    fn annotations_and_profiles_are_known() {
        let found = ask("annotation=patient,technique").unwrap();
        assert_eq!(found.annotations, Annotations { patient: true, technique: true });
        let found = ask("annotation=technique&iccprofile=no").unwrap();
        assert_eq!(found.annotations, Annotations { patient: false, technique: true });
        assert_eq!(found.profile, Some(Profile::None));
        assert_eq!(ask("iccprofile=yes").unwrap().profile, Some(Profile::Own));
        assert_eq!(ask("iccprofile=srgb").unwrap().profile, Some(Profile::Srgb));
        assert_eq!(ask("iccprofile=adobergb").unwrap().profile, Some(Profile::AdobeRgb));
        assert_eq!(ask("iccprofile=rommrgb").unwrap().profile, Some(Profile::RommRgb));
    }

    #[test]
    fn a_thumbnail_has_a_viewport_of_two_numbers_and_nothing_else() {
        let ask = |query| parse(query, Kind::Thumbnail);
        assert!(ask("viewport=64,64").unwrap().viewport.is_some());
        assert_eq!(ask("window=x&quality=0").unwrap(), Parameters::default());
        assert!(ask("viewport=64,64,0,0").is_err());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused_without_panic(query in "(window|viewport|quality|annotation)=[-0-9,.a-z%&]{0,40}") {
            let _ = ask(&query);
        }
    }
}
