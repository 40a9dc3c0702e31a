//! The difference between two reports on a brand: facts are compared, not texts.

mod compare;
pub(crate) mod names;
mod previous_reports;

pub use compare::compare;
pub use previous_reports::{PreviousReports, SearchCoverage};
