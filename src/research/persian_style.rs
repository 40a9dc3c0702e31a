//! The style of Persian text that an agency can send unchanged: [`polish`] corrects typing that machines get wrong, and
//! [`faults`] names what no correction of typing mends.
//!
//! The orthography is that of the Academy of Persian Language and Literature: «می» and the plural are written apart
//! from the word by a half-space.

use crate::text::{self, HALF_SPACE};

/// Punctuation that no space goes before, in both scripts.
const AFTER_NO_SPACE: &[char] = &['،', '؛', '؟', '!', '.', ',', ';', ':', '?', '…'];

/// Words that stand before a verb, a half-space from it.
const VERB_PREFIXES: [&str; 2] = ["می", "نمی"];

/// Endings that are a half-space from their word. «تر» is left out: by itself it is the word for wet.
const ENDINGS: [&str; 4] = ["ها", "های", "هایی", "ترین"];

/// What programs print when they have nothing to say.
const PLACEHOLDERS: [&str; 5] = ["none", "null", "undefined", "nan", "todo"];

/// Foreign words in a row that make a sentence.
const SENTENCE: usize = 4;

/// Percent of the letters that may be foreign.
const FOREIGN_PERCENT: usize = 15;

/// Persian prose with what machines get wrong put right.
///
/// Arabic ye and kaf become Persian ones, digits Persian ones except in Latin words, `,;?` after Persian «،؛؟»; «می»
/// and «ها» get the half-space that was typed as a space; no space stays before punctuation, and no run of spaces.
/// Web addresses and handles stay as they are, and lines stay lines.
pub fn polish(text: &str) -> String {
    text.split('\n')
        .map(polish_line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is joined is decided before digits and punctuation change, and never looks at them: otherwise polishing again
/// might go on changing the text.
fn polish_line(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let word = unify_letters(word.trim_matches(HALF_SPACE));
        match words.last_mut() {
            _ if word.is_empty() => {}
            Some(last) if belongs_to_punctuation(last, &word) => last.push_str(&word),
            Some(last) if takes_half_space(last, &word) => {
                last.push(HALF_SPACE);
                last.push_str(&word);
            }
            _ => words.push(word),
        }
    }
    let polished: Vec<_> = words
        .into_iter()
        .map(|word| match is_address(&word) {
            true => word,
            false => unify_digits(&unify_punctuation(&word)),
        })
        .collect();
    polished.join(" ")
}

fn unify_letters(word: &str) -> String {
    if is_address(word) {
        return word.to_owned();
    }
    word.chars()
        .map(|c| match c {
            'ي' | 'ى' => 'ی',
            'ك' => 'ک',
            _ => c,
        })
        .collect()
}

/// Whether the second word is punctuation that goes with the first. In `.NET` and `.5` it goes with what follows, and
/// an address would no longer lead anywhere with a dot more.
fn belongs_to_punctuation(last: &str, word: &str) -> bool {
    let rest = word.trim_start_matches(AFTER_NO_SPACE);
    rest.len() < word.len()
        && !is_address(last)
        && !is_address(word)
        && rest
            .chars()
            .next()
            .is_none_or(|c| is_persian(c) || c == '»')
}

fn takes_half_space(last: &str, word: &str) -> bool {
    let prefix = last.trim_start_matches(|c: char| !is_letter(c));
    let ending = word.trim_end_matches(|c: char| !is_letter(c));
    let letters = word.chars().take_while(|&c| is_persian(c)).count();
    let before_verb = VERB_PREFIXES.contains(&prefix) && letters >= 3;
    let after_word = ENDINGS.contains(&ending) && last.ends_with(is_persian);
    (before_verb || after_word) && !is_address(last) && !is_address(word)
}

/// `,;?` after a Persian letter, or after a number in a word without Latin letters, unless they stand between digits or
/// before something Latin.
fn unify_punctuation(word: &str) -> String {
    let chars: Vec<char> = word.chars().collect();
    let foreign = chars.iter().any(|&c| is_foreign(c));
    let after_persian = |i: usize| {
        let before = chars[..i].iter().rev();
        let mut before = before.skip_while(|c| "»)]\"'!?؟".contains(**c));
        before
            .next()
            .is_some_and(|&c| is_persian(c) || !foreign && c.is_numeric())
    };
    let free = |i: usize| {
        let next = chars.get(i + 1);
        next.is_none_or(|&c| !is_foreign(c) && !c.is_numeric())
    };
    let unify = |(i, &c): (usize, &char)| match c {
        ',' if after_persian(i) && free(i) => '،',
        ';' if after_persian(i) && free(i) => '؛',
        '?' if after_persian(i) && free(i) => '؟',
        _ => c,
    };
    chars.iter().enumerate().map(unify).collect()
}

/// Digits as Persian ones, except where they are part of a Latin word such as `MP3`.
fn unify_digits(word: &str) -> String {
    let ends_run = |c: char| is_persian(c) || c == HALF_SPACE || "«»،؛؟".contains(c);
    word.split_inclusive(ends_run)
        .map(|run| match run.contains(is_foreign) {
            true => run.to_owned(),
            false => persian_number(run),
        })
        .collect()
}

/// A number with more dots than one is a date or a version, not a decimal.
fn persian_number(run: &str) -> String {
    let ascii: String = run
        .chars()
        .map(|c| match c {
            '٠'..='٩' => char::from_u32('0' as u32 + c as u32 - '٠' as u32).unwrap_or(c),
            _ => c,
        })
        .collect();
    match ascii.matches('.').count() {
        0 | 1 => text::persian_digits(&ascii),
        _ => ascii
            .split('.')
            .map(text::persian_digits)
            .collect::<Vec<_>>()
            .join("."),
    }
}

/// What keeps a Persian text from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleFault {
    /// What a program prints for nothing: `None`, `null`, `N/A`, `[…]`.
    Placeholder,
    /// Four or more foreign words in a row that are no names.
    ForeignSentence,
    /// More than 15 % of the letters are foreign.
    TooMuchLatin,
    /// No Persian letter at all.
    NotPersian,
}

