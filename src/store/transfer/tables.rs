//! The tables that a state folder and a shared store both have, and how their rows go from one to the other, some at a
//! time: a million answers do not fit into memory.

use std::iter::repeat_n;

use anyhow::{Context, bail};
use futures::{TryStreamExt, pin_mut};
use rusqlite::{Connection, params_from_iter, types::Value};
use tokio_postgres::{Row, Transaction, types::ToSql};

use crate::store::paid::pack;

/// Rows that travel together at most, and bytes after which no more are added.
const TOGETHER: usize = 500;
const ENOUGH_BYTES: usize = 4 << 20;

/// What a column holds, on both sides.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Int,
    /// An integer of four bytes in the shared store.
    Small,
    Flag,
    Text,
    /// US dollars: a text in the folder, exact decimals in the shared store.
    Money,
    Bytes,
}

/// A column by its names in the folder and in the shared store, where it may be read in another way than it is written.
#[derive(Debug)]
struct TableColumn {
    here: &'static str,
    there: &'static str,
    read: &'static str,
    kind: Kind,
}

/// A table, in the order of its rows in the shared store.
#[derive(Debug)]
pub struct StoreTable {
    pub name: &'static str,
    columns: &'static [TableColumn],
    /// Columns that only the shared store has, as made of those that both have.
    only_there: &'static [(&'static str, &'static str)],
    condition: &'static str,
    order: &'static str,
}

const fn same(name: &'static str, kind: Kind) -> TableColumn {
    other(name, name, name, kind)
}

const fn other(
    here: &'static str,
    there: &'static str,
    read: &'static str,
    kind: Kind,
) -> TableColumn {
    TableColumn {
        here,
        there,
        read,
        kind,
    }
}

/// The key of the fences, which no two stores have in common unless one was made of the other.
pub const FENCE: StoreTable = StoreTable {
    name: "fence",
    columns: &[same("id", Kind::Small), same("key", Kind::Bytes)],
    only_there: &[],
    condition: "true",
    order: "id",
};

/// Answers by their number, which says what came before what.
pub const ANSWERS: StoreTable = StoreTable {
    name: "response",
    columns: &[
        other("rowid", "id", "id", Kind::Int),
        same("hash", Kind::Bytes),
        same("at", Kind::Int),
        same("rejected", Kind::Flag),
        same("usd", Kind::Money),
        same("credits", Kind::Small),
        same("body", Kind::Bytes),
        same("payer", Kind::Text),
    ],
    only_there: &[],
    condition: "true",
    order: "id",
};

/// What was set aside and spent. No host has set aside what comes from a folder, and no host's numbers are below zero.
pub const SPENDING: StoreTable = StoreTable {
    name: "spending",
    columns: &[
        same("id", Kind::Int),
        same("job", Kind::Text),
        same("service", Kind::Text),
        same("hash", Kind::Bytes),
        same("at", Kind::Int),
        same("state", Kind::Text),
        same("held", Kind::Money),
        same("usd", Kind::Money),
        same("credits", Kind::Small),
        same("stage", Kind::Text),
        same("model", Kind::Text),
    ],
    only_there: &[("hold", "-id"), ("run", "''"), ("host", "0")],
    condition: "true",
    order: "id",
};

pub const JOBS: StoreTable = StoreTable {
    name: "job",
    columns: &[
        same("id", Kind::Text),
        same("list", Kind::Text),
        same("started_at", Kind::Int),
        same("forced", Kind::Flag),
        same("open", Kind::Flag),
        same("last_before", Kind::Int),
    ],
    only_there: &[],
    condition: "true",
    order: "started_at, id",
};

pub const READINGS: StoreTable = StoreTable {
    name: "reading",
    columns: &[
        same("id", Kind::Int),
        same("service", Kind::Text),
        same("at", Kind::Int),
        same("usd", Kind::Money),
        same("upto", Kind::Int),
    ],
    only_there: &[],
    condition: "true",
    order: "id",
};

