//! Person names (PS3.5 §6.2.1): their groups, and the folding under which two spellings are the same name.

use unicode_normalization::UnicodeNormalization;

/// The three groups of a name, as they are compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// In Latin letters, usually.
    pub alphabetic: String,
    /// In the script of the patient's language.
    pub ideographic: String,
    /// As it sounds.
    pub phonetic: String,
}

impl Folded {
    /// Folds a name of up to three groups parted by `=`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut groups = name.split('=').map(fold);
        Self {
            alphabetic: groups.next().unwrap_or_default(),
            ideographic: groups.next().unwrap_or_default(),
            phonetic: groups.next().unwrap_or_default(),
        }
    }

    /// The groups in order.
    #[must_use]
    pub fn groups(&self) -> [&str; 3] {
        [&self.alphabetic, &self.ideographic, &self.phonetic]
    }
}

/// Folds one group: compatibility forms, upper case, no spaces around components, no empty components at the
/// end. `*` and `?` pass through, so that a pattern folds like the names it is held against.
#[must_use]
pub fn fold(group: &str) -> String {
    let upper: String = group.nfkc().flat_map(char::to_uppercase).collect();
    let components: Vec<&str> = upper.split('^').map(str::trim).collect();
    components.join("^").trim_end_matches('^').to_owned()
}

/// Folds one group further, for fuzzy matching: accents dropped, punctuation as space.
#[must_use]
pub fn fold_loosely(group: &str) -> String {
    let plain: String = group
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_uppercase)
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_trailing_carets_do_not_matter() {
        assert_eq!(fold("doe^john^^^"), fold("DOE^John"));
        assert_ne!(fold("Doe^John"), fold("Doe^^John"));
    }

    #[test]
    fn the_groups_are_parted() {
        let name = Folded::of("Yamada^Tarou=山田^太郎=やまだ^たろう");
        assert_eq!(name.groups(), ["YAMADA^TAROU", "山田^太郎", "やまだ^たろう"]);
    }

    #[test]
    fn loose_folding_drops_accents() {
        assert_eq!(fold_loosely("Müller^Änne-Marie"), "MULLER ANNE MARIE");
    }
}
