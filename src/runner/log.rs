//! The logs of the day: `batch_YYYY-MM-DD.log` for people, `.jsonl` for programs. A reader of events.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::Context;
use jiff::civil::Date;
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
};

use super::{
    json_log::Lines,
    rotate::{self, RotatingFile},
};
use crate::event::Event;

/// Where the logs of a day are.
#[derive(Clone, Debug)]
pub struct LogFiles {
    pub readable: PathBuf,
    pub structured: PathBuf,
    day: Date,
}

impl LogFiles {
    /// The files of a day.
    pub fn of(folder: &Path, day: Date) -> Self {
        Self {
            readable: folder.join(format!("batch_{day}.log")),
            structured: folder.join(format!("batch_{day}.jsonl")),
            day,
        }
    }

    /// Appends what this process logs to the files, and removes those from before so many days.
    pub fn install(&self, keep_days: u32) -> anyhow::Result<()> {
        self.write_into(RotatingFile::open)?;
        let folder = self.readable.parent().unwrap_or(Path::new("."));
        let removed = rotate::remove_old(folder, self.day, keep_days);
        if removed > 0 {
            tracing::info!(removed, keep_days, "old logs removed");
        }
        Ok(())
    }

    /// Appends what this process logs to the files, beside what another run may write there.
    pub fn append(&self) -> anyhow::Result<()> {
        self.write_into(RotatingFile::beside)
    }

    fn write_into(&self, open: fn(&Path) -> io::Result<RotatingFile>) -> anyhow::Result<()> {
        let open = |path: &Path| {
            open(path).with_context(|| format!("the log {} cannot be written", path.display()))
        };
        let readable = fmt::layer()
            .with_ansi(false)
            .with_target(false)
            .with_writer(Mutex::new(open(&self.readable)?));
        let structured = Lines::new(open(&self.structured)?);
        let subscriber = Registry::default()
            .with(readable.with_filter(own(LevelFilter::INFO)))
            .with(structured.with_filter(own(LevelFilter::DEBUG)));
        #[cfg(feature = "otel")]
        let subscriber = subscriber
            .with(crate::otel::layer().map(|layer| layer.with_filter(own(LevelFilter::DEBUG))));
        // A second run in one process, as tests have it, goes on with the log of the first.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(())
    }
}

/// What this program says; libraries may log what they are given, headers included.
fn own(level: LevelFilter) -> Targets {
    Targets::new().with_target(env!("CARGO_CRATE_NAME"), level)
}

/// Logs an event with its figures as fields.
pub fn log(event: &Event) {
    match event {
        Event::ChunkStarted {
            number,
            from,
            to,
            total,
        } => tracing::info!(number, from, to, total, "chunk started"),
        Event::BrandStarted { brand } => tracing::info!(%brand, "brand started"),
        // The span of the call says it.
        Event::CallDone { .. } => {}
        Event::CallRetried {
            service,
            what,
            why,
            wait,
        } => {
            let wait_s = wait.as_secs_f64();
            tracing::warn!(service, what, why, wait_s, "call is tried again");
        }
        Event::BrandDone {
            brand,
            report,
            cost,
            thin,
            took,
            waited,
        } => {
            let cost_usd = cost.usd.as_f64();
            let (took_s, waited_s) = (took.as_secs_f64(), waited.as_secs_f64());
            tracing::info!(%brand, report, cost_usd, credits = cost.credits, thin, took_s, waited_s, "brand done");
        }
        Event::BrandFailed { brand, error, .. } => tracing::error!(%brand, error, "brand failed"),
        Event::BrandPutBack { brand } => tracing::info!(%brand, "brand put back for the next run"),
        Event::CheckpointSaved { processed } => tracing::info!(processed, "checkpoint saved"),
        Event::Whole {
            succeeded,
            failed,
            usd,
            hosts,
        } => {
            let cost_usd = usd.as_f64();
            tracing::debug!(succeeded, failed, cost_usd, hosts, "all hosts");
        }
        Event::SheetWritten { rows } => tracing::info!(rows, "sheet written"),
        Event::WindingDown { why, in_flight } => {
            tracing::warn!(why, in_flight = in_flight.len(), "winding down");
        }
        Event::Warning { text } => tracing::warn!("{text}"),
    }
}
