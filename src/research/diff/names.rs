//! The comparison of names across reports: whether two names are one name in other words. Rules instead of a
//! similarity: a rewording must never be news, and a new variety of a product always is.

use crate::{
    report::fields::ValueKind,
    research::{
        company,
        numbers::{self, Figure},
    },
    text,
};

/// Words that tell no product from another.
const GENERAL: [&str; 22] = [
    "محصول",
    "محصولات",
    "جدید",
    "تازه",
    "برند",
    "شرکت",
    "نوع",
    "مدل",
    "بسته",
    "بستهبندی",
    "وزن",
    "حجم",
    "مقدار",
    "خرید",
    "قیمت",
    "با",
    "از",
    "و",
    "در",
    "the",
    "new",
    "product",
];

/// Words of measure, as [`stem`] leaves them, and how many of the smallest unit of their kind they are.
const UNITS: [(&str, f64); 14] = [
    ("گرم", 1.0),
    ("گر", 1.0),
    ("کیلو", 1_000.0),
    ("کیلوگرم", 1_000.0),
    ("لیتر", 1_000.0),
    ("میلیلیتر", 1.0),
    ("میل", 1.0),
    ("سیسی", 1.0),
    ("سی", 1.0),
    ("g", 1.0),
    ("kg", 1_000.0),
    ("ml", 1.0),
    ("l", 1_000.0),
    ("gr", 1.0),
];

/// Titles of people.
const TITLES: [&str; 9] = [
    "دکتر",
    "مهندس",
    "آقا",
    "خانم",
    "سید",
    "حاج",
    "mr",
    "ms",
    "dr",
];

/// Whether two values of a brand are the same in other words.
pub fn is_same(kind: ValueKind, one: &str, other: &str, brand: &str) -> bool {
    if text::key(one) == text::key(other) {
        return true;
    }
    match kind {
        ValueKind::Thing => is_same_product(one, other, brand),
        ValueKind::Company => company::is_same(one, other) || is_same_product(one, other, brand),
        ValueKind::Person => within(&without(one, &TITLES), &without(other, &TITLES)),
        ValueKind::Place => within(&without(one, &[]), &without(other, &[])),
        ValueKind::Slogan => is_same_slogan(one, other),
        ValueKind::Code | ValueKind::Contact => text::compact(one) == text::compact(other),
        ValueKind::Text
        | ValueKind::Name
        | ValueKind::Year
        | ValueKind::Number
        | ValueKind::Money => false,
    }
}

/// A name in pieces: its measures and its telling words.
struct Pieces {
    measures: Vec<f64>,
    other_figures: Vec<Figure>,
    words: Vec<String>,
}

fn pieces(name: &str, brand: &str) -> Pieces {
    let brand: Vec<String> = stems(brand);
    let read = numbers::read(name);
    let mut unit = None;
    let mut words = Vec::new();
    for word in read.words.iter().map(|word| stem(word)) {
        if let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == word) {
            unit = unit.or(Some(*size));
        } else if !GENERAL.contains(&word.as_str()) && !brand.contains(&word) && word != "ی" {
            words.push(word);
        }
    }
    // “One” counts only before a measure.
    let ones = words.len();
    if unit.is_some() {
        words.retain(|word| word != "یک");
    }
    let ones = ones - words.len();
    words.sort();
    words.dedup();
    let (mut measures, mut other_figures) = (Vec::new(), Vec::new());
    for figure in read.figures {
        match (figure, unit) {
            (Figure::Number(number), Some(size)) => measures.push(number * size),
            (figure, _) => other_figures.push(figure),
        }
    }
    measures.extend((0..ones).filter_map(|_| unit));
    Pieces {
        measures,
        other_figures,
        words,
    }
}

/// The same telling words and no figure that differs; a figure that only one of them gives is a closer description.
fn is_same_product(one: &str, other: &str, brand: &str) -> bool {
    let (a, b) = (pieces(one, brand), pieces(other, brand));
    let measures = a.measures.is_empty()
        || b.measures.is_empty()
        || a.measures.len() == b.measures.len()
            && a.measures
                .iter()
                .zip(&b.measures)
                .all(|(x, y)| (x - y).abs() < 0.5);
    let figures = a.other_figures.is_empty()
        || b.other_figures.is_empty()
        || a.other_figures.len() == b.other_figures.len()
            && a.other_figures
                .iter()
                .zip(&b.other_figures)
                .all(|(x, y)| x.same(*y));
    let concat = |name: &str| stems(name).concat();
    let words = a.words == b.words && !a.words.is_empty() || concat(one) == concat(other);
    measures && figures && words
}

