//! The output of ownership for people and for scripts.

use serde_json::{Value, json};

use super::{Edge, Families, Family, Relation};
use crate::report::Status;

/// The families as trees, one company a line, and what does not fit into them. Brands of the list are marked; where
/// nothing else stands behind a name, a source says that it belongs to the one above it.
pub fn as_tree(families: &Families) -> String {
    let mut text = String::new();
    for family in &families.all {
        text.push_str(&line(family));
        branch(family, "", &mut text);
    }
    if families.all.is_empty() {
        text.push_str("No report names an owner yet.\n");
    }
    if !families.rivals.is_empty() {
        text.push_str("\n[RIVALS OF ONE HOLDING]\n");
    }
    for rivals in &families.rivals {
        let (one, other, owner) = (&rivals.one, &rivals.other, &rivals.owner);
        let how = match owner {
            owner if owner == one || owner == other => {
                format!("one belongs to the other: {owner} is above")
            }
            owner => format!("both belong to {owner}"),
        };
        text.push_str(&format!("  ⚠ {one} and {other} compete, and {how}\n"));
    }
    let lists = [
        ("[SHAREHOLDERS AND PARTNERS]", &families.beside),
        (
            "[SET ASIDE] weaker evidence against the above",
            &families.set_aside,
        ),
    ];
    for (title, edges) in lists {
        if !edges.is_empty() {
            text.push_str(&format!("\n{title}\n"));
        }
        for edge in edges {
            let (below, above, by) = (&edge.below, &edge.above, &edge.said_by);
            let what = words(edge.relation);
            let more = remarks(edge);
            text.push_str(&format!(
                "  {below} {what} {above}, says the report on {by}{more}\n"
            ));
        }
    }
    text
}

/// The same for scripts.
pub fn as_json(families: &Families) -> Value {
    json!({
        "edges": families.edges,
        "families": families.all,
        "rivals_of_one_holding": families.rivals,
        "set_aside": families.set_aside,
    })
}

fn words(relation: Relation) -> &'static str {
    match relation {
        Relation::OwnedBy => "belongs to",
        Relation::UltimatelyOwnedBy => "belongs in the end to",
        Relation::HeldBy => "has among its shareholders",
        Relation::AffiliatedWith => "works with",
        Relation::SisterOf => "has the same owner as",
        Relation::RivalOf => "competes with",
    }
}

fn line(family: &Family) -> String {
    let mark = if family.listed { " ●" } else { "" };
    let more = family.said.as_ref().map(remarks).unwrap_or_default();
    format!("{}{mark}{more}\n", family.name)
}

fn branch(family: &Family, before: &str, text: &mut String) {
    for (i, below) in family.below.iter().enumerate() {
        let last = i + 1 == family.below.len();
        let (fork, rest) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        text.push_str(before);
        text.push_str(fork);
        text.push_str(&line(below));
        branch(below, &format!("{before}{rest}"), text);
    }
}

/// What else is known of an edge: how it is meant where it is not a direct owner, whether no source says it outright,
/// and when it was so.
fn remarks(edge: &Edge) -> String {
    let kind = match edge.relation {
        Relation::UltimatelyOwnedBy => "in the end",
        Relation::SisterOf => "as its sister does",
        _ => "",
    };
    let status = match edge.status {
        Status::Supported => "",
        Status::Inferred => "inferred",
        Status::Conflicted => "sources disagree",
        Status::Outdated => "it was so",
        Status::Unverified => "not verified",
    };
    let known: Vec<&str> = [kind, status, &edge.as_of]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect();
    match known.is_empty() {
        true => String::new(),
        false => format!(" ({})", known.join(", ")),
    }
}
