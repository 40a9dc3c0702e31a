//! The workbook of all reports: summary, products, opportunities, related brands and sources.

use rust_xlsxwriter::{Format, Workbook, Worksheet};

use super::{tables, view::Tongue};
use crate::research::report::Report;

/// Excel's limit for a cell.
const CELL_LIMIT: usize = 32_000;

/// Makes the workbook, as bytes.
pub fn workbook(reports: &[(String, Report)]) -> anyhow::Result<Vec<u8>> {
    let persian = reports.iter().any(|(_, report)| report.lang.persian());
    let t = Tongue { fa: persian };
    let mut book = Workbook::new();
    summary(&mut book, t, reports)?;
    products(&mut book, t, reports)?;
    opportunities(&mut book, t, reports)?;
    related(&mut book, t, reports)?;
    sources(&mut book, t, reports)?;
    Ok(book.save_to_buffer()?)
}

fn summary(book: &mut Workbook, t: Tongue, reports: &[(String, Report)]) -> anyhow::Result<()> {
    let header = [
        "برند|Brand",
        "شرکت مادر|Parent company",
        "صنعت|Industry",
        "پشتوانه|Coverage",
        "نکته‌ها|Facts",
        "با سند|Supported",
        "هزینه (دلار)|Cost (USD)",
        "تاریخ|Date",
        "شبیه‌سازی|Simulated",
    ];
    let rows = reports.iter().map(|(_, r)| r).map(|r| {
        let industry = if t.fa {
            &r.categorisation.industry.fa
        } else {
            &r.categorisation.industry.en
        };
        vec![
            r.brand.clone(),
            tables::value(r.relationships.parent.as_ref()),
            tables::value(industry.as_ref()),
            t.coverage(&r.quality.coverage).to_owned(),
            r.quality.facts.to_string(),
            r.quality.facts_supported.to_string(),
            r.cost.usd.exact(),
            t.day(&r.generated_at),
            if r.simulated { "yes" } else { "" }.to_owned(),
        ]
    });
    sheet(book, t, "خلاصه|Summary", &header, rows)
}

fn products(book: &mut Workbook, t: Tongue, reports: &[(String, Report)]) -> anyhow::Result<()> {
    let header = [
        "برند|Brand",
        "محصول|Product",
        "دسته|Category",
        "قیمت|Price",
        "وضعیت|Status",
        "منبع|Sources",
    ];
    let rows = reports.iter().map(|(_, r)| r).flat_map(|r| {
        r.products.iter().map(|p| {
            let name = p.name_fa.as_ref().or(p.name_en.as_ref());
            vec![
                r.brand.clone(),
                tables::value(name),
                tables::value(p.category.as_ref()),
                tables::value(p.price.as_ref()),
                name.map(tables::status).unwrap_or_default(),
                name.map(tables::sources).unwrap_or_default(),
            ]
        })
    });
    sheet(book, t, "محصولات|Products", &header, rows)
}

fn opportunities(
    book: &mut Workbook,
    t: Tongue,
    reports: &[(String, Report)],
) -> anyhow::Result<()> {
    let header = [
        "برند|Brand",
        "همکار|Partner",
        "ایده|Concept",
        "مناسبت|Occasion",
        "آغاز|Starts",
        "اولویت|Priority",
    ];
    let rows = reports.iter().map(|(_, r)| r).flat_map(|r| {
        r.insights
            .iter()
            .flat_map(|insights| &insights.opportunities)
            .map(move |dated| {
                let dates = dated.dates.as_ref();
                vec![
                    r.brand.clone(),
                    dated.opportunity.partner.clone(),
                    t.text(&dated.opportunity.concept),
                    dates.map(|dates| t.text(&dates.name)).unwrap_or_default(),
                    dates.map(|dates| t.dates(dates)).unwrap_or_default(),
                    t.level(&dated.opportunity.priority).to_owned(),
                ]
            })
    });
    sheet(book, t, "فرصت‌ها|Opportunities", &header, rows)
}

fn related(book: &mut Workbook, t: Tongue, reports: &[(String, Report)]) -> anyhow::Result<()> {
    let header = [
        "برند|Brand",
        "رابطه|Relation",
        "نام|Name",
        "وضعیت|Status",
        "منبع|Sources",
    ];
    let rows = reports.iter().map(|(_, r)| r).flat_map(|r| {
        tables::relations(r).into_iter().map(|(relation, fact)| {
            vec![
                r.brand.clone(),
                relation.to_owned(),
                fact.value.clone(),
                tables::status(fact),
                tables::sources(fact),
            ]
        })
    });
    sheet(book, t, "برندهای مرتبط|Related brands", &header, rows)
}

fn sources(book: &mut Workbook, t: Tongue, reports: &[(String, Report)]) -> anyhow::Result<()> {
    let header = [
        "برند|Brand",
        "شناسه|Id",
        "عنوان|Title",
        "نشانی|URL",
        "تاریخ|Retrieved",
    ];
    let rows = reports.iter().map(|(_, r)| r).flat_map(|r| {
        r.sources.iter().map(|s| {
            vec![
                r.brand.clone(),
                s.id.clone(),
                s.title.clone(),
                s.url.clone(),
                t.day(&s.retrieved_at),
            ]
        })
    });
    sheet(book, t, "منبع‌ها|Sources", &header, rows)
}

/// One sheet, with a frozen header and filters. Names are given as `Persian|English`.
fn sheet(
    book: &mut Workbook,
    t: Tongue,
    name: &'static str,
    header: &[&'static str],
    rows: impl Iterator<Item = Vec<String>>,
) -> anyhow::Result<()> {
    let own = |both: &'static str| both.split_once('|').map_or(both, |(fa, en)| t.pick(fa, en));
    let bold = Format::new().set_bold();
    let sheet: &mut Worksheet = book.add_worksheet();
    sheet
        .set_name(own(name))?
        .set_right_to_left(t.fa)
        .set_freeze_panes(1, 0)?;
    for (column, title) in (0u16..).zip(header) {
        sheet.write_string_with_format(0, column, own(title), &bold)?;
        sheet.set_column_width(column, 22)?;
    }
    let mut last = 0;
    for (row, cells) in (1u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(cells) {
            // Always as text, never as a formula.
            sheet.write_string(
                row,
                column,
                cell.chars().take(CELL_LIMIT).collect::<String>(),
            )?;
        }
        last = row;
    }
    let columns = u16::try_from(header.len()).unwrap_or(1);
    sheet.autofilter(0, 0, last, columns.saturating_sub(1))?;
    Ok(())
}
