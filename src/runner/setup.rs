//! The setup of a run: its settings, its list, and its state folder.

use std::path::Path;

use super::{
    Simulation,
    options::{ListSource, RunOptions},
};
use crate::{
    config::{Settings, caps::Caps},
    exit::{Exit, Failure, OrExit},
    store::{LockError, StateFolder},
};

/// The settings of a run; those of a rehearsal lead to the simulated services.
pub fn settings(
    options: &RunOptions,
    simulation: Option<&Simulation>,
) -> Result<Settings, Failure> {
    let (services, source) = (&options.services, &options.source);
    let (Some(rehearsal), Some(simulation)) = (&options.rehearsal, simulation) else {
        let tab = source.tab.as_deref();
        let settings = Settings::from_environment(services, source.is_sheet(), tab);
        return settings.or_exit(Exit::Usage);
    };
    let settings = Settings::for_sandbox(services, rehearsal.speed, &simulation.services);
    let mut settings = settings.or_exit(Exit::Usage)?;
    if !simulation.has_caps {
        settings.caps = Caps::default();
    }
    if !source.is_sheet() {
        settings.sheet = None;
    }
    Ok(settings)
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
