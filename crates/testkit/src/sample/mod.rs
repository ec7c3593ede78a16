//! Synthetic studies as DICOM files (PS3.10 §7), made byte by byte from a number.
//!
//! Lives here: which studies there are and what a caller gets of them. The attributes are in `content`, the
//! picture in `image`, the bytes in `writer`. The same seed gives the same bytes, always.

mod content;
mod image;
mod people;
mod random;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use causeway_core::transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
use causeway_core::{Identifiers, Uid};

use content::{Place, Session};
use image::Phantom;
use people::Patient;
use random::Random;

/// What made the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Computed tomography: 512 by 512 pixels, 525 KB a file.
    Ct,
    /// Magnetic resonance: 128 by 128 pixels, 33 KB a file.
    Mr,
}

impl Modality {
    /// The value of Modality (0008,0060).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ct => "CT",
            Self::Mr => "MR",
        }
    }

    /// CT or MR Image Storage (PS3.4 §B.5).
    const fn sop_class(self) -> &'static str {
        match self {
            Self::Ct => "1.2.840.10008.5.1.4.1.1.2",
            Self::Mr => "1.2.840.10008.5.1.4.1.1.4",
        }
    }

    const fn edge(self) -> u16 {
        match self {
            Self::Ct => 512,
            Self::Mr => 128,
        }
    }
}

/// What a UID is made for, so that no two are the same.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Named {
    Study,
    Series,
    Instance,
    FrameOfReference,
}

/// A study that can be made. Studies of one seed and different modality are of the same patient.
#[derive(Debug, Clone)]
pub struct Study {
    seed: u64,
    modality: Modality,
    series: u32,
    instances_per_series: u32,
    edge: u16,
    uid: Uid,
    patient: Patient,
    session: Session,
}

/// One file of a study.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its UIDs.
    pub ids: Identifiers,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// The transfer syntax its data set is in: Explicit VR Little Endian.
    pub transfer_syntax: Uid,
    /// The whole file: preamble, File Meta Information, data set.
    pub file: Vec<u8>,
    /// Where in the file the data set begins.
    pub data_set_offset: usize,
}

impl Sample {
    /// The data set alone, as C-STORE carries it.
    #[must_use]
    pub fn data_set(&self) -> &[u8] {
        self.file.get(self.data_set_offset..).unwrap_or_default()
    }
}

impl Study {
    /// The study of `seed` and `modality`, with `series` series of `instances_per_series` instances each.
    #[must_use]
    pub fn new(seed: u64, modality: Modality, series: u32, instances_per_series: u32) -> Self {
        let session = Session::of(seed, modality);
        Self {
            seed,
            modality,
            series,
            instances_per_series,
            edge: modality.edge(),
            uid: made_uid(seed, modality, Named::Study, 0, 0),
            patient: Patient::of(seed),
            session,
        }
    }

    /// The same study with pictures of `edge` by `edge` pixels: small files, where only their number matters.
    #[must_use]
    pub fn with_edge(mut self, edge: u16) -> Self {
        self.edge = edge.max(1);
        self
    }

    /// Study Instance UID.
    #[must_use]
    pub const fn uid(&self) -> &Uid {
        &self.uid
    }

    /// Patient ID.
    #[must_use]
    pub fn patient_id(&self) -> &str {
        &self.patient.id
    }

    /// Patient's Name, in UTF-8.
    #[must_use]
    pub fn patient_name(&self) -> &str {
        &self.patient.name
    }

    /// Accession Number, another for each seed and modality.
    #[must_use]
    pub fn accession(&self) -> &str {
        &self.session.accession
    }

    /// How many files it is.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::from(self.series) * u64::from(self.instances_per_series)
    }

    /// Whether it is without files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its files, series by series, each made when it is asked for.
    pub fn instances(&self) -> impl Iterator<Item = Sample> {
        let phantom = Phantom::draw(self.modality, self.edge, self.random(Named::Study, 0, 1));
        (0..self.series)
            .flat_map(|series| (0..self.instances_per_series).map(move |instance| (series, instance)))
            .map(move |(series, instance)| self.sample(&phantom, series, instance))
    }

    /// Writes each file into `folder`, named by its SOP Instance UID, and returns their paths in order.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)?;
        let mut paths = Vec::new();
        for sample in self.instances() {
            let path = folder.join(format!("{}.dcm", sample.ids.instance.as_str()));
            std::fs::write(&path, &sample.file)?;
            paths.push(path);
        }
        Ok(paths)
    }

    fn sample(&self, phantom: &Phantom, series: u32, instance: u32) -> Sample {
        let ids = Identifiers {
            study: self.uid.clone(),
            series: self.named(Named::Series, series, 0),
            instance: self.named(Named::Instance, series, instance),
        };
        let sop_class = self.modality.sop_class();
        let mut file = writer::head(
            sop_class,
            ids.instance.as_str(),
            EXPLICIT_VR_LITTLE_ENDIAN,
            self.session.station.as_str(),
        );
        let data_set_offset = file.len();
        let place = Place {
            ids: &ids,
            frame_of_reference: self.named(Named::FrameOfReference, 0, 0),
            series,
            instance,
        };
        let pixels = phantom.slice(instance, self.instances_per_series);
        file.extend(content::data_set(self, &place, &pixels));
        Sample {
            ids,
            sop_class: known_uid(sop_class),
            transfer_syntax: known_uid(EXPLICIT_VR_LITTLE_ENDIAN),
            file,
            data_set_offset,
        }
    }

    fn named(&self, what: Named, series: u32, instance: u32) -> Uid {
        made_uid(self.seed, self.modality, what, series, instance)
    }

    fn random(&self, what: Named, series: u32, instance: u32) -> Random {
        random_of(self.seed, self.modality, what, series, instance)
    }
}

