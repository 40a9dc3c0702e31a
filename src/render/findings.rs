//! The key findings of a report, for a row of a sheet.

use super::view::Tongue;
use crate::{
    list::results_tab::Findings,
    report::{DatedOpportunity, Fact, Field, Level, Report, Status},
    text::{self, lang::Lang},
};

/// The longest that an opportunity may be in a cell, in characters.
const OPPORTUNITY: usize = 300;

/// The key findings in the language of the sheet.
pub fn findings(report: &Report, lang: Lang) -> Findings {
    let t = Tongue::of(lang);
    let mut strongest: Vec<&DatedOpportunity> = report
        .insights
        .iter()
        .flat_map(|insights| &insights.opportunities)
        .collect();
    strongest.sort_by_key(|dated| match dated.opportunity.priority {
        Level::High => 0,
        Level::Medium => 1,
        Level::Low => 2,
    });
    let mut opportunities = strongest.into_iter().map(|dated| {
        let opportunity = &dated.opportunity;
        let concept = t.text(&opportunity.concept);
        text::shorten(&format!("{}: {concept}", opportunity.partner), OPPORTUNITY)
    });
    Findings {
        brand: report.brand.clone(),
        parent: stated(t, report.facts.one(Field::Parent)),
        verdict: t.parent(&report.quality.parent.verdict).to_owned(),
        industry: stated(t, report.facts.industry(lang.persian())),
        position: stated(t, report.facts.one(Field::MarketPosition)),
        opportunities: std::array::from_fn(|_| opportunities.next().unwrap_or_default()),
        support: t.share(report.quality.share_supported),
    }
}

/// The value of a fact; what is not supported has the mark that it has in the report.
fn stated(t: Tongue, fact: Option<&Fact>) -> String {
    let Some(fact) = fact else {
        return String::new();
    };
    let value = t.value(&fact.value);
    let (mark, ..) = t.mark(fact.status);
    match fact.status {
        Status::Supported => value,
        _ => format!("{value} {mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn the_findings_are_those_of_the_report() {
        let report = sample::report();
        let found = findings(&report, Lang::En);
        assert_eq!(found.brand, report.brand);
        let offered = report
            .insights
            .as_ref()
            .map_or(0, |i| i.opportunities.len());
        let shown = found.opportunities.iter().filter(|o| !o.is_empty()).count();
        assert_eq!(shown, offered.min(3));
        assert!(found.support.ends_with('%'), "{}", found.support);
    }
}
