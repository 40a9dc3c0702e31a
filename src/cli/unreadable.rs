//! The record of a command line or of settings that cannot be used: what can be read of them is enough to put on record
//! that a run did not start, and to tell whoever waits for its report.

use std::{ffi::OsString, io::IsTerminal};

use clap::CommandFactory;

use super::Cli;
use crate::{config::variable, runner::attempt::StartAttempt, text::lang::Lang};

/// The batch that was meant; `None` where a person sees it at a terminal, or it was no batch.
pub fn attempt(args: &[OsString]) -> Option<StartAttempt> {
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
    let attempt = StartAttempt {
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
