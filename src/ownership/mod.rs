//! Who owns whom, as all saved reports say together: one name for one company, and no company above itself.

mod show;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::research::{
    company,
    report::{Fact, Report, Status},
};

pub use show::tree as as_tree;
pub use tree::{Families, Family, families};

/// How a company is related to the one above it.
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
}

impl Relation {
    /// As tables have it.
    pub fn code(self) -> &'static str {
        match self {
            Self::OwnedBy => "owned_by",
            Self::UltimatelyOwnedBy => "ultimately_owned_by",
            Self::HeldBy => "held_by",
            Self::AffiliatedWith => "affiliated_with",
        }
    }
}

/// What a report says of two companies.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    pub below: String,
    pub above: String,
    pub relation: Relation,
    pub status: Status,
    /// The year, month or day that the source speaks of; empty where it does not say.
    pub as_of: String,
    /// The brand whose report says so.
    pub said_by: String,
    /// The page that it rests on; empty where there is none.
    pub source: String,
}

/// A company of the reports.
#[derive(Clone, Debug, Default)]
struct Company {
    /// How often it is written in which way.
    spellings: BTreeMap<String, usize>,
    /// Its name in the list, where it is a brand of the list.
    listed: Option<String>,
}

/// Two brands of the list that compete although one holding owns both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rivals {
    pub one: String,
    pub other: String,
    pub owner: String,
}

/// What all reports say, put together.
#[derive(Debug, Default)]
pub struct Ownership {
    companies: HashMap<String, Company>,
    /// Keys of other names, each with the company's own.
    aliases: HashMap<String, String>,
    /// By company below, relation and company above, as keys.
    edges: BTreeMap<(String, Relation, String), Edge>,
    rivals: BTreeSet<(String, String)>,
}

impl Ownership {
    /// Takes in what a report says of companies.
    pub fn add(&mut self, report: &Report) {
        let brand = self.listed(report);
        let r = &report.relationships;
        let up = [
            (&r.parent, Relation::OwnedBy),
            (&r.ultimate_parent, Relation::UltimatelyOwnedBy),
        ];
        for (fact, relation) in up {
            for fact in fact.iter().filter(|fact| counts(fact)) {
                self.relate(report, &brand, relation, &fact.value, fact);
            }
        }
        for (facts, relation) in [
            (&r.shareholders, Relation::HeldBy),
            (&r.affiliates, Relation::AffiliatedWith),
        ] {
            for fact in facts.iter().filter(|fact| counts(fact)) {
                self.relate(report, &brand, relation, &fact.value, fact);
            }
        }
        for fact in r.subsidiaries.iter().filter(|fact| counts(fact)) {
            self.relate(report, &fact.value, Relation::OwnedBy, &brand, fact);
        }
        // A sister has the same parent, or nothing can be said of who owns it.
        if let Some(parent) = r.parent.as_ref().filter(|fact| counts(fact)) {
            for fact in r.sister_brands.iter().filter(|fact| counts(fact)) {
                let concluded = Fact {
                    status: Status::Inferred,
                    ..fact.clone()
                };
                let (sister, parent) = (&fact.value, &parent.value);
                self.relate(report, sister, Relation::OwnedBy, parent, &concluded);
            }
        }
        for fact in r.competitors.iter().filter(|fact| counts(fact)) {
            let pair = (company::key(&brand), company::key(&fact.value));
            self.rivals.insert(pair);
        }
    }

    /// Takes in the brand itself, with its other names.
    fn listed(&mut self, report: &Report) -> String {
        let name = report.brand.clone();
        let key = company::key(&name);
        let own = self.companies.entry(key.clone()).or_default();
        own.listed = Some(name.clone());
        let i = &report.identity;
        for other in [&i.name_fa, &i.name_en, &i.legal_name] {
            for fact in other.iter().filter(|fact| fact.status == Status::Supported) {
                let alias = company::key(&fact.value);
                if alias != key {
                    self.aliases.entry(alias).or_insert_with(|| key.clone());
                }
            }
        }
        name
    }

