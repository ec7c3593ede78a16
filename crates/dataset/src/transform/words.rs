//! Descriptions of which only words stay that are known to tell nothing of a person (PS3.15 §E.3.5).
//!
//! Nobody can list all that tells who somebody is, so the list is of what does not: words of anatomy, technique and
//! geometry, and short numbers. Everything else goes, and what an identifying attribute of the same data set says
//! goes even when it is such a word.

use std::collections::BTreeSet;

/// Longest number that stays, in digits: longer ones may be IDs or dates.
const MAX_DIGITS: usize = 3;

/// In lower case.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "2d", "3d", "4d", "abd", "abdomen", "abdominal", "ac", "acquisition", "adc", "add", "adrenal", "after", "amplitude", "and",
    "angio", "angiography", "ankle", "anterior", "anteroposterior", "aorta", "ap", "apex", "arm", "arterial", "artery",
    "asl", "aspect", "assessment", "attenuation", "average", "ax", "axial", "axillary", "b0", "b1000", "b500", "back",
    "baseline", "before", "bilateral", "biopsy", "bladder", "body", "bold", "bone", "bowel", "brain", "breast", "breath",
    "bronchus", "c", "calcium", "calibration", "cardiac", "carotid", "cavity", "cc", "cerebral", "cervical", "chest",
    "cine", "clavicle", "coil", "colon", "color", "colour", "column", "contrast", "cor", "coronal", "coronary", "cr",
    "cranial", "craniocaudal", "cranium", "ct", "cta", "curved", "cut", "data", "ddr", "decubitus", "delay", "delayed",
    "diffusion", "digital", "distal", "dixon", "doppler", "dorsal", "dose", "dr", "dti", "dual", "dwi", "dx", "dynamic",
    "early", "ecg", "echo", "elbow", "endoscopy", "enhanced", "enhancement", "epi", "esophagus", "evaluation", "exam",
    "examination", "extension", "extremity", "eye", "face", "facial", "fast", "fat", "femur", "ffe", "fiesta", "finger",
    "first", "fl2d", "fl3d", "flair", "flash", "flexion", "flow", "fluid", "fluoroscopy", "fmri", "follow", "followup",
    "foot", "for", "forearm", "fov", "from", "frontal", "fse", "full", "functional", "fusion", "gallbladder", "gated",
    "gland", "gradient", "gre", "hand", "haste", "head", "heart", "helical", "hip", "hires", "history", "hold", "humerus",
    "iac", "image", "images", "in", "inferior", "inguinal", "injection", "inversion", "ir", "isotropic", "iv", "ivim",
    "jaw", "joint", "joints", "kidney", "kidneys", "knee", "kv", "lao", "lat", "late", "lateral", "left", "leg", "limb",
    "liver", "ll", "localiser", "localizer", "loss", "low", "lower", "lumbar", "lung", "lungs", "mammo",
    "mammography", "map", "mask", "maxilla", "mandible", "mean", "measurement", "medial", "mediastinum", "mediolateral",
    "medium", "mid", "mip", "ml", "mlo", "mm", "motion", "mpr", "mprage", "mr", "mra", "mri", "muscle", "nasal", "native",
    "neck", "nerve", "nm", "no", "non", "nose", "oblique", "of", "opposed", "optic", "or", "oral", "orbit", "orbits",
    "ovary", "pa", "pancreas", "parallel", "pd", "pelvis", "perfusion", "pet", "phantom", "phase", "physiological",
    "pituitary", "plain", "plane", "portal", "position", "post", "posterior", "posteroanterior", "pre", "processed",
    "prone", "propeller", "prostate", "protocol", "proton", "proximal", "pulmonary", "quality", "r", "radial",
    "radiograph", "radiography", "radius", "rao", "raw", "ray", "recon", "reconstruction", "rectum", "reformat",
    "region", "renal", "resolution", "rest", "rib", "ribs", "right", "routine", "sacrum", "sag", "sagittal", "scan",
    "scapula", "scout", "screening", "se", "segmentation", "sella", "sequence", "series", "shoulder", "si", "single",
    "sinus", "sinuses", "skin", "skull", "slice", "slices", "soft", "spin", "spine", "spiral", "spleen", "ssfse",
    "standard", "static", "std", "sternum", "stir", "stomach", "stress", "study", "subtraction", "superior", "supine",
    "surface", "survey", "suv", "swi", "t1", "t1w", "t2", "t2w", "temporal", "test", "the", "thick", "thickness", "thigh",
    "thin", "thoracic", "thorax", "thumb", "thyroid", "tibia", "time", "tissue", "to", "toe", "tof", "tongue", "total",
    "trace", "trachea", "transverse", "trauma", "tse", "turbo", "ulna", "ultrasound", "unilateral", "up", "upper",
    "ureter", "urethra", "us", "uterus", "v", "vascular", "vein", "venous", "ventral", "vessel", "vibe", "view", "views",
    "volume", "water", "weight", "weighted", "wholebody", "wide", "window", "with", "without", "wrist", "x", "xa",
    "xr",
];

/// Texts of a data set that must not stay, in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Telling(BTreeSet<String>);

impl Telling {
    /// Takes in the words of an identifying value.
    pub(super) fn add(&mut self, value: &str) {
        self.0.extend(words(value).map(str::to_lowercase));
    }

    fn has(&self, word: &str) -> bool {
        self.0.contains(word)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_harmless(word: &str) -> bool {
    let is_number = word.len() <= MAX_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number || WORDS.contains(&word)
}

/// What stays of a text, its words one blank apart; empty where none does.
pub(super) fn clean(text: &str, telling: &Telling) -> String {
    let kept = words(text).filter(|word| {
        let word = word.to_lowercase();
        is_harmless(&word) && !telling.has(&word)
    });
    kept.collect::<Vec<_>>().join(" ")
}

/// The meaning of a code (PS3.3 §8.3), which stays whole unless it says something of this very data set or holds a
/// long number.
pub(super) fn clean_meaning(text: &str, telling: &Telling) -> Option<String> {
    let tells = words(text).any(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let lower = word.to_lowercase();
        digits > MAX_DIGITS || (telling.has(&lower) && !is_harmless(&lower))
    });
    (!tells).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_tell_nothing_stays() {
        let mut telling = Telling::default();
        telling.add("Head^Mary");
        for (text, expected) in [
            ("CT CHEST with contrast, 3 mm", "CT CHEST with contrast 3 mm"),
            ("MR Brain Mary Miller 19700101", "MR Brain"),
            ("Head T2", "T2"),
            ("12345", ""),
            ("", ""),
        ] {
            assert_eq!(clean(text, &telling), expected);
        }
    }

    #[test]
    fn the_meaning_of_a_code_stays_unless_it_tells() {
        let mut telling = Telling::default();
        telling.add("Miller^Mary");
        assert_eq!(
            clean_meaning("Imaging Measurement Report", &telling).as_deref(),
            Some("Imaging Measurement Report")
        );
        assert_eq!(clean_meaning("Miller's nodule", &telling), None);
        assert_eq!(clean_meaning("MRN 4711222", &telling), None);
    }
}
