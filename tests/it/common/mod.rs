//! A desk to try the program at: an empty folder, simulated services, and the real binary.

pub mod harm;
pub mod http;
pub mod proxy;
pub mod servers;
pub mod shared;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use brandintel::sandbox::{Options, Sandbox};
use serde_json::{Map, Value};
use shared::Database;

/// An empty folder with simulated services beside it.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    /// `None` with the embedded store.
    shared: Option<Database>,
}

/// What the program printed and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    /// Services that answer at once, with this list as their spreadsheet.
    pub fn with_list(list: &str) -> Self {
        Self::with_faults(list, &[])
    }

    /// Services with faults, as they are written on the command line.
    pub fn with_faults(list: &str, faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        let options = Options {
            faults,
            ..Options::default()
        };
        Self::with_options(list, options)
    }

    /// Services that answer at once, with these options and this list.
    pub fn with_options(list: &str, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("list.csv");
        fs::write(&csv, list).unwrap();
        let options = Options {
            speed: 100_000.0,
            list: Some(csv),
            ..options
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let account = serde_json::to_vec(&sandbox.service_account()).unwrap();
        fs::write(folder.path().join("account.json"), account).unwrap();
        Self {
            folder,
            sandbox,
            runtime,
            shared: Database::if_asked_for(),
        }
    }

    /// The program with the settings of this desk and without limits of its own.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program(self.folder.path(), args);
        let at = format!("http://{}", self.sandbox.address());
        command
            .env("OPENROUTER_BASE_URL", format!("{at}/api/v1"))
            .env("OPENROUTER_API_KEY", self.sandbox.openrouter_key())
            .env("TAVILY_BASE_URL", &at)
            .env("TAVILY_API_KEY", self.sandbox.tavily_key())
            .env("GOOGLE_SHEETS_BASE_URL", &at)
            .env("GOOGLE_SHEET_ID", self.sandbox.sheet_id())
            .env("GOOGLE_APPLICATION_CREDENTIALS", "account.json")
            .env("BRANDINTEL_LLM_RPM", "100000")
            .env("BRANDINTEL_SEARCH_RPM", "100000")
            .env("BRANDINTEL_SHEETS_RPM", "100000");
        if let Some(database) = &self.shared {
            command.env("BRANDINTEL_STATE", &database.url);
        }
        command
    }

    /// The program with the embedded store, whichever this desk has.
    pub fn command_alone(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.env_remove("BRANDINTEL_STATE");
        command
    }

    pub fn run_alone(&self, args: &[&str]) -> Ended {
        ended(self.command_alone(args).output().unwrap())
    }

    /// The database of this desk.
    #[expect(clippy::expect_used, reason = "a test fails where it panics")]
    pub fn database(&self) -> &Database {
        let database = self.shared.as_ref();
        database.expect("BRANDINTEL_TEST_STATE names a PostgreSQL server")
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn json(&self, path: &str) -> Value {
        read_json(&self.path(path))
    }

    /// The registry's entries by brand key.
    pub fn registry(&self) -> Map<String, Value> {
        let path = self.path("state/registry.json");
        match &self.shared {
            Some(database) => database.registry(),
            None if path.exists() => read_json(&path)["brands"].as_object().unwrap().clone(),
            None => Map::new(),
        }
    }

    /// Makes reports as old as this many days, and forgets the answers that they were made of.
    pub fn age(&self, days: &[(&str, i64)]) {
        let mut brands = self.registry();
        for (brand, days) in days {
            let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
            brands[*brand]["updated_at"] = at.to_string().into();
        }
        if let Some(database) = &self.shared {
            for (key, entry) in &brands {
                database.set_entry(key, entry);
            }
            database.query("DELETE FROM brandintel.response", &[]);
        } else {
            let path = self.path("state/registry.json");
            let mut registry = read_json(&path);
            registry["brands"] = brands.into();
            fs::write(path, registry.to_string()).unwrap();
            let db = rusqlite::Connection::open(self.path("state/paid.sqlite3")).unwrap();
            db.execute("DELETE FROM response", []).unwrap();
        }
    }

    /// Paid answers that are stored. A copy of a file is looked at, so that looking changes nothing.
    pub fn stored(&self) -> u64 {
        const FROM: &str = "response WHERE NOT rejected";
        if let Some(database) = &self.shared {
            return database.count(&format!("SELECT count(*) FROM brandintel.{FROM}"));
        }
        let copy = tempfile::tempdir().unwrap();
        for file in ["paid.sqlite3", "paid.sqlite3-wal"] {
            let path = self.path("state").join(file);
            if path.exists() {
                fs::copy(path, copy.path().join(file)).unwrap();
            }
        }
        let db = rusqlite::Connection::open(copy.path().join("paid.sqlite3")).unwrap();
        let sql = format!("SELECT count(*) FROM {FROM}");
        let count = db.query_row(&sql, [], |row| row.get::<_, u32>(0));
        // Before the first table there is no answer.
        count.map_or(0, u64::from)
    }

    /// US dollars that are set aside for calls of which nobody knows whether they were billed.
    pub fn held_usd(&self) -> f64 {
        const FROM: &str = "spending WHERE state = 'held'";
        let held: Vec<String> = if let Some(database) = &self.shared {
            let sql = format!("SELECT held::text FROM brandintel.{FROM}");
            let rows = database.query(&sql, &[]);
            rows.iter().map(|row| row.get(0)).collect()
        } else {
            let db = rusqlite::Connection::open(self.path("state/paid.sqlite3")).unwrap();
            let mut query = db.prepare(&format!("SELECT held FROM {FROM}")).unwrap();
            let held = query.query_map([], |row| row.get(0)).unwrap();
            held.map(Result::unwrap).collect()
        };
        held.iter().map(|usd| usd.parse::<f64>().unwrap()).sum()
    }

    pub fn checkpoint(&self) -> Value {
        self.json("state/checkpoint_latest.json")
    }

    /// The cell under a header, in the row with this name.
    pub fn cell(&self, name: &str, header: &str) -> String {
        let rows = self.sandbox.rows();
        let column = rows[0].iter().position(|cell| cell == header);
        let row = rows
            .iter()
            .find(|row| row.first().is_some_and(|cell| cell == name));
        let cell = row.and_then(|row| row.get(column?));
        cell.cloned().unwrap_or_default()
    }

    /// Waits until so many model calls have come.
    pub fn wait_for_models(&self, calls: u64) {
        self.runtime.block_on(self.sandbox.models_arrived(calls));
    }
}

