//! The results of the workers: each is recorded first, and reported then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    brand_work::Saved,
    due::Due,
    errors::BrandError,
    recorder::Recorded,
    scheduler::{BrandInWork, Scheduler, Supply},
};
use crate::{
    brand::BrandKey,
    error_kind::ErrorKind,
    event::Event,
    list::results_tab::Findings,
    money::{Cost, Usd},
    render,
    report::{Coverage, ReportCost},
    research::{Researched, disambiguation},
    span::{self, Spent},
    store::{
        registry::{BrandStatus, Entry},
        shared_run::Ended,
    },
};

impl Scheduler<'_> {
    /// Sends on to the record how a brand ended.
    pub(super) fn take_back(
        &mut self,
        mut in_hand: BrandInWork,
        result: Result<Saved, BrandError>,
    ) {
        in_hand.took = in_hand.started.elapsed();
        self.tally.one_by_one += in_hand.took;
        self.deadline.brand_took(in_hand.took);
        span::took(&in_hand.span, in_hand.took);
        if let Err(error) = &result {
            span::failed(&in_hand.span, error);
        }
        let error = match result {
            Ok(saved) => {
                let success = AssertUnwindSafe(|| self.success(&mut in_hand, saved));
                match catch_unwind(success) {
                    Ok(entry) => return self.record(in_hand, entry),
                    Err(_) => BrandError::bug(&"its findings cannot be told"),
                }
            }
            Err(error) => error,
        };
        match error {
            BrandError::Refused(refusal) => self.suspect(in_hand, refusal),
            BrandError::Failed {
                service,
                kind,
                message,
            } => self.fail(in_hand, service, kind, &message),
            BrandError::Stopped | BrandError::Lost => self.put_back(&in_hand),
            BrandError::Budget(reached) => {
                self.put_back(&in_hand);
                let in_flight = self.in_flight();
                self.shutdown.reach_budget(reached, in_flight);
            }
            BrandError::Run(error) => {
                self.put_back(&in_hand);
                self.give_up(error.into());
            }
        }
    }

    /// A brand has failed, and goes on record.
    pub(super) fn fail(
        &mut self,
        in_hand: BrandInWork,
        service: &str,
        kind: ErrorKind,
        message: &str,
    ) {
        let mut entry = self.entry(&in_hand.due, BrandStatus::Failed);
        entry.error_kind = kind;
        entry.error = Some(format!("{service}: {message}"));
        self.record(in_hand, entry);
    }

    fn record(&mut self, mut in_hand: BrandInWork, entry: Entry) {
        let findings = match &self.supply {
            Supply::Own { .. } => None,
            Supply::Hosts(_) => in_hand.findings.as_ref(),
        };
        let ended = Ended {
            position: in_hand.position,
            claim: in_hand.claim,
            key: in_hand.due.key.to_string(),
            entry,
            findings: findings.and_then(|findings| serde_json::to_string(findings).ok()),
            report: in_hand.report.take(),
        };
        self.recorder.record(ended, in_hand);
    }

    fn success(&self, in_hand: &mut BrandInWork, saved: Saved) -> Entry {
        let Researched { report, waited, .. } = &saved.researched;
        in_hand.waited = *waited;
        in_hand.cost = report.cost;
        in_hand.report = saved.report;
        spent(&report.cost, *waited).record(&in_hand.span);
        if self.context.options.batch.results_tab.is_some() {
            let findings = render::findings(report, self.context.options.batch.lang);
            in_hand.findings = Some(Box::new(findings));
        }
        let output = &self.context.settings.folders.output;
        let path = output.join(&in_hand.due.folder).join("brand_report.json");
        let mut entry = self.entry(&in_hand.due, BrandStatus::Success);
        entry.cost_usd = report.cost.usd;
        entry.report = Some(path.to_string_lossy().replace('\\', "/"));
        entry.thin = Some(report.quality.coverage != Coverage::Full);
        entry.choices = disambiguation::choices(&report.quality.candidates);
        entry.changes = render::changes_in_short(report);
        entry
    }

    /// Tells of brands whose end is on record.
    pub(super) fn tell(&mut self, recorded: Vec<Recorded<BrandInWork>>) {
        for (entry, in_hand, ours) in recorded {
            if !ours {
                // Another host has the brand now, and tells of it.
                self.say_put_back(&in_hand);
                continue;
            }
            self.tally.brands += 1;
            let brand: Arc<str> = in_hand.due.assignment.brand.name.as_str().into();
            let event = match entry.status {
                BrandStatus::Success => self.told_success(brand, &entry, &in_hand),
                BrandStatus::Failed => Event::BrandFailed {
                    brand,
                    kind: entry.error_kind,
                    error: entry.error.clone().unwrap_or_default(),
                },
            };
            in_hand.span.in_scope(|| self.events.say(event));
            if let Supply::Own { .. } = self.supply {
                self.checkpoint.count(entry.status);
                let brand = in_hand.due.assignment.brand.key.clone();
                self.write_down(brand, in_hand.position, &entry, in_hand.findings);
            }
        }
        if let Supply::Hosts(hosts) = &mut self.supply
            && (hosts.whole.leads || self.pool.is_empty())
        {
            // The sheet is told of it, or it may have been the last.
            hosts.look_now();
        }
        self.save_checkpoint();
    }

    /// Has the end of a brand written into the sheet, with those of its chunk.
    pub(super) fn write_down(
        &mut self,
        brand: BrandKey,
        position: usize,
        entry: &Entry,
        findings: Option<Box<Findings>>,
    ) {
        let Some(writer) = &mut self.lead.writer else {
            return;
        };
        if writer.ended(brand, position, entry, findings) {
            self.chunk_is_done();
        }
    }

    fn chunk_is_done(&mut self) {
        self.save_checkpoint();
        self.events.say(Event::CheckpointSaved {
            processed: self.checkpoint.now.processed,
        });
    }

    fn told_success(&mut self, brand: Arc<str>, entry: &Entry, in_hand: &BrandInWork) -> Event {
        let thin = entry.thin.unwrap_or(false);
        self.tally.thin += usize::from(thin);
        self.tally.changed += usize::from(entry.changes.is_some());
        self.tally.tokens_in += in_hand.cost.tokens_in;
        self.tally.tokens_cached += in_hand.cost.tokens_cached;
        if let Some(choices) = &entry.choices {
            self.events.warn(format!(
                "«{brand}» may be any of: {choices}. Type the website or the parent company of the right one into its row"
            ));
        }
        Event::BrandDone {
            brand,
            report: entry.report.clone().unwrap_or_default(),
            cost: Cost {
                usd: entry.cost_usd,
                credits: in_hand.cost.search_credits,
            },
            thin,
            took: in_hand.took,
            waited: in_hand.waited,
        }
    }

    /// The brand is left as it was; what it paid for is kept.
    pub(super) fn put_back(&mut self, in_hand: &BrandInWork) {
        self.say_put_back(in_hand);
        if let Supply::Hosts(hosts) = &self.supply {
            hosts.put_back(in_hand.position, in_hand.claim);
        }
        if let (Supply::Own { .. }, Some(writer)) = (&self.supply, &mut self.lead.writer)
            && writer.left(in_hand.position)
        {
            self.chunk_is_done();
        }
    }

    fn say_put_back(&self, in_hand: &BrandInWork) {
        let brand = in_hand.due.assignment.brand.name.as_str().into();
        let put_back = Event::BrandPutBack { brand };
        in_hand.span.in_scope(|| self.events.say(put_back));
    }

    fn entry(&self, due: &Due, status: BrandStatus) -> Entry {
        Entry {
            brand: due.assignment.brand.name.clone(),
            list: Arc::clone(&self.context.list),
            input_hash: due.assignment.brand.input_hash(),
            status,
            attempts: due.attempts + 1,
            run_id: Arc::clone(&self.context.run_id),
            updated_at: Timestamp::now(),
            cost_usd: Usd::ZERO,
            report: due.report.clone(),
            thin: due.thin,
            choices: None,
            changes: None,
            error_kind: ErrorKind::default(),
            error: None,
        }
    }
}

/// What a brand took.
fn spent(cost: &ReportCost, waited: Duration) -> Spent {
    Spent {
        usd: cost.usd,
        credits: cost.search_credits,
        tokens_in: cost.tokens_in,
        tokens_out: cost.tokens_out,
        waited,
    }
}
