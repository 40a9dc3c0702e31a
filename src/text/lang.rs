//! The languages that reports are written in.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Language of the reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// Persian
    Fa,
    /// English
    En,
    /// Persian and English
    #[default]
    Both,
}

impl Lang {
    /// Whether Persian is asked for.
    pub fn persian(self) -> bool {
        self != Lang::En
    }

    /// Whether English is asked for.
    pub fn english(self) -> bool {
        self != Lang::Fa
    }
}
