//! The extraction of facts from the analyst's claims: each claim is checked against its source, equal claims become one
//! fact with several citations, and two values of a single-valued field become a contradiction.

use super::{
    disambiguation,
    evidence::Evidence,
    merge_statements::{Merging, is_name},
};
use crate::{
    report::{
        Citation, Contradiction, Fact, Facts, Field, Namesake, Status,
        claims::{Claim, ClaimedNamesake, Claims},
        fields::{Subject, ValueKind},
    },
    text,
};

/// What the sources say of a brand.
#[derive(Debug, Default)]
pub struct Analysis {
    pub facts: Facts,
    pub contradictions: Vec<Contradiction>,
    pub namesakes: Vec<Namesake>,
    /// Claims that became no fact: no quote of theirs stands in a page about the brand, or they name no field.
    pub left_out: usize,
}

/// A claim about a known field.
pub(super) struct Statement {
    pub field: Field,
    /// The product or group of customers; empty for the brand.
    pub of: String,
    pub fact: Fact,
}

/// Holds the claims about a brand of this name against the evidence, and puts together what stands.
pub fn analyse(claims: Claims, evidence: &mut Evidence, brand: &str) -> Analysis {
    let made = claims.claims.len();
    let namesakes = set_namesakes_apart(claims.namesakes, evidence);
    let mut statements: Vec<Statement> = claims.claims.into_iter().filter_map(statement).collect();
    let others = other_companies(&statements);
    for statement in &mut statements {
        evidence.judge(statement.field, &mut statement.fact, &others);
    }
    statements.retain(|statement| evidence.is_shown(&statement.fact));
    let left_out = made - statements.len();
    let mut merging = Merging::new(evidence, brand, &others);
    let (products, rest): (Vec<_>, Vec<_>) = statements
        .into_iter()
        .partition(|statement| statement.field.spec().subject == Subject::Product);
    let (segments, of_brand): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|statement| statement.field.spec().subject == Subject::Segment);
    let facts = Facts {
        brand: merging.record(of_brand, None),
        products: merging.items(products, ValueKind::Thing),
        segments: merging.items(segments, ValueKind::Text),
    };
    Analysis {
        facts,
        contradictions: merging.into_contradictions(),
        namesakes,
        left_out,
    }
}

/// `None` where a claim names no field or not what it is about, or its value is a way of saying that it is not known.
fn statement(claim: Claim) -> Option<Statement> {
    let field = Field::of_claim(&claim.field)?;
    let is_misread =
        field == Field::NationalId && !disambiguation::is_national_id(&text::compact(&claim.value));
    let is_of_nothing =
        field.spec().subject != Subject::Brand && !is_name(field) && claim.of.trim().is_empty();
    if is_blank(&claim.value) || is_misread || is_of_nothing {
        return None;
    }
    let status = match claim.concluded {
        true => Status::Inferred,
        false => Status::Supported,
    };
    Some(Statement {
        field,
        of: claim.of,
        fact: Fact {
            value: claim.value,
            status,
            as_of: Some(claim.as_of).filter(|date| !date.trim().is_empty()),
            evidence: vec![Citation {
                source: source_id(&claim.source),
                quote: claim.quote,
            }],
        },
    })
}

/// The id of a source, however a model writes it: `2`, `[s2]`, `source S2`. Of several, the first.
fn source_id(written: &str) -> String {
    let latin = text::latin_digits(written.trim());
    let digits = latin
        .split(|sign: char| !sign.is_ascii_digit())
        .find(|digits| !digits.is_empty());
    // An address is none, whatever figures are in it.
    match digits.filter(|_| !latin.contains("://")) {
        Some(number) => format!("s{}", number.trim_start_matches('0')),
        None => latin,
    }
}

/// Models' ways of saying that they do not know are not facts.
fn is_blank(value: &str) -> bool {
    matches!(
        text::fold(value).as_str(),
        "" | "-"
            | "none"
            | "null"
            | "n/a"
            | "unknown"
            | "not found"
            | "not available"
            | "not specified"
            | "نامشخص"
            | "ندارد"
            | "نامعلوم"
    )
}

