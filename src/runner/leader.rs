//! A crew among those of other hosts: what it hears of them, and how the lead goes from one to another.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    handover::{Following, Led},
    membership::News,
    scheduler::{Crew, End, Supply},
    sheet_writer::Scribe,
};
use crate::{
    brand::BrandKey,
    event::Event,
    exit::Failure,
    list::sheet::ListError,
    store::{
        StoreError,
        shared_run::{Heard, Whole},
    },
};

/// So long after its last look, a host that could not look again has to reckon that another leads. Shorter than the lease
/// of a host.
pub const LEADS_FOR: Duration = Duration::from_secs(15);

impl Crew<'_> {
    /// Takes in what has come of asking for brands and of looking how the whole stands.
    pub(super) fn hear(&mut self, news: News) {
        let Supply::Hosts(hosts) = &mut self.supply else {
            return;
        };
        let News::Looked(heard) = news else {
            return;
        };
        if !matches!(self.end, End::Complete | End::Budget(_)) {
            hosts.step_back();
        }
        let whole = hosts.whole.clone();
        self.take_in(&whole);
        self.leads_until = Instant::now() + LEADS_FOR;
        match (whole.leads, self.scribe.is_some()) {
            (true, true) => self.write_down_heard(heard),
            (true, false) => self.follow(),
            (false, _) => self.stop_leading(),
        }
        self.save_checkpoint();
    }

    /// What has ended since the last look is counted and written down too, before the run is closed.
    pub(super) async fn catch_up(&mut self) {
        let Supply::Hosts(hosts) = &mut self.supply else {
            return;
        };
        match hosts.catch_up().await {
            Ok(heard) => {
                let whole = hosts.whole.clone();
                self.take_in(&whole);
                self.write_down_heard(heard);
            }
            Err(error) => self.events.warn(format!("{error:#}")),
        }
    }

    /// How the whole stands, for all who show it.
    fn take_in(&mut self, whole: &Whole) {
        self.desk.paid.learn_spent(whole.spent, whole.uncertain);
        self.checkpoint.processed = whole.succeeded + whole.failed;
        self.checkpoint.succeeded = whole.succeeded;
        self.checkpoint.failed = whole.failed;
        self.checkpoint.cost_usd = whole.usd;
        self.events.say(Event::Whole {
            succeeded: whole.succeeded,
            failed: whole.failed,
            usd: whole.usd,
            hosts: whole.hosts,
        });
    }

    fn write_down_heard(&mut self, heard: Vec<Heard>) {
        for Heard {
            position,
            brand,
            entry,
            claimed,
            findings,
        } in heard
        {
            let brand = BrandKey::stored(brand);
            match entry {
                Some(entry) => {
                    let findings = findings.and_then(|json| serde_json::from_str(&json).ok());
                    self.write_down(brand, position, &entry, findings);
                }
                None if claimed => {
                    if let Some(scribe) = &self.scribe {
                        scribe.begun(&brand, position);
                    }
                }
                None => {}
            }
        }
    }

    /// Takes over from a host that led before.
    pub(super) fn follow(&mut self) {
        if self.following.is_some() {
            return;
        }
        let Supply::Hosts(hosts) = &self.supply else {
            return;
        };
        let following =
            Following::start(self.desk, hosts, self.sheets.as_ref(), self.events.clone());
        self.following = Some(following);
    }

    /// What came of taking over.
    pub(super) fn lead(&mut self, led: Result<Led, Failure>) {
        self.following = None;
        let Supply::Hosts(hosts) = &mut self.supply else {
            return;
        };
        match led {
            Ok(Led {
                write_back,
                upto,
                ended,
            }) => {
                let due = hosts.whole.due;
                let size = self.desk.args.batch.chunk_size;
                let mut scribe = Scribe::new(write_back, self.words.clone(), size, due);
                for position in ended {
                    scribe.left(position);
                }
                self.scribe = Some(scribe);
                hosts.listen(upto);
                hosts.look_now();
            }
            Err(failure) => self.give_up(failure),
        }
    }

    /// Whether it leads, and may turn out not to.
    pub(super) fn is_unsure(&self) -> bool {
        let leads = self.scribe.is_some() || self.following.is_some();
        matches!(self.supply, Supply::Hosts(_)) && leads
    }

    /// Another host may lead by now: this one writes nothing more into the sheet.
    pub(super) fn stop_leading(&mut self) {
        if let Some(scribe) = self.scribe.take() {
            scribe.abandon();
        }
        // What it found missing in the sheet may be there by now.
        if let Some(following) = self.following.take() {
            following.abandon();
        }
        if let Supply::Hosts(hosts) = &mut self.supply {
            hosts.stop_listening();
        }
    }
}

/// What a host that works alone never hears.
pub async fn news(supply: &mut Supply, idle: bool) -> anyhow::Result<News> {
    match supply {
        Supply::Own { .. } => std::future::pending().await,
        Supply::Hosts(hosts) => hosts.news(idle).await,
    }
}

pub async fn refused(scribe: &mut Option<Scribe>) -> ListError {
    match scribe {
        Some(scribe) => scribe.refused().await,
        None => std::future::pending().await,
    }
}

pub async fn followed(following: &mut Option<Following>) -> Result<Led, Failure> {
    match following {
        Some(following) => following.led().await,
        None => std::future::pending().await,
    }
}

/// How a command ends that cannot read its state, or put down what it has done.
pub fn store_failure(error: impl Into<anyhow::Error>) -> Failure {
    let error = error.into();
    Failure {
        exit: StoreError::exit_of(&error),
        error,
    }
}
