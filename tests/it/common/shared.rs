//! A shared store of its own for a desk, where `BRANDINTEL_TEST_STATE` names a PostgreSQL server on which databases may be
//! made: the same tests then hold for both stores.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value};
use tokio_postgres::{Client, NoTls, Row, error::SqlState, types::ToSql};

/// A database that is there as long as this value.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
    /// What `--state` takes.
    pub url: String,
}

impl Database {
    /// A database for one desk, where tests are to be run with the shared store.
    pub fn if_asked_for() -> Option<Self> {
        std::env::var("BRANDINTEL_TEST_STATE")
            .ok()
            .map(|server| Self::on(&server))
    }

    /// An empty database on a server, which is given as the URL of a database there.
    pub fn on(server: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("desk_{}_{number}", std::process::id());
        let mut url = url::Url::parse(server).unwrap();
        url.set_path(&name);
        let made = Self {
            server: server.to_owned(),
            name,
            url: url.into(),
        };
        made.on_server(&format!("CREATE DATABASE {}", made.name));
        made
    }

    /// The rows of a query; none as long as there is no such table.
    pub fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        let rows = with_client(&self.url, async |client| {
            client.query(sql, parameters).await
        });
        match rows {
            Err(error) if missing(&error) => Vec::new(),
            rows => rows.unwrap(),
        }
    }

    /// The number that a query counts; 0 as long as there is no such table.
    pub fn count(&self, sql: &str) -> u64 {
        let rows = self.query(sql, &[]);
        let count = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        u64::try_from(count).unwrap()
    }

    /// The registry's entries by brand key.
    pub fn registry(&self) -> Map<String, Value> {
        let rows = self.query("SELECT key, entry FROM brandintel.registry", &[]);
        let entry = |row: Row| {
            let entry: String = row.get(1);
            (row.get(0), serde_json::from_str(&entry).unwrap())
        };
        rows.into_iter().map(entry).collect()
    }

    /// Makes an entry of the registry as old as it says that it is.
    pub fn set_entry(&self, key: &str, entry: &Value) {
        let at: jiff::Timestamp = entry["updated_at"].as_str().unwrap().parse().unwrap();
        let sql = "UPDATE brandintel.registry SET entry = $2, updated_at = $3 WHERE key = $1";
        self.query(sql, &[&key, &entry.to_string(), &at.as_millisecond()]);
    }

    fn on_server(&self, sql: &str) {
        run(&self.server, sql);
    }
}

/// Does this in a database.
pub fn run(url: &str, sql: &str) {
    let done = with_client(url, async |client| client.batch_execute(sql).await);
    assert!(done.is_ok(), "{sql}: {done:?}");
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // A killed program's session goes on until the server notices.
        self.on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn missing(error: &tokio_postgres::Error) -> bool {
    let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| missing.contains(code))
}

fn with_client<T>(
    url: &str,
    work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
) -> Result<T, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // An error of the connection is one of the query too.
        tokio::spawn(connection);
        work(&client).await
    })
}
