//! The check of what the analyst said: every fact is held against the sources, contradictions are settled where dates,
//! units or authority tell, and ways of saying "unknown" are no facts.

use super::{
    evidence::Evidence,
    figures::{self, Figure},
    identity,
    report::{
        Analysis, Categorisation, Contradiction, Customers, Disagreement, Fact, Facts, Identity,
        Namesake, Relationships, Status,
    },
    select,
};
use crate::text;

/// In years.
const A_DAY: f64 = 1.0 / 366.0;

impl Analysis {
    /// What is known when nothing was found.
    pub fn empty() -> Self {
        Self {
            identity: Identity::default(),
            relationships: Relationships::default(),
            categorisation: Categorisation::default(),
            products: Vec::new(),
            customers: Customers::default(),
            contradictions: Vec::new(),
            namesakes: Vec::new(),
        }
    }
}

/// Holds every fact against the sources; what sources disagree about becomes conflicted.
pub fn check(analysis: &mut Analysis, evidence: &mut Evidence) {
    set_namesakes_apart(analysis, evidence);
    let others = other_companies(analysis);
    for contradiction in &mut analysis.contradictions {
        let Contradiction {
            about,
            first,
            second,
            ..
        } = contradiction;
        evidence.judge(about, first, &others);
        evidence.judge(about, second, &others);
    }
    // A contradiction needs two sides that stand.
    let stands = |fact: &Fact| matches!(fact.status, Status::Supported | Status::Outdated);
    analysis.contradictions.retain(|c| {
        stands(&c.first) && stands(&c.second) && !is_same_value(&c.first.value, &c.second.value)
    });
    for contradiction in &mut analysis.contradictions {
        settle(contradiction, evidence);
    }
    analysis.each("", &mut |path, fact| evidence.judge(path, fact, &others));
    let contradictions = analysis.contradictions.clone();
    analysis.each("", &mut |path, fact| {
        let of_field = |c: &&Contradiction| {
            path.ends_with(c.about.as_str())
                || [&c.first, &c.second]
                    .iter()
                    .any(|side| is_same_value(&side.value, &fact.value))
        };
        let disputed = contradictions
            .iter()
            .find(|c| of_field(c) && belongs(path, &c.about));
        if let Some(contradiction) = disputed.filter(|_| stands(fact)) {
            *fact = contradiction.first.clone();
            fact.status = Status::Conflicted;
        }
    });
    drop_wrong_id(analysis);
    drop_blanks(analysis);
}

/// Whether a contradiction about one field may be meant where a fact of another stands: only if it names no field.
fn belongs(path: &str, about: &str) -> bool {
    path.ends_with(about) || !about.contains('.')
}

fn set_namesakes_apart(analysis: &mut Analysis, evidence: &mut Evidence) {
    for namesake in &mut analysis.namesakes {
        namesake.sources.retain(|id| evidence.get(id).is_some());
        evidence.set_apart(&namesake.sources);
    }
    analysis
        .namesakes
        .retain(|namesake| !namesake.sources.is_empty());
    for (who, page) in &evidence.namesakes {
        match analysis
            .namesakes
            .iter_mut()
            .find(|known| known.who == *who)
        {
            Some(known) => known.pages.push(page.clone()),
            None => analysis.namesakes.push(Namesake {
                who: who.clone(),
                sources: Vec::new(),
                pages: vec![page.clone()],
            }),
        }
    }
}

/// Names, folded, of companies that play a part beside the brand: a fact of theirs is none of the brand's.
fn other_companies(analysis: &mut Analysis) -> Vec<String> {
    let mut names = Vec::new();
    analysis.each("", &mut |path, fact| {
        let name = text::words(&fact.value);
        let is_name = name.chars().count() > 4 && name.split_whitespace().count() <= 4;
        if path.starts_with("relationships.") && is_name {
            names.push(name);
        }
    });
    names.sort();
    names.dedup();
    names
}

/// Whether two values say the same, however they are written.
pub fn is_same_value(one: &str, other: &str) -> bool {
    if text::key(one) == text::key(other) {
        return true;
    }
    let (a, b) = (figures::read(one), figures::read(other));
    !a.figures.is_empty()
        && a.figures.len() == b.figures.len()
        && a.figures.iter().zip(&b.figures).all(|(a, b)| a.same(*b))
        && a.words == b.words
}

