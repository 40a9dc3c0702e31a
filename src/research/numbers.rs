//! The reading of numbers, sums of money and dates as a person reads them: in three kinds of digits or in words, with
//! their scale, in rial or toman, in the Iranian or the Gregorian calendar.

use jiff::civil::Date;

use crate::text::{self, calendar::MONTHS};

/// Something that is counted, paid or dated in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A bare number.
    Number(f64),
    /// Money, in rial: a toman is ten.
    Rial(f64),
    /// A share of a hundred.
    Percent(f64),
    /// A day.
    Day(Date),
    /// A month of a year, in the calendar that its year tells.
    Month(i32, u8),
}

impl Figure {
    /// Whether both say the same. A year is the same in both calendars where most of it is.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => same_number(a, b) || same_year(a, b),
            (Self::Number(year), Self::Day(day)) | (Self::Day(day), Self::Number(year)) => {
                year_of_day(day).iter().any(|&of| same_number(year, of))
            }
            (Self::Number(year), Self::Month(of, _)) | (Self::Month(of, _), Self::Number(year)) => {
                same_number(year, of.into())
            }
            (Self::Month(..), Self::Month(..)) | (Self::Day(_), Self::Day(_)) => self == other,
            (Self::Rial(a), Self::Rial(b)) | (Self::Percent(a), Self::Percent(b)) => {
                same_number(a, b)
            }
            _ => false,
        }
    }
}

impl Figure {
    /// When this is, as a Gregorian year with its fraction, to order what has a date by.
    pub fn time(self) -> Option<f64> {
        // The Iranian year begins 621 years and two and a half months behind.
        let gregorian = |year: f64| if year < 1_500.0 { year + 621.22 } else { year };
        match self {
            Self::Number(year) if (1_250.0..2_200.0).contains(&year) => Some(gregorian(year)),
            Self::Month(year, month) => {
                Some(gregorian(year.into()) + (f64::from(month) - 1.0) / 12.0)
            }
            Self::Day(day) => {
                Some(f64::from(day.year()) + f64::from(day.day_of_year() - 1) / 366.0)
            }
            _ => None,
        }
    }
}

