//! A run before it comes to any work: who is told of it, and what is left on record where it does not start.

use std::{ffi::OsString, io::IsTerminal};

use clap::CommandFactory;
use jiff::{Timestamp, tz::TimeZone};

use super::log::LogFiles;
use crate::{
    cli::{Cli, RunArgs},
    config::{Folders, variable},
    exit::{Exit, Failure},
    store::not_started::NotStarted,
    text::lang::Lang,
};

/// A run that somebody wants, as far as telling of its end takes it.
#[derive(Debug)]
pub struct Attempt {
    pub report_to: Option<String>,
    pub simulated: bool,
    pub lang: Lang,
    pub dry_run: bool,
    /// It says which brands are meant: without any, nothing was to be run.
    names_brands: bool,
}

impl Attempt {
    /// That of these flags.
    pub fn of(args: &RunArgs) -> Self {
        let source = &args.source;
        Self {
            report_to: args.unattended.report_to.clone(),
            simulated: args.services.sandbox,
            lang: args.batch.lang,
            dry_run: args.batch.dry_run,
            names_brands: source.google_sheets || source.brands.is_some() || source.brand.is_some(),
        }
    }

    /// What can be read of a command line and settings that cannot be used as a whole; `None` where a person sees it at a
    /// terminal, or it was no batch.
    pub fn in_vain(args: &[OsString]) -> Option<Self> {
        if std::io::stderr().is_terminal() {
            return None;
        }
        let args: Vec<String> = args
            .iter()
            .skip(1)
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let command = Cli::command();
        let mut commands = command.get_subcommands().map(clap::Command::get_name);
        if commands.any(|name| args.iter().any(|arg| arg == name)) {
            return None;
        }
        let typed = |flag: &str| {
            let mut rest = args.iter().skip_while(|arg| {
                let (name, _) = arg.split_once('=').unwrap_or((arg, ""));
                name != flag
            });
            let found = rest.next()?;
            match found.split_once('=') {
                Some((_, value)) => Some(value.to_owned()),
                None => Some(rest.next().cloned().unwrap_or_default()),
            }
        };
        let is_set = |name: &str| {
            let no = ["0", "false", "no", "off", "n", "f"];
            variable(name).is_some_and(|value| !no.contains(&value.to_lowercase().as_str()))
        };
        let wanted = |flag: &str, name: &str| typed(flag).is_some() || is_set(name);
        let attempt = Self {
            report_to: typed("--report-to").or_else(|| variable("BRANDINTEL_REPORT_TO")),
            simulated: wanted("--sandbox", "BRANDINTEL_SANDBOX"),
            lang: Lang::default(),
            dry_run: wanted("--dry-run", "BRANDINTEL_DRY_RUN"),
            names_brands: wanted("--google-sheets", "BRANDINTEL_GOOGLE_SHEETS")
                || wanted("--brands", "BRANDINTEL_BRANDS")
                || wanted("--brand", "BRANDINTEL_BRAND"),
        };
        attempt.leaves_traces().then_some(attempt)
    }

    /// A dry run leaves nothing.
    fn leaves_traces(&self) -> bool {
        self.names_brands && !self.dry_run
    }

    /// Puts on record that it did not start, in the log of the day and beside the state, whoever holds that. What cannot be
    /// written is left out: the reason is printed in any case.
    pub fn did_not_start(&self, failure: &Failure, is_logged: bool) {
        if !self.leaves_traces() {
            return;
        }
        let folders = Folders::new(self.simulated);
        // Where nothing was ever run, a person who reads the reason needs no folders.
        if !folders.state.exists() && std::io::stderr().is_terminal() {
            return;
        }
        let now = Timestamp::now();
        let record = NotStarted {
            at: now,
            exit_code: failure.exit as u8,
            error: format!("{:#}", failure.error),
            remedy: remedy(failure).to_owned(),
            simulated: self.simulated,
        };
        let today = now.to_zoned_datetime(TimeZone::system()).date();
        if is_logged || LogFiles::of(&folders.logs, today).append().is_ok() {
            tracing::error!(
                code = record.exit_code,
                error = record.error,
                remedy = record.remedy,
                "run did not start"
            );
        }
        if let Err(error) = record.save(&folders.state) {
            tracing::warn!("{error:#}");
        }
    }
}

/// What to do about a run that did not start.
pub fn remedy(failure: &Failure) -> &'static str {
    let general = Exit::remedy_of_start(failure.exit);
    failure.remedy().unwrap_or(general)
}
