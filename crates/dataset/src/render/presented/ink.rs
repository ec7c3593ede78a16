//! What things are drawn in: P-Values as grey, and CIELab as red, green and blue (PS3.3 §C.10.7.1.1). Pure.

use super::super::raster::{Channels, Raster};

/// White of D50, which PCS-Values are relative to.
const D50: [f64; 3] = [0.9642, 1.0, 0.8249];
/// From XYZ relative to D50 to linear red, green and blue of sRGB.
const TO_RGB: [[f64; 3]; 3] = [
    [3.133_856_1, -1.616_866_7, -0.490_614_6],
    [-0.978_768_4, 1.916_141_5, 0.033_454_0],
    [0.071_945_3, -0.228_991_4, 1.405_242_7],
];

/// What a thing is drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink([u8; 3]);

impl Ink {
    pub(super) const WHITE: Self = Self([255; 3]);

    /// On grey it is the grey that counts, on colour the colour; each stands in for the other.
    pub(super) fn of(grey: Option<u16>, colour: Option<[u16; 3]>, channels: Channels) -> Self {
        match (channels, grey, colour) {
            (Channels::Grey, Some(grey), _) | (Channels::Rgb, Some(grey), None) => {
                Self([of_p_value(grey); 3])
            }
            (Channels::Rgb, _, Some(lab)) => Self(of_lab(lab)),
            (Channels::Grey, None, Some([lightness, ..])) => Self([of_p_value(lightness); 3]),
            (_, None, None) => Self::WHITE,
        }
    }

    /// Puts it into a pixel, where that lies in the picture.
    pub(super) fn put(self, raster: &mut Raster, x: i64, y: i64) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= raster.width || y >= raster.height {
            return;
        }
        let at = y as usize * raster.width as usize + x as usize;
        let Self([red, green, blue]) = self;
        match raster.channels {
            Channels::Grey => {
                if let Some(pixel) = raster.bytes.get_mut(at) {
                    *pixel = red;
                }
            }
            Channels::Rgb => {
                if let Some(pixel) = raster.bytes.get_mut(at * 3..at * 3 + 3) {
                    pixel.copy_from_slice(&[red, green, blue]);
                }
            }
        }
    }
}

/// Grey of 8 bits for one of 16.
fn of_p_value(value: u16) -> u8 {
    u8::try_from((u32::from(value) * 255 + 32_767) / 65_535).unwrap_or(u8::MAX)
}

fn of_lab([lightness, a, b]: [u16; 3]) -> [u8; 3] {
    let lightness = f64::from(lightness) * 100.0 / 65_535.0;
    let [a, b] = [a, b].map(|number| f64::from(number) * 255.0 / 65_535.0 - 128.0);
    let middle = (lightness + 16.0) / 116.0;
    let inverse = |part: f64| {
        let cube = part.powi(3);
        if cube > 216.0 / 24_389.0 { cube } else { (116.0 * part - 16.0) * 27.0 / 24_389.0 }
    };
    let [x0, y0, z0] = D50;
    let (x, y, z) =
        (x0 * inverse(middle + a / 500.0), y0 * inverse(middle), z0 * inverse(middle - b / 200.0));
    TO_RGB.map(|[of_x, of_y, of_z]| {
        let linear = (of_x * x + of_y * y + of_z * z).clamp(0.0, 1.0);
        let bent =
            if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        super::tone::shade(bent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lab_is_told_in_red_green_and_blue() {
        // Lightness in parts of 655.35 and chroma in parts of 257, as PCS-Values count them.
        let lab = |l: f64, a: f64, b: f64| {
            let number = |number: f64| format!("{:.0}", number.round()).parse::<u16>().unwrap();
            [number(l * 655.35), number((a + 128.0) * 257.0), number((b + 128.0) * 257.0)]
        };
        for (colour, wanted) in [
            (lab(100.0, 0.0, 0.0), [255, 255, 255]),
            (lab(0.0, 0.0, 0.0), [0, 0, 0]),
            (lab(54.29, 80.81, 69.89), [255, 0, 0]),
            (lab(87.82, -79.29, 80.99), [0, 255, 0]),
            (lab(29.57, 68.3, -112.03), [0, 0, 255]),
        ] {
            let found = of_lab(colour);
            let far = found.iter().zip(wanted).map(|(one, other): (&u8, u8)| one.abs_diff(other)).max();
            assert!(far <= Some(2), "{found:?} {wanted:?}");
        }
    }

    #[test]
    fn grey_and_colour_stand_in_for_each_other() {
        assert_eq!(Ink::of(Some(65_535), Some([0; 3]), Channels::Grey), Ink::WHITE);
        assert_eq!(Ink::of(Some(32_768), None, Channels::Rgb), Ink([128; 3]));
        assert_eq!(Ink::of(None, Some([65_535, 0x8080, 0x8080]), Channels::Grey), Ink::WHITE);
        assert_eq!(Ink::of(None, None, Channels::Rgb), Ink::WHITE);
    }

    #[test]
    fn pixels_outside_of_the_picture_are_passed_over() {
        let mut raster = Raster { width: 2, height: 1, channels: Channels::Rgb, bytes: vec![0; 6] };
        for (x, y) in [(-1, 0), (2, 0), (0, 1), (0, -1), (i64::MAX, i64::MIN)] {
            Ink::WHITE.put(&mut raster, x, y);
        }
        assert_eq!(raster.bytes, [0; 6]);
        Ink::WHITE.put(&mut raster, 1, 0);
        assert_eq!(raster.bytes, [0, 0, 0, 255, 255, 255]);
    }
}
