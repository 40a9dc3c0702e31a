//! The one place where flags become the options of a run. Every struct is taken apart by all its fields, so that a flag
//! that is forgotten here does not compile.

use super::{
    BatchArgs, RunArgs, ServiceArgs, SourceArgs, StateArgs, UnattendedArgs, VerbosityArgs,
};
use crate::{
    config::options::{RateOptions, ServiceOptions},
    runner::options::{
        self, BatchOptions, ListSource, RehearsalOptions, RunOptions, SourceOptions, StateOptions,
        UnattendedOptions,
    },
};

impl From<RunArgs> for RunOptions {
    fn from(args: RunArgs) -> Self {
        let RunArgs {
            source,
            batch,
            unattended,
            shared,
            services,
            verbosity,
        } = args;
        let (services, rehearsal) = of_services(services);
        Self {
            source: source.into(),
            batch: batch.into(),
            unattended: unattended.into(),
            shared: shared.into(),
            services,
            rehearsal,
            verbosity: verbosity.into(),
        }
    }
}

impl From<SourceArgs> for SourceOptions {
    fn from(args: SourceArgs) -> Self {
        let SourceArgs {
            google_sheets,
            brands,
            brand,
            website,
            parent,
            tab,
            limit,
        } = args;
        // At most one is named: `Cli::read` sees to that.
        let list = match (google_sheets, brands, brand) {
            (true, _, _) => Some(ListSource::Sheet),
            (false, Some(file), _) => Some(ListSource::File(file)),
            (false, None, Some(name)) => Some(ListSource::Brand {
                name,
                website,
                parent,
            }),
            (false, None, None) => None,
        };
        Self { list, tab, limit }
    }
}

impl From<BatchArgs> for BatchOptions {
    fn from(args: BatchArgs) -> Self {
        let BatchArgs {
            workers,
            budget,
            chunk_size,
            depth,
            results_tab,
            force,
            max_age,
            retry_failed_only,
            dry_run,
            lang,
        } = args;
        Self {
            workers,
            budget,
            chunk_size,
            depth,
            results_tab,
            force,
            max_age,
            retry_failed_only,
            dry_run,
            lang,
        }
    }
}

impl From<UnattendedArgs> for UnattendedOptions {
    fn from(args: UnattendedArgs) -> Self {
        let UnattendedArgs {
            deadline,
            max_time,
            report_to,
            keep_logs,
        } = args;
        Self {
            deadline,
            max_time,
            report_to,
            keep_logs,
        }
    }
}

impl From<StateArgs> for StateOptions {
    fn from(args: StateArgs) -> Self {
        let StateArgs { state } = args;
        Self { state }
    }
}

fn of_services(args: ServiceArgs) -> (ServiceOptions, Option<RehearsalOptions>) {
    let ServiceArgs {
        model,
        llm_rpm,
        search_rpm,
        sheets_rpm,
        sandbox,
        sandbox_speed,
        // They are for the simulated services, and not for the run: see `commands::rehearsal`.
        sandbox_fault: _,
        schema_rules: _,
    } = args;
    let services = ServiceOptions {
        model,
        rates: RateOptions {
            llm: llm_rpm,
            search: search_rpm,
            sheets: sheets_rpm,
        },
    };
    let rehearsal = RehearsalOptions {
        speed: sandbox_speed,
    };
    (services, sandbox.then_some(rehearsal))
}

impl From<VerbosityArgs> for options::Verbosity {
    fn from(flags: VerbosityArgs) -> Self {
        let VerbosityArgs { quiet, verbose } = flags;
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Verbose,
            (false, false) => Self::Normal,
        }
    }
}

impl StateArgs {
    /// Where the state is.
    ///
    /// # Errors
    /// When the URL is none of a database.
    pub fn location(&self, sandbox: bool) -> anyhow::Result<crate::store::Location> {
        StateOptions::from(self.clone()).location(sandbox)
    }
}
