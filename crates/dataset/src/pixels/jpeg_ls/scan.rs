//! One scan, line after line (T.87 §A.3 to §A.7, Annex B).

use super::super::PixelError;
use super::Interleave;
use super::bits::Bits;
use super::model::{Interruption, Model};
use super::parameters::{Parameters, ScanHeader};

/// Bits of the length of a run that was broken off, by how runs went before (T.87 §A.2.1, J).
const RUN_BITS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// One scan of one or more components.
pub(super) struct Scan<'a> {
    parameters: Parameters,
    interleave: Interleave,
    columns: usize,
    bits: Bits<'a>,
    model: Model,
    components: Vec<Component>,
}

/// One component: its line, the one above, and how its runs went.
struct Component {
    /// With the sample before the first and the one behind the last.
    above: Vec<i32>,
    here: Vec<i32>,
    run_index: usize,
}

/// What surrounds a sample: left, above, above left, above right.
#[derive(Clone, Copy)]
struct Around {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl<'a> Scan<'a> {
    pub(super) fn new(parameters: &Parameters, scan: &ScanHeader, columns: usize, data: &'a [u8]) -> Self {
        let component =
            || Component { above: vec![0; columns + 2], here: vec![0; columns + 2], run_index: 0 };
        Self {
            parameters: *parameters,
            interleave: scan.interleave,
            columns,
            bits: Bits::new(data),
            model: Model::new(parameters),
            components: (0..scan.components).map(|_| component()).collect(),
        }
    }

    /// All its lines: the plane of each component.
    pub(super) fn lines(mut self, rows: usize) -> Result<Vec<Vec<u16>>, PixelError> {
        let mut planes: Vec<Vec<u16>> =
            self.components.iter().map(|_| Vec::with_capacity(self.columns * rows)).collect();
        for _ in 0..rows {
            for component in &mut self.components {
                component.begin(self.columns);
            }
            match self.interleave {
                Interleave::None | Interleave::ByLine => {
                    for index in 0..self.components.len() {
                        self.line(index..index + 1)?;
                    }
                }
                Interleave::BySample => self.line(0..self.components.len())?,
            }
            for (plane, component) in planes.iter_mut().zip(&self.components) {
                let line = component.here.iter().skip(1).take(self.columns);
                plane.extend(line.map(|sample| u16::try_from(*sample).unwrap_or_default()));
            }
        }
        Ok(planes)
    }

    /// One line of the components in `which`, which go on together.
    fn line(&mut self, which: std::ops::Range<usize>) -> Result<(), PixelError> {
        let Self { parameters, columns, bits, model, components, .. } = self;
        let Some(components) = components.get_mut(which) else { return Ok(()) };
        let mut at = 1;
        while at <= *columns {
            let is_flat = components.iter().all(|component| parameters.is_flat(component.around(at)));
            if is_flat {
                at = run(bits, model, parameters, components, at, *columns)?;
            } else {
                for component in components.iter_mut() {
                    let around = component.around(at);
                    let q = parameters.context(around);
                    let sample = model.sample(bits, q, around.predicted())?;
                    component.put(at, sample);
                }
                at += 1;
            }
        }
        Ok(())
    }
}

/// A run of samples like their left neighbour (T.87 §A.7); gives where the line goes on.
fn run(
    bits: &mut Bits<'_>,
    model: &mut Model,
    parameters: &Parameters,
    components: &mut [Component],
    start: usize,
    columns: usize,
) -> Result<usize, PixelError> {
    // Components that go on together share the count of the first.
    let mut index = components.first().map_or(0, |component| component.run_index);
    let run_bits = |index: usize| RUN_BITS.get(index).copied().unwrap_or_default();
    let mut at = start;
    let end = columns + 1;
    while bits.take(1)? == 1 {
        let whole = 1 << run_bits(index);
        let filled = whole.min(end - at);
        at += filled;
        if filled == whole && index < RUN_BITS.len() - 1 {
            index += 1;
        }
        if at == end {
            break;
        }
    }
    let is_interrupted = at < end;
    if is_interrupted {
        let length = usize::try_from(bits.take(run_bits(index))?).unwrap_or(usize::MAX);
        at = at.saturating_add(length).min(end);
    }
    for component in components.iter_mut() {
        component.fill(start..at);
    }
    if is_interrupted && at < end {
        let is_alone = components.len() == 1;
        for component in components.iter_mut() {
            let Around { a, b, .. } = component.around(at);
            let is_flat = is_alone && (a - b).abs() <= parameters.near;
            let kind = if is_flat { Interruption::Flat } else { Interruption::Step };
            let sample = model.interruption(bits, kind, (a, b), run_bits(index))?;
            component.put(at, sample);
        }
        at += 1;
        index = index.saturating_sub(1);
    }
    if let Some(first) = components.first_mut() {
        first.run_index = index;
    }
    Ok(at)
}

impl Component {
    /// The next line begins: the one before is above it, and continued at both ends (T.87 §A.2.1).
    fn begin(&mut self, columns: usize) {
        std::mem::swap(&mut self.above, &mut self.here);
        let last = self.above.get(columns).copied().unwrap_or_default();
        if let Some(behind) = self.above.get_mut(columns + 1) {
            *behind = last;
        }
        let first = self.above.get(1).copied().unwrap_or_default();
        if let Some(before) = self.here.first_mut() {
            *before = first;
        }
    }

    #[inline]
    fn around(&self, at: usize) -> Around {
        let above = at.checked_sub(1).and_then(|before| self.above.get(before..before + 3));
        let [c, b, d] = above.and_then(|three| three.first_chunk()).copied().unwrap_or_default();
        let a = at.checked_sub(1).and_then(|before| self.here.get(before)).copied().unwrap_or_default();
        Around { a, b, c, d }
    }

    #[inline]
    fn put(&mut self, at: usize, sample: i32) {
        if let Some(place) = self.here.get_mut(at) {
            *place = sample;
        }
    }

    fn fill(&mut self, run: std::ops::Range<usize>) {
        let left = run.start.checked_sub(1).and_then(|before| self.here.get(before)).copied();
        if let Some(places) = self.here.get_mut(run) {
            places.fill(left.unwrap_or_default());
        }
    }
}

impl Around {
    /// The prediction: an edge, or a plane (T.87 §A.4.1).
    #[inline]
    fn predicted(self) -> i32 {
        let Self { a, b, c, .. } = self;
        if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        }
    }
}

impl Parameters {
    #[inline]
    fn is_flat(&self, Around { a, b, c, d }: Around) -> bool {
        [d - b, b - c, c - a].iter().all(|step| step.abs() <= self.near)
    }

    /// The surroundings as a number, the same below zero for their mirror image (T.87 §A.3.3, §A.3.4).
    #[inline]
    fn context(&self, Around { a, b, c, d }: Around) -> i32 {
        (self.quantised(d - b) * 9 + self.quantised(b - c)) * 9 + self.quantised(c - a)
    }

    #[inline]
    fn quantised(&self, step: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = step.abs();
        let level = match size {
            _ if size <= self.near => 0,
            _ if size < t1 => 1,
            _ if size < t2 => 2,
            _ if size < t3 => 3,
            _ => 4,
        };
        if step < 0 { -level } else { level }
    }
}
