//! The arrival of a host at a run: it joins the one that others work on, or begins and plans one of its own.

use std::pin::pin;

use jiff::{Timestamp, ToSpan};
use tokio_postgres::{Row, Transaction, binary_copy::BinaryCopyInWriter, types::Type};

use super::{Night, Shared, schema::TURN};
use crate::store::{
    StoreError,
    checkpoint::RunStatus,
    engine::Begin,
    job::Job,
    shared_run::{NextPlanned, PlannedBrand, RunOutline},
    sqlite::KEEP_DAYS,
};

/// This process, as the others see it.
#[derive(Clone, Debug)]
pub struct Host {
    /// The name of the machine.
    pub name: String,
    /// The state folder that it holds.
    pub place: String,
    pub workers: usize,
}

const GO: &str = "DELETE FROM host WHERE id = $1";

impl Shared {
    /// Joins the run of a list that others are at work on, or begins one.
    pub async fn begin(&self, me: &Host, begin: &Begin<'_>) -> Result<Night, StoreError> {
        let Begin {
            list,
            run_id: run,
            now,
            force,
            simulated,
            ..
        } = *begin;
        let mut client = self.connect().await?;
        let transaction = client.transaction().await?;
        let lock = "SELECT pg_advisory_xact_lock($1)";
        transaction.execute(lock, &[&TURN]).await?;
        self.arrive(&transaction, me).await?;
        let open = transaction
            .query_opt(
                "SELECT run.id, run.job, EXISTS (SELECT FROM live_host WHERE live_host.run = run.id AND live_host.id <> $2)
                 FROM run WHERE list = $1 AND phase <> 'closed' ORDER BY run.started_at DESC LIMIT 1",
                &[&list, &self.host],
            )
            .await?;
        let night = match open {
            Some(row) if row.get(2) => {
                let (run, job): (String, String) = (row.get(0), row.get(1));
                let job = read_job(&transaction, &job).await?;
                self.night(run, job)
            }
            left => {
                if let Some(row) = left {
                    close_left(&transaction, row.get(0), now).await?;
                }
                forget_old_answers(&transaction, now).await?;
                let job = begin_job(&transaction, list, run, now, force).await?;
                let insert = "INSERT INTO run (id, job, list, phase, lead, started_at, status, simulated)
                              VALUES ($1, $2, $3, 'planning', $4, $5, 'running', $6) ON CONFLICT (id) DO NOTHING";
                let at = now.as_millisecond();
                transaction
                    .execute(insert, &[&run, &job.id, &list, &self.host, &at, &simulated])
                    .await?;
                self.night(run.to_owned(), job)
            }
        };
        transaction
            .execute(
                "UPDATE host SET run = $2 WHERE id = $1",
                &[&self.host, &night.run],
            )
            .await?;
        transaction.commit().await?;
        Ok(night)
    }

    fn night(&self, run: String, job: Job) -> Night {
        Night {
            shared: self.clone(),
            run,
            job,
        }
    }

    /// Takes its place among the hosts. Whoever had the place before is gone for sure, and what it had in hand is free.
    async fn arrive(&self, transaction: &Transaction<'_>, me: &Host) -> Result<(), StoreError> {
        transaction
            .execute(
                "WITH gone AS (DELETE FROM host WHERE place = $1 AND id <> $2 RETURNING id)
                 UPDATE work SET state = 'waiting', host = NULL, tick = nextval('tick')
                 FROM gone WHERE work.host = gone.id AND state = 'claimed'",
                &[&me.place, &self.host],
            )
            .await?;
        transaction
            .execute(
                "DELETE FROM host WHERE seen_at < clock_timestamp() - interval '7 days'",
                &[],
            )
            .await?;
        let workers = i32::try_from(me.workers).unwrap_or(i32::MAX);
        let process = i64::from(std::process::id());
        transaction
            .execute(
                "INSERT INTO host (id, name, place, process, workers) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (id) DO NOTHING",
                &[&self.host, &me.name, &me.place, &process, &workers],
            )
            .await?;
        Ok(())
    }

    /// Takes this host out of those that are there.
    pub async fn go(&self) -> Result<(), StoreError> {
        self.ask(GO, vec![Box::new(self.host)]).await?;
        Ok(())
    }
}

/// A run that nobody works on any more, and that was not closed, was killed; one that was not even planned was none.
async fn close_left(
    transaction: &Transaction<'_>,
    run: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let status = RunStatus::Killed.name();
    let close = "UPDATE run SET phase = 'closed', status = $2, ended_at = $3 WHERE id = $1";
    transaction
        .execute(close, &[&run, &status, &now.as_millisecond()])
        .await?;
    for forget in [
        "DELETE FROM work WHERE run = $1",
        "DELETE FROM run WHERE id = $1 AND due + skipped + total = 0",
    ] {
        transaction.execute(forget, &[&run]).await?;
    }
    Ok(())
}

