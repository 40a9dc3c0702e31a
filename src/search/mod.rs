//! The search of the web: one file for each provider.

pub mod tavily;
