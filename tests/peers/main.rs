//! The program against what nobody here wrote: servers made from published documents, recorded traffic, and another
//! OpenAI-compatible server. `.ci/peers/run` brings them and runs all of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where it panics"
)]

#[path = "../common/mod.rs"]
mod common;
mod discovery;
mod errors;
mod gateway;
mod node;
mod openai;
mod prism;
mod recorded;

use std::path::PathBuf;

/// A published document, or recorded traffic.
fn specification(name: &str) -> PathBuf {
    let folder = std::env::var_os("BRANDINTEL_SPECS")
        .expect("BRANDINTEL_SPECS names the folder of published documents");
    let path = PathBuf::from(folder).join(name);
    assert!(path.exists(), "there is no {}", path.display());
    path
}
