//! The integration tests: the real binary against simulated services on loopback, one module a subject.
//!
//! They are one binary because linking costs more than most of them: `cargo test --test it spending::` runs one subject. What
//! takes minutes, or needs software of others, is ignored unless it is asked for: [`endurance`] (`.ci/run`), [`cluster`]
//! (`.ci/cluster/run`) and [`peers`] (`.ci/peers/run`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it panics"
)]

mod batch;
#[path = "../../benches/research/bounds.rs"]
mod bounds;
mod changes;
mod check;
#[path = "../../benches/research/city/mod.rs"]
mod city;
mod cli;
#[cfg(target_os = "linux")]
mod cluster;
#[cfg_attr(
    not(unix),
    allow(dead_code, reason = "what needs signals or links is tested elsewhere")
)]
mod common;
mod corruption;
mod documentation;
mod endurance;
mod failures;
mod init;
mod layers;
mod lists;
mod model_answers;
#[cfg(feature = "otel")]
mod otel;
mod output_folders;
mod ownership;
mod peers;
mod recovery;
mod refusals;
mod rendering;
mod report_links;
#[path = "../../benches/research/reports.rs"]
mod reports;
mod research_quality;
mod run_records;
mod sandbox;
mod schemas;
#[path = "../../benches/research/score.rs"]
mod score;
mod settings;
mod setup_errors;
mod sheet_display;
mod sheet_edits;
mod sheet_moves;
#[cfg(unix)]
mod signals;
mod spending;
mod status;
mod support_bundle;
mod transient_errors;
mod unattended;
