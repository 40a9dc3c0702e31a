//! How Persian and Latin text is made comparable, and how it is shown to people.
//!
//! Keyboards, web pages and spreadsheets write the same Persian word with different code points: Arabic and
//! Persian ye and kaf, three kinds of digits, half-spaces or none, diacritics or none, invisible direction marks.
//! [`fold`] gives all of them one form; [`key`] also ignores where words are joined.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The zero-width non-joiner, Persian's half-space.
pub const HALF_SPACE: char = '\u{200C}';

/// U+0653: with alef it makes آ, which is a letter of its own and not a diacritic.
const MADDA: char = '\u{0653}';

/// One form for everything that reads the same: letters unified, digits ASCII, lower case, diacritics and invisible
/// marks gone, half-spaces and runs of white space a single space, thousands separators dropped.
pub fn fold(text: &str) -> String {
    // Nearly everything is plain: ten times faster than the tables of Unicode.
    let mut all_plain = true;
    let plain = |c| {
        let plain = plain(c);
        all_plain &= plain.is_some();
        plain
    };
    let mut folded = fold_composed(text.chars().map_while(plain), text.len());
    if !all_plain {
        folded = fold_any(text);
    }
    drop_thousands_separators(folded)
}

fn fold_any(text: &str) -> String {
    fold_composed(
        text.nfkd()
            .filter(|&c| !is_combining_mark(c) || c == MADDA)
            .nfc(),
        text.len(),
    )
}

/// Common characters that no normalisation changes, and letters with hamza as the letters under it.
fn plain(c: char) -> Option<char> {
    match c {
        '\0'..='\x7F'
        | 'ء'
        | 'آ'
        | 'ا'..='غ'
        | 'ف'..='ي'
        | '٠'..='٩'
        | '۰'..='۹'
        | 'پ'
        | 'چ'
        | 'ژ'
        | 'ک'
        | 'گ'
        | 'ی'
        | '،'
        | '؛'
        | '؟'
        | '٪'
        | '٫'
        | '٬'
        | '«'
        | '»'
        | HALF_SPACE => Some(c),
        'أ' | 'إ' => Some('ا'),
        'ؤ' => Some('و'),
        'ئ' => Some('ي'),
        _ => None,
    }
}

/// `length`: about so many bytes it becomes.
fn fold_composed(chars: impl Iterator<Item = char>, length: usize) -> String {
    let mut folded = String::with_capacity(length);
    let mut gap = false;
    for c in chars {
        match c {
            _ if c.is_whitespace() || c == HALF_SPACE => gap = !folded.is_empty(),
            _ if is_invisible(c) => {}
            _ => {
                if std::mem::take(&mut gap) {
                    folded.push(' ');
                }
                match unify(c) {
                    c if is_persian_letter(c) => folded.push(c),
                    c if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
                    // Lower case of `İ` has a combining dot, and those are gone already.
                    c => folded.extend(c.to_lowercase().filter(|&c| !is_combining_mark(c))),
                }
            }
        }
    }
    folded
}

/// A letter of the Persian or Arabic alphabet.
pub fn is_persian_letter(c: char) -> bool {
    matches!(c, 'ء'..='غ' | 'ف'..='ي' | 'پ' | 'چ' | 'ژ' | 'ک' | 'گ' | 'ی')
}

/// A letter or digit, of whichever script.
pub fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_persian_letter(c) || !c.is_ascii() && c.is_alphanumeric()
}

/// The identity of a name: [`fold`]ed, without spaces, half-spaces, hyphens, dots and quotation marks.
pub fn key(name: &str) -> String {
    let mut key = fold(name);
    key.retain(|c| {
        !matches!(
            c,
            '-' | '‐'
                | '‑'
                | '‒'
                | '–'
                | '—'
                | '―'
                | '_'
                | '.'
                | '·'
                | '•'
                | '\''
                | '’'
                | '‘'
                | '"'
                | '“'
                | '”'
                | '«'
                | '»'
                | '`'
                | '™'
                | '®'
                | '©'
        ) && !c.is_whitespace()
    });
    key
}

/// Letters and digits alone, folded: what is left of a quotation when layout and punctuation are ignored.
pub fn compact(text: &str) -> String {
    fold(text).chars().filter(|&c| is_word(c)).collect()
}

/// Folded words, without punctuation, separated and surrounded by single spaces, so that `" word "` finds a word.
pub fn words(text: &str) -> String {
    let mut spaced = String::from(" ");
    for word in fold(text)
        .split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
    {
        spaced.push_str(word);
        spaced.push(' ');
    }
    spaced
}