fn same_number(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// A year of the Iranian calendar begins 621 years behind the Gregorian one, and 622 from January.
fn same_year(a: f64, b: f64) -> bool {
    let (iranian, gregorian) = if a < b { (a, b) } else { (b, a) };
    (1_250.0..1_500.0).contains(&iranian)
        && (1_871.0..2_122.0).contains(&gregorian)
        && (same_number(gregorian - iranian, 621.0) || same_number(gregorian - iranian, 622.0))
}

fn year_of_day(day: Date) -> [f64; 2] {
    let iranian = crate::text::calendar::jalali(day, '-');
    let iranian = iranian.split('-').next().and_then(|year| year.parse().ok());
    [day.year().into(), iranian.unwrap_or(f64::NAN)]
}

/// Number words of Persian, folded; those of a hundred and more are added, not multiplied.
const WORDS: [(&str, f64); 38] = [
    ("صفر", 0.0),
    ("یک", 1.0),
    ("دو", 2.0),
    ("سه", 3.0),
    ("چهار", 4.0),
    ("پنج", 5.0),
    ("شش", 6.0),
    ("هفت", 7.0),
    ("هشت", 8.0),
    ("نه", 9.0),
    ("ده", 10.0),
    ("یازده", 11.0),
    ("دوازده", 12.0),
    ("سیزده", 13.0),
    ("چهارده", 14.0),
    ("پانزده", 15.0),
    ("شانزده", 16.0),
    ("هفده", 17.0),
    ("هجده", 18.0),
    ("نوزده", 19.0),
    ("بیست", 20.0),
    ("سی", 30.0),
    ("چهل", 40.0),
    ("پنجاه", 50.0),
    ("شصت", 60.0),
    ("هفتاد", 70.0),
    ("هشتاد", 80.0),
    ("نود", 90.0),
    ("صد", 100.0),
    ("یکصد", 100.0),
    ("دویست", 200.0),
    ("سیصد", 300.0),
    ("چهارصد", 400.0),
    ("پانصد", 500.0),
    ("ششصد", 600.0),
    ("هفتصد", 700.0),
    ("هشتصد", 800.0),
    ("نهصد", 900.0),
];

/// What multiplies the number before it.
const SCALES: [(&str, f64); 7] = [
    ("هزار", 1e3),
    ("میلیون", 1e6),
    ("میلیارد", 1e9),
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    // «هزار میلیارد تومان», as newspapers shorten it.
    ("همت", 1e12),
];

const ENGLISH_MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A text in pieces that can be compared: its figures, and the words that are no part of one.
#[derive(Debug, Default)]
pub struct ReadNumber {
    pub figures: Vec<Figure>,
    pub words: Vec<String>,
}

/// What is read for the sign as well.
const PER_CENT: &str = "درصد";

/// Reads the figures of a text.
pub fn read(text: &str) -> ReadNumber {
    let folded = text::fold(text)
        .replace('٫', ".")
        .replace(['%', '٪'], &format!(" {PER_CENT} "));
    let words: Vec<&str> = folded
        .split(|c: char| c.is_whitespace() || "،,؛;:()[]«»\"'!؟?…".contains(c))
        .map(|word| word.trim_matches(['.', '-', '–', '/']))
        .filter(|word| !word.is_empty())
        .collect();
    let mut read = ReadNumber::default();
    let mut at = 0;
    while at < words.len() {
        if let Some((figure, taken)) = date(&words[at..]).or_else(|| amount(&words[at..])) {
            read.figures.push(figure);
            at += taken;
        } else if words[at] == PER_CENT {
            // A sign without its number is no word of the text.
            at += 1;
        } else {
            read.words
                .extend(text::words(words[at]).split_whitespace().map(str::to_owned));
            at += 1;
        }
    }
    read
}

/// A number with its scale and unit, and how many words they take.
fn amount(words: &[&str]) -> Option<(Figure, usize)> {
    let (mut total, mut at) = (0.0, 0);
    let mut group = 0.0;
    let mut begun = false;
    let mut last = f64::INFINITY;
    loop {
        // «و» joins parts of one number, the larger before the smaller.
        let joined = begun && words.get(at) == Some(&"و");
        let next = at + usize::from(joined);
        let Some(&word) = words.get(next) else { break };
        let digits = digits(word);
        let number = digits.or_else(|| in_table(&WORDS, word));
        if let Some(number) =
            number.filter(|&n| !begun || joined && n < last && (digits.is_none() || group == 0.0))
        {
            group += number;
            last = number;
        } else if let Some(scale) = in_table(&SCALES, word).filter(|_| !joined) {
            if begun && group == 0.0 && total > 0.0 {
                // «هزار میلیارد»
                total *= scale;
            } else {
                total += if begun { group } else { 1.0 } * scale;
            }
            (group, last) = (0.0, scale);
        } else {
            break;
        }
        begun = true;
        at = next + 1;
    }
    if !begun {
        return None;
    }
    let number = total + group;
    let unit = words.get(at).copied().unwrap_or_default();
    Some(match unit {
        "تومان" | "تومن" | "toman" | "tomans" => (Figure::Rial(number * 10.0), at + 1),
        "ریال" | "rial" | "rials" | "irr" => (Figure::Rial(number), at + 1),
        PER_CENT | "percent" => (Figure::Percent(number), at + 1),
        // «یک» and «ده» alone are words like others.
        _ if at == 1 && digits(words[0]).is_none() => return None,
        _ => (Figure::Number(number), at),
    })
}

fn in_table(table: &[(&str, f64)], word: &str) -> Option<f64> {
    table
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, n)| *n)
}

fn digits(word: &str) -> Option<f64> {
    let starts = word.starts_with(|c: char| c.is_ascii_digit());
    let all = word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (starts && all && word.len() < 16)
        .then(|| word.parse().ok())
        .flatten()
}

