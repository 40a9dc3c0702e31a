//! The outages of services: since when they do not answer, and why. A reader of events.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{context::RunContext, preflight::Connections};
use crate::{
    event::Event,
    http::rate_limiter::RateLimiter,
    store::lock_holder::{Holder, Outage},
};

/// A service that does not answer for this long is away.
pub const LONG: Duration = Duration::from_secs(20);

/// What is known of services that fail.
#[derive(Debug)]
pub struct Outages {
    gates: [(&'static str, Arc<RateLimiter>); 2],
    /// Services that have failed since their last success.
    failing: HashMap<&'static str, Failing>,
    /// The state folder, which says who is waited for; none with a dry run.
    state: Option<PathBuf>,
    /// What it says now.
    told: Vec<Outage>,
}

/// A service that has failed since its last success.
#[derive(Debug)]
pub struct Failing {
    pub since: Instant,
    /// The same on the clock of the world.
    pub since_at: Timestamp,
    /// What the first failure was.
    why: String,
    /// When it is asked again.
    until: Instant,
}

impl Outages {
    /// Those of a run.
    pub fn of_run(context: &RunContext, connections: &Connections) -> Self {
        let state = context.state.as_ref().map(|state| state.path().to_owned());
        Self::new(connections.gates.clone(), state)
    }

    /// With the rate gates of services, by name.
    pub fn new(gates: [(&'static str, Arc<RateLimiter>); 2], state: Option<PathBuf>) -> Self {
        Self {
            gates,
            failing: HashMap::new(),
            state,
            told: Vec::new(),
        }
    }

    /// Takes note of what became of a call.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::CallDone {
                service,
                replayed: false,
                ..
            } => {
                self.failing.remove(service);
            }
            Event::CallRetried {
                service, why, wait, ..
            } => {
                let now = Instant::now();
                let failing = self.failing.entry(service).or_insert_with(|| Failing {
                    since: now,
                    since_at: Timestamp::now(),
                    why: why.clone(),
                    until: now,
                });
                failing.until = failing.until.max(now + *wait);
            }
            _ => {}
        }
    }

    /// The failures of a service since its last success.
    pub fn of(&self, service: &str) -> Option<&Failing> {
        self.failing.get(service)
    }

    /// Services that are away now, the first that failed first.
    pub fn now(&self) -> Vec<Outage> {
        let away = self.failing.iter().filter(|(name, failing)| {
            let mut gates = self.gates.iter().filter(|(gate, _)| gate == *name);
            let long = failing.until.duration_since(failing.since) >= LONG;
            long || gates.any(|(_, gate)| gate.seems_down())
        });
        let mut outages: Vec<Outage> = away
            .map(|(name, failing)| Outage {
                service: (*name).to_owned(),
                since: failing.since_at,
                why: failing.why.clone(),
            })
            .collect();
        outages.sort_by_key(|outage| outage.since);
        outages
    }

    /// Says in the state folder who is waited for, where that has changed.
    pub fn tell(&mut self) {
        let outages = self.now();
        if let Some(state) = self.state.as_ref().filter(|_| outages != self.told) {
            Holder::wait(state, outages.clone());
            self.told = outages;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{money::Cost, store::StateFolder};

    fn failed(service: &'static str, wait: u64) -> Event {
        Event::CallRetried {
            service,
            what: "x".into(),
            why: "status 503".into(),
            wait: Duration::from_secs(wait),
        }
    }

    fn answered(service: &'static str) -> Event {
        Event::CallDone {
            service,
            replayed: false,
            cost: Cost::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_state_folder_says_who_is_away_from_the_start_on_until_an_answer_comes() {
        let folder = tempfile::tempdir().unwrap();
        let _held = StateFolder::take(folder.path()).unwrap();
        let gates =
            ["OpenRouter", "Tavily"].map(|name| (name, Arc::new(RateLimiter::new(60, 1.0))));
        let mut outages = Outages::new(gates.clone(), Some(folder.path().to_owned()));
        let told = || {
            let holder = Holder::peek(folder.path()).unwrap();
            let names = holder.waiting_for.into_iter().map(|outage| outage.service);
            names.collect::<Vec<_>>()
        };
        // One that has never answered is away at its first failure.
        gates[0].1.failed(Instant::now(), None);
        outages.note(&failed("OpenRouter", 1));
        outages.tell();
        assert_eq!(told(), ["OpenRouter"]);
        outages.note(&answered("OpenRouter"));
        outages.tell();
        assert!(told().is_empty());
        // A hiccup is none, and a service without a gate here is away when it is long.
        gates[1].1.succeeded(Instant::now());
        gates[1].1.failed(Instant::now(), None);
        outages.note(&failed("Tavily", 1));
        outages.note(&failed("Google Sheets", 19));
        outages.tell();
        assert!(told().is_empty());
        outages.note(&failed("Google Sheets", 20));
        outages.tell();
        assert_eq!(told(), ["Google Sheets"]);
    }
}
