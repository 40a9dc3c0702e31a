//! The commands and flags. Every flag can also be set by the environment variable named beside it.

pub mod completions;
pub mod help;
pub mod man_page;
mod unattended;

use std::path::PathBuf;

use clap::{
    ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{BoolishValueParser, Resettable},
    error::ErrorKind,
    parser::ValueSource,
};
use secrecy::{ExposeSecret, SecretString};

pub use self::unattended::UnattendedArgs;
use crate::{
    bench::BenchArgs,
    brand::row_options::Depth,
    config::Folders,
    money::Usd,
    research::Stages,
    sandbox::{SchemaRules, Temper},
<<<<<<< /tmp/tw.rs
    store::Location,
    text::number,
=======
    store::postgres::Address,
    text::{lang::Lang, number},
>>>>>>> /tmp/tm.rs
};

/// Research a list of brands and leave a brief with evidence for each.
///
/// The list comes from a Google Sheet, a CSV or an XLSX file. Tavily finds pages, a language model behind OpenRouter reads
/// them, and the program itself checks that each fact stands in its page. Unchanged brands are skipped, a run that was cut
/// off is gone on with, nothing is paid for twice, and the budget is never exceeded.
#[derive(Debug, Parser)]
#[command(
    name = "brandintel",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub struct Cli {
    /// What to do instead of running a batch.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Work in this folder, as if the program were started there
    // It is taken before all others are read, because the folder has a .env.
    #[arg(short = 'C', value_name = "DIR", env = "BRANDINTEL_FOLDER", global = true, value_hint = clap::ValueHint::DirPath, display_order = 1_000)]
    pub folder: Option<PathBuf>,
    /// The flags of the batch.
    #[command(flatten)]
    pub run: RunArgs,
}

impl Cli {
    /// Reads flags and environment. Where flags exclude each other, one on the command line wins over one from the
    /// environment, and two on the command line are a usage error.
    pub fn read(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, clap::Error> {
        let args: Vec<_> = args.into_iter().collect();
        let matches = set_variables_alone(help::command())
            .try_get_matches_from(&args)
            .map_err(|error| help::with_remedy(error, &args))?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.run.nothing_typed = !asks_for_something(&matches);
        let run = match &mut cli.command {
            None => Some((&mut cli.run, &matches)),
            Some(Command::Check(check)) => matches
                .subcommand()
                .map(|(_, matches)| (&mut check.run, matches)),
            Some(_) => None,
        };
        if let Some((run, matches)) = run {
            let source = &mut run.source;
            match exclusive(matches, &["google_sheets", "brands", "brand"])? {
                Some("google_sheets") => (source.brands, source.brand) = (None, None),
                Some("brands") => (source.google_sheets, source.brand) = (false, None),
                Some(_) => (source.google_sheets, source.brands) = (false, None),
                None => {}
            }
            match exclusive(matches, &["quiet", "verbose"])? {
                Some("quiet") => run.verbosity.verbose = false,
                Some(_) => run.verbosity.quiet = false,
                None => {}
            }
            match exclusive(matches, &["force", "retry_failed_only"])? {
                Some("force") => run.batch.retry_failed_only = false,
                Some(_) => run.batch.force = false,
                None => {}
            }
        }
        Ok(cli)
    }

    /// Whether settings of a folder above are to be named: not where only what a person must see is printed, where
    /// settings are not used, and by `check`, which names them itself.
    pub fn names_settings(&self) -> bool {
        match &self.command {
            None => !self.run.verbosity.quiet,
            Some(Command::Init | Command::Status(_) | Command::Export(_) | Command::Move(_)) => {
                true
            }
            Some(_) => false,
        }
    }
}

/// Flags that say how something is shown, and not that anything is to be done: `-v` is typed by who wants to see the version.
const MANNERS: [&str; 3] = ["quiet", "verbose", "folder"];

/// Whether a flag was typed that asks for something.
fn asks_for_something(matches: &ArgMatches) -> bool {
    help::command()
        .get_arguments()
        .map(|arg| arg.get_id().as_str())
        .filter(|id| !MANNERS.contains(id) && matches.try_contains_id(id).is_ok())
        .any(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
}

/// The command without environment variables that are blank: those are as good as not set.
fn set_variables_alone(command: clap::Command) -> clap::Command {
    let blank = |name: &std::ffi::OsStr| {
        std::env::var_os(name).is_some_and(|value| value.to_string_lossy().trim().is_empty())
    };
    command
        .mut_args(|arg| match arg.get_env().is_some_and(blank) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(set_variables_alone)
}

/// Which of these flags is meant, when at most one can be.
fn exclusive<'a>(matches: &ArgMatches, flags: &[&'a str]) -> Result<Option<&'a str>, clap::Error> {
    let from = |source| {
        flags
            .iter()
            .copied()
            .filter(|flag| matches.value_source(flag) == Some(source))
            // An environment variable can also say no: BRANDINTEL_FORCE=0.
            .filter(|flag| !matches!(matches.try_get_one::<bool>(flag), Ok(Some(false))))
            .collect::<Vec<_>>()
    };
    let typed = from(ValueSource::CommandLine);
    let set = from(ValueSource::EnvVariable);
    let meant = if typed.is_empty() { set } else { typed };
    match meant[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [one, other, ..] => Err(help::command().error(
            ErrorKind::ArgumentConflict,
            format!(
                "--{} and --{} exclude each other: give one of them",
                one.replace('_', "-"),
                other.replace('_', "-")
            ),
        )),
    }
}