fn set_namesakes_apart(claimed: Vec<ClaimedNamesake>, evidence: &mut Evidence) -> Vec<Namesake> {
    let mut namesakes = Vec::new();
    for ClaimedNamesake { who, mut sources } in claimed {
        for id in &mut sources {
            *id = source_id(id);
        }
        sources.retain(|id| evidence.get(id).is_some());
        evidence.set_apart(&sources);
        if !sources.is_empty() {
            namesakes.push(Namesake {
                who,
                sources,
                pages: Vec::new(),
            });
        }
    }
    for (who, page) in &evidence.namesakes {
        let known = namesakes.iter_mut().find(|known| known.who == *who);
        match known {
            Some(known) => known.pages.push(page.clone()),
            None => namesakes.push(Namesake {
                who: who.clone(),
                sources: Vec::new(),
                pages: vec![page.clone()],
            }),
        }
    }
    namesakes
}

/// Names, folded, of companies that play a part beside the brand: a fact of theirs is none of the brand's.
fn other_companies(statements: &[Statement]) -> Vec<String> {
    let values = statements
        .iter()
        .filter(|statement| statement.field.spec().relation.is_some())
        .map(|statement| text::words(&statement.fact.value));
    let is_name = |name: &String| name.chars().count() > 4 && name.split_whitespace().count() <= 4;
    let mut names: Vec<String> = values.filter(is_name).collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        brand::{Row, gather},
        research::{Stages, evidence::Batch},
        search::tavily::WebPage,
    };

    const NEWS: &str = "شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد. مدیرعامل کاله غلامعلی سلیمانی است. ماست کاله ۴۵ هزار تومان قیمت دارد. رقیب کاله میهن است.";
    const SHOP: &str = "برند کاله در سال ۱۳۷۲ آغاز به کار کرد. ماست کاله ۴۸ هزار تومان قیمت دارد. میهن رقیب کاله است.";

    /// What is made of claims about two pages, `s1` and `s2`.
    fn analysed(claims: Vec<Claim>) -> Analysis {
        let row = Row {
            number: 2,
            name: "کاله".into(),
            ..Row::default()
        };
        let brand = gather(&[row]).brands.remove(0);
        let page = |url: &str, content: &str| WebPage {
            url: url.into(),
            title: Some("خبر".into()),
            content: Some(content.into()),
            raw_content: None,
            score: serde_json::Value::Null,
        };
        let batch = Batch {
            query: "q".into(),
            pages: vec![
                page("https://news.ir/1", NEWS),
                page("https://shop.ir/2", SHOP),
            ],
            at: Timestamp::UNIX_EPOCH,
            about_parent: false,
        };
        let mut evidence = Evidence::gather(&brand, &[batch], &Arc::default(), Stages::ALL);
        let claims = Claims {
            claims,
            namesakes: Vec::new(),
        };
        analyse(claims, &mut evidence, &brand.name)
    }

    fn claim(field: &str, of: &str, value: &str, source: &str, quote: &str) -> Claim {
        Claim {
            field: field.into(),
            of: of.into(),
            value: value.into(),
            source: source.into(),
            quote: quote.into(),
            ..Claim::default()
        }
    }

    #[test]
    fn equal_values_become_one_fact_with_several_citations() {
        let analysis = analysed(vec![
            claim("competitors", "", "میهن", "s1", "رقیب کاله میهن است"),
            claim("competitors", "", "ميهن", "s2", "میهن رقیب کاله است"),
        ]);
        let [fact] = analysis.facts.brand.all(Field::Competitors) else {
            panic!("{analysis:?}");
        };
        assert_eq!(fact.status, Status::Supported);
        let sources: Vec<&str> = fact.evidence.iter().map(|c| c.source.as_str()).collect();
        assert_eq!(sources, ["s1", "s2"]);
    }

    #[test]
    fn two_values_of_a_field_that_holds_one_are_a_contradiction() {
        let analysis = analysed(vec![
            claim(
                "founding_year",
                "",
                "۱۳۷۰",
                "s1",
                "شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد",
            ),
            claim(
                "founding_year",
                "",
                "۱۳۷۲",
                "s2",
                "برند کاله در سال ۱۳۷۲ آغاز به کار کرد",
            ),
            claim(
                "products.price",
                "ماست کاله",
                "۴۵ هزار تومان",
                "s1",
                "ماست کاله ۴۵ هزار تومان قیمت دارد",
            ),
            claim(
                "products.price",
                "ماست کاله",
                "۴۸ هزار تومان",
                "s2",
                "ماست کاله ۴۸ هزار تومان قیمت دارد",
            ),
        ]);
        let about: Vec<&str> = analysis
            .contradictions
            .iter()
            .map(|c| c.about.as_str())
            .collect();
        assert_eq!(about, ["identity.founding_year", "products.0.price"]);
        let year = analysis.facts.one(Field::FoundingYear).unwrap();
        assert_eq!(year.status, Status::Conflicted);
        // The product has its name from where its price was read.
        let name = analysis.facts.products[0].product_name().unwrap();
        assert_eq!(
            (name.value.as_str(), name.status),
            ("ماست کاله", Status::Supported)
        );
    }

    #[test]
    fn two_phrases_about_one_thing_are_no_contradiction() {
        let analysis = analysed(vec![
            claim(
                "what_it_does",
                "",
                "در آمل تأسیس شد",
                "s1",
                "شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد",
            ),
            claim(
                "what_it_does",
                "",
                "آغاز به کار کرد",
                "s2",
                "برند کاله در سال ۱۳۷۲ آغاز به کار کرد",
            ),
        ]);
        assert!(analysis.contradictions.is_empty());
        assert_eq!(analysis.facts.brand.all(Field::WhatItDoes).len(), 1);
    }

    #[test]
    fn a_claim_without_a_quote_that_stands_is_left_out_and_hides_no_other() {
        let analysis = analysed(vec![
            claim(
                "chief_executive",
                "",
                "کس دیگر",
                "s1",
                "مدیرعامل کاله کس دیگر است",
            ),
            claim(
                "chief_executive",
                "",
                "غلامعلی سلیمانی",
                "s1",
                "مدیرعامل کاله غلامعلی سلیمانی است",
            ),
            claim("tagline", "", "بهترین", "s9", "بهترین طعم همیشه"),
            claim("tagline", "", "unknown", "s1", "شرکت کاله در سال ۱۳۷۰"),
            claim(
                "favourite_colour",
                "",
                "کاله",
                "s1",
                "شرکت کاله در سال ۱۳۷۰",
            ),
        ]);
        let values: Vec<&str> = analysis
            .facts
            .iter()
            .map(|(_, fact)| fact.value.as_str())
            .collect();
        assert_eq!(values, ["غلامعلی سلیمانی"]);
        assert_eq!(analysis.left_out, 4);
    }

    #[test]
    fn products_are_one_under_all_names_that_claims_give_them() {
        let quote = "ماست کاله ۴۵ هزار تومان قیمت دارد";
        let analysis = analysed(vec![
            claim("products.name_fa", "ماست کاله", "ماست کاله", "s1", quote),
            claim("products.price", "ماست", "۴۵ هزار تومان", "s1", quote),
            claim("products.price", "", "۴۵ هزار تومان", "s1", quote),
        ]);
        assert_eq!(analysis.facts.products.len(), 1, "{:?}", analysis.facts);
        assert_eq!(analysis.left_out, 1, "a price of nothing");
        assert!(
            analysis.facts.products[0]
                .one(Field::ProductPrice)
                .is_some()
        );
    }

    #[test]
    fn two_sizes_of_a_product_are_two_products_and_no_contradiction() {
        let quote = "ماست کاله ۴۵ هزار تومان قیمت دارد";
        let other = "ماست کاله ۴۸ هزار تومان قیمت دارد";
        let analysis = analysed(vec![
            claim(
                "products.price",
                "ماست یونانی ۹۰۰ گرمی",
                "۴۵ هزار تومان",
                "s1",
                quote,
            ),
            claim("products.category", "ماست یونانی", "ماست", "s1", quote),
            claim(
                "products.price",
                "ماست یونانی ۴۰۰ گرمی",
                "۴۸ هزار تومان",
                "s2",
                other,
            ),
        ]);
        assert_eq!(analysis.facts.products.len(), 2, "{:?}", analysis.facts);
        assert!(analysis.contradictions.is_empty());
    }

    #[test]
    fn products_stay_apart_where_the_brand_stands_in_the_place_of_their_names() {
        let milk = "ماست کاله ۴۵ هزار تومان قیمت دارد";
        let rival = "رقیب کاله میهن است";
        let analysis = analysed(vec![
            claim("products.name_fa", "کاله", "ماست کاله", "s1", milk),
            claim("products.name_fa", "کاله", "میهن", "s1", rival),
        ]);
        assert_eq!(analysis.facts.products.len(), 2);
    }

    #[test]
    fn a_source_is_known_however_its_id_is_written() {
        for written in ["s1", "1", "[s1]", "S1", "source s1", "s1, s2", "۱", " s01 "] {
            let quote = "شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد";
            let analysis = analysed(vec![claim("headquarters", "", "آمل", written, quote)]);
            assert!(
                analysis.facts.one(Field::Headquarters).is_some(),
                "{written}"
            );
        }
    }
}
