//! The seam between the program and where its state is kept: a state engine is one module that implements these traits, with
//! a line in [`super::location`], which chooses it.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use async_trait::async_trait;

use super::{
    caps::CapUsage,
    lock_holder::Holder,
    paid::Ledger,
    registry::Entry,
    registry_lookup::RegistryLookup,
    report_copy::PutReport,
    run_history::{Going, RunLine},
    shared_run::{Ended, HostLine, SharedRun},
    spending::Spending,
};
use crate::{brand::BrandKey, config::caps::Caps, event::Events, money::Usd};

/// The state, as any command reads it: nothing is taken and nothing is changed.
///
/// # Errors
/// Each method fails where the state cannot be read.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// What is right and wrong with it, for `check`.
    async fn prove(&self) -> anyhow::Result<Vec<Finding>>;

    /// How it stands now, all of it at one moment where the engine can; each entry of the registry is handed on as it comes.
    async fn present(&self, each: EachEntry<'_>) -> anyhow::Result<Present>;

    /// What was spent, call by call.
    async fn spending(&self) -> anyhow::Result<Spending>;

    /// How the caps by day and month stand.
    async fn standings(&self, caps: Caps) -> anyhow::Result<Vec<CapUsage>>;

    /// The registry, for a plan that nothing comes of. An empty one is taken to be as `rebuild` says.
    async fn lookup(&self, rebuild: Rebuild<'_>) -> anyhow::Result<Looked>;

    /// What the portfolio says besides the reports.
    async fn history(&self) -> anyhow::Result<History>;

    /// Brings reports that other hosts have made into the output folder. Returns what is wrong with some.
    async fn bring_reports(&self, _output: &Path, _put: PutReport) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// The state, as one run changes it.
///
/// # Errors
/// Each method fails where the state cannot be read or written.
#[async_trait]
pub trait RunStore: fmt::Debug + Send + Sync {
    /// Who hears from now on what happens to the store.
    fn tell(&self, events: Option<&Events>);

    /// The key of the fences around text from the web: the same for the same state, and known to no page.
    async fn fence_key(&self) -> anyhow::Result<[u8; 32]>;

    /// The registry, for the plan of the run. An empty one is made as `rebuild` says.
    async fn lookup(&self, rebuild: Rebuild<'_>) -> anyhow::Result<Looked>;

    /// Puts on record how a brand ended; when this returns, it is on disk. `false` where the brand had been given to another
    /// host, and nothing was changed.
    async fn record(&self, ended: Ended) -> anyhow::Result<bool>;

    /// Leaves the registry as it is kept between runs.
    async fn settle(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Puts the run on record among those of the past, with why it ended before everything was done, and ends its job too
    /// where nothing of it is left to go on with.
    async fn close(&self, run: &RunLine, why: Option<&str>, job_ends: bool) -> anyhow::Result<()>;

    /// Takes this host out of those that share the store.
    async fn leave(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// The run as one of several hosts' work; `None` where this host works alone.
    fn shared(&self) -> Option<Arc<dyn SharedRun>> {
        None
    }
}

/// What a run begins with.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// Which list it works through.
    pub list: &'a str,
    /// The id of the run, unless it joins another.
    pub run_id: &'a str,
    pub now: jiff::Timestamp,
    /// Whether every brand is asked for again.
    pub force: bool,
    /// The services are simulated.
    pub simulated: bool,
    /// Brands that are researched at the same time.
    pub workers: usize,
    /// What the job may spend, in US dollars.
    pub budget: Option<Usd>,
    pub caps: Caps,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The id of the run, which may be that of other hosts.
    pub run_id: String,
    pub ledger: Arc<dyn Ledger>,
    /// `None` for a dry run, which changes nothing.
    pub run: Option<Arc<dyn RunStore>>,
    /// The state as it is read.
    pub store: Arc<dyn Store>,
    /// What was broken, and what became of it.
    pub notes: Vec<String>,
}

/// One thing that `check` finds of a store.
#[derive(Debug)]
pub struct Finding {
    /// What it is about.
    pub part: &'static str,
    pub said: Said,
}

/// What is found.
#[derive(Debug)]
pub enum Said {
    /// It works.
    Fine(String),
    /// It is worth knowing.
    Note(String),
    /// A run would fail.
    Wrong(anyhow::Error),
}

/// How the state stands.
#[derive(Debug, Default)]
pub struct Present {
    /// Runs that have ended, the oldest first.
    pub runs: Vec<RunLine>,
    /// Runs that have not, or the last that has; the one that was begun last, and is worked on, comes last.
    pub going: Vec<Going>,
    /// Hosts that share the store and are at work, or have gone without a word.
    pub hosts: Vec<HostLine>,
    /// The process that holds the state folder.
    pub holder: Option<Holder>,
    /// US dollars set aside for calls that were lost, while none is in flight.
    pub set_aside: Usd,
    /// What cannot be read.
    pub problems: Vec<String>,
}

/// What a portfolio says besides the reports.
#[derive(Debug, Default)]
pub struct History {
    /// Runs that have ended, the oldest first.
    pub runs: Vec<RunLine>,
    /// Brands that failed at their last attempt.
    pub failed: Vec<Arc<Entry>>,
    /// What cannot be read.
    pub problems: Vec<String>,
}

/// Takes the entries of a registry as they come.
pub type EachEntry<'a> = &'a mut (dyn FnMut(&Entry) + Send);

/// What an empty registry is taken to be: what can be read of the reports, where there are any.
pub type Rebuild<'a> = &'a (dyn Fn() -> anyhow::Result<Option<Rebuilt>> + Send + Sync);

/// A registry made anew.
#[derive(Debug)]
pub struct Rebuilt {
    pub entries: BTreeMap<BrandKey, Entry>,
    /// What the user should know of it.
    pub note: String,
}

/// The registry, and what was found to be wrong with it.
pub type Looked = (Box<dyn RegistryLookup>, Vec<String>);
