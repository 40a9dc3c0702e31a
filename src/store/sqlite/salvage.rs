//! The salvage of a damaged database: what can be read of it, row by row.

use std::{fs, path::Path};

use jiff::{Timestamp, ToSpan};
use rusqlite::{Connection, OpenFlags, Row, params_from_iter, types::Value};

use super::{fault::Impossible, pages::Pages};
use crate::{
    money::Usd,
    store::{checkpoint::RunStatus, paid::unpack},
};

/// Bytes of a hash and of the key of fences.
const HASH: usize = 32;

/// A table that is worth saving.
#[derive(Debug)]
pub struct SalvagedTable {
    pub name: &'static str,
    columns: &'static [&'static str],
    /// Columns that the first versions did not have, at the end.
    added: usize,
    /// Makes a row one that can be, where it is not; `false` where nothing can be made of it.
    mend: fn(&mut [Value]) -> bool,
}

/// All of them, what others are mended by first.
pub const TABLES: [SalvagedTable; 6] = [
    SalvagedTable {
        name: "spending",
        columns: &[
            "id", "job", "service", "hash", "at", "state", "held", "usd", "credits", "stage",
            "model",
        ],
        added: 2,
        mend: mend_spending,
    },
    SalvagedTable {
        name: "response",
        columns: &["hash", "at", "rejected", "usd", "credits", "body", "payer"],
        added: 1,
        mend: mend_response,
    },
    SalvagedTable {
        name: "job",
        columns: &["id", "list", "started_at", "forced", "open", "last_before"],
        added: 0,
        mend: |row| {
            let texts = is_text(&row[0]) && is_text(&row[1]);
            texts && is_time(&row[2]) && is_flag(&row[3]) && is_flag(&row[4]) && is_count(&row[5])
        },
    },
    SalvagedTable {
        name: "reading",
        columns: &["id", "service", "at", "usd", "upto"],
        added: 0,
        mend: |row| {
            let amount = text(&row[3]).is_some_and(|usd| usd.parse::<Usd>().is_ok());
            is_text(&row[1]) && is_time(&row[2]) && amount && is_count(&row[4])
        },
    },
    SalvagedTable {
        name: "fence",
        columns: &["id", "key"],
        added: 0,
        mend: |row| {
            row[0] = Value::Integer(1);
            is_hash(&row[1])
        },
    },
    SalvagedTable {
        name: "run",
        columns: &[
            "id",
            "started_at",
            "ended_at",
            "status",
            "total",
            "processed",
            "succeeded",
            "failed",
            "skipped",
            "usd",
            "simulated",
        ],
        added: 0,
        mend: mend_run,
    },
];

/// Copies what can be read of a damaged database into an empty one: first along its tables, then, for what these do not
/// lead to any more, page by page. Says how many records there are now.
pub fn save(damaged: &Path, into: &Connection) -> anyhow::Result<usize> {
    let mut saved = 0;
    let all = into.unchecked_transaction()?;
    // Before `SQLite` takes what it can of the log into the file, and removes the rest.
    let pages = Pages::open(damaged);
    if fill_up(damaged).is_ok()
        && let Ok(from) = Connection::open_with_flags(damaged, OpenFlags::SQLITE_OPEN_READ_WRITE)
    {
        for table in &TABLES {
            saved += walk(&from, &all, table)?;
        }
    }
    if let Ok(pages) = pages {
        let mut put = Ok(0);
        pages.rows(&mut |number, values| {
            let shape = TABLES.iter().find_map(|table| table.fit(number, &values));
            if let (Some((table, row)), Ok(before)) = (shape, &put) {
                put = table.put(&all, number, &row).map(|one| before + one);
            }
        });
        saved += put?;
    }
    complete(&all)?;
    all.commit()?;
    Ok(saved)
}

/// What the tables say of each other, where a part of it was lost: prices of answers, and what was paid for them.
fn complete(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "UPDATE response SET usd = coalesce((SELECT usd FROM spending
             WHERE spending.hash = response.hash AND state = 'settled' ORDER BY id DESC LIMIT 1), '0')
         WHERE usd = '';
         INSERT INTO spending (job, service, hash, at, state, held, usd, credits)
             SELECT coalesce((SELECT id FROM job WHERE last_before < response.rowid ORDER BY rowid DESC LIMIT 1), ''),
                 '', hash, at, 'settled', usd, usd, credits
             FROM response WHERE hash NOT IN (SELECT hash FROM spending);",
    )
}