    fn relate(
        &mut self,
        report: &Report,
        below: &str,
        relation: Relation,
        above: &str,
        fact: &Fact,
    ) {
        let (below_key, above_key) = (self.spelt(below), self.spelt(above));
        let cited = fact.evidence.first().and_then(|citation| {
            let sources = report.sources.iter();
            sources
                .into_iter()
                .find(|source| source.id == citation.source)
        });
        let edge = Edge {
            below: below.to_owned(),
            above: above.to_owned(),
            relation,
            status: fact.status,
            as_of: fact.as_of.clone().unwrap_or_default(),
            said_by: report.brand.clone(),
            source: cited.map(|source| source.url.clone()).unwrap_or_default(),
        };
        self.keep((below_key, relation, above_key), edge);
    }

    /// Keeps what is said best of two companies.
    fn keep(&mut self, place: (String, Relation, String), edge: Edge) {
        if self
            .edges
            .get(&place)
            .is_none_or(|known| strength(known) < strength(&edge))
        {
            self.edges.insert(place, edge);
        }
    }

    /// Counts a spelling of a company's name. Gives back the name's key.
    fn spelt(&mut self, name: &str) -> String {
        let key = company::key(name);
        let company = self.companies.entry(key.clone()).or_default();
        let spelling = crate::text::persian_letters(&crate::text::clean(name));
        *company.spellings.entry(spelling).or_default() += 1;
        key
    }

    /// The key that a company goes by: a brand of the list may be named in other ways.
    fn own_key<'a>(&'a self, key: &'a str) -> &'a str {
        let listed = |key: &str| self.companies.get(key).is_some_and(|c| c.listed.is_some());
        match self.aliases.get(key) {
            Some(own) if !listed(key) => own,
            _ => key,
        }
    }

    /// The name that a company is shown by: that of the list, else the one that most reports have.
    fn name(&self, key: &str) -> String {
        let Some(company) = self.companies.get(key) else {
            return key.to_owned();
        };
        let most = company.spellings.iter().max_by_key(|(name, count)| {
            // Of two that are as frequent the shorter one, so that the order of the reports does not matter.
            (**count, std::cmp::Reverse(name.chars().count()))
        });
        let spelt = most.map(|(name, _)| name.clone());
        company.listed.clone().or(spelt).unwrap_or_default()
    }

    /// All that reports say, each edge once, with one name for one company; the strongest evidence for each.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges: BTreeMap<(String, Relation, String), Edge> = BTreeMap::new();
        for ((below, relation, above), edge) in &self.edges {
            let (below, above) = (self.own_key(below), self.own_key(above));
            if below == above {
                continue;
            }
            let named = Edge {
                below: self.name(below),
                above: self.name(above),
                ..edge.clone()
            };
            let place = (named.below.clone(), *relation, named.above.clone());
            if edges
                .get(&place)
                .is_none_or(|known| strength(known) < strength(&named))
            {
                edges.insert(place, named);
            }
        }
        edges.into_values().collect()
    }

    /// Names of the brands of the list.
    fn brands(&self) -> BTreeSet<String> {
        let all = self.companies.values();
        all.filter_map(|company| company.listed.clone()).collect()
    }

    /// Competitors as reports name them, where both are brands of the list.
    fn listed_rivals(&self) -> BTreeSet<(String, String)> {
        let listed = |key: &str| {
            let company = self.companies.get(self.own_key(key))?;
            company.listed.clone()
        };
        let pairs = self.rivals.iter().filter_map(|(one, other)| {
            let (one, other) = (listed(one)?, listed(other)?);
            (one != other).then(|| (one.clone().min(other.clone()), one.max(other)))
        });
        pairs.collect()
    }
}

/// What nobody could check says nothing about others.
fn counts(fact: &Fact) -> bool {
    !matches!(fact.status, Status::Unverified | Status::Outdated)
}

/// What is supported is stronger than what is not, what is dated later stronger than what is dated earlier.
fn strength(edge: &Edge) -> (u8, &str) {
    let status = match edge.status {
        Status::Supported => 4,
        Status::Inferred => 3,
        Status::Conflicted => 2,
        Status::Outdated => 1,
        Status::Unverified => 0,
    };
    (status, &edge.as_of)
}
