//! What changed about a brand since it was researched before: facts are compared, not texts.

mod compare;
pub(crate) mod names;
mod past;

pub use compare::compare;
pub use past::{Past, Sight};
