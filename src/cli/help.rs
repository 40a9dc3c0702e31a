//! The help texts of the command line: colours, width, examples, and hints for shell completion.

use anstyle::AnsiColor::{Cyan, Green, Red, Yellow};
use std::ffi::OsString;

use clap::{
    Arg, Command, CommandFactory, ValueHint,
    builder::{PossibleValuesParser, Styles},
    error::{ContextKind, ContextValue, ErrorKind::InvalidSubcommand},
};

use crate::{cli::Cli, exit::Exit};

/// Width of the help text in columns: it fits the narrowest usual terminal, and an e-mail.
const WIDTH: usize = 80;

/// Cargo's colours, which other Rust tools use too.
const STYLES: Styles = Styles::styled()
    .header(Green.on_default().bold())
    .usage(Green.on_default().bold())
    .literal(Cyan.on_default().bold())
    .placeholder(Cyan.on_default())
    .error(Red.on_default().bold())
    .valid(Cyan.on_default().bold())
    .invalid(Yellow.on_default().bold());

/// The purpose of a command line, and the command line itself.
pub type Example = (&'static str, &'static str);

/// Examples of the batch, which has no name of its own, and of each command.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn examples(command: &str) -> &'static [Example] {
    match command {
        "brandintel" => &[
            (
                "Rehearse: no keys, no network, no cost",
                "brandintel --google-sheets --sandbox --workers 8 --limit 20",
            ),
            ("Set up the keys and the sheet", "brandintel init"),
            (
                "Is everything set up, and what will a batch cost?",
                "brandintel check --workers 8",
            ),
            (
                "What would be done, and what would it cost?",
                "brandintel --google-sheets --workers 8 --dry-run",
            ),
            (
                "The nightly batch, for at most $50",
                "brandintel --google-sheets --workers 8 --budget 50 --quiet",
            ),
            (
                "The first ten brands of a file",
                "brandintel --brands list.csv --limit 10",
            ),
            (
                "One brand",
                "brandintel --brand کاله --website https://kalleh.com",
            ),
        ],
        "init" => &[("Enter keys and sheet one by one", "brandintel init")],
        "check" => &[
            ("Before the first night", "brandintel check --workers 8"),
            ("Without spending anything", "brandintel check --free"),
            (
                "With a list in a file",
                "brandintel check --brands list.xlsx",
            ),
            (
                "Against the simulated services",
                "brandintel check --sandbox",
            ),
        ],
        "status" => &[
            ("The registry and the last runs", "brandintel status"),
            ("The same as JSON, for scripts", "brandintel status --json"),
            (
                "All hosts that share a database, and what each is doing",
                "brandintel status --state postgres://night@db.agency.ir/brandintel",
            ),
            (
                "Spending by month, with a forecast for this one",
                "brandintel status --spent --by month",
            ),
            (
                "Who owns whom, and rivals under the same owner",
                "brandintel status --graph",
            ),
        ],
        "open" => &[
            ("The portfolio", "brandintel open"),
            ("A brand's page", "brandintel open کاله"),
            (
                "A brand's page in the rehearsal",
                "brandintel open کاله --sandbox",
            ),
        ],
        "export" => &[
            (
                "Render all reports again, for example after an upgrade",
                "brandintel export",
            ),
            ("The rehearsal's reports", "brandintel export --sandbox"),
        ],
        "move" => &[
            (
                "From state/ into a database, for several hosts",
                "brandintel move --to postgres://night@db.agency.ir/brandintel",
            ),
            (
                "Back again, from the database in BRANDINTEL_STATE",
                "brandintel move --to state",
            ),
        ],
        "support" => &[
            ("After a night that failed", "brandintel support"),
            (
                "One brand only, without the other rows",
                "brandintel support --brand کاله",
            ),
        ],
        "sandbox" => &[
            (
                "Serve on a free port and print the settings to use",
                "brandintel sandbox --port 0",
            ),
            (
                "The model answers a fifth of requests with 429, and is down for ten minutes",
                "brandintel sandbox --fault llm:429:0.2 --fault llm:503:20x+600s",
            ),
            (
                "Refuse the JSON schemas that Anthropic refuses",
                "brandintel sandbox --schema-rules anthropic",
            ),
            (
                "Replay failures that a support file recorded",
                "brandintel sandbox --replay brandintel-support.json",
            ),
            (
                "Your own list as the spreadsheet",
                "brandintel sandbox --list list.csv",
            ),
        ],
        "completions" => &[
            (
                "bash",
                "brandintel completions bash > ~/.local/share/bash-completion/completions/brandintel",
            ),
            (
                "zsh, with ~/.zfunc in $fpath",
                "brandintel completions zsh > ~/.zfunc/_brandintel",
            ),
            (
                "fish",
                "brandintel completions fish > ~/.config/fish/completions/brandintel.fish",
            ),
        ],
        "man" => &[
            ("Read the manual page", "brandintel man | man -l -"),
            (
                "Install it",
                "brandintel man > ~/.local/share/man/man1/brandintel.1",
            ),
            (
                "Read the page of a command",
                "brandintel man check | man -l -",
            ),
        ],
        _ => &[],
    }
}