/// Copies the rows of a table up to the first that cannot be read.
fn walk(from: &Connection, into: &Connection, table: &SalvagedTable) -> rusqlite::Result<usize> {
    let Ok(names) = columns_of(from, table) else {
        return Ok(0);
    };
    let Ok(mut all) = from.prepare(&format!("SELECT rowid, * FROM {}", table.name)) else {
        return Ok(0);
    };
    let place = |column: &&str| names.iter().position(|name| name == column.as_bytes());
    let places: Vec<Option<usize>> = table.columns.iter().map(place).collect();
    let Ok(mut rows) = all.query([]) else {
        return Ok(0);
    };
    let mut saved = 0;
    while let Ok(Some(row)) = rows.next() {
        if let Ok((number, mut values)) = read(row, &places)
            && (table.mend)(&mut values)
        {
            saved += table.put(into, number, &values)?;
        }
    }
    Ok(saved)
}

/// The names of a table's columns, in order. They are read as values: damaged ones need not be UTF-8, and
/// `Statement::column_names` panics at those.
fn columns_of(from: &Connection, table: &SalvagedTable) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut all = from.prepare("SELECT CAST(name AS BLOB) FROM pragma_table_info(?)")?;
    let names = all.query_map([table.name], |row| row.get(0))?;
    names.collect()
}

fn read(row: &Row<'_>, places: &[Option<usize>]) -> rusqlite::Result<(i64, Vec<Value>)> {
    let value = |place: &Option<usize>| match place {
        Some(place) => row.get(place + 1),
        None => Ok(Value::Null),
    };
    let values = places.iter().map(value).collect::<Result<_, _>>()?;
    Ok((row.get(0)?, values))
}

impl SalvagedTable {
    /// The row of this table that such values are, if they are one.
    fn fit(&self, number: i64, values: &[Value]) -> Option<(&Self, Vec<Value>)> {
        let most = self.columns.len();
        if !(most - self.added..=most).contains(&values.len()) {
            return None;
        }
        let mut row = values.to_vec();
        row.resize(most, Value::Null);
        // The number of the row is not written a second time.
        if self.has_number() {
            if row[0] != Value::Null {
                return None;
            }
            row[0] = Value::Integer(number);
        }
        (self.mend)(&mut row).then_some((self, row))
    }

    /// Whether the number of a row is its first column.
    fn has_number(&self) -> bool {
        matches!(self.name, "spending" | "reading" | "fence")
    }

    /// Puts a row into the new database, unless it is there. Says how many were put.
    fn put(&self, into: &Connection, number: i64, row: &[Value]) -> rusqlite::Result<usize> {
        let columns = self.columns.join(", ");
        let marks = vec!["?"; row.len()].join(", ");
        // The numbers tell which answers came first, and which calls are in flight.
        let (rowid, mark, first) = match self.has_number() {
            true => ("", "", None),
            false => ("rowid, ", "?, ", Some(Value::Integer(number))),
        };
        let name = self.name;
        let insert =
            format!("INSERT OR IGNORE INTO {name} ({rowid}{columns}) VALUES ({mark}{marks})");
        let mut insert = into.prepare_cached(&insert)?;
        insert.execute(params_from_iter(first.iter().chain(row.iter())))
    }

    /// Says what cannot be in the rows of a table; answers themselves are looked at when they are needed.
    pub fn check(&self, db: &Connection) -> anyhow::Result<()> {
        let columns = self.columns.join(", ").replace("body", "x'' AS body");
        let mut all = db.prepare(&format!("SELECT {columns} FROM {}", self.name))?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let values = (0..self.columns.len()).map(|i| row.get(i));
            let before = values.collect::<Result<Vec<Value>, _>>()?;
            let mut after = before.clone();
            let is_whole = match self.name {
                "response" => mend_about(&mut after),
                _ => (self.mend)(&mut after),
            };
            if !is_whole || before != after {
                let name = self.name;
                return Err(Impossible(format!("a record of {name} has impossible values")).into());
            }
        }
        Ok(())
    }
}

/// `SQLite` reads nothing of a file that is shorter than its header says; one that was cut is filled up with zeros.
/// Page size and count stand at the bytes 16 and 28 of the header (<https://sqlite.org/fileformat.html>, 1.3).
fn fill_up(path: &Path) -> std::io::Result<()> {
    use std::io::Read;
    let mut file = fs::File::options().read(true).write(true).open(path)?;
    let mut header = [0; 32];
    file.read_exact(&mut header)?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    let (whole, here) = (page * u64::from(pages), file.metadata()?.len());
    // A count that is damaged itself must not fill the disk.
    if here < whole && whole <= here.saturating_mul(1_000) {
        file.set_len(whole)?;
    }
    Ok(())
}

