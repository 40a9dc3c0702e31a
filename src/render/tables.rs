//! The CSV files of one report: RFC 4180, with the byte-order mark by which Excel recognises UTF-8, and no cell that a
//! spreadsheet would run as a formula. They are for scripts, with codes in English and dates of both calendars; the
//! workbook is for people.

use jiff::civil::Date;
use serde::Serialize;

use super::{formula_escape::inert, view::Tongue};
use crate::{
    ownership::{Families, Remark},
    report::{Fact, Field, Level, Report, Status},
    text::calendar::jalali,
};

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
        "quote",
        "urls",
        "price_status",
        "price_as_of",
        "price_quote",
    ];
    let rows = report.facts.products.iter().map(|product| {
        let name = product.product_name();
        let price = product.one(Field::ProductPrice);
        let features = product.all(Field::ProductFeatures).iter();
        let features: Vec<&str> = features.map(|fact| fact.value.as_str()).collect();
        vec![
            report.brand.clone(),
            value(product.one(Field::ProductNameFa)),
            value(product.one(Field::ProductNameEn)),
            value(product.one(Field::ProductCategory)),
            value(product.one(Field::ProductDescription)),
            features.join("؛ "),
            value(price),
            value(product.one(Field::ProductTargetMarket)),
            name.map(status).unwrap_or_default(),
            name.map(sources).unwrap_or_default(),
            name.map(quote).unwrap_or_default(),
            name.map(|name| urls(report, name)).unwrap_or_default(),
            price.map(status).unwrap_or_default(),
            as_of(price),
            price.map(quote).unwrap_or_default(),
        ]
    });
    table(report.simulated, &header, rows)
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
        "occasion_code",
        "starts_jalali",
        "ends_jalali",
        "may_be_a_day_off",
        "book_by",
        "book_by_jalali",
        "too_late",
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
            yes_or_no(dated.partner_in_evidence),
            t.text(&o.concept),
            t.text(&o.audience),
            o.budget_million_toman
                .map(|sum| sum.to_string())
                .unwrap_or_default(),
            t.text(&o.budget_basis),
            t.text(&o.reach),
            dates.map(|dates| t.text(&dates.name)).unwrap_or_default(),
            day(dates.map(|dates| dates.starts)),
            day(dates.map(|dates| dates.ends)),
            level(o.difficulty),
            level(o.priority),
            o.rests_on.join(" "),
            o.timing.as_ref().map(code).unwrap_or_default(),
            jalali_day(dates.map(|dates| dates.starts)),
            jalali_day(dates.map(|dates| dates.ends)),
            dates
                .map(|dates| yes_or_no(dates.lunar))
                .unwrap_or_default(),
            day(dates.and_then(|dates| dates.book_by)),
            jalali_day(dates.and_then(|dates| dates.book_by)),
            dates
                .map(|dates| yes_or_no(dates.too_late))
                .unwrap_or_default(),
        ]
    });
    table(report.simulated, &header, rows)
}

/// Owners, sisters, competitors and the like.
pub fn related(report: &Report) -> anyhow::Result<Vec<u8>> {
    let header = [
        "brand",
        "relation",
        "name",
        "status",
        "as_of",
        "sources",
        "quote",
        "urls",
        "parent_in_list",
        "parent_verdict",
    ];
    let check = &report.quality.parent;
    let rows = relations(report).map(|(field, fact)| {
        // The verdict on what the list says stands beside what was found.
        let is_parent = field == Field::Parent;
        let given = is_parent.then(|| check.given.clone());
        let verdict = is_parent.then(|| code(&check.verdict));
        let relation = field.spec().relation.unwrap_or_default();
        vec![
            report.brand.clone(),
            relation.to_owned(),
            fact.value.clone(),
            status(fact),
            as_of(Some(fact)),
            sources(fact),
            quote(fact),
            urls(report, fact),
            given.flatten().unwrap_or_default(),
            verdict.unwrap_or_default(),
        ]
    });
    table(report.simulated, &header, rows)
}

/// Who owns whom, as all reports say together: what is set aside for stronger evidence says so, and rivals have the
/// company that both belong to beside them.
pub fn companies(families: &Families, simulated: bool) -> anyhow::Result<Vec<u8>> {
    let header = [
        "company",
        "relation",
        "other",
        "status",
        "as_of",
        "said_by",
        "source",
        "set_aside",
        "common_owner",
    ];
    let rows = families.remarked().map(|(edge, remark)| {
        let set_aside = yes_or_no(remark == Remark::SetAside);
        let owner = match remark {
            Remark::OneHolding(owner) => owner,
            Remark::Fits | Remark::SetAside => "",
        };
        let cells = [
            &edge.below,
            edge.relation.code(),
            &edge.above,
            status_code(edge.status),
            &edge.as_of,
            &edge.said_by,
            &edge.source,
            &set_aside,
            owner,
        ];
        cells.map(str::to_owned).to_vec()
    });
    table(simulated, &header, rows)
}

