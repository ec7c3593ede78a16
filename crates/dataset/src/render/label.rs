//! Words burnt into a picture (PS3.18 §8.3.5.1.1): who it is of, and how it was made. Letters are of 8 by 8 dots, white
//! with a black edge, so that they can be read on anything.

use causeway_core::{Tag, Vr};
use font8x8::UnicodeFonts;
use unicode_normalization::UnicodeNormalization;

use super::notes::{Notes, Place};
use super::raster::Raster;
use super::tags;
use crate::charset::CharacterSets;

/// Dots of a letter, across and down.
pub(super) const LETTER_DOTS: u32 = 8;
/// Dots from one line to the next, and from the words to the edge of the picture.
const LINE_DOTS: u32 = 11;
const MARGIN_DOTS: u32 = 3;
/// Letters that a line has room for before they are drawn larger.
const LETTERS_OF_A_LINE: u32 = 56;
/// A dot is at most so many pixels wide.
const MAX_DOT_PIXELS: u32 = 16;
/// Stands for a letter that there is no drawing of.
pub(super) const BOX: [u8; 8] = [0x7F, 0x41, 0x41, 0x41, 0x41, 0x41, 0x7F, 0];

/// Which words are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Annotations {
    /// Who the picture is of.
    pub patient: bool,
    /// How it was made.
    pub technique: bool,
}

/// Lines of words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Labels {
    /// From the upper edge down.
    upper: Vec<String>,
    /// From the lower edge up, the last line lowest.
    lower: Vec<String>,
}

impl Labels {
    /// What the data set says for a frame, counted from 0, of so many.
    pub(super) fn of(notes: &Notes, wanted: Annotations, frame: u32, frames: u32) -> Self {
        let upper = if wanted.patient { patient(notes) } else { Vec::new() };
        let lower = if wanted.technique { technique(notes, frame, frames) } else { Vec::new() };
        Self { upper, lower }
    }

    /// Draws the words, as many as there is room for.
    pub(super) fn draw(&self, raster: &mut Raster) {
        let dot = (raster.width / (LETTERS_OF_A_LINE * LETTER_DOTS)).clamp(1, MAX_DOT_PIXELS);
        let room = (raster.height / dot).saturating_sub(MARGIN_DOTS) / LINE_DOTS;
        let upper = self.upper.len().min(room as usize);
        let lower = self.lower.len().min((room as usize).saturating_sub(upper));
        let mut top = MARGIN_DOTS;
        for line in self.upper.iter().take(upper) {
            put(raster, line, top, dot);
            top = top.saturating_add(LINE_DOTS);
        }
        let mut bottom = (raster.height / dot).saturating_sub(LINE_DOTS);
        for line in self.lower.iter().rev().take(lower) {
            put(raster, line, bottom, dot);
            bottom = bottom.saturating_sub(LINE_DOTS);
        }
    }
}

fn patient(notes: &Notes) -> Vec<String> {
    let text = |tag, vr| text(notes, tag, vr);
    let born = text(Tag::PATIENT_BIRTH_DATE, Vr::DA).map(|date| format!("born {}", dashed(&date)));
    let lines = [
        text(Tag::PATIENT_NAME, Vr::PN).map(|name| person(&name)),
        text(Tag::PATIENT_ID, Vr::LO).map(|id| format!("ID {id}")),
        joined([born, text(Tag::PATIENT_SEX, Vr::CS)]),
    ];
    lines.into_iter().flatten().collect()
}

