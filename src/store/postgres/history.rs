//! The history in the shared store: runs, the registry, and the key of the fences.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::{GenericClient, Row};

use super::Shared;
use crate::store::{
    StoreError,
    checkpoint::RunStatus,
    engine::History,
    registry::{BrandStatus, Entry},
    run_history::RunLine,
};

impl Shared {
    /// The key of the fences around text from the web: the same for all hosts, and known to no page.
    pub async fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        let client = self.connect().await?;
        let key: Vec<u8> = client.query_one("SELECT key FROM fence", &[]).await?.get(0);
        let broken = |_| StoreError::Failed("its key of fences is broken".into());
        Ok(key.try_into().map_err(broken)?)
    }
}

/// What the portfolio says besides the reports.
pub async fn history(client: &impl GenericClient) -> anyhow::Result<History> {
    let failed = "SELECT entry FROM registry WHERE status = $1 ORDER BY key";
    let failed = client.query(failed, &[&BrandStatus::Failed.name()]).await?;
    let failed = failed
        .iter()
        .map(|row| serde_json::from_str::<Arc<Entry>>(row.get(0)));
    Ok(History {
        failed: failed.collect::<Result<_, _>>()?,
        runs: runs(client).await?,
        problems: Vec::new(),
    })
}

/// The runs that have ended, the oldest first.
pub async fn runs(client: &impl GenericClient) -> anyhow::Result<Vec<RunLine>> {
    let select = "SELECT id, started_at, ended_at, status, total, succeeded, failed, skipped, usd::text, simulated
                  FROM run WHERE phase = 'closed' ORDER BY started_at, id";
    let rows = client.query(select, &[]).await?;
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> anyhow::Result<RunLine> {
    let at = |column: &str| Timestamp::from_millisecond(row.get(column));
    let count = |column: &str| usize::try_from(row.get::<_, i64>(column));
    let status: &str = row.get("status");
    let status = RunStatus::named(status)
        .ok_or_else(|| anyhow::anyhow!("{status:?} is no status of a run"))?;
    Ok(RunLine {
        run_id: row.get("id"),
        started_at: at("started_at")?,
        ended_at: at("ended_at")?,
        status,
        total: count("total")?,
        processed: count("succeeded")? + count("failed")?,
        succeeded: count("succeeded")?,
        failed: count("failed")?,
        skipped: count("skipped")?,
        usd: row.get::<_, &str>("usd").parse()?,
        simulated: row.get("simulated"),
    })
}
