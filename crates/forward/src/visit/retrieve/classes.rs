//! Which SOP classes a C-GET makes room for.

use std::collections::BTreeSet;

use causeway_core::Uid;

use crate::visit::survey::Listed;

/// Most SOP classes that fit one C-GET: its own context is the 128th.
const MAX_CLASSES: usize = 127;

/// The SOP classes to be given: those listed, else the usual ones.
pub(super) fn sop_classes(listed: Option<&Listed>) -> Vec<Uid> {
    let told: BTreeSet<&Uid> = listed.into_iter().flat_map(|listed| listed.values().flatten()).collect();
    let told: Vec<Uid> = told.into_iter().take(MAX_CLASSES).cloned().collect();
    if !told.is_empty() {
        return told;
    }
    USUAL.iter().filter_map(|uid| Uid::parse(uid).ok()).collect()
}

/// What most studies are made of, for a remote that does not say: with these there is room for the two plain encodings
/// and the most common compressed ones. In the order of PS3.4 Table B.5-1.
const USUAL: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.1",      // Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",    // Digital X-Ray - For Presentation
    "1.2.840.10008.5.1.4.1.1.1.2",    // Digital Mammography X-Ray - For Presentation
    "1.2.840.10008.5.1.4.1.1.2",      // CT
    "1.2.840.10008.5.1.4.1.1.2.1",    // Enhanced CT
    "1.2.840.10008.5.1.4.1.1.3.1",    // Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.4",      // MR
    "1.2.840.10008.5.1.4.1.1.4.1",    // Enhanced MR
    "1.2.840.10008.5.1.4.1.1.6.1",    // Ultrasound
    "1.2.840.10008.5.1.4.1.1.7",      // Secondary Capture
    "1.2.840.10008.5.1.4.1.1.7.4",    // Multi-frame True Color Secondary Capture
    "1.2.840.10008.5.1.4.1.1.11.1",   // Grayscale Softcopy Presentation State
    "1.2.840.10008.5.1.4.1.1.12.1",   // X-Ray Angiographic
    "1.2.840.10008.5.1.4.1.1.12.2",   // X-Ray Radiofluoroscopic
    "1.2.840.10008.5.1.4.1.1.13.1.3", // Breast Tomosynthesis
    "1.2.840.10008.5.1.4.1.1.20",     // Nuclear Medicine
    "1.2.840.10008.5.1.4.1.1.66",     // Raw Data
    "1.2.840.10008.5.1.4.1.1.66.4",   // Segmentation
    "1.2.840.10008.5.1.4.1.1.77.1.4", // VL Photographic
    "1.2.840.10008.5.1.4.1.1.88.11",  // Basic Text SR
    "1.2.840.10008.5.1.4.1.1.88.22",  // Enhanced SR
    "1.2.840.10008.5.1.4.1.1.88.33",  // Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.59",  // Key Object Selection
    "1.2.840.10008.5.1.4.1.1.88.67",  // X-Ray Radiation Dose SR
    "1.2.840.10008.5.1.4.1.1.104.1",  // Encapsulated PDF
    "1.2.840.10008.5.1.4.1.1.128",    // Positron Emission Tomography
    "1.2.840.10008.5.1.4.1.1.481.1",  // RT Image
    "1.2.840.10008.5.1.4.1.1.481.2",  // RT Dose
    "1.2.840.10008.5.1.4.1.1.481.3",  // RT Structure Set
    "1.2.840.10008.5.1.4.1.1.481.5",  // RT Plan
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_listed_are_taken_once_each_within_the_bound_and_the_usual_ones_otherwise() {
        let listed = |count: usize| -> Listed {
            let uid = |text: String| Uid::parse(&text).unwrap();
            (0..2 * count)
                .map(|n| (uid(format!("1.2.{n}")), Some(uid(format!("1.3.{}", n % count)))))
                .collect()
        };
        for (count, taken) in [(1, 1), (127, 127), (128, 127)] {
            assert_eq!(sop_classes(Some(&listed(count))).len(), taken);
        }
        let usual = sop_classes(None);
        assert_eq!(usual.len(), USUAL.len());
        assert!(usual.iter().all(causeway_core::sop_class::is_storage));
        assert_eq!(sop_classes(Some(&Listed::new())), usual);
    }
}
