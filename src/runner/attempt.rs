//! A run before it comes to any work: who is told of it, and what is left on record where it does not start.

use std::io::IsTerminal;

use jiff::{Timestamp, tz::TimeZone};

use super::{log::LogFiles, options::RunOptions};
use crate::{
    config::Folders,
    exit::{Exit, Failure},
    store::{self, not_started::NotStarted},
    text::lang::Lang,
};

/// A run that somebody wants, as far as telling of its end takes it.
#[derive(Debug)]
pub struct StartAttempt {
    pub report_to: Option<String>,
    pub simulated: bool,
    pub lang: Lang,
    pub dry_run: bool,
    /// It says which brands are meant: without any, nothing was to be run.
    pub names_brands: bool,
}

impl StartAttempt {
    /// That of these options.
    pub fn of(options: &RunOptions) -> Self {
        Self {
            report_to: options.unattended.report_to.clone(),
            simulated: options.is_rehearsal(),
            lang: options.batch.lang,
            dry_run: options.batch.dry_run,
            names_brands: options.source.list.is_some(),
        }
    }

    /// Whether it is put on record where it does not start: a dry run leaves nothing.
    pub fn leaves_traces(&self) -> bool {
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
    store::remedy(failure).unwrap_or(general)
}
