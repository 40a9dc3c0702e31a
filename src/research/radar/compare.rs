//! The comparison itself.

use super::{
    Change, ChangeKind, Comparison,
    names::{self, Sort},
    past::{Past, PastSource, Sight, with_addresses},
};
use crate::research::{
    check::is_same_value,
    report::{
        Contradiction, Coverage, Fact, Facts, Identity, Product, Relationships, Report, Status,
    },
};

/// Compares a report with those before it, the last one first. None where there is nothing to compare it with.
///
/// A fact is news where it is supported, none of the earlier reports had it in whatever words, and a page that says it
/// is new or was changed: what a model overlooked before in the same page is no news. Not compared are texts that
/// only describe, recommendations, and facts that nobody could check. A product that is not found any more is reported
/// only with its pages: models forget more than companies discontinue.
pub fn compare(report: &Report, sight: &Sight, before: &[Past]) -> Option<Comparison> {
    let before: Vec<&Past> = before
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

/// A fact that a report has once.
type Single = (
    &'static str,
    Sort,
    fn(&Identity, &Relationships) -> Option<Fact>,
);

const SINGLES: [Single; 8] = [
    ("relationships.parent", Sort::Company, |_, r| {
        r.parent.clone()
    }),
    ("relationships.ultimate_parent", Sort::Company, |_, r| {
        r.ultimate_parent.clone()
    }),
    ("identity.legal_name", Sort::Company, |i, _| {
        i.legal_name.clone()
    }),
    ("identity.national_id", Sort::Code, |i, _| {
        i.national_id.clone()
    }),
    ("identity.chief_executive", Sort::Person, |i, _| {
        i.chief_executive.clone()
    }),
    ("identity.headquarters", Sort::Place, |i, _| {
        i.headquarters.clone()
    }),
    ("identity.stock_symbol", Sort::Code, |i, _| {
        i.stock_symbol.clone()
    }),
    ("identity.tagline", Sort::Slogan, |i, _| i.tagline.clone()),
];

/// Facts that a report has several of.
type Many = (
    &'static str,
    Sort,
    for<'a> fn(&'a Identity, &'a Relationships) -> &'a [Fact],
);

const MANY: [Many; 7] = [
    ("identity.campaigns", Sort::Slogan, |i, _| &i.campaigns),
    ("identity.export_markets", Sort::Place, |i, _| {
        &i.export_markets
    }),
    ("identity.certifications", Sort::Product, |i, _| {
        &i.certifications
    }),
    ("identity.trademarks", Sort::Product, |i, _| &i.trademarks),
    ("relationships.subsidiaries", Sort::Company, |_, r| {
        &r.subsidiaries
    }),
    ("relationships.sister_brands", Sort::Company, |_, r| {
        &r.sister_brands
    }),
    ("relationships.competitors", Sort::Company, |_, r| {
        &r.competitors
    }),
];

/// A report beside those before it.
struct Radar<'a> {
    report: &'a Report,
    sight: &'a Sight,
    last: &'a Past,
    before: &'a [&'a Past],
}

