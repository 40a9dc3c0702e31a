//! The comparison of a report with earlier ones.

use super::{
    names,
    previous_reports::{PastSource, PreviousReports, SearchCoverage, with_addresses},
};
use crate::{
    report::{
        Change, ChangeKind, Comparison, Contradiction, Coverage, Fact, Facts, Field, Record,
        Report, Status,
        fields::{Subject, ValueKind},
    },
    research::contradictions::is_same_value,
};

/// Compares a report with those before it, the last one first. None where there is nothing to compare it with.
///
/// A fact is news where it is supported, none of the earlier reports had it in whatever words, and a page that says it
/// is new or was changed: what a model overlooked before in the same page is no news. Not compared are texts that
/// only describe, recommendations, and facts that nobody could check. A product that is not found any more is reported
/// only with its pages: models forget more than companies discontinue.
pub fn compare(
    report: &Report,
    sight: &SearchCoverage,
    before: &[PreviousReports],
) -> Option<Comparison> {
    let before: Vec<&PreviousReports> = before
        .iter()
        .filter(|past| {
            past.simulated == report.simulated && past.quality.coverage != Coverage::None
        })
        .collect();
    let last = *before.first()?;
    let radar = Radar {
        report,
        sight,
        last,
        before: &before,
    };
    let mut changes = Vec::new();
    if report.quality.coverage != Coverage::None {
        radar.look(&mut changes);
    }
    Some(Comparison {
        at: report.generated_at,
        since: last.generated_at,
        run_id: report.run_id.clone(),
        changes,
    })
}

/// A report beside those before it.
struct Radar<'a> {
    report: &'a Report,
    sight: &'a SearchCoverage,
    last: &'a PreviousReports,
    before: &'a [&'a PreviousReports],
}

impl Radar<'_> {
    fn look(&self, changes: &mut Vec<Change>) {
        let tracked = Field::ALL.iter().copied();
        let tracked =
            tracked.filter(|field| field.spec().tracked && field.spec().subject == Subject::Brand);
        for field in tracked {
            match field.spec().many {
                true => self.many(field, changes),
                false => changes.extend(self.single(field)),
            }
        }
        self.products(changes);
        self.contradictions(changes);
    }

    fn single(&self, field: Field) -> Option<Change> {
        let about = field.spec().path;
        let mut known = self.before.iter().filter_map(|past| {
            let fact = past.facts.one(field)?;
            let known = stands(fact) || fact.status == Status::Conflicted;
            known.then(|| past.cited(fact))
        });
        let before = known.next();
        let after = self.report.facts.one(field);
        match (before, after) {
            (None, Some(after)) => self
                .is_news(after)
                .then(|| Change::of(ChangeKind::New, about, None, Some(self.cited(after)))),
            (Some(before), Some(after)) => {
                let other = !self.is_same(field.spec().kind, &before.value, &after.value);
                let news = other && self.is_news(after);
                let after = Some(self.cited(after));
                news.then(|| Change::of(ChangeKind::Changed, about, Some(before), after))
            }
            (_, None) => self.source_gone(about, self.last.facts.one(field)),
        }
    }

    fn many(&self, field: Field, changes: &mut Vec<Change>) {
        let about = field.spec().path;
        let has = |facts: &Facts, one: &Fact| {
            let mut values = facts.all(field).map(|fact| &fact.value);
            values.any(|value| self.is_same(field.spec().kind, value, &one.value))
        };
        let now = &self.report.facts;
        for fact in now.all(field).filter(|fact| self.is_news(fact)) {
            let mut before = self.before.iter();
            if !before.any(|past| has(&past.facts, fact)) {
                changes.push(Change::of(
                    ChangeKind::New,
                    about,
                    None,
                    Some(self.cited(fact)),
                ));
            }
        }
        let last = self.last.facts.all(field);
        let missing = last.filter(|old| !has(now, old));
        changes.extend(missing.filter_map(|old| self.source_gone(about, Some(old))));
    }

    fn products(&self, changes: &mut Vec<Change>) {
        for product in &self.report.facts.products {
            let before = self.before.iter();
            let known = before
                .filter_map(|past| Some((*past, self.product(&past.facts.products, product)?)));
            let known: Vec<(&PreviousReports, &Record)> = known.collect();
            changes.extend(match known.is_empty() {
                true => product
                    .product_name()
                    .filter(|name| self.is_news(name))
                    .map(|name| {
                        Change::of(ChangeKind::New, "products", None, Some(self.cited(name)))
                    }),
                false => self.price(product, &known),
            });
        }
        let now = &self.report.facts.products;
        let last = self.last.facts.products.iter();
        let missing = last.filter(|old| self.product(now, old).is_none());
        changes.extend(missing.filter_map(|old| self.source_gone("products", old.product_name())));
    }

    /// Whether the price of a product is another than the one last known.
    fn price(&self, product: &Record, known: &[(&PreviousReports, &Record)]) -> Option<Change> {
        let mut prices = known.iter().filter_map(|(past, known)| {
            let price = known
                .one(Field::ProductPrice)
                .filter(|price| stands(price))?;
            Some(past.cited(price))
        });
        let before = prices.next()?;
        let after = product.one(Field::ProductPrice);
        let after = after.filter(|after| self.is_news(after))?;
        (!is_same_value(&before.value, &after.value)).then(|| Change {
            of: product.product_name().map(|name| name.value.clone()),
            ..Change::of(
                ChangeKind::Changed,
                Field::ProductPrice.spec().path,
                Some(before),
                Some(self.cited(after)),
            )
        })
    }

    /// The product of a list that is the same.
    fn product<'a>(&self, list: &'a [Record], one: &Record) -> Option<&'a Record> {
        let names = |product: &Record| -> Vec<String> {
            let names = [Field::ProductNameFa, Field::ProductNameEn];
            let names = names.into_iter().filter_map(|field| product.one(field));
            names.map(|name| name.value.clone()).collect()
        };
        let wanted = names(one);
        list.iter().find(|other| {
            let others = names(other);
            wanted.iter().any(|name| {
                others
                    .iter()
                    .any(|other| self.is_same(ValueKind::Thing, name, other))
            })
        })
    }

    fn contradictions(&self, changes: &mut Vec<Change>) {
        let now = &self.report.quality.contradictions;
        for dispute in now {
            let mut before = self
                .before
                .iter()
                .flat_map(|past| &past.quality.contradictions);
            let sides = [&dispute.first, &dispute.second];
            if sides.iter().any(|side| self.is_from_changed_page(side))
                && !before.any(|old| self.is_same_dispute(old, dispute))
            {
                changes.push(Change::of(
                    ChangeKind::Disputed,
                    field(&dispute.about),
                    Some(self.cited(&dispute.second)),
                    Some(self.cited(&dispute.first)),
                ));
            }
        }
        let last = self.last.quality.contradictions.iter();
        for old in last.filter(|old| !now.iter().any(|now| self.is_same_dispute(old, now))) {
            // While both pages say what they said, it is only not mentioned.
            let sides = [&old.first, &old.second];
            if sides.iter().any(|side| self.is_out_of_sight(side))
                && let Some(agreed) = self.agreed(old)
            {
                changes.push(Change::of(
                    ChangeKind::Settled,
                    field(&old.about),
                    Some(self.last.cited(&old.second)),
                    Some(self.cited(&agreed)),
                ));
            }
        }
    }
}

