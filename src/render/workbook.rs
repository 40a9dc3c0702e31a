//! The workbook of all reports: summary, products, opportunities, related brands and sources.

use std::io::{Seek, Write};

use rust_xlsxwriter::{Format, Workbook};

use super::{tables, view::Tongue};
use crate::research::report::{DatedOpportunity, Fact, Product, Report, Source};

/// Excel's limit for a cell.
const CELL_LIMIT: usize = 32_000;

/// Excel's limit for a sheet.
const ROW_LIMIT: u32 = 1_048_576;

/// The workbook, written report by report: what has been added is on disk and not in memory.
pub struct Book {
    workbook: Workbook,
    t: Tongue,
    /// Rows of each sheet so far, the header among them.
    rows: [u32; SHEETS.len()],
}

/// A sheet. Names are given as `Persian|English`.
struct Sheet {
    name: &'static str,
    header: &'static [&'static str],
    rows: fn(Tongue, &Report) -> Vec<Vec<String>>,
}

const SHEETS: [Sheet; 5] = [
    Sheet {
        name: "خلاصه|Summary",
        header: &[
            "برند|Brand",
            "شرکت مادر|Parent company",
            "صنعت|Industry",
            "پشتوانه|Coverage",
            "نکته‌ها|Facts",
            "با سند|Supported",
            "هزینه (دلار)|Cost (USD)",
            "تاریخ|Date",
            "شبیه‌سازی|Simulated",
        ],
        rows: summary,
    },
    Sheet {
        name: "محصولات|Products",
        header: &[
            "برند|Brand",
            "محصول|Product",
            "دسته|Category",
            "قیمت|Price",
            "وضعیت|Status",
            "منبع|Sources",
        ],
        rows: products,
    },
    Sheet {
        name: "فرصت‌ها|Opportunities",
        header: &[
            "برند|Brand",
            "همکار|Partner",
            "ایده|Concept",
            "مناسبت|Occasion",
            "آغاز|Starts",
            "اولویت|Priority",
        ],
        rows: opportunities,
    },
    Sheet {
        name: "برندهای مرتبط|Related brands",
        header: &[
            "برند|Brand",
            "رابطه|Relation",
            "نام|Name",
            "وضعیت|Status",
            "منبع|Sources",
        ],
        rows: related,
    },
    Sheet {
        name: "منبع‌ها|Sources",
        header: &[
            "برند|Brand",
            "شناسه|Id",
            "عنوان|Title",
            "نشانی|URL",
            "تاریخ|Retrieved",
        ],
        rows: sources,
    },
];

impl Book {
    /// A workbook without reports: sheets with frozen headers.
    pub fn new(t: Tongue) -> anyhow::Result<Self> {
        let mut workbook = Workbook::new();
        let bold = Format::new().set_bold();
        for sheet in &SHEETS {
            let page = workbook.add_worksheet_with_constant_memory()?;
            page.set_name(own(t, sheet.name))?
                .set_right_to_left(t.fa)
                .set_freeze_panes(1, 0)?;
            for (column, title) in (0u16..).zip(sheet.header) {
                page.set_column_width(column, 22)?;
                page.write_string_with_format(0, column, own(t, title), &bold)?;
            }
        }
        Ok(Self {
            workbook,
            t,
            rows: [1; SHEETS.len()],
        })
    }

    /// Adds what a report says to every sheet.
    pub fn add(&mut self, report: &Report) -> anyhow::Result<()> {
        for (i, sheet) in SHEETS.iter().enumerate() {
            let page = self.workbook.worksheet_from_index(i)?;
            for cells in (sheet.rows)(self.t, report) {
                // Excel has no more rows.
                if self.rows[i] >= ROW_LIMIT {
                    break;
                }
                for (column, cell) in (0u16..).zip(cells) {
                    // Always as text, never as a formula.
                    let text: String = cell.chars().take(CELL_LIMIT).collect();
                    page.write_string(self.rows[i], column, text)?;
                }
                self.rows[i] += 1;
            }
        }
        Ok(())
    }

    /// Writes the file, with filters over all rows.
    pub fn save(mut self, file: impl Write + Seek + Send) -> anyhow::Result<()> {
        for (i, sheet) in SHEETS.iter().enumerate() {
            let columns = u16::try_from(sheet.header.len()).unwrap_or(1);
            let page = self.workbook.worksheet_from_index(i)?;
            page.autofilter(0, 0, self.rows[i] - 1, columns.saturating_sub(1))?;
        }
        Ok(self.workbook.save_to_writer(file)?)
    }
}

fn own(t: Tongue, both: &'static str) -> &'static str {
    both.split_once('|').map_or(both, |(fa, en)| t.pick(fa, en))
}

fn summary(t: Tongue, r: &Report) -> Vec<Vec<String>> {
    let industry = if t.fa {
        &r.categorisation.industry.fa
    } else {
        &r.categorisation.industry.en
    };
    vec![vec![
        r.brand.clone(),
        tables::value(r.relationships.parent.as_ref()),
        tables::value(industry.as_ref()),
        t.coverage(&r.quality.coverage).to_owned(),
        r.quality.facts.to_string(),
        r.quality.facts_supported.to_string(),
        r.cost.usd.exact(),
        t.day(&r.generated_at),
        if r.simulated { "yes" } else { "" }.to_owned(),
    ]]
}

fn products(_: Tongue, r: &Report) -> Vec<Vec<String>> {
    let row = |p: &Product| {
        let name = p.name_fa.as_ref().or(p.name_en.as_ref());
        vec![
            r.brand.clone(),
            tables::value(name),
            tables::value(p.category.as_ref()),
            tables::value(p.price.as_ref()),
            name.map(tables::status).unwrap_or_default(),
            name.map(tables::sources).unwrap_or_default(),
        ]
    };
    r.products.iter().map(row).collect()
}

fn opportunities(t: Tongue, r: &Report) -> Vec<Vec<String>> {
    let insights = r.insights.iter();
    let row = |dated: &DatedOpportunity| {
        let dates = dated.dates.as_ref();
        vec![
            r.brand.clone(),
            dated.opportunity.partner.clone(),
            t.text(&dated.opportunity.concept),
            dates.map(|dates| t.text(&dates.name)).unwrap_or_default(),
            dates.map(|dates| t.dates(dates)).unwrap_or_default(),
            t.level(&dated.opportunity.priority).to_owned(),
        ]
    };
    insights
        .flat_map(|insights| &insights.opportunities)
        .map(row)
        .collect()
}

fn related(_: Tongue, r: &Report) -> Vec<Vec<String>> {
    let row = |(relation, fact): (&str, &Fact)| {
        vec![
            r.brand.clone(),
            relation.to_owned(),
            fact.value.clone(),
            tables::status(fact),
            tables::sources(fact),
        ]
    };
    tables::relations(r).into_iter().map(row).collect()
}

fn sources(t: Tongue, r: &Report) -> Vec<Vec<String>> {
    let row = |s: &Source| {
        vec![
            r.brand.clone(),
            s.id.clone(),
            s.title.clone(),
            s.url.clone(),
            t.day(&s.retrieved_at),
        ]
    };
    r.sources.iter().map(row).collect()
}
