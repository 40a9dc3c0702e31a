//! A run whose state is in PostgreSQL: it joins the hosts that are at work on its list, and puts down there what it does.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{FutureExt, TryFutureExt};

use super::{Address, Host, Lookup, Night, PostgresLedger, PostgresStore, Shared, typed};
use crate::{
    event::Events,
    store::{
        StateFolder,
        engine::{Begin, Begun, Looked, Rebuild, RunStore},
        run_history::RunLine,
        shared_run::{Ended, SharedRun},
    },
};

/// Joins those that are at work on the list, or begins a run of it.
///
/// # Errors
/// Where the database cannot be reached or written.
pub async fn begin(
    address: Address,
    state: &StateFolder,
    begin: &Begin<'_>,
) -> anyhow::Result<Begun> {
    let shared = Shared::open(address.clone()).await?;
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let me = Host {
        // A folder that was copied to another machine is another one.
        place: format!("{} {name}", state.place()?),
        name,
        workers: begin.workers,
    };
    let night = shared
        .patiently(|| shared.begin(&me, begin).err_into().boxed())
        .await?;
    Ok(Begun {
        run_id: night.run.clone(),
        ledger: Arc::new(PostgresLedger::new(&night, begin.budget, begin.caps)),
        store: Arc::new(PostgresStore::of_run(address, shared)),
        run: Some(Arc::new(night)),
        notes: Vec::new(),
    })
}

#[async_trait]
impl RunStore for Night {
    fn tell(&self, events: Option<&Events>) {
        self.shared.listener().set(events.cloned());
    }

    async fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        let shared = &self.shared;
        shared.patiently(|| shared.fence_key().boxed()).await
    }

    /// What is in the database is never made anew: other hosts have reports that this one does not see.
    async fn lookup(&self, _rebuild: Rebuild<'_>) -> anyhow::Result<Looked> {
        Ok((Box::new(Lookup::new(self.shared.clone())), Vec::new()))
    }

    async fn record(&self, ended: Ended) -> anyhow::Result<bool> {
        self.end(ended).await.map_err(typed)
    }

    async fn close(&self, run: &RunLine, why: Option<&str>, job_ends: bool) -> anyhow::Result<()> {
        self.close(run.status, why, job_ends).await
    }

    async fn leave(&self) -> anyhow::Result<()> {
        Ok(self.shared.go().await?)
    }

    fn shared(&self) -> Option<Arc<dyn SharedRun>> {
        Some(Arc::new(self.clone()))
    }
}