/// Every company and person that a report puts into a relation to the brand.
pub fn relations(report: &Report) -> impl Iterator<Item = (Field, &Fact)> {
    let related = Field::ALL.iter().copied();
    let related = related.filter(|field| field.spec().relation.is_some());
    related.flat_map(|field| report.facts.all(field).map(move |fact| (field, fact)))
}

/// The value of a fact; empty where it is not known.
pub fn value(fact: Option<&Fact>) -> String {
    fact.map(|fact| fact.value.clone()).unwrap_or_default()
}

/// The status of a fact, as it is called in the file format.
pub fn status(fact: &Fact) -> String {
    status_code(fact.status).to_owned()
}

fn status_code(status: Status) -> &'static str {
    match status {
        Status::Supported => "supported",
        Status::Inferred => "inferred",
        Status::Unverified => "unverified",
        Status::Conflicted => "conflicted",
        Status::Outdated => "outdated",
    }
}

/// The first passage that a fact was read in.
pub fn quote(fact: &Fact) -> String {
    let first = fact.evidence.first();
    first
        .map(|citation| citation.quote.clone())
        .unwrap_or_default()
}

/// The ids of a fact's sources.
pub fn sources(fact: &Fact) -> String {
    fact.evidence
        .iter()
        .map(|citation| citation.source.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The addresses of a fact's sources.
fn urls(report: &Report, fact: &Fact) -> String {
    let cited = |id: &str| report.sources.iter().find(|source| source.id == id);
    fact.evidence
        .iter()
        .filter_map(|citation| Some(cited(&citation.source)?.url.as_str()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn as_of(fact: Option<&Fact>) -> String {
    fact.and_then(|fact| fact.as_of.clone()).unwrap_or_default()
}

fn day(day: Option<Date>) -> String {
    day.map(|day| day.to_string()).unwrap_or_default()
}

fn jalali_day(day: Option<Date>) -> String {
    day.map(|day| jalali(day, '-')).unwrap_or_default()
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn level(level: Level) -> String {
    code(&level)
}

/// What a value without content is called in the file format.
fn code(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(code)) => code,
        _ => String::new(),
    }
}

fn table(
    simulated: bool,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> anyhow::Result<Vec<u8>> {
    let mut bytes = "\u{FEFF}".as_bytes().to_vec();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut bytes);
    let simulated = simulated.then_some("simulated");
    writer.write_record(header.iter().copied().chain(simulated))?;
    for row in rows {
        let cells = row.iter().map(|cell| inert(cell));
        writer.write_record(cells.chain(simulated.map(|_| "yes".to_owned())))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::{formula_escape::runs, sample};

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts in proptest::collection::vec("([=+@;,\"'\r\n\t \u{FEFF}\u{202E}-]|[a-zآ-ی]|\\PC){0,12}", 1..6),
        ) {
            let mut report = sample::report();
            report.simulated = false;
            let product = report.facts.products[0].clone();
            report.facts.products = texts.iter().map(|text| {
                let mut product = product.clone();
                product.set(Field::ProductCategory, [sample::fact(text)]);
                product
            }).collect();
            let bytes = products(&report).unwrap();
            let marked = bytes.starts_with("\u{FEFF}brand,name_fa,".as_bytes());
            prop_assert!(marked);
            let mut reader = csv::Reader::from_reader(&bytes["\u{FEFF}".len()..]);
            let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows.len(), texts.len());
            for (row, text) in rows.iter().zip(&texts) {
                prop_assert!(!row.iter().any(runs), "{:?}", row);
                prop_assert_eq!(row[3].replace('\'', ""), text.replace('\'', ""));
            }
        }
    }

    #[test]
    fn codes_are_english_and_days_are_of_both_calendars() {
        let report = sample::report();
        let bytes = opportunities(&report).unwrap();
        let mut reader = csv::Reader::from_reader(&bytes["\u{FEFF}".len()..]);
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell = |name: &str| &row[header.iter().position(|h| h == name).unwrap()];
        assert!(["low", "medium", "high"].contains(&cell("priority")));
        assert_eq!(&cell("starts")[..2], "20");
        assert_eq!(&cell("starts_jalali")[..2], "14");
        assert!(cell("book_by") < cell("starts"));
        assert!(cell("occasion_code").is_ascii());
    }
}
