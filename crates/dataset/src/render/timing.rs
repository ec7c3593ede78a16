//! How long each frame of a film is shown (PS3.3 §C.7.6.5, §C.7.6.16.2). Pure.

use super::notes::{Notes, Place};
use super::tags;

/// Frames of a second where the data set says nothing.
const UNSAID_RATE: f64 = 10.0;
/// Shortest time that viewers heed, in hundredths of a second: what is shorter they show for ten of them.
const MIN_DELAY_HUNDREDTHS: u16 = 2;
/// Longest time of a frame, in milliseconds.
const MAX_DELAY_MILLISECONDS: f64 = 60_000.0;

/// How long frames are shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Timing {
    /// Each as long, in milliseconds.
    Even(f64),
    /// From each frame to the next, the first number before the first frame, in milliseconds.
    Steps(Vec<f64>),
}

impl Timing {
    /// What the data set says. The rate at which frames are meant to be seen comes before that at which they were taken.
    pub(super) fn of(notes: &Notes) -> Self {
        let rate = |tag| notes.decimal(tag).filter(|rate| *rate > 0.0).map(|rate| 1000.0 / rate);
        let time = |milliseconds: &f64| *milliseconds > 0.0;
        let steps: Vec<f64> = notes.decimals(tags::FRAME_TIME_VECTOR).collect();
        let is_by_steps = notes.get(Place::Image, tags::FRAME_INCREMENT_POINTER).is_some_and(|note| {
            let [group, element] = [tags::FRAME_TIME_VECTOR.group(), tags::FRAME_TIME_VECTOR.element()];
            note.bytes.chunks_exact(4).any(|tag| tag == [group.to_le_bytes(), element.to_le_bytes()].concat())
        });
        let even = || notes.decimal(tags::FRAME_TIME).filter(time);
        if let Some(milliseconds) = rate(tags::DISPLAY_RATE) {
            return Self::Even(milliseconds);
        }
        match even() {
            Some(milliseconds) if !is_by_steps || steps.len() < 2 => Self::Even(milliseconds),
            _ if steps.len() >= 2 => Self::Steps(steps),
            _ => Self::Even(rate(tags::CINE_RATE).unwrap_or(1000.0 / UNSAID_RATE)),
        }
    }

    /// How long the frame `index`, counted from 0, is shown, in hundredths of a second: what is lost in rounding one
    /// is made up for in another.
    pub(super) fn hundredths(&self, index: u32) -> u16 {
        let until = |index: u32| match self {
            Self::Even(milliseconds) => clamped(*milliseconds) * f64::from(index),
            Self::Steps(steps) => {
                let known = steps.len().saturating_sub(1);
                let index = index as usize;
                let sum: f64 = steps.iter().skip(1).take(index).copied().map(clamped).sum();
                let last = steps.last().copied().map_or(0.0, clamped);
                #[expect(clippy::cast_precision_loss, reason = "as many as a value of 192 KiB has")]
                let beyond = index.saturating_sub(known) as f64;
                sum + last * beyond
            }
        };
        let delay = (until(index.saturating_add(1)) / 10.0).round() - (until(index) / 10.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to a minute of hundredths; what is beyond saturates"
        )]
        let hundredths = delay as u16;
        hundredths.max(MIN_DELAY_HUNDREDTHS)
    }
}

/// A time that is one, and not without end.
fn clamped(milliseconds: f64) -> f64 {
    milliseconds.clamp(0.0, MAX_DELAY_MILLISECONDS)
}

#[cfg(test)]
mod tests {
    use causeway_core::Tag;

    use super::super::notes::Note;
    use super::*;

    fn notes(values: &[(Tag, &[u8])]) -> Notes {
        let mut notes = Notes::default();
        for (tag, bytes) in values {
            notes.put(Place::Image, *tag, Note { bytes: bytes.to_vec(), is_signed: None });
        }
        notes
    }

    fn delays(values: &[(Tag, &[u8])], count: u32) -> Vec<u16> {
        let timing = Timing::of(&notes(values));
        (0..count).map(|index| timing.hundredths(index)).collect()
    }

    #[test]
    fn a_film_takes_the_time_that_is_said() {
        assert_eq!(delays(&[], 2), [10, 10]);
        assert_eq!(delays(&[(tags::FRAME_TIME, b"40 ")], 2), [4, 4]);
        assert_eq!(delays(&[(tags::FRAME_TIME, b"33.3")], 6), [3, 4, 3, 3, 4, 3]);
        assert_eq!(delays(&[(tags::CINE_RATE, b"5 ")], 2), [20, 20]);
        assert_eq!(
            delays(&[(tags::FRAME_TIME, b"40 "), (tags::DISPLAY_RATE, b"25"), (tags::CINE_RATE, b"5 ")], 1),
            [4]
        );
        let vector: &[u8] = b"0\\100\\300";
        assert_eq!(delays(&[(tags::FRAME_TIME_VECTOR, vector)], 4), [10, 30, 30, 30]);
        let both = [(tags::FRAME_TIME_VECTOR, vector), (tags::FRAME_TIME, b"40 ".as_slice())];
        assert_eq!(delays(&both, 2), [4, 4]);
        let pointed = [both[0], both[1], (tags::FRAME_INCREMENT_POINTER, b"\x18\0\x65\x10".as_slice())];
        assert_eq!(delays(&pointed, 2), [10, 30]);
    }

    #[test]
    fn times_are_bounded_at_below_and_above() {
        for (time, hundredths) in [
            (b"19".as_slice(), 2),
            (b"21", 2),
            (b"30", 3),
            (b"1", 2),
            (b"-5", 10),
            (b"0", 10),
            (b"60000", 6000),
            (b"1e99", 6000),
            (b"abc", 10),
        ] {
            assert_eq!(delays(&[(tags::FRAME_TIME, time)], 1), [hundredths], "{time:?}");
        }
    }
}
