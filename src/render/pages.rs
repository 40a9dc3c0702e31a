//! Pages: a report as HTML and as Markdown, and the index of all reports. Templates escape by default.

use askama::Template;

use super::{
    Glance,
    view::{FactView, Section, Tongue},
};
use crate::research::report::{Bilingual, Insights, Report};

/// A product with what is known of it.
struct ProductView {
    name: Vec<FactView>,
    rest: Vec<FactView>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct HtmlPage<'a> {
    page: Page<'a>,
}

#[derive(Template)]
#[template(path = "report.md", escape = "none")]
struct MarkdownPage<'a> {
    page: Page<'a>,
}

/// What both forms of a report are filled with.
struct Page<'a> {
    t: Tongue,
    report: &'a Report,
    sections: Vec<Section>,
    products: Vec<ProductView>,
    contradictions: Vec<(String, FactView, FactView)>,
    /// The summary in the languages that there are, each with its code and direction.
    summaries: Vec<(&'static str, &'static str, String)>,
    questions: Vec<String>,
    support: String,
    parent_found: Option<FactView>,
}

#[derive(Template)]
#[template(path = "index_head.html")]
struct IndexHead<'a> {
    t: Tongue,
    glance: &'a Glance,
}

#[derive(Template)]
#[template(path = "index_row.html")]
struct IndexRow<'a> {
    t: Tongue,
    folder: &'a str,
    report: &'a Report,
    parent: String,
    industry: String,
    support: String,
    day: String,
}

/// The page of a report: one file, without a script, that opens offline.
pub fn html(report: &Report) -> anyhow::Result<String> {
    Ok(HtmlPage {
        page: Page::new(report),
    }
    .render()?)
}

/// The report as Markdown.
pub fn markdown(report: &Report) -> anyhow::Result<String> {
    Ok(MarkdownPage {
        page: Page::new(report),
    }
    .render()?)
}

/// The end of the index.
pub const INDEX_TAIL: &str = include_str!("templates/index_tail.html");

/// The index of all reports, up to the first of them.
pub fn index_head(glance: &Glance) -> anyhow::Result<String> {
    let t = glance.tongue();
    Ok(IndexHead { t, glance }.render()?)
}

/// The line of a report in the index.
pub fn index_row(glance: &Glance, folder: &str, report: &Report) -> anyhow::Result<String> {
    let t = glance.tongue();
    let first = |fact: &Option<crate::research::report::Fact>| {
        fact.as_ref()
            .map(|fact| t.digits(&fact.value))
            .unwrap_or_default()
    };
    let row = IndexRow {
        t,
        folder,
        report,
        parent: first(&report.relationships.parent),
        industry: first(if t.fa {
            &report.categorisation.industry.fa
        } else {
            &report.categorisation.industry.en
        }),
        support: support(t, report),
        day: t.day(&report.generated_at),
    };
    Ok(row.render()? + "\n")
}

fn support(t: Tongue, report: &Report) -> String {
    let percent = |share: f64| t.digits(&format!("{:.0}{}", share * 100.0, t.percent()));
    report
        .quality
        .share_supported
        .map_or_else(|| "—".to_owned(), percent)
}

impl<'a> Page<'a> {
    fn new(report: &'a Report) -> Self {
        let t = Tongue::of(report.lang);
        let facts = |list: &[&Option<crate::research::report::Fact>]| -> Vec<FactView> {
            list.iter()
                .filter_map(|fact| fact.as_ref())
                .map(|fact| t.fact(fact, report))
                .collect()
        };
        let products = report
            .products
            .iter()
            .map(|product| ProductView {
                name: facts(&[&product.name_fa, &product.name_en]),
                rest: facts(&[
                    &product.category,
                    &product.description,
                    &product.price,
                    &product.target_market,
                ])
                .into_iter()
                .chain(product.features.iter().map(|fact| t.fact(fact, report)))
                .collect(),
            })
            .collect();
        let contradictions = report
            .quality
            .contradictions
            .iter()
            .map(|c| {
                (
                    t.dispute(c),
                    t.fact(&c.first, report),
                    t.fact(&c.second, report),
                )
            })
            .collect();
        let summaries = report
            .insights
            .as_ref()
            .map(|i| summaries(t, i))
            .unwrap_or_default();
        Self {
            t,
            report,
            sections: t.sections(report),
            products,
            contradictions,
            summaries,
            questions: report
                .quality
                .questions
                .iter()
                .map(|question| t.text(question))
                .collect(),
            support: support(t, report),
            parent_found: report
                .quality
                .parent
                .found
                .as_ref()
                .map(|fact| t.fact(fact, report)),
        }
    }
}

fn summaries(t: Tongue, insights: &Insights) -> Vec<(&'static str, &'static str, String)> {
    let Bilingual { fa, en } = &insights.executive_summary;
    let fa = fa
        .as_ref()
        .map(|text| ("fa", "rtl", crate::text::persian_digits(text)));
    let en = en.as_ref().map(|text| ("en", "ltr", text.clone()));
    let both = if t.fa { [fa, en] } else { [en, fa] };
    both.into_iter().flatten().collect()
}

#[expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the macro of the template engine asks for these forms"
)]
mod filters {
    use std::fmt::Display;

    use askama::{Result, Values, filter_fn};

    /// Text in Markdown: characters that would become markup are escaped, and lines stay whole.
    #[filter_fn]
    pub fn md(text: impl Display, _: &dyn Values) -> Result<String> {
        let mut escaped = String::new();
        for c in text.to_string().chars() {
            match c {
                '\n' | '\r' => escaped.push(' '),
                '<' => escaped.push_str("&lt;"),
                '&' => escaped.push_str("&amp;"),
                '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                    escaped.push('\\');
                    escaped.push(c);
                }
                _ => escaped.push(c),
            }
        }
        Ok(escaped)
    }

    /// A folder's name in an address.
    #[filter_fn]
    pub fn path(text: impl Display, _: &dyn Values) -> Result<String> {
        let mut url = url::Url::parse("http://x/").map_err(askama::Error::custom)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push(&text.to_string());
        }
        Ok(format!(".{}", url.path()))
    }
}