/// Text as a person would have typed it: composed, without direction marks and control characters, white space in
/// single spaces. Half-spaces stay.
pub fn clean(text: &str) -> String {
    match is_clean(text) {
        true => text.to_owned(),
        false => clean_any(text),
    }
}

/// Whether common characters stand as they are wanted, which is nearly always.
fn is_clean(text: &str) -> bool {
    let mut before = ' ';
    for c in text.chars() {
        let gap = matches!(before, ' ' | HALF_SPACE);
        match c {
            ' ' if gap => return false,
            HALF_SPACE if before == ' ' => return false,
            _ if c.is_control() || plain(c).is_none() => return false,
            _ => before = c,
        }
    }
    text.is_empty() || !matches!(before, ' ' | HALF_SPACE)
}

fn clean_any(text: &str) -> String {
    let composed: Cow<'_, str> = match text.chars().all(|c| plain(c).is_some()) {
        true => text.into(),
        false => text.nfc().collect(),
    };
    let visible: String = composed
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|&c| c == HALF_SPACE || !(is_invisible(c) || c.is_control()))
        .collect();
    visible
        .split(' ')
        .map(|word| word.trim_matches(HALF_SPACE))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Phrases that are looked for in folded words, as whole words.
#[derive(Debug)]
pub struct Phrases(AhoCorasick);

impl Phrases {
    /// These phrases, however they are typed.
    pub fn of(phrases: &[&str]) -> Self {
        let phrases = phrases.iter().map(|phrase| words(phrase));
        #[expect(
            clippy::expect_used,
            reason = "the program's own phrases, far shorter than what an automaton takes"
        )]
        Self(AhoCorasick::new(phrases).expect("some phrases"))
    }

    /// Whether folded words have one of them.
    pub fn are_in(&self, words: &str) -> bool {
        self.0.is_match(words)
    }

    /// Where the first of them begins in folded words.
    pub fn first_in(&self, words: &str) -> Option<usize> {
        self.0.find(words).map(|found| found.start())
    }

    /// All that folded words have, by their places in the list; once for each time.
    pub fn all_in(&self, words: &str) -> impl Iterator<Item = usize> {
        self.0
            .find_overlapping_iter(words)
            .map(|found| found.pattern().as_usize())
    }
}

/// About how many tokens a model makes of a text, by rule of thumb: four characters of English or three of Persian are
/// one token.
pub fn tokens(text: &str) -> usize {
    let (ascii, others) = text
        .chars()
        .fold((0, 0), |(ascii, others), c| match c.is_ascii() {
            true => (ascii + 1, others),
            false => (ascii, others + 1),
        });
    (ascii * 3usize + others * 4usize).div_ceil(12)
}

/// Cuts to at most `limit` characters and says so with an ellipsis.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let cut: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Arabic ye and kaf as the Persian letters that they stand for.
pub fn persian_letters(text: &str) -> String {
    let letter = |c: char| match c {
        'ي' | 'ى' => 'ی',
        'ك' => 'ک',
        c => c,
    };
    text.chars().map(letter).collect()
}

/// ASCII and Arabic digits as Persian ones, with the Persian decimal and thousands marks between digits.
pub fn persian_digits(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |i: Option<usize>| {
        i.and_then(|i| chars.get(i))
            .is_some_and(char::is_ascii_digit)
    };
    let persian = |c: char, zero: char| char::from_u32('۰' as u32 + c as u32 - zero as u32);
    chars
        .iter()
        .enumerate()
        .map(|(i, &c)| match c {
            '0'..='9' => persian(c, '0').unwrap_or(c),
            '٠'..='٩' => persian(c, '٠').unwrap_or(c),
            '.' if digit(i.checked_sub(1)) && digit(Some(i + 1)) => '٫',
            ',' if digit(i.checked_sub(1)) && digit(Some(i + 1)) => '٬',
            _ => c,
        })
        .collect()
}

/// Persian and Arabic digits as ASCII ones.
pub fn latin_digits(text: &str) -> String {
    let digit = |c: char| match c {
        '٠'..='٩' => shift_digit(c, '٠'),
        '۰'..='۹' => shift_digit(c, '۰'),
        c => c,
    };
    text.chars().map(digit).collect()
}

/// A number as it was typed, with ASCII digits and a dot: Persian keyboards have marks of their own for decimals and
/// thousands, and what is copied from a chat has invisible ones.
pub fn number(text: &str) -> String {
    let digits = latin_digits(text);
    let marks = digits
        .chars()
        .filter(|&c| !is_invisible(c) && c != '٬')
        .map(|c| if c == '٫' { '.' } else { c });
    marks.collect::<String>().trim().to_owned()
}

