//! The attributes: what a CT or MR image must say (PS3.3 §A.3, §A.4), and what people search by.

use causeway_core::{Identifiers, Uid, Vr};

use super::people::{self, ISSUER};
use super::random::Random;
use super::writer::Writer;
use super::{Modality, Study};

/// What is the same for all images of a study.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) accession: String,
    pub(super) station: String,
    date: String,
    second: u32,
    physician: &'static str,
    number: String,
}

impl Session {
    pub(super) fn of(seed: u64, modality: Modality) -> Self {
        let mut random = Random::of(&[seed, modality as u64, 2]);
        let name = modality.as_str();
        Self {
            accession: format!("{name}{:010}", seed % 10_000_000_000),
            station: format!("{name}SCANNER{}", random.between(1, 4)),
            date: people::date(&mut random, 2021, 2024),
            second: people::second_of_day(&mut random),
            physician: people::physician(&mut random),
            number: format!("{}", random.between(1000, 99_999)),
        }
    }
}

/// Where an image stands in its study.
pub(super) struct Place<'a> {
    pub(super) ids: &'a Identifiers,
    pub(super) frame_of_reference: Uid,
    /// Counted from 0.
    pub(super) series: u32,
    /// Counted from 0.
    pub(super) instance: u32,
}

impl Place<'_> {
    /// Seconds from the study's beginning to the series', and to the image's.
    fn delays(&self) -> (u32, u32) {
        let series = self.series.saturating_mul(180);
        (series, series.saturating_add(self.instance / 4))
    }

    /// Height of the slice, in millimetres.
    fn height(&self) -> String {
        let tenths = u64::from(self.instance) * 25;
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

/// The whole data set, its tags in order.
pub(super) fn data_set(study: &Study, place: &Place<'_>, pixels: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    identification(&mut out, study, place);
    patient(&mut out, study);
    acquisition(&mut out, study.modality);
    relationship(&mut out, study, place);
    presentation(&mut out, study);
    request(&mut out, study);
    out.bytes(0x7FE0, 0x0010, Vr::OW, pixels);
    out.into_bytes()
}

/// Group 0008.
fn identification(out: &mut Writer, study: &Study, place: &Place<'_>) {
    let session = &study.session;
    let (series, instance) = place.delays();
    let time_after = |delay: u32| people::time(session.second.saturating_add(delay));
    let kind = match study.modality {
        Modality::Ct => "ORIGINAL\\PRIMARY\\AXIAL",
        Modality::Mr => "ORIGINAL\\PRIMARY\\M\\SE",
    };
    let region = match study.modality {
        Modality::Ct => "CT Schädel nativ",
        Modality::Mr => "MR Kopf",
    };
    out.text(0x0008, 0x0005, Vr::CS, "ISO_IR 192");
    out.text(0x0008, 0x0008, Vr::CS, kind);
    out.text(0x0008, 0x0012, Vr::DA, &session.date);
    out.text(0x0008, 0x0013, Vr::TM, &time_after(instance));
    out.text(0x0008, 0x0016, Vr::UI, study.modality.sop_class());
    out.text(0x0008, 0x0018, Vr::UI, place.ids.instance.as_str());
    for element in 0x0020..=0x0023 {
        out.text(0x0008, element, Vr::DA, &session.date);
    }
    for (element, delay) in [(0x0030, 0), (0x0031, series), (0x0032, instance), (0x0033, instance)] {
        out.text(0x0008, element, Vr::TM, &time_after(delay));
    }
    out.text(0x0008, 0x0050, Vr::SH, &session.accession);
    out.text(0x0008, 0x0060, Vr::CS, study.modality.as_str());
    out.text(0x0008, 0x0070, Vr::LO, "Causeway");
    out.text(0x0008, 0x0080, Vr::LO, "Sample Hospital");
    out.text(0x0008, 0x0090, Vr::PN, session.physician);
    out.text(0x0008, 0x0201, Vr::SH, "+0000");
    out.text(0x0008, 0x1010, Vr::SH, &session.station);
    out.text(0x0008, 0x1030, Vr::LO, region);
    out.text(0x0008, 0x103E, Vr::LO, series_description(study.modality, place.series));
    out.text(0x0008, 0x1090, Vr::LO, "Phantom");
}

fn series_description(modality: Modality, series: u32) -> &'static str {
    match (modality, series % 4) {
        (Modality::Ct, 0) => "Head 2.5 soft tissue",
        (Modality::Ct, 1) => "Head 2.5 bone",
        (Modality::Ct, 2) => "Head 2.5 angio",
        (Modality::Ct, _) => "Head 2.5 late",
        (Modality::Mr, 0) => "T1 SE tra",
        (Modality::Mr, 1) => "T2 TSE tra",
        (Modality::Mr, 2) => "T2 FLAIR tra",
        (Modality::Mr, _) => "T1 SE tra KM",
    }
}