/// Runs that have ended.
pub const RUNS: StoreTable = StoreTable {
    name: "run",
    columns: &[
        same("id", Kind::Text),
        same("started_at", Kind::Int),
        same("ended_at", Kind::Int),
        same("status", Kind::Text),
        same("total", Kind::Int),
        other("processed", "due", "succeeded + failed", Kind::Int),
        same("succeeded", Kind::Int),
        same("failed", Kind::Int),
        same("skipped", Kind::Int),
        same("usd", Kind::Money),
        same("simulated", Kind::Flag),
    ],
    only_there: &[("phase", "'closed'"), ("job", "''"), ("list", "''")],
    condition: "phase = 'closed'",
    order: "started_at, id",
};

/// The registry, which is no table in the folder.
pub const REGISTRY: StoreTable = StoreTable {
    name: "registry",
    columns: &[
        same("key", Kind::Text),
        same("list", Kind::Text),
        same("input_hash", Kind::Text),
        same("status", Kind::Text),
        same("updated_at", Kind::Int),
        same("cost", Kind::Money),
        same("folder", Kind::Text),
        same("entry", Kind::Text),
    ],
    only_there: &[],
    condition: "true",
    order: "key",
};

/// Reports, which lie in folders of their own.
pub const REPORTS: StoreTable = StoreTable {
    name: "report",
    columns: &[
        same("key", Kind::Text),
        same("folder", Kind::Text),
        same("hash", Kind::Bytes),
        same("body", Kind::Bytes),
    ],
    only_there: &[],
    condition: "true",
    order: "key",
};

/// Rows that travel together, by column.
#[derive(Debug)]
pub struct TablePart {
    columns: Vec<RowValues>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
enum RowValues {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
}

impl TablePart {
    pub fn of(table: &StoreTable) -> Self {
        let columns = table.columns.iter().map(|column| match column.kind {
            Kind::Int | Kind::Small | Kind::Flag => RowValues::Ints(Vec::new()),
            Kind::Text | Kind::Money => RowValues::Texts(Vec::new()),
            Kind::Bytes => RowValues::Blobs(Vec::new()),
        });
        Self {
            columns: columns.collect(),
            rows: 0,
            bytes: 0,
        }
    }

    pub fn is_full(&self) -> bool {
        self.rows >= TOGETHER || self.bytes >= ENOUGH_BYTES
    }

    pub fn push(&mut self, row: impl IntoIterator<Item = Value>) -> anyhow::Result<()> {
        self.rows += 1;
        for (column, value) in self.columns.iter_mut().zip(row) {
            match (column, value) {
                (RowValues::Ints(ints), Value::Integer(int)) => ints.push(Some(int)),
                (RowValues::Texts(texts), Value::Text(text)) => {
                    self.bytes += text.len();
                    // No text in that store can have one.
                    texts.push(Some(text.replace('\0', "")));
                }
                (RowValues::Blobs(blobs), Value::Blob(blob)) => {
                    self.bytes += blob.len();
                    blobs.push(Some(blob));
                }
                // The first version of the store kept bodies as they are.
                (RowValues::Blobs(blobs), Value::Text(text)) => {
                    blobs.push(Some(pack(text.as_bytes())?));
                }
                (RowValues::Ints(ints), Value::Null) => ints.push(None),
                (RowValues::Texts(texts), Value::Null) => texts.push(None),
                (RowValues::Blobs(blobs), Value::Null) => blobs.push(None),
                (_, value) => bail!("a value of the kind {} was not expected", value.data_type()),
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let columns = self.columns.iter().map(|column| match column {
            RowValues::Ints(ints) => ints as &(dyn ToSql + Sync),
            RowValues::Texts(texts) => texts,
            RowValues::Blobs(blobs) => blobs,
        });
        columns.collect()
    }
}

impl StoreTable {
    /// Puts rows into the shared store.
    pub async fn put(&self, part: &TablePart, there: &Transaction<'_>) -> anyhow::Result<()> {
        if part.rows > 0 {
            let insert = self.insert_there();
            there.execute(&insert, &part.parameters()).await?;
        }
        Ok(())
    }

    /// Copies all rows of the folder into the shared store; returns how many there were.
    pub async fn give(&self, here: &Connection, there: &Transaction<'_>) -> anyhow::Result<u64> {
        let mut query = here.prepare(&self.select_here())?;
        let mut rows = query.query([])?;
        let mut part = TablePart::of(self);
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let values = (0..self.columns.len()).map(|i| Ok(row.get_ref(i)?.try_into()?));
            part.push(values.collect::<anyhow::Result<Vec<Value>>>()?)
                .with_context(|| format!("the table {}", self.name))?;
            count += 1;
            if part.is_full() {
                self.put(&part, there).await?;
                part = TablePart::of(self);
            }
        }
        self.put(&part, there).await?;
        Ok(count)
    }

    /// Copies all rows of the shared store into the folder; returns how many there were.
    pub async fn take(&self, there: &Transaction<'_>, here: &Connection) -> anyhow::Result<u64> {
        let mut insert = here.prepare(&self.insert_here())?;
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = there.query_raw(&self.select_there(), none).await?;
        pin_mut!(rows);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            let values = self.columns.iter().enumerate();
            let values = values.map(|(i, column)| column.kind.value(&row, i));
            insert.execute(params_from_iter(values.collect::<Result<Vec<_>, _>>()?))?;
            count += 1;
        }
        Ok(count)
    }

