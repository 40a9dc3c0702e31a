//! CSV files of one report: RFC 4180, with the mark by which Excel knows UTF-8, and no cell that a spreadsheet would
//! run as a formula.

use super::view::Tongue;
use crate::research::report::{Fact, Report, Status};

/// What the brand sells.
pub fn products(report: &Report) -> anyhow::Result<Vec<u8>> {
    let header = [
        "brand",
        "name_fa",
        "name_en",
        "category",
        "description",
        "features",
        "price",
        "target_market",
        "status",
        "sources",
    ];
    let rows = report.products.iter().map(|product| {
        let name = product.name_fa.as_ref().or(product.name_en.as_ref());
        vec![
            report.brand.clone(),
            value(product.name_fa.as_ref()),
            value(product.name_en.as_ref()),
            value(product.category.as_ref()),
            value(product.description.as_ref()),
            product
                .features
                .iter()
                .map(|fact| fact.value.as_str())
                .collect::<Vec<_>>()
                .join("؛ "),
            value(product.price.as_ref()),
            value(product.target_market.as_ref()),
            name.map(status).unwrap_or_default(),
            name.map(sources).unwrap_or_default(),
        ]
    });
    table(report, &header, rows)
}

/// Campaigns with partners.
pub fn opportunities(report: &Report) -> anyhow::Result<Vec<u8>> {
    let t = Tongue::of(report.lang);
    let header = [
        "brand",
        "partner",
        "partner_in_evidence",
        "concept",
        "audience",
        "budget_million_toman",
        "budget_basis",
        "reach",
        "occasion",
        "starts",
        "ends",
        "difficulty",
        "priority",
        "rests_on",
    ];
    let opportunities = report
        .insights
        .iter()
        .flat_map(|insights| &insights.opportunities);
    let rows = opportunities.map(|dated| {
        let o = &dated.opportunity;
        let dates = dated.dates.as_ref();
        vec![
            report.brand.clone(),
            o.partner.clone(),
            if dated.partner_in_evidence {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
            t.text(&o.concept),
            t.text(&o.audience),
            o.budget_million_toman
                .map(|sum| sum.to_string())
                .unwrap_or_default(),
            t.text(&o.budget_basis),
            t.text(&o.reach),
            dates.map(|dates| t.text(&dates.name)).unwrap_or_default(),
            dates
                .map(|dates| dates.starts.to_string())
                .unwrap_or_default(),
            dates
                .map(|dates| dates.ends.to_string())
                .unwrap_or_default(),
            t.level(&o.difficulty).to_owned(),
            t.level(&o.priority).to_owned(),
            o.rests_on.join(" "),
        ]
    });
    table(report, &header, rows)
}

/// Owners, sisters, competitors and the like.
pub fn related(report: &Report) -> anyhow::Result<Vec<u8>> {
    let header = [
        "brand", "relation", "name", "status", "as_of", "sources", "quote",
    ];
    let rows = relations(report).into_iter().map(|(relation, fact)| {
        vec![
            report.brand.clone(),
            relation.to_owned(),
            fact.value.clone(),
            status(fact),
            fact.as_of.clone().unwrap_or_default(),
            sources(fact),
            fact.evidence
                .first()
                .map(|citation| citation.quote.clone())
                .unwrap_or_default(),
        ]
    });
    table(report, &header, rows)
}

/// Every company that a report puts into a relation to the brand.
pub fn relations(report: &Report) -> Vec<(&'static str, &Fact)> {
    let r = &report.relationships;
    let owners = [
        ("parent", &r.parent),
        ("ultimate_parent", &r.ultimate_parent),
    ];
    let owners = owners
        .into_iter()
        .filter_map(|(relation, fact)| Some((relation, fact.as_ref()?)));
    let lists = [
        ("subsidiary", &r.subsidiaries),
        ("sister_brand", &r.sister_brands),
        ("shareholder", &r.shareholders),
        ("affiliate", &r.affiliates),
        ("competitor", &r.competitors),
        ("similar_brand", &r.similar_brands),
        ("complementary_brand", &r.complementary_brands),
    ];
    let listed = lists
        .into_iter()
        .flat_map(|(relation, facts)| facts.iter().map(move |fact| (relation, fact)));
    owners.chain(listed).collect()
}

/// The value of a fact; empty where it is not known.
pub fn value(fact: Option<&Fact>) -> String {
    fact.map(|fact| fact.value.clone()).unwrap_or_default()
}

/// The status of a fact, as it is called in the file format.
pub fn status(fact: &Fact) -> String {
    match fact.status {
        Status::Supported => "supported",
        Status::Inferred => "inferred",
        Status::Unverified => "unverified",
        Status::Conflicted => "conflicted",
        Status::Outdated => "outdated",
    }
    .to_owned()
}

/// The ids of a fact's sources.
pub fn sources(fact: &Fact) -> String {
    fact.evidence
        .iter()
        .map(|citation| citation.source.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

fn table(
    report: &Report,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> anyhow::Result<Vec<u8>> {
    let mut bytes = "\u{FEFF}".as_bytes().to_vec();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut bytes);
    let simulated = report.simulated.then_some("simulated");
    writer.write_record(header.iter().copied().chain(simulated))?;
    for row in rows {
        let cells = row.iter().map(|cell| inert(cell));
        writer.write_record(cells.chain(simulated.map(|_| "yes".to_owned())))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

/// A cell that begins like a formula gets an apostrophe, which spreadsheets read as “this is text”
/// (OWASP, “CSV Injection”).
fn inert(cell: &str) -> String {
    match cell.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", " =HYPERLINK(\"x\")", "+98", "-1", "@x", "\t=1"] {
            assert!(inert(cell).starts_with('\''), "{cell}");
        }
        assert_eq!(inert("کاله = خوب"), "کاله = خوب");
    }
}
