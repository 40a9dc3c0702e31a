//! Refusals through the real binary: one that meets every brand stops the buying, one that meets a single brand fails
//! that brand alone.

use crate::common::{self, Desk, Ended, list_of, proxy::Proxy};

/// The most search credits that a brand takes.
const CREDITS: u64 = 6;

/// The whole list of the sandbox, as far as its length goes.
const BRANDS: usize = 219;

const NIGHT: [&str; 6] = [
    "--google-sheets",
    "--workers",
    "16",
    "--report-to",
    "report.json",
    "--verbose",
];

/// The run was stopped for all, and nothing says that a brand failed or is in work.
fn assert_stopped_for_all(desk: &Desk, ended: &Ended) {
    let code = ended.code.unwrap();
    assert!(matches!(code, 2 | 3 | 6), "{ended:#?}");
    let error = ended.err.lines().find(|line| line.starts_with("error:"));
    let error = error.unwrap_or_else(|| panic!("{ended:#?}"));
    assert!(
        error.contains("model") || error.contains("account") || error.contains("key"),
        "{error}"
    );
    assert!(!error.contains("row's name"), "{error}");
    assert!(!error.contains("برند شماره"), "{error}");
    let report = desk.json("report.json");
    let checkpoint = desk.checkpoint();
    for told in [&report["status"], &checkpoint["status"]] {
        assert_eq!(told, "aborted");
    }
    assert_eq!(report["exit_code"], code);
    assert_eq!(report["failed"], serde_json::json!([]));
    assert_eq!(checkpoint["failed"], 0);
    let done = desk.registry().len();
    assert_eq!(checkpoint["succeeded"], done);
    assert_eq!(report["totals"]["left"], BRANDS - done);
    for entry in desk.registry().values() {
        assert_eq!(entry["status"], "success", "{entry}");
    }
    for row in desk.sandbox.rows().iter().skip(1) {
        let status = row.get(3).map_or("", String::as_str);
        assert!(
            status.is_empty() || status.starts_with(['✓', '⚠']),
            "{row:?}"
        );
    }
}

