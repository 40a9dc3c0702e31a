//! The holder of the state folder, for whoever finds it held. Only the lock decides whether somebody holds it.

use std::{fs, path::Path, process};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{files::replace, text::local_time};

const FILE: &str = "holder.json";

/// The process that holds the folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// When it took the folder.
    pub since: Timestamp,
    /// Services that do not answer it now.
    #[serde(default)]
    pub waiting_for: Vec<Outage>,
}

/// A service that does not answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    pub service: String,
    /// Its first failure after its last answer.
    pub since: Timestamp,
    /// What that failure was.
    pub why: String,
}

impl Holder {
    /// Says that it is this process. Nothing depends on it; what cannot be written must not name another process.
    pub fn sign(state: &Path) {
        let holder = Self {
            process: process::id(),
            since: Timestamp::now(),
            waiting_for: Vec::new(),
        };
        if holder.write(state).is_err() {
            let _ = fs::remove_file(state.join(FILE));
        }
    }

    /// Says which services this process waits for now.
    pub fn wait(state: &Path, waiting_for: Vec<Outage>) {
        let ours = Self::peek(state).filter(|holder| holder.process == process::id());
        if let Some(holder) = ours {
            let holder = Self {
                waiting_for,
                ..holder
            };
            // It is said again with the next change.
            let _ = holder.write(state);
        }
    }

    /// Who took the folder last; `None` where that cannot be read.
    pub fn peek(state: &Path) -> Option<Self> {
        let bytes = fs::read(state.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write(&self, state: &Path) -> anyhow::Result<()> {
        replace(&state.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// As a part of a sentence, with a space before it; nothing where nobody is known.
    pub fn in_words(holder: Option<&Self>) -> String {
        holder.map_or_else(String::new, |holder| {
            format!(
                " (process {}, since {})",
                holder.process,
                local_time::clock(holder.since)
            )
        })
    }
}