/// What to do instead of running a batch.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure the research in a closed world of invented brands
    #[command(display_order = 90)]
    Bench(BenchArgs),
    /// Ask for what is missing (keys, sheet), try it, and write it into .env
    Init,
    /// Prove keys, quota, sheet, clock and folders, and price a batch
    ///
    /// Says of each whether it is in order and how to mend it, and what a batch with the same flags would cost. Asks
    /// the model one small question of each stage and the search service one search, for about a cent; with --free it spends
    /// nothing.
    Check(Box<CheckArgs>),
    /// Show the registry and the last run at a glance
    Status(StatusArgs),
    /// Open the portfolio, or the page of a brand
    ///
    /// Says where the page is, and opens it where there is a terminal and a browser. The brand is found however it is typed.
    Open(OpenArgs),
    /// Rebuild reports, tables and workbook, spending nothing
    Export(ExportArgs),
    /// Move everything from the folder state/ into a database that hosts share, or back
    ///
    /// What became of each brand, every answer that was paid for, budgets, runs and reports. A run that was cut off is gone
    /// on with there. Nothing may be at work in either place, and the one that it goes to has to be empty.
    Move(MoveArgs),
    /// Write one file for a report of a fault, without secrets
    ///
    /// Settings, versions, the last log, what became of brands, and the exchanges with services that went wrong, as they were
    /// on the wire. Look through it before you send it. `brandintel sandbox --replay FILE` plays the exchanges back.
    Support(SupportArgs),
    /// Serve the simulated services on a loopback port
    ///
    /// OpenRouter, Tavily, Google Sheets and the sign-in of a service account, with latency, limits and faults to choose.
    Sandbox(SandboxArgs),
    /// Print the completion script of a shell
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// The command whose page is meant; without it, that of the program
        command: Option<String>,
    },
}

/// The flags of a batch.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the brands come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How the work is done.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// What it does when nobody watches.
    #[command(flatten)]
    pub unattended: UnattendedArgs,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
    /// Which services are asked, and how often.
    #[command(flatten)]
    pub services: ServiceArgs,
    /// What is shown on the terminal.
    #[command(flatten)]
    pub verbosity: Verbosity,
    /// Parts of the research that a benchmark leaves out.
    #[arg(skip = Stages::ALL)]
    pub stages: Stages,
    /// Nothing was asked for on the command line.
    #[arg(skip)]
    pub nothing_typed: bool,
    /// In a rehearsal, ask the models of the settings and not simulated ones.
    #[arg(skip)]
    pub real_models: bool,
}

impl RunArgs {
    /// The flags of a rehearsal at this speed, and all others as they are without flags; no list is named, and nobody is
    /// told of the run.
    pub fn of_sandbox(speed: f64) -> Self {
        let speed = format!("--sandbox-speed={speed}");
        let command = set_variables_alone(help::command());
        let matches = command.get_matches_from(["brandintel", "--sandbox", &speed]);
        let mut run = match Cli::from_arg_matches(&matches) {
            Ok(cli) => cli.run,
            Err(error) => error.exit(),
        };
        run.source = SourceArgs::default();
        run.unattended.report_to = None;
        run.shared.state = None;
        run
    }
}

