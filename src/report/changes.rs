//! The changes of a report since those before it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Fact;

/// A report compared with those before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// When the newer report was made.
    pub at: Timestamp,
    /// When the older one was.
    pub since: Timestamp,
    /// The run that made the newer report.
    pub run_id: String,
    /// What is different; empty where only words are.
    pub changes: Vec<Change>,
}

/// Something that was otherwise before. Its citations name the addresses of their sources: ids are those of one report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    /// The field: `relationships.parent`, `products`, `products.price`.
    pub about: String,
    /// The product that a price belongs to.
    pub of: Option<String>,
    pub before: Option<Fact>,
    pub after: Option<Fact>,
}

impl Change {
    /// A change of this kind in a field.
    pub fn of(
        kind: ChangeKind,
        about: impl Into<String>,
        before: Option<Fact>,
        after: Option<Fact>,
    ) -> Self {
        Self {
            kind,
            about: about.into(),
            of: None,
            before,
            after,
        }
    }
}

/// What happened to a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was in none of the reports that are kept.
    New,
    /// It is another now.
    Changed,
    /// Sources have begun to disagree about it.
    Disputed,
    /// A page that disagreed is gone or says something else now.
    Settled,
    /// No page that said it is found any more.
    SourceGone,
}
