//! The work of several hosts on one run: what a store that hosts share does for them.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::registry::Entry;
use crate::money::Usd;

/// A run, as one of its hosts.
///
/// # Errors
/// Each method fails where the store stays away for longer than a run waits for it.
#[async_trait]
pub trait SharedRun: fmt::Debug + Send + Sync {
    /// How the whole stands. Where nobody leads, this host does from now on, if it is willing.
    async fn look(&self, willing: bool) -> anyhow::Result<RunSnapshot>;

    /// What has happened to brands on all hosts since then, and up to when that is.
    async fn hear(&self, since: i64) -> anyhow::Result<(Vec<Heard>, i64)>;

    /// Takes up to so many brands in hand, as far as `cap` is expected to last at this price for each, in US dollars.
    async fn claim(
        &self,
        brands: usize,
        cap: Option<Usd>,
        price: Usd,
    ) -> anyhow::Result<Vec<Claimed>>;

    /// Puts a brand back, so that others may take it in hand.
    async fn put_back(&self, position: usize, claim: i64) -> anyhow::Result<()>;

    /// Lets all hosts begin with the brands that are due, in their order. `false` where another host has planned meanwhile.
    async fn plan(&self, outline: &RunOutline, next: NextPlanned<'_>) -> anyhow::Result<bool>;

    /// The hashes of the names of all brands, as the plan has them.
    async fn names(&self) -> anyhow::Result<Vec<u8>>;

    /// Leaves the run to the others, with what it has in hand. Where there are none, nothing happens but that this host leads
    /// now; returns how many there are.
    async fn leave(&self) -> anyhow::Result<usize>;
}

/// Gives the next brand of a plan.
pub type NextPlanned<'a> = &'a mut (dyn FnMut() -> anyhow::Result<Option<PlannedBrand>> + Send);

/// The turns of all hosts at the services.
#[async_trait]
pub trait Turns: Send + Sync {
    /// The turn of a call that costs nothing.
    async fn turn(&self, slot: &Slot) -> anyhow::Result<Instant>;

    /// A service asks for patience: no host's turn comes before this time has passed.
    async fn pause(&self, slot: &Slot, wait: Duration) -> anyhow::Result<()>;
}

/// How the whole stands.
#[derive(Clone, Debug, Default)]
pub struct RunSnapshot {
    pub phase: Phase,
    /// This host plans, writes into the sheet, and closes.
    pub leads: bool,
    pub status: String,
    /// Brands of the list, those that were due, and what became of them so far.
    pub total: usize,
    pub due: usize,
    pub succeeded: usize,
    pub failed: usize,
    pub skipped: usize,
    pub rejected: usize,
    /// What the run spent, in US dollars.
    pub usd: Usd,
    /// Hosts that work on it, this one included.
    pub hosts: usize,
    /// What the job spent, and what is set aside for calls of hosts that are gone, in US dollars.
    pub spent: Usd,
    pub uncertain: Usd,
    /// What a brand was expected to cost.
    pub price: Usd,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Planning,
    Working,
    Closed,
}

impl RunSnapshot {
    /// Brands that have not ended.
    pub fn left(&self) -> usize {
        self.due.saturating_sub(self.succeeded + self.failed)
    }
}

/// A brand that this host has in hand now.
#[derive(Debug)]
pub struct Claimed {
    pub position: i64,
    /// The request that it was given for. A brand that was lost can be given to the same host again.
    pub claim: i64,
    /// What is to be done, as JSON.
    pub due: String,
    /// The last report of the brand, deflated.
    pub report: Option<Vec<u8>>,
}

/// How a brand ended.
#[derive(Debug)]
pub struct Ended {
    pub position: usize,
    pub claim: i64,
    pub key: String,
    pub entry: Entry,
    /// What only the lead needs to know, as JSON.
    pub findings: Option<String>,
    /// The hash of the report, and the report, deflated.
    pub report: Option<(Vec<u8>, Vec<u8>)>,
}

/// What happened to a brand on any host.
#[derive(Debug)]
pub struct Heard {
    pub position: usize,
    /// Its key in the list.
    pub brand: String,
    /// `None` when somebody has taken it in hand, or put it back.
    pub entry: Option<Entry>,
    pub claimed: bool,
    pub findings: Option<String>,
}

/// One brand of a plan.
#[derive(Debug)]
pub struct PlannedBrand {
    /// Its key in the list, and in the registry.
    pub brand: String,
    pub key: String,
    /// What is to be done, as JSON.
    pub due: String,
}

/// What a plan says besides which brands are due.
#[derive(Debug)]
pub struct RunOutline {
    pub total: usize,
    pub skipped: usize,
    pub rejected: usize,
    /// What a brand is expected to cost, in US dollars.
    pub price: Usd,
    /// The hashes of the names of all brands.
    pub names: Vec<u8>,
}

/// A turn at a service that all hosts share.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The service with the hash of its key.
    pub gate: String,
    /// The time between two requests.
    pub interval: Duration,
    /// How far that may be fallen behind after a quiet time, and made up for at once.
    pub burst: Duration,
}

/// A host that is at work, or was until it was gone.
#[derive(Debug, Serialize)]
pub struct HostLine {
    pub name: String,
    /// The number of its process.
    pub process: i64,
    pub run: Option<String>,
    /// It plans, writes into the sheet, and closes the run.
    pub leads: bool,
    /// It was not heard of for longer than a host may be silent.
    pub gone: bool,
    pub workers: i32,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
    /// Seconds since it came, and since it was heard of.
    pub here_s: f64,
    pub silent_s: f64,
    /// Brands that it has ended in this run, well or not.
    pub done: usize,
    /// Brands that it works on, the longest first.
    pub in_hand: Vec<InHand>,
}

/// A brand that a host works on.
#[derive(Debug, Serialize)]
pub struct InHand {
    pub brand: String,
    /// Seconds since it was taken in hand.
    pub seconds: f64,
}
