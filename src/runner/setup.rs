//! What a run begins with: its settings, its list, and its state folder.

use std::{path::Path, sync::Arc};

use crate::{
    cli::{RunArgs, ServiceArgs},
    config::{Settings, caps::Caps},
    exit::{Exit, Failure, OrExit},
    sandbox::{self, Sandbox},
    store::{LockError, StateFolder},
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
    if args.real_models {
        settings = settings.with_real_models(services).or_exit(Exit::Usage)?;
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
