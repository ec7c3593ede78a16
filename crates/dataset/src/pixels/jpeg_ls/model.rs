//! The contexts: what has been learnt of the errors of samples in like surroundings (T.87 §A.2, §A.6, §A.7.2).

use super::super::PixelError;
use super::bits::Bits;
use super::parameters::Parameters;

/// Contexts of samples that are predicted from their surroundings.
const REGULAR: usize = 365;
/// A code's parameter grows no further than the widest sample.
const MAX_K: u32 = 16;

/// What is known of one context, named as T.87 names it.
#[derive(Debug, Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
    /// Negative errors, where a run was broken off.
    nn: i32,
}

/// All contexts of a scan.
pub(super) struct Model {
    parameters: Parameters,
    regular: Vec<Context>,
    /// Where a run was broken off: at a step, and inside what is flat but for the error allowed.
    interrupted: [Context; 2],
}

/// Where a run was broken off (T.87 §A.7.2, RItype).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    Step,
    Flat,
}

impl Model {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let start = Context { a: 2.max((parameters.range + 32) / 64), b: 0, c: 0, n: 1, nn: 0 };
        Self { parameters: *parameters, regular: vec![start; REGULAR], interrupted: [start; 2] }
    }

    /// The next sample, predicted to be `predicted` in the surroundings `q`, which may be below zero.
    #[inline]
    pub(super) fn sample(&mut self, bits: &mut Bits<'_>, q: i32, predicted: i32) -> Result<i32, PixelError> {
        let parameters = self.parameters;
        let sign = if q < 0 { -1 } else { 1 };
        let index = usize::try_from(q.unsigned_abs()).unwrap_or_default().min(REGULAR - 1);
        let Some(context) = self.regular.get_mut(index) else { return Ok(predicted) };
        let corrected = (predicted + sign * context.c).clamp(0, parameters.maxval);
        let k = parameter(context.n, context.a);
        let mapped = golomb(bits, k, parameters.limit, parameters.qbpp)?;
        let is_turned = parameters.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let half = mapped >> 1;
        let error = match (mapped & 1, is_turned) {
            (0, false) => half,
            (_, false) => -half - 1,
            (0, true) => -half - 1,
            (_, true) => half,
        };
        context.learn(error, &parameters);
        Ok(parameters.rebuilt(corrected, sign * error))
    }

    /// The sample that broke a run off, between its left and upper neighbours.
    pub(super) fn interruption(
        &mut self,
        bits: &mut Bits<'_>,
        kind: Interruption,
        (left, above): (i32, i32),
        run_bits: u32,
    ) -> Result<i32, PixelError> {
        let parameters = self.parameters;
        let [step, flat] = &mut self.interrupted;
        let (context, kind_number) = match kind {
            Interruption::Step => (step, 0),
            Interruption::Flat => (flat, 1),
        };
        let size = context.a + if kind == Interruption::Flat { context.n >> 1 } else { 0 };
        let k = parameter(context.n, size);
        let limit = parameters.limit - run_bits - 1;
        let mapped = golomb(bits, k, limit, parameters.qbpp)?;
        let doubled = mapped + kind_number;
        let odd = doubled & 1;
        let magnitude = (doubled + odd) / 2;
        let is_negative = (k != 0 || 2 * context.nn >= context.n) == (odd == 1);
        let error = if is_negative { -magnitude } else { magnitude };
        context.nn += i32::from(error < 0);
        context.a += (mapped + 1 - kind_number) >> 1;
        if context.n == parameters.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.nn >>= 1;
        }
        context.n += 1;
        Ok(match kind {
            Interruption::Step if left > above => parameters.rebuilt(above, -error),
            Interruption::Step => parameters.rebuilt(above, error),
            Interruption::Flat => parameters.rebuilt(left, error),
        })
    }
}

impl Context {
    #[inline]
    fn learn(&mut self, error: i32, parameters: &Parameters) {
        self.b += error * (2 * parameters.near + 1);
        self.a += error.abs();
        if self.n == parameters.reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

impl Parameters {
    /// The sample that the coder saw, as near as it was written (T.87 §A.4.5).
    #[inline]
    fn rebuilt(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut sample = predicted + error * step;
        if sample < -self.near {
            sample += self.range * step;
        } else if sample > self.maxval + self.near {
            sample -= self.range * step;
        }
        sample.clamp(0, self.maxval)
    }
}

/// The parameter of the code for errors of this size (T.87 §A.5.1).
#[inline]
fn parameter(n: i32, a: i32) -> u32 {
    (0..MAX_K).find(|k| (n << k) >= a).unwrap_or(MAX_K)
}

/// A number in a Golomb code that is no longer than `limit` bits (T.87 §A.5.3).
#[inline]
fn golomb(bits: &mut Bits<'_>, k: u32, limit: u32, qbpp: u32) -> Result<i32, PixelError> {
    let longest = limit.saturating_sub(qbpp + 1);
    let zeros = bits.zeros(longest)?;
    let number = if zeros < longest { (zeros << k) | bits.take(k)? } else { bits.take(qbpp)? + 1 };
    Ok(i32::try_from(number).unwrap_or_default())
}
