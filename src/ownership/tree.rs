//! The families that the edges make: each company below one other at most, and none above itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Edge, Ownership, Relation, Rivals, strength};

/// A company with those that belong to it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Family {
    pub name: String,
    /// Whether it is a brand of the list.
    pub listed: bool,
    pub below: Vec<Family>,
}

/// The families of all reports, and what does not fit into them.
#[derive(Debug, Default, Serialize)]
pub struct Families {
    /// Those with at least two companies.
    #[serde(rename = "families")]
    pub all: Vec<Family>,
    /// Brands of the list that compete with a brand of the same holding.
    pub rivals: Vec<Rivals>,
    /// What weaker evidence says against the families: another parent, or a company above itself.
    pub set_aside: Vec<Edge>,
}

/// Puts the edges together, the strongest first. What contradicts a stronger one is set aside.
pub fn families(ownership: &Ownership) -> Families {
    let mut edges: Vec<Edge> = ownership
        .edges()
        .into_iter()
        .filter(|edge| {
            matches!(
                edge.relation,
                Relation::OwnedBy | Relation::UltimatelyOwnedBy
            )
        })
        .collect();
    // Direct owners before ultimate ones: those only say who is at the top of the chain.
    edges.sort_by(|a, b| {
        let order = |e: &Edge| e.relation;
        order(a)
            .cmp(&order(b))
            .then_with(|| strength(b).cmp(&strength(a)))
    });
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    // Those that somebody has called the ultimate owner.
    let mut ultimate = BTreeSet::new();
    let mut set_aside = Vec::new();
    for edge in edges {
        let at = match edge.relation {
            Relation::UltimatelyOwnedBy => top(&parents, &edge.below).to_owned(),
            _ => edge.below.clone(),
        };
        let known = at == edge.above || is_above(&parents, &edge.above, &at);
        if edge.relation == Relation::UltimatelyOwnedBy && !ultimate.contains(&at) {
            ultimate.insert(edge.above.clone());
        }
        if known {
            continue;
        }
        let has_another = parents.contains_key(&at) || ultimate.contains(&at);
        if has_another || is_above(&parents, &at, &edge.above) {
            set_aside.push(edge);
        } else {
            parents.insert(at, edge.above);
        }
    }
    let listed = ownership.brands();
    Families {
        rivals: rivals(ownership, &parents),
        all: trees(&parents, &listed),
        set_aside,
    }
}

/// The company at the top of a chain.
fn top<'a>(parents: &'a BTreeMap<String, String>, name: &'a str) -> &'a str {
    let mut top = name;
    while let Some(above) = parents.get(top) {
        top = above;
    }
    top
}

/// Whether `above` is in the chain over `name`.
fn is_above(parents: &BTreeMap<String, String>, above: &str, name: &str) -> bool {
    let mut at = name;
    while let Some(next) = parents.get(at) {
        if next == above {
            return true;
        }
        at = next;
    }
    false
}

fn rivals(ownership: &Ownership, parents: &BTreeMap<String, String>) -> Vec<Rivals> {
    let pairs = ownership.listed_rivals().into_iter();
    let of_one_holding = pairs.filter_map(|(one, other)| {
        let owner = top(parents, &one).to_owned();
        let same = owner == top(parents, &other);
        same.then_some(Rivals { one, other, owner })
    });
    of_one_holding.collect()
}

fn trees(parents: &BTreeMap<String, String>, listed: &BTreeSet<String>) -> Vec<Family> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (below, above) in parents {
        children.entry(above).or_default().push(below);
    }
    let tops = children.keys().filter(|name| !parents.contains_key(**name));
    tops.map(|name| tree(name, &children, listed)).collect()
}

fn tree(name: &str, children: &BTreeMap<&str, Vec<&str>>, listed: &BTreeSet<String>) -> Family {
    let below = children.get(name).into_iter().flatten();
    Family {
        name: name.to_owned(),
        listed: listed.contains(name),
        below: below.map(|name| tree(name, children, listed)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::research::report::Status;
    use proptest::prelude::*;

    fn edge(below: u8, above: u8, relation: Relation, sure: bool) -> Edge {
        Edge {
            below: format!("c{below}"),
            above: format!("c{above}"),
            relation,
            status: if sure {
                Status::Supported
            } else {
                Status::Inferred
            },
            as_of: String::new(),
            said_by: "c0".into(),
            source: String::new(),
        }
    }

    fn together(edges: &[Edge]) -> Families {
        let mut all = Ownership::default();
        for edge in edges {
            let (below, above) = (all.spelt(&edge.below), all.spelt(&edge.above));
            all.keep((below, edge.relation, above), edge.clone());
        }
        families(&all)
    }

    fn names(family: &Family, all: &mut Vec<String>) {
        all.push(family.name.clone());
        family.below.iter().for_each(|below| names(below, all));
    }

    #[test]
    fn weaker_evidence_gives_way_and_is_kept() {
        let direct = Relation::OwnedBy;
        let found = together(&[
            edge(1, 2, direct, true),
            edge(1, 3, direct, false),
            edge(2, 1, direct, false),
            edge(1, 4, Relation::UltimatelyOwnedBy, true),
            edge(2, 4, Relation::UltimatelyOwnedBy, true),
            edge(2, 5, Relation::UltimatelyOwnedBy, false),
        ]);
        let mut all = Vec::new();
        names(&found.all[0], &mut all);
        assert_eq!(all, ["c4", "c2", "c1"]);
        let aside: Vec<_> = found
            .set_aside
            .iter()
            .map(|e| (&*e.below, &*e.above))
            .collect();
        assert_eq!(aside, [("c1", "c3"), ("c2", "c1"), ("c2", "c5")]);
    }

    proptest! {
        #[test]
        fn no_company_is_above_itself_or_twice(
            edges in prop::collection::vec((0..12u8, 0..12u8, any::<bool>(), any::<bool>()), 0..60)
        ) {
            let edges: Vec<Edge> = edges.into_iter().filter(|e| e.0 != e.1).map(|(below, above, direct, sure)| {
                let relation = if direct { Relation::OwnedBy } else { Relation::UltimatelyOwnedBy };
                edge(below, above, relation, sure)
            }).collect();
            let found = together(&edges);
            let mut all = Vec::new();
            found.all.iter().for_each(|family| names(family, &mut all));
            let once: BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(once.len(), all.len());
            // Each company that is said to be owned is in a family, or what says so is set aside.
            for edge in &edges {
                let placed = all.contains(&edge.below);
                prop_assert!(placed || found.set_aside.iter().any(|aside| aside.below == edge.below));
            }
            // In whichever order the reports come, the families are the same.
            let mut turned = edges.clone();
            turned.reverse();
            prop_assert_eq!(together(&turned).all, found.all);
        }
    }
}
