//! Ownership as people read it on a terminal, and as a table.

use super::{Edge, Families, Family};

/// The families as trees, one company a line, and what does not fit into them. Brands of the list are marked.
pub fn tree(families: &Families) -> String {
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
        text.push_str(&format!(
            "  ⚠ {} and {} compete, and both belong to {}\n",
            rivals.one, rivals.other, rivals.owner
        ));
    }
    if !families.set_aside.is_empty() {
        text.push_str("\n[SET ASIDE] weaker evidence against the above\n");
    }
    for edge in &families.set_aside {
        text.push_str(&format!(
            "  {} belongs to {}, says the report on {}{}\n",
            edge.below,
            edge.above,
            edge.said_by,
            dated(edge)
        ));
    }
    text
}

fn line(family: &Family) -> String {
    let mark = if family.listed { " ●" } else { "" };
    format!("{}{mark}\n", family.name)
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

fn dated(edge: &Edge) -> String {
    match edge.as_of.as_str() {
        "" => String::new(),
        day => format!(" ({day})"),
    }
}
