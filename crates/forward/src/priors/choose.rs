//! Which earlier studies of a patient go along with one. Pure.

use causeway_catalog::delivery::PriorStudy;
use causeway_catalog::{Alike, Priors};
use causeway_core::Uid;

/// The earlier studies that a rule names, the latest first.
pub(super) fn choose(study: &PriorStudy, mut others: Vec<PriorStudy>, rule: &Priors) -> Vec<Uid> {
    others.retain(|other| {
        other.study != study.study && is_earlier(study, other, rule) && is_alike(study, other, rule)
    });
    others.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.study.cmp(&b.study)));
    others.dedup_by(|a, b| a.study == b.study);
    others.into_iter().take(rule.most as usize).map(|other| other.study).collect()
}

/// Eight digits, or nothing that could be compared.
fn date(text: &str) -> Option<&str> {
    (text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// Whether a study is not after the other, and not too old. Without a date of its own nothing is earlier or later.
fn is_earlier(study: &PriorStudy, other: &PriorStudy, rule: &Priors) -> bool {
    let Some(then) = date(&other.date) else { return false };
    let Some(now) = date(&study.date) else { return rule.years.is_none() };
    let oldest = rule.years.and_then(|years| {
        let year: u32 = now.get(..4)?.parse().ok()?;
        Some(format!("{:04}{}", year.saturating_sub(years), now.get(4..)?))
    });
    then <= now && oldest.is_none_or(|oldest| then >= oldest.as_str())
}

fn is_alike(study: &PriorStudy, other: &PriorStudy, rule: &Priors) -> bool {
    rule.same.iter().all(|alike| {
        let [own, others] = match alike {
            Alike::Modality => [&study.modalities, &other.modalities],
            Alike::BodyPart => [&study.body_parts, &other.body_parts],
        };
        own.iter().any(|word| others.iter().any(|other| other.eq_ignore_ascii_case(word)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn study(number: u32, date: &str, modality: &str, body_part: &str) -> PriorStudy {
        PriorStudy {
            study: Uid::parse(&format!("1.2.{number}")).unwrap(),
            date: date.to_owned(),
            modalities: vec![modality.to_owned()],
            body_parts: vec![body_part.to_owned()],
        }
    }

    fn chosen(rule: &Priors) -> Vec<String> {
        let others = vec![
            study(1, "20250101", "CT", "CHEST"),
            study(2, "20240115", "CT", "HEAD"),
            study(3, "20190115", "MR", "CHEST"),
            study(4, "20190114", "CT", "CHEST"),
            study(5, "20240116", "CT", "CHEST"),
            study(6, "", "CT", "CHEST"),
            study(0, "20240101", "CT", "CHEST"),
        ];
        let now = study(0, "20240115", "CT", "CHEST");
        choose(&now, others, rule).iter().map(|uid| uid.as_str().to_owned()).collect()
    }

    #[test]
    fn the_latest_of_the_past_are_chosen_within_years_and_of_the_same_kind() {
        let rule = Priors { most: 10, years: None, same: Vec::new() };
        assert_eq!(chosen(&rule), ["1.2.2", "1.2.3", "1.2.4"], "nothing later, undated, or the study itself");
        assert_eq!(chosen(&Priors { most: 2, ..rule.clone() }), ["1.2.2", "1.2.3"]);
        assert_eq!(chosen(&Priors { years: Some(5), ..rule.clone() }), ["1.2.2", "1.2.3"], "to the day");
        assert_eq!(chosen(&Priors { same: vec![Alike::Modality], ..rule.clone() }), ["1.2.2", "1.2.4"]);
        assert_eq!(chosen(&Priors { same: vec![Alike::BodyPart], ..rule.clone() }), ["1.2.3", "1.2.4"]);
        assert_eq!(chosen(&Priors { same: vec![Alike::BodyPart, Alike::Modality], ..rule }), ["1.2.4"]);
    }

    proptest! {
        #[test]
        fn no_more_than_asked_for_each_once_and_never_the_study_itself(
            dates in proptest::collection::vec("[0-9]{0,9}", 0..20), most in 1_u32..10, years in 0_u32..200,
        ) {
            let others: Vec<_> =
                dates.iter().zip(0..).map(|(date, number)| study(number % 7, date, "CT", "")).collect();
            let now = study(3, "20240229", "CT", "");
            let chosen = choose(&now, others, &Priors { most, years: Some(years), same: Vec::new() });
            prop_assert!(chosen.len() <= most as usize);
            prop_assert!(!chosen.contains(&now.study));
        }
    }
}
