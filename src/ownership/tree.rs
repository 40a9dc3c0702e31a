//! The family trees: each company has at most one parent, and none is above itself.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
};

use serde::Serialize;

use super::{Edge, Ownership, Relation, by_strength};

/// A company with those that belong to it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Family {
    pub name: Arc<str>,
    /// Whether it is a brand of the list.
    pub listed: bool,
    /// What says that it belongs to the one above it; `None` at the top.
    pub said: Option<Edge>,
    pub below: Vec<Family>,
}

/// Two brands of the list that compete although one company owns both, or one owns the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rivals {
    pub one: Arc<str>,
    pub other: Arc<str>,
    /// The nearest company that both belong to; one of the two where it owns the other.
    pub owner: Arc<str>,
    /// What says that they compete.
    pub said: Edge,
}

/// The families of all reports, and what does not fit into them.
#[derive(Debug, Default, Serialize)]
pub struct Families {
    /// All that reports say, each once, with one name for one company.
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

/// What became of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark<'a> {
    /// It fits to all others.
    Fits,
    /// Stronger evidence says otherwise.
    SetAside,
    /// The rivals have this owner in common.
    OneHolding(&'a str),
}

impl Families {
    /// All edges, each with what became of it.
    pub fn remarked(&self) -> impl Iterator<Item = (&Edge, Remark<'_>)> {
        fn place(edge: &Edge) -> (&str, Relation, &str) {
            (&edge.below, edge.relation, &edge.above)
        }
        let set_aside: BTreeSet<_> = self.set_aside.iter().map(place).collect();
        let rivals = self.rivals.iter();
        let owners: BTreeMap<_, &str> = rivals.map(|r| (place(&r.said), &*r.owner)).collect();
        self.edges.iter().map(move |edge| {
            let remark = match owners.get(&place(edge)) {
                _ if set_aside.contains(&place(edge)) => Remark::SetAside,
                Some(owner) => Remark::OneHolding(owner),
                None => Remark::Fits,
            };
            (edge, remark)
        })
    }
}

/// Who is above whom, with what says so.
type Parents = BTreeMap<Arc<str>, Edge>;

/// Puts the edges together, the strongest first. What contradicts a stronger one is set aside.
pub fn families(mut ownership: Ownership) -> Families {
    let mut found = Families::default();
    let (mut owners, mut sisters, mut rivals) = (Vec::new(), Vec::new(), Vec::new());
    found.edges = ownership.take_edges();
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
    place_sisters(&sisters, &mut parents, &ultimate);
    found.rivals = of_one_holding(rivals, &parents);
    found.all = trees(&parents, &ownership.names.brands());
    found
}

fn place(
    edge: Edge,
    parents: &mut Parents,
    ultimate: &mut BTreeSet<Arc<str>>,
    set_aside: &mut Vec<Edge>,
) {
    let at = match edge.relation {
        Relation::UltimatelyOwnedBy => top(parents, &edge.below).into(),
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

/// Places companies that have no owner yet below the owners of their sisters, by the strongest evidence first.
fn place_sisters(sisters: &[Edge], parents: &mut Parents, ultimate: &BTreeSet<Arc<str>>) {
    let mut of: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (i, edge) in sisters.iter().enumerate() {
        of.entry(&edge.below).or_default().push(i);
        of.entry(&edge.above).or_default().push(i);
    }
    // Edges of which one end has an owner.
    let mut ready: BinaryHeap<Reverse<usize>> = (0..sisters.len())
        .filter(|&i| {
            let has_owner = |name| parents.contains_key(name);
            has_owner(&sisters[i].below) || has_owner(&sisters[i].above)
        })
        .map(Reverse)
        .collect();
    while let Some(Reverse(i)) = ready.pop() {
        let edge = &sisters[i];
        for (one, sister) in [(&edge.below, &edge.above), (&edge.above, &edge.below)] {
            let Some(owner) = parents.get(sister).map(|said| Arc::clone(&said.above)) else {
                continue;
            };
            let free = !parents.contains_key(one) && !ultimate.contains(one);
            if free && *one != owner && !is_above(parents, one, &owner) {
                let placed = Edge {
                    above: owner,
                    below: Arc::clone(one),
                    ..edge.clone()
                };
                parents.insert(Arc::clone(one), placed);
                ready.extend(of[one].iter().copied().map(Reverse));
            }
        }
    }
}

/// A company and those above it, the nearest first.
fn chain<'a>(parents: &'a Parents, name: &'a str) -> impl Iterator<Item = &'a str> {
    std::iter::successors(Some(name), |at| Some(&*parents.get(*at)?.above))
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
            .into();
        Some(Rivals {
            one,
            other,
            owner,
            said,
        })
    });
    of_one_holding.collect()
}

fn trees(parents: &Parents, listed: &BTreeSet<&str>) -> Vec<Family> {
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
    listed: &BTreeSet<&str>,
) -> Family {
    let below = children.get(name).into_iter().flatten();
    Family {
        name: name.into(),
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
    use crate::{ownership::keep_stronger, report::Status};
    use proptest::prelude::*;

    fn edge(below: u8, above: u8, relation: Relation, sure: bool) -> Edge {
        Edge {
            below: format!("c{below}").into(),
            above: format!("c{above}").into(),
            relation,
            status: if sure {
                Status::Supported
            } else {
                Status::Inferred
            },
            as_of: "".into(),
            said_by: "c0".into(),
            source: "".into(),
        }
    }

    fn together(edges: &[Edge]) -> Families {
        let mut all = Ownership::default();
        for edge in edges {
            let (below, above) = (all.names.count(&edge.below), all.names.count(&edge.above));
            let place = (below.into(), edge.relation, above.into());
            keep_stronger(&mut all.edges, place, edge.clone());
        }
        families(all)
    }

    fn names(family: &Family, all: &mut Vec<String>) {
        all.push(family.name.to_string());
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
                let placed = all.iter().any(|name| **name == *edge.below);
                prop_assert!(placed || found.set_aside.iter().any(|aside| aside.below == edge.below));
            }
            // In whichever order the reports come, the families are the same.
            let mut turned = edges.clone();
            turned.reverse();
            prop_assert_eq!(together(&turned).all, found.all);
        }
    }
}
