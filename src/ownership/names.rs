//! The names of companies: which keys mean the same company, and which name is shown.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::{research::company, text};

/// How a company is written in the reports.
#[derive(Clone, Debug, Default)]
struct Spelt {
    /// How often it is written in which way.
    ways: BTreeMap<String, usize>,
    /// Its name in the list, where it is a brand of the list.
    listed: Option<String>,
}

impl Spelt {
    /// Of two brands of one company the first in the alphabet, so that the order of the reports does not matter.
    fn list(&mut self, brand: &str) {
        if self.listed.as_deref().is_none_or(|known| brand < known) {
            self.listed = Some(brand.to_owned());
        }
    }
}

/// All names of companies.
#[derive(Debug, Default)]
pub(super) struct Names {
    spelt: BTreeMap<String, Spelt>,
    /// Pairs of keys that some report uses for one company, each in both orders.
    pairs: BTreeSet<(String, String)>,
}

/// The name that each key is shown by, with all spellings of a company under one name.
pub(super) struct ShownName(HashMap<String, Arc<str>>);

impl Names {
    /// Takes in a brand of the list, with other names of it. Gives back its key.
    pub fn list<'a>(&mut self, brand: &str, others: impl Iterator<Item = &'a str>) -> String {
        let key = self.key(brand);
        self.spelt.entry(key.clone()).or_default().list(brand);
        for other in others {
            let other = self.key(other);
            self.pair(&key, &other);
        }
        key
    }

    /// Counts a spelling of a company's name. Gives back its key.
    pub fn count(&mut self, name: &str) -> String {
        let key = self.key(name);
        let spelling = text::persian_letters(&text::clean(in_two_scripts(name).0));
        let ways = &mut self.spelt.entry(key.clone()).or_default().ways;
        *ways.entry(spelling).or_default() += 1;
        key
    }

    /// The key of a name; of «گلرنگ (Golrang)» that of the first, and it is kept that both are one company.
    pub fn key(&mut self, name: &str) -> String {
        let (name, other) = in_two_scripts(name);
        let key = company::key(name);
        if let Some(other) = other {
            self.pair(&key, &company::key(other));
        }
        key
    }

    fn pair(&mut self, one: &str, other: &str) {
        if one != other {
            self.pairs.insert((one.to_owned(), other.to_owned()));
            self.pairs.insert((other.to_owned(), one.to_owned()));
        }
    }

    /// Whether it is a brand of the list.
    fn is_listed(&self, key: &str) -> bool {
        self.spelt
            .get(key)
            .is_some_and(|company| company.listed.is_some())
    }

    /// Names of the brands of the list.
    pub fn brands(&self) -> BTreeSet<&str> {
        let all = self.spelt.values();
        all.filter_map(|company| company.listed.as_deref())
            .collect()
    }

    /// Decides on the name of each company: that of the list, else the one that most reports have.
    pub fn shown(&self) -> ShownName {
        let keys: BTreeSet<&str> = self.spelt.keys().map(String::as_str).collect();
        let paired = self.pairs.iter().map(|(one, _)| one.as_str());
        let mut names = HashMap::new();
        let mut met = BTreeSet::new();
        for key in keys.into_iter().chain(paired) {
            if met.contains(key) {
                continue;
            }
            let together = self.together(key);
            let listed: Vec<&str> = together
                .iter()
                .copied()
                .filter(|k| self.is_listed(k))
                .collect();
            // Two brands of the list are two companies, and a name that both bear is nobody's.
            let apart = listed.len() > 1;
            for &member in &together {
                let company = match (apart, self.only_listed_beside(member)) {
                    (false, _) => self.name(&together),
                    (true, Some(brand)) if !self.is_listed(member) => {
                        self.name(&BTreeSet::from([brand]))
                    }
                    (true, _) => self.name(&BTreeSet::from([member])),
                };
                names.insert(member.to_owned(), company.into());
            }
            met.extend(together);
        }
        ShownName(names)
    }

    /// All keys that pairs join to this one, itself among them.
    fn together<'a>(&'a self, key: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::from([key]);
        let mut to_do = vec![key];
        while let Some(key) = to_do.pop() {
            for other in self.beside(key) {
                if found.insert(other) {
                    to_do.push(other);
                }
            }
        }
        found
    }

    fn beside(&self, key: &str) -> impl Iterator<Item = &str> {
        let from = (key.to_owned(), String::new());
        let pairs = self.pairs.range(from..);
        let key = key.to_owned();
        pairs
            .take_while(move |(one, _)| *one == key)
            .map(|(_, other)| other.as_str())
    }

    /// The brand of the list that bears this name too, where there is only one.
    fn only_listed_beside(&self, key: &str) -> Option<&str> {
        let mut listed = self.beside(key).filter(|other| self.is_listed(other));
        listed.next().filter(|_| listed.next().is_none())
    }

    fn name(&self, keys: &BTreeSet<&str>) -> &str {
        let companies = || keys.iter().filter_map(|key| self.spelt.get(*key));
        if let Some(listed) = companies().find_map(|company| company.listed.as_ref()) {
            return listed;
        }
        let ways = companies().flat_map(|company| &company.ways);
        let most = ways.max_by_key(|(name, count)| {
            // Of two that are as frequent the shorter one, so that the order of the reports does not matter.
            (**count, std::cmp::Reverse((name.chars().count(), *name)))
        });
        most.map_or("", |(name, _)| name)
    }
}

impl ShownName {
    /// The name of the company with this key.
    pub fn name(&self, key: &str) -> Arc<str> {
        self.0.get(key).cloned().unwrap_or_default()
    }
}

/// A name, and the same in another script where it stands behind in brackets: «گلرنگ (Golrang)».
fn in_two_scripts(name: &str) -> (&str, Option<&str>) {
    let whole = (name, None);
    let Some((first, rest)) = name.split_once('(') else {
        return whole;
    };
    let Some((other, rest)) = rest.split_once(')') else {
        return whole;
    };
    let persian = |text: &str| text.chars().any(text::is_persian_letter);
    let latin = |text: &str| text.chars().any(|c| c.is_ascii_alphabetic());
    let differ = persian(first) && !latin(first) && latin(other) && !persian(other)
        || latin(first) && !persian(first) && persian(other) && !latin(other);
    match differ && rest.trim().is_empty() {
        true => (first.trim(), Some(other.trim())),
        false => whole,
    }
}