/// A clock that is set wrong for a while must not cost the answers: age is counted from the newest of them.
async fn forget_old_answers(
    transaction: &Transaction<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let age = KEEP_DAYS * 24 * 60 * 60 * 1_000;
    transaction
        .execute(
            "DELETE FROM response WHERE at < least($1, (SELECT max(at) FROM response)) - $2::bigint",
            &[&now.as_millisecond(), &age],
        )
        .await?;
    Ok(())
}

async fn read_job(transaction: &Transaction<'_>, id: &str) -> Result<Job, StoreError> {
    let select = "SELECT id, started_at, forced, last_before FROM job WHERE id = $1";
    job_of(&transaction.query_one(select, &[&id]).await?)
}

fn job_of(row: &Row) -> Result<Job, StoreError> {
    let started_at = Timestamp::from_millisecond(row.get(1));
    Ok(Job {
        id: row.get(0),
        started_at: started_at.map_err(|error| StoreError::Failed(error.to_string()))?,
        force: row.get(2),
        last_before: row.get(3),
    })
}

async fn begin_job(
    transaction: &Transaction<'_>,
    list: &str,
    run: &str,
    now: Timestamp,
    force: bool,
) -> Result<Job, StoreError> {
    let oldest = now
        .checked_sub((Job::DAYS * 24).hours())
        .map_or(i64::MIN, Timestamp::as_millisecond);
    let open = transaction
        .query_opt(
            "SELECT id, started_at, forced, last_before FROM job
             WHERE list = $1 AND open AND started_at >= $2 ORDER BY started_at DESC LIMIT 1",
            &[&list, &oldest],
        )
        .await?;
    let newest = "SELECT coalesce(max(id), 0) FROM response";
    let newest: i64 = transaction.query_one(newest, &[]).await?.get(0);
    let open = open.as_ref().map(job_of).transpose()?;
    let job = Job::next(open, run, now, force, newest);
    transaction
        .execute(
            "INSERT INTO job (id, list, started_at, forced, open, last_before) VALUES ($1, $2, $3, $4, true, $5)
             ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, forced = excluded.forced,
                 last_before = excluded.last_before",
            &[
                &job.id,
                &list,
                &job.started_at.as_millisecond(),
                &job.force,
                &job.last_before,
            ],
        )
        .await?;
    Ok(job)
}

impl Night {
    /// Puts down what is due, in its order, and lets all hosts begin. `false` where another host has planned meanwhile.
    pub(super) async fn put_plan(
        &self,
        outline: &RunOutline,
        next: NextPlanned<'_>,
    ) -> anyhow::Result<bool> {
        let mut client = self.shared.connect().await?;
        let transaction = client.transaction().await?;
        let ours = "SELECT FROM run WHERE id = $1 AND lead = $2 AND phase = 'planning' FOR UPDATE";
        let leads = transaction
            .query_opt(ours, &[&self.run, &self.shared.host])
            .await?;
        if leads.is_none() {
            return Ok(false);
        }
        let copy = "COPY work (run, position, brand, key, due) FROM STDIN BINARY";
        let types = [Type::TEXT, Type::INT8, Type::TEXT, Type::TEXT, Type::TEXT];
        let sink = transaction.copy_in(copy).await?;
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        let mut due: i64 = 0;
        while let Some(planned) = next()? {
            let PlannedBrand {
                brand,
                key,
                due: what,
            } = planned;
            writer
                .as_mut()
                .write(&[&self.run, &due, &brand, &key, &what])
                .await?;
            due += 1;
        }
        writer.finish().await?;
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        transaction
            .execute(
                "UPDATE run SET phase = 'working', total = $2, due = $3, skipped = $4, rejected = $5, names = $6,
                     price = $7::text::numeric
                 WHERE id = $1",
                &[
                    &self.run,
                    &count(outline.total),
                    &due,
                    &count(outline.skipped),
                    &count(outline.rejected),
                    &outline.names,
                    &outline.price.exact(),
                ],
            )
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    pub(super) async fn read_names(&self) -> anyhow::Result<Vec<u8>> {
        let client = self.shared.connect().await?;
        let select = "SELECT coalesce(names, ''::bytea) FROM run WHERE id = $1";
        Ok(client.query_one(select, &[&self.run]).await?.get(0))
    }
}
