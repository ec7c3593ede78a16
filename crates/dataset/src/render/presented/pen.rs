//! Lines and surfaces drawn into a picture, with a bound on all that is drawn.

use super::super::RenderError;
use super::super::raster::Raster;
use super::ink::Ink;
use super::unfit;

/// Most pixels that are drawn into one picture, those that are drawn twice counted twice.
pub(super) const MAX_DRAWN_PIXELS: u64 = 256 * 1024 * 1024;
/// Pixels of the longer side of a picture for each pixel that a line is wide.
const SIDE_FOR_EACH_WIDTH: u32 = 1_000;

/// Draws into a picture.
pub(super) struct Pen<'a> {
    pub(super) raster: &'a mut Raster,
    pub(super) ink: Ink,
    width: u32,
    left: u64,
}

impl<'a> Pen<'a> {
    pub(super) fn new(raster: &'a mut Raster) -> Self {
        let width = raster.width.max(raster.height) / SIDE_FOR_EACH_WIDTH + 1;
        Self { raster, ink: Ink::WHITE, width, left: MAX_DRAWN_PIXELS }
    }

    /// Pixels that a line is wide.
    pub(super) const fn width(&self) -> u32 {
        self.width
    }

    /// Counts pixels that are about to be drawn.
    pub(super) fn spend(&mut self, pixels: u64) -> Result<(), RenderError> {
        let left = self.left.checked_sub(pixels);
        self.left =
            left.ok_or_else(|| unfit("a presentation state that draws more than one picture can hold"))?;
        Ok(())
    }

    /// A square of `side` pixels with its left upper corner there.
    pub(super) fn square(&mut self, (x, y): (i64, i64), side: u32) -> Result<(), RenderError> {
        self.spend(u64::from(side) * u64::from(side))?;
        for down in 0..i64::from(side) {
            for across in 0..i64::from(side) {
                self.ink.put(self.raster, x.saturating_add(across), y.saturating_add(down));
            }
        }
        Ok(())
    }

    /// A square of `side` pixels around a point.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), side: u32) -> Result<(), RenderError> {
        let half = i64::from((side - side.min(1)) / 2);
        self.square((floor(x).saturating_sub(half), floor(y).saturating_sub(half)), side)
    }

    /// A line from one point to another, as far as it lies near the picture.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) -> Result<(), RenderError> {
        let Some((from, to)) = self.clipped(from, to) else { return Ok(()) };
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(down.abs()).ceil().max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "no longer than the picture"
        )]
        let count = steps as u32;
        for step in 0..=count {
            let part = f64::from(step) / steps;
            self.dot((from.0 + across * part, from.1 + down * part), self.width)?;
        }
        Ok(())
    }

    /// A line through points.
    pub(super) fn lines(&mut self, points: &[(f64, f64)]) -> Result<(), RenderError> {
        points.iter().zip(points.iter().skip(1)).try_for_each(|(from, to)| self.line(*from, *to))
    }

    /// What a line surrounds, by the rule of odd crossings.
    pub(super) fn fill(&mut self, points: &[(f64, f64)]) -> Result<(), RenderError> {
        let sides: Vec<_> = points.iter().zip(points.iter().skip(1).chain(points.first())).collect();
        for row in 0..self.raster.height {
            self.spend(sides.len() as u64)?;
            let at = f64::from(row) + 0.5;
            let mut columns: Vec<f64> = sides
                .iter()
                .filter(|((_, one), (_, other))| (*one <= at) != (*other <= at))
                .map(|((x0, y0), (x1, y1))| x0 + (at - y0) / (y1 - y0) * (x1 - x0))
                .collect();
            columns.sort_by(f64::total_cmp);
            for [from, to] in columns.as_chunks().0 {
                let from = floor(from + 0.5).max(0);
                let to = floor(to + 0.5).min(self.raster.width.into());
                self.spend(u64::try_from(to.saturating_sub(from)).unwrap_or_default())?;
                (from..to).for_each(|column| self.ink.put(self.raster, column, row.into()));
            }
        }
        Ok(())
    }

    /// The part of a line that lies in the picture or a little outside of it (Liang and Barsky).
    fn clipped(&self, from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let margin = f64::from(self.width);
        let (right, lower) = (f64::from(self.raster.width) + margin, f64::from(self.raster.height) + margin);
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for (step, room) in [
            (-across, from.0 + margin),
            (across, right - from.0),
            (-down, from.1 + margin),
            (down, lower - from.1),
        ] {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if step < 0.0 {
                first = first.max(room / step);
            } else {
                last = last.min(room / step);
            }
        }
        let at = |part: f64| (from.0 + across * part, from.1 + down * part);
        let is_finite = [across, down, first, last].into_iter().all(f64::is_finite);
        (first <= last && is_finite).then(|| (at(first), at(last)))
    }
}

pub(super) fn floor(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is no fraction")]
    let floor = number.floor() as i64;
    floor
}
