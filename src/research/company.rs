//! The comparison of company names: which of them mean one company.

use crate::text;

/// Words that stand in the names of many companies and tell none from another.
const TELL_NOTHING: [&str; 32] = [
    "شرکت",
    "کمپانی",
    "گروه",
    "گروپ",
    "هلدینگ",
    "هولدینگ",
    "با",
    // As it is folded.
    "مسیولیت",
    "مسوولیت",
    "محدود",
    "مجموعه",
    "صنعتی",
    "صنایع",
    "سهامی",
    "عام",
    "خاص",
    "مالی",
    "group",
    "holding",
    "company",
    "corporation",
    "corp",
    "co",
    "limited",
    "ltd",
    "inc",
    "llc",
    "plc",
    "jsc",
    "pjsc",
    "industrial",
    "the",
];

/// Whether two names mean one company: the same letters, or one has all the telling words of the other.
pub fn is_same(one: &str, other: &str) -> bool {
    let (a, b) = (telling(one), telling(other));
    let within =
        |a: &[String], b: &[String]| !a.is_empty() && a.iter().all(|word| b.contains(word));
    text::key(one) == text::key(other)
        || a.concat() == b.concat() && !a.is_empty()
        || within(&a, &b)
        || within(&b, &a)
}

/// What a company's name comes to, however it is written: its telling words, without spaces. The whole name where
/// no word of it tells.
pub fn key(name: &str) -> String {
    match telling(name).concat() {
        telling if telling.is_empty() => text::key(name),
        telling => telling,
    }
}

fn telling(name: &str) -> Vec<String> {
    let words = text::words(name);
    words
        .split_whitespace()
        .filter(|word| !TELL_NOTHING.contains(word))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_company_has_one_key() {
        let names = [
            "گروه صنعتی سپیددشت",
            "سپید دشت",
            "شرکت سپيد‌دشت (سهامی عام)",
            "هلدینگ سپید‌دشت",
        ];
        for name in names {
            assert_eq!(key(name), key("سپیددشت"), "{name}");
        }
        assert_ne!(key("گروه صنعتی"), "");
        assert_ne!(key("سپیددشت"), key("سپیدرود"));
    }
}
