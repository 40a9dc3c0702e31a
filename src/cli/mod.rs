//! The commands and flags. Every flag can also be set by the environment variable named beside it.

mod command_args;
pub mod completions;
pub mod help;
pub mod man_page;
mod options;
mod unattended;
pub mod unreadable;
mod variables;

use std::path::PathBuf;

use clap::{
    ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand,
    builder::{BoolishValueParser, Resettable},
    error::ErrorKind,
    parser::ValueSource,
};
use secrecy::SecretString;

pub use self::{
    command_args::{
        By, CheckArgs, ExportArgs, FolderArgs, MoveArgs, OpenArgs, SandboxArgs, StatusArgs,
        SupportArgs,
    },
    unattended::UnattendedArgs,
    variables::variables,
};
use crate::{
    brand::row_options::Depth,
    money::Usd,
    sandbox::SchemaRules,
    text::{lang::Lang, number},
};

/// Research a list of brands and write a brief with evidence for each.
///
/// The list comes from a Google Sheet, a CSV or an XLSX file. Tavily finds web pages, a language model reached through
/// OpenRouter reads them, and the program itself checks that every quote occurs in its page. Unchanged brands are skipped,
/// an interrupted run is resumed, nothing is paid for twice, and the budget is never exceeded.
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
    /// Work in this folder, as if the program had been started there
    // It is taken before all others are read, because the folder has a .env.
    #[arg(short = 'C', value_name = "DIR", env = "BRANDINTEL_FOLDER", global = true, value_hint = clap::ValueHint::DirPath, display_order = 1_000)]
    pub folder: Option<PathBuf>,
    /// The flags of the batch.
    #[command(flatten)]
    pub run: RunArgs,
    /// Nothing was asked for on the command line.
    #[arg(skip)]
    pub nothing_typed: bool,
}

impl Cli {
    /// Reads flags and environment. Of flags that cannot be used together, one on the command line wins over one from
    /// the environment; two on the command line are a usage error.
    pub fn read(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, clap::Error> {
        let args: Vec<_> = args.into_iter().collect();
        let matches = set_variables_alone(help::command())
            .try_get_matches_from(&args)
            .map_err(|error| help::with_remedy(error, &args))?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.nothing_typed = !asks_for_something(&matches);
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

    /// Whether only what a person must see is printed. What `check` prints as JSON is a result.
    pub fn is_quiet(&self) -> bool {
        match &self.command {
            None => self.run.verbosity.quiet,
            Some(Command::Check(check)) => check.run.verbosity.quiet && !check.json,
            Some(_) => false,
        }
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
                "--{} and --{} cannot be used together",
                one.replace('_', "-"),
                other.replace('_', "-")
            ),
        )),
    }
}

/// What to do instead of running a batch.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask for missing keys and the sheet, test each one, and write it to .env
    Init,
    /// Check credentials, quota, sheet, clock and folders, and estimate the cost
    ///
    /// Tells you what is wrong with the set-up and how to fix it, and estimates what a batch with the same flags would cost.
    /// Asks the model one small question for each stage and makes one search, for about a cent; with --free it spends
    /// nothing.
    Check(Box<CheckArgs>),
    /// Show the registry and the last run at a glance
    Status(StatusArgs),
    /// Open the portfolio or a brand's page
    ///
    /// Opens the page in a browser; without a terminal or a browser it prints the path. The spelling of the brand does not
    /// have to match exactly.
    Open(OpenArgs),
    /// Rebuild pages, tables and workbook from saved reports; costs nothing
    Export(ExportArgs),
    /// Move the state folder into a database shared by several hosts, or back
    ///
    /// Moves the registry, paid answers, budgets, runs and reports; an interrupted run is resumed at the destination. No run
    /// may be active in either place, and the destination has to be empty.
    Move(MoveArgs),
    /// Write a support file for a bug report, without secrets
    ///
    /// It contains settings, versions, the last log, the result of each brand, and the failed requests with their answers, as
    /// they went over the wire. Read it before you send it. `brandintel sandbox --replay FILE` replays those requests.
    Support(SupportArgs),
    /// Serve the simulated services on a loopback port
    ///
    /// Simulates OpenRouter, Tavily, Google Sheets and Google's sign-in, with configurable latency, limits and faults.
    Sandbox(SandboxArgs),
    /// Print a shell completion script
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man {
        /// The command to describe; without it, the program
        command: Option<String>,
    },
}

/// The flags of a batch.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The source of the brands.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How the work is done.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Unattended runs.
    #[command(flatten)]
    pub unattended: UnattendedArgs,
    /// Where state is kept that several hosts share.
    #[command(flatten)]
    pub shared: StateArgs,
    /// Which services are asked, and how often.
    #[command(flatten)]
    pub services: ServiceArgs,
    /// Output on the terminal.
    #[command(flatten)]
    pub verbosity: VerbosityArgs,
}