/// Whether a Persian text can be sent as it is: it has no faults, and polishing changes nothing in it.
pub fn is_fit_to_send(text: &str) -> bool {
    faults(text, &[]).is_empty() && polish(text) == text
}

/// The faults of a Persian text. `names` are Latin names (brand, products, partners) that may stand in it.
///
/// Names, web addresses and handles count for nothing. Letters of other scripts count as Latin ones.
pub fn faults(text: &str, names: &[&str]) -> Vec<StyleFault> {
    let prose: Vec<_> = text
        .split_whitespace()
        .map(|word| if is_address(word) { "،" } else { word })
        .collect();
    let prose = prose.join(" ");
    let words = without_names(words(&prose), names);
    let found = [
        (StyleFault::Placeholder, has_placeholder(&prose, &words)),
        (StyleFault::ForeignSentence, has_foreign_sentence(&words)),
        (StyleFault::TooMuchLatin, has_too_much_latin(&words)),
        (StyleFault::NotPersian, !text.contains(is_persian)),
    ];
    found
        .into_iter()
        .filter_map(|(fault, there)| there.then_some(fault))
        .collect()
}

/// Letters and digits of one script, and what stands before them.
#[derive(Clone, Debug)]
struct Word<'t> {
    gap: &'t str,
    text: &'t str,
    /// Lower case, or nothing where it is part of a name.
    lower: Option<String>,
}

impl Word<'_> {
    fn is_foreign(&self) -> bool {
        self.text.contains(is_foreign)
    }

    /// The second half of `e-commerce` or `N/A`.
    fn goes_on(&self) -> bool {
        matches!(self.gap, "-" | "'" | "’" | "." | "/" | "&" | "_" | "+")
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(text::is_word) {
        let (gap, from) = rest.split_at(start);
        let persian = from.starts_with(is_arabic);
        let end = from
            .find(|c: char| !text::is_word(c) || is_arabic(c) != persian)
            .unwrap_or(from.len());
        let (text, after) = from.split_at(end);
        let lower = Some(text.to_lowercase());
        words.push(Word { gap, text, lower });
        rest = after;
    }
    words
}

fn without_names<'t>(mut found: Vec<Word<'t>>, names: &[&str]) -> Vec<Word<'t>> {
    let lower =
        |words: &[Word]| -> Vec<_> { words.iter().map(|word| word.text.to_lowercase()).collect() };
    let all = lower(&found);
    for name in names {
        let name = lower(&words(name));
        if name.is_empty() {
            continue;
        }
        for (start, window) in all.windows(name.len()).enumerate() {
            if window == name {
                for word in &mut found[start..start + name.len()] {
                    word.lower = None;
                }
            }
        }
    }
    found
}

