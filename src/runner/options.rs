//! The options of a run: what a user asked for, however it was typed. `cli` fills them, in one place.

use std::{path::PathBuf, time::Duration};

use jiff::civil::Time;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    brand::row_options::Depth,
    config::{Folders, options::ServiceOptions},
    exit::{Exit, Failure},
    money::Usd,
    store::Location,
    text::lang::Lang,
};

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct RunOptions {
    pub source: SourceOptions,
    pub batch: BatchOptions,
    pub unattended: UnattendedOptions,
    pub shared: StateOptions,
    pub services: ServiceOptions,
    /// `None` for a run against real services.
    pub rehearsal: Option<RehearsalOptions>,
    pub verbosity: Verbosity,
}

/// Where the brands come from.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// `None` where no list was named.
    pub list: Option<ListSource>,
    /// The tab of a workbook or sheet.
    pub tab: Option<String>,
    /// How many of the first brands count.
    pub limit: Option<usize>,
}

/// The list of a run.
#[derive(Clone, Debug)]
pub enum ListSource {
    /// The Google Sheet of the settings.
    Sheet,
    /// A CSV or XLSX file.
    File(PathBuf),
    /// One brand, without a list.
    Brand {
        name: String,
        website: Option<String>,
        parent: Option<String>,
    },
}

/// How the work is done.
#[derive(Clone, Debug, Default)]
pub struct BatchOptions {
    /// Brands that are researched at the same time.
    pub workers: usize,
    /// The most that the run may spend, in US dollars.
    pub budget: Option<Usd>,
    /// Brands that are read ahead and written back together.
    pub chunk_size: usize,
    pub depth: Depth,
    /// The tab of the sheet that keeps key findings.
    pub results_tab: Option<String>,
    /// Every brand is due.
    pub force: bool,
    /// Days after which the report of an unchanged brand is made anew.
    pub max_age: Option<u32>,
    /// Only brands whose last result is a failure are due.
    pub retry_failed_only: bool,
    /// Nothing is spent and nothing is written.
    pub dry_run: bool,
    pub lang: Lang,
}

/// What a run does when nobody watches.
#[derive(Clone, Debug, Default)]
pub struct UnattendedOptions {
    /// The time of the local day by which brands have to be done.
    pub deadline: Option<Time>,
    pub max_time: Option<Duration>,
    /// The file, the webhook or `-` that gets the report of the run.
    pub report_to: Option<String>,
    /// Days for which logs are kept.
    pub keep_logs: u32,
}

/// Where state is kept that several hosts share.
#[derive(Clone, Debug, Default)]
pub struct StateOptions {
    /// The URL of a database, which may hold a password.
    pub state: Option<SecretString>,
}

/// A run against simulated services.
#[derive(Clone, Debug)]
pub struct RehearsalOptions {
    /// How many times faster than reality it runs.
    pub speed: f64,
}

/// What is shown on the terminal; logs are unaffected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// What a person must see.
    Quiet,
    #[default]
    Normal,
    /// A line for each brand and each retry, too.
    Verbose,
}

impl RunOptions {
    /// Whether the services are simulated ones.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some()
    }

    /// Where the state is: in the state folder of this host, or in the database that was named.
    ///
    /// # Errors
    /// When the URL is none of a database.
    pub fn location(&self) -> anyhow::Result<Location> {
        self.shared.location(self.is_rehearsal())
    }
}

impl SourceOptions {
    /// Whether the list is the Google Sheet.
    pub fn is_sheet(&self) -> bool {
        matches!(self.list, Some(ListSource::Sheet))
    }

    /// The list.
    ///
    /// # Errors
    /// With [`Exit::Usage`] when none was named.
    pub fn list(&self) -> Result<&ListSource, Failure> {
        self.list.as_ref().ok_or_else(nothing_named)
    }
}

impl StateOptions {
    /// Where the state is; a rehearsal is always this host's own. The URL is read here, so that no error repeats the password.
    ///
    /// # Errors
    /// When the URL is none of a database.
    pub fn location(&self, is_rehearsal: bool) -> anyhow::Result<Location> {
        match self.state.as_ref().filter(|_| !is_rehearsal) {
            Some(url) => Location::database(url.expose_secret())
                .map_err(|why| anyhow::anyhow!("--state (BRANDINTEL_STATE): {why}")),
            None => Ok(Location::Folder(Folders::new(is_rehearsal).state)),
        }
    }
}

impl Verbosity {
    pub fn is_quiet(self) -> bool {
        self == Self::Quiet
    }

    pub fn is_verbose(self) -> bool {
        self == Self::Verbose
    }
}

const NEXT: &str = "
  To rehearse, without keys:  brandintel --google-sheets --sandbox --workers 8 --limit 20
  To set up keys and sheet:   brandintel init
  All flags and commands:     brandintel -h";

/// No list was named.
pub fn nothing_named() -> Failure {
    Failure::new(
        Exit::Usage,
        format!("nothing to research: use --google-sheets, --brands FILE or --brand NAME\n{NEXT}"),
    )
}