/// The complete command line. The parser, the help, the completions and the manual are generated from it.
pub fn command() -> Command {
    let mut command = Cli::command();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in &names {
        command = command.mut_subcommand(name, finished);
    }
    command = command.mut_subcommand("man", |man| {
        man.mut_arg("command", |arg| {
            arg.value_parser(PossibleValuesParser::new(names))
        })
    });
    let examples = examples_text("brandintel");
    finished(command)
        .long_version(long_version())
        .after_long_help(format!("{examples}\n\n{}", exit_codes()))
}

/// The version, and the commit where the build was told.
fn long_version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    option_env!("BRANDINTEL_COMMIT").map_or_else(
        || version.to_owned(),
        |commit| format!("{version} ({commit})"),
    )
}

fn finished(command: Command) -> Command {
    let examples = examples_text(command.get_name());
    command
        .styles(STYLES)
        .max_term_width(WIDTH)
        .mut_args(explained)
        .mut_args(completed)
        .after_help(examples)
}

fn examples_text(command: &str) -> String {
    let heading = STYLES.get_header();
    let mut text = format!("{heading}Examples:{heading:#}");
    for (what, line) in examples(command) {
        text += &format!("\n  # {what}\n  {line}");
    }
    text
}

fn exit_codes() -> String {
    let heading = STYLES.get_header();
    let mut text = format!("{heading}Exit codes:{heading:#}");
    for exit in Exit::ALL {
        text += &format!("\n  {:>3}  {}", exit as u8, exit.meaning());
    }
    text
}

/// Names the environment variable of a flag in the long help only, so that the short help stays short.
fn explained(arg: Arg) -> Arg {
    let Some(env) = arg.get_env().map(|env| env.to_string_lossy().into_owned()) else {
        return arg;
    };
    let help = arg.get_long_help().or(arg.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    arg.hide_env(true)
        .long_help(format!("{help}\n[env: {env}]"))
}

/// Tells shells how to complete the value of a flag; values that are neither files nor choices are not completed. A
/// negative number is a value, not a flag.
fn completed(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    let arg = arg.allow_negative_numbers(true);
    let name = arg.get_value_names().and_then(|names| names.first());
    let hint = match name.map(clap::builder::Str::as_str) {
        Some("FILE") => ValueHint::FilePath,
        Some("FOLDER" | "DIR") => ValueHint::DirPath,
        Some("URL") => ValueHint::Url,
        Some(_) if arg.get_value_hint() == ValueHint::Unknown => ValueHint::Other,
        _ => return arg,
    };
    arg.value_hint(hint)
}

/// Adds what clap does not know: the variable that a value comes from, or the command that was probably meant.
pub fn with_remedy(error: clap::Error, args: &[OsString]) -> clap::Error {
    without_passwords(suggested(error, args))
}

/// The text of an error on one line, without the usage and the hint about `--help`.
pub fn in_a_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let said: Vec<&str> = said
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    said.join("; ")
}

