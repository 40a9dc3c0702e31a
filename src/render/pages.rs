//! The index of all reports.

use askama::Template;

use super::{Glance, view::Tongue};
use crate::research::report::Report;

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
        support: t.share(report.quality.share_supported),
        day: t.day(&report.generated_at),
    };
    Ok(row.render()? + "\n")
}

#[expect(
    clippy::inline_always,
    clippy::unused_self,
    reason = "the macro of the template engine asks for these forms"
)]
mod filters {
    use std::fmt::Display;

    use askama::{Result, Values, filter_fn};

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
