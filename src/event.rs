//! The events of a run: one vocabulary, sent by workers and services, read by progress, logs and summary.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tracing::Span;

use crate::{
    error_kind::ErrorKind,
    money::{Cost, Usd},
};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A chunk was read ahead; its brands are those from `from` to `to` of `total`, counted from 1.
    ChunkStarted {
        number: usize,
        from: usize,
        to: usize,
        total: usize,
    },
    /// A worker took up a brand.
    BrandStarted { brand: Arc<str> },
    /// A call brought its answer, from the service or from the store of paid answers.
    CallDone {
        service: &'static str,
        replayed: bool,
        cost: Cost,
    },
    /// A call failed and is sent again after a wait.
    CallRetried {
        service: &'static str,
        what: String,
        why: String,
        wait: Duration,
    },
    /// A brand has its report, and the registry on disk says so.
    BrandDone {
        brand: Arc<str>,
        report: String,
        cost: Cost,
        thin: bool,
        took: Duration,
        /// How much of that was waiting for the turns of its calls.
        waited: Duration,
    },
    /// A brand failed, and the registry on disk says so.
    BrandFailed {
        brand: Arc<str>,
        kind: ErrorKind,
        error: String,
    },
    /// A brand was begun but is left for the next run.
    BrandPutBack { brand: Arc<str> },
    /// The checkpoint was written after this many brands.
    CheckpointSaved { processed: usize },
    /// How a run stands that several hosts work on.
    Whole {
        succeeded: usize,
        failed: usize,
        /// US dollars.
        usd: Usd,
        hosts: usize,
    },
    /// Results were written to the sheet.
    SheetWritten { rows: usize },
    /// No new brand is taken up; the brands named are still in flight.
    WindingDown {
        why: String,
        in_flight: Vec<Arc<str>>,
    },
    /// Something that the user should know and that stops nothing.
    Warning { text: String },
}

/// Where events are said. Each goes with the span in which it happened.
#[derive(Clone, Debug)]
pub struct Events(mpsc::UnboundedSender<(Span, Event)>);

/// Where events are heard.
pub type Incoming = mpsc::UnboundedReceiver<(Span, Event)>;

impl Events {
    /// A channel of events and its reading end.
    pub fn channel() -> (Self, Incoming) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Says what happened. Nobody waits for the readers.
    pub fn say(&self, event: Event) {
        let span = match event {
            // It is not logged, and a span that waits to be read ends late.
            Event::CallDone { .. } => Span::none(),
            _ => Span::current(),
        };
        // After the readers have gone there is nobody to tell.
        let _ = self.0.send((span, event));
    }

    /// Says what the user should know.
    pub fn warn(&self, text: impl Into<String>) {
        self.say(Event::Warning { text: text.into() });
    }
}
