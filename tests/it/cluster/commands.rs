//! What the commands besides the batch say of a store that hosts share.

use std::fs;

use serde_json::Value;

use crate::common::{Desk, list_of};

const NIGHT: [&str; 3] = ["--google-sheets", "--workers", "4"];

fn json(desk: &Desk, args: &[&str]) -> Value {
    let ended = desk.run(args);
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:#?}"))
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn looking_needs_no_tables_and_makes_none() {
    let desk = Desk::with_list(&list_of(3));
    let status = json(&desk, &["status", "--json"]);
    assert_eq!(status["registry"]["brands"], 0);
    assert_eq!(status["hosts"], serde_json::json!([]));
    let export = desk.run(&["export"]);
    assert_eq!(export.code, Some(0), "{export:?}");
    // What the folder knows is not what hosts share.
    assert_eq!(desk.run_alone(&NIGHT).code, Some(0));
    let rehearsed = desk.run(&["--google-sheets", "--dry-run"]);
    assert!(
        rehearsed.out.contains("Brands to process: 3/3"),
        "{rehearsed:?}"
    );
    let check = desk.run(&["check"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(
        check.out.contains("will be made by the first run"),
        "{}",
        check.out
    );
    assert!(check.out.contains("3 of 3 brands are due"), "{}", check.out);
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'brandintel'";
    assert_eq!(desk.database().count(schemas), 0);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn status_tells_of_a_night_that_goes_on_and_of_its_hosts() {
    let desk = Desk::with_list(&list_of(6));
    // Killed, so that it stands still while it is looked at.
    assert!(desk.kill_at_request(desk.command(&["--google-sheets", "--workers", "2"]), 25));
    let status = json(&desk, &["status", "--json"]);
    let ended = status["last_run"]["processed"].as_u64().unwrap();
    let host = &status["hosts"][0];
    assert_eq!(status["running"]["phase"], "working");
    assert_eq!(status["running"]["left"], 6 - ended);
    assert_eq!(status["last_run"]["total"], 6);
    assert!(host["process"].is_u64());
    assert_eq!(
        (&host["workers"], &host["leads"]),
        (&2.into(), &true.into())
    );
    assert_eq!(host["gone"], false);
    assert_eq!(host["done"], ended);
    let in_hand = host["in_hand"].as_array().unwrap();
    assert_eq!(status["running"]["in_flight"], in_hand.len());
    assert!(
        in_hand
            .iter()
            .all(|brand| brand["brand"].is_string() && brand["seconds"].is_number())
    );
    let text = desk.run(&["status"]).out;
    assert!(
        text.contains("[NOW] Run ") && text.contains("[HOSTS] 1 at work"),
        "{text}"
    );

    let long_ago = "UPDATE brandintel.host SET seen_at = seen_at - interval '1 minute'";
    desk.database().query(long_ago, &[]);
    let status = json(&desk, &["status", "--json"]);
    assert_eq!(status["running"], Value::Null);
    assert_eq!(status["last_run"]["status"], "killed");
    assert_eq!(status["runs"][0]["status"], "killed");
    assert_eq!(status["hosts"][0]["gone"], true);

    assert_eq!(desk.run(&NIGHT).code, Some(0));
    let status = json(&desk, &["status", "--json"]);
    assert_eq!(status["registry"]["success"], 6);
    assert_eq!(status["hosts"], serde_json::json!([]));
    assert_eq!(status["last_run"]["status"], "complete");
    let spent: f64 = status["spent_by_day"]
        .as_object()
        .unwrap()
        .values()
        .map(|usd| usd.as_f64().unwrap())
        .sum();
    let settled = desk.database().query(
        "SELECT sum(usd)::float8 FROM brandintel.spending WHERE state = 'settled'",
        &[],
    );
    assert!(
        (spent - settled[0].get::<_, f64>(0)).abs() < 1e-6,
        "{spent}"
    );
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn export_brings_the_reports_of_all_hosts() {
    let desk = Desk::with_list(&list_of(4));
    assert_eq!(desk.run(&NIGHT).code, Some(0));
    // Another host has nothing.
    fs::remove_dir_all(desk.path("output")).unwrap();
    fs::remove_dir_all(desk.path("state")).unwrap();
    let ended = desk.run(&["export"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("4 reports rendered"), "{}", ended.out);
    assert!(desk.path("output/index.html").exists());
    assert!(!desk.path("state").exists());
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn check_prices_by_the_shared_registry_and_leaves_no_trace() {
    let desk = Desk::with_list(&list_of(4));
    assert_eq!(
        desk.run(&[&NIGHT[..], &["--limit", "3"]].concat()).code,
        Some(0)
    );
    let rows = || {
        desk.database().query(
            "SELECT (SELECT count(*) FROM brandintel.gate), (SELECT count(*) FROM brandintel.host)",
            &[],
        )[0]
        .get::<_, i64>(0)
    };
    let before = rows();
    let report = json(&desk, &["check", "--json"]);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["estimate"]["due"], 1);
    assert_eq!(rows(), before);
    let parts = report["parts"].as_array().unwrap();
    let store = parts
        .iter()
        .find(|part| part["part"] == "shared store")
        .unwrap();
    let text = store["text"].as_str().unwrap();
    assert!(
        text.contains("PostgreSQL") && text.contains("version 2 and can be written"),
        "{text}"
    );
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn check_finds_what_a_run_could_not_do() {
    let desk = Desk::with_list(&list_of(1));
    for (url, code, said) in [
        ("postgres://nobody@127.0.0.1:1/x", 6, "shared store"),
        (
            "mysql://root:0123456789@127.0.0.1/x",
            2,
            "mysql:// is no address",
        ),
    ] {
        let ended = desk.run(&["check", "--state", url]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.out.contains(said), "{}", ended.out);
    }
    let read_only = format!(
        "{}?options=-c%20default_transaction_read_only%3Don",
        desk.database().url
    );
    let ended = desk.run(&["check", "--state", &read_only]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.out.contains("read-only"), "{}", ended.out);
}
