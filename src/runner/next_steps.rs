//! The next steps after a run: which brands failed and why, grouped; for which ones little was found; and which rows
//! name none.

use serde::Serialize;

use super::{run_report::ERROR, summary::Totals};
use crate::{
    brand::RejectedRow,
    error_groups::Reasons,
    event::Event,
    say,
    text::{self, terminal::Terminal},
};

/// Failed brands and refused rows that a report names; the rest is counted. Chat services take no long messages.
pub const NAMED: usize = 50;

/// Brands and rows that are named for a reason.
const EXAMPLES: usize = 3;

/// From so many brands with a report on it is told that more than half of them have little found.
const ENOUGH: usize = 10;

/// What a run leaves to be done: a reader of events.
#[derive(Debug, Default)]
pub struct NextSteps {
    /// Brands that failed, the first of them.
    pub failed: Vec<FailureToMend>,
    pub reasons: Reasons,
    /// The first brands about which little or nothing was found.
    thin: Vec<String>,
    /// The first rows that name no brand.
    rejected: Vec<String>,
}

/// A brand that failed.
#[derive(Debug, Serialize)]
pub struct FailureToMend {
    brand: String,
    error: String,
}

impl NextSteps {
    /// Takes note of how a brand ended.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::BrandFailed { brand, kind, error } => {
                self.reasons.add(brand, *kind, error, 0);
                if self.failed.len() < NAMED {
                    self.failed.push(FailureToMend {
                        brand: brand.to_string(),
                        error: text::shorten(error, ERROR),
                    });
                }
            }
            Event::BrandDone {
                brand, thin: true, ..
            } if self.thin.len() < EXAMPLES => self.thin.push(brand.to_string()),
            _ => {}
        }
    }

    /// Takes note of rows that should name a brand and do not.
    pub fn reject(&mut self, rows: &[RejectedRow]) {
        let rows = rows.iter().filter(|row| row.brand_missing).take(EXAMPLES);
        self.rejected
            .extend(rows.map(|row| format!("row {} «{}»: {}", row.number, row.name, row.reason)));
    }

    /// A line for each thing, and one for what to do about it.
    fn lines(&self, totals: &Totals) -> Vec<String> {
        let mut lines = Vec::new();
        for reason in self.reasons.sorted() {
            lines.push(format!("  ✗ {} × {}", reason.brands, reason.text()));
            lines.push(format!("      {}", reason.named()));
            lines.push(format!("      → {}", reason.remedy));
        }
        if totals.thin > 0 {
            let more = more(totals.thin, self.thin.len());
            let names = self.thin.join("، ");
            lines.push(format!("  ⚠ {} × little found: {names}{more}", totals.thin));
            lines.push(
                "      → Type the website of each into its row, or correct the one that stands there"
                    .to_owned(),
            );
        }
        if totals.rejected > 0 {
            let more = more(totals.rejected, self.rejected.len());
            let rows = self.rejected.join("; ");
            lines.push(format!(
                "  ✗ {} × no brand in the row: {rows}{more}",
                totals.rejected
            ));
            lines.push("      → Write the brand's name there, or delete the row".to_owned());
        }
        lines
    }

    /// Says it again at the end of the story.
    pub fn tell(&self, totals: &Totals, terminal: &Terminal) {
        let lines = self.lines(totals);
        if lines.is_empty() {
            return;
        }
        say!(terminal; "\n[NEXT] What is left to do:");
        for line in lines {
            say!(terminal; "{line}");
        }
        if totals.failed > 0 {
            say!(terminal; "  The next run tries failed brands again, and uses what was paid for");
        }
    }

    /// What cron mails: the totals in a line, and what to do. Nothing after a good night, in which little was found of a few
    /// brands at most: their rows say so.
    pub fn mail(&self, line: &str, totals: &Totals, is_bad: bool) {
        let is_thin = totals.thin * 2 > totals.succeeded;
        if !is_bad && !is_thin {
            return;
        }
        crate::text::terminal::urgent(line);
        for line in self.lines(totals) {
            crate::text::terminal::urgent(&line);
        }
    }
}

fn more(all: usize, named: usize) -> &'static str {
    if all > named { "، …" } else { "" }
}

/// What is said of a run that found little of most of its brands.
pub fn mostly_thin(totals: &Totals) -> Option<String> {
    let Totals {
        succeeded, thin, ..
    } = *totals;
    (succeeded >= ENOUGH && thin * 2 > succeeded).then(|| {
        format!(
            "Little was found about {thin} of {succeeded} brands: give their websites in a column of the list (Website), or try \
             --depth deep with a few of them; where the web has more about them, brandintel check says whether the search answers"
        )
    })
}
