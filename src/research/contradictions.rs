//! The contradictions between two values of one field: whether they differ, and which is more likely true.

use super::{
    diff::names,
    evidence::Evidence,
    numbers::{self, Figure},
    source_selection,
};
use crate::{
    report::{Citation, Disagreement, Fact, fields::ValueKind},
    text,
};

/// A day, in years.
const A_DAY: f64 = 1.0 / 366.0;

/// Whether two values say the same, however they are written.
pub fn is_same_value(one: &str, other: &str) -> bool {
    if text::key(one) == text::key(other) {
        return true;
    }
    let (a, b) = (numbers::read(one), numbers::read(other));
    !a.figures.is_empty()
        && a.figures.len() == b.figures.len()
        && a.figures.iter().zip(&b.figures).all(|(a, b)| a.same(*b))
        && a.words == b.words
}

/// Whether two values of a field of this kind say the same of a brand.
pub fn is_same(kind: ValueKind, one: &str, other: &str, brand: &str) -> bool {
    is_same_value(one, other) || names::is_same(kind, one, other, brand)
}

/// Puts first what is more likely so, and says why: the newer source before the older one, the brand's own word and a
/// register's before others'. The texts may be two ways to write one sum.
pub fn settle(first: &mut Fact, second: &mut Fact, evidence: &Evidence) -> Option<Disagreement> {
    let (a, b) = (year(first, evidence), year(second, evidence));
    let (x, y) = (authority(first, evidence), authority(second, evidence));
    let (swap, why) = match (a, b) {
        (Some(a), Some(b)) if (a - b).abs() > A_DAY => (a < b, Some(Disagreement::Older)),
        _ if x != y => (x < y, Some(Disagreement::Authority)),
        _ => (false, None),
    };
    if swap {
        std::mem::swap(first, second);
    }
    match is_ten_times(&first.value, &second.value) {
        true => Some(Disagreement::Unit),
        false => why,
    }
}

/// Rial and toman differ by ten.
fn is_ten_times(one: &str, other: &str) -> bool {
    match (
        &numbers::read(one).figures[..],
        &numbers::read(other).figures[..],
    ) {
        ([Figure::Rial(a)], [Figure::Rial(b)]) => {
            Figure::Rial(a * 10.0).same(Figure::Rial(*b))
                || Figure::Rial(*a).same(Figure::Rial(b * 10.0))
        }
        _ => false,
    }
}

/// The time that a fact is of, as a Gregorian year with its fraction: its own date, or the day that its source came out.
fn year(fact: &Fact, evidence: &Evidence) -> Option<f64> {
    let own = fact
        .as_of
        .as_deref()
        .and_then(|date| numbers::read(date).figures.first().copied());
    let source = || {
        let published = |c: &Citation| evidence.get(&c.source)?.published();
        fact.evidence.iter().find_map(published)
    };
    own.and_then(Figure::time)
        .or_else(|| source().and_then(Figure::time))
}

/// How much the word of a fact's best source counts.
fn authority(fact: &Fact, evidence: &Evidence) -> u8 {
    let of = |citation: &Citation| {
        let read = evidence.get(&citation.source)?;
        Some(u8::from(
            read.own || source_selection::is_register(&read.source.url),
        ))
    };
    fact.evidence.iter().filter_map(of).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_two_ways_is_no_contradiction() {
        assert!(is_same_value("۲۵ هزار تومان", "۲۵۰٬۰۰۰ ریال"));
        assert!(is_same_value("۱۲٬۵۰۰ نفر", "12500 نفر"));
        assert!(!is_same_value("۲۵ هزار تومان", "۲۵ هزار ریال"));
        assert!(is_ten_times("۲۵ هزار تومان", "۲۵ هزار ریال"));
        assert!(!is_ten_times("۲۵ هزار تومان", "۲۶ هزار تومان"));
    }
}
