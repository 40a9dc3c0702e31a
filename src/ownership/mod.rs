//! The ownership of companies, combined from all saved reports: one name for one company, and no company above itself.

mod names;
mod show;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use serde::Serialize;

use crate::{
    report::{Fact, Field, Report, Status},
    research::numbers,
};

use names::Names;
pub use show::{as_json, as_tree};
pub use tree::{Families, Family, Remark, Rivals, families};

/// How a company is related to another, which is above it where one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Belongs to it.
    OwnedBy,
    /// Belongs to it through others.
    UltimatelyOwnedBy,
    /// Has it among its shareholders.
    HeldBy,
    /// Works with it, without either owning the other.
    AffiliatedWith,
    /// Has the same owner.
    SisterOf,
    /// Sells to the same people.
    RivalOf,
}

impl Relation {
    /// As tables have it.
    pub fn code(self) -> &'static str {
        match self {
            Self::OwnedBy => "owned_by",
            Self::UltimatelyOwnedBy => "ultimately_owned_by",
            Self::HeldBy => "held_by",
            Self::AffiliatedWith => "affiliated_with",
            Self::SisterOf => "sister_of",
            Self::RivalOf => "rival_of",
        }
    }
}

/// What a report says of two companies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edge {
    #[serde(rename = "company")]
    pub below: Arc<str>,
    #[serde(rename = "other")]
    pub above: Arc<str>,
    pub relation: Relation,
    pub status: Status,
    /// The year, month or day that the source speaks of; empty where it does not say.
    pub as_of: Arc<str>,
    /// The brand whose report says so.
    pub said_by: Arc<str>,
    /// The page that it rests on; empty where there is none.
    pub source: Arc<str>,
}

/// What all reports say, put together.
#[derive(Debug, Default)]
pub struct Ownership {
    names: Names,
    edges: Edges,
    texts: Texts,
}

/// By company below, relation and company above, as keys or as names.
type Edges = BTreeMap<(Arc<str>, Relation, Arc<str>), Edge>;

