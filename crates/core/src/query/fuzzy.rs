//! Fuzzy semantic matching of person names (PS3.4 §C.2.2.2.1.1): each word that is asked for begins a word of the
//! name, in any order, without regard to case, accents and punctuation.
//!
//! What is asked for in one group is looked for in each group of the name, all its words in one of them; groups
//! parted by `=` are held against those of the name, where an empty one asks for nothing. A `*` or `?` inside a
//! word keeps its meaning. Pure.

use super::matching::wildcard;
use crate::person_name::{self, MAX_WORDS};

/// The words asked for, folded, of each group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FuzzyName {
    groups: Vec<Vec<String>>,
}

impl FuzzyName {
    /// Reads a key; none where it asks for no word at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let groups: Vec<Vec<String>> = text.split('=').take(3).map(asked).collect();
        groups.iter().any(|words| !words.is_empty()).then_some(Self { groups })
    }

    /// Whether the name `value` is one that is meant.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let holds = |wanted: &[String], group: &str| {
            let words = person_name::words(group);
            wanted.iter().all(|wanted| words.iter().any(|word| begins(wanted, word)))
        };
        match self.groups.as_slice() {
            [one] => value.split('=').any(|group| holds(one, group)),
            several => {
                let mut groups = value.split('=');
                several.iter().all(|wanted| {
                    let group = groups.next().unwrap_or_default();
                    wanted.is_empty() || holds(wanted, group)
                })
            }
        }
    }

    /// With what letters, each, some word of a name that is meant begins: for an index of words.
    pub fn beginnings(&self) -> impl Iterator<Item = &str> {
        self.groups
            .iter()
            .flatten()
            .map(|word| word.split(['*', '?']).next().unwrap_or_default())
            .filter(|beginning| !beginning.is_empty())
    }
}

/// The words of one group of a key; those of stars alone ask for nothing.
fn asked(group: &str) -> Vec<String> {
    let folded = person_name::fold_loosely(group);
    let words = folded.split(' ').filter(|word| word.bytes().any(|byte| byte != b'*'));
    words.take(MAX_WORDS).map(str::to_owned).collect()
}

fn begins(wanted: &str, word: &str) -> bool {
    if wanted.contains(['*', '?']) { wildcard(&format!("{wanted}*"), word) } else { word.starts_with(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(key: &str, value: &str) -> bool {
        FuzzyName::parse(key).unwrap().matches(value)
    }

    #[test]
    fn words_are_found_by_their_beginnings_in_any_order() {
        assert!(holds("jürg mull", "MÜLLER^JURGEN"));
        assert!(holds("Smith, Mary", "Mary^Smith"));
        assert!(!holds("jorg mull", "MÜLLER^JURGEN"));
        assert!(!holds("uller", "MÜLLER^JURGEN"));
    }

    #[test]
    fn each_group_is_looked_at_and_all_words_are_in_one() {
        let name = "Yamada^Tarou=山田^太郎=やまだ^たろう";
        for key in ["tarou yamada", "太 山", "タロウ", "ﾔﾏﾀﾞ"] {
            assert!(holds(key, name), "{key}");
        }
        assert!(!holds("Yamada 太郎", name));
        assert!(holds("Yamada=太郎", name));
        assert!(holds("=太郎", name));
        assert!(!holds("太郎=", name));
    }

    #[test]
    fn wildcards_keep_their_meaning_within_a_word() {
        assert!(holds("J?hn", "Doe^Johnny"));
        assert!(holds("D*e", "Dorothee"));
        assert!(holds("doe*", "Doe^John"));
        assert!(!holds("J?n", "Doe^John"));
    }

    #[test]
    fn what_asks_for_no_word_asks_for_nothing() {
        for key in ["", "*", "^^", "* *", "==", "-"] {
            assert_eq!(FuzzyName::parse(key), None, "{key}");
        }
    }

    #[test]
    fn the_beginnings_are_those_before_any_wildcard() {
        let key = FuzzyName::parse("Jür?en Do*=*x").unwrap();
        assert_eq!(key.beginnings().collect::<Vec<_>>(), ["JUR", "DO"]);
    }

    proptest! {
        #[test]
        fn a_name_is_found_by_the_beginnings_of_its_own_words(
            words in prop::collection::vec("[a-zA-ZéüØßЖждλΣ山が]{1,8}", 1..4),
            cut in 1_usize..8,
            seed in any::<usize>(),
        ) {
            let name = words.join("^");
            let mut asked: Vec<String> =
                words.iter().map(|word| word.chars().take(cut).collect::<String>().to_lowercase()).collect();
            let turn = seed % asked.len();
            asked.rotate_left(turn);
            prop_assert!(holds(&asked.join(" "), &name), "{:?} in {}", asked, name);
        }

        #[test]
        fn any_key_and_any_name_are_compared_without_panic(key in ".{0,60}", name in ".{0,60}") {
            if let Some(key) = FuzzyName::parse(&key) {
                let _ = key.matches(&name);
            }
        }

        #[test]
        fn an_index_of_words_misses_nothing(key in "[a-z*? =]{1,12}", name in "[a-z ^=]{1,20}") {
            if let Some(fuzzy) = FuzzyName::parse(&key).filter(|fuzzy| fuzzy.matches(&name)) {
                let words: Vec<String> = name.split('=').flat_map(person_name::words).collect();
                for beginning in fuzzy.beginnings() {
                    prop_assert!(words.iter().any(|word| word.starts_with(beginning)));
                }
            }
        }
    }
}
