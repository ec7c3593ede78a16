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

/// Most words of one group that are looked at, and most letters of one word: a name has no more.
pub const MAX_WORDS: usize = 64;
/// Longest word that is told from others, in characters.
pub const MAX_WORD_CHARS: usize = 64;

/// The words of one group, as fuzzy matching compares them.
#[must_use]
pub fn words(group: &str) -> Vec<String> {
    let folded = fold_loosely(group);
    folded.split(' ').filter(|word| !word.is_empty()).take(MAX_WORDS).map(cut).collect()
}

fn cut(word: &str) -> String {
    word.chars().take(MAX_WORD_CHARS).collect()
}

/// Folds one group further, for fuzzy matching: accents and vowel signs dropped, letters that no accent makes
/// written as those they are typed as, katakana as hiragana, apostrophes dropped, other punctuation as space.
/// `*` and `?` pass through.
#[must_use]
pub fn fold_loosely(group: &str) -> String {
    let mut plain = String::with_capacity(group.len());
    // Composed first, so that a letter with an accent is one letter whichever way it was written.
    for letter in group.nfkc().nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)) {
        match typed_as(letter) {
            Some(text) => plain.push_str(text),
            None if matches!(letter, '\'' | '\u{2019}' | '\u{02BC}' | '`') => {}
            None if letter.is_alphanumeric() || matches!(letter, '*' | '?') => {
                plain.extend(hiragana(letter).to_uppercase());
            }
            None => plain.push(' '),
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Letters that have no decomposition, as a keyboard without them writes them.
const fn typed_as(letter: char) -> Option<&'static str> {
    Some(match letter {
        'Æ' | 'æ' => "AE",
        'Œ' | 'œ' => "OE",
        'Ø' | 'ø' => "O",
        'Ł' | 'ł' => "L",
        'Đ' | 'đ' | 'Ð' | 'ð' => "D",
        'Þ' | 'þ' => "TH",
        'Ħ' | 'ħ' => "H",
        'Ŧ' | 'ŧ' => "T",
        'ı' => "I",
        _ => return None,
    })
}

/// Katakana as hiragana: names are looked for in either.
fn hiragana(letter: char) -> char {
    match letter {
        'ァ'..='ヶ' => char::from_u32(u32::from(letter) - 0x60).unwrap_or(letter),
        other => other,
    }
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
        assert_eq!(fold_loosely("M\u{fc}ller"), fold_loosely("Mu\u{308}ller"));
        assert_eq!(fold_loosely("Øster^Łukasz^Ægir^Weiß"), "OSTER LUKASZ AEGIR WEISS");
        assert_eq!(fold_loosely("O'Brien^D’Arcy"), "OBRIEN DARCY");
    }

    #[test]
    fn loose_folding_knows_other_scripts() {
        assert_eq!(fold_loosely("Люксембу́рг^Йо́сиф"), fold_loosely("ЛЮКСЕМБУРГ^ИОСИФ"));
        assert_eq!(fold_loosely("Διονυσιος"), fold_loosely("ΔΙΟΝΎΣΙΟΣ"));
        assert_eq!(fold_loosely("ﾔﾏﾀﾞ^ﾀﾛｳ"), fold_loosely("やまだ^たろう"));
        assert_eq!(fold_loosely("山田^太郎"), "山田 太郎");
        assert_eq!(fold_loosely("김^희중"), fold_loosely("\u{1100}\u{1175}\u{11B7}^희중"));
        assert_eq!(fold_loosely("قَبَّانِي^لِنِزَار"), fold_loosely("قباني^لنزار"));
    }

    #[test]
    fn the_words_of_a_name_are_bounded_in_number_and_length() {
        let many = |count: usize| words(&vec!["A"; count].join("^")).len();
        assert_eq!((many(MAX_WORDS - 1), many(MAX_WORDS), many(MAX_WORDS + 1)), (63, 64, 64));
        let long = |count: usize| words(&"é".repeat(count))[0].chars().count();
        assert_eq!((long(MAX_WORD_CHARS - 1), long(MAX_WORD_CHARS), long(MAX_WORD_CHARS + 1)), (63, 64, 64));
        assert!(words("^^ - ").is_empty());
    }
}
