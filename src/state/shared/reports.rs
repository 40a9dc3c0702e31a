//! The reports of all hosts, on each of them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Shared;
use crate::{
    render::{self, Background},
    state::{
        paid::unpack,
        registry::{Entry, Status},
    },
};

/// Reports that are brought at once.
const TOGETHER: usize = 100;

impl Shared {
    /// Brings reports that other hosts have made into this folder, with the pages that are made of them. Returns what is
    /// wrong with some.
    pub async fn bring_reports(&self, output: &Path) -> anyhow::Result<Vec<String>> {
        let client = self.connect().await?;
        let all = client
            .query("SELECT key, folder, hash FROM report ORDER BY key", &[])
            .await?;
        let all = all
            .iter()
            .map(|row| (row.get(0), output.join(row.get::<_, &str>(1)), row.get(2)));
        let all: Vec<(String, PathBuf, Vec<u8>)> = all.collect();
        let missing = tokio::task::spawn_blocking(move || {
            let other = |(_, folder, hash): &(String, PathBuf, Vec<u8>)| {
                render::hash(folder).is_none_or(|here| here != **hash)
            };
            all.into_iter()
                .filter(other)
                .map(|(key, ..)| key)
                .collect::<Vec<_>>()
        });
        let mut problems = Vec::new();
        for keys in missing.await?.chunks(TOGETHER) {
            let select = "SELECT folder, body FROM report WHERE key = ANY($1)";
            for row in client.query(select, &[&keys]).await? {
                let (folder, body): (String, Vec<u8>) = (row.get(0), row.get(1));
                let place = output.join(&folder);
                let brought = tokio::task::spawn_blocking(move || {
                    fs::create_dir_all(&place)?;
                    render::bring(&place, &unpack(&body)?)
                });
                if let Err(error) = brought.await? {
                    problems.push(format!(
                        "the report of «{folder}» cannot be brought here: {error:#}"
                    ));
                }
            }
        }
        Ok(problems)
    }

    /// What the portfolio says besides the reports, and what of it cannot be read.
    pub async fn background(&self) -> anyhow::Result<(Background, Vec<String>)> {
        let client = self.connect().await?;
        let failed = "SELECT entry FROM registry WHERE status = $1 ORDER BY key";
        let failed = client.query(failed, &[&Status::Failed.name()]).await?;
        let failed = failed
            .iter()
            .map(|row| serde_json::from_str::<Arc<Entry>>(row.get(0)));
        let failed: Vec<Arc<Entry>> = failed.collect::<Result<_, _>>()?;
        let background = Background {
            runs: self.runs().await?,
            failed: failed
                .iter()
                .map(|entry| render::FailedBrand::of(entry))
                .collect(),
        };
        Ok((background, Vec::new()))
    }
}