fn unify(c: char) -> char {
    match c {
        'ي' | 'ى' | 'ې' | 'ۍ' => 'ی',
        'ك' | 'ڪ' => 'ک',
        'ة' | 'ە' | 'ھ' | 'ہ' => 'ه',
        'ٱ' => 'ا',
        '٠'..='٩' => shift_digit(c, '٠'),
        '۰'..='۹' => shift_digit(c, '۰'),
        _ => c,
    }
}

fn shift_digit(c: char, zero: char) -> char {
    char::from_u32('0' as u32 + c as u32 - zero as u32).unwrap_or(c)
}

/// Direction marks, joiners, soft hyphens, byte-order marks and the tatweel, which only stretches a word.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{0640}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

fn drop_thousands_separators(text: String) -> String {
    if !text.contains([',', '٬', '،']) {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    let digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
    chars
        .iter()
        .enumerate()
        .filter(|&(i, c)| {
            let separates = matches!(c, ',' | '٬' | '،')
                && i > 0
                && digit(i - 1)
                && (1..=3).all(|k| digit(i + k))
                && !digit(i + 4);
            !separates
        })
        .map(|(_, c)| c)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_name_however_it_is_typed() {
        let spellings = [
            "دیجی‌کالا",
            "ديجي‌كالا",
            "دیجی کالا",
            "دیجیکالا",
            "\u{200F}دیجی\u{200C}کالا\u{200E} ",
            "دیـجـی‌کالا",
            "دِیجی‌کالا",
        ];
        for spelling in spellings {
            assert_eq!(key(spelling), "دیجیکالا", "{spelling:?}");
        }
        assert_eq!(key("Coca-Cola"), key("COCA COLA"));
        assert_eq!(key("Nestlé"), key("nestle"));
        assert_eq!(key("کانال ۹"), key("کانال ٩"));
        assert_eq!(key("کانال ۹"), key("کانال 9"));
        assert_eq!(key("تأمین"), key("تامین"));
        assert_ne!(key("آپ"), key("اپ"));
        assert_ne!(key("هفت"), key("هفت+"));
    }

    proptest! {
        /// The short way for common characters leads to the same place as the tables of Unicode.
        #[test]
        fn common_characters_are_folded_as_all_others(text in "[ -~آ-يپچژکگی٠-٩۰-۹،؛؟٪٫٬«»\u{200C}]{0,40}") {
            prop_assert_eq!(fold(&text), drop_thousands_separators(fold_any(&text)));
        }
    }

    proptest! {
        /// What is left as it is would come out of cleaning as it is.
        #[test]
        fn text_that_is_clean_is_not_cleaned(text in "[ab \t\u{7F}كیأ٬«\u{200C}\u{200F}\u{0653}]{0,8}") {
            prop_assert_eq!(clean(&text), clean_any(&text));
        }
    }

    #[test]
    fn presentation_forms_are_letters() {
        assert_eq!(key("\u{FEDB}\u{FE8E}\u{FEDF}\u{FEEA}"), key("کاله"));
    }

    #[test]
    fn thousands_are_one_number() {
        assert_eq!(fold("۱٬۲۰۰٬۰۰۰ تومان"), "1200000 تومان");
        assert_eq!(fold("در سال ۱۳۹۰، ۲۰۰ شعبه"), "در سال 1390، 200 شعبه");
    }

    #[test]
    fn people_read_persian_digits() {
        assert_eq!(persian_digits("12,500.5 در 2026."), "۱۲٬۵۰۰٫۵ در ۲۰۲۶.");
        assert_eq!(persian_digits("١٣٤٨"), "۱۳۴۸");
        assert_eq!(latin_digits("سال ۱۳۴۸ یا ١٣٤٨"), "سال 1348 یا 1348");
        assert_eq!(number(" \u{200F}۱٬۲۰۰٫۵ "), "1200.5");
    }

    #[test]
    fn clean_keeps_half_spaces_inside_words_only() {
        assert_eq!(clean(" \u{202B}می‌خرم\u{200C} \n نان\u{0007}"), "می‌خرم نان");
    }

    #[test]
    fn shorten_counts_characters() {
        assert_eq!(shorten("سلام دنیا", 6), "سلام…");
        assert_eq!(shorten("سلام", 4), "سلام");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,60}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn a_key_ignores_half_spaces_and_marks(name in "[آ-غف-يپچژکگی]{1,8}", at in 0usize..8) {
            let mut typed: Vec<char> = name.chars().collect();
            typed.insert(at.min(typed.len()), HALF_SPACE);
            typed.push('\u{200F}');
            prop_assert_eq!(key(&typed.into_iter().collect::<String>()), key(&name));
        }
    }
}