/// Where the brands come from.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The list")]
pub struct SourceArgs {
    /// Read the brand list from the configured Google Sheet
    #[arg(long, env = "BRANDINTEL_GOOGLE_SHEETS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub google_sheets: bool,
    /// Read the list from a CSV or XLSX file
    #[arg(long, value_name = "FILE", env = "BRANDINTEL_BRANDS")]
    pub brands: Option<PathBuf>,
    /// Research one brand, without a list
    #[arg(long, value_name = "NAME", env = "BRANDINTEL_BRAND", value_parser = not_blank)]
    pub brand: Option<String>,
    /// The website of --brand
    #[arg(
        long,
        value_name = "URL",
        env = "BRANDINTEL_WEBSITE",
        requires = "brand"
    )]
    pub website: Option<String>,
    /// The parent company of --brand
    #[arg(
        long,
        value_name = "NAME",
        env = "BRANDINTEL_PARENT",
        requires = "brand"
    )]
    pub parent: Option<String>,
    /// The tab of a workbook or sheet [default: INPUT where there is such a tab, else the first with a header]
    #[arg(long, value_name = "NAME", env = "BRANDINTEL_TAB", value_parser = not_blank)]
    pub tab: Option<String>,
    /// Consider only the first N brands of the list
    #[arg(long, value_name = "N", env = "BRANDINTEL_LIMIT", value_parser = positive)]
    pub limit: Option<usize>,
}

/// How the work is done.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The batch")]
pub struct BatchArgs {
    /// Brands in flight, 1 to 16; 8 is recommended
    #[arg(long, value_name = "N", env = "BRANDINTEL_WORKERS", default_value_t = 1, value_parser = workers)]
    pub workers: usize,
    /// Hard cap on what this run may spend, in US dollars
    #[arg(long, value_name = "USD", env = "BRANDINTEL_BUDGET")]
    pub budget: Option<Usd>,
    /// Brands read ahead and written back together
    #[arg(long, value_name = "N", env = "BRANDINTEL_CHUNK_SIZE", default_value_t = 50, value_parser = positive)]
    pub chunk_size: usize,
    /// How much is asked about each brand
    #[arg(
        long,
        env = "BRANDINTEL_DEPTH",
        value_enum,
        ignore_case = true,
        default_value_t
    )]
    pub depth: Depth,
    /// Keep a row of key findings for each brand in this tab of the sheet, which is added where it is missing
    #[arg(long, value_name = "NAME", env = "BRANDINTEL_RESULTS_TAB", value_parser = not_blank)]
    pub results_tab: Option<String>,
    /// Ignore the registry: process every brand again
    #[arg(long, env = "BRANDINTEL_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub force: bool,
    /// Do unchanged brands again whose reports are older
    #[arg(long, value_name = "DAYS", env = "BRANDINTEL_MAX_AGE", value_parser = age)]
    pub max_age: Option<u32>,
    /// Process only brands whose last result is a failure
    #[arg(long, env = "BRANDINTEL_RETRY_FAILED_ONLY", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub retry_failed_only: bool,
    /// Print what would be done; spend nothing, write nothing
    #[arg(long, env = "BRANDINTEL_DRY_RUN", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub dry_run: bool,
    /// Language of the reports
    #[arg(long, value_name = "LANG", env = "BRANDINTEL_LANG", value_enum, ignore_case = true, default_value_t = Lang::Both)]
    pub lang: Lang,
}

/// Where state is kept that several hosts share.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Many hosts")]
pub struct StateArgs {
    /// PostgreSQL database that hosts share
    ///
    /// They share the list, the registry, paid answers, the budget, and the rates of the keys. Without it, all of this is
    /// this host's own, in the folder state/. The URL may hold a password: better set BRANDINTEL_STATE.
    #[arg(
        long,
        value_name = "URL",
        env = "BRANDINTEL_STATE",
        hide_env_values = true,
        value_parser = secret
    )]
    pub state: Option<SecretString>,
}

