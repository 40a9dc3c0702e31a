//! The state before this research: previous reports, and which pages the searches return now.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::{
    report::{Contradiction, Coverage, Fact, Facts, Source},
    search::tavily::{RESULTS, WebPage},
};

/// What searching brought, also what was not read.
#[derive(Debug, Default)]
pub struct SearchCoverage {
    /// Addresses of pages.
    addresses: HashSet<String>,
    /// What was asked, and whether there was room for more results.
    asked: HashMap<String, bool>,
}

impl SearchCoverage {
    /// Takes in the pages that a query brought.
    pub fn take_in(&mut self, query: &str, pages: &[WebPage]) {
        self.asked.insert(query.to_owned(), pages.len() < RESULTS);
        let addresses = pages.iter().filter_map(|page| Url::parse(&page.url).ok());
        self.addresses.extend(addresses.map(String::from));
    }

    /// Whether a page is surely not to be found: what found it then was asked again and had room for it. Where other
    /// pages took all places, nothing can be said.
    pub(super) fn lacks(&self, page: &PastSource) -> bool {
        let had_room = self.asked.get(&page.query).copied().unwrap_or(false);
        had_room && !self.addresses.contains(&page.url)
    }
}

/// What an earlier report said, as far as it is compared.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviousReports {
    pub(super) simulated: bool,
    pub generated_at: Timestamp,
    #[serde(flatten)]
    pub(super) facts: Facts,
    pub(super) sources: Vec<PastSource>,
    pub(super) quality: PastQuality,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PastSource {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) query: String,
    pub(super) digest: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PastQuality {
    pub(super) coverage: Coverage,
    pub(super) contradictions: Vec<Contradiction>,
}

impl PreviousReports {
    /// The pages that a fact rests on.
    pub(super) fn pages_of<'a>(&'a self, fact: &'a Fact) -> impl Iterator<Item = &'a PastSource> {
        let cited = |source: &&PastSource| {
            let citations = fact.evidence.iter();
            citations
                .into_iter()
                .any(|citation| citation.source == source.id)
        };
        self.sources.iter().filter(cited)
    }

    pub(super) fn cited(&self, fact: &Fact) -> Fact {
        let sources = self.sources.iter();
        with_addresses(fact, &sources.map(|source| (&*source.id, &*source.url)))
    }
}

/// A fact whose citations name addresses instead of ids.
pub(super) fn with_addresses<'a>(
    fact: &Fact,
    sources: &(impl Iterator<Item = (&'a str, &'a str)> + Clone),
) -> Fact {
    let mut fact = fact.clone();
    for citation in &mut fact.evidence {
        if let Some((_, url)) = sources.clone().find(|(id, _)| *id == citation.source) {
            url.clone_into(&mut citation.source);
        }
    }
    fact
}

impl PastSource {
    pub(super) fn is_unchanged(&self, new: &Source) -> bool {
        self.url == new.url && self.digest == new.digest && !self.digest.is_empty()
    }
}