fn has_placeholder(prose: &str, words: &[Word]) -> bool {
    let is = |word: &Word, what: &str| word.lower.as_deref() == Some(what);
    let printed = words
        .iter()
        .any(|word| PLACEHOLDERS.iter().any(|&what| is(word, what)));
    let not_available = words
        .windows(2)
        .any(|pair| is(&pair[0], "n") && is(&pair[1], "a") && pair[1].gap == "/");
    // A number in brackets is a footnote.
    let bracketed = prose.split('[').skip(1).any(|after| {
        let inside = after.split_once(']').map(|(inside, _)| inside.trim());
        inside.is_some_and(|inside| inside.is_empty() || !inside.chars().all(char::is_numeric))
    });
    printed || not_available || bracketed
}

/// A list with commas is no sentence, and a number within a sentence does not end it.
fn has_foreign_sentence(words: &[Word]) -> bool {
    let mut row = 0;
    for word in words {
        if !(word.goes_on() || word.gap.chars().all(char::is_whitespace)) {
            row = 0;
        }
        match &word.lower {
            Some(_) if word.is_foreign() => row += usize::from(!word.goes_on()),
            Some(_) if word.text.chars().all(char::is_numeric) => {}
            _ => row = 0,
        }
        if row >= SENTENCE {
            return true;
        }
    }
    false
}

fn has_too_much_latin(words: &[Word]) -> bool {
    let prose = || words.iter().filter(|word| word.lower.is_some());
    let letters = |of: fn(char) -> bool| -> usize {
        prose()
            .map(|word| word.text.chars().filter(|&c| of(c)).count())
            .sum()
    };
    letters(is_foreign) * 100 > letters(is_letter) * FOREIGN_PERCENT
}

/// A web or mail address or a handle.
fn is_address(word: &str) -> bool {
    let start = word.trim_start_matches(|c: char| !text::is_word(c));
    word.contains("://") || word.contains('@') || start.starts_with("www.")
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
}

/// A letter of the Arabic script, in which Persian is written, or a mark on one.
fn is_persian(c: char) -> bool {
    is_letter(c) && is_arabic(c)
}

fn is_foreign(c: char) -> bool {
    is_letter(c) && !is_arabic(c)
}

