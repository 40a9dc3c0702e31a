//! The leader of the hosts that work on a run: it alone writes into the sheet. What this host hears of the others, and how
//! the lead goes from one to another.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    handover::{SheetMaker, TakenOver, Takeover},
    membership::News,
    scheduler::{Scheduler, Supply},
    sheet_writer::SheetWriter,
    shutdown::End,
};
use crate::{
    brand::BrandKey,
    event::Event,
    exit::Failure,
    list::sheet::ListError,
    store::shared_run::{Heard, RunSnapshot},
};

/// So long after its last look, a host that could not look again has to reckon that another leads. Shorter than the lease
/// of a host.
const LEADS_FOR: Duration = Duration::from_secs(15);

/// The lead, where this host has it; one that works alone always does.
pub struct SheetLead {
    pub writer: Option<SheetWriter>,
    pub takeover: Option<Takeover>,
    /// Another host may lead after that.
    pub until: Instant,
    /// What opens the sheet again.
    maker: Option<SheetMaker>,
}

impl SheetLead {
    pub fn new(writer: Option<SheetWriter>, maker: Option<SheetMaker>) -> Self {
        Self {
            writer,
            takeover: None,
            until: Instant::now() + LEADS_FOR,
            maker,
        }
    }

    /// Leaves the sheet to another host. What this one found missing in it may be there by now.
    fn abandon(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.abandon();
        }
        if let Some(takeover) = self.takeover.take() {
            takeover.abandon();
        }
    }
}

impl Scheduler<'_> {
    /// Takes in what has come of asking for brands and of looking how the whole stands.
    pub(super) fn hear(&mut self, news: News) {
        let Supply::Hosts(hosts) = &mut self.supply else {
            return;
        };
        let News::Looked(heard) = news else {
            return;
        };
        if !matches!(self.shutdown.end(), End::Complete | End::Budget(_)) {
            hosts.step_back();
        }
        let whole = hosts.whole.clone();
        self.take_in(&whole);
        self.lead.until = Instant::now() + LEADS_FOR;
        match (whole.leads, self.lead.writer.is_some()) {
            (true, true) => self.write_down_heard(heard),
            (true, false) => self.take_over(),
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
    fn take_in(&mut self, whole: &RunSnapshot) {
        self.context.paid.learn_spent(whole.spent, whole.uncertain);
        self.checkpoint.take_in(whole);
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
                    if let Some(writer) = &self.lead.writer {
                        writer.begun(&brand, position);
                    }
                }
                None => {}
            }
        }
    }

    /// Takes over from a host that led before.
    pub(super) fn take_over(&mut self) {
        if self.lead.takeover.is_some() {
            return;
        }
        let Supply::Hosts(hosts) = &self.supply else {
            return;
        };
        let (maker, events) = (self.lead.maker.as_ref(), self.events.clone());
        self.lead.takeover = Some(Takeover::start(self.context, hosts, maker, events));
    }

    /// What came of taking over.
    pub(super) fn take_lead(&mut self, taken: Result<TakenOver, Failure>) {
        self.lead.takeover = None;
        let Supply::Hosts(hosts) = &mut self.supply else {
            return;
        };
        match taken {
            Ok(TakenOver {
                write_back,
                upto,
                ended,
            }) => {
                let due = hosts.whole.due;
                let size = self.context.options.batch.chunk_size;
                let mut writer = SheetWriter::new(write_back, self.context.words(), size, due);
                for position in ended {
                    writer.left(position);
                }
                self.lead.writer = Some(writer);
                hosts.listen(upto);
                hosts.look_now();
            }
            Err(failure) => self.give_up(failure),
        }
    }

    /// Whether it leads, and may turn out not to.
    pub(super) fn is_unsure(&self) -> bool {
        let leads = self.lead.writer.is_some() || self.lead.takeover.is_some();
        matches!(self.supply, Supply::Hosts(_)) && leads
    }

    /// Another host may lead by now: this one writes nothing more into the sheet.
    pub(super) fn stop_leading(&mut self) {
        self.lead.abandon();
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

pub async fn refused(writer: &mut Option<SheetWriter>) -> ListError {
    match writer {
        Some(writer) => writer.refused().await,
        None => std::future::pending().await,
    }
}

pub async fn taken_over(takeover: &mut Option<Takeover>) -> Result<TakenOver, Failure> {
    match takeover {
        Some(takeover) => takeover.taken_over().await,
        None => std::future::pending().await,
    }
}
