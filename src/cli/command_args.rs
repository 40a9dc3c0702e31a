//! The arguments of the commands other than the batch.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, builder::BoolishValueParser};
use secrecy::SecretString;

use super::{RunArgs, StateArgs, not_blank, rate, secret, speed};
use crate::sandbox::SchemaRules;

/// The flags of `check`: those of the batch to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The flags of the batch.
    #[command(flatten)]
    pub run: RunArgs,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
    /// Spend nothing: no question to the model and no search
    #[arg(long)]
    pub free: bool,
}

/// Which of the program's folders are meant.
#[derive(Clone, Copy, Debug, Args)]
pub struct FolderArgs {
    /// Use the rehearsal's folders, below sandbox/
    #[arg(long, env = "BRANDINTEL_SANDBOX", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub sandbox: bool,
}

/// What `open` opens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Page")]
pub struct OpenArgs {
    /// The brand to open; without it, the portfolio
    #[arg(value_parser = not_blank, help_heading = "Page")]
    pub brand: Option<String>,
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
}

/// The flags of `export`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Reports")]
pub struct ExportArgs {
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// The flags of `status`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "View")]
pub struct StatusArgs {
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
    /// Show who owns whom according to all reports, and rivals under the same owner
    #[arg(long)]
    pub graph: bool,
    /// Show where the money went, with a forecast for the month
    #[arg(long, conflicts_with = "graph")]
    pub spent: bool,
    /// Group spending by this [default: day]
    #[arg(long, value_name = "WHAT", value_enum, requires = "spent")]
    pub by: Option<By>,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// What spending is added up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Days in Iran (Tehran's midnight)
    #[default]
    Day,
    /// Months of the Iranian calendar
    Month,
    /// Lists of brands
    List,
    /// Stages of the research, such as search and analyst
    Stage,
    /// Models, and services without one
    Model,
}

/// The flags of `support`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Contents")]
pub struct SupportArgs {
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
    /// Include only this brand; other rows of the list are left out
    #[arg(long, value_name = "NAME", value_parser = not_blank)]
    pub brand: Option<String>,
    /// File to write [default: brandintel-support-….json in this folder]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// The flags of `move`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Places")]
pub struct MoveArgs {
    /// State folder or database URL to move from
    ///
    /// If this is a database, --to defaults to the folder state/. The URL may contain a password, so set BRANDINTEL_STATE
    /// and name only the folder.
    #[arg(long, value_name = "PLACE", value_parser = secret, value_hint = clap::ValueHint::DirPath)]
    pub from: Option<SecretString>,
    /// State folder or database URL to move to
    ///
    /// If this is a database, --from defaults to the folder state/.
    #[arg(long, value_name = "PLACE", value_parser = secret, value_hint = clap::ValueHint::DirPath)]
    pub to: Option<SecretString>,
    /// The database, if only a folder is named.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// The flags of `sandbox`.
#[derive(Clone, Debug, Args)]
pub struct SandboxArgs {
    /// Loopback port to serve on; 0 takes a free one
    #[arg(long, default_value_t = 4170)]
    pub port: u16,
    /// How many times faster than real time the services answer
    #[arg(long, value_name = "X", default_value = "10", value_parser = speed)]
    pub speed: f64,
    /// Model requests per minute before the service answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub llm_limit: Option<u32>,
    /// Search requests per minute before the service answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub search_limit: Option<u32>,
    /// Sheet reads, and sheet writes, per minute before the service answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub sheets_limit: Option<u32>,
    /// Requests allowed in a burst under each limit [default: a tenth of the limit]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub burst: Option<u32>,
    /// Fault to inject, such as llm:429:0.2; may be repeated
    ///
    /// SERVICE:FAULT affects all requests, SERVICE:FAULT:SHARE a share of them, SERVICE:FAULT:Nx the first N,
    /// SERVICE:FAULT:20x+600s those in the 600 seconds after the first 20, and SERVICE:FAULT:20x+ all after the first 20.
    ///
    /// Services: llm, search, sheets. Faults: a status such as 429 or 503, html, redirect, blank, stranger, cut, lost, stall,
    /// drip, huge, bomb, echo, and for llm also error-in-200, no-choices, empty, length, bad-json, moderation.
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<crate::sandbox::Fault>,
    /// Bill every model call at the maximum it allows
    #[arg(long)]
    pub dear: bool,
    /// Refuse JSON schemas as this provider's models do
    #[arg(long, value_name = "RULES", value_enum, default_value_t)]
    pub schema_rules: SchemaRules,
    /// Replay the failures recorded in a `brandintel support` file
    ///
    /// Requests that failed there fail here in the same way and order; they are matched by service, endpoint, brand and body.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Serve this CSV file as the spreadsheet
    ///
    /// Without it, a built-in list of brands is served.
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
}
