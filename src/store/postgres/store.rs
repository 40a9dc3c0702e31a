//! The state in PostgreSQL, as any command reads it.

use std::{net::IpAddr, path::Path, sync::Arc};

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use tokio_postgres::config::Host;

use super::{Address, Lookup, Shared, caps_of, health_check, history, reports, spending, typed};
use crate::{
    config::caps::Caps,
    store::{
        StoreError,
        caps::CapUsage,
        engine::{EachEntry, Finding, History, Looked, Present, Rebuild, Said, Store},
        registry::Registry,
        registry_lookup::InMemory,
        report_copy::PutReport,
        spending::Spending,
    },
};

/// Seconds that clocks may differ: beyond, hosts do not agree any more on how old an answer is.
const CLOCKS_DIFFER: f64 = 5.0;

/// The database at an address.
#[derive(Debug)]
pub struct PostgresStore {
    address: Address,
    /// `None` where no run has made its tables yet.
    shared: Option<Shared>,
}

impl PostgresStore {
    /// Reaches the database.
    ///
    /// # Errors
    /// Where it cannot be reached, or its tables are of a newer version or have been moved away.
    pub async fn open(address: Address) -> Result<Self, StoreError> {
        let shared = Shared::peek(address.clone()).await?;
        Ok(Self { address, shared })
    }

    /// The database that a run works with.
    pub(super) fn of_run(address: Address, shared: Shared) -> Self {
        Self {
            address,
            shared: Some(shared),
        }
    }

    async fn findings(&self) -> Result<Vec<Finding>, StoreError> {
        let address = &self.address;
        let proof = health_check::prove(address).await?;
        let server = &proof.server;
        if proof.too_old {
            return Err(StoreError::Settings(format!(
                "{address} is PostgreSQL {server}: version 12 or a newer one is needed"
            )));
        }
        let tables = match proof.tables {
            Some(version) => format!("its tables have version {version} and can be written"),
            None => "its tables will be made by the first run".to_owned(),
        };
        let milliseconds = proof.trip.as_secs_f64() * 1_000.0;
        let reached =
            format!("{address} is PostgreSQL {server}, {milliseconds:.1} ms away; {tables}");
        let mut findings = vec![Finding {
            part: "shared store",
            said: Said::Fine(reached),
        }];
        let mut note = |part, text| {
            let said = Said::Note(text);
            findings.push(Finding { part, said });
        };
        if let Some(secrecy) = secrecy(address, proof.encrypted.as_deref()) {
            note("shared store", secrecy);
        }
        if proof.ahead.abs() > CLOCKS_DIFFER {
            note("clock", differ(proof.ahead));
        }
        let hosts = match proof.hosts.len() {
            0 => "none is at work now".to_owned(),
            count => format!("{count} at work now: {}", proof.hosts.join(", ")),
        };
        note("hosts", hosts);
        Ok(findings)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn prove(&self) -> anyhow::Result<Vec<Finding>> {
        Ok(self.findings().await?)
    }

    async fn present(&self, each: EachEntry<'_>) -> anyhow::Result<Present> {
        match &self.shared {
            Some(shared) => shared.present(each).await.map_err(typed),
            None => Ok(Present::default()),
        }
    }

    async fn spending(&self) -> anyhow::Result<Spending> {
        let Some(shared) = &self.shared else {
            return Ok(Spending::new());
        };
        let client = shared.connect().await?;
        spending::spending(&client).await.map_err(typed)
    }

    async fn standings(&self, caps: Caps) -> anyhow::Result<Vec<CapUsage>> {
        let Some(shared) = &self.shared else {
            let now = Timestamp::now();
            return Ok(caps.each().map(|cap| CapUsage::unused(cap, now)).collect());
        };
        let client = shared.connect().await?;
        caps_of(&client, caps, Timestamp::now())
            .await
            .map_err(typed)
    }

    /// What is in the database is never made anew: other hosts have reports that this one does not see.
    async fn lookup(&self, _rebuild: Rebuild<'_>) -> anyhow::Result<Looked> {
        Ok(match &self.shared {
            Some(shared) => (Box::new(Lookup::new(shared.clone())), Vec::new()),
            None => (
                Box::new(InMemory::new(Arc::new(Registry::empty()))),
                Vec::new(),
            ),
        })
    }

    async fn history(&self) -> anyhow::Result<History> {
        match &self.shared {
            Some(shared) => {
                let read = async || history::history(&shared.connect().await?).await;
                shared.patiently(|| read().boxed()).await
            }
            None => Ok(History {
                problems: vec![
                    "no run has made the tables of the shared store yet: there is nothing to bring"
                        .into(),
                ],
                ..History::default()
            }),
        }
    }

    async fn bring_reports(&self, output: &Path, put: PutReport) -> anyhow::Result<Vec<String>> {
        let Some(shared) = &self.shared else {
            return Ok(Vec::new());
        };
        let bring = async || reports::bring(&shared.connect().await?, output, put).await;
        shared.patiently(|| bring().boxed()).await
    }
}

/// What is worth knowing of who can read what goes over the connection.
fn secrecy(address: &Address, encrypted: Option<&str>) -> Option<String> {
    match encrypted {
        Some(by) => Some(format!("{} ({by})", address.secrecy())),
        None if address.config().get_hosts().iter().all(is_here) => None,
        None => Some(
            "the connection is not encrypted: whoever stands between can read the password; add ?sslmode=verify-full to its URL"
                .into(),
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
        "this machine's clock is {:.0} s {direction} that of the shared store: enable NTP on both machines",
        ahead.abs()
    )
}
