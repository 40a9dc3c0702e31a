//! What a run leaves for whoever did not watch it: one JSON object, in a file, at a webhook or printed.

use std::path::PathBuf;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    desk::{Desk, warn},
    preflight,
    stop::Signals,
    summary::{Figures, span},
};
use crate::{
    cli::{Lang, RunArgs},
    event::Event,
    exit::{Exit, Failure},
    money::Usd,
    output, say,
    services::webhook::{self, Webhook},
    settings::google::is_loopback,
    state::{checkpoint::RunStatus, write_atomically},
    text,
};

/// Failed brands and refused rows that are named; the rest is counted. Chat services take no long messages.
const NAMED: usize = 50;

/// Characters of an error.
const ERROR: usize = 300;

/// Who is told of a run.
#[derive(Debug)]
pub enum Recipient {
    StandardOutput,
    File(PathBuf),
    Webhook(Webhook),
}

/// What is known of a run so far. It is filled while the run goes on, so that one that ends early has it too.
#[derive(Debug)]
pub struct Account {
    started: Timestamp,
    clock: Instant,
    simulated: bool,
    lang: Lang,
    begun: Option<Begun>,
    /// Brands that failed, the first of them.
    failed: Vec<FailedBrand>,
    rejected: Vec<RejectedRow>,
    /// How it ended, once its brands have been worked through.
    ended: Option<(RunStatus, Figures)>,
}

#[derive(Debug, Serialize)]
struct Begun {
    #[serde(skip)]
    run_id: String,
    log: PathBuf,
    structured_log: PathBuf,
    checkpoint: PathBuf,
    reports: PathBuf,
}

#[derive(Debug, Serialize)]
struct FailedBrand {
    brand: String,
    error: String,
}

#[derive(Debug, Serialize)]
struct RejectedRow {
    row: usize,
    name: String,
    reason: String,
}

/// The report, as it is sent. Money is in US dollars.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// All of it in a line: chat services show this field.
    text: String,
    program: &'static str,
    version: &'static str,
    host: String,
    folder: Option<PathBuf>,
    run_id: Option<&'a str>,
    status: &'static str,
    exit_code: u8,
    error: Option<String>,
    simulated: bool,
    started_at: Timestamp,
    ended_at: Timestamp,
    elapsed_s: f64,
    totals: Option<Totals>,
    cost: Option<Spent>,
    failed: &'a [FailedBrand],
    rejected: &'a [RejectedRow],
    warnings: Vec<String>,
    places: Option<&'a Begun>,
}

#[derive(Debug, Serialize)]
struct Totals {
    total: usize,
    skipped: usize,
    processed: usize,
    succeeded: usize,
    thin: usize,
    changed: usize,
    failed: usize,
    rejected: usize,
    left: usize,
}

#[derive(Debug, Serialize)]
struct Spent {
    usd: Usd,
    search_credits: u32,
    set_aside_usd: Usd,
    budget_usd: Option<Usd>,
}

impl Recipient {
    /// Who is to be told of a run with these flags. A dry run leaves nothing.
    pub fn of(args: &RunArgs) -> Result<Option<Self>, Failure> {
        let Some(to) = args.unattended.report_to.as_deref().map(str::trim) else {
            return Ok(None);
        };
        if to.is_empty() || args.batch.dry_run {
            return Ok(None);
        }
        if to == "-" {
            return Ok(Some(Self::StandardOutput));
        }
        if !to.contains("://") && !webhook::is_without_scheme(to) {
            return Ok(Some(Self::File(to.into())));
        }
        let url = webhook::address(to).map_err(|why| {
            Failure::new(
                Exit::Usage,
                format!("--report-to: {why}. Give a file or the address of a webhook"),
            )
        })?;
        if args.services.sandbox && !is_loopback(&url) {
            say!("A rehearsal uses no network: its report is not posted.\n");
            return Ok(None);
        }
        Ok(Some(Self::Webhook(Webhook::at(&url))))
    }

    /// Tells how a run ended. That the report does not arrive changes nothing of the run: everything in it stands in
    /// the state and in the logs too.
    pub async fn tell(&self, account: &Account, end: &Result<Exit, Failure>) {
        let told = match serde_json::to_string_pretty(&account.report(end)) {
            Ok(json) => self.hand_over(json).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = told {
            warn(&format!(
                "the report of this run is not delivered: {error:#}"
            ));
        }
    }

    async fn hand_over(&self, json: String) -> anyhow::Result<()> {
        match self {
            Self::StandardOutput => output::result(&json),
            Self::File(path) => write_atomically(path, format!("{json}\n").as_bytes())?,
            Self::Webhook(webhook) => {
                let client =
                    preflight::http(false, Policy::none()).map_err(|failure| failure.error)?;
                let mut signals = Signals::listen();
                tokio::select! {
                    posted = webhook.post(json, client) => posted?,
                    _ = signals.next() => anyhow::bail!("interrupted"),
                }
            }
        }
        Ok(())
    }
}

impl Account {
    /// Of a run that begins.
    pub fn open(args: &RunArgs) -> Self {
        Self {
            started: Timestamp::now(),
            clock: Instant::now(),
            simulated: args.services.sandbox,
            lang: args.batch.lang,
            begun: None,
            failed: Vec::new(),
            rejected: Vec::new(),
            ended: None,
        }
    }

