//! The ownership sheet of the workbook.

use super::{view::Tongue, workbook_sheets::Cell};
use crate::{
    ownership::{Edge, Relation, Remark},
    text,
};

/// The row of an edge.
pub fn row(t: Tongue, edge: &Edge, told: Remark<'_>) -> Vec<Cell> {
    vec![
        Cell::text(&edge.below),
        Cell::text(relation(t, edge.relation)),
        Cell::text(&edge.above),
        Cell::text(t.mark(edge.status).1),
        Cell::text(t.digits(&edge.as_of)),
        Cell::text(&edge.said_by),
        Cell::text(&edge.source),
        Cell::text(remark(t, told)),
    ]
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
fn remark(t: Tongue, remark: Remark<'_>) -> String {
    match remark {
        Remark::Fits => String::new(),
        Remark::SetAside => t
            .pick("سند ضعیف‌تر، کنار گذاشته", "weaker evidence, set aside")
            .to_owned(),
        Remark::OneHolding(owner) => {
            let words = t.pick("⚠ رقیبان یک هلدینگ", "⚠ rivals of one holding");
            text::clean(&format!("{words}: {owner}"))
        }
    }
}