impl StateArgs {
    /// Where it is; a rehearsal is always this host's own. The URL is read here, so that no error repeats the password.
    pub fn location(&self, sandbox: bool) -> anyhow::Result<Location> {
        match self.database(sandbox)? {
            Some(database) => Ok(database),
            None => Ok(Location::Folder(Folders::new(sandbox).state)),
        }
    }

    /// The database, where one is named.
    pub fn database(&self, sandbox: bool) -> anyhow::Result<Option<Location>> {
        let read = |url: &SecretString| {
            let location = Location::database(url.expose_secret());
            location.map_err(|why| anyhow::anyhow!("--state (BRANDINTEL_STATE): {why}"))
        };
        let url = self.state.as_ref().filter(|_| !sandbox);
        url.map(read).transpose()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what reads a flag may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

/// Which services are asked, and how often.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Services")]
pub struct ServiceArgs {
    /// OpenRouter model, or several: the next is asked when one cannot be [default: google/gemini-3.1-flash-lite]
    ///
    /// With --model a,b,c the next model is asked when one is refused, gone, out of capacity or will not speak about a brand.
    /// A budget holds the dearest of them, and each report says which models answered.
    #[arg(long, value_name = "SLUG[,SLUG…]", env = "OPENROUTER_MODEL")]
    pub model: Option<String>,
    /// Model requests allowed per minute [default: 60]
    #[arg(long, value_name = "N", env = "BRANDINTEL_LLM_RPM", value_parser = rate)]
    pub llm_rpm: Option<u32>,
    /// Search requests allowed per minute [default: 100]
    #[arg(long, value_name = "N", env = "BRANDINTEL_SEARCH_RPM", value_parser = rate)]
    pub search_rpm: Option<u32>,
    /// Google Sheets requests allowed per minute [default: 60]
    #[arg(long, value_name = "N", env = "BRANDINTEL_SHEETS_RPM", value_parser = rate)]
    pub sheets_rpm: Option<u32>,
    /// Rehearse: simulated services, no keys, no money
    #[arg(long, env = "BRANDINTEL_SANDBOX", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub sandbox: bool,
    /// How many times faster than reality it runs
    ///
    /// Latencies are shorter and limits higher.
    #[arg(long, value_name = "X", env = "BRANDINTEL_SANDBOX_SPEED", default_value = "10", value_parser = speed)]
    pub sandbox_speed: f64,
    /// What goes wrong in the rehearsal; may be repeated
    ///
    /// `llm:503:20x+600s` makes ten bad minutes after twenty good answers. See `brandintel sandbox --help` for all faults.
    #[arg(
        long,
        value_name = "FAULT",
        env = "BRANDINTEL_SANDBOX_FAULT",
        value_delimiter = ','
    )]
    pub sandbox_fault: Vec<crate::sandbox::Fault>,
    /// What the provider refuses in the rehearsal
    ///
    /// See `brandintel sandbox --help`.
    #[arg(
        long,
        value_name = "RULES",
        env = "BRANDINTEL_SCHEMA_RULES",
        value_enum,
        default_value_t
    )]
    pub schema_rules: SchemaRules,
}

/// What is shown on the terminal; logs are unaffected.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Verbosity {
    /// Print only what a person must see
    #[arg(short, long, env = "BRANDINTEL_QUIET", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub quiet: bool,
    /// Print a line for each brand and each retry
    #[arg(short, long, env = "BRANDINTEL_VERBOSE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub verbose: bool,
}

/// The flags of `check`: those of the batch that is to be proved.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The flags of the batch.
    #[command(flatten)]
    pub run: RunArgs,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
    /// Ask nothing that costs money: no question to the model and no search
    #[arg(long)]
    pub free: bool,
}

/// Which of the program's folders are meant.
#[derive(Clone, Copy, Debug, Args)]
pub struct FolderArgs {
    /// Use the folders of the rehearsals, below sandbox/
    #[arg(long, env = "BRANDINTEL_SANDBOX", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub sandbox: bool,
}

/// What `open` opens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What is opened")]
pub struct OpenArgs {
    /// The brand whose page is meant; without it, the portfolio
    #[arg(value_parser = not_blank, help_heading = "What is opened")]
    pub brand: Option<String>,
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
}

