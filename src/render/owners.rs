//! The sheet of the workbook that says who owns whom, as all reports say together.

use super::{sheets::Cell, view::Tongue};
use crate::{
    ownership::{Edge, Families, Relation},
    text,
};

/// A row for each edge.
pub fn rows(t: Tongue, families: &Families) -> Vec<Vec<Cell>> {
    let row = |edge: &Edge| {
        vec![
            Cell::text(&edge.below),
            Cell::text(relation(t, edge.relation)),
            Cell::text(&edge.above),
            Cell::text(t.mark(edge.status).1),
            Cell::text(t.digits(&edge.as_of)),
            Cell::text(&edge.said_by),
            Cell::text(&edge.source),
            Cell::text(remark(t, families, edge)),
        ]
    };
    families.edges.iter().map(row).collect()
}

fn relation(t: Tongue, relation: Relation) -> &'static str {
    match relation {
        Relation::OwnedBy => t.pick("متعلق به", "belongs to"),
        Relation::UltimatelyOwnedBy => t.pick("در نهایت متعلق به", "belongs in the end to"),
        Relation::HeldBy => t.pick("سهامدار آن", "has as a shareholder"),
        Relation::AffiliatedWith => t.pick("وابسته به", "works with"),
        Relation::SisterOf => t.pick("برند خواهر", "sister of"),
        Relation::RivalOf => t.pick("رقیب", "competes with"),
    }
}

/// What became of an edge: weaker evidence is set aside, and rivals may have one owner.
fn remark(t: Tongue, families: &Families, edge: &Edge) -> String {
    if families.set_aside.contains(edge) {
        return t
            .pick("سند ضعیف‌تر، کنار گذاشته", "weaker evidence, set aside")
            .to_owned();
    }
    let rivals = families.rivals.iter().find(|rivals| rivals.said == *edge);
    rivals.map_or_else(String::new, |rivals| {
        let words = t.pick("⚠ رقیبان یک هلدینگ", "⚠ rivals of one holding");
        text::clean(&format!("{words}: {}", rivals.owner))
    })
}
