//! The last run that did not start, in a file of its own: whoever holds the folder meanwhile keeps its records to itself.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::replace;

const FILE: &str = "not_started.json";

/// A run that did not start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotStarted {
    /// When it gave up.
    pub at: Timestamp,
    pub exit_code: u8,
    /// Why, as it was printed.
    pub error: String,
    /// What to do about it.
    pub remedy: String,
    /// The services were simulated.
    pub simulated: bool,
}

impl NotStarted {
    /// Puts it on record in a state folder, which need not be held.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, state: &Path) -> anyhow::Result<()> {
        replace(&state.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// The last one of a state folder; `None` where there was none, or its record cannot be read.
    pub fn peek(state: &Path) -> Option<Self> {
        let bytes = fs::read(state.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}