/// Puts first what is more likely so, and says why: the newer source before the older one, the brand's own word and a
/// register's before others'.
fn settle(contradiction: &mut Contradiction, evidence: &Evidence) {
    let Contradiction {
        first,
        second,
        reason,
        ..
    } = contradiction;
    let (a, b) = (year(first, evidence), year(second, evidence));
    let (x, y) = (authority(first, evidence), authority(second, evidence));
    let ten_times = is_ten_times(&first.value, &second.value);
    let (swap, why) = match (a, b) {
        (Some(a), Some(b)) if (a - b).abs() > A_DAY => (a < b, Some(Disagreement::Older)),
        _ if x != y => (x < y, Some(Disagreement::Authority)),
        _ => (false, None),
    };
    *reason = if ten_times {
        Some(Disagreement::Unit)
    } else {
        why
    };
    if swap {
        std::mem::swap(first, second);
    }
    first.status = Status::Conflicted;
    second.status = Status::Conflicted;
}

/// Rial and toman differ by ten.
fn is_ten_times(one: &str, other: &str) -> bool {
    match (
        &figures::read(one).figures[..],
        &figures::read(other).figures[..],
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
        .and_then(|date| figures::read(date).figures.first().copied());
    let source = || {
        let published = |c: &super::report::Citation| evidence.get(&c.source)?.published();
        fact.evidence.iter().find_map(published)
    };
    own.and_then(Figure::time)
        .or_else(|| source().and_then(Figure::time))
}

/// How much the word of a fact's best source counts.
fn authority(fact: &Fact, evidence: &Evidence) -> u8 {
    let of = |citation: &super::report::Citation| {
        let read = evidence.get(&citation.source)?;
        Some(u8::from(read.own || select::is_register(&read.source.url)))
    };
    fact.evidence.iter().filter_map(of).max().unwrap_or(0)
}

/// An identifier whose check digit is wrong is a misreading.
fn drop_wrong_id(analysis: &mut Analysis) {
    let id = &mut analysis.identity.national_id;
    *id = id
        .take()
        .filter(|fact| identity::is_national_id(&text::compact(&fact.value)));
}

/// Models' ways of saying that they do not know are not facts.
fn drop_blanks(analysis: &mut Analysis) {
    analysis.prune(&|fact| !is_blank(fact));
    analysis
        .products
        .retain(|product| product.name_fa.is_some() || product.name_en.is_some());
}

fn is_blank(fact: &Fact) -> bool {
    matches!(
        text::fold(&fact.value).as_str(),
        "" | "-"
            | "none"
            | "null"
            | "n/a"
            | "unknown"
            | "not found"
            | "not available"
            | "not specified"
            | "نامشخص"
            | "ندارد"
            | "نامعلوم"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(value: &str) -> Fact {
        Fact {
            value: value.into(),
            status: Status::Supported,
            as_of: None,
            evidence: Vec::new(),
        }
    }

    #[test]
    fn none_is_not_a_value() {
        let mut analysis = Analysis::empty();
        analysis.relationships.parent = Some(supported("None"));
        analysis.relationships.competitors = vec![supported("نامشخص"), supported("داروگر")];
        drop_blanks(&mut analysis);
        assert!(analysis.relationships.parent.is_none());
        assert_eq!(analysis.relationships.competitors.len(), 1);
    }

    #[test]
    fn one_value_in_two_ways_is_no_contradiction() {
        assert!(is_same_value("۲۵ هزار تومان", "۲۵۰٬۰۰۰ ریال"));
        assert!(is_same_value("۱۲٬۵۰۰ نفر", "12500 نفر"));
        assert!(!is_same_value("۲۵ هزار تومان", "۲۵ هزار ریال"));
        assert!(is_ten_times("۲۵ هزار تومان", "۲۵ هزار ریال"));
        assert!(!is_ten_times("۲۵ هزار تومان", "۲۶ هزار تومان"));
    }
}
