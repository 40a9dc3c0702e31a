//! The membership of this host in a run that several hosts share: it claims brands, reads the state of the run, and,
//! where it leads, hears what the others do.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::due::Due;
use crate::{
    money::Usd,
    store::shared_run::{Claimed, Heard, Phase, RunSnapshot, SharedRun},
};

/// How often it is looked how the whole stands, and how often by a host that has nothing to do but wait.
const LOOK: Duration = Duration::from_secs(3);
const LOOK_WHEN_IDLE: Duration = Duration::from_millis(500);

/// A brand in hand.
#[derive(Debug)]
pub struct Ready {
    pub position: usize,
    /// The request that it was given for.
    pub claim: i64,
    pub due: Due,
    /// The last report of the brand, deflated.
    pub report: Option<Vec<u8>>,
}

/// What has come of asking.
#[derive(Debug)]
pub enum News {
    /// Brands are ready, or there are none now.
    Claimed,
    /// How the whole stands, and what happened to brands, as far as this host hears of it.
    Looked(Vec<Heard>),
}

type ClaimRequest<T> = JoinHandle<anyhow::Result<T>>;

/// This host's part in a run.
#[derive(Debug)]
pub struct Hosts {
    pub run: Arc<dyn SharedRun>,
    pub whole: RunSnapshot,
    ready: VecDeque<Ready>,
    claiming: Option<ClaimRequest<Vec<Claimed>>>,
    looking: Option<ClaimRequest<(RunSnapshot, Vec<Heard>, i64)>>,
    next_look: Instant,
    /// When something has happened since it was looked.
    look_again: Option<Instant>,
    /// There was nothing to take at the last look.
    drained: bool,
    /// Up to where it has heard what happened; `None` while it does not listen.
    heard: Option<i64>,
    /// The last look brought news, so that there may be more.
    behind: bool,
    /// Whether it would lead.
    willing: bool,
}

impl Hosts {
    pub fn new(run: Arc<dyn SharedRun>, whole: RunSnapshot) -> Self {
        Self {
            run,
            whole,
            ready: VecDeque::new(),
            claiming: None,
            looking: None,
            next_look: Instant::now() + LOOK,
            look_again: None,
            drained: false,
            heard: None,
            behind: true,
            willing: true,
        }
    }

    /// From now on it hears what happens after that.
    pub fn listen(&mut self, since: i64) {
        self.heard = Some(since);
    }

    /// It does not hear any more what happens.
    pub fn stop_listening(&mut self) {
        self.heard = None;
        self.behind = true;
    }

    /// It does not want to lead any more, because it is about to leave.
    pub fn step_back(&mut self) {
        self.willing = false;
    }

    /// A brand that is ready to be begun.
    pub fn next(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }

    /// Asks for so many brands, besides those that are ready.
    pub fn want(&mut self, brands: usize, cap: Option<Usd>, price: Usd) {
        let brands = brands.saturating_sub(self.ready.len());
        if brands == 0 || self.drained || self.claiming.is_some() {
            return;
        }
        let run = Arc::clone(&self.run);
        let claim = async move { run.claim(brands, cap, price).await };
        self.claiming = Some(tokio::spawn(claim));
    }

    /// Puts back what is ready, for a host that begins nothing more.
    pub fn put_back_ready(&mut self) {
        while let Some(ready) = self.ready.pop_front() {
            self.put_back(ready.position, ready.claim);
        }
    }

    /// Puts a brand back, so that others may try it, although this host stays.
    pub fn put_back(&self, position: usize, claim: i64) {
        let run = Arc::clone(&self.run);
        // Whoever leaves puts back all that he has, so nothing depends on how this ends.
        tokio::spawn(async move { run.put_back(position, claim).await });
    }

    /// Whether there was nothing to take when it was asked last.
    pub fn has_none(&self) -> bool {
        self.drained && self.ready.is_empty() && self.claiming.is_none()
    }

    /// Whether a request for brands is on its way.
    pub fn is_asking(&self) -> bool {
        self.claiming.is_some()
    }

    /// Waits for news. Nothing is lost when the waiting is broken off.
    pub async fn news(&mut self, idle: bool) -> anyhow::Result<News> {
        if idle {
            self.next_look = self.next_look.min(Instant::now() + LOOK_WHEN_IDLE);
        }
        loop {
            tokio::select! {
                claimed = finish(&mut self.claiming) => {
                    self.claiming = None;
                    let claimed = claimed?;
                    self.drained = claimed.is_empty();
                    for Claimed { position, claim, due, report } in claimed {
                        self.ready.push_back(Ready {
                            position: usize::try_from(position)?,
                            claim,
                            due: serde_json::from_str(&due)?,
                            report,
                        });
                    }
                    return Ok(News::Claimed);
                }
                looked = finish(&mut self.looking) => {
                    self.looking = None;
                    let usual = Instant::now() + LOOK;
                    self.next_look = self.look_again.take().unwrap_or(usual);
                    let (whole, heard, upto) = looked?;
                    self.whole = whole;
                    self.drained = false;
                    self.behind = !heard.is_empty();
                    if self.behind && self.whole.left() == 0 {
                        self.look_now();
                    }
                    self.heard = self.heard.map(|_| upto);
                    return Ok(News::Looked(heard));
                }
                () = sleep_until(self.next_look), if self.looking.is_none() => self.look(),
            }
        }
    }

    /// Looks at once.
    pub fn look_now(&mut self) {
        let now = Instant::now();
        self.look_again = self.looking.as_ref().map(|_| now);
        self.next_look = now;
    }

    fn look(&mut self) {
        let (run, since, willing) = (Arc::clone(&self.run), self.heard, self.willing);
        self.looking = Some(tokio::spawn(async move {
            let heard = async {
                match since {
                    Some(since) => run.hear(since).await,
                    None => Ok((Vec::new(), 0)),
                }
            };
            // In this order: what has ended when the whole is looked at is heard of too.
            let (whole, heard) = tokio::join!(run.look(willing), heard);
            let (heard, upto) = heard?;
            Ok((whole?, heard, upto))
        }));
    }

    /// Looks once more, and hears all that has happened by then.
    pub async fn catch_up(&mut self) -> anyhow::Result<Vec<Heard>> {
        self.whole = self.run.look(self.willing).await?;
        let mut all = Vec::new();
        while let Some(since) = self.heard {
            let (heard, upto) = self.run.hear(since).await?;
            if heard.is_empty() {
                break;
            }
            all.extend(heard);
            self.heard = Some(upto);
        }
        Ok(all)
    }

    /// Whether nothing is left for this host to do or to wait for.
    pub fn is_over(&self) -> bool {
        self.whole.phase == Phase::Closed
            || (self.whole.leads && self.whole.left() == 0 && self.heard.is_some() && !self.behind)
    }
}

async fn finish<T>(asked: &mut Option<ClaimRequest<T>>) -> anyhow::Result<T> {
    match asked {
        Some(asked) => asked.await?,
        None => pending().await,
    }
}
