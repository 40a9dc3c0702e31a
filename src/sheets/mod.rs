//! The client of Google Sheets: signing in, reading and writing values, tags on rows, and sheets that anyone may view.

pub mod auth;
pub mod client;
pub mod public;
pub mod row_tags;