fn technique(notes: &Notes, frame: u32, frames: u32) -> Vec<String> {
    let text = |tag, vr| text(notes, tag, vr);
    let number = |label: &str, tag: Tag| text(tag, Vr::IS).map(|number| format!("{label} {number}"));
    let with_unit = |label: &str, tag: Tag, unit: &str| {
        text(tag, Vr::DS).map(|number| format!("{label} {number} {unit}"))
    };
    let date = text(Tag::STUDY_DATE, Vr::DA).map(|date| dashed(&date));
    let time = text(Tag::STUDY_TIME, Vr::TM)
        .and_then(|time| Some(format!("{}:{}", time.get(..2)?, time.get(2..4)?)));
    let of_frame = (frames > 1).then(|| format!("Fr {}/{frames}", frame.saturating_add(1)));
    let position = text(tags::IMAGE_POSITION, Vr::DS).map(|_| {
        let numbers: Vec<String> =
            notes.decimals(tags::IMAGE_POSITION).take(3).map(|number| format!("{number:.1}")).collect();
        format!("at {} mm", numbers.join(" "))
    });
    let lines = [
        joined([text(Tag::MODALITY, Vr::CS), date, time]),
        text(Tag::STUDY_DESCRIPTION, Vr::LO),
        text(Tag::SERIES_DESCRIPTION, Vr::LO),
        joined([number("Se", tags::SERIES_NUMBER), number("Im", tags::INSTANCE_NUMBER), of_frame]),
        joined([with_unit("thick", tags::SLICE_THICKNESS, "mm"), position]),
        joined([with_unit("", tags::KVP, "kV"), with_unit("", tags::TUBE_CURRENT, "mA")]),
    ];
    lines.into_iter().flatten().map(|line| line.trim().to_owned()).collect()
}

fn joined<const COUNT: usize>(parts: [Option<String>; COUNT]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("  "))
}

/// The first value of `tag` that says something.
fn text(notes: &Notes, tag: Tag, vr: Vr) -> Option<String> {
    let note = notes.get(Place::Image, tag)?;
    let sets = notes.get(Place::Image, Tag::SPECIFIC_CHARACTER_SET);
    let sets = sets.map_or_else(CharacterSets::default, |note| CharacterSets::parse(&note.bytes));
    let values = sets.decode(&note.bytes, vr).values;
    values.into_iter().map(|value| value.trim_matches([' ', '\0']).to_owned()).find(|value| !value.is_empty())
}

fn dashed(date: &str) -> String {
    match (date.get(..4), date.get(4..6), date.get(6..8)) {
        (Some(year), Some(month), Some(day)) if date.len() == 8 => format!("{year}-{month}-{day}"),
        _ => date.to_owned(),
    }
}

