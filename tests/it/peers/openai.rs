//! Another OpenAI-compatible server in the place of `OpenRouter`: it has no `/key`, no prices and no costs.

use super::{node::start, process::Peer};
use crate::common::{self, Desk, Ended, ended, list_of};

fn desk_and_server(mode: &str, brands: usize) -> (Desk, Peer) {
    (
        Desk::with_list(&list_of(brands)),
        start("../model.mjs", &[mode.to_owned()]),
    )
}

fn run(desk: &Desk, server: &Peer, args: &[&str]) -> Ended {
    let mut command = desk.command(args);
    command
        .env("OPENROUTER_BASE_URL", format!("{}/v1", server.base))
        .env("OPENROUTER_MODEL", "qwen3-8b");
    ended(command.output().unwrap())
}

const BATCH: [&str; 3] = ["--google-sheets", "--workers", "8"];

#[test]
#[ignore = "needs aimock, which .ci/peers/run brings"]
fn answers_made_from_the_schema_by_others_are_read_and_cost_what_is_known() {
    let (desk, server) = desk_and_server("schema", 4);
    let check = run(&desk, &server, &["check"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
    for due in ["it has no /key", "qwen3-8b: the server does not list it"] {
        assert!(check.out.contains(due), "{due}: {}", check.out);
    }
    let bounded = run(&desk, &server, &["--google-sheets", "--budget", "1"]);
    assert_eq!(bounded.code, Some(2), "{bounded:#?}");
    assert!(bounded.err.contains("nothing bounds what a call may cost"));

    let (_, checked, _) = desk.sandbox.counts();
    let batch = run(&desk, &server, &BATCH);
    assert_eq!(batch.code, Some(0), "{batch:#?}");
    let credits = desk.sandbox.counts().1 - checked;
    for entry in desk.registry().values() {
        assert_eq!(entry["status"], "success");
        let report = desk.json(entry["report"].as_str().unwrap());
        let cost = &report["cost"];
        assert!(cost["llm_calls"].as_u64() > Some(0), "{cost}");
        assert!(cost["tokens_in"].as_u64() > Some(0), "{cost}");
        // Nothing that was made up is taken for supported: no quote of it stands in a source.
        let share = report["quality"]["supported_share"].as_f64();
        assert!(
            share.is_none_or(|share| share < 0.2),
            "{}",
            report["quality"]
        );
    }
    assert!(credits > 0, "nothing was searched");
    for due in [
        format!("({credits} search credits)"),
        "tells no cost".into(),
    ] {
        assert!(batch.out.contains(&due), "{due}: {}", batch.out);
    }
}

#[test]
#[ignore = "needs aimock, which .ci/peers/run brings"]
fn a_server_that_ignores_the_schema_fails_each_brand_with_a_reason() {
    let (desk, server) = desk_and_server("prose", 4);
    let batch = run(&desk, &server, &BATCH);
    assert_eq!(batch.code, Some(1), "{batch:#?}");
    let registry = desk.registry();
    assert_eq!(registry.len(), 4);
    for entry in registry.values() {
        let error = entry["error"].as_str().unwrap();
        assert!(error.contains("does not fit the schema, twice"), "{error}");
    }
}

#[test]
#[ignore = "needs aimock, which .ci/peers/run brings"]
fn lost_connections_broken_answers_and_limits_of_a_server_pass() {
    // A fifth of the calls fails: that none of so many does is as unlikely as that one fails eight times.
    let (desk, server) = desk_and_server("chaos", 60);
    let batch = run(&desk, &server, &BATCH);
    assert_eq!(batch.code, Some(0), "{batch:#?}");
    assert!(batch.out.contains("Success: 60 (100.0%)"), "{}", batch.out);
    let logs = common::files(&desk.path("logs"));
    let text: String = logs
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    assert!(text.contains("call is tried again"), "{text}");
}