/// Removes user and password from URLs that the error would repeat.
fn without_passwords(mut error: clap::Error) -> clap::Error {
    let texts = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) if text.contains("://") => Some((kind, text.clone())),
        _ => None,
    });
    for (kind, text) in texts.collect::<Vec<_>>() {
        let shown = match (text.split_once("://"), text.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
            _ => text,
        };
        error.insert(kind, ContextValue::String(shown));
    }
    error
}

fn suggested(error: clap::Error, args: &[OsString]) -> clap::Error {
    // What is no command after `help` gets a suggestion where it stands alone.
    match args {
        [program, help, typo, ..] if error.kind() == InvalidSubcommand && help == "help" => {
            let alone = command().try_get_matches_from([program, typo]);
            alone.err().unwrap_or(error)
        }
        _ => told_where(error, args),
    }
}

/// Names the variable in an error about a value that was not typed.
fn told_where(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let flag = arg.split(' ').next().unwrap_or_default().to_owned();
    let typed = |arg: &OsString| arg.to_string_lossy().starts_with(&flag);
    let command = command();
    let variable = command
        .get_arguments()
        .find(|arg| arg.get_long() == flag.strip_prefix("--"))
        .and_then(Arg::get_env);
    if let Some(variable) = variable.filter(|name| !args.iter().any(typed) && is_set(name)) {
        let tip = format!(
            "the value comes from {}, in the environment or in .env",
            variable.to_string_lossy()
        );
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

fn is_set(variable: &std::ffi::OsStr) -> bool {
    std::env::var_os(variable).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Command> {
        let mut command = command();
        command.build();
        let mut all: Vec<Command> = command.get_subcommands().cloned().collect();
        all.retain(|command| command.get_name() != "help");
        all.push(command);
        all
    }

    #[test]
    fn clap_finds_no_contradiction() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_and_they_can_be_typed() {
        for command in all() {
            let name = command.get_name();
            assert!(!examples(name).is_empty(), "{name}: add to `examples`");
            for (_, line) in examples(name) {
                let typed = line.split(" > ").next().unwrap_or_default();
                let typed = typed.split(" | ").next().unwrap_or_default();
                let read = Cli::read(typed.split(' ').map(Into::into));
                assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
            }
        }
    }

    #[test]
    fn short_helps_fit_eighty_columns_and_name_no_variables() {
        for mut command in all() {
            let help = command.render_help().to_string();
            for line in help.lines() {
                let columns = line.chars().count();
                // A command line is never broken, because it is copied.
                let typed = line.trim_start().starts_with("brandintel ");
                assert!(columns <= WIDTH || typed, "{columns} columns: {line}");
            }
            assert!(!help.contains("[env:"), "{help}");
        }
    }

    #[test]
    fn a_short_help_is_read_at_a_glance() {
        for command in all() {
            let texts = command
                .get_arguments()
                .filter_map(|arg| Some((arg.get_id().to_string(), arg.get_help()?.to_string())))
                .chain([(command.get_name().to_owned(), about(&command))]);
            for (name, text) in texts {
                let long = text.chars().count() > 110;
                assert!(!long, "{name}: say the rest in a second paragraph: {text}");
            }
        }
    }

    fn about(command: &Command) -> String {
        command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    #[test]
    fn every_flag_is_explained_under_a_heading() {
        for command in all() {
            let grouped = command
                .get_arguments()
                .any(|a| a.get_help_heading().is_some());
            for arg in command.get_arguments() {
                let (command, name) = (command.get_name(), arg.get_id());
                assert!(arg.get_help().is_some(), "{command} {name} says nothing");
                let global = arg.is_global_set() || ["help", "version"].contains(&name.as_str());
                let heading = arg.get_help_heading().is_some();
                assert!(
                    !grouped || heading || global,
                    "{command} {name}: no heading"
                );
            }
        }
    }

    #[test]
    fn every_variable_of_a_flag_is_in_the_long_help() {
        for mut command in all() {
            let help = command.render_long_help().to_string();
            for env in command.get_arguments().filter_map(Arg::get_env) {
                let env = env.to_string_lossy();
                assert!(help.contains(&format!("[env: {env}]")), "{env}");
            }
        }
    }
}