/// Group 0010.
fn patient(out: &mut Writer, study: &Study) {
    out.text(0x0010, 0x0010, Vr::PN, &study.patient.name);
    out.text(0x0010, 0x0020, Vr::LO, &study.patient.id);
    out.text(0x0010, 0x0021, Vr::LO, ISSUER);
    out.text(0x0010, 0x0030, Vr::DA, &study.patient.birth_date);
    out.text(0x0010, 0x0040, Vr::CS, study.patient.sex);
}

/// Group 0018.
fn acquisition(out: &mut Writer, modality: Modality) {
    out.text(0x0018, 0x0015, Vr::CS, "HEAD");
    match modality {
        Modality::Ct => {
            out.text(0x0018, 0x0050, Vr::DS, "2.5");
            out.text(0x0018, 0x0060, Vr::DS, "120");
            out.text(0x0018, 0x1151, Vr::IS, "240");
            out.text(0x0018, 0x1210, Vr::SH, "H30s");
        }
        Modality::Mr => {
            out.text(0x0018, 0x0020, Vr::CS, "SE");
            out.text(0x0018, 0x0021, Vr::CS, "SK");
            out.text(0x0018, 0x0022, Vr::CS, "");
            out.text(0x0018, 0x0023, Vr::CS, "2D");
            out.text(0x0018, 0x0050, Vr::DS, "2.5");
            out.text(0x0018, 0x0080, Vr::DS, "520");
            out.text(0x0018, 0x0081, Vr::DS, "12");
            out.text(0x0018, 0x0087, Vr::DS, "1.5");
            out.text(0x0018, 0x0091, Vr::IS, "1");
        }
    }
    out.text(0x0018, 0x5100, Vr::CS, "HFS");
}

/// Group 0020.
fn relationship(out: &mut Writer, study: &Study, place: &Place<'_>) {
    let height = place.height();
    out.text(0x0020, 0x000D, Vr::UI, place.ids.study.as_str());
    out.text(0x0020, 0x000E, Vr::UI, place.ids.series.as_str());
    out.text(0x0020, 0x0010, Vr::SH, &study.session.number);
    out.text(0x0020, 0x0011, Vr::IS, &place.series.saturating_add(1).to_string());
    out.text(0x0020, 0x0012, Vr::IS, "1");
    out.text(0x0020, 0x0013, Vr::IS, &place.instance.saturating_add(1).to_string());
    out.text(0x0020, 0x0032, Vr::DS, &format!("-120\\-120\\{height}"));
    out.text(0x0020, 0x0037, Vr::DS, "1\\0\\0\\0\\1\\0");
    out.text(0x0020, 0x0052, Vr::UI, place.frame_of_reference.as_str());
    out.text(0x0020, 0x1040, Vr::LO, "");
    out.text(0x0020, 0x1041, Vr::DS, &height);
}

/// Group 0028.
fn presentation(out: &mut Writer, study: &Study) {
    let (center, width) = match study.modality {
        Modality::Ct => ("40", "120"),
        Modality::Mr => ("450", "900"),
    };
    // The phantom is 240 mm wide; thousandths of a millimetre keep the spacing free of floating point.
    let spacing = 240_000 / u32::from(study.edge);
    let spacing = format!("{}.{:03}", spacing / 1000, spacing % 1000);
    out.short(0x0028, 0x0002, 1);
    out.text(0x0028, 0x0004, Vr::CS, "MONOCHROME2");
    out.short(0x0028, 0x0010, study.edge);
    out.short(0x0028, 0x0011, study.edge);
    out.text(0x0028, 0x0030, Vr::DS, &format!("{spacing}\\{spacing}"));
    out.short(0x0028, 0x0100, 16);
    out.short(0x0028, 0x0101, 12);
    out.short(0x0028, 0x0102, 11);
    out.short(0x0028, 0x0103, 0);
    out.text(0x0028, 0x1050, Vr::DS, center);
    out.text(0x0028, 0x1051, Vr::DS, width);
    if study.modality == Modality::Ct {
        out.text(0x0028, 0x1052, Vr::DS, "-1024");
        out.text(0x0028, 0x1053, Vr::DS, "1");
        out.text(0x0028, 0x1054, Vr::LO, "HU");
    }
}

/// Group 0040: the step and what was asked for.
fn request(out: &mut Writer, study: &Study) {
    let session = &study.session;
    out.text(0x0040, 0x0244, Vr::DA, &session.date);
    out.text(0x0040, 0x0245, Vr::TM, &people::time(session.second));
    out.text(0x0040, 0x0253, Vr::SH, &session.number);
    out.item(0x0040, 0x0275, |item| {
        item.text(0x0040, 0x0009, Vr::SH, &format!("S{}", session.number));
        item.text(0x0040, 0x1001, Vr::SH, &format!("R{}", session.number));
    });
}
