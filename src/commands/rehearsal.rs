//! The simulated services of a rehearsal, started for the run that speaks to them.

use std::sync::Arc;

use crate::{
    cli::ServiceArgs,
    exit::{Exit, Failure, OrExit},
    research::Stage,
    runner::Simulation,
    sandbox::{Options, Sandbox},
};

/// Simulated services that a benchmark brings along, and what it leaves out of the research.
#[derive(Debug)]
pub struct Rehearsal {
    /// The services of this process.
    pub sandbox: Arc<Sandbox>,
    /// A part of the research that is not done, to see what it is worth.
    pub without: Option<Stage>,
}

impl From<Rehearsal> for Simulation {
    fn from(rehearsal: Rehearsal) -> Self {
        Self {
            without: rehearsal.without,
            has_caps: false,
            ..simulation(rehearsal.sandbox)
        }
    }
}

/// Starts the services that these flags ask for; `None` where they are the real ones.
pub async fn start(args: &ServiceArgs) -> Result<Option<Simulation>, Failure> {
    if !args.sandbox {
        return Ok(None);
    }
    let options = Options {
        speed: args.sandbox_speed,
        faults: args.sandbox_fault.clone(),
        schema_rules: args.schema_rules,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.or_exit(Exit::Machine)?;
    Ok(Some(simulation(Arc::new(sandbox))))
}

fn simulation(sandbox: Arc<Sandbox>) -> Simulation {
    Simulation {
        services: sandbox.services(),
        transport: sandbox.in_process(),
        requests: Box::new(move || sandbox.arrived()),
        without: None,
        has_caps: true,
    }
}
