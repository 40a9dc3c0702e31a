//! What a run begins with: settings, and the store in its folder or the one that hosts share.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use super::leader::store_failure;
use crate::{
    cli::{BatchArgs, RunArgs, ServiceArgs},
    config::{Settings, caps::Caps},
    exit::{Exit, Failure, OrExit},
    sandbox::{self, Sandbox},
    store::{
        LockError, StateFolder,
        job::Job,
        paid::Paid,
        postgres::{Address, Host, Night, Shared},
        registry,
        sqlite::{self, Store},
    },
};

/// The settings of a run, and for a rehearsal the services that it speaks to.
pub async fn settings(
    args: &RunArgs,
    sandbox: Option<Arc<Sandbox>>,
) -> Result<(Settings, Option<Arc<Sandbox>>), Failure> {
    let services = &args.services;
    if !services.sandbox {
        let source = &args.source;
        let settings =
            Settings::from_environment(services, source.google_sheets, source.tab.as_deref())
                .or_exit(Exit::Usage)?;
        return Ok((settings, None));
    }
    let (mut settings, sandbox) = match sandbox {
        Some(sandbox) => {
            let mut settings = Settings::for_sandbox(services, &sandbox).or_exit(Exit::Usage)?;
            // Nobody pays for a benchmark, and each begins anew.
            settings.caps = Caps::default();
            (settings, sandbox)
        }
        None => sandbox_settings(services).await?,
    };
    if !args.source.google_sheets {
        settings.sheet = None;
    }
    Ok((settings, Some(sandbox)))
}

/// The settings that a batch with these flags would have.
pub async fn settings_for_check(
    args: &RunArgs,
) -> Result<(Settings, Option<Arc<Sandbox>>), Failure> {
    settings(args, None).await
}

async fn sandbox_settings(services: &ServiceArgs) -> Result<(Settings, Arc<Sandbox>), Failure> {
    let options = sandbox::Options {
        speed: services.sandbox_speed,
        faults: services.sandbox_fault.clone(),
        schema_rules: services.schema_rules,
        ..sandbox::Options::default()
    };
    let sandbox = Arc::new(Sandbox::start(options).await.or_exit(Exit::Usage)?);
    let settings = Settings::for_sandbox(services, &sandbox).or_exit(Exit::Usage)?;
    Ok((settings, sandbox))
}

/// What a run needs to begin.
pub struct Begin<'a> {
    pub args: &'a BatchArgs,
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
        let job = Job::begin(&store, self.list, self.run_id, self.now, self.args.force)?;
        let paid = Paid::new(Arc::new(store), job, self.args.budget)?;
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
        let place = state.place().or_exit(Exit::Usage)?;
        let me = Host {
            // A folder that was copied to another machine is another one.
            place: format!("{place} {name}"),
            name,
            workers: self.args.workers,
        };
        let Self {
            list,
            run_id,
            now,
            simulated,
            ..
        } = *self;
        let force = self.args.force;
        let begin = async || {
            let begun = shared.begin(&me, list, run_id, now, force, simulated);
            Ok(begun.await?)
        };
        let night = shared.patiently(begin).await.map_err(store_failure)?;
        let paid = Paid::shared(&night, self.args.budget);
        Ok((paid.capped(self.caps, now).or_exit(Exit::Usage)?, night))
    }
}

/// How a run ends that cannot use what is in its state folder: only what a newer version has written is the user's matter.
pub fn folder_failure(error: anyhow::Error) -> Failure {
    let newer = error.is::<sqlite::NewerVersion>() || error.is::<registry::NewerVersion>();
    Failure {
        exit: if newer { Exit::Usage } else { Exit::Machine },
        error,
    }
}

/// The same sheet or file is the same list, however often it is read.
pub fn list_id(args: &RunArgs, settings: &Settings) -> String {
    let source = &args.source;
    if let Some(path) = &source.brands {
        // A file that is not there is named when it is read.
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let here = Path::new(".").canonicalize().ok();
        // A folder may be moved with its list. Hosts that share a store have a folder each, and one list at one path.
        let inside = here.filter(|_| args.shared.state.is_none());
        let path = inside.and_then(|here| whole.strip_prefix(here).ok());
        let path = path.unwrap_or(&whole).display();
        let tab = source.tab.as_deref().map(|tab| format!("#{}", tab.trim()));
        return format!("file:{path}{}", tab.unwrap_or_default());
    }
    match settings.spreadsheet() {
        Some((id, tab)) if source.google_sheets => {
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
