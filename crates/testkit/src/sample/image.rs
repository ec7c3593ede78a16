//! The picture: a head in section, cut through bone, brain and ventricles, with a bright spot that wanders from
//! slice to slice, so that one sees at once whether slices come in order, whole and the right way up.

use super::Modality;
use super::random::Random;

/// Half the picture's width, in the units that its shapes are drawn in.
const UNIT: i64 = 1024;

/// How bright each thing is, as stored.
struct Shades {
    outside: u16,
    bone: u16,
    brain: u16,
    ventricle: u16,
    spot: u16,
    /// What is added from the left edge to the right one.
    slope: i64,
}

const fn shades(modality: Modality) -> Shades {
    match modality {
        // Hounsfield units plus 1024, the negated Rescale Intercept (PS3.3 §C.11.1.1.2).
        Modality::Ct => {
            Shades { outside: 24, bone: 1900, brain: 1060, ventricle: 1030, spot: 1090, slope: 0 }
        }
        Modality::Mr => Shades { outside: 10, bone: 90, brain: 520, ventricle: 180, spot: 900, slope: 160 },
    }
}

/// A picture without its spot: the same for all slices of a study, so it is drawn once.
#[derive(Debug, Clone)]
pub(super) struct Phantom {
    edge: u16,
    spot: u16,
    pixels: Vec<u8>,
}

impl Phantom {
    /// Draws a square of `edge` by `edge` pixels of 16 bits, little endian, row by row.
    pub(super) fn draw(modality: Modality, edge: u16, mut random: Random) -> Self {
        let shades = shades(modality);
        let mut pixels = Vec::with_capacity(usize::from(edge) * usize::from(edge) * 2);
        for row in 0..edge {
            let y = coordinate(row, edge);
            for column in 0..edge {
                let x = coordinate(column, edge);
                let value = i64::from(shade_at(&shades, x, y)) + shades.slope * (x + UNIT) / (2 * UNIT);
                let noise = i64::try_from(random.next() & 0xF).unwrap_or(0) - 8;
                pixels.extend_from_slice(&stored(value + noise).to_le_bytes());
            }
        }
        Self { edge, spot: shades.spot, pixels }
    }

    /// The slice that lies at `position` of `total`: the phantom with the spot on its way round the middle.
    pub(super) fn slice(&self, position: u32, total: u32) -> Vec<u8> {
        let mut pixels = self.pixels.clone();
        let edge = i64::from(self.edge);
        let step = i64::from(position) * 8 / i64::from(total.max(1));
        let along = i64::from(position) * 8 * UNIT / i64::from(total.max(1)) - step * UNIT;
        let (from, to) = (corner(step), corner(step + 1));
        let x = (UNIT + from.0 + (to.0 - from.0) * along / UNIT) * edge / (2 * UNIT);
        let y = (UNIT + from.1 + (to.1 - from.1) * along / UNIT) * edge / (2 * UNIT);
        let radius = (edge / 24).max(1);
        for row in (y - radius)..=(y + radius) {
            for column in (x - radius)..=(x + radius) {
                let inside = (row - y).pow(2) + (column - x).pow(2) <= radius.pow(2);
                let start = usize::try_from((row * edge + column) * 2).unwrap_or(usize::MAX);
                let pixel = pixels.get_mut(start..start.saturating_add(2));
                if let (true, Some(pixel)) = (inside, pixel) {
                    pixel.copy_from_slice(&self.spot.to_le_bytes());
                }
            }
        }
        pixels
    }
}

/// The corners of the octagon on which the spot wanders.
fn corner(step: i64) -> (i64, i64) {
    const FAR: i64 = 520;
    const NEAR: i64 = 368;
    match step.rem_euclid(8) {
        0 => (0, -FAR),
        1 => (NEAR, -NEAR),
        2 => (FAR, 0),
        3 => (NEAR, NEAR),
        4 => (0, FAR),
        5 => (-NEAR, NEAR),
        6 => (-FAR, 0),
        _ => (-NEAR, -NEAR),
    }
}

fn coordinate(index: u16, edge: u16) -> i64 {
    (2 * i64::from(index) + 1) * UNIT / i64::from(edge.max(1)) - UNIT
}

fn stored(value: i64) -> u16 {
    u16::try_from(value.clamp(0, 4095)).unwrap_or(0)
}

fn shade_at(shades: &Shades, x: i64, y: i64) -> u16 {
    if !in_ellipse(x, y, 740, 900) {
        shades.outside
    } else if !in_ellipse(x, y, 680, 840) {
        shades.bone
    } else if in_ellipse(x - 130, y, 70, 260) || in_ellipse(x + 130, y, 70, 260) {
        shades.ventricle
    } else {
        shades.brain
    }
}

fn in_ellipse(x: i64, y: i64, across: i64, down: i64) -> bool {
    (x * down).pow(2) + (y * across).pow(2) <= (across * down).pow(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pixels: &[u8], edge: usize, row: usize, column: usize) -> u16 {
        let start = (row * edge + column) * 2;
        u16::from_le_bytes([pixels[start], pixels[start + 1]])
    }

    #[test]
    fn there_is_air_outside_bone_around_and_brain_inside() {
        let phantom = Phantom::draw(Modality::Ct, 64, Random::of(&[1]));
        assert_eq!(phantom.pixels.len(), 64 * 64 * 2);
        assert!(at(&phantom.pixels, 64, 0, 0) < 50);
        assert!(at(&phantom.pixels, 64, 32, 32) > 1000);
        assert!(phantom.pixels.chunks(2).any(|pixel| u16::from_le_bytes([pixel[0], pixel[1]]) > 1850));
    }

    #[test]
    fn the_spot_wanders() {
        let phantom = Phantom::draw(Modality::Mr, 64, Random::of(&[1]));
        let slices: Vec<_> = (0..8).map(|position| phantom.slice(position, 8)).collect();
        for pair in slices.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
        assert_eq!(at(&slices[0], 64, 15, 32), 900);
    }

    #[test]
    fn the_smallest_pictures_do_not_go_wrong() {
        for edge in 1..4 {
            let phantom = Phantom::draw(Modality::Mr, edge, Random::of(&[1]));
            assert_eq!(phantom.slice(0, 0).len(), usize::from(edge) * usize::from(edge) * 2);
            assert_eq!(phantom.slice(9, 3).len(), usize::from(edge) * usize::from(edge) * 2);
        }
    }
}