impl Desk {
    /// Runs a command and kills it when so many requests have come. Returns whether it was still running.
    pub fn kill_at_request(&self, command: Command, requests: u64) -> bool {
        let mut command = tokio::process::Command::from(command);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.runtime.block_on(async {
            let mut running = command.spawn().unwrap();
            tokio::select! {
                biased;
                ended = running.wait() => {
                    ended.unwrap();
                    false
                }
                () = self.sandbox.requests_arrived(requests) => {
                    running.kill().await.unwrap();
                    true
                }
            }
        })
    }
}

/// The program that is tried: another build, where the environment names one, because it is faster or because what it costs is
/// measured.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("BRANDINTEL_TEST_PROGRAM").map(PathBuf::from);
    named.unwrap_or_else(|| assert_cmd::cargo::cargo_bin!("brandintel").to_owned())
}

/// The program in a folder, with nothing set that the machine may have set.
pub fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(args);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_uppercase();
        let ours = ["BRANDINTEL_", "OPENROUTER_", "TAVILY_", "GOOGLE_", "OTEL_"];
        if ours.iter().any(|prefix| text.starts_with(prefix)) || text.ends_with("_PROXY") {
            command.env_remove(&name);
        }
    }
    // A terminal of its own: UTF-8, colours as the program chooses.
    command.env("LC_ALL", "C.UTF-8");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

pub fn ended(output: Output) -> Ended {
    let ended = Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    for secret in ["0123456789", "BEGIN PRIVATE KEY"] {
        assert!(
            !ended.out.contains(secret) && !ended.err.contains(secret),
            "a secret was printed: {ended:#?}"
        );
    }
    ended
}

pub fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap()
}

/// A list of this many brands.
pub fn list_of(brands: usize) -> String {
    let mut list = String::from("Brand Name,Website,Parent Company\n");
    for i in 1..=brands {
        list += &format!("برند شماره {i},https://brand{i}.ir,گروه {}\n", i % 3);
    }
    list
}

/// All files below a folder, with their contents.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
