//! What a query of the URI service asks of a picture (PS3.18 §9.5.1.2). Pure.

use std::num::NonZeroU32;

use causeway_core::Uid;
use causeway_dataset::render::{Function, MAX_VIEWPORT_SIDE, Viewport, Window};

use super::super::rendered::{Parameters, annotations, decimal, quality, whole};
use super::{text, uid};
use crate::problem::Problem;

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    parameters: Parameters,
    rows: Option<u32>,
    columns: Option<u32>,
    region: Option<[f64; 4]>,
    center: Option<f64>,
    width: Option<f64>,
    frame: Option<NonZeroU32>,
    series: Option<Uid>,
    state: Option<Uid>,
}

/// What is asked of a picture.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Rendering {
    pub(super) parameters: Parameters,
    pub(super) frame: Option<NonZeroU32>,
    /// Series and instance of a presentation state.
    pub(super) state: Option<(Uid, Uid)>,
}

impl Draft {
    /// Takes a parameter; what is none of these is passed over.
    pub(super) fn take(&mut self, name: &str, raw: &str) -> Result<(), Problem> {
        match name {
            "rows" => self.rows = Some(side("rows", raw)?),
            "columns" => self.columns = Some(side("columns", raw)?),
            "region" => self.region = Some(region(&text("region", raw)?)?),
            "windowCenter" => self.center = Some(number("windowCenter", raw)?),
            "windowWidth" => self.width = Some(number("windowWidth", raw)?),
            "frameNumber" => {
                let number = whole(&text("frameNumber", raw)?).and_then(NonZeroU32::new);
                let words = "frameNumber is one whole number from 1 on (PS3.18 §9.5.1.2.1)";
                self.frame = Some(number.ok_or_else(|| Problem::bad_request(words))?);
            }
            "imageQuality" => self.parameters.quality = Some(quality(&text("imageQuality", raw)?)?),
            // The syntax of the request has the one name, the table of the parameters the other.
            "annotation" | "imageAnnotation" => {
                self.parameters.annotations = annotations(&text("annotation", raw)?)?;
            }
            "presentationSeriesUID" => self.series = Some(uid("presentationSeriesUID", raw)?),
            "presentationUID" => self.state = Some(uid("presentationUID", raw)?),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Rendering, Problem> {
        let Self { mut parameters, rows, columns, region, center, width, frame, series, state } = self;
        parameters.window = match (center, width) {
            (None, None) => None,
            (Some(center), Some(width)) => Some(
                Window::new(center, width, Function::Linear)
                    .ok_or_else(|| Problem::bad_request("windowWidth is 1 at least (PS3.3 §C.11.2.1.2)"))?,
            ),
            _ => {
                return Err(Problem::bad_request(
                    "windowCenter and windowWidth go together (PS3.18 §9.5.1.2.6)",
                ));
            }
        };
        let state = match (series, state) {
            (None, None) => None,
            (Some(series), Some(state)) => Some((series, state)),
            _ => {
                return Err(Problem::bad_request(
                    "presentationSeriesUID and presentationUID go together (PS3.18 §9.5.1.2.7)",
                ));
            }
        };
        if state.is_some() && (parameters.window.is_some() || frame.is_some()) {
            return Err(Problem::bad_request(
                "a presentation state says window and frames itself: with it go only annotation, imageQuality, region, \
                 rows and columns (PS3.18 §9.5.1.2.7)",
            ));
        }
        if rows.is_some() || columns.is_some() || region.is_some() {
            parameters.viewport = Viewport::of_part(columns, rows, region);
            parameters.has_region = region.is_some();
        }
        Ok(Rendering { parameters, frame, state })
    }
}

fn side(name: &'static str, raw: &str) -> Result<u32, Problem> {
    whole(&text(name, raw)?).filter(|side| (1..=MAX_VIEWPORT_SIDE).contains(side)).ok_or_else(|| {
        Problem::bad_request(format!(
            "{name} is a whole number from 1 to {MAX_VIEWPORT_SIDE} (PS3.18 §9.5.1.2.4)"
        ))
    })
}

fn number(name: &'static str, raw: &str) -> Result<f64, Problem> {
    decimal(&text(name, raw)?)
        .ok_or_else(|| Problem::bad_request(format!("{name} is a decimal number (PS3.18 §9.5.1.2.6)")))
}

fn region(text: &str) -> Result<[f64; 4], Problem> {
    let numbers: Option<Vec<f64>> = text.split(',').map(decimal).collect();
    let region = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    region.filter(|region| Viewport::of_part(None, None, Some(*region)).is_some()).ok_or_else(|| {
        Problem::bad_request(
            "region is xmin,ymin,xmax,ymax: parts of the whole from 0 to 1, each minimum below its maximum \
             (PS3.18 §9.5.1.2.5)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &str) -> Result<Rendering, u16> {
        let mut draft = Draft::default();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let all: Result<(), Problem> =
            pairs.into_iter().try_for_each(|(name, value)| draft.take(name, value));
        all.and_then(|()| draft.finish()).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let found =
            read("rows=100&columns=50&region=0,0,0.5,1&windowCenter=-40.5&windowWidth=1e2&frameNumber=2");
        let found = found.unwrap();
        assert_eq!(
            found.parameters.viewport,
            Viewport::of_part(Some(50), Some(100), Some([0.0, 0.0, 0.5, 1.0]))
        );
        assert_eq!(found.parameters.window, Window::new(-40.5, 100.0, Function::Linear));
        assert_eq!(found.frame, NonZeroU32::new(2));
        let found = read("rows=7&imageQuality=30&imageAnnotation=patient&other=x").unwrap();
        assert_eq!(found.parameters.viewport, Viewport::of_part(None, Some(7), None));
        assert!(found.parameters.annotations.patient && found.parameters.quality.is_some());
        assert_eq!(read(""), Ok(Rendering::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in [
            "rows=0",
            "columns=8193",
            "rows=x",
            "rows=",
            "region=0,0,1",
            "region=0,0,1,1,1",
            "region=0.5,0,0.5,1",
            "region=0,0,1.1,1",
            "region=-0.1,0,1,1",
            "region=a,0,1,1",
            "windowCenter=1",
            "windowWidth=1",
            "windowCenter=x&windowWidth=1",
            "windowCenter=1&windowWidth=0.5",
            "frameNumber=0",
            "frameNumber=1,2",
            "imageQuality=0",
            "annotation=name",
            "presentationUID=1.2",
            "presentationSeriesUID=1.2",
            "presentationSeriesUID=1.2&presentationUID=x",
            "presentationSeriesUID=1.2&presentationUID=1.3&frameNumber=1",
            "presentationSeriesUID=1.2&presentationUID=1.3&windowCenter=1&windowWidth=2",
        ] {
            assert_eq!(read(query), Err(400), "{query}");
        }
        assert!(read("presentationSeriesUID=1.2&presentationUID=1.3&rows=9&region=0,0,1,1").is_ok());
    }

    proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in "(rows|region|windowCenter|frameNumber)=[-0-9,.a-z%&=]{0,40}") {
            let _ = read(&query);
        }
    }
}
