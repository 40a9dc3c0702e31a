//! The families that the edges make: each company below one other at most, and none above itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Edge, Ownership, Relation, by_strength};

/// A company with those that belong to it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Family {
    pub name: String,
    /// Whether it is a brand of the list.
    pub listed: bool,
    /// What says that it belongs to the one above it; `None` at the top.
    pub said: Option<Edge>,
    pub below: Vec<Family>,
}

/// Two brands of the list that compete although one company owns both, or one owns the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rivals {
    pub one: String,
    pub other: String,
    /// The nearest company that both belong to; one of the two where it owns the other.
    pub owner: String,
    /// What says that they compete.
    pub said: Edge,
}

/// The families of all reports, and what does not fit into them.
#[derive(Debug, Default, Serialize)]
pub struct Families {
    /// All that reports say, as [`Ownership::edges`] has it.
    pub edges: Vec<Edge>,
    /// Those with at least two companies.
    #[serde(rename = "families")]
    pub all: Vec<Family>,
    /// Brands of the list that compete with a brand of the same holding.
    pub rivals: Vec<Rivals>,
    /// What weaker evidence says against the families: another parent, or a company above itself.
    pub set_aside: Vec<Edge>,
    /// Shareholders and partners, who own nobody.
    pub beside: Vec<Edge>,
}

/// Who is above whom, with what says so.
type Parents = BTreeMap<String, Edge>;

/// Puts the edges together, the strongest first. What contradicts a stronger one is set aside.
pub fn families(ownership: &Ownership) -> Families {
    let mut found = Families::default();
    let (mut owners, mut sisters, mut rivals) = (Vec::new(), Vec::new(), Vec::new());
    found.edges = ownership.edges();
    for edge in found.edges.iter().cloned() {
        let kind = match edge.relation {
            Relation::OwnedBy | Relation::UltimatelyOwnedBy => &mut owners,
            Relation::SisterOf => &mut sisters,
            Relation::RivalOf => &mut rivals,
            Relation::HeldBy | Relation::AffiliatedWith => &mut found.beside,
        };
        kind.push(edge);
    }
    // Direct owners before ultimate ones: those only say who is at the top of the chain.
    owners.sort_by(|a, b| {
        let by_relation = a.relation.cmp(&b.relation);
        by_relation.then_with(|| by_strength(b, a))
    });
    sisters.sort_by(|a, b| by_strength(b, a));
    let mut parents = Parents::new();
    // Those that somebody has called the ultimate owner.
    let mut ultimate = BTreeSet::new();
    for edge in owners {
        place(edge, &mut parents, &mut ultimate, &mut found.set_aside);
    }
    while place_a_sister(&sisters, &mut parents, &ultimate) {}
    found.rivals = of_one_holding(rivals, &parents);
    found.all = trees(&parents, &ownership.names.brands());
    found
}

fn place(
    edge: Edge,
    parents: &mut Parents,
    ultimate: &mut BTreeSet<String>,
    set_aside: &mut Vec<Edge>,
) {
    let at = match edge.relation {
        Relation::UltimatelyOwnedBy => top(parents, &edge.below).to_owned(),
        _ => edge.below.clone(),
    };
    let known = at == edge.above || is_above(parents, &edge.above, &at);
    if edge.relation == Relation::UltimatelyOwnedBy && !ultimate.contains(&at) {
        ultimate.insert(edge.above.clone());
    }
    if known {
        return;
    }
    let has_another = parents.contains_key(&at) || ultimate.contains(&at);
    if has_another || is_above(parents, &at, &edge.above) {
        set_aside.push(edge);
    } else {
        parents.insert(at, edge);
    }
}

/// Places one company that has no owner yet below the owner of its sister. Whether there was one.
fn place_a_sister(sisters: &[Edge], parents: &mut Parents, ultimate: &BTreeSet<String>) -> bool {
    let both_ways = sisters.iter().flat_map(|edge| {
        [
            (&edge.below, &edge.above, edge),
            (&edge.above, &edge.below, edge),
        ]
    });
    for (one, sister, edge) in both_ways {
        let Some(owner) = parents.get(sister).map(|said| said.above.clone()) else {
            continue;
        };
        let free = !parents.contains_key(one) && !ultimate.contains(one);
        if free && *one != owner && !is_above(parents, one, &owner) {
            parents.insert(
                one.clone(),
                Edge {
                    above: owner,
                    below: one.clone(),
                    ..edge.clone()
                },
            );
            return true;
        }
    }
    false
}

/// A company and those above it, the nearest first.
fn chain<'a>(parents: &'a Parents, name: &'a str) -> impl Iterator<Item = &'a str> {
    std::iter::successors(Some(name), |at| Some(parents.get(*at)?.above.as_str()))
}

/// The company at the top of a chain.
fn top<'a>(parents: &'a Parents, name: &'a str) -> &'a str {
    chain(parents, name).last().unwrap_or(name)
}

/// Whether `above` is in the chain over `name`.
fn is_above(parents: &Parents, above: &str, name: &str) -> bool {
    chain(parents, name).skip(1).any(|at| at == above)
}

fn of_one_holding(rivals: Vec<Edge>, parents: &Parents) -> Vec<Rivals> {
    let of_one_holding = rivals.into_iter().filter_map(|said| {
        let (one, other) = (said.below.clone(), said.above.clone());
        let over_other: BTreeSet<&str> = chain(parents, &other).collect();
        let owner = chain(parents, &one)
            .find(|at| over_other.contains(at))?
            .to_owned();
        Some(Rivals {
            one,
            other,
            owner,
            said,
        })
    });
    of_one_holding.collect()
}

fn trees(parents: &Parents, listed: &BTreeSet<String>) -> Vec<Family> {
    let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (below, said) in parents {
        children.entry(&said.above).or_default().push(below);
    }
    let tops = children.keys().filter(|name| !parents.contains_key(**name));
    tops.map(|name| tree(name, parents, &children, listed))
        .collect()
}

fn tree(
    name: &str,
    parents: &Parents,
    children: &BTreeMap<&str, Vec<&str>>,
    listed: &BTreeSet<String>,
) -> Family {
    let below = children.get(name).into_iter().flatten();
    Family {
        name: name.to_owned(),
        listed: listed.contains(name),
        said: parents.get(name).cloned(),
        below: below
            .map(|name| tree(name, parents, children, listed))
            .collect(),
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
            let (below, above) = (all.names.count(&edge.below), all.names.count(&edge.above));
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
            edges in prop::collection::vec((0..12u8, 0..12u8, 0..3usize, any::<bool>()), 0..60)
        ) {
            let relations = [Relation::OwnedBy, Relation::UltimatelyOwnedBy, Relation::SisterOf];
            let edges: Vec<Edge> = edges
                .into_iter()
                .filter(|e| e.0 != e.1)
                .map(|(below, above, relation, sure)| edge(below, above, relations[relation], sure))
                .collect();
            let found = together(&edges);
            let mut all = Vec::new();
            found.all.iter().for_each(|family| names(family, &mut all));
            let once: BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(once.len(), all.len());
            // Each company that is said to be owned is in a family, or what says so is set aside.
            for edge in edges.iter().filter(|edge| edge.relation != Relation::SisterOf) {
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
