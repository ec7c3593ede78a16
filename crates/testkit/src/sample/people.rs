//! Who and when: patients, physicians and dates, all invented.

use super::random::Random;

const FAMILY_NAMES: &[&str] =
    &["Keller", "Müller", "Rossi", "Nováková", "Dubois", "Larsson", "García", "Öztürk", "Smith", "O'Neill"];
const WOMEN: &[&str] = &["Anna", "Zoë", "Maria", "Ingrid", "Chloé", "Elif", "Jane"];
const MEN: &[&str] = &["Jürgen", "Marco", "Erik", "Luis", "Émile", "Can", "John"];
const PHYSICIANS: &[&str] =
    &["Weiß^Petra^^Dr.", "Lindgren^Nils^^Dr.", "Moreau^Alice^^Dr.", "Adams^Henry^^Dr."];

/// A patient, the same for all studies of one seed.
#[derive(Debug, Clone)]
pub(super) struct Patient {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) birth_date: String,
    pub(super) sex: &'static str,
}

/// Who issues the Patient IDs.
pub(super) const ISSUER: &str = "CAUSEWAY-SAMPLES";

impl Patient {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Random::of(&[seed, 1]);
        let (sex, given) =
            if random.next() & 1 == 0 { ("F", random.choose(WOMEN)) } else { ("M", random.choose(MEN)) };
        Self {
            id: format!("P{:010}", seed % 10_000_000_000),
            name: format!("{}^{given}", random.choose(FAMILY_NAMES)),
            birth_date: date(&mut random, 1935, 2004),
            sex,
        }
    }
}

/// A referring physician.
pub(super) fn physician(random: &mut Random) -> &'static str {
    random.choose(PHYSICIANS)
}

/// A day of the years from `first` to `last`, as DA (PS3.5 §6.2).
pub(super) fn date(random: &mut Random, first: u64, last: u64) -> String {
    let (year, month) = (random.between(first, last), random.between(1, 12));
    format!("{year:04}{month:02}{:02}", random.between(1, 28))
}

/// A time of the working day as seconds since midnight.
pub(super) fn second_of_day(random: &mut Random) -> u32 {
    u32::try_from(random.between(7 * 3600, 17 * 3600)).unwrap_or(0)
}

/// Seconds since midnight as TM (PS3.5 §6.2).
pub(super) fn time(second: u32) -> String {
    let second = second % 86_400;
    format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_the_same_each_time() {
        assert_eq!(Patient::of(3).name, Patient::of(3).name);
        assert_ne!(Patient::of(3).id, Patient::of(4).id);
    }

    #[test]
    fn dates_and_times_have_their_form() {
        let mut random = Random::of(&[1]);
        assert_eq!(date(&mut random, 2022, 2024).len(), 8);
        assert_eq!(time(3 * 3600 + 4 * 60 + 5), "030405");
        assert_eq!(time(86_400), "000000");
    }
}
