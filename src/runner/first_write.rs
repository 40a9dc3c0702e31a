//! The first write into the sheet, before anything is paid for: results that it lacks, and marks at the first chunk.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    context::RunContext,
    errors::list_failure,
    plan::Plan,
    write_batch::{IN_PROGRESS, OutcomeText},
};
use crate::{
    exit::Failure,
    list::{
        own::{self, Outcome, Shown, Target},
        sheet::SheetList,
    },
    render,
    text::lang::Lang,
};

/// What is written: results that the sheet lacks, and marks.
pub fn first_write(
    context: &RunContext,
    plan: &Plan,
    shown: &HashMap<usize, Shown>,
    sheet: Option<&SheetList>,
    words: &OutcomeText,
) -> Vec<(Target, Outcome)> {
    let Some(sheet) = sheet else {
        return Vec::new();
    };
    let mut first = unwritten(plan, shown, sheet, words, context.options.batch.lang);
    let ahead = plan.due.iter().take(context.options.batch.chunk_size);
    first.extend(ahead.map(|due| words.mark(&due.assignment.brand.key)));
    first
}

/// Rows that a killed run has left in progress, and of which this write says nothing else, are not in progress any more.
pub async fn take_back_marks(
    first: &mut Vec<(Target, Outcome)>,
    sheet: Option<&mut SheetList>,
    shown: &HashMap<usize, Shown>,
) -> Result<(), Failure> {
    let is_marked = |cells: &Shown| IN_PROGRESS.contains(&&*cells[own::STATUS]);
    let Some(sheet) = sheet.filter(|sheet| sheet.can_write()) else {
        return Ok(());
    };
    if !shown.values().any(is_marked) {
        return Ok(());
    }
    let marked = sheet.showing(&IN_PROGRESS).await.map_err(list_failure)?;
    for target in marked {
        if !first.iter().any(|(told, _)| *told == target) {
            first.push((target, Outcome::Idle));
        }
    }
    Ok(())
}

/// Results that are in the registry but not in the sheet: a run was killed before it wrote them, a row is new, or what
/// stands there is another brand's.
fn unwritten(
    plan: &Plan,
    shown: &HashMap<usize, Shown>,
    sheet: &SheetList,
    words: &OutcomeText,
    lang: Lang,
) -> Vec<(Target, Outcome)> {
    let refused = |row: usize| {
        shown
            .get(&row)
            .is_some_and(|cells| cells[own::STATUS].starts_with('✗'))
    };
    let rejected = plan
        .rejected
        .iter()
        .filter(|row| row.brand_missing && !refused(row.number))
        .map(|row| {
            (
                Target::Rejected(row.name.clone()),
                words.failure(&row.reason, Timestamp::now()),
            )
        });
    let told = |row: &usize, page: &str| {
        shown.get(row).is_some_and(|cells| {
            cells[own::STATUS].starts_with(['✓', '⚠', '؟', '?'])
                && cells[own::REPORT] == page
                && !cells[own::COST].is_empty()
        })
    };
    let unchanged = plan.unchanged.iter().filter_map(|(brand, entry)| {
        let page = words.page(entry);
        let target = Target::Brand(brand.key.clone());
        let told = brand.rows.iter().all(|row| told(row, &page));
        let lacks = sheet.lacks_findings(&target);
        let mut success = words.success(entry);
        if let Outcome::Done { findings, .. } = &mut success
            && lacks
        {
            let saved = |report: &str| render::saved_findings(report, lang);
            *findings = entry.report.as_deref().and_then(saved).map(Box::new);
        }
        match (told, lacks) {
            (false, _) => Some((target, success)),
            (true, true) => Some((target, Outcome::ForResultsTab(Box::new(success)))),
            (true, false) => None,
        }
    });
    rejected.chain(unchanged).collect()
}
