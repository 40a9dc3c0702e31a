//! The program against software of others: servers made from published documents, recorded traffic, other
//! OpenAI-compatible servers and gateways, and a real model. `.ci/peers/run` brings them and runs all of it.

mod discovery;
mod errors;
mod gateway;
mod litellm;
mod llama;
mod model_server;
mod node;
mod nonsense;
mod openai;
mod portkey;
mod prism;
mod process;
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
