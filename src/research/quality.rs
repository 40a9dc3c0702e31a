//! How far a report can be relied on, and what has to be asked.

use super::{
    company,
    evidence::Evidence,
    report::{
        Analysis, Bilingual, Coverage, Fact, Facts, ParentCheck, ParentVerdict, Quality,
        Relationships, Status,
    },
};
use crate::brand::Brand;

/// Fewer supported facts, or fewer sources, make a thin report.
const FULL_FACTS: usize = 5;
const FULL_SOURCES: usize = 3;

/// Says how far the report can be relied on.
pub fn assess(brand: &Brand, analysis: &mut Analysis, evidence: &Evidence) -> Quality {
    let (mut facts, mut supported) = (0, 0);
    analysis.each("", &mut |_, fact| {
        facts += 1;
        supported += usize::from(fact.status == Status::Supported);
    });
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
        facts_supported: supported,
        share_supported: share,
        contradictions: analysis.contradictions.clone(),
        namesakes: analysis.namesakes.clone(),
        pages_set_aside: evidence.set_aside,
        questions: questions(analysis),
        parent: check_parent(brand, &analysis.relationships),
        candidates: evidence.candidates.clone(),
        taken_out: evidence.attempts.clone(),
    }
}

/// Compares the parent company in the list with what sources say of owners.
fn check_parent(brand: &Brand, relationships: &Relationships) -> ParentCheck {
    let owners: Vec<&Fact> = relationships
        .parent
        .iter()
        .chain(&relationships.ultimate_parent)
        .chain(&relationships.shareholders)
        .filter(|fact| fact.status == Status::Supported)
        .collect();
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
    let other = relationships
        .parent
        .clone()
        .filter(|fact| fact.status == Status::Supported);
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
fn questions(analysis: &Analysis) -> Vec<Bilingual> {
    let Analysis {
        identity,
        relationships,
        categorisation,
        products,
        customers,
        ..
    } = analysis;
    let known = |fact: &Option<Fact>| {
        fact.as_ref()
            .is_some_and(|fact| fact.status != Status::Unverified)
    };
    [
        (
            known(&identity.legal_name),
            "نام ثبتی شرکت چیست؟",
            "What is the registered name of the company?",
        ),
        (
            known(&relationships.parent),
            "مالک یا شرکت مادر برند کیست؟",
            "Who owns the brand, or is its parent company?",
        ),
        (
            known(&identity.chief_executive),
            "مدیرعامل و تصمیم‌گیرندهٔ بازاریابی چه کسی است؟",
            "Who is the chief executive, and who decides on marketing?",
        ),
        (
            !products.is_empty(),
            "محصول‌ها و خدمات اصلی کدام‌اند؟",
            "What are the main products and services?",
        ),
        (
            products.iter().any(|product| known(&product.price)),
            "بازهٔ قیمت محصول‌ها چقدر است؟",
            "What is the price range of the products?",
        ),
        (
            !customers.segments.is_empty(),
            "مشتریان اصلی چه کسانی هستند؟",
            "Who are the main customers?",
        ),
        (
            !relationships.competitors.is_empty(),
            "خود برند چه کسانی را رقیب می‌داند؟",
            "Whom does the brand itself see as its competitors?",
        ),
        (
            known(&categorisation.market_position),
            "سهم بازار و جایگاه برند چقدر برآورد می‌شود؟",
            "What is the estimated market share and position?",
        ),
        (
            !categorisation.distribution_channels.is_empty(),
            "محصول‌ها از چه راه‌هایی فروخته می‌شوند؟",
            "Through which channels are the products sold?",
        ),
    ]
    .into_iter()
    .filter(|(known, ..)| !known)
    .map(|(_, fa, en)| Bilingual {
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
        let relationships = Relationships {
            parent: parent.map(supported),
            shareholders: shareholder.map(supported).into_iter().collect(),
            ..Relationships::default()
        };
        check_parent(&brand, &relationships).verdict
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
        let mut analysis = Analysis::empty();
        let all = questions(&analysis).len();
        analysis.identity.legal_name = Some(supported("شرکت پاکشو"));
        assert_eq!(questions(&analysis).len(), all - 1);
    }
}
