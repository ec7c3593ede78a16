//! Bytes in pieces of uneven sizes, the same ones for the same seed.

/// The pieces of `bytes`; seed 0 leaves them whole. Small seeds make small pieces.
pub(crate) fn chunks(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let longest = usize::from(seed).max(1);
        let drawn = usize::from(state.to_be_bytes()[0]) % longest + 1;
        let size = if seed == 0 { rest.len() } else { drawn.min(rest.len()) };
        let (piece, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        rest = behind;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_whole_again() {
        let bytes: Vec<u8> = (0..=255).collect();
        for seed in 0..=255 {
            assert_eq!(chunks(&bytes, seed).collect::<Vec<_>>().concat(), bytes);
        }
        assert_eq!(chunks(&bytes, 0).count(), 1);
        assert_eq!(chunks(&bytes, 1).count(), 256);
    }
}
