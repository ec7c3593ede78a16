//! Which values are shown, and how bright (PS3.3 §C.11.2): windows and look-up tables.

use super::lut::Lut;

/// The shape of a window (PS3.3 §C.11.2.1.2, §C.11.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// LINEAR: the window counts whole values, its borders lie half a value inside.
    Linear,
    /// LINEAR_EXACT: the window is as wide as it says.
    LinearExact,
    /// SIGMOID.
    Sigmoid,
}

/// A window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    center: f64,
    width: f64,
    function: Function,
}

impl Window {
    /// A window; `None` where it has a width that the standard does not allow: less than 1 for LINEAR, 0 or less
    /// for the others.
    #[must_use]
    pub fn new(center: f64, width: f64, function: Function) -> Option<Self> {
        let is_wide = match function {
            Function::Linear => width >= 1.0,
            Function::LinearExact | Function::Sigmoid => width > 0.0,
        };
        (center.is_finite() && width.is_finite() && is_wide).then_some(Self { center, width, function })
    }

    /// The values up to which all is dark and above which all is bright; a sigmoid has none.
    #[must_use]
    pub const fn bounds(&self) -> Option<(f64, f64)> {
        let Self { center, width, function } = *self;
        match function {
            Function::Sigmoid => None,
            Function::LinearExact => Some((center - width / 2.0, center + width / 2.0)),
            Function::Linear => {
                Some((center - 0.5 - (width - 1.0) / 2.0, center - 0.5 + (width - 1.0) / 2.0))
            }
        }
    }

    /// How bright a value is, from 0 to 1.
    #[must_use]
    pub fn apply(&self, value: f64) -> f64 {
        let Self { center, width, function } = *self;
        let Some((below, above)) = self.bounds() else {
            return 1.0 / (1.0 + (-4.0 * (value - center) / width).exp());
        };
        if value <= below {
            return 0.0;
        }
        if value > above {
            return 1.0;
        }
        match function {
            Function::Linear => (value - (center - 0.5)) / (width - 1.0) + 0.5,
            Function::LinearExact | Function::Sigmoid => (value - center) / width + 0.5,
        }
    }
}

/// How values become brightness.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Voi {
    /// By a window.
    Window(Window),
    /// By a look-up table.
    Lut(Lut),
    /// Nothing is said: from the least to the greatest value of the frame.
    Unsaid,
}

/// How values between two become brightness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) least: f64,
    pub(super) greatest: f64,
}

impl Span {
    /// How bright a value is, from 0 to 1.
    pub(super) fn apply(self, value: f64) -> f64 {
        let width = self.greatest - self.least;
        if value <= self.least || width <= 0.0 { 0.0 } else { ((value - self.least) / width).min(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }

    #[test]
    fn a_linear_window_lies_half_a_value_inside_its_bounds() {
        // c 2048, w 4096: from 0 to 4095.
        let window = Window::new(2048.0, 4096.0, Function::Linear).unwrap();
        for (value, wanted) in
            [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0 / 4095.0), (2047.5, 0.5), (4095.0, 1.0), (4096.0, 1.0)]
        {
            close(window.apply(value), wanted);
        }
    }

    #[test]
    fn a_linear_window_of_width_1_is_a_threshold() {
        let window = Window::new(100.0, 1.0, Function::Linear).unwrap();
        for (value, wanted) in [(99.0, 0.0), (99.5, 0.0), (99.6, 1.0), (100.0, 1.0)] {
            close(window.apply(value), wanted);
        }
    }

    #[test]
    fn an_exact_window_is_as_wide_as_it_says() {
        let window = Window::new(10.0, 20.0, Function::LinearExact).unwrap();
        for (value, wanted) in [(-0.1, 0.0), (0.0, 0.0), (5.0, 0.25), (10.0, 0.5), (20.0, 1.0), (20.1, 1.0)] {
            close(window.apply(value), wanted);
        }
    }

    #[test]
    fn a_sigmoid_is_half_bright_at_its_centre() {
        let window = Window::new(10.0, 20.0, Function::Sigmoid).unwrap();
        close(window.apply(10.0), 0.5);
        close(window.apply(15.0), 1.0 / (1.0 + (-1.0_f64).exp()));
        close(window.apply(f64::MAX), 1.0);
        close(window.apply(f64::MIN), 0.0);
    }

    #[test]
    fn widths_are_bounded_at_below_and_above() {
        let is_fine = |width, function| Window::new(0.0, width, function).is_some();
        assert!(is_fine(1.0, Function::Linear) && !is_fine(0.99, Function::Linear));
        for function in [Function::LinearExact, Function::Sigmoid] {
            assert!(is_fine(f64::MIN_POSITIVE, function));
            assert!(!is_fine(0.0, function) && !is_fine(-1.0, function));
        }
        assert!(!is_fine(f64::INFINITY, Function::Linear) && !is_fine(f64::NAN, Function::Sigmoid));
    }

    #[test]
    fn a_frame_of_one_value_is_dark() {
        close(Span { least: 7.0, greatest: 7.0 }.apply(7.0), 0.0);
        let span = Span { least: -10.0, greatest: 10.0 };
        for (value, wanted) in [(-11.0, 0.0), (-10.0, 0.0), (0.0, 0.5), (10.0, 1.0), (11.0, 1.0)] {
            close(span.apply(value), wanted);
        }
    }

    proptest! {
        #[test]
        fn brightness_never_leaves_its_range_and_never_falls(
            center in -1e6..1e6_f64, width in 1.0..1e6_f64, one in -1e7..1e7_f64, more in 0.0..1e6_f64,
        ) {
            for function in [Function::Linear, Function::LinearExact, Function::Sigmoid] {
                let window = Window::new(center, width, function).unwrap();
                let (low, high) = (window.apply(one), window.apply(one + more));
                prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
                prop_assert!(low <= high + 1e-9);
            }
        }
    }
}
