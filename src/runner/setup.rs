//! What a run begins with: settings, and the store in its folder or the one that hosts share.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use super::{
    errors::store_failure,
    options::{BatchOptions, ListSource, RehearsalOptions, RunOptions},
};
use crate::{
    config::{Settings, caps::Caps},
    exit::{Exit, Failure, OrExit},
    sandbox::{self, Sandbox},
    store::{
        LockError, StateFolder,
        job::Job,
        paid::Paid,
        postgres::{Address, Host, Night, Shared},
        sqlite::{self, Store},
    },
};

/// The settings of a run, and for a rehearsal the services that it speaks to.
pub async fn settings(
    options: &RunOptions,
    sandbox: Option<Arc<Sandbox>>,
) -> Result<(Settings, Option<Arc<Sandbox>>), Failure> {
    let services = &options.services;
    let source = &options.source;
    let Some(rehearsal) = &options.rehearsal else {
        let tab = source.tab.as_deref();
        let settings = Settings::from_environment(services, source.is_sheet(), tab);
        return Ok((settings.or_exit(Exit::Usage)?, None));
    };
    let is_benchmark = sandbox.is_some();
    let sandbox = match sandbox {
        Some(sandbox) => sandbox,
        None => start_sandbox(rehearsal).await?,
    };
    let settings = Settings::for_sandbox(services, rehearsal.speed, &sandbox);
    let mut settings = settings.or_exit(Exit::Usage)?;
    if is_benchmark {
        // Nobody pays for it, and each begins anew.
        settings.caps = Caps::default();
    }
    if !source.is_sheet() {
        settings.sheet = None;
    }
    Ok((settings, Some(sandbox)))
}

/// The settings that a batch with these options would have.
pub async fn settings_for_check(
    options: &RunOptions,
) -> Result<(Settings, Option<Arc<Sandbox>>), Failure> {
    settings(options, None).await
}

async fn start_sandbox(rehearsal: &RehearsalOptions) -> Result<Arc<Sandbox>, Failure> {
    let options = sandbox::Options {
        speed: rehearsal.speed,
        faults: rehearsal.faults.clone(),
        schema_rules: rehearsal.schema_rules,
        ..sandbox::Options::default()
    };
    let sandbox = Sandbox::start(options).await;
    Ok(Arc::new(sandbox.or_exit(Exit::Machine)?))
}

/// What a run needs to begin.
pub struct Begin<'a> {
    pub batch: &'a BatchOptions,
    pub list: &'a str,
    pub run_id: &'a str,
    pub caps: Caps,
    pub now: Timestamp,
    pub simulated: bool,
}

impl Begin<'_> {
    /// The store of paid answers, with the job that this run belongs to; and what was broken. A dry run has an empty one.
    pub fn in_folder(&self, state: Option<&StateFolder>) -> anyhow::Result<(Paid, Vec<String>)> {
        let (store, broken) = match state {
            Some(state) => Store::open(&state.file(sqlite::FILE), self.now)?,
            None => (Store::in_memory(self.now)?, Vec::new()),
        };
        store.lay_up()?;
        let job = Job::begin(&store, self.list, self.run_id, self.now, self.batch.force)?;
        let paid = Paid::new(Arc::new(store), job, self.batch.budget)?;
        Ok((paid.capped(self.caps, self.now)?, broken))
    }

    /// The same, where hosts share it: this one joins those that are at work on the list.
    pub async fn shared(
        &self,
        address: Address,
        state: &StateFolder,
    ) -> Result<(Paid, Night), Failure> {
        let shared = Shared::open(address).await.map_err(store_failure)?;
        let name = gethostname::gethostname().to_string_lossy().into_owned();
        let place = state.place().or_exit(Exit::Machine)?;
        let me = Host {
            // A folder that was copied to another machine is another one.
            place: format!("{place} {name}"),
            name,
            workers: self.batch.workers,
        };
        let Self {
            list,
            run_id,
            now,
            simulated,
            ..
        } = *self;
        let force = self.batch.force;
        let begin = async || {
            let begun = shared.begin(&me, list, run_id, now, force, simulated);
            Ok(begun.await?)
        };
        let night = shared.patiently(begin).await.map_err(store_failure)?;
        let paid = Paid::shared(&night, self.batch.budget);
        Ok((paid.capped(self.caps, now).or_exit(Exit::Machine)?, night))
    }
}

/// The same sheet or file is the same list, however often it is read.
pub fn list_id(options: &RunOptions, settings: &Settings) -> String {
    let source = &options.source;
    if let Some(ListSource::File(path)) = &source.list {
        // A file that is not there is named when it is read.
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let here = Path::new(".").canonicalize().ok();
        // A folder may be moved with its list. Hosts that share a store have a folder each, and one list at one path.
        let inside = here.filter(|_| options.shared.state.is_none());
        let path = inside.and_then(|here| whole.strip_prefix(here).ok());
        let path = path.unwrap_or(&whole).display();
        let tab = source.tab.as_deref().map(|tab| format!("#{}", tab.trim()));
        return format!("file:{path}{}", tab.unwrap_or_default());
    }
    match settings.spreadsheet() {
        Some((id, tab)) if source.is_sheet() => {
            format!("sheet:{id}:{}", tab.unwrap_or_default().trim())
        }
        _ => "brand".to_owned(),
    }
}

/// Takes the state folder.
pub fn take_state(settings: &Settings) -> Result<StateFolder, Failure> {
    StateFolder::take(&settings.folders.state).map_err(|error| {
        let exit = match &error {
            LockError::Held { .. } => Exit::Locked,
            LockError::Io { .. } => Exit::Machine,
        };
        Failure {
            exit,
            error: error.into(),
        }
    })
}