impl Radar<'_> {
    /// A fact of the last report that was supported and is missing now, if surely none of its pages is to be found any
    /// more.
    fn source_gone(&self, about: &str, fact: Option<&Fact>) -> Option<Change> {
        let fact = fact.filter(|fact| fact.status == Status::Supported)?;
        let mut pages = self.last.pages_of(fact).peekable();
        let gone = pages.peek().is_some() && pages.all(|page| self.sight.lacks(page));
        gone.then(|| {
            Change::of(
                ChangeKind::SourceGone,
                about,
                Some(self.last.cited(fact)),
                None,
            )
        })
    }

    fn cited(&self, fact: &Fact) -> Fact {
        let sources = self.report.sources.iter();
        with_addresses(fact, &sources.map(|source| (&*source.id, &*source.url)))
    }

    /// Whether two contradictions are one, in whatever words and order.
    fn is_same_dispute(&self, one: &Contradiction, other: &Contradiction) -> bool {
        let about = field(&one.about);
        let same = |a: &Fact, b: &Fact| self.agree(&about, a, b);
        about == field(&other.about)
            && (same(&one.first, &other.first) && same(&one.second, &other.second)
                || same(&one.first, &other.second) && same(&one.second, &other.first))
    }

    fn is_same(&self, kind: ValueKind, one: &str, other: &str) -> bool {
        names::is_same(kind, one, other, &self.report.brand)
    }

    /// Whether a fact stands, and a page that says it is new or was changed.
    fn is_news(&self, fact: &Fact) -> bool {
        stands(fact) && self.is_from_changed_page(fact)
    }

    fn is_from_changed_page(&self, fact: &Fact) -> bool {
        let cited = fact.evidence.iter().filter_map(|citation| {
            let sources = self.report.sources.iter();
            sources
                .into_iter()
                .find(|source| source.id == citation.source)
        });
        cited.into_iter().any(|source| {
            let mut all = self.before.iter().flat_map(|past| &past.sources);
            !all.any(|old| old.is_unchanged(source))
        })
    }

    /// Whether no page that said this is as it was in the last report.
    fn is_out_of_sight(&self, fact: &Fact) -> bool {
        let unchanged =
            |old: &PastSource| self.report.sources.iter().any(|new| old.is_unchanged(new));
        !self.last.pages_of(fact).any(unchanged)
    }

    /// What the report now says where two sources disagreed before.
    fn agreed(&self, old: &Contradiction) -> Option<Fact> {
        let about = field(&old.about);
        let said = self.report.facts.iter().filter(|(path, fact)| {
            path.field.spec().path == about
                && stands(fact)
                && (self.agree(&about, fact, &old.first) || self.agree(&about, fact, &old.second))
        });
        said.last().map(|(_, fact)| fact.clone())
    }

    /// Whether two values of a field are the same. What is not tracked has no other words for it.
    fn agree(&self, about: &str, one: &Fact, other: &Fact) -> bool {
        let tracked = Field::of_path(about).filter(|field| field.spec().tracked);
        is_same_value(&one.value, &other.value)
            || tracked
                .is_some_and(|field| self.is_same(field.spec().kind, &one.value, &other.value))
    }
}

/// Whether a fact can be relied on.
fn stands(fact: &Fact) -> bool {
    matches!(fact.status, Status::Supported | Status::Inferred)
}

/// A path without the places in lists: `products.0.price` becomes `products.price`.
fn field(path: &str) -> String {
    let names = path
        .split('.')
        .filter(|part| part.parse::<usize>().is_err());
    names.collect::<Vec<_>>().join(".")
}