/// A date in figures or with the month's name, and how many words it takes.
fn date(words: &[&str]) -> Option<(Figure, usize)> {
    let number = |i: usize| -> Option<i32> {
        let word = words.get(i)?;
        word.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| word.parse().ok())?
    };
    if let Some(first) = words.first()
        && let Some(figure) = written(first)
    {
        return Some((figure, 1));
    }
    let month = |i: usize| -> Option<u8> {
        let word = words.get(i)?;
        let of = |names: &[&str]| names.iter().position(|name| name == word);
        u8::try_from(of(&MONTHS).or_else(|| of(&ENGLISH_MONTHS))? + 1).ok()
    };
    // «۵ اسفند ۱۴۰۴», «۵ اسفند سال ۱۴۰۴»
    let year_at = |i: usize| {
        let skip = usize::from(
            words
                .get(i)
                .is_some_and(|word| matches!(*word, "سال" | "ماه")),
        );
        number(i + skip)
            .filter(|year| is_year(*year))
            .map(|year| (year, i + skip + 1))
    };
    if let (Some(day), Some(month), Some((year, taken))) = (number(0), month(1), year_at(2)) {
        return day_of(year, month, u8::try_from(day).ok()?).map(|day| (Figure::Day(day), taken));
    }
    let (month, (year, taken)) = (month(0)?, year_at(1)?);
    Some((Figure::Month(year, month), taken))
}

/// `1404/12/05`, `2026-02-24`, `1404-12`.
fn written(word: &str) -> Option<Figure> {
    let parts: Vec<i32> = word
        .split(['/', '-'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let small = |n: i32| u8::try_from(n).ok();
    match parts[..] {
        [year, month, day] if is_year(year) => {
            day_of(year, small(month)?, small(day)?).map(Figure::Day)
        }
        [year, month] if is_year(year) && (1..=12).contains(&month) => {
            Some(Figure::Month(year, small(month)?))
        }
        _ => None,
    }
}

fn is_year(year: i32) -> bool {
    (1_250..1_500).contains(&year) || (1_800..2_200).contains(&year)
}

fn day_of(year: i32, month: u8, day: u8) -> Option<Date> {
    if year < 1_500 {
        return crate::text::calendar::solar(year, month, day);
    }
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    Date::new(i16::try_from(year).ok()?, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(a: &str, b: &str) -> bool {
        let (a, b) = (read(a).figures, read(b).figures);
        assert_eq!((a.len(), b.len()), (1, 1), "{a:?} {b:?}");
        a[0].same(b[0])
    }

    #[test]
    fn one_figure_however_it_is_written() {
        for (a, b) in [
            ("۱۲٬۵۰۰", "12500"),
            ("۱۲ هزار و ۵۰۰ نفر", "۱۲ هزار نفر"),
            ("دوازده هزار و پانصد نفر", "۱۲۵۰۰ نفر"),
            ("۲۵ هزار تومان", "۲۵۰٬۰۰۰ ریال"),
            ("بیست و پنج هزار تومان", "250000 rials"),
            ("۱٫۵ میلیارد تومان", "۱۵ میلیارد ریال"),
            ("۳ هزار میلیارد تومان", "۳ همت تومان"),
            ("۳۲ درصد", "32%"),
            ("۵ اسفند ۱۴۰۴", "1404/12/05"),
            ("۵ اسفند ۱۴۰۴", "2026-02-24"),
            ("اسفند ۱۴۰۴", "1404-12"),
            ("۱۳۷۰", "1991"),
            ("۱۳۷۰", "۵ مهر ۱۳۷۰"),
        ] {
            let same = match a {
                // A rounded number is another number.
                "۱۲ هزار و ۵۰۰ نفر" => !read(a).figures[0].same(read(b).figures[0]),
                _ => same(a, b),
            };
            assert!(same, "{a} and {b}: {:?} {:?}", read(a), read(b));
        }
    }

    #[test]
    fn other_figures_are_not_the_same() {
        for (a, b) in [
            ("۲۵ هزار تومان", "۲۵ هزار ریال"),
            ("۲۵ هزار تومان", "۲۵ تومان"),
            ("۱۳۷۰", "1993"),
            ("۵ اسفند ۱۴۰۴", "۶ اسفند ۱۴۰۴"),
            ("۳۲ درصد", "۳۲"),
        ] {
            assert!(!same(a, b), "{a} and {b}");
        }
        assert_eq!(read("یک شرکت در این صنعت").figures, []);
    }

    proptest! {
        #[test]
        fn a_sum_is_the_same_in_toman_and_rial(thousands in 1u32..100_000) {
            let toman = format!("{} هزار تومان", text::persian_digits(&thousands.to_string()));
            let rial = format!("{} ریال", u64::from(thousands) * 10_000);
            prop_assert!(same(&toman, &rial), "{toman} {rial}");
        }

        #[test]
        fn whatever_is_typed_is_read(text in "\\PC{0,60}") {
            let _ = read(&text);
        }
    }
}