    /// The run holds its folder.
    pub fn begin(&mut self, desk: &Desk) {
        let folders = &desk.settings.folders;
        self.begun = Some(Begun {
            run_id: desk.run_id.to_string(),
            log: desk.logs.readable.clone(),
            structured_log: desk.logs.structured.clone(),
            checkpoint: folders.state.join("checkpoint_latest.json"),
            reports: folders.output.join("index.html"),
        });
    }

    /// Rows that name no brand.
    pub fn reject(&mut self, rows: &[crate::brand::RejectedRow]) {
        let rows = rows.iter().take(NAMED).map(|row| RejectedRow {
            row: row.number,
            name: text::shorten(&row.name, ERROR),
            reason: row.reason.clone(),
        });
        self.rejected.extend(rows);
    }

    /// Its brands have been worked through.
    pub fn end(&mut self, status: RunStatus, figures: Figures, failed: Failed) {
        self.failed = failed.0;
        self.ended = Some((status, figures));
    }

    fn report(&self, end: &Result<Exit, Failure>) -> Report<'_> {
        let (exit, error) = match end {
            Ok(exit) => (*exit, None),
            Err(failure) => (failure.exit, Some(format!("{:#}", failure.error))),
        };
        let status = match &self.ended {
            Some((status, _)) => status.name(),
            None => "not_started",
        };
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let figures = self.ended.as_ref().map(|(_, figures)| figures);
        Report {
            text: self.in_a_line(&host, exit, error.as_deref(), figures),
            program: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            host,
            folder: std::env::current_dir().ok(),
            run_id: self.begun.as_ref().map(|begun| begun.run_id.as_str()),
            status,
            exit_code: exit as u8,
            error,
            simulated: self.simulated,
            started_at: self.started,
            ended_at: Timestamp::now(),
            elapsed_s: (self.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            totals: figures.map(Totals::of),
            cost: figures.map(Spent::of),
            failed: &self.failed,
            rejected: &self.rejected,
            warnings: output::take_warnings(),
            places: self.begun.as_ref(),
        }
    }

    /// In the language of the reports: Persian, unless English alone was asked for.
    fn in_a_line(
        &self,
        host: &str,
        exit: Exit,
        error: Option<&str>,
        figures: Option<&Figures>,
    ) -> String {
        let persian = self.lang.persian();
        let simulated = match (self.simulated, persian) {
            (false, _) => "",
            (true, true) => "[شبیه‌سازی] ",
            (true, false) => "[SIMULATED] ",
        };
        let mut line = figures.map_or_else(String::new, |figures| {
            let Figures {
                succeeded,
                failed,
                skipped,
                left,
                cost,
                elapsed,
                ..
            } = figures;
            if persian {
                let minutes = elapsed.as_secs_f64() / 60.0;
                text::persian_digits(&format!(
                    "✓ {succeeded} موفق، ✗ {failed} ناموفق، {skipped} بدون تغییر، {left} برای اجرای بعد؛ هزینه {cost}، زمان {minutes:.1} دقیقه"
                ))
            } else {
                format!(
                    "✓ {succeeded} done, ✗ {failed} failed, {skipped} unchanged, {left} left for the next run; {cost} in {}",
                    span(*elapsed)
                )
            }
        });
        if let Some(error) = error {
            let separator = if line.is_empty() { "" } else { " — " };
            line += &format!("{separator}{}", text::shorten(error, ERROR));
        }
        format!(
            "{simulated}{} brandintel ({host}): {line}",
            mark(exit, figures)
        )
    }
}

fn mark(exit: Exit, figures: Option<&Figures>) -> &'static str {
    match (exit, figures) {
        (Exit::Done, _) => "✅",
        (Exit::SomeFailed | Exit::Budget | Exit::TimeUp, Some(_)) => "⚠",
        _ => "❌",
    }
}

/// Brands that failed, as the events say: a reader of events.
#[derive(Debug, Default)]
pub struct Failed(Vec<FailedBrand>);

impl Failed {
    /// Takes note where a brand failed.
    pub fn note(&mut self, event: &Event) {
        if let Event::BrandFailed { brand, error } = event
            && self.0.len() < NAMED
        {
            self.0.push(FailedBrand {
                brand: brand.to_string(),
                error: text::shorten(error, ERROR),
            });
        }
    }
}

impl Totals {
    fn of(figures: &Figures) -> Self {
        Self {
            total: figures.total,
            skipped: figures.skipped,
            processed: figures.succeeded + figures.failed,
            succeeded: figures.succeeded,
            thin: figures.thin,
            changed: figures.changed,
            failed: figures.failed,
            rejected: figures.rejected,
            left: figures.left,
        }
    }
}

impl Spent {
    fn of(figures: &Figures) -> Self {
        Self {
            usd: figures.cost,
            search_credits: figures.credits,
            set_aside_usd: figures.uncertain,
            budget_usd: figures.budget,
        }
    }
}
