//! What is known from before: runs, the registry, and the key of the fences.

use jiff::Timestamp;
use tokio_postgres::{GenericClient, Row};

use super::{Shared, Trouble};
use crate::store::{checkpoint::RunStatus, run_history::RunLine};

impl Shared {
    /// The runs that have ended, the oldest first.
    pub async fn runs(&self) -> anyhow::Result<Vec<RunLine>> {
        runs(&self.connect().await?).await
    }

    /// The key of the fences around text from the web: the same for all hosts, and known to no page.
    pub async fn fence_key(&self) -> anyhow::Result<[u8; 32]> {
        let client = self.connect().await?;
        let key: Vec<u8> = client.query_one("SELECT key FROM fence", &[]).await?.get(0);
        let broken = |_| Trouble::Failed("its key of fences is broken".into());
        Ok(key.try_into().map_err(broken)?)
    }
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
