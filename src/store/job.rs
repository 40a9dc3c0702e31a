//! The jobs: the work that runs belong to.

use jiff::{Timestamp, ToSpan};
use rusqlite::{OptionalExtension, params};

use super::sqlite::Database;

/// The work that a run belongs to. A run that was cut off and the one that goes on with the same list are one job:
/// they share the budget and the answers that were paid for.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The id of its first run.
    pub id: String,
    /// When its first run began.
    pub started_at: Timestamp,
    /// Whether every brand was asked for again.
    pub force: bool,
    /// The last answer in the store when it began: those that came later are its own, whatever the clock said.
    pub last_before: i64,
}

impl Job {
    /// Days after which work that was cut off is not resumed, but started anew: its answers have aged.
    pub const DAYS: i64 = 7;

    /// The job of a run that begins now, where this one is open for its list: the same, but that the other kind of work is
    /// begun anew, with the same money. `newest` is the last answer in the store.
    pub fn next(
        open: Option<Self>,
        run_id: &str,
        now: Timestamp,
        force: bool,
        newest: i64,
    ) -> Self {
        match open {
            Some(job) if job.force == force => job,
            open => Self {
                id: open.map_or_else(|| run_id.to_owned(), |job| job.id),
                started_at: now,
                force,
                last_before: newest,
            },
        }
    }

    /// The job that a run beginning now belongs to: the one that was begun for this list and not ended, unless that
    /// was too long ago to be the same work.
    pub fn begin(
        store: &Database,
        list: &str,
        run_id: &str,
        now: Timestamp,
        force: bool,
    ) -> anyhow::Result<Self> {
        store.with_now(|db| {
            let oldest = now.checked_sub((Self::DAYS * 24).hours())?;
            let open = db
                .query_row(
                    "SELECT id, started_at, forced, last_before FROM job
                     WHERE list = ?1 AND open AND started_at >= ?2 ORDER BY rowid DESC LIMIT 1",
                    params![list, oldest.as_millisecond()],
                    |row| {
                        Ok((
                            row.get("id")?,
                            row.get("started_at")?,
                            row.get("forced")?,
                            row.get("last_before")?,
                        ))
                    },
                )
                .optional()?
                .map(|(id, started_at, force, last_before)| {
                    anyhow::Ok(Self {
                        id,
                        started_at: Timestamp::from_millisecond(started_at)?,
                        force,
                        last_before,
                    })
                })
                .transpose()?;
            let newest: Option<i64> =
                db.query_row("SELECT max(rowid) FROM response", [], |row| row.get(0))?;
            let now = Timestamp::from_millisecond(now.as_millisecond())?;
            let job = Self::next(open, run_id, now, force, newest.unwrap_or(0));
            db.execute(
                "INSERT OR REPLACE INTO job (id, list, started_at, forced, open, last_before)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5)",
                params![
                    job.id,
                    list,
                    job.started_at.as_millisecond(),
                    job.force,
                    job.last_before
                ],
            )?;
            Ok(job)
        })
    }

    /// Nothing of it is left to go on with.
    pub fn end(&self, store: &Database) -> anyhow::Result<()> {
        store.with_now(|db| {
            db.execute("UPDATE job SET open = 0 WHERE id = ?1", [&self.id])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_goes_on_as_the_same_job() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let store = Database::in_memory(now).unwrap();
        let begin = |list, run, now, force| Job::begin(&store, list, run, now, force).unwrap();
        let first = begin("list", "first", now, false);
        let later = now.checked_add(2.hours()).unwrap();
        assert_eq!(begin("list", "second", later, false), first);
        assert_eq!(begin("another list", "third", later, false).id, "third");
        let forced = begin("list", "fourth", later, true);
        assert_eq!((forced.id.as_str(), forced.started_at), ("first", later));
        let week_later = later.checked_add((24 * 8).hours()).unwrap();
        assert_eq!(begin("list", "fifth", week_later, true).id, "fifth");
        first.end(&store).unwrap();
        begin("list", "fifth", later, true).end(&store).unwrap();
        assert_eq!(begin("list", "sixth", later, false).id, "sixth");
        assert_eq!(begin("another list", "seventh", later, false).id, "third");
    }
}
