//! The spending, call by call, of a state folder or of a shared store: read without locking or changing anything.

use std::{collections::HashMap, path::Path};

use anyhow::Context;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::{
    caps::{self, CapUsage},
    sqlite::FILE,
};
use crate::{config::caps::Caps, money::Usd};

/// The version of the embedded store that has stages and models first, and that which has jobs.
const WITH_STAGES: i64 = 5;
const WITH_JOBS: i64 = 2;

/// Days in Iran begin at a full or half hour, so what is spent within one is of one day.
const HALF_HOUR: i64 = 30 * 60 * 1_000;

/// What calls have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Calls {
    /// The half hour in which money was set aside for them.
    pub at: Timestamp,
    pub service: String,
    /// What kind of calls they were, such as `analyst`; unknown of calls that earlier versions made.
    pub stage: Option<String>,
    /// The model that was asked.
    pub model: Option<String>,
    /// The list that they were made for.
    pub list: Option<String>,
}

/// What they came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub calls: u64,
    pub credits: u64,
    /// US dollars that are spent, those for credits included.
    pub usd: Usd,
    /// US dollars that are set aside for calls in flight, and for lost ones.
    pub held: Usd,
}

/// All of it.
pub type Spending = HashMap<Calls, Sum>;

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.credits += other.credits;
        self.usd += other.usd;
        self.held += other.held;
    }
}

/// The spending in a state folder; none where there is no database.
pub fn of_folder(state: &Path) -> anyhow::Result<Spending> {
    match open(state)? {
        Some((db, version)) => read(&db, version).with_context(|| unreadable(state)),
        None => Ok(Spending::new()),
    }
}

/// How caps stand in a state folder.
pub fn caps_in(state: &Path, caps: Caps) -> anyhow::Result<Vec<CapUsage>> {
    let now = Timestamp::now();
    let Some((db, _)) = open(state)?.filter(|_| !caps.are_none()) else {
        return Ok(caps.each().map(|cap| CapUsage::unused(cap, now)).collect());
    };
    let standings = caps
        .each()
        .map(|(term, cap)| caps::standing(&db, term, cap, now));
    standings
        .collect::<anyhow::Result<_>>()
        .with_context(|| unreadable(state))
}

fn open(state: &Path) -> anyhow::Result<Option<(Connection, i64)>> {
    let path = state.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let open = || -> rusqlite::Result<_> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags)?;
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((db, version))
    };
    let (db, version) = open().with_context(|| unreadable(state))?;
    // A run that was killed at its very beginning has made no tables.
    Ok((version > 0).then_some((db, version)))
}

fn unreadable(state: &Path) -> String {
    format!(
        "what was spent cannot be read in {}: if it is damaged, the next run sets it aside and uses what can be read",
        state.join(FILE).display()
    )
}

fn read(db: &Connection, version: i64) -> anyhow::Result<Spending> {
    let of_call = match version {
        WITH_STAGES.. => "stage, model",
        _ => "NULL AS stage, NULL AS model",
    };
    let list = match version {
        WITH_JOBS.. => "(SELECT list FROM job WHERE job.id = spending.job)",
        _ => "NULL",
    };
    let mut query = db.prepare(&format!(
        "SELECT at / {HALF_HOUR} * {HALF_HOUR} AS half_hour, service, {of_call}, {list} AS list,
             coalesce(credits, 0) AS credits, usd, held, state
         FROM spending WHERE state IN ('held', 'settled')"
    ))?;
    let mut rows = query.query([])?;
    let mut spending = Spending::new();
    while let Some(row) = rows.next()? {
        let calls = Calls {
            at: Timestamp::from_millisecond(row.get("half_hour")?)?,
            service: row.get("service")?,
            stage: row.get("stage")?,
            model: row.get("model")?,
            list: row.get("list")?,
        };
        let amount = |column| -> anyhow::Result<Usd> {
            let amount: Option<String> = row.get(column)?;
            Ok(amount.as_deref().unwrap_or("0").parse()?)
        };
        let is_held = row.get::<_, String>("state")? == "held";
        *spending.entry(calls).or_default() += Sum {
            calls: 1,
            credits: row.get("credits")?,
            usd: if is_held { Usd::ZERO } else { amount("usd")? },
            held: if is_held { amount("held")? } else { Usd::ZERO },
        };
    }
    Ok(spending)
}