    fn select_here(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.here).collect();
        format!("SELECT {} FROM {}", names.join(", "), self.name)
    }

    fn insert_here(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.here).collect();
        let marks: Vec<_> = repeat_n("?", names.len()).collect();
        format!(
            "INSERT OR REPLACE INTO {} ({}) VALUES ({})",
            self.name,
            names.join(", "),
            marks.join(", ")
        )
    }

    fn select_there(&self) -> String {
        let columns = self.columns.iter();
        let columns = columns.map(|column| column.kind.read(column.read));
        format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {}",
            columns.collect::<Vec<_>>().join(", "),
            self.name,
            self.condition,
            self.order
        )
    }

    fn insert_there(&self) -> String {
        let columns = self.columns.iter();
        let names: Vec<_> = columns.clone().map(|column| column.there).collect();
        let kinds = columns.clone().enumerate();
        let arrays = kinds.map(|(i, column)| format!("${}::{}[]", i + 1, column.kind.carrier()));
        let values = columns.map(|column| column.kind.write(column.there));
        let (more_names, more_values): (Vec<_>, Vec<_>) = self.only_there.iter().copied().unzip();
        let values = values.chain(more_values.into_iter().map(str::to_owned));
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS part ({})",
            self.name,
            [&names[..], &more_names].concat().join(", "),
            values.collect::<Vec<_>>().join(", "),
            arrays.collect::<Vec<_>>().join(", "),
            names.join(", ")
        )
    }
}

impl Kind {
    /// The type in which it travels.
    fn carrier(self) -> &'static str {
        match self {
            Self::Int | Self::Small | Self::Flag => "bigint",
            Self::Text | Self::Money => "text",
            Self::Bytes => "bytea",
        }
    }

    fn write(self, name: &str) -> String {
        match self {
            Self::Int | Self::Text | Self::Bytes => name.to_owned(),
            Self::Small => format!("{name}::integer"),
            Self::Flag => format!("{name} <> 0"),
            Self::Money => format!("{name}::numeric"),
        }
    }

    fn read(self, expression: &str) -> String {
        match self {
            Self::Text | Self::Bytes => expression.to_owned(),
            Self::Int | Self::Small => format!("({expression})::bigint"),
            Self::Flag => format!("{expression}::integer::bigint"),
            Self::Money => format!("{expression}::text"),
        }
    }

    fn value(self, row: &Row, column: usize) -> Result<Value, tokio_postgres::Error> {
        Ok(match self {
            Self::Int | Self::Small | Self::Flag => row.try_get::<_, Option<i64>>(column)?.into(),
            Self::Text | Self::Money => row.try_get::<_, Option<String>>(column)?.into(),
            Self::Bytes => row.try_get::<_, Option<Vec<u8>>>(column)?.into(),
        })
    }
}
