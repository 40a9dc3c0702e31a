//! Requests, answers and errors as the `OpenAPI` documents of `OpenRouter` and Tavily have them.

use std::process::Command;

use brandintel::sandbox::Options;

use super::{
    gateway::{Gateway, Way},
    node::prism_proxy,
};
use crate::common::{Desk, ended, list_of};

pub const OPENROUTER: &str = "openrouter.openapi.json";
pub const TAVILY: &str = "tavily.openapi.json";

/// The program with models and searches behind these gateways.
pub fn command(desk: &Desk, models: &Gateway, search: &Gateway, args: &[&str]) -> Command {
    let mut command = desk.command(args);
    command
        .env("OPENROUTER_BASE_URL", models.at(""))
        .env("TAVILY_BASE_URL", search.at(""));
    command
}

pub fn sandbox_of(desk: &Desk) -> String {
    format!("http://{}", desk.sandbox.address())
}

#[test]
#[ignore = "needs Prism, which .ci/peers/run brings"]
fn every_request_of_a_run_and_every_simulated_answer_is_valid() {
    // Answers that do not fit and that are cut bring the requests by which they are mended.
    let desk = Desk::with_options(
        &list_of(4),
        Options {
            faults: vec![
                "llm:bad-json:1x".parse().unwrap(),
                "llm:length:1x".parse().unwrap(),
            ],
            ..Options::default()
        },
    );
    let upstream = sandbox_of(&desk);
    let models = prism_proxy(OPENROUTER, &format!("{upstream}/api/v1"));
    let search = prism_proxy(TAVILY, &upstream);
    let (to_models, to_search) = (models.base.clone(), search.base.clone());
    let models_gate = Gateway::start(move |_| Way::To(to_models.clone()));
    let search_gate = Gateway::start(move |_| Way::To(to_search.clone()));
    let run = |args: &[&str]| {
        ended(
            command(&desk, &models_gate, &search_gate, args)
                .output()
                .unwrap(),
        )
    };

    for args in [
        &["--google-sheets", "--budget", "5", "--workers", "4"][..],
        &[
            "--brand",
            "کاله",
            "--website",
            "https://kalleh.com",
            "--depth",
            "deep",
            "--lang",
            "fa",
        ],
        &[
            "--brand",
            "Snapp!",
            "--parent",
            "اسنپ گروپ",
            "--depth",
            "quick",
            "--lang",
            "en",
        ],
        &["check"],
    ] {
        let ended = run(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:#?}");
    }
    models_gate.assert_valid();
    search_gate.assert_valid();
    let chats = models_gate
        .seen()
        .into_iter()
        .map(|exchange| exchange.ask.body);
    let messages = |chat: serde_json::Value| chat["messages"].as_array().map(Vec::len);
    assert_eq!(
        chats.filter_map(messages).max(),
        Some(4),
        "nothing had to be mended"
    );
    let paths = |gate: &Gateway, path: &str| {
        let seen = gate.seen();
        seen.iter()
            .filter(|e| e.ask.path == path && e.status == 200)
            .count()
    };
    for path in ["/key", "/models", "/chat/completions"] {
        assert!(paths(&models_gate, path) > 0, "{path} was not asked");
    }
    for path in ["/usage", "/search", "/extract"] {
        assert!(paths(&search_gate, path) > 0, "{path} was not asked");
    }
}

#[test]
#[ignore = "needs Prism, which .ci/peers/run brings"]
fn a_request_that_the_document_refuses_is_noticed() {
    let desk = Desk::with_list(&list_of(1));
    let upstream = sandbox_of(&desk);
    let search = prism_proxy(TAVILY, &upstream);
    let gate = Gateway::start(move |_| Way::To(search.base.clone()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = crate::common::http::client()
        .post(gate.at("/search"))
        .bearer_auth(desk.sandbox.tavily_key())
        .header("content-type", "application/json")
        .body(r#"{"query":"کاله","country":"IR","max_result":3}"#);
    runtime.block_on(sent.send()).unwrap();
    let seen = gate.seen();
    let told = seen[0].violations.join("\n");
    assert!(
        told.contains("country") && told.contains("max_result"),
        "{told}"
    );
}
