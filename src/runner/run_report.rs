//! The report of a run for whoever did not watch it: one JSON object, in a file, at a webhook or printed.

use std::path::PathBuf;

use jiff::Timestamp;
use reqwest::redirect::Policy;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    attempt::{self, StartAttempt},
    context::RunContext,
    next_steps::{FailureToMend, NAMED, NextSteps},
    options::RunOptions,
    shutdown::Signals,
    summary::{Totals, span},
};
use crate::{
    config::google::is_loopback,
    error_groups::Reason,
    exit::{Exit, Failure},
    files::write_atomically,
    http::transport,
    money::Usd,
    say,
    store::checkpoint::RunStatus,
    text::{self, lang::Lang, terminal::Terminal},
    webhook::{self, Webhook},
};

/// Characters of an error.
pub const ERROR: usize = 300;

/// Who is told of a run.
#[derive(Debug)]
pub enum Recipient {
    StandardOutput,
    File(PathBuf),
    Webhook(Webhook),
}

/// What is known of a run so far. It is filled while the run goes on, so that one that ends early has it too.
#[derive(Debug)]
pub struct ReportDraft {
    pub terminal: Terminal,
    started: Timestamp,
    clock: Instant,
    simulated: bool,
    lang: Lang,
    places: Option<ReportPlaces>,
    /// What is left to be done.
    pub next_steps: NextSteps,
    rejected: Vec<RejectedRowLine>,
    /// How it ended, once its brands have been worked through.
    ended: Option<(RunStatus, Totals)>,
}

#[derive(Debug, Serialize)]
struct ReportPlaces {
    #[serde(skip)]
    run_id: String,
    log: PathBuf,
    structured_log: PathBuf,
    checkpoint: PathBuf,
    reports: PathBuf,
}

#[derive(Debug, Serialize)]
struct RejectedRowLine {
    row: usize,
    name: String,
    reason: String,
}

/// The report, as it is sent. Money is in US dollars.
#[derive(Debug, Serialize)]
struct RunReport<'a> {
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
    /// What to do about a run that did not start.
    remedy: Option<&'static str>,
    simulated: bool,
    started_at: Timestamp,
    ended_at: Timestamp,
    elapsed_s: f64,
    totals: Option<ReportTotals>,
    cost: Option<SpentInRun>,
    failed: &'a [FailureToMend],
    /// Why they failed, and what to do: brands of one reason together.
    reasons: Vec<Reason>,
    rejected: &'a [RejectedRowLine],
    warnings: Vec<String>,
    places: Option<&'a ReportPlaces>,
}

