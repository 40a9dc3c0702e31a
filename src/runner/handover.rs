//! The handover from a leader that is gone: the new leader opens the sheet itself, looks which results stand there
//! already, and writes the rest.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio::task::JoinHandle;

use super::{
    context::RunContext,
    errors::{list_failure, store_failure},
    membership::Hosts,
    sheet_writer::outcome,
    write_batch::{OutcomeText, WriteBack},
};
use crate::{
    brand::{BrandKey, gather},
    config::SheetSettings,
    event::Events,
    exit::{Exit, Failure, OrExit},
    http::{client::HttpClient, rate_limiter::RateLimiter},
    list::{
        own::{self, Outcome, Shown, Target},
        sheet::{SheetList, Wanted},
    },
    sheets::client::Sheets,
    store::shared_run::{Heard, SharedRun},
    text::lang::Lang,
};

/// What it takes to open the sheet again.
#[derive(Clone, Debug)]
pub struct SheetMaker {
    pub caller: HttpClient,
    pub gate: Arc<RateLimiter>,
    pub sign_in: Arc<RateLimiter>,
    pub settings: Arc<SheetSettings>,
}

impl SheetMaker {
    /// The spreadsheet.
    pub fn make(&self) -> anyhow::Result<Sheets> {
        let (gate, sign_in) = (Arc::clone(&self.gate), Arc::clone(&self.sign_in));
        // Results are written while the run winds down.
        Sheets::new(self.caller.unstoppable(), gate, sign_in, &self.settings)
    }
}

/// The sheet, as whoever leads has it.
pub struct TakenOver {
    pub write_back: WriteBack,
    /// What has happened up to then is written.
    pub upto: i64,
    /// The places of brands that had ended by then.
    pub ended: Vec<usize>,
}

/// A lead that is being taken over.
pub struct Takeover(JoinHandle<Result<TakenOver, Failure>>);

/// What to write and in which words.
struct Manner {
    words: OutcomeText,
    lang: Lang,
    results_tab: Option<String>,
    chunk_size: usize,
}

impl Takeover {
    pub fn start(
        context: &RunContext,
        hosts: &Hosts,
        maker: Option<&SheetMaker>,
        events: Events,
    ) -> Self {
        let batch = &context.options.batch;
        let manner = Manner {
            words: context.words(),
            lang: batch.lang,
            results_tab: batch.results_tab.clone(),
            chunk_size: batch.chunk_size,
        };
        let run = Arc::clone(&hosts.run);
        Self(tokio::spawn(take_over(run, maker.cloned(), manner, events)))
    }

    /// Waits until the lead is taken over. Nothing is lost when the waiting is broken off.
    pub async fn taken_over(&mut self) -> Result<TakenOver, Failure> {
        (&mut self.0).await.or_exit(Exit::Machine)?
    }

    /// Leaves the lead to another host.
    pub fn abandon(self) {
        self.0.abort();
    }
}

async fn take_over(
    run: Arc<dyn SharedRun>,
    maker: Option<SheetMaker>,
    manner: Manner,
    events: Events,
) -> Result<TakenOver, Failure> {
    let (heard, upto) = hear_all(&*run).await.map_err(store_failure)?;
    let ended: Vec<usize> = heard
        .iter()
        .filter(|heard| heard.entry.is_some())
        .map(|heard| heard.position)
        .collect();
    let write_back = match maker {
        Some(maker) => open(&maker, &manner, heard, events).await?,
        None => WriteBack::default(),
    };
    Ok(TakenOver {
        write_back,
        upto,
        ended,
    })
}

/// All that has happened so far.
async fn hear_all(run: &dyn SharedRun) -> anyhow::Result<(Vec<Heard>, i64)> {
    let (mut all, mut upto) = (Vec::new(), 0);
    loop {
        let (heard, next) = run.hear(upto).await?;
        if heard.is_empty() {
            return Ok((all, upto));
        }
        all.extend(heard);
        upto = next;
    }
}

async fn open(
    maker: &SheetMaker,
    manner: &Manner,
    heard: Vec<Heard>,
    events: Events,
) -> Result<WriteBack, Failure> {
    let sheets = maker.make().or_exit(Exit::Usage)?;
    let wanted = Wanted::of(&maker.settings);
    let (mut sheet, _) = SheetList::open(sheets, wanted)
        .await
        .map_err(list_failure)?;
    if !sheet.can_write() {
        return Ok(WriteBack::default());
    }
    if let Some(title) = &manner.results_tab {
        let kept = sheet.keep_results(title, manner.lang).await;
        kept.map_err(list_failure)?;
    }
    let (table, shown) = sheet.load().await.map_err(list_failure)?;
    let brands = gather(table.rows).brands;
    let rows: HashMap<&BrandKey, &[usize]> = brands
        .iter()
        .map(|brand| (&brand.key, &*brand.rows))
        .collect();
    let first = missing(heard, manner, |brand, outcome| {
        let rows = rows.get(brand).copied().unwrap_or_default();
        rows.iter()
            .all(|row| shown.get(row).is_some_and(|cells| tells(cells, outcome)))
            && !sheet.lacks_findings(&Target::Brand(brand.clone()))
    });
    sheet.expect(
        rows.keys()
            .map(|key| Target::Brand((*key).clone()))
            .collect(),
    );
    let started = WriteBack::start(sheet, first, events).await;
    started.map_err(list_failure)
}

/// What the sheet does not tell yet: results, and that a brand is in hand.
fn missing(
    heard: Vec<Heard>,
    manner: &Manner,
    is_told: impl Fn(&BrandKey, &Outcome) -> bool,
) -> Vec<(Target, Outcome)> {
    let mut told = HashSet::new();
    let mut missing = Vec::new();
    // The last that happened to a brand counts.
    for heard in heard.into_iter().rev() {
        let brand = BrandKey::stored(heard.brand);
        if !told.insert(brand.clone()) {
            continue;
        }
        match heard.entry {
            Some(entry) => {
                let findings = heard.findings.as_deref();
                let findings = findings.and_then(|json| serde_json::from_str(json).ok());
                let outcome = outcome(&manner.words, &entry, findings);
                if !is_told(&brand, &outcome) {
                    missing.push((Target::Brand(brand), outcome));
                }
            }
            None if heard.claimed || heard.position < manner.chunk_size => {
                missing.push(manner.words.mark(&brand));
            }
            None => {}
        }
    }
    missing
}

/// Whether these cells tell it.
fn tells(cells: &Shown, outcome: &Outcome) -> bool {
    let (Outcome::Done { status, time, .. } | Outcome::Failed { status, time, .. }) = outcome
    else {
        return false;
    };
    cells[own::STATUS] == *status && cells[own::TIME] == *time
}
