//! What a run begins with: its settings, its list, and its state folder.

use std::{path::Path, sync::Arc};

use super::options::{ListSource, RehearsalOptions, RunOptions};
use crate::{
    config::{Settings, caps::Caps},
    exit::{Exit, Failure, OrExit},
    sandbox::{self, Sandbox},
    store::{LockError, StateFolder},
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