fn mend_response(row: &mut [Value]) -> bool {
    let is_kept = match &row[5] {
        Value::Blob(packed) => unpack(packed).is_ok_and(|body| is_json(&body)),
        Value::Text(body) => is_json(body),
        _ => false,
    };
    is_kept && mend_about(row)
}

/// Mends what is known of an answer besides itself. Without a price it is an answer all the same.
fn mend_about(row: &mut [Value]) -> bool {
    if !is_amount(&row[3]) {
        row[3] = Value::Text(String::new());
    }
    if !is_u32(&row[4]) {
        row[4] = Value::Integer(0);
    }
    if !matches!(row[6], Value::Null | Value::Text(_)) {
        row[6] = Value::Null;
    }
    is_hash(&row[0]) && is_time(&row[1]) && is_flag(&row[2])
}

/// A call of which nobody knows what it cost counts with the most that it may have cost.
fn mend_spending(row: &mut [Value]) -> bool {
    let state = text(&row[5]).unwrap_or_default();
    if !matches!(state, "held" | "settled" | "released") {
        return false;
    }
    let is_settled = state == "settled";
    if !is_amount(&row[6]) {
        let usd = Some(&row[7]).filter(|usd| is_amount(usd)).cloned();
        row[6] = usd.unwrap_or_else(|| Value::Text("0".into()));
    }
    match is_settled {
        true if !is_amount(&row[7]) => row[7] = row[6].clone(),
        true => {}
        false => row[7] = Value::Null,
    }
    if row[8] != Value::Null && !is_u32(&row[8]) {
        row[8] = Value::Integer(0);
    }
    for stage_or_model in &mut row[9..] {
        if !is_text(stage_or_model) {
            *stage_or_model = Value::Null;
        }
    }
    is_text(&row[1]) && is_text(&row[2]) && is_hash(&row[3]) && is_time(&row[4])
}

fn mend_run(row: &mut [Value]) -> bool {
    if !is_amount(&row[9]) {
        row[9] = Value::Text("0".into());
    }
    let counts = row[4..9].iter().all(is_count);
    let status = text(&row[3]).is_some_and(|status| RunStatus::named(status).is_some());
    let times = is_time(&row[1]) && is_time(&row[2]);
    is_text(&row[0]) && times && status && counts && is_flag(&row[10])
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn is_text(value: &Value) -> bool {
    text(value).is_some()
}

fn is_json(body: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()
}

fn is_hash(value: &Value) -> bool {
    matches!(value, Value::Blob(hash) if hash.len() == HASH)
}

fn is_flag(value: &Value) -> bool {
    matches!(value, Value::Integer(0 | 1))
}

fn is_count(value: &Value) -> bool {
    matches!(value, Value::Integer(count) if usize::try_from(*count).is_ok())
}

fn is_u32(value: &Value) -> bool {
    matches!(value, Value::Integer(count) if u32::try_from(*count).is_ok())
}

/// A moment with which can be reckoned: a year before the first and after the last there is another.
fn is_time(value: &Value) -> bool {
    let Value::Integer(at) = value else {
        return false;
    };
    let year = (366 * 24).hours();
    Timestamp::from_millisecond(*at)
        .is_ok_and(|at| at.checked_add(year).is_ok() && at.checked_sub(year).is_ok())
}

/// Whether a text is an amount that something can have cost.
fn is_amount(value: &Value) -> bool {
    let usd = text(value).and_then(|usd| usd.parse::<Usd>().ok());
    usd.is_some_and(|usd| !usd.is_absurd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open::connect;

    #[test]
    fn no_damage_to_the_page_that_describes_the_tables_ends_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let db = connect(&path).unwrap();
        db.execute_batch(
            "INSERT INTO reading (service, at, usd, upto) VALUES ('openrouter', 1, '0.5', 0);",
        )
        .unwrap();
        db.close().unwrap();
        let whole = fs::read(&path).unwrap();
        let mut saved = 0;
        for byte in (0..4096).filter(|byte| whole[*byte] != 0) {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0x80;
            fs::write(&path, damaged).unwrap();
            let into = Connection::open_in_memory().unwrap();
            for migration in super::super::open::MIGRATIONS {
                into.execute_batch(migration).unwrap();
            }
            saved += usize::from(save(&path, &into).unwrap() > 0);
        }
        assert!(saved > 1_000, "{saved}");
    }
}
