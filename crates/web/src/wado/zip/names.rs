//! File IDs of a File-set (PS3.10 §8.2): at most eight characters, upper case letters and digits, nothing of the patient.

use causeway_core::{Identifiers, Uid};

/// Most files of one archive, and so most series of it and most files of a series: what six digits count.
pub(super) const MAX_FILES: usize = 999_999;

/// Gives each file its name, in the order in which they come, the files of a series one after another.
#[derive(Debug, Default)]
pub(super) struct Names {
    series: Option<Uid>,
    series_number: usize,
    file_number: usize,
}

impl Names {
    /// The components of the next file's name.
    pub(super) fn next(&mut self, ids: &Identifiers) -> [String; 5] {
        if self.series.as_ref() != Some(&ids.series) {
            self.series = Some(ids.series.clone());
            self.series_number += 1;
            self.file_number = 0;
        }
        self.file_number += 1;
        let component = |kind: &str, number: usize| format!("{kind}{number:06}");
        [
            "DICOM".to_owned(),
            component("PT", 1),
            component("ST", 1),
            component("SE", self.series_number),
            component("IM", self.file_number),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_has_a_folder_and_its_files_count_from_one() {
        let uid = |text: &str| Uid::parse(text).unwrap();
        let of = |series: &str| Identifiers { study: uid("1"), series: uid(series), instance: uid("2") };
        let mut names = Names::default();
        let all: Vec<String> =
            ["1.1", "1.1", "1.2"].into_iter().map(|series| names.next(&of(series)).join("/")).collect();
        let expected = ["SE000001/IM000001", "SE000001/IM000002", "SE000002/IM000001"];
        assert_eq!(all, expected.map(|name| format!("DICOM/PT000001/ST000001/{name}")));
        names.file_number = MAX_FILES - 1;
        assert!(names.next(&of("1.2")).iter().all(|component| component.len() <= 8));
    }
}