/// The source of the brands.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The list")]
pub struct SourceArgs {
    /// Read the brand list from the configured Google Sheet
    #[arg(long, env = "BRANDINTEL_GOOGLE_SHEETS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub google_sheets: bool,
    /// Read the brand list from a CSV or XLSX file
    #[arg(long, value_name = "FILE", env = "BRANDINTEL_BRANDS")]
    pub brands: Option<PathBuf>,
    /// Research a single brand instead of a list
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
    /// Tab of the workbook or sheet [default: INPUT if there is one, else the first tab with a header]
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
    /// Brands researched at the same time, 1 to 16 (8 recommended)
    #[arg(long, value_name = "N", env = "BRANDINTEL_WORKERS", default_value_t = 1, value_parser = workers)]
    pub workers: usize,
    /// Hard limit on what this run may spend, in US dollars
    #[arg(long, value_name = "USD", env = "BRANDINTEL_BUDGET")]
    pub budget: Option<Usd>,
    /// Brands that are read ahead, checkpointed and written back together
    #[arg(long, value_name = "N", env = "BRANDINTEL_CHUNK_SIZE", default_value_t = 50, value_parser = positive)]
    pub chunk_size: usize,
    /// How thoroughly each brand is researched
    #[arg(
        long,
        env = "BRANDINTEL_DEPTH",
        value_enum,
        ignore_case = true,
        default_value_t
    )]
    pub depth: Depth,
    /// Keep one row of key findings per brand in this tab of the sheet; it is created if missing
    #[arg(long, value_name = "NAME", env = "BRANDINTEL_RESULTS_TAB", value_parser = not_blank)]
    pub results_tab: Option<String>,
    /// Ignore the registry and process every brand again
    #[arg(long, env = "BRANDINTEL_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub force: bool,
    /// Research unchanged brands again once their report is older than DAYS
    #[arg(long, value_name = "DAYS", env = "BRANDINTEL_MAX_AGE", value_parser = age)]
    pub max_age: Option<u32>,
    /// Process only brands that failed last time
    #[arg(long, env = "BRANDINTEL_RETRY_FAILED_ONLY", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub retry_failed_only: bool,
    /// Print what would be done; spend and write nothing
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
    /// PostgreSQL database shared by several hosts
    ///
    /// The hosts share the list, the registry, paid answers, the budget and the rate limits. Without it, all of this is kept
    /// in the local folder state/. The URL may contain a password, so set BRANDINTEL_STATE rather than the flag.
    #[arg(
        long,
        value_name = "URL",
        env = "BRANDINTEL_STATE",
        hide_env_values = true,
        value_parser = secret
    )]
    pub state: Option<SecretString>,
}

#[expect(clippy::unnecessary_wraps, reason = "what reads a flag may fail")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

/// Which services are asked, and how often.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Services")]
pub struct ServiceArgs {
    /// OpenRouter model, or several in order of preference [default: google/gemini-3.1-flash-lite]
    ///
    /// With --model a,b,c the next model is asked when one is refused, gone, out of capacity, or declines to answer about a
    /// brand. The budget reserves enough for the most expensive of them, and each report names the models that answered.
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
    /// Rehearse against simulated services: no keys, no network, no cost
    #[arg(long, env = "BRANDINTEL_SANDBOX", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub sandbox: bool,
    /// How many times faster than real time the rehearsal runs
    ///
    /// Latencies are shorter and rate limits higher.
    #[arg(long, value_name = "X", env = "BRANDINTEL_SANDBOX_SPEED", default_value = "10", value_parser = speed)]
    pub sandbox_speed: f64,
    /// Inject a fault into the rehearsal; may be repeated
    ///
    /// `llm:503:20x+600s` is a ten-minute outage of the model after twenty good answers. See `brandintel sandbox --help` for
    /// all faults.
    #[arg(
        long,
        value_name = "FAULT",
        env = "BRANDINTEL_SANDBOX_FAULT",
        value_delimiter = ','
    )]
    pub sandbox_fault: Vec<crate::sandbox::Fault>,
    /// Simulate the JSON schema limits of this provider
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

/// Output on the terminal; logs are unaffected.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct VerbosityArgs {
    /// Print only what needs attention
    #[arg(short, long, env = "BRANDINTEL_QUIET", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub quiet: bool,
    /// Print a line for every brand and every retry
    #[arg(short, long, env = "BRANDINTEL_VERBOSE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub verbose: bool,
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
        assert!(error.to_string().contains("cannot be used together"));
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