/// The flags of `export`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What is rendered")]
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
#[command(next_help_heading = "What is shown")]
pub struct StatusArgs {
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
    /// Print JSON for scripts
    #[arg(long)]
    pub json: bool,
    /// Show who owns whom, as all reports say together, and rivals of one holding
    #[arg(long)]
    pub graph: bool,
    /// Show where the money went, and what the month will come to
    #[arg(long, conflicts_with = "graph")]
    pub spent: bool,
    /// What --spent adds up by [default: day]
    #[arg(long, value_name = "WHAT", value_enum, requires = "spent")]
    pub by: Option<By>,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// What spending is added up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Days, as in Iran
    #[default]
    Day,
    /// Months of the Iranian calendar
    Month,
    /// Lists of brands
    List,
    /// Stages of the research, such as search and analyst
    Stage,
    /// Models, and services that have none
    Model,
}

/// The flags of `support`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What goes into it")]
pub struct SupportArgs {
    /// Which folders.
    #[command(flatten)]
    pub folders: FolderArgs,
    /// Only what concerns this brand; other rows of the list are left out
    #[arg(long, value_name = "NAME", value_parser = not_blank)]
    pub brand: Option<String>,
    /// Where to write it [default: brandintel-support-….json here]
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
    /// State folder, or URL of a database, to take everything from
    ///
    /// With a database, --to is the folder state/ unless it is named. The URL may hold a password: better set
    /// BRANDINTEL_STATE, and name the folder alone.
    #[arg(long, value_name = "PLACE", value_parser = secret, value_hint = clap::ValueHint::DirPath)]
    pub from: Option<SecretString>,
    /// State folder, or URL of a database, to put everything into
    ///
    /// With a database, --from is the folder state/ unless it is named.
    #[arg(long, value_name = "PLACE", value_parser = secret, value_hint = clap::ValueHint::DirPath)]
    pub to: Option<SecretString>,
    /// The database, where a folder alone is named.
    #[command(flatten)]
    pub shared: StateArgs,
}

/// The flags of `sandbox`.
#[derive(Clone, Debug, Args)]
pub struct SandboxArgs {
    /// Loopback port to serve on; 0 takes a free one
    #[arg(long, default_value_t = 4170)]
    pub port: u16,
    /// How many times faster than reality the services answer
    #[arg(long, value_name = "X", default_value = "10", value_parser = speed)]
    pub speed: f64,
    /// Model requests a minute before it answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub llm_limit: Option<u32>,
    /// Search requests a minute before it answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub search_limit: Option<u32>,
    /// Sheet reads, and writes, a minute before it answers 429
    #[arg(long, value_name = "N", value_parser = rate)]
    pub sheets_limit: Option<u32>,
    /// Requests that pass at once under each limit [default: a tenth of a minute's]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub burst: Option<u32>,
    /// Fault to inject, such as llm:429:0.2; may be repeated
    ///
    /// Written as SERVICE:FAULT for all requests, SERVICE:FAULT:SHARE for some, SERVICE:FAULT:Nx for the first N, or
    /// SERVICE:FAULT:20x+600s for 600 seconds after the first 20, SERVICE:FAULT:20x+ for ever after them.
    ///
    /// Services: llm, search, sheets. Faults: a status such as 429 or 503, html, redirect, blank, stranger, cut, lost, stall,
    /// drip, huge, bomb, echo, and for llm also error-in-200, no-choices, empty, length, bad-json, moderation.
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<crate::sandbox::Fault>,
    /// Bill each model call up to the most that it allows
    #[arg(long)]
    pub dear: bool,
    /// Refuse requests as the models of this provider do
    #[arg(long, value_name = "RULES", value_enum, default_value_t)]
    pub schema_rules: SchemaRules,
    /// Serve the closed world of `brandintel bench` with this seed
    ///
    /// It has 60 brands, and stands instead of the usual pages.
    #[arg(long, value_name = "SEED", conflicts_with = "list")]
    pub city: Option<u64>,
    /// Night of the closed world
    ///
    /// From the second on something changes each night, and the rest is said in other words.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "city")]
    pub night: u32,
    /// How the models behave that read the closed world
    #[arg(long, value_enum, default_value_t, requires = "city")]
    pub temper: Temper,
    /// Answer as in a file of `brandintel support`
    ///
    /// Requests that went wrong there go wrong here: they are known by service, endpoint, brand and body, in their order.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Serve this CSV file as the spreadsheet
    ///
    /// Without it, the brands that are built in.
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
}

