//! What happened is on record: runs that did not start, services that were away, thin results, and what is left to do.

use std::{fs, process::Command};

use crate::common::{self, Desk, Ended, ended, list_of};
use serde_json::Value;

fn status(desk: &Desk) -> Value {
    serde_json::from_str(&desk.run_alone(&["status", "--json"]).out).unwrap()
}

/// The text of the logs with this ending.
fn log(desk: &Desk, ending: &str) -> String {
    let files = fs::read_dir(desk.path("logs")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let logs = paths.filter(|path| path.extension().is_some_and(|kind| kind == ending));
    logs.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn end_of(command: &mut Command) -> Ended {
    ended(command.output().unwrap())
}

/// The log of the day, `status` and the report all say that the last run did not start, and why.
fn assert_not_started(desk: &Desk, code: i64, why: &str) {
    let readable = log(desk, "log");
    assert!(
        readable.contains("run did not start") && readable.contains(why),
        "{readable}"
    );
    let structured = log(desk, "jsonl");
    let line: Value = serde_json::from_str(structured.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&line["message"], &line["code"]),
        (&"run did not start".into(), &code.into())
    );
    let last = status(desk)["last_run"].clone();
    assert_eq!(
        (&last["status"], &last["exit_code"]),
        (&"not_started".into(), &code.into()),
        "{last}"
    );
    assert!(
        last["ended_because"].as_str().unwrap().contains(why),
        "{last}"
    );
    let remedy = last["remedy"].as_str().unwrap();
    let text = desk.run(&["status"]).out;
    assert!(text.contains("[LAST RUN] did not start, "), "{text}");
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    assert!(text.contains(&format!("→ {remedy}")), "{text}");
    let report = desk.json("report.json");
    assert_eq!(
        (&report["status"], &report["exit_code"], &report["remedy"]),
        (&"not_started".into(), &code.into(), &remedy.into())
    );
    assert!(
        report["error"].as_str().unwrap().contains(why),
        "{report:#}"
    );
    assert!(report["text"].as_str().unwrap().starts_with('❌'));
}

#[test]
fn a_run_that_did_not_start_is_in_the_log_in_status_and_in_the_report() {
    let args = ["--google-sheets", "--quiet", "--report-to", "report.json"];
    for (name, value, code, why) in [
        ("TAVILY_API_KEY", "tvly-another-key", 3, "TAVILY_API_KEY"),
        ("OPENROUTER_API_KEY", "", 2, "OPENROUTER_API_KEY is not set"),
        ("GOOGLE_SHEET_TAB", "none", 2, "none"),
        (
            "BRANDINTEL_WORKERS",
            "20",
            2,
            "comes from BRANDINTEL_WORKERS",
        ),
        ("BRANDINTEL_LIMIT", "0", 2, "--limit"),
    ] {
        let desk = Desk::with_list(&list_of(2));
        let seen = end_of(desk.command_alone(&args).env(name, value));
        assert_eq!(seen.code.map(i64::from), Some(code), "{seen:#?}");
        assert_not_started(&desk, code, why);
        // The next run that starts is the last.
        let seen = desk.run_alone(&["--google-sheets", "--quiet"]);
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        let now = status(&desk);
        assert_eq!(now["last_run"]["status"], "complete");
        assert_eq!(now["not_started"], Value::Null);
    }
}

#[test]
fn lists_and_settings_that_cannot_be_read_are_on_record_too() {
    let report = ["--quiet", "--report-to", "report.json"];
    let desk = Desk::with_list(&list_of(2));
    fs::write(desk.path("no-names.csv"), "a,b\n1,2\n").unwrap();
    for list in ["gone.csv", "no-names.csv"] {
        let seen = desk.run_alone(&[&["--brands", list][..], &report].concat());
        assert_eq!(seen.code, Some(2), "{seen:#?}");
        assert_not_started(&desk, 2, list);
    }
    fs::write(desk.path(".env"), "this is \"no setting\n").unwrap();
    let seen = desk.run_alone(&[&["--google-sheets"][..], &report].concat());
    assert_eq!(seen.code, Some(2), "{seen:#?}");
    fs::remove_file(desk.path(".env")).unwrap();
    assert_not_started(&desk, 2, ".env");
    // A wrong address of the report is on record where it can be.
    let seen = desk.run_alone(&["--google-sheets", "--report-to", "ftp://files.example/x"]);
    assert_eq!(seen.code, Some(2), "{seen:#?}");
    let last = status(&desk)["last_run"].clone();
    assert!(
        last["ended_because"]
            .as_str()
            .unwrap()
            .contains("--report-to"),
        "{last}"
    );
}

#[test]
fn what_was_no_run_leaves_nothing() {
    let desk = Desk::with_list(&list_of(2));
    for args in [
        &["--google-sheets", "--dry-run"][..],
        &["check", "--google-sheets", "--wrkers", "8"],
        &["--workers", "20"],
        &["status", "--jsn"],
        &[],
    ] {
        let mut command = desk.command_alone(args);
        let seen = end_of(command.env("OPENROUTER_API_KEY", ""));
        assert_ne!(seen.code, Some(0), "{args:?}");
        for folder in ["state", "logs"] {
            assert!(!desk.path(folder).exists(), "{args:?} made {folder}");
        }
    }
}

#[test]
fn a_second_run_names_the_first_and_leaves_its_records_alone() {
    let desk = Desk::with_list(&list_of(3));
    desk.sandbox.allow_models(0);
    let mut first = desk
        .command_alone(&["--google-sheets", "-q"])
        .spawn()
        .unwrap();
    desk.wait_for_models(1);
    let checkpoint = fs::read(desk.path("state/checkpoint_latest.json")).unwrap();
    let args = ["--google-sheets", "-q", "--report-to", "report.json"];
    let second = desk.run_alone(&args);
    assert_eq!(second.code, Some(5), "{second:#?}");
    let who = format!("(process {}, since ", first.id());
    assert!(second.err.contains(&who), "{second:#?}");
    assert!(
        desk.json("report.json")["error"]
            .as_str()
            .unwrap()
            .contains(&who)
    );
    assert!(log(&desk, "log").contains("run did not start"));
    let kept = fs::read(desk.path("state/checkpoint_latest.json")).unwrap();
    assert!(
        kept == checkpoint,
        "the record of the first run is disturbed"
    );
    // The first is the last run, and the second is told of.
    let now = status(&desk);
    assert_eq!(now["last_run"]["status"], "running");
    assert_eq!(now["holder"]["process"], first.id());
    assert!(now["not_started"]["error"].as_str().unwrap().contains(&who));
    let text = desk.run(&["status"]).out;
    assert!(text.contains("Another did not start, "), "{text}");

    desk.sandbox.allow_models(u64::MAX);
    assert!(first.wait().unwrap().success());
    let then = status(&desk);
    assert_eq!(then["last_run"]["status"], "complete");
    assert_eq!(then["last_run"]["succeeded"], 3);
    assert_eq!(then["holder"], Value::Null);
}

#[test]
fn a_run_that_begins_after_one_was_killed_is_not_taken_for_that() {
    let desk = Desk::with_list(&list_of(3));
    desk.sandbox.allow_models(0);
    let killed = desk.command_alone(&["--google-sheets", "-q"]);
    let mut killed = { killed }.spawn().unwrap();
    desk.wait_for_models(1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Another holds the folder, and has no checkpoint yet.
    let lock = fs::File::open(desk.path("state/lock")).unwrap();
    lock.lock().unwrap();
    let since = jiff::Timestamp::now();
    let holder = serde_json::json!({"process": 4711, "since": since});
    fs::write(desk.path("state/holder.json"), holder.to_string()).unwrap();
    let now = status(&desk);
    assert_eq!(now["running"], Value::Null);
    assert_eq!(now["last_run"]["status"], "killed");
    let text = desk.run(&["status"]).out;
    assert!(
        text.contains("[NOW] A run is beginning (process 4711, since "),
        "{text}"
    );
}

#[test]
fn status_says_which_service_is_away_and_since_when_and_no_time_that_nobody_knows() {
    let desk = Desk::with_faults(&list_of(4), &["llm:503"]);
    let mut run = desk
        .command_alone(&["--google-sheets", "--workers", "4"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let away = std::iter::repeat_with(|| status(&desk))
        .find(|now| now["running"]["waiting_for"][0].is_object());
    let now = away.unwrap();
    let outage = &now["running"]["waiting_for"][0];
    assert_eq!(outage["service"], "OpenRouter");
    assert!(outage["why"].as_str().unwrap().contains("503"), "{outage}");
    let since: jiff::Timestamp = outage["since"].as_str().unwrap().parse().unwrap();
    assert!(
        since
            > desk.checkpoint()["started_at"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
    );
    assert_eq!(now["running"]["seconds_left"], Value::Null);
    let text = desk.run(&["status"]).out;
    assert!(text.contains("  Waiting for OpenRouter since "), "{text}");
    assert!(!text.contains("more at this pace"), "{text}");
    run.kill().unwrap();
    run.wait().unwrap();
}

/// A search service that finds nothing.
fn nothing_found() -> String {
    let body = r#"{"results": [], "failed_results": [], "usage": {"credits": 1}, "key": {"usage": 1, "limit": 1000}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json";
    format!("http://{}", common::servers::plain(head, body))
}

#[test]
fn little_found_is_not_green_anywhere() {
    for (brands, is_warned_of) in [(9, false), (10, true)] {
        let desk = Desk::with_list(&list_of(brands));
        let args = ["--google-sheets", "--report-to", "report.json"];
        let mut command = desk.command(&args);
        let seen = end_of(command.env("TAVILY_BASE_URL", nothing_found()));
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        let line = format!("  ⚠ of these with little found: {brands} (100.0%)");
        assert!(seen.out.contains(&line), "{seen:#?}");
        let last = format!("  ⚠ {brands} × little found: ");
        let (_, next) = seen.out.split_once("[NEXT]").unwrap();
        assert!(
            next.contains(&last) && next.contains("Type the website"),
            "{next}"
        );
        let warning = format!("[WARNING] Little was found about {brands} of {brands} brands");
        assert_eq!(seen.err.contains(&warning), is_warned_of, "{seen:#?}");
        let report = desk.json("report.json");
        let text = report["text"].as_str().unwrap();
        assert!(
            text.starts_with("⚠ ") && text.contains("با شواهد ناکافی"),
            "{text}"
        );
        assert_eq!(
            report["warnings"].as_array().unwrap().len(),
            usize::from(is_warned_of)
        );
        let note = desk.cell("برند شماره 1", "brandintel note");
        assert!(note.contains("وب‌سایت آن را در همین ردیف بنویسید"), "{note}");
    }
}

#[test]
fn cron_mails_once_of_a_night_that_found_little() {
    let desk = Desk::with_list(&list_of(2));
    let run = || {
        let mut command = desk.command(&["--google-sheets", "--quiet"]);
        end_of(command.env("TAVILY_BASE_URL", nothing_found()))
    };
    let first = run();
    let lines: Vec<&str> = first.err.lines().collect();
    assert_eq!(lines.len(), 3, "{first:#?}");
    assert!(lines[0].starts_with("⚠ brandintel ("), "{first:#?}");
    assert!(lines[1].starts_with("  ⚠ 2 × little found: "), "{first:#?}");
    assert!(lines[2].contains("Type the website"), "{first:#?}");
    let second = run();
    assert_eq!((second.code, second.err.as_str()), (Some(0), ""));
}

#[test]
fn failures_are_repeated_at_the_end_by_reason_with_what_to_do() {
    let desk = Desk::with_faults(&list_of(4), &["llm:moderation"]);
    let seen = desk.run(&["--google-sheets", "--report-to", "report.json"]);
    assert_eq!(seen.code, Some(1), "{seen:#?}");
    let (_, end) = seen.out.split_once("[NEXT] What is left to do:\n").unwrap();
    let lines: Vec<&str> = end.lines().collect();
    assert!(
        lines[0].starts_with("  ✗ 4 × OpenRouter: analyst «…»: "),
        "{end}"
    );
    assert!(
        lines[1].contains("برند شماره") && lines[1].ends_with("، …"),
        "{end}"
    );
    assert!(
        lines[2].starts_with("      → Choose another --model"),
        "{end}"
    );
    let reasons = desk.json("report.json")["reasons"].clone();
    assert_eq!(
        (&reasons[0]["kind"], &reasons[0]["brands"]),
        (&"blocked".into(), &4.into())
    );
    assert!(reasons[0]["remedy"].as_str().unwrap().contains("--model"));

    let mailed = desk.run(&["--google-sheets", "--quiet"]);
    let lines: Vec<&str> = mailed.err.lines().collect();
    assert_eq!(lines.len(), 4, "{mailed:#?}");
    assert!(
        lines[0].contains("✓ 0 done, ✗ 4 failed, 0 unchanged"),
        "{mailed:#?}"
    );
    assert!(lines[1].starts_with("  ✗ 4 × OpenRouter: "), "{mailed:#?}");
    assert!(lines[3].starts_with("      → "), "{mailed:#?}");
}

#[test]
fn check_prices_what_force_would_do() {
    let desk = Desk::with_list(&list_of(3));
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    let due = |args: &[&str]| {
        let args = [&["check", "--google-sheets", "--free", "--json"][..], args].concat();
        let seen: Value = serde_json::from_str(&desk.run(&args).out).unwrap();
        let estimate = &seen["estimate"];
        (
            estimate["due"].clone(),
            estimate["cost_usd"].as_f64().unwrap() > 0.0,
        )
    };
    assert_eq!(due(&[]), (0.into(), false));
    assert_eq!(due(&["--force"]), (3.into(), true));
}

#[test]
fn after_lost_calls_status_shows_the_settled_sum() {
    let desk = Desk::with_faults(&list_of(2), &["llm:lost:1x"]);
    assert_eq!(desk.run_alone(&["--google-sheets", "-q"]).code, Some(0));
    let before = status(&desk);
    let spent = |status: &Value| status["runs"][0]["usd"].as_f64().unwrap();
    let set_aside = before["set_aside_usd"].as_f64().unwrap();
    assert!(set_aside > 0.0, "{before:#}");
    let text = desk.run_alone(&["status"]).out;
    assert!(text.contains("[SET ASIDE] Up to $"), "{text}");
    // Hours later the service has billed whatever it still worked on.
    let hours = 3 * 3_600_000;
    let db = rusqlite::Connection::open(desk.path("state/paid.sqlite3")).unwrap();
    for change in [
        "UPDATE spending SET at = at - ?1",
        "UPDATE run SET started_at = started_at - ?1, ended_at = ended_at - ?1",
    ] {
        db.execute(change, [hours]).unwrap();
    }
    drop(db);
    assert_eq!(desk.run_alone(&["--google-sheets", "-q"]).code, Some(0));
    let after = status(&desk);
    assert_eq!(after["set_aside_usd"], 0.0);
    let billed = spent(&after) - spent(&before);
    assert!(billed > 0.0 && billed <= set_aside, "{before:#} {after:#}");
    assert_eq!(
        after["runs"][1]["usd"], 0.0,
        "the second run bought nothing"
    );
    let days = after["spent_by_day"].as_object().unwrap();
    let days: f64 = days.values().map(|usd| usd.as_f64().unwrap()).sum();
    assert!((days - spent(&after)).abs() < 1e-9, "{after:#}");
}