#[test]
fn a_model_that_refuses_all_from_the_first_call_costs_the_searches_of_five_brands() {
    for status in [400, 403, 404, 422] {
        let desk = Desk::with_faults(&list_of(BRANDS), &[&format!("llm:{status}")]);
        let ended = desk.run(&NIGHT);
        assert_stopped_for_all(&desk, &ended);
        assert!(desk.registry().is_empty());
        let bought = desk.sandbox.counts().1;
        assert!(bought <= 5 * CREDITS, "{status}: {bought} credits");

        // The next run pays for no search again.
        desk.sandbox.heal();
        let ended = desk.run(&["--google-sheets", "--workers", "5", "--limit", "5"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let bought = desk.sandbox.counts().1;
        assert!(bought <= 5 * CREDITS, "{status}: {bought} credits");
        assert!(desk.registry().values().all(|entry| entry["attempts"] == 1));
    }
}

#[test]
fn a_model_that_refuses_all_from_some_call_on_costs_the_searches_of_sixteen_brands_more() {
    for status in [400, 403, 404, 422] {
        let desk = Desk::with_faults(&list_of(BRANDS), &[&format!("llm:{status}:100x+")]);
        let ended = desk.run(&NIGHT);
        assert_stopped_for_all(&desk, &ended);
        let entries = desk.registry();
        assert!(entries.len() >= 34, "{status}: {} done", entries.len());
        let of_done: u64 = entries
            .values()
            .map(|entry| {
                let report = desk.json(entry["report"].as_str().unwrap());
                report["cost"]["search_credits"].as_u64().unwrap()
            })
            .sum();
        let for_nothing = desk.sandbox.counts().1 - of_done;
        assert!(
            for_nothing <= 16 * CREDITS,
            "{status}: {for_nothing} credits"
        );
    }
}

#[test]
fn a_search_service_that_refuses_all_is_named_and_no_brand_fails() {
    let desk = Desk::with_faults(&list_of(BRANDS), &["search:400"]);
    let ended = desk.run(&NIGHT);
    assert_stopped_for_all(&desk, &ended);
    assert!(ended.err.contains("error: Tavily"), "{}", ended.err);
    assert_eq!(desk.sandbox.counts().0, 0, "no model was asked");
    let [_, searches, _] = desk.sandbox.arrived();
    assert!(searches <= 5 * CREDITS, "{searches} searches");
}

#[test]
fn one_worker_stops_too() {
    let desk = Desk::with_faults(&list_of(BRANDS), &["llm:400"]);
    let ended = desk.run(&[
        "--google-sheets",
        "--budget",
        "5",
        "--report-to",
        "report.json",
    ]);
    assert_stopped_for_all(&desk, &ended);
    assert!(desk.sandbox.counts().1 <= 5 * CREDITS);
    assert!(desk.held_usd() < 1e-9, "nothing stays set aside");
}

/// A proxy whose model refuses the brands with these numbers, of a list of fewer than ten.
fn refusing(desk: &Desk, numbers: &'static [usize]) -> Proxy {
    Proxy::before(desk, |path, body| {
        let names = numbers.iter().map(|number| format!("برند شماره {number}"));
        let refused = path.ends_with("/chat/completions")
            && names.into_iter().any(|name| body.contains(&name));
        let words =
            r#"{"error": {"code": 400, "message": "Invalid request: this text is not taken"}}"#;
        refused.then(|| (400, words.to_owned()))
    })
}

#[test]
fn a_refusal_of_single_brands_fails_those_alone() {
    for workers in ["1", "4", "16"] {
        let desk = Desk::with_list(&list_of(9));
        let proxy = refusing(&desk, &[1, 3, 9]);
        let mut command = desk.command(&["--google-sheets", "--workers", workers]);
        command.env("OPENROUTER_BASE_URL", proxy.models());
        let ended = common::ended(command.output().unwrap());
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        let registry = desk.registry();
        assert_eq!(registry.len(), 9);
        for entry in registry.values() {
            let brand = entry["brand"].as_str().unwrap();
            let refused = brand.ends_with(['1', '3', '9']);
            let due = if refused { "failed" } else { "success" };
            assert_eq!(entry["status"], due, "{brand}, {workers} workers");
            let cell = desk.cell(brand, "brandintel status");
            assert_eq!(cell.starts_with('✗'), refused, "{brand}: {cell}");
        }
        assert_eq!(desk.checkpoint()["status"], "complete");
    }
}

#[test]
fn fewer_refused_brands_than_prove_it_fail_when_the_list_ends() {
    let desk = Desk::with_faults(&list_of(4), &["llm:422"]);
    let ended = desk.run(&["--google-sheets", "--workers", "4"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(
        desk.registry()
            .values()
            .all(|entry| entry["status"] == "failed")
    );
    assert_eq!(desk.registry().len(), 4);
    assert_eq!(desk.checkpoint()["status"], "complete");
}

#[cfg(unix)]
#[test]
fn a_refused_brand_is_put_back_when_the_run_is_stopped() {
    let desk = Desk::with_list(&list_of(3));
    desk.sandbox.allow_models(0);
    let proxy = refusing(&desk, &[1, 2]);
    let mut command = desk.command(&["--google-sheets", "--workers", "3"]);
    command.env("OPENROUTER_BASE_URL", proxy.models());
    let mut running = command.spawn().unwrap();
    // The third brand waits for its answer, and the refused ones with it.
    desk.wait_for_models(1);
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &running.id().to_string()])
        .status();
    assert!(signalled.unwrap().success());
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(desk.checkpoint()["failed"], 0);
    let failed = |entry: &serde_json::Value| entry["status"] == "failed";
    assert!(!desk.registry().values().any(failed));
    for number in [1, 2] {
        let cell = desk.cell(&format!("برند شماره {number}"), "brandintel status");
        assert_eq!(cell, "", "a mark stays");
    }
}

#[test]
fn a_site_that_may_not_be_read_costs_its_brand_the_site_alone() {
    for (status, words) in [
        (403, "[403] URL is not supported"),
        (404, "Not Found"),
        (400, "Invalid url"),
        (422, "urls: not an address"),
    ] {
        let desk = Desk::with_list(&list_of(4));
        let proxy = Proxy::before(&desk, move |path, body| {
            let refused = path == "/extract" && body.contains("brand2.ir");
            let body = serde_json::json!({"detail": {"error": words}});
            refused.then(|| (status, body.to_string()))
        });
        let mut command = desk.command(&["--google-sheets", "--workers", "2"]);
        command.env("TAVILY_BASE_URL", proxy.searches());
        let ended = common::ended(command.output().unwrap());
        assert_eq!(ended.code, Some(0), "{status}: {ended:#?}");
        let registry = desk.registry();
        assert_eq!(registry.len(), 4);
        assert!(registry.values().all(|entry| entry["status"] == "success"));
    }
}

#[test]
fn a_key_that_is_refused_while_pages_are_read_ends_the_run() {
    for (status, words, code) in [
        (401, "Unauthorized: missing or invalid API key.", 3),
        (403, "This API key may not read pages", 3),
        (432, "This request exceeds your plan's set usage limit", 6),
        (433, "This request exceeds the pay-as-you-go limit", 6),
    ] {
        let desk = Desk::with_list(&list_of(4));
        let proxy = Proxy::before(&desk, move |path, _| {
            let body = serde_json::json!({"detail": {"error": words}});
            (path == "/extract").then(|| (status, body.to_string()))
        });
        let mut command = desk.command(&["--google-sheets"]);
        command.env("TAVILY_BASE_URL", proxy.searches());
        let ended = common::ended(command.output().unwrap());
        assert_eq!(ended.code, Some(code), "{status}: {ended:#?}");
        assert!(ended.err.contains(words), "{}", ended.err);
        assert!(desk.registry().is_empty());
    }
}
