//! The brightness of every stored value of up to 16 bits, made once for a frame: what a window leaves dark or bright as
//! a whole is filled in as a whole. Never here: how one value becomes brightness, which is `shade`'s.

use super::image::{Look, Modality};
use super::shade::{Polarity, View, tone};
use crate::pixels::Representation;

/// Quotients of what is said in the data set are exact to far less than one stored value up to here.
const MAX_EXACT: f64 = 1e9;

/// The brightness of each stored value; its bits, low ones of a cell, are its index.
pub(super) fn table(look: &Look, polarity: Polarity, view: View<'_>) -> Vec<u8> {
    let (least, count) = domain(look);
    let tone_of = |place: usize| tone(look, polarity, view, least + float(place));
    let (from, to) = slope(look, view).map_or((0, count), |(from, to)| {
        let from = place(from - least).min(count);
        (from, place(to - least).clamp(from, count))
    });
    let mut table = vec![tone_of(0); from];
    table.extend((from..to).map(tone_of));
    table.resize(count, tone_of(count.saturating_sub(1)));
    if let Some((from, to)) = look.padding {
        let padding = place((from - least).ceil())..place((to - least).floor() + 1.0).min(count);
        if let Some(padding) = table.get_mut(padding) {
            padding.fill(0);
        }
    }
    // From the order of the values to that of their bits.
    table.rotate_left(place(-least));
    table
}

/// The stored value whose bits are `index`.
pub(super) fn stored(look: &Look, index: usize) -> f64 {
    let (least, count) = domain(look);
    let value = float(index);
    if value >= least + float(count) { value - float(count) } else { value }
}

/// The least stored value, and how many there are.
fn domain(look: &Look) -> (f64, usize) {
    let count = 1_usize << look.bits_stored;
    match look.shape.representation {
        Representation::Unsigned => (0.0, count),
        Representation::Signed => (-float(count / 2), count),
    }
}

/// A stored value before the first and one behind the last whose brightness is not that of all on their side.
fn slope(look: &Look, view: View<'_>) -> Option<(f64, f64)> {
    let Modality::Rescale { slope, intercept } = look.modality else { return None };
    let (below, above) = view.bounds()?;
    let is_exact = |value: f64| (value.abs() + intercept.abs()) <= MAX_EXACT * slope.abs();
    if slope == 0.0 || !is_exact(below) || !is_exact(above) {
        return None;
    }
    let (one, other) = ((below - intercept) / slope, (above - intercept) / slope);
    Some((one.min(other).floor() - 1.0, one.max(other).ceil() + 2.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is held in its table"
)]
const fn place(value: f64) -> usize {
    value as usize
}

#[expect(clippy::cast_precision_loss, reason = "a table has 65,536 places")]
const fn float(place: usize) -> f64 {
    place as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::image::Kind;
    use super::super::shade::shade;
    use super::super::voi::{Function, Span, Voi, Window};
    use super::*;
    use crate::pixels::Shape;

    fn look(bits_stored: u32, representation: Representation, modality: Modality) -> Look {
        let shape = Shape {
            rows: 1,
            columns: 1,
            samples: 1,
            bits_allocated: 16,
            representation,
            planar: None,
            photometric: "MONOCHROME2".to_owned(),
            frames: 1,
        };
        Look {
            shape,
            kind: Kind::Integer,
            bits_stored,
            shift: 0,
            modality,
            voi: Voi::Unsaid,
            padding: None,
            palette: None,
            tone: None,
            aspect: 1.0,
        }
    }

    fn one_by_one(look: &Look, polarity: Polarity, view: View<'_>) -> Vec<u8> {
        let bits: Vec<usize> = (0..1 << look.bits_stored).collect();
        bits.iter().map(|bits| shade(look, polarity, view, stored(look, *bits))).collect()
    }

    #[test]
    fn bits_are_numbers_with_and_without_a_sign() {
        let rescale = || Modality::Rescale { slope: 1.0, intercept: 0.0 };
        let unsigned = look(12, Representation::Unsigned, rescale());
        let signed = look(12, Representation::Signed, rescale());
        for (bits, without, with) in
            [(0, 0.0, 0.0), (2047, 2047.0, 2047.0), (2048, 2048.0, -2048.0), (4095, 4095.0, -1.0)]
        {
            assert_eq!((stored(&unsigned, bits), stored(&signed, bits)), (without, with));
        }
    }

    fn numbers() -> impl Strategy<Value = f64> {
        prop_oneof![-5000.0..5000.0, (-5000..5000_i32).prop_map(f64::from), Just(0.0), Just(1e300)]
    }

    fn views() -> impl Strategy<Value = View<'static>> {
        let function =
            prop_oneof![Just(Function::Linear), Just(Function::LinearExact), Just(Function::Sigmoid)];
        let window = (numbers(), 0.0..3000.0, function)
            .prop_filter_map("a width", |(center, width, function)| {
                Window::new(center, width, function).map(View::Window)
            });
        let span = (numbers(), numbers())
            .prop_map(|(one, other)| View::Span(Span { least: one.min(other), greatest: one.max(other) }));
        prop_oneof![window, span]
    }

    proptest! {
        #[test]
        fn what_is_filled_in_as_a_whole_is_what_each_value_would_be(
            bits_stored in 1..=12_u32,
            is_signed: bool,
            slope in numbers(),
            intercept in numbers(),
            view in views(),
            padding in proptest::option::of((-3000..3000_i32, 0..500_i32)),
            less_is_bright: bool,
        ) {
            let representation =
                if is_signed { Representation::Signed } else { Representation::Unsigned };
            let padding = padding.map(|(from, more)| (f64::from(from), f64::from(from + more)));
            let look =
                Look { padding, ..look(bits_stored, representation, Modality::Rescale { slope, intercept }) };
            let polarity = if less_is_bright { Polarity::LessIsBright } else { Polarity::MoreIsBright };
            prop_assert_eq!(table(&look, polarity, view), one_by_one(&look, polarity, view));
        }
    }
}
