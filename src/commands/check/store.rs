//! The checks of the store that hosts share.

use std::net::IpAddr;

use tokio_postgres::{Client, config::Host};

use super::Report;
use crate::{
    exit::{Exit, Failure, OrExit},
    runner::{options::RunOptions, store_failure},
    store::{
        moved_note,
        postgres::{Address, Shared, prove},
    },
};

/// Seconds that clocks may differ: beyond, hosts do not agree any more on how old an answer is.
const CLOCKS_DIFFER: f64 = 5.0;

/// Where the registry is.
pub enum Kept {
    Folder,
    /// In a database that hosts share; without tables it is empty yet.
    Shared(Option<Client>),
    /// There, but it cannot be reached.
    Unknown,
}

/// Proves the store that hosts share, where one is named. Returns where the registry is.
pub async fn prove_store(report: &mut Report, run: &RunOptions) -> Kept {
    let address = match run.shared_state().or_exit(Exit::Usage) {
        Ok(Some(address)) => address,
        Ok(None) => {
            let folders = crate::config::Folders::new(run.is_rehearsal());
            if let Some(moved) = moved_note::note(&folders.state) {
                report.add("state", Err(moved).or_exit(Exit::Usage));
            }
            return Kept::Folder;
        }
        Err(failure) => {
            report.add("shared store", Err(failure));
            return Kept::Unknown;
        }
    };
    let proved = prove_and_say(report, address).await;
    proved.unwrap_or_else(|failure| {
        report.add("shared store", Err(failure));
        Kept::Unknown
    })
}

async fn prove_and_say(report: &mut Report, address: Address) -> Result<Kept, Failure> {
    let proof = prove(&address).await.map_err(store_failure)?;
    let server = &proof.server;
    if proof.too_old {
        return Err(Failure::new(
            Exit::Usage,
            format!("{address} is PostgreSQL {server}: version 12 or a newer one is needed"),
        ));
    }
    let tables = match proof.tables {
        Some(version) => format!("its tables have version {version} and can be written"),
        None => "its tables will be made by the first run".to_owned(),
    };
    let milliseconds = proof.trip.as_secs_f64() * 1_000.0;
    report.add(
        "shared store",
        Ok(format!(
            "{address} is PostgreSQL {server}, {milliseconds:.1} ms away; {tables}"
        )),
    );
    note_secrecy(report, &address, proof.encrypted.as_deref());
    if proof.ahead.abs() > CLOCKS_DIFFER {
        report.note("clock", &differ(proof.ahead));
    }
    match proof.hosts.len() {
        0 => report.note("hosts", "none is at work now"),
        count => {
            let names = proof.hosts.join(", ");
            report.note("hosts", &format!("{count} at work now: {names}"));
        }
    }
    let Some(_) = proof.tables else {
        return Ok(Kept::Shared(None));
    };
    let shared = Shared::peek(address).await.map_err(store_failure)?;
    Ok(Kept::Shared(match shared {
        Some(shared) => Some(shared.connect().await.map_err(store_failure)?),
        None => None,
    }))
}

fn note_secrecy(report: &mut Report, address: &Address, encrypted: Option<&str>) {
    match encrypted {
        Some(by) => report.note("shared store", &format!("{} ({by})", address.secrecy())),
        None if address.config().get_hosts().iter().all(is_here) => {}
        None => report.note(
            "shared store",
            "the connection is not encrypted: whoever stands between can read the password; add ?sslmode=verify-full to its URL",
        ),
    }
}

/// Whether nobody stands between.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn differ(ahead: f64) -> String {
    let direction = if ahead > 0.0 { "ahead of" } else { "behind" };
    format!(
        "this machine's clock is {:.0} s {direction} that of the shared store: have both set by themselves",
        ahead.abs()
    )
}
