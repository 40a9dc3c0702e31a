//! Knowing what happens: `status` for people and scripts, and the structured log.

use std::fs;

use crate::common::{Desk, list_of};
use serde_json::Value;

fn status(desk: &Desk) -> Value {
    serde_json::from_str(&desk.run(&["status", "--json"]).out).unwrap()
}

/// The lines of the structured log.
fn log(desk: &Desk) -> Vec<Value> {
    let folder = fs::read_dir(desk.path("logs")).unwrap();
    let paths = folder.map(|file| file.unwrap().path());
    let mut logs = paths.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    let text = fs::read_to_string(logs.next().unwrap()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn spans<'a>(log: &'a [Value], name: &str) -> Vec<&'a Value> {
    log.iter().filter(|line| line["span"] == name).collect()
}

fn sum(lines: &[&Value], field: &str) -> f64 {
    lines.iter().filter_map(|line| line[field].as_f64()).sum()
}

#[test]
fn one_error_of_many_brands_is_one_line_with_its_remedy() {
    let desk = Desk::with_faults(&list_of(3), &["llm:moderation"]);
    assert_eq!(desk.run(&["--google-sheets", "--quiet"]).code, Some(1));
    let text = desk.run(&["status"]).out;
    assert!(text.contains("3 × OpenRouter: analyst «…»: "), "{text}");
    assert!(text.contains("→ Choose another --model"), "{text}");
    let status = status(&desk);
    let errors = status["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (&errors[0]["kind"], &errors[0]["brands"]),
        (&"blocked".into(), &3.into())
    );
    assert_eq!(status["failed"][0]["kind"], "blocked");
    assert!(
        status["failed"][0]["error"]
            .as_str()
            .unwrap()
            .contains("برند")
    );
}

#[test]
fn each_kind_of_failure_is_told_from_the_others() {
    for (fault, kind) in [
        ("llm:length", "cut"),
        ("llm:bad-json", "bad_answer"),
        ("llm:400", "rejected"),
    ] {
        let desk = Desk::with_faults("Brand\nکاله\n", &[fault]);
        assert_eq!(
            desk.run(&["--google-sheets", "-q"]).code,
            Some(1),
            "{fault}"
        );
        assert_eq!(status(&desk)["errors"][0]["kind"], kind, "{fault}");
    }
}

#[test]
fn a_run_that_goes_on_is_told_and_one_that_was_killed_too() {
    let desk = Desk::with_list(&list_of(4));
    desk.sandbox.allow_models(0);
    let mut run = desk.command(&["--google-sheets", "-q"]).spawn().unwrap();
    desk.wait_for_models(1);
    let text = desk.run(&["status"]).out;
    assert!(
        text.contains("[NOW] Run ") && text.contains("0 of 4 brands"),
        "{text}"
    );
    let now = status(&desk);
    assert_eq!(now["running"]["left"], 4);
    assert_eq!(now["last_run"]["status"], "running");
    run.kill().unwrap();
    run.wait().unwrap();
    let then = status(&desk);
    assert_eq!(then["running"], Value::Null);
    assert_eq!(then["last_run"]["status"], "killed");
    assert_eq!(then["runs"][0]["status"], "killed");
    // Looking changes nothing.
    assert_eq!(desk.checkpoint()["status"], "running");
}

#[test]
fn status_says_why_a_run_ended_early() {
    let desk = Desk::with_faults(&list_of(3), &["search:432"]);
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(6));
    let text = desk.run(&["status"]).out;
    assert!(
        text.contains("aborted") && text.contains("Why: Tavily: "),
        "{text}"
    );
    assert!(text.contains("Add credit"), "{text}");
    let why = status(&desk)["last_run"]["ended_because"].clone();
    assert!(why.as_str().unwrap().contains("432"), "{why}");
}

#[test]
fn what_a_script_read_before_is_still_there() {
    let desk = Desk::with_list(&list_of(2));
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    let status = status(&desk);
    assert_eq!(
        (
            &status["registry"]["success"],
            &status["registry"]["failed"]
        ),
        (&2.into(), &0.into())
    );
    assert_eq!(status["registry"]["done"], 2);
    assert_eq!(status["report_age"]["day"], 2);
    assert_eq!(status["runs"][0]["succeeded"], 2);
    let spent: f64 = status["spent_by_day"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_f64)
        .sum();
    assert!((spent - status["last_run"]["cost_usd"].as_f64().unwrap()).abs() < 1e-9);
    let graph: Value =
        serde_json::from_str(&desk.run(&["status", "--graph", "--json"]).out).unwrap();
    assert!(graph["families"].is_array() && graph["rivals_of_one_holding"].is_array());
    let exported: Value = serde_json::from_str(&desk.run(&["export", "--json"]).out).unwrap();
    assert_eq!(
        (&exported["reports"], &exported["problems"]),
        (&2.into(), &Value::Array(vec![]))
    );
}

#[test]
fn the_log_has_a_line_for_each_call_stage_and_brand_with_its_cost() {
    let desk = Desk::with_faults(&list_of(2), &["llm:503:1x"]);
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    let log = log(&desk);
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    for name in ["brand", "stage", "call"] {
        let cost = sum(&spans(&log, name), "cost_usd");
        assert!(
            (cost - spent).abs() < 1e-9,
            "{name}: {cost} and not {spent}"
        );
    }
    let run_id = &desk.checkpoint()["run_id"];
    let brands = spans(&log, "brand");
    assert_eq!(brands.len(), 2);
    for brand in brands {
        assert!(
            brand["took_s"].is_f64() && brand["wait_s"].is_f64(),
            "{brand}"
        );
        assert_eq!(&brand["run_id"], run_id);
    }
    let stages: Vec<&str> = spans(&log, "stage")
        .iter()
        .filter(|line| line["brand"] == "برند شماره 1")
        .filter_map(|line| line["stage"].as_str())
        .collect();
    assert_eq!(stages, ["search", "analyst", "check", "strategist", "save"]);
    let asked = |line: &&&Value| line["service"] == "OpenRouter" && line["stage"].is_string();
    let calls = spans(&log, "call");
    for call in calls.iter().filter(asked) {
        assert!(
            call["tokens_in"].as_u64() > Some(0) && call["brand"].is_string(),
            "{call}"
        );
    }
    let retries = calls.iter().filter_map(|line| line["retries"].as_u64());
    assert_eq!(retries.sum::<u64>(), 1);
    let retry = log.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(retry["message"], "call is tried again");
    assert!(
        retry["brand"].is_string() && &retry["run_id"] == run_id,
        "{retry}"
    );
}

#[test]
fn an_answer_that_is_used_again_says_so_in_the_log() {
    let desk = Desk::with_list(&list_of(1));
    desk.sandbox.allow_models(0);
    let mut run = desk.command(&["--google-sheets", "-q"]).spawn().unwrap();
    desk.wait_for_models(1);
    run.kill().unwrap();
    run.wait().unwrap();
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    let log = log(&desk);
    let checkpoint = desk.checkpoint();
    let calls = spans(&log, "call");
    let of_this_run = calls
        .iter()
        .filter(|line| line["run_id"] == checkpoint["run_id"]);
    let (again, paid): (Vec<&Value>, Vec<&Value>) =
        of_this_run.partition(|line| line["replayed"] == true);
    assert!(again.iter().all(|line| line["service"] == "Tavily") && !again.is_empty());
    let spent = checkpoint["cost_usd"].as_f64().unwrap();
    assert!((sum(&paid, "cost_usd") - spent).abs() < 1e-9);
}
