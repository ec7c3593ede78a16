//! Colours from one space to another, by the profiles of the two (PS3.18 §8.3.5.1.5).

use bytes::Bytes;
use moxcms::{ColorProfile, Layout, TransformOptions};

use super::RenderError;
use super::raster::Raster;

/// What turns colours of one profile into colours of another. Both are of red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversion {
    pub(super) from: Bytes,
    pub(super) to: Bytes,
}

impl Conversion {
    /// The picture in colours of the other profile.
    pub(super) fn convert(&self, raster: &Raster) -> Result<Raster, RenderError> {
        let unfit = |error: &dyn std::fmt::Display| {
            RenderError::NotRendered(format!(
                "its colour profile cannot be used to convert its colours: {error}"
            ))
        };
        let profile = |bytes: &Bytes| ColorProfile::new_from_slice(bytes).map_err(|error| unfit(&error));
        let (from, to) = (profile(&self.from)?, profile(&self.to)?);
        let transform = from
            .create_transform_8bit(Layout::Rgb, &to, Layout::Rgb, TransformOptions::default())
            .map_err(|error| unfit(&error))?;
        let source = raster.coloured();
        let mut bytes = vec![0; source.bytes.len()];
        transform.transform(&source.bytes, &mut bytes).map_err(|error| unfit(&error))?;
        Ok(Raster { bytes, ..source })
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::Space;
    use super::super::raster::Channels;
    use super::*;

    fn converted(from: Space, to: Space, pixel: [u8; 3]) -> Vec<u8> {
        let raster = Raster { width: 1, height: 1, channels: Channels::Rgb, bytes: pixel.to_vec() };
        let conversion = Conversion { from: from.profile().into(), to: to.profile().into() };
        conversion.convert(&raster).unwrap().bytes
    }

    fn assert_near(found: &[u8], wanted: [u8; 3]) {
        assert!(
            found.iter().zip(wanted).all(|(one, other)| one.abs_diff(other) <= 1),
            "{found:?} {wanted:?}"
        );
    }

    #[test]
    fn colours_come_out_in_the_other_space() {
        assert_near(&converted(Space::Srgb, Space::AdobeRgb, [255, 255, 255]), [255, 255, 255]);
        assert_near(&converted(Space::Srgb, Space::AdobeRgb, [255, 0, 0]), [219, 0, 0]);
        assert_near(&converted(Space::AdobeRgb, Space::Srgb, [219, 0, 0]), [255, 0, 0]);
        assert_near(&converted(Space::Srgb, Space::Srgb, [10, 100, 200]), [10, 100, 200]);
        for pixel in [[20, 130, 60], [200, 180, 90], [128, 128, 128]] {
            let there = converted(Space::Srgb, Space::RommRgb, pixel);
            let back = converted(Space::RommRgb, Space::Srgb, [there[0], there[1], there[2]]);
            assert!(
                back.iter().zip(pixel).all(|(one, other)| one.abs_diff(other) <= 4),
                "{back:?} {pixel:?}"
            );
        }
    }

    #[test]
    fn grey_becomes_three_equal_samples_and_a_broken_profile_is_told() {
        let raster = Raster { width: 1, height: 1, channels: Channels::Grey, bytes: vec![90] };
        let conversion = Conversion { from: Space::Srgb.profile().into(), to: Space::Srgb.profile().into() };
        assert_eq!(conversion.convert(&raster).unwrap().bytes, [90; 3]);
        let broken = Conversion { from: Bytes::from_static(&[0; 200]), to: Space::Srgb.profile().into() };
        assert!(matches!(broken.convert(&raster), Err(RenderError::NotRendered(_))));
    }
}