/// Half of the words or more are the same.
fn is_same_slogan(one: &str, other: &str) -> bool {
    let (a, b) = (without(one, &GENERAL), without(other, &GENERAL));
    let common = a.iter().filter(|word| b.contains(word)).count();
    let all = a.len() + b.len() - common;
    common * 2 >= all && common > 0
}

/// Whether one has all the words of the other.
fn within(a: &[String], b: &[String]) -> bool {
    let all = |a: &[String], b: &[String]| !a.is_empty() && a.iter().all(|word| b.contains(word));
    all(a, b) || all(b, a)
}

fn without(name: &str, nothing: &[&str]) -> Vec<String> {
    let mut words = stems(name);
    words.retain(|word| !nothing.contains(&word.as_str()));
    words
}

fn stems(name: &str) -> Vec<String> {
    let words = text::words(name);
    words.split_whitespace().map(stem).collect()
}

/// A word without the endings that grammar gives it: plural, and the ye of ezafe or of an adjective.
fn stem(word: &str) -> String {
    let long = |rest: &str| rest.chars().count() >= 3;
    let mut stem = word;
    for ending in ["هایی", "های", "ها", "یی", "ی"] {
        if let Some(rest) = stem.strip_suffix(ending).filter(|rest| long(rest)) {
            stem = rest;
            break;
        }
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_in_other_words_are_the_same() {
        for (one, other) in [
            ("پنیر فتا ۴۰۰ گرمی", "پنير فتای نیلان 400 گرم"),
            ("ماست یونانی", "محصول جدید ماست یونانی نیلان"),
            ("شامپو ضد‌شوره", "شامپوی ضد شوره"),
            ("روغن ۱ کیلویی", "روغن ۱۰۰۰ گرمی"),
            ("شیر ۱ لیتری", "شیر یک لیتری"),
            ("ماست یونانی ۹۰۰ گرمی", "ماست یونانی"),
            ("Greek Yoghurt", "greek yoghurt new"),
        ] {
            assert!(
                is_same(ValueKind::Thing, one, other, "نیلان"),
                "{one} / {other}"
            );
            assert!(
                is_same(ValueKind::Thing, other, one, "نیلان"),
                "{other} / {one}"
            );
        }
    }

    #[test]
    fn another_variety_is_another_product() {
        for (one, other) in [
            ("پنیر فتا ۴۰۰ گرمی", "پنیر فتا ۲۰۰ گرمی"),
            ("شیر پرچرب", "شیر کم‌چرب"),
            ("شامپو ضد شوره", "شامپو ضد ریزش"),
            ("ماست", "ماست یونانی"),
            ("شیر", "شیر کاکائو"),
        ] {
            assert!(
                !is_same(ValueKind::Thing, one, other, "نیلان"),
                "{one} / {other}"
            );
        }
    }

    #[test]
    fn companies_people_places_and_slogans() {
        assert!(is_same(
            ValueKind::Company,
            "گروه صنعتی سپیددشت",
            "شرکت سپید دشت (سهامی عام)",
            "x"
        ));
        assert!(!is_same(ValueKind::Company, "سپیددشت", "سپیدرود", "x"));
        assert!(is_same(
            ValueKind::Person,
            "دکتر پریسا مهرآور",
            "پریسا مهرآور",
            "x"
        ));
        assert!(!is_same(
            ValueKind::Person,
            "پریسا مهرآور",
            "پریسا کاویان",
            "x"
        ));
        assert!(is_same(
            ValueKind::Place,
            "اصفهان",
            "اصفهان، شهرک صنعتی رازی",
            "x"
        ));
        assert!(!is_same(ValueKind::Place, "اصفهان", "تهران", "x"));
        assert!(is_same(
            ValueKind::Slogan,
            "طعم صبح‌های خوب",
            "طعم خوب صبح",
            "x"
        ));
        assert!(!is_same(
            ValueKind::Slogan,
            "طعم صبح‌های خوب",
            "هر روز با نیلان",
            "x"
        ));
        assert!(is_same(ValueKind::Code, "1400-3577391", "۱۴۰۰۳۵۷۷۳۹۱", "x"));
    }
}
