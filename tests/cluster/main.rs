//! Many hosts, one list, one budget: each host in a network namespace of its own, and a real engine in another.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it panics"
)]

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod costs;
mod engine;
mod host;
mod kills;
mod moving;
mod network;
mod services;
mod trips;
mod trouble;
