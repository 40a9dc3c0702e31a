//! The program against what is known of services and against software of others: documents in `tests/fixtures/services`,
//! servers made from them, other OpenAI-compatible servers and gateways, and a real model. `.ci/peers/run` brings the
//! software and runs what needs it.

mod discovery;
mod errors;
mod exchanges;
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

use std::path::PathBuf;

/// What is known of a service from its documentation: a document that describes it, or exchanges with it.
fn specification(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/services");
    folder.join(name)
}
