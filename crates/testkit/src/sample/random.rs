//! Numbers that look random and are the same for the same seed, on every machine and in every version: the
//! samples of a test that failed can be made again. (SplitMix64; not for secrets.)

const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A sequence of numbers.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The sequence that belongs to `words`, in this order.
    pub(super) fn of(words: &[u64]) -> Self {
        let mut state = GAMMA;
        for word in words {
            state = mixed(state ^ mixed(word.wrapping_add(GAMMA)));
        }
        Self(state)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mixed(self.0)
    }

    /// The next number, from `low` to `high` and both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1).max(1);
        low + self.next() % span
    }

    /// One of `choices`; the empty text when there are none.
    pub(super) fn choose(&mut self, choices: &[&'static str]) -> &'static str {
        let index =
            usize::try_from(self.next() % u64::try_from(choices.len().max(1)).unwrap_or(1)).unwrap_or(0);
        choices.get(index).copied().unwrap_or_default()
    }

    /// A UUID (RFC 9562, version 8: made as we like) as the number that follows `2.25.` (PS3.5 §B.2).
    pub(super) fn uuid(&mut self) -> u128 {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let bits = (bits & !(0xF << 76)) | (0x8 << 76);
        (bits & !(0x3 << 62)) | (0x2 << 62)
    }
}

fn mixed(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_give_the_same_sequence_and_others_another() {
        assert_eq!(Random::of(&[1, 2]).next(), Random::of(&[1, 2]).next());
        assert_ne!(Random::of(&[1, 2]).next(), Random::of(&[2, 1]).next());
        assert_ne!(Random::of(&[1]).next(), Random::of(&[1, 0]).next());
    }

    #[test]
    fn bounds_are_kept() {
        let mut random = Random::of(&[7]);
        for _ in 0..1000 {
            assert!((3..=5).contains(&random.between(3, 5)));
        }
        assert_eq!(random.between(9, 9), 9);
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let uuid = Random::of(&[1]).uuid();
        assert_eq!((uuid >> 76) & 0xF, 8);
        assert_eq!((uuid >> 62) & 0x3, 2);
    }
}