fn workers(text: &str) -> Result<usize, String> {
    match number(text).parse() {
        Ok(n @ 1..=16) => Ok(n),
        _ => Err("the number of workers is 1 to 16 (8 is recommended)".into()),
    }
}

fn not_blank(text: &str) -> Result<String, String> {
    match crate::text::clean(text).is_empty() {
        true => Err("write a name".into()),
        false => Ok(text.to_owned()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match number(text).parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("write a whole number of 1 or more".into()),
    }
}

fn age(text: &str) -> Result<u32, std::num::ParseIntError> {
    number(text).parse()
}

fn rate(text: &str) -> Result<u32, String> {
    match number(text).parse() {
        Ok(n @ 1..=1_000_000) => Ok(n),
        _ => Err("requests per minute are a whole number from 1 to 1000000".into()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match number(text).parse() {
        Ok(x) if (0.1..=100_000.0).contains(&x) => Ok(x),
        _ => Err("the speed is a number from 0.1 to 100000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::read(
            std::iter::once("brandintel")
                .chain(args.iter().copied())
                .map(Into::into),
        )
    }

    #[test]
    fn two_lists_are_refused() {
        let error = read(&["--google-sheets", "--brands", "x.csv"]).unwrap_err();
        assert!(error.to_string().contains("exclude each other"));
        assert!(read(&["-q", "-v", "--google-sheets"]).is_err());
        assert!(read(&["--force", "--retry-failed-only", "--google-sheets"]).is_err());
    }

    #[test]
    fn workers_are_one_to_sixteen() {
        for bad in ["0", "17", "-1", "eight"] {
            let error = read(&["--google-sheets", &format!("--workers={bad}")]).unwrap_err();
            assert!(error.to_string().contains("1 to 16"), "{error}");
        }
        assert_eq!(
            read(&["--google-sheets", "--workers", "16"])
                .unwrap()
                .run
                .batch
                .workers,
            16
        );
    }

    #[test]
    fn values_are_read_as_people_and_persian_keyboards_write_them() {
        let args = [
            "--google-sheets",
            "--workers=۸",
            "--budget=۵۰٫۲۵",
            "--limit=١٬٠٠٠",
            "--max-age=۳۰",
            "--llm-rpm=\u{200F}۶۰",
            "--deadline=۰۶:۳۰",
            "--max-time=۹۰m",
            "--keep-logs=۷",
            "--depth=Quick",
            "--lang=FA",
        ];
        let run = read(&args).unwrap().run;
        assert_eq!(run.batch.workers, 8);
        assert_eq!(run.batch.budget.unwrap().to_string(), "$50.25");
        assert_eq!(run.source.limit, Some(1_000));
        assert_eq!(run.batch.max_age, Some(30));
        assert_eq!(run.services.llm_rpm, Some(60));
        assert_eq!(run.unattended.deadline.unwrap().to_string(), "06:30:00");
        assert_eq!(run.unattended.max_time.unwrap().as_secs(), 5_400);
        assert_eq!(run.unattended.keep_logs, 7);
        assert_eq!((run.batch.depth, run.batch.lang), (Depth::Quick, Lang::Fa));
    }

    #[test]
    fn the_rehearsal_and_the_sandbox_take_the_limits_of_a_provider() {
        let rehearsal = read(&["--sandbox", "--schema-rules", "gemini"]).unwrap();
        assert_eq!(rehearsal.run.services.schema_rules, SchemaRules::Gemini);
        let served = read(&["sandbox", "--schema-rules=anthropic"]).unwrap();
        let Some(Command::Sandbox(served)) = served.command else {
            panic!("{served:?}")
        };
        assert_eq!(served.schema_rules, SchemaRules::Anthropic);
        let error = read(&["--sandbox", "--schema-rules", "azure"]).unwrap_err();
        assert!(error.to_string().contains("unsupported"), "{error}");
    }

    #[test]
    fn every_batch_flag_has_an_environment_variable() {
        for arg in help::command().get_arguments() {
            if matches!(arg.get_id().as_str(), "help" | "version") {
                continue;
            }
            assert!(arg.get_env().is_some(), "--{} has none", arg.get_id());
        }
    }
}