#[derive(Debug, Serialize)]
struct ReportTotals {
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
struct SpentInRun {
    usd: Usd,
    search_credits: u32,
    set_aside_usd: Usd,
    budget_usd: Option<Usd>,
}

impl Recipient {
    /// Who is to be told of this run. A dry run leaves nothing.
    pub fn of(attempt: &StartAttempt, terminal: &Terminal) -> Result<Option<Self>, Failure> {
        let Some(to) = attempt.report_to.as_deref().map(str::trim) else {
            return Ok(None);
        };
        if to.is_empty() || attempt.dry_run {
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
        if attempt.simulated && !is_loopback(&url) {
            say!(terminal; "A rehearsal uses no network: its report is not posted.\n");
            return Ok(None);
        }
        Ok(Some(Self::Webhook(Webhook::at(&url))))
    }

    /// Tells how a run ended. That the report does not arrive changes nothing of the run: everything in it stands in
    /// the state and in the logs too.
    pub async fn tell(&self, draft: &ReportDraft, end: &Result<Exit, Failure>) {
        let told = match serde_json::to_string_pretty(&draft.report(end)) {
            Ok(json) => self.hand_over(json).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = told {
            draft.terminal.log_warning(&format!(
                "the report of this run is not delivered: {error:#}"
            ));
        }
    }

    async fn hand_over(&self, json: String) -> anyhow::Result<()> {
        match self {
            Self::StandardOutput => crate::text::terminal::result(&json),
            Self::File(path) => write_atomically(path, format!("{json}\n").as_bytes())?,
            Self::Webhook(webhook) => {
                let client =
                    transport::client(false, Policy::none()).map_err(|failure| failure.error)?;
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

/// Who would be told of a run with these options; the address of a webhook is a secret, so its host is not named either.
pub fn report_goes(options: &RunOptions, terminal: &Terminal) -> Result<Option<String>, Failure> {
    let Some(recipient) = Recipient::of(&StartAttempt::of(options), terminal)? else {
        return Ok(None);
    };
    Ok(Some(match recipient {
        Recipient::StandardOutput => "is printed".into(),
        Recipient::Webhook(_) => {
            "goes to a webhook, whose address is right as far as it can be told without posting"
                .into()
        }
        Recipient::File(path) => {
            let place = path.display();
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || folder.is_some_and(|folder| folder.exists() && !folder.is_dir()) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!(
                        "--report-to {place}: no file can be written there: name a file in a folder"
                    ),
                ));
            }
            format!("goes into {place}")
        }
    }))
}

impl ReportDraft {
    /// Of a run that begins.
    pub fn open(attempt: &StartAttempt, terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            started: Timestamp::now(),
            clock: Instant::now(),
            simulated: attempt.simulated,
            lang: attempt.lang,
            places: None,
            next_steps: NextSteps::default(),
            rejected: Vec::new(),
            ended: None,
        }
    }

    /// The run holds its folder.
    pub fn begin(&mut self, context: &RunContext) {
        let folders = &context.settings.folders;
        self.places = Some(ReportPlaces {
            run_id: context.run_id.to_string(),
            log: context.logs.readable.clone(),
            structured_log: context.logs.structured.clone(),
            checkpoint: folders.state.join("checkpoint_latest.json"),
            reports: folders.output.join("index.html"),
        });
    }

    /// Whether the run has come so far as to hold its folder and to have a log.
    pub fn has_begun(&self) -> bool {
        self.places.is_some()
    }

    /// Whether its brands have been worked through.
    pub fn has_worked(&self) -> bool {
        self.ended.is_some()
    }

    /// Rows that name no brand.
    pub fn reject(&mut self, rows: &[crate::brand::RejectedRow]) {
        self.next_steps.reject(rows);
        let rows = rows.iter().take(NAMED).map(|row| RejectedRowLine {
            row: row.number,
            name: text::shorten(&row.name, ERROR),
            reason: row.reason.clone(),
        });
        self.rejected.extend(rows);
    }

    /// Its brands have been worked through.
    pub fn end(&mut self, status: RunStatus, totals: Totals) {
        self.ended = Some((status, totals));
    }

    /// Tells at the end what is left to do: all of it for whoever watched, and for whom cron mails to where that is anything.
    pub fn tell_next_steps(&self, quiet: bool, end: &Result<Exit, Failure>) {
        let Some((_, totals)) = &self.ended else {
            return;
        };
        if !quiet {
            return self.next_steps.tell(totals, &self.terminal);
        }
        let exit = match end {
            Ok(exit) => *exit,
            Err(failure) => failure.exit,
        };
        let line = self.in_a_line(exit, None, false);
        let is_bad = exit != Exit::Done;
        self.next_steps.mail(&line, totals, is_bad);
    }

    fn report(&self, end: &Result<Exit, Failure>) -> RunReport<'_> {
        let (exit, error) = match end {
            Ok(exit) => (*exit, None),
            Err(failure) => (failure.exit, Some(format!("{:#}", failure.error))),
        };
        let status = match &self.ended {
            Some((status, _)) => *status,
            None => RunStatus::NotStarted,
        };
        let remedy = end.as_ref().err().filter(|_| !self.has_worked());
        let totals = self.ended.as_ref().map(|(_, totals)| totals);
        RunReport {
            text: self.in_a_line(exit, error.as_deref(), self.lang.persian()),
            program: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            host: host(),
            folder: std::env::current_dir().ok(),
            run_id: self.places.as_ref().map(|places| places.run_id.as_str()),
            status: status.name(),
            exit_code: exit as u8,
            error,
            remedy: remedy.map(attempt::remedy),
            simulated: self.simulated,
            started_at: self.started,
            ended_at: Timestamp::now(),
            elapsed_s: (self.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            totals: totals.map(ReportTotals::of),
            cost: totals.map(SpentInRun::of),
            failed: &self.next_steps.failed,
            reasons: self.next_steps.reasons.sorted(),
            rejected: &self.rejected,
            warnings: self.terminal.warnings(),
            places: self.places.as_ref(),
        }
    }

    /// How it went, in a line.
    fn in_a_line(&self, exit: Exit, error: Option<&str>, persian: bool) -> String {
        let totals = self.ended.as_ref().map(|(_, totals)| totals);
        let simulated = match (self.simulated, persian) {
            (false, _) => "",
            (true, true) => "[شبیه‌سازی] ",
            (true, false) => "[SIMULATED] ",
        };
        let mut line = totals.map_or_else(String::new, |totals| totals_in_words(totals, persian));
        if let Some(error) = error {
            let separator = if line.is_empty() { "" } else { " — " };
            line += &format!("{separator}{}", text::shorten(error, ERROR));
        }
        format!(
            "{simulated}{} brandintel ({}): {line}",
            mark(exit, totals),
            host()
        )
    }
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

fn totals_in_words(totals: &Totals, persian: bool) -> String {
    let Totals {
        succeeded,
        thin,
        failed,
        skipped,
        left,
        cost,
        elapsed,
        ..
    } = totals;
    let thin = match (thin, persian) {
        (0, _) => String::new(),
        (thin, true) => format!("، ⚠ {thin} از آن‌ها با شواهد ناکافی"),
        (thin, false) => format!(", ⚠ {thin} of them with little found"),
    };
    if persian {
        let minutes = elapsed.as_secs_f64() / 60.0;
        text::persian_digits(&format!(
            "✓ {succeeded} موفق{thin}، ✗ {failed} ناموفق، {skipped} بدون تغییر، {left} برای اجرای بعد؛ هزینه {cost}، زمان {minutes:.1} دقیقه"
        ))
    } else {
        format!(
            "✓ {succeeded} done{thin}, ✗ {failed} failed, {skipped} unchanged, {left} left for the next run; {cost} in {}",
            span(*elapsed)
        )
    }
}

fn mark(exit: Exit, totals: Option<&Totals>) -> &'static str {
    match (exit, totals) {
        (Exit::Done, Some(totals)) if totals.thin > 0 => "⚠",
        (Exit::Done, _) => "✅",
        (Exit::SomeFailed | Exit::Budget | Exit::TimeUp, Some(_)) => "⚠",
        _ => "❌",
    }
}

impl ReportTotals {
    fn of(totals: &Totals) -> Self {
        Self {
            total: totals.total,
            skipped: totals.skipped,
            processed: totals.succeeded + totals.failed,
            succeeded: totals.succeeded,
            thin: totals.thin,
            changed: totals.changed,
            failed: totals.failed,
            rejected: totals.rejected,
            left: totals.left,
        }
    }
}

impl SpentInRun {
    fn of(totals: &Totals) -> Self {
        Self {
            usd: totals.cost,
            search_credits: totals.credits,
            set_aside_usd: totals.uncertain,
            budget_usd: totals.budget,
        }
    }
}