/// Blocks of the Unicode Standard that hold the Arabic script, digits and marks with letters.
fn is_arabic(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{6FF}' | '\u{750}'..='\u{77F}' | '\u{8A0}'..='\u{8FF}' | '\u{FB50}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn typing_is_put_right() {
        let table = [
            ("شركت كاله در آمل", "شرکت کاله در آمل"),
            ("بازاريابي مي كند", "بازاریابی می‌کند"),
            ("می رود و نمی آید", "می‌رود و نمی‌آید"),
            ("«می خواهند»", "«می‌خواهند»"),
            // Two letters may be any word.
            ("می شد", "می شد"),
            ("محصول ها و برند های ایرانی", "محصول‌ها و برند‌های ایرانی"),
            ("شرکت هایی بزرگ ترین", "شرکت‌هایی بزرگ‌ترین"),
            ("کتاب ها، دفتر ها.", "کتاب‌ها، دفتر‌ها."),
            ("لباس تر", "لباس تر"),
            ("های و هوی", "های و هوی"),
            ("مدل A5 ها", "مدل A5 ها"),
            ("از سال 1403 تا ١٤٠٤", "از سال ۱۴۰۳ تا ۱۴۰۴"),
            ("12,500.5 تومان", "۱۲٬۵۰۰٫۵ تومان"),
            ("در 1403.05.12 بود", "در ۱۴۰۳.۰۵.۱۲ بود"),
            ("پخش MP3 و 5G در 2 شهر", "پخش MP3 و 5G در ۲ شهر"),
            ("سلام , دنیا", "سلام، دنیا"),
            ("سال 1403, ماه 2; چرا?", "سال ۱۴۰۳، ماه ۲؛ چرا؟"),
            ("«چرا»? چرا?!", "«چرا»؟ چرا؟!"),
            ("Kalleh, Mihan? کاله", "Kalleh, Mihan? کاله"),
            ("خوب  است .  بله !", "خوب است. بله!"),
            ("زبان .NET و .5", "زبان .NET و .۵"),
            (" آخر\u{200C} خط \n خط\tدوم ", "آخر خط\nخط دوم"),
            (
                "نشانی https://x.ir/كاله?p=12 , و a1@b2.ir",
                "نشانی https://x.ir/كاله?p=12 , و a1@b2.ir",
            ),
            ("", ""),
        ];
        for (typed, right) in table {
            assert_eq!(polish(typed), right, "{typed:?}");
        }
    }

    /// Words and marks that rules are about, in any order, joined and apart.
    fn prose() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            proptest::sample::select(vec![
                "می", "نمی", "ها", "های", "ترین", "رود", "كي", "ش", "A", "www", "://", "@", ".",
                ",", "?", ";", ":", "؟", "،", "»", "«", "(", ")", "5", "۵", "٥", "\u{200C}", "\n",
                " ", " ", " ", "\u{A0}",
            ])
            .prop_map(str::to_owned),
            "\\PC{0,3}",
        ];
        prop::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
    }

    /// Letters alone, with what may change in them made equal.
    fn letters(text: &str) -> String {
        text.chars()
            .filter(|&c| is_letter(c))
            .map(|c| match c {
                'ي' | 'ى' => 'ی',
                'ك' => 'ک',
                _ => c,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn polishing_twice_changes_nothing(text in prose()) {
            prop_assert_eq!(polish(&polish(&text)), polish(&text));
        }

        #[test]
        fn polishing_keeps_every_letter(text in prose()) {
            prop_assert_eq!(letters(&polish(&text)), letters(&text));
        }

        #[test]
        fn any_text_can_be_judged(text in prose(), name in prose()) {
            faults(&text, &[&name]);
        }
    }

    #[test]
    fn faults_are_found() {
        use StyleFault::{ForeignSentence, NotPersian, Placeholder, TooMuchLatin};
        let table: [(&str, &[StyleFault]); 12] = [
            ("کاله بزرگ‌ترین تولیدکنندهٔ لبنیات ایران است.", &[]),
            ("مالک شرکت None است و سهم آن معلوم نیست.", &[Placeholder]),
            ("سهم بازار این برند در ایران: N/A است.", &[Placeholder]),
            ("برای [نام برند] یک کمپین بسازید.", &[Placeholder]),
            ("سهم بازار این برند سی درصد است [۱][2].", &[]),
            ("پخش در Digikala و Coca-Cola از امروز", &[]),
            ("پخش در Yektanet و Tapsell", &[TooMuchLatin]),
            ("", &[NotPersian]),
            ("Digikala", &[NotPersian]),
            (
                "Leading dairy brand since 2010",
                &[ForeignSentence, TooMuchLatin, NotPersian],
            ),
            ("نشانی آن https://www.example.com/a/long/path است.", &[]),
            (
                "سهم بازار این برند undefined و nan است.",
                &[Placeholder, TooMuchLatin],
            ),
        ];
        for (text, expected) in table {
            let found = faults(text, &["Digikala", "coca cola", ""]);
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_foreign_sentence_is_four_words_without_a_stop() {
        let with = |foreign: &str| {
            let persian =
                "این برند برای همهٔ خانواده‌های ایرانی که به تازگی اهمیت می‌دهند آشنا است. ".repeat(3);
            faults(&format!("{persian}{foreign} {persian}"), &["Arla"])
        };
        assert_eq!(with("is the top one"), [StyleFault::ForeignSentence]);
        assert_eq!(
            with("since 2010 in Iran only"),
            [StyleFault::ForeignSentence]
        );
        assert_eq!(with("is the top"), []);
        assert_eq!(with("Danone, Alpro, Lala, Muller"), []);
        assert_eq!(with("for Arla, in Iran only"), []);
        assert_eq!(with("B2B e-commerce SaaS"), []);
        assert_eq!(with("is the برتر top one"), []);
    }

    #[test]
    fn names_may_stand_in_it_even_where_they_look_like_faults() {
        assert_eq!(faults("فروش نان Nan در شهر", &["NaN"]), []);
        assert_eq!(
            faults("فروش The One And Only در شهر", &["The One and Only"]),
            []
        );
    }
}
