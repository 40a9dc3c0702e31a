//! The manual pages of the program and of each command, made from the command line.

use std::{fmt::Write as _, io};

use clap::{Arg, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use crate::{cli::help, exit::Exit};

/// The settings with their explanations; the page says what the file says.
const SETTINGS: &str = include_str!("../../.env.example");

/// Files that the program reads and writes, as the page of the program lists them.
const FILES: &[(&str, &str)] = &[
    (
        ".env",
        "Settings, in the folder where the program is started or above it. The environment wins over it, a flag over both.",
    ),
    ("output/index.html", "The portfolio: all brands."),
    ("output/brands.xlsx", "The workbook of all brands."),
    ("output/changes.html", "What changed, night by night."),
    (
        "output/BRAND/report.html",
        "The brief of a brand; report.md, its tables as CSV and brand_report.json lie beside it.",
    ),
    (
        "state/registry.json",
        "What became of each brand; with --state it is in the database.",
    ),
    (
        "state/checkpoint_latest.json",
        "The run that is going on, or was the last.",
    ),
    (
        "state/not_started.json",
        "The last run that did not start, and why.",
    ),
    (
        "state/paid.sqlite3",
        "Every answer that was paid for, and what it cost; with --state it is in the database.",
    ),
    (
        "logs/batch_YYYY-MM-DD.log, .jsonl",
        "The log of the day, for people and for programs.",
    ),
    ("sandbox/", "The same files, of rehearsals."),
];

/// The page of the program, or of one of its commands.
pub fn page(of: Option<&str>) -> io::Result<Vec<u8>> {
    let mut program = help::command();
    // Gives the commands their full names.
    program.build();
    let command = of.and_then(|name| program.find_subcommand(name));
    render(command.unwrap_or(&program).clone(), of.is_none())
}

fn render(command: Command, whole: bool) -> io::Result<Vec<u8>> {
    let name = command.get_name().to_owned();
    let title = command.get_display_name().unwrap_or(&name).to_uppercase();
    let mut page = format!(
        ".TH {title} 1 \"\" \"brandintel {}\" \"User Commands\"\n.nh\n",
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes();
    let mut command = command.mut_args(with_choices);
    if whole {
        command = command.override_usage("brandintel [OPTIONS]\nbrandintel COMMAND");
    }
    let man = Man::new(command);
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if whole {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    examples(&mut roff, &name);
    if whole {
        environment(&mut roff);
        list(&mut roff, "FILES", FILES.iter().copied());
    }
    exit_status(&mut roff);
    see_also(&mut roff, whole);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Puts the choices of a flag into its text, where a list of them would tear the page apart.
fn with_choices(arg: Arg) -> Arg {
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|choice| !choice.is_hide_set())
        .map(|choice| match choice.get_help() {
            Some(help) => format!("{} ({help})", choice.get_name()),
            None => choice.get_name().to_owned(),
        })
        .collect();
    if choices.is_empty() || !arg.get_action().takes_values() {
        return arg;
    }
    let help = arg.get_long_help().or(arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    arg.hide_possible_values(true)
        .long_help(format!("One of {}. {help}", choices.join(", ")))
}

fn examples(roff: &mut Roff, command: &str) {
    roff.control("SH", ["EXAMPLES"]);
    for (at, (what, line)) in help::examples(command).iter().enumerate() {
        if at > 0 {
            roff.control("PP", []);
        }
        let colon = if what.ends_with('?') { "" } else { ":" };
        roff.text([roman(format!("{what}{colon}"))]);
        roff.control("PP", []).control("RS", ["4"]);
        roff.control("nf", []).text([bold(*line)]);
        roff.control("fi", []).control("RE", []);
    }
}

/// The settings that are no flags; each flag names its own variable.
fn environment(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Each flag names the variable that sets it. These have no flag:",
    )]);
    for (name, default, text) in settings() {
        let mut header = vec![bold(name)];
        if !default.is_empty() {
            header.push(roman(format!(" [default: {default}]")));
        }
        roff.control("TP", []).text(header).text([roman(text)]);
    }
    let usual = [(
        "NO_COLOR, CLICOLOR=0, CLICOLOR_FORCE=1",
        "No colours, or colours in a pipe too.",
    )];
    terms(roff, usual.into_iter());
}

/// Name, default and explanation of each setting that is not a flag.
fn settings() -> Vec<(String, String, String)> {
    let command = help::command();
    let flags: Vec<String> = command
        .get_arguments()
        .filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned()))
        .collect();
    let mut found = Vec::new();
    let mut text = String::new();
    for line in SETTINGS.lines() {
        let bare = line.trim_start_matches('#');
        if let Some(sentence) = bare.strip_prefix(' ') {
            if !sentence.starts_with("---") {
                let _ = write!(text, "{}{sentence}", if text.is_empty() { "" } else { " " });
            }
        } else if let Some((name, default)) = bare.split_once('=') {
            let text = std::mem::take(&mut text);
            if !flags.iter().any(|flag| flag == name) {
                found.push((name.to_owned(), default.to_owned(), text));
            }
        } else {
            text.clear();
        }
    }
    found
}

fn exit_status(roff: &mut Roff) {
    let codes = Exit::ALL.map(|exit| ((exit as u8).to_string(), exit.meaning()));
    list(
        roff,
        "EXIT STATUS",
        codes
            .iter()
            .map(|(code, meaning)| (code.as_str(), *meaning)),
    );
}

fn see_also(roff: &mut Roff, whole: bool) {
    roff.control("SH", ["SEE ALSO"]);
    let pages: Vec<String> = if whole {
        help::command()
            .get_subcommands()
            .map(|sub| format!("brandintel-{}(1)", sub.get_name()))
            .collect()
    } else {
        vec!["brandintel(1)".to_owned()]
    };
    roff.text([italic(pages.join(", "))]);
}

fn list<'a>(roff: &mut Roff, heading: &str, items: impl Iterator<Item = (&'a str, &'a str)>) {
    roff.control("SH", [heading]);
    terms(roff, items);
}

fn terms<'a>(roff: &mut Roff, items: impl Iterator<Item = (&'a str, &'a str)>) {
    for (term, text) in items {
        roff.control("TP", [])
            .text([bold(term)])
            .text([roman(text)]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_settings_of_the_page_are_those_that_are_read() {
        let listed: BTreeSet<String> = settings().into_iter().map(|(name, ..)| name).collect();
        // The network's and the machine's business.
        let others = ["HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "TZ"];
        let read = crate::config::NAMES.into_iter().chain(others);
        assert_eq!(listed, read.map(str::to_owned).collect());
    }
}