/// Texts that are kept once, however many edges have them.
#[derive(Debug, Default)]
struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn once(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// What fields say of the brand below and the company in them above.
const TOLD: [(Field, Relation); 6] = [
    (Field::Parent, Relation::OwnedBy),
    (Field::UltimateParent, Relation::UltimatelyOwnedBy),
    (Field::Shareholders, Relation::HeldBy),
    (Field::Affiliates, Relation::AffiliatedWith),
    (Field::SisterBrands, Relation::SisterOf),
    (Field::Competitors, Relation::RivalOf),
];

impl Ownership {
    /// Takes in what a report says of companies.
    pub fn add(&mut self, report: &Report) {
        let brand = &report.brand;
        self.list(report);
        let facts = &report.facts.brand;
        let counted = |field| facts.all(field).iter().filter(|fact| counts(fact));
        for (field, relation) in TOLD {
            for fact in counted(field) {
                self.relate(report, brand, relation, &fact.value, fact);
            }
        }
        for fact in counted(Field::Subsidiaries) {
            self.relate(report, &fact.value, Relation::OwnedBy, brand, fact);
        }
        // A sister has the same parent, as far as both are sure.
        if let Some(parent) = counted(Field::Parent).next() {
            for fact in counted(Field::SisterBrands) {
                let sure = [fact, parent]
                    .iter()
                    .all(|f| f.status != Status::Conflicted);
                let status = if sure {
                    Status::Inferred
                } else {
                    Status::Conflicted
                };
                let concluded = Fact {
                    status,
                    ..fact.clone()
                };
                let (sister, parent) = (&fact.value, &parent.value);
                self.relate(report, sister, Relation::OwnedBy, parent, &concluded);
            }
        }
    }

    /// Takes in the brand itself, with its other names.
    fn list(&mut self, report: &Report) {
        let around = TOLD.map(|(field, _)| field).into_iter();
        let around: BTreeSet<String> = around
            .chain([Field::Subsidiaries])
            .flat_map(|field| report.facts.all(field))
            .map(|fact| self.names.key(&fact.value))
            .collect();
        let others = [Field::NameFa, Field::NameEn, Field::LegalName];
        let others = others
            .into_iter()
            .filter_map(|field| report.facts.one(field));
        let others: Vec<&str> = others
            .filter(|fact| fact.status == Status::Supported)
            .map(|fact| fact.value.as_str())
            // A brand without a company of its own bears the legal name of its owner.
            .filter(|name| !around.contains(&self.names.key(name)))
            .collect();
        self.names.list(&report.brand, others.into_iter());
    }

    fn relate(
        &mut self,
        report: &Report,
        below: &str,
        relation: Relation,
        above: &str,
        fact: &Fact,
    ) {
        let (below_key, above_key) = (self.names.count(below), self.names.count(above));
        let cited = fact.evidence.first().and_then(|citation| {
            let sources = report.sources.iter();
            sources
                .into_iter()
                .find(|source| source.id == citation.source)
        });
        let mut once = |text: &str| self.texts.once(text);
        let edge = Edge {
            below: once(below),
            above: once(above),
            relation,
            status: fact.status,
            as_of: once(fact.as_of.as_deref().unwrap_or_default()),
            said_by: once(&report.brand),
            source: once(cited.map_or("", |source| &source.url)),
        };
        let place = (once(&below_key), relation, once(&above_key));
        keep_stronger(&mut self.edges, place, edge);
    }

    /// All that reports say of owners, partners and sisters: each edge once, with one name for one company and the
    /// strongest evidence; of rivals those that are both in the list. They are taken out, so that there is never room for
    /// them twice.
    fn take_edges(&mut self) -> Vec<Edge> {
        let told = std::mem::take(&mut self.edges);
        let (shown, listed) = (self.names.shown(), self.names.brands());
        let mut edges = Edges::new();
        for ((below, relation, above), edge) in told {
            let (below, above) = (shown.name(&below), shown.name(&above));
            let strangers = !listed.contains(&*below) || !listed.contains(&*above);
            if below == above || relation == Relation::RivalOf && strangers {
                continue;
            }
            // Sisters and rivals are so to each other.
            let mutual = matches!(relation, Relation::SisterOf | Relation::RivalOf);
            let (below, above) = match mutual && above < below {
                true => (above, below),
                false => (below, above),
            };
            let place = (below.clone(), relation, above.clone());
            let named = Edge {
                below,
                above,
                ..edge
            };
            keep_stronger(&mut edges, place, named);
        }
        edges.into_values().collect()
    }
}

/// Keeps what is said best of two companies.
fn keep_stronger(edges: &mut Edges, place: (Arc<str>, Relation, Arc<str>), edge: Edge) {
    let known = edges.get(&place);
    if known.is_none_or(|known| by_strength(known, &edge).is_lt()) {
        edges.insert(place, edge);
    }
}

/// What nobody could check says nothing about others.
fn counts(fact: &Fact) -> bool {
    !matches!(fact.status, Status::Unverified | Status::Outdated)
}

/// What is supported is stronger than what is not, what is dated later stronger than what is dated earlier. Dates are of
/// both calendars.
fn by_strength(one: &Edge, other: &Edge) -> std::cmp::Ordering {
    let status = |edge: &Edge| match edge.status {
        Status::Supported => 4,
        Status::Inferred => 3,
        Status::Conflicted => 2,
        Status::Outdated => 1,
        Status::Unverified => 0,
    };
    let time = |edge: &Edge| {
        let figures = numbers::read(&edge.as_of).figures;
        let time = figures.first().and_then(|figure| figure.time());
        time.unwrap_or(f64::NEG_INFINITY)
    };
    let by_status = status(one).cmp(&status(other));
    by_status.then_with(|| time(one).total_cmp(&time(other)))
}

#[cfg(test)]
mod tests;