/// The first group of a name that can be drawn, else the first there is (PS3.5 §6.2.1.2).
fn person(name: &str) -> String {
    let groups: Vec<String> = name
        .split('=')
        .map(|group| group.split('^').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
        .filter(|group| !group.is_empty())
        .collect();
    let drawn = groups.iter().find(|group| group.chars().all(|letter| drawing(letter).is_some()));
    drawn.or(groups.first()).cloned().unwrap_or_default()
}

/// The dots of a letter, a byte for each line, the lowest bit leftmost. A letter with a mark that is not drawn loses it.
pub(super) fn drawing(letter: char) -> Option<[u8; 8]> {
    let known = |letter| {
        font8x8::BASIC_FONTS
            .get(letter)
            .or_else(|| font8x8::LATIN_FONTS.get(letter))
            .or_else(|| font8x8::GREEK_FONTS.get(letter))
            .or_else(|| font8x8::HIRAGANA_FONTS.get(letter))
    };
    known(letter).or_else(|| known(std::iter::once(letter).nfd().next()?))
}

/// Writes a line whose upper edge is `top` dots below that of the picture, as far as there is room.
fn put(raster: &mut Raster, line: &str, top: u32, dot: u32) {
    let fits = (raster.width / dot).saturating_sub(MARGIN_DOTS) / LETTER_DOTS;
    let letters: Vec<[u8; 8]> =
        line.chars().take(fits as usize).map(|letter| drawing(letter).unwrap_or(BOX)).collect();
    let mut paint = |shade: u8, spread: u32| {
        for (left, letter) in (0..).map(|index: u32| MARGIN_DOTS + index * LETTER_DOTS).zip(&letters) {
            for (down, bits) in (top..).zip(letter) {
                for across in (0..LETTER_DOTS).filter(|across| bits >> across & 1 == 1) {
                    let (x, y) = ((left + across) * dot, down * dot);
                    raster.fill(
                        (x.saturating_sub(spread), y.saturating_sub(spread)),
                        dot + 2 * spread,
                        shade,
                    );
                }
            }
        }
    };
    paint(0, dot);
    paint(u8::MAX, 0);
}

#[cfg(test)]
mod tests {
    use super::super::notes::Note;
    use super::super::raster::Channels;
    use super::*;

    fn notes(values: &[(Tag, &str)]) -> Notes {
        let mut notes = Notes::default();
        for (tag, text) in values {
            notes.put(Place::Image, *tag, Note { bytes: text.as_bytes().to_vec(), is_signed: None });
        }
        notes
    }

    const BOTH: Annotations = Annotations { patient: true, technique: true };

    #[test]
    fn words_are_those_of_the_data_set_and_only_what_is_asked_for() {
        let notes = notes(&[
            (Tag::PATIENT_NAME, "Doe^Jane "),
            (Tag::PATIENT_ID, "P1"),
            (Tag::PATIENT_BIRTH_DATE, "19700131"),
            (Tag::MODALITY, "CT"),
            (Tag::STUDY_DATE, "20240115"),
            (Tag::STUDY_TIME, "101500"),
            (tags::INSTANCE_NUMBER, "3 "),
            (tags::KVP, "120 "),
        ]);
        let labels = Labels::of(&notes, BOTH, 1, 4);
        assert_eq!(labels.upper, ["Doe Jane", "ID P1", "born 1970-01-31"]);
        assert_eq!(labels.lower, ["CT  2024-01-15  10:15", "Im 3  Fr 2/4", "120 kV"]);
        assert_eq!(Labels::of(&notes, Annotations::default(), 0, 1), Labels::default());
    }

    #[test]
    fn names_are_told_in_the_letters_that_there_are() {
        let of = |name| {
            Labels::of(
                &notes(&[(Tag::SPECIFIC_CHARACTER_SET, "ISO_IR 192"), (Tag::PATIENT_NAME, name)]),
                BOTH,
                0,
                1,
            )
            .upper
        };
        assert_eq!(of("Müller^Änne"), ["Müller Änne"]);
        assert_eq!(of("山田^太郎=Yamada^Taro"), ["Yamada Taro"]);
        assert_eq!(of("Yamada^Tarou=山田^太郎=やまだ^たろう"), ["Yamada Tarou"]);
        assert_eq!(of("山田^太郎"), ["山田 太郎"]);
        assert!(drawing('Ł').is_none() && drawing('č') == drawing('c') && drawing('ü') != drawing('u'));
    }

    #[test]
    fn letters_are_white_with_a_black_edge_and_the_rest_is_left() {
        let mut raster = Raster { width: 200, height: 60, channels: Channels::Grey, bytes: vec![90; 12_000] };
        Labels { upper: vec!["A".to_owned()], lower: Vec::new() }.draw(&mut raster);
        let count = |shade| raster.bytes.iter().filter(|byte| **byte == shade).count();
        let dots: u32 = drawing('A').unwrap().iter().map(|bits| bits.count_ones()).sum();
        assert_eq!(count(255), dots as usize);
        assert!(count(0) > 20 && count(90) == 12_000 - count(0) - count(255));
        assert!(raster.bytes[200 * 20..].iter().all(|byte| *byte == 90));
    }

    #[test]
    fn no_picture_is_too_small_or_too_large_for_words() {
        let labels = Labels { upper: vec!["Doe Jane".to_owned(); 9], lower: vec!["CT".to_owned(); 9] };
        for (width, height) in [(1, 1), (8, 8), (16, 16), (9, 2000), (2000, 9), (3000, 3000)] {
            for channels in [Channels::Grey, Channels::Rgb] {
                let samples = if channels == Channels::Rgb { 3 } else { 1 };
                let bytes = vec![90; (width * height * samples) as usize];
                labels.draw(&mut Raster { width, height, channels, bytes });
            }
        }
    }
}
