//! The reports of all hosts, on each of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio_postgres::{GenericClient, Row};

use crate::store::{
    paid::unpack,
    report_copy::{self, PutReport},
};

/// Reports that are compared at once, and that are brought at once.
const COMPARED: i64 = 1_000;
const TOGETHER: usize = 100;

/// Brings reports into this folder that are not there, or differ; says what is wrong with some.
pub async fn bring(
    client: &impl GenericClient,
    output: &Path,
    put: PutReport,
) -> anyhow::Result<Vec<String>> {
    let select = "SELECT key, folder, hash FROM report WHERE key > $1 ORDER BY key LIMIT $2";
    let select = client.prepare(select).await?;
    let mut problems = Vec::new();
    let mut after = String::new();
    loop {
        let part = client.query(&select, &[&after, &COMPARED]).await?;
        let Some(last) = part.last() else {
            return Ok(problems);
        };
        after = last.get(0);
        for keys in missing(&part, output).await?.chunks(TOGETHER) {
            let select = "SELECT folder, body FROM report WHERE key = ANY($1)";
            for row in client.query(select, &[&keys]).await? {
                problems.extend(bring_one(&row, output, put).await?);
            }
        }
    }
}

/// The keys of those that are not in the folder as they are in the store.
async fn missing(part: &[Row], output: &Path) -> anyhow::Result<Vec<String>> {
    let part = part
        .iter()
        .map(|row| (row.get(0), output.join(row.get::<_, &str>(1)), row.get(2)));
    let part: Vec<(String, PathBuf, Vec<u8>)> = part.collect();
    let missing = tokio::task::spawn_blocking(move || {
        let other = |(_, folder, hash): &(String, PathBuf, Vec<u8>)| {
            report_copy::hash(folder).is_none_or(|here| here != **hash)
        };
        let missing = part.into_iter().filter(other);
        missing.map(|(key, ..)| key).collect()
    });
    Ok(missing.await?)
}

/// What is wrong with it, if something is.
async fn bring_one(row: &Row, output: &Path, put: PutReport) -> anyhow::Result<Option<String>> {
    let (folder, body): (String, Vec<u8>) = (row.get(0), row.get(1));
    let place = output.join(&folder);
    let brought = tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&place)?;
        put(&place, &unpack(&body)?)
    });
    let wrong = |error| format!("the report of «{folder}» cannot be brought here: {error:#}");
    Ok(brought.await?.err().map(wrong))
}