fn random_of(seed: u64, modality: Modality, what: Named, series: u32, instance: u32) -> Random {
    Random::of(&[seed, modality as u64, what as u64, u64::from(series), u64::from(instance)])
}

/// A UID under `2.25.`, which needs no registration (PS3.5 §B.2).
fn made_uid(seed: u64, modality: Modality, what: Named, series: u32, instance: u32) -> Uid {
    known_uid(&format!("2.25.{}", random_of(seed, modality, what, series, instance).uuid()))
}

#[expect(clippy::expect_used, reason = "every caller passes digits and dots, 44 characters at most")]
fn known_uid(text: &str) -> Uid {
    Uid::parse(text).expect("a UID")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The elements of a data set of the top level, by tag; fails unless tags ascend and lengths are even.
    fn walk(bytes: &[u8]) -> BTreeMap<u32, &[u8]> {
        let mut found = BTreeMap::new();
        let mut at = 0;
        let mut before = 0;
        while at < bytes.len() {
            let group = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let element = u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]);
            let tag = (u32::from(group) << 16) | u32::from(element);
            assert!(tag > before, "{tag:08X} after {before:08X}");
            before = tag;
            let (start, length) = match &bytes[at + 4..at + 6] {
                b"OB" | b"OW" | b"SQ" => {
                    (at + 12, u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize)
                }
                _ => (at + 8, usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]))),
            };
            assert_eq!(length % 2, 0, "{tag:08X}");
            found.insert(tag, &bytes[start..start + length]);
            at = start + length;
        }
        found
    }

    fn text<'a>(elements: &BTreeMap<u32, &'a [u8]>, tag: u32) -> &'a str {
        std::str::from_utf8(elements[&tag]).unwrap().trim_end_matches([' ', '\0'])
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let files = |seed| -> Vec<Vec<u8>> {
            Study::new(seed, Modality::Mr, 1, 2).with_edge(16).instances().map(|sample| sample.file).collect()
        };
        assert_eq!(files(5), files(5));
        assert_ne!(files(5), files(6));
    }

    #[test]
    fn the_data_set_says_what_the_study_says() {
        for modality in [Modality::Ct, Modality::Mr] {
            let study = Study::new(11, modality, 2, 2).with_edge(8);
            let sample = study.instances().last().unwrap();
            let elements = walk(sample.data_set());
            assert_eq!(text(&elements, 0x0010_0020), study.patient_id());
            assert_eq!(text(&elements, 0x0010_0010), study.patient_name());
            assert_eq!(text(&elements, 0x0008_0050), study.accession());
            assert_eq!(text(&elements, 0x0020_000D), study.uid().as_str());
            assert_eq!(text(&elements, 0x0020_000E), sample.ids.series.as_str());
            assert_eq!(text(&elements, 0x0008_0018), sample.ids.instance.as_str());
            assert_eq!(text(&elements, 0x0008_0016), sample.sop_class.as_str());
            assert_eq!((text(&elements, 0x0020_0011), text(&elements, 0x0020_0013)), ("2", "2"));
            assert_eq!(elements[&0x7FE0_0010].len(), 8 * 8 * 2);
        }
    }

    #[test]
    fn the_file_meta_information_names_the_same_instance() {
        let sample = Study::new(1, Modality::Ct, 1, 1).with_edge(8).instances().next().unwrap();
        let meta = walk(&sample.file[132..sample.data_set_offset]);
        assert_eq!(text(&meta, 0x0002_0002), sample.sop_class.as_str());
        assert_eq!(text(&meta, 0x0002_0003), sample.ids.instance.as_str());
        assert_eq!(text(&meta, 0x0002_0010), sample.transfer_syntax.as_str());
    }

    #[test]
    fn files_have_the_sizes_that_the_benchmark_speaks_of() {
        let bytes = |modality| Study::new(1, modality, 1, 1).instances().next().unwrap().file.len();
        assert!((33_000..35_000).contains(&bytes(Modality::Mr)), "{}", bytes(Modality::Mr));
        assert!((524_288..527_000).contains(&bytes(Modality::Ct)), "{}", bytes(Modality::Ct));
    }

    #[test]
    fn no_two_instances_share_a_uid() {
        let mut instances = BTreeSet::new();
        let mut series = BTreeSet::new();
        for seed in 0..20 {
            for modality in [Modality::Ct, Modality::Mr] {
                for sample in Study::new(seed, modality, 3, 4).with_edge(1).instances() {
                    assert!(instances.insert(sample.ids.instance.clone()));
                    series.insert(sample.ids.series);
                    assert!(sample.ids.study.as_str().starts_with("2.25."));
                }
            }
        }
        assert_eq!((instances.len(), series.len()), (20 * 2 * 12, 20 * 2 * 3));
    }

    #[test]
    fn a_patient_has_studies_of_both_modalities_under_accessions_of_their_own() {
        let (ct, mr) = (Study::new(8, Modality::Ct, 1, 1), Study::new(8, Modality::Mr, 1, 1));
        assert_eq!((ct.patient_id(), ct.patient_name()), (mr.patient_id(), mr.patient_name()));
        assert_ne!(ct.accession(), mr.accession());
        assert_ne!(ct.uid(), mr.uid());
    }

    #[test]
    fn every_file_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let study = Study::new(2, Modality::Mr, 2, 3).with_edge(4);
        let paths = study.write_to(&folder.path().join("study")).unwrap();
        assert_eq!(paths.len() as u64, study.len());
        let first = study.instances().next().unwrap();
        assert_eq!(std::fs::read(&paths[0]).unwrap(), first.file);
        assert!(!study.is_empty());
    }
}
