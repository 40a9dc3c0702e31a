//! Researches a list of brands overnight and leaves a brief with evidence for each.
//!
//! ```text
//! sheet or file ──► planner ──► scheduler ──► research ──► report ──► registry, checkpoint ──► sheet, pages
//!                      ▲            │             │                        ▲
//!                  registry      budget     services (http)         progress, logs
//! ```
//!
//! A module imports only what stands below it; a test reads every `use crate::` and fails on an upward import.
//!
//! | layer | answers |
//! |---|---|
//! | [`cli`], `commands` | which commands and flags are there, and what does each do? |
//! | `runner` | how is a list worked through? |
//! | `render`, `ownership` | what do people read, and who owns whom? made of saved reports alone |
//! | `research` | how does one brand become one report? |
//! | `list` | which rows are there, in a file or in the sheet, and how do results get back into them? |
//! | `llm`, `search`, `sheets`, `webhook` | how is each service spoken to? |
//! | `http` | what happens to every outgoing call? every request but those with spans leaves through `http::client` |
//! | `store` | what survives a crash, and what do hosts share? |
//! | `report` | what can a report know? the field table, facts, claims, the file format |
//! | `brand` | when are two rows the same brand, and what does a row ask for besides it? |
//! | `config` | what did the user set, in `.env`, the environment and flags? |
//! | `event`, `span` | what can happen in a run, and what did it take? |
//! | `error_kind`, `error_groups` | why did a brand fail, and what to do about it? |
//! | [`exit`], [`money`], `text` | exit codes, US dollars, Persian text, the terminal and what must not be shown on it |
//! | [`sandbox`] | the simulated services, to rehearse and to test |
//!
//! A crash needs no code of its own: every paid answer is kept under the hash of its request, and going on is running
//! the same research again.

#![cfg_attr(
    fuzzing,
    allow(
        missing_docs,
        clippy::return_self_not_must_use,
        reason = "what the fuzz targets reach is no interface"
    )
)]
#![cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "what a move and many hosts need")
)]

mod brand;
mod commands;
mod config;
mod error_groups;
mod error_kind;
mod event;
mod files;
mod http;
mod list;
mod llm;
#[cfg(feature = "otel")]
mod otel;
mod ownership;
mod render;
mod report;
mod research;
mod runner;
mod search;
mod sheets;
mod span;
mod store;
mod text;
mod webhook;

pub mod cli;
pub mod exit;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod money;
pub mod sandbox;

use std::{ffi::OsString, path::Path};

pub use commands::rehearsal::Rehearsal;
pub use research::{Stage, persian_style::is_fit_to_send};

use cli::{Cli, Command};
use exit::{Exit, Failure, OrExit};
use text::terminal::Terminal;

/// Runs the program with these arguments, the first of which is its name.
pub fn start(args: impl IntoIterator<Item = OsString>) -> Exit {
    let mut args: Vec<OsString> = args.into_iter().collect();
    runner::open_files::raise_limit();
    let loaded = config::working_folder::enter(&mut args).and_then(|is_named| {
        let loaded = config::dotenv::load(&cli::variables())?;
        if !is_named {
            // The file may have named a folder.
            config::working_folder::enter(&mut Vec::new())?;
        }
        Ok(loaded)
    });
    let terminal = Terminal::default();
    match loaded.or_exit(Exit::Usage) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                terminal.warning(warning);
            }
            read_and_run(&args, loaded.above.as_deref(), &terminal)
        }
        // Who asks for help gets it, whatever is wrong with the settings.
        Err(_) if asks_for_help(&args) => read_and_run(&args, None, &terminal),
        Err(failure) => exit_code(refused(&args, failure, &terminal), &terminal),
    }
}

/// Puts a batch on record whose settings cannot be read.
fn refused(args: &[OsString], failure: Failure, terminal: &Terminal) -> Result<Exit, Failure> {
    match (cli::unreadable::attempt(args), runtime()) {
        (Some(attempt), Ok(runtime)) => {
            runtime.block_on(runner::refused(&attempt, failure, terminal))
        }
        _ => Err(failure),
    }
}

/// Runs a batch with these arguments as a rehearsal, in the runtime that it is called in. Its clock may be a simulated one,
/// so that benchmarks run through a night in seconds.
pub async fn rehearse(args: impl IntoIterator<Item = OsString>, rehearsal: Rehearsal) -> Exit {
    let terminal = Terminal::default();
    match Cli::read(args) {
        Ok(cli) => {
            let terminal = terminal.quiet(cli.is_quiet());
            let run = runner::run(cli.run.into(), Some(rehearsal.into()), &terminal);
            exit_code(Box::pin(run).await, &terminal)
        }
        Err(error) => {
            let failure = Failure {
                exit: Exit::Usage,
                error: error.into(),
            };
            exit_code(Err(failure), &terminal)
        }
    }
}

/// Serves simulated services until the process is stopped, and prints the settings that lead to them.
pub async fn serve(options: sandbox::Options) -> Exit {
    exit_code(commands::serve(options).await, &Terminal::default())
}

fn asks_for_help(args: &[OsString]) -> bool {
    Cli::read(args.iter().cloned()).is_err_and(|error| !error.use_stderr())
}

fn exit_code(run: Result<Exit, Failure>, terminal: &Terminal) -> Exit {
    run.unwrap_or_else(|failure| {
        terminal.failure(&failure, store::remedy(&failure));
        failure.exit
    })
}

/// One thread for the network, because there is little to compute, and two for what waits for the disk: each thread more
/// keeps freed memory of its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .or_exit(Exit::Machine)
}

/// `settings`: the `.env` of a folder above, which is named so that nobody wonders whose settings count.
fn read_and_run(args: &[OsString], settings: Option<&Path>, terminal: &Terminal) -> Exit {
    let cli = match Cli::read(args.iter().cloned()) {
        Ok(cli) => cli,
        // Help and version are what was asked for, everything else is wrong usage.
        Err(error) => {
            let _ = error.print();
            if !error.use_stderr() {
                return Exit::Done;
            }
            let failure = Failure::new(Exit::Usage, cli::help::in_a_line(&error));
            let _ = refused(args, failure, terminal);
            return Exit::Usage;
        }
    };
    if let Some(file) = settings.filter(|_| cli.names_settings()) {
        crate::text::terminal::urgent(&format!(
            "Settings are read from {}, in a folder above this one",
            file.display()
        ));
    }
    let terminal = terminal.quiet(cli.is_quiet());
    exit_code(run_command(cli, &terminal), &terminal)
}

fn run_command(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    runner::open_files::prove_any()?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        match cli.command {
            None if cli.nothing_typed => Err(commands::nothing_asked(&cli.run.into())),
            None => {
                let simulation = commands::rehearsal::start(&cli.run.services).await?;
                Box::pin(runner::run(cli.run.into(), simulation, terminal)).await
            }
            Some(Command::Init) => commands::init().await,
            Some(Command::Check(args)) => Box::pin(commands::check(*args, terminal)).await,
            Some(Command::Status(args)) => commands::status::status(args).await,
            Some(Command::Open(args)) => commands::open(&args),
            Some(Command::Export(args)) => commands::export(args).await,
            Some(Command::Move(args)) => Box::pin(commands::move_state(args)).await,
            Some(Command::Support(args)) => commands::support(args).await,
            Some(Command::Sandbox(args)) => commands::sandbox(args).await,
            Some(Command::Completions { shell }) => commands::print_completions(shell),
            Some(Command::Man { command }) => commands::print_manual(command.as_deref()),
        }
    });
    #[cfg(feature = "otel")]
    runtime.block_on(otel::finish());
    ended
}
