//! The limit of files and connections that this process may have open at once.

#[cfg(unix)]
use crate::exit::{Exit, Failure};

/// More than a run with sixteen workers has open.
#[cfg(unix)]
const ENOUGH: u64 = 1_024;

/// Streams, the runtime and its signals, and a file or two.
#[cfg(unix)]
const LEAST: u64 = 16;

/// What the program has open whatever it does: streams, the runtime, stores, logs, and a page that is being made.
#[cfg(unix)]
const OWN: u64 = 36;

/// What a worker has open: connections to both services, and a report that is being written. In a rehearsal the other ends
/// of the connections are this process's too. Measured with 1, 8 and 16 workers: 33, 60 and 78, or 41, 73 and 122.
#[cfg(unix)]
const OF_A_WORKER: [u64; 2] = [4, 6];

/// Raises the limit as far as this user may, where it is low.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < ENOUGH) {
        let current = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
        // Where it may not be raised, [`prove`] says so.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                ..limit
            },
        );
    }
}

/// Whether the program can begin at all.
///
/// # Errors
/// With [`Exit::Machine`], when the limit is too low for any command.
#[cfg(unix)]
pub fn prove_any() -> Result<(), Failure> {
    prove_limit(LEAST, "the program")
}

/// Whether so many workers can work, which is found out before anything is spent.
///
/// # Errors
/// With [`Exit::Machine`], when the limit is too low for them.
#[cfg(unix)]
pub fn prove(workers: usize, simulated: bool) -> Result<(), Failure> {
    let needed = OWN + OF_A_WORKER[usize::from(simulated)] * workers as u64;
    prove_limit(needed, &format!("--workers {workers}"))
}

#[cfg(unix)]
fn prove_limit(needed: u64, by: &str) -> Result<(), Failure> {
    use rustix::process::{Resource, getrlimit};
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(Failure::new(
            Exit::Machine,
            format!(
                "too many open files: this process may have {limit} open, and {by} needs {needed}: raise ulimit -n to {ENOUGH} (LimitNOFILE={ENOUGH} in a unit of systemd)"
            ),
        )),
        _ => Ok(()),
    }
}

/// Windows has no such limit.
#[cfg(windows)]
pub fn raise_limit() {}

/// Windows has no such limit.
#[cfg(windows)]
pub fn prove(_workers: usize, _simulated: bool) -> Result<(), Failure> {
    Ok(())
}

/// Windows has no such limit.
#[cfg(windows)]
pub fn prove_any() -> Result<(), Failure> {
    Ok(())
}