impl Radar<'_> {
    fn look(&self, changes: &mut Vec<Change>) {
        for (about, sort, of) in SINGLES {
            changes.extend(self.single(about, sort, of));
        }
        for (about, sort, of) in MANY {
            self.many(about, sort, of, changes);
        }
        self.products(changes);
        self.contradictions(changes);
    }

    fn single(
        &self,
        about: &'static str,
        sort: Sort,
        of: fn(&Identity, &Relationships) -> Option<Fact>,
    ) -> Option<Change> {
        let mut known = self.before.iter().filter_map(|past| {
            let fact = of(&past.identity, &past.relationships)?;
            let known = stands(&fact) || fact.status == Status::Conflicted;
            known.then(|| past.cited(&fact))
        });
        let before = known.next();
        let after = of(&self.report.identity, &self.report.relationships);
        match (before, after) {
            (None, Some(after)) => self
                .is_news(&after)
                .then(|| Change::of(ChangeKind::New, about, None, Some(self.cited(&after)))),
            (Some(before), Some(after)) => {
                let other = !self.is_same(sort, &before.value, &after.value);
                let news = other && self.is_news(&after);
                let after = Some(self.cited(&after));
                news.then(|| Change::of(ChangeKind::Changed, about, Some(before), after))
            }
            (_, None) => {
                let gone = of(&self.last.identity, &self.last.relationships);
                self.source_gone(about, gone.as_ref())
            }
        }
    }

    fn many(
        &self,
        about: &'static str,
        sort: Sort,
        of: for<'a> fn(&'a Identity, &'a Relationships) -> &'a [Fact],
        changes: &mut Vec<Change>,
    ) {
        let has = |facts: &[Fact], one: &Fact| {
            let mut values = facts.iter().map(|fact| &fact.value);
            values.any(|value| self.is_same(sort, value, &one.value))
        };
        let now = of(&self.report.identity, &self.report.relationships);
        for fact in now.iter().filter(|fact| self.is_news(fact)) {
            let mut before = self.before.iter();
            if !before.any(|past| has(of(&past.identity, &past.relationships), fact)) {
                changes.push(Change::of(
                    ChangeKind::New,
                    about,
                    None,
                    Some(self.cited(fact)),
                ));
            }
        }
        let last = of(&self.last.identity, &self.last.relationships);
        let missing = last.iter().filter(|old| !has(now, old));
        changes.extend(missing.filter_map(|old| self.source_gone(about, Some(old))));
    }

    fn products(&self, changes: &mut Vec<Change>) {
        for product in &self.report.products {
            let before = self.before.iter();
            let known =
                before.filter_map(|past| Some((*past, self.product(&past.products, product)?)));
            let known: Vec<(&Past, &Product)> = known.collect();
            changes.extend(match known.is_empty() {
                true => name(product).filter(|name| self.is_news(name)).map(|name| {
                    Change::of(ChangeKind::New, "products", None, Some(self.cited(name)))
                }),
                false => self.price(product, &known),
            });
        }
        let now = &self.report.products;
        let last = self.last.products.iter();
        let missing = last.filter(|old| self.product(now, old).is_none());
        changes.extend(missing.filter_map(|old| self.source_gone("products", name(old))));
    }

    /// Whether the price of a product is another than the one last known.
    fn price(&self, product: &Product, known: &[(&Past, &Product)]) -> Option<Change> {
        let mut prices = known.iter().filter_map(|(past, known)| {
            let price = known.price.as_ref().filter(|price| stands(price))?;
            Some(past.cited(price))
        });
        let before = prices.next()?;
        let after = product.price.as_ref().filter(|after| self.is_news(after))?;
        (!is_same_value(&before.value, &after.value)).then(|| Change {
            of: name(product).map(|name| name.value.clone()),
            ..Change::of(
                ChangeKind::Changed,
                "products.price",
                Some(before),
                Some(self.cited(after)),
            )
        })
    }

    /// The product of a list that is the same.
    fn product<'a>(&self, list: &'a [Product], one: &Product) -> Option<&'a Product> {
        let names = |product: &Product| -> Vec<String> {
            let names = [&product.name_fa, &product.name_en].into_iter().flatten();
            names.map(|name| name.value.clone()).collect()
        };
        let wanted = names(one);
        list.iter().find(|other| {
            let others = names(other);
            wanted.iter().any(|name| {
                others
                    .iter()
                    .any(|other| self.is_same(Sort::Product, name, other))
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
        let sort = sort_of(&about);
        let same = |a: &Fact, b: &Fact| {
            is_same_value(&a.value, &b.value)
                || sort.is_some_and(|sort| self.is_same(sort, &a.value, &b.value))
        };
        about == field(&other.about)
            && (same(&one.first, &other.first) && same(&one.second, &other.second)
                || same(&one.first, &other.second) && same(&one.second, &other.first))
    }

    fn is_same(&self, sort: Sort, one: &str, other: &str) -> bool {
        names::is_same(sort, one, other, &self.report.brand)
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
        let mut found = None;
        let about = field(&old.about);
        let sort = sort_of(&about);
        self.report.clone().each("", &mut |path, fact| {
            if field(path) != about || !stands(fact) {
                return;
            }
            let same = |side: &Fact| {
                is_same_value(&fact.value, &side.value)
                    || sort.is_some_and(|sort| self.is_same(sort, &fact.value, &side.value))
            };
            if same(&old.first) || same(&old.second) {
                found = Some(fact.clone());
            }
        });
        found
    }
}

/// Whether a fact can be relied on.
fn stands(fact: &Fact) -> bool {
    matches!(fact.status, Status::Supported | Status::Inferred)
}

fn name(product: &Product) -> Option<&Fact> {
    product.name_fa.as_ref().or(product.name_en.as_ref())
}

/// What the values of a field name; none where they are figures or descriptions.
fn sort_of(field: &str) -> Option<Sort> {
    let single = SINGLES.iter().map(|(about, sort, _)| (about, sort));
    let many = MANY.iter().map(|(about, sort, _)| (about, sort));
    let mut all = single.chain(many);
    all.find(|(about, _)| **about == field)
        .map(|(_, sort)| *sort)
}

/// A path without the places in lists: `products.0.price` becomes `products.price`.
fn field(path: &str) -> String {
    let names = path
        .split('.')
        .filter(|part| part.parse::<usize>().is_err());
    names.collect::<Vec<_>>().join(".")
}
