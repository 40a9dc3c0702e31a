//! The quality of a report: how far it can be relied on, and which questions are open.

use super::{company, evidence::Evidence, extraction::Analysis};
use crate::{
    brand::Brand,
    report::{
        Bilingual, Coverage, Fact, Facts, Field, ParentCheck, ParentVerdict, Quality, Status,
        fields::Role,
    },
};

/// Fewer supported facts, or fewer sources, make a thin report.
const FULL_FACTS: usize = 5;
const FULL_SOURCES: usize = 3;

/// Says how far the report can be relied on.
pub fn assess(brand: &Brand, analysis: &Analysis, evidence: &Evidence) -> Quality {
    let facts = analysis.facts.iter().count();
    let supported = analysis.facts.iter();
    let supported = supported
        .filter(|(_, fact)| fact.status == Status::Supported)
        .count();
    let coverage = match (evidence.about_brand(), supported) {
        (0, _) | (_, 0) => Coverage::None,
        (FULL_SOURCES.., FULL_FACTS..) => Coverage::Full,
        _ => Coverage::Thin,
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a report has some hundred facts"
    )]
    let share = (facts > 0).then(|| (supported as f64 / facts as f64 * 1_000.0).round() / 1_000.0);
    Quality {
        coverage,
        facts,
        claims_left_out: analysis.left_out,
        facts_supported: supported,
        share_supported: share,
        contradictions: analysis.contradictions.clone(),
        namesakes: analysis.namesakes.clone(),
        pages_set_aside: evidence.set_aside,
        questions: questions(&analysis.facts),
        parent: check_parent(brand, &analysis.facts),
        candidates: evidence.candidates.clone(),
        taken_out: evidence.attempts.clone(),
    }
}

/// Compares the parent company in the list with what sources say of owners.
fn check_parent(brand: &Brand, facts: &Facts) -> ParentCheck {
    let owners = facts.iter().filter(|(path, fact)| {
        path.field.spec().role == Some(Role::Owner) && fact.status == Status::Supported
    });
    let owners: Vec<&Fact> = owners.map(|(_, fact)| fact).collect();
    let Some(given) = &brand.parent else {
        return ParentCheck {
            given: None,
            verdict: ParentVerdict::NotGiven,
            found: None,
        };
    };
    let named = |fact: &&&Fact| company::is_same(given, &fact.value);
    if let Some(fact) = owners.iter().find(named) {
        return ParentCheck {
            given: Some(given.clone()),
            verdict: ParentVerdict::Confirmed,
            found: Some((*fact).clone()),
        };
    }
    let other = facts.one(Field::Parent).cloned();
    let other = other.filter(|fact| fact.status == Status::Supported);
    let verdict = if other.is_some() {
        ParentVerdict::Contradicted
    } else {
        ParentVerdict::NotFound
    };
    ParentCheck {
        given: Some(given.clone()),
        verdict,
        found: other,
    }
}

/// What the client has to be asked, because no source says it.
fn questions(facts: &Facts) -> Vec<Bilingual> {
    let asked = Field::ALL.iter().filter_map(|field| {
        let known = facts.all(*field).any(Fact::is_known);
        field.question().filter(|_| !known)
    });
    asked
        .map(|[fa, en]| Bilingual {
            fa: Some(fa.into()),
            en: Some(en.into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Row, gather};

    fn supported(value: &str) -> Fact {
        Fact {
            value: value.into(),
            status: Status::Supported,
            as_of: None,
            evidence: Vec::new(),
        }
    }

    fn verdict(given: &str, parent: Option<&str>, shareholder: Option<&str>) -> ParentVerdict {
        let row = Row {
            number: 2,
            name: "پاکشو".into(),
            parent: given.into(),
            ..Row::default()
        };
        let brand = gather(&[row]).brands.remove(0);
        let mut facts = Facts::default();
        facts.brand.set(Field::Parent, parent.map(supported));
        facts
            .brand
            .set(Field::Shareholders, shareholder.map(supported));
        check_parent(&brand, &facts).verdict
    }

    #[test]
    fn the_parent_of_the_list_is_checked() {
        assert_eq!(
            verdict("گروه گلرنگ", Some("گروه صنعتی گلرنگ"), None),
            ParentVerdict::Confirmed
        );
        assert_eq!(
            verdict("گروه صنعتی بوتان", Some("گروه صنعتی گلرنگ"), None),
            ParentVerdict::Contradicted
        );
        assert_eq!(
            verdict("گلرنگ", Some("گروه صنعتی گلرنگ"), None),
            ParentVerdict::Confirmed
        );
        assert_eq!(
            verdict("گروه صنعتي گلرنگ", Some("گروه صنعتی گلرنگ"), None),
            ParentVerdict::Confirmed
        );
        assert_eq!(
            verdict("ساپکو", None, Some("ساپکو")),
            ParentVerdict::Confirmed
        );
        assert_eq!(verdict("ساپکو", None, None), ParentVerdict::NotFound);
        assert_eq!(verdict("", Some("ساپکو"), None), ParentVerdict::NotGiven);
    }

    #[test]
    fn a_gap_becomes_a_question() {
        let mut facts = Facts::default();
        let all = questions(&facts).len();
        facts.brand.set(Field::LegalName, [supported("شرکت پاکشو")]);
        assert_eq!(questions(&facts).len(), all - 1);
        let unproven = Fact {
            status: Status::Unverified,
            ..supported("شرکت دیگر")
        };
        facts.brand.set(Field::LegalName, [unproven]);
        assert_eq!(questions(&facts).len(), all, "what is not known is asked");
    }
}
