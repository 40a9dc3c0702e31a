//! The command `support`: writes one file to attach to a bug report. People can read it, it holds no secrets, and its
//! exchanges can be replayed.

mod machine;
mod redact;
mod wire;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::redact::Redaction;
use crate::{
    brand::{Row, gather},
    cli::SupportArgs,
    config::Folders,
    exit::{Exit, Failure, OrExit},
    files::write_privately,
    runner::store_failure,
    say,
    store::{
        checkpoint::Checkpoint,
        registry::{BrandStatus, Entry},
        run_history,
    },
    text::terminal,
};

/// Entries of the registry, runs and lines of the log that go into it at most.
const ENTRIES: usize = 200;
const RUNS: usize = 10;
const LINES: usize = 1_500;

const READ_ME: &str = "Written by brandintel support for a report of a fault. Keys, passwords and tokens are taken out; brands, pages and answers are not: please look through it before you send it. The exchanges can be played back with: brandintel sandbox --replay FILE";

/// Whose part of everything is wanted.
struct About {
    /// The key of the brand; `None` for all.
    key: Option<String>,
}

impl About {
    /// Whether a key in the registry or of who paid is of this brand: namesakes and lists add to it.
    fn is_of(&self, key: &str) -> bool {
        let Some(own) = &self.key else { return true };
        let rest = key.strip_prefix(own.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '#']))
    }

    fn is_named(&self, name: &str) -> bool {
        match &self.key {
            None => true,
            Some(_) => key_of(name).is_some_and(|key| self.is_of(&key)),
        }
    }
}

/// Writes the file.
pub async fn support(args: SupportArgs) -> Result<Exit, Failure> {
    let folders = Folders::new(args.folders.sandbox);
    let about = About {
        key: match &args.brand {
            None => None,
            Some(name) => Some(key_of(name).ok_or_else(|| {
                Failure::new(Exit::Usage, format!("--brand «{name}» names no brand"))
            })?),
        },
    };
    let now = Timestamp::now();
    let (registry, others) = registry(&args, &about).await?;
    let log = log(&folders.logs, &about, &others);
    let exchanges = wire::exchanges(&folders.logs, &about);
    let lines = log["lines"].as_array().map_or(0, Vec::len);
    let mut file = json!({
        "read_me": READ_ME,
        "format": 1,
        "written_at": now,
        "about": args.brand,
        "program": machine::program(),
        "system": machine::system(),
        "settings": machine::settings(about.key.is_some()),
        "checkpoint": checkpoint(&folders.state),
        "runs": runs(&folders.state),
        "registry": registry,
        "log": log,
        "exchanges": exchanges,
    });
    Redaction::of_settings().clean(&mut file);
    let path = args.to.unwrap_or_else(|| {
        PathBuf::from(
            now.strftime("brandintel-support-%Y%m%dT%H%M%SZ.json")
                .to_string(),
        )
    });
    write_privately(&path, format!("{file:#}\n").as_bytes()).or_exit(Exit::Machine)?;
    let count = file["exchanges"].as_array().map_or(0, Vec::len);
    say!(
        "{} is written. Requests that went wrong, as they were on the wire: {count}; lines of the log: {lines}.",
        path.display()
    );
    say!("Keys, passwords and tokens are taken out. Look through it before you send it.");
    if count > 0 {
        say!(
            "To play it back: brandintel sandbox --replay {}",
            path.display()
        );
    }
    Ok(Exit::Done)
}

/// The key of a name, as in the registry.
fn key_of(name: &str) -> Option<String> {
    let row = Row {
        name: name.to_owned(),
        ..Row::default()
    };
    Some(gather([row]).brands.pop()?.key.to_string())
}

fn checkpoint(state: &Path) -> Value {
    match Checkpoint::peek(state) {
        Ok(checkpoint) => json!(checkpoint),
        Err(error) => json!({"unreadable": format!("{error:#}")}),
    }
}

fn runs(state: &Path) -> Value {
    match run_history::peek(state) {
        Ok(runs) => json!(runs[runs.len().saturating_sub(RUNS)..]),
        Err(error) => json!({"unreadable": format!("{error:#}")}),
    }
}

/// What became of the brands that failed, or of the one that is asked for; and the names of all others.
async fn registry(args: &SupportArgs, about: &About) -> Result<(Value, Vec<String>), Failure> {
    let mut told = SupportSummary::default();
    let mut add = |entry: &Entry| told.add(entry, about);
    let location = args.shared.location(args.folders.sandbox);
    let store = location.or_exit(Exit::Usage)?.store().await;
    let present = store.map_err(store_failure)?.present(&mut add).await;
    if let Err(error) = present {
        terminal::warning(&format!("{error:#}"));
    }
    let SupportSummary {
        brands,
        failed,
        entries,
        others,
    } = told;
    let registry = json!({"brands": brands, "failed": failed, "entries": entries});
    Ok((registry, others))
}

#[derive(Default)]
struct SupportSummary {
    brands: usize,
    failed: usize,
    entries: Vec<Value>,
    others: Vec<String>,
}

impl SupportSummary {
    fn add(&mut self, entry: &Entry, about: &About) {
        let has_failed = entry.status == BrandStatus::Failed;
        self.brands += 1;
        self.failed += usize::from(has_failed);
        if !about.is_named(&entry.brand) {
            self.others.push(entry.brand.clone());
        } else if (has_failed || about.key.is_some()) && self.entries.len() < ENTRIES {
            self.entries.push(json!(entry));
        }
    }
}

/// The structured log of the last run, without lines that name other brands where one is asked for.
fn log(folder: &Path, about: &About, others: &[String]) -> Value {
    let Some(path) = last_log(folder) else {
        return json!({"lines": []});
    };
    let text = match fs::read(&path).with_context(|| path.display().to_string()) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return json!({"unreadable": format!("{error:#}"), "lines": []}),
    };
    let lines: Vec<&str> = text.lines().collect();
    let started = |line: &&str| line.contains("\"message\":\"run started\"");
    let first = lines.iter().rposition(started).unwrap_or(0);
    let mut lines: Vec<Value> = lines[first..]
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line| is_wanted(line, about, others))
        .collect();
    let left_out = lines.len().saturating_sub(LINES);
    // The beginning says how it was set up, and the end how it went.
    if left_out > 0 {
        lines.drain(LINES / 10..LINES / 10 + left_out);
    }
    json!({"file": path, "lines_left_out": left_out, "lines": lines})
}

fn is_wanted(line: &Value, about: &About, others: &[String]) -> bool {
    if about.key.is_none() {
        return true;
    }
    if let Some(brand) = line["brand"].as_str() {
        return about.is_named(brand);
    }
    let text = line.to_string();
    // Only what stands between these is a name in a message.
    !text.contains('«') && !others.iter().any(|other| text.contains(other.as_str()))
}

/// The structured log that was written last.
fn last_log(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let logs = files.filter(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("batch_") && name.ends_with(".jsonl")
    });
    let logs = logs.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
    logs.max().map(|(_, path)| path)
}
