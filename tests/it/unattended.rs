//! Nights that nobody watches: what is printed, what is reported and to whom, when feeding stops, and what comes first.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use crate::common::{self, Desk, Ended, list_of};
use axum::{Router, extract::State, http::StatusCode};
use serde_json::{Value, json};

/// A webhook that answers with one status after the other, the last again and again, and keeps what it is sent.
struct Hook {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Hook {
    fn answering(statuses: &'static [u16]) -> Self {
        let got: Arc<Mutex<Vec<Value>>> = Arc::default();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let keep = move |State(got): State<Arc<Mutex<Vec<Value>>>>, body: String| async move {
            let mut got = got.lock().unwrap();
            let status = statuses[got.len().min(statuses.len() - 1)];
            got.push(serde_json::from_str(&body).unwrap());
            // Some quote the address, and none answers with JSON.
            let words = "ok, /services/T0/B0/a-token-of-a-webhook";
            (StatusCode::from_u16(status).unwrap(), words)
        };
        let routes = Router::new()
            .fallback(axum::routing::post(keep))
            .with_state(Arc::clone(&got));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let at = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self {
            url: format!("http://{at}/services/T0/B0/a-token-of-a-webhook"),
            got,
            _runtime: runtime,
        }
    }

    fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }
}

fn assert_token_is_secret(desk: &Desk, ended: &Ended) {
    let token = "a-token-of-a-webhook";
    assert!(!format!("{ended:?}").contains(token), "{ended:#?}");
    for folder in ["logs", "state", "output"] {
        for (path, bytes) in common::files(&desk.path(folder)) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(token), "in {}", path.display());
        }
    }
}

#[test]
fn a_good_night_prints_nothing() {
    let desk = Desk::with_list(&list_of(6));
    let args = [
        "--google-sheets",
        "--workers",
        "4",
        "--quiet",
        "--budget",
        "5",
        "--deadline",
        "06:00",
    ];
    // Near the deadline there is another test.
    let args = match jiff::ZonedDateTime::now().hour() {
        5 => &args[..6],
        _ => &args[..],
    };
    for _ in 0..2 {
        let ended = desk.run(args);
        assert_eq!(
            (ended.code, ended.out.as_str(), ended.err.as_str()),
            (Some(0), "", "")
        );
    }
    assert_eq!(desk.registry().len(), 6);
}

#[test]
fn a_bad_night_prints_what_a_person_must_see() {
    let desk = Desk::with_faults("Brand\nکاله\nمیهن\n=A1\n", &["llm:moderation:1x"]);
    let ended = desk.run(&["--google-sheets", "--quiet"]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(1), ""),
        "{ended:#?}"
    );
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(lines.len(), 6, "{ended:#?}");
    assert!(lines[0].starts_with("⚠ brandintel ("), "{ended:#?}");
    assert!(
        lines[0].contains("✓ 1 done, ✗ 1 failed, 0 unchanged, 0 left"),
        "{ended:#?}"
    );
    assert!(
        lines[1].starts_with("  ✗ 1 × OpenRouter: analyst «…»: "),
        "{ended:#?}"
    );
    assert_eq!(lines[2].trim(), "کاله", "{ended:#?}");
    assert!(lines[3].starts_with("      → "), "{ended:#?}");
    assert!(
        lines[4].starts_with("  ✗ 1 × no brand in the row: row 4 «=A1»: "),
        "{ended:#?}"
    );
    assert!(lines[5].starts_with("      → "), "{ended:#?}");
}

#[test]
fn a_second_run_prints_one_line_pays_nothing_and_reports() {
    let desk = Desk::with_list(&list_of(2));
    fs::create_dir(desk.path("state")).unwrap();
    let lock = fs::File::create(desk.path("state/lock")).unwrap();
    lock.lock().unwrap();
    let ended = desk.run(&["--google-sheets", "--quiet", "--report-to", "report.json"]);
    assert_eq!(
        (ended.code, ended.out.as_str()),
        (Some(5), ""),
        "{ended:#?}"
    );
    assert_eq!(ended.err.lines().count(), 1, "{ended:#?}");
    assert!(ended.err.contains("another run holds the folder state"));
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
    let report = desk.json("report.json");
    assert_eq!(
        (&report["status"], &report["exit_code"]),
        (&"not_started".into(), &5.into())
    );
    assert!(report["error"].as_str().unwrap().contains("another run"));

    // The same folder under another name is the same folder.
    #[cfg(unix)]
    {
        let other = tempfile::tempdir().unwrap();
        let linked = other.path().join("brands");
        std::os::unix::fs::symlink(desk.folder.path(), &linked).unwrap();
        let mut command = desk.command(&["--google-sheets", "--quiet"]);
        let ended = common::ended(command.current_dir(linked).output().unwrap());
        assert_eq!(ended.code, Some(5), "{ended:#?}");
    }
    drop(lock);
    assert_eq!(desk.run(&["--google-sheets", "--quiet"]).code, Some(0));
}

/// Runs with a report to a file, and returns the report.
fn report(desk: &Desk, args: &[&str], code: i32, status: &str) -> Value {
    let args = [
        &["--google-sheets", "--report-to", "reports/last.json"],
        args,
    ]
    .concat();
    let ended = desk.run(&args);
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    let report = desk.json("reports/last.json");
    assert_eq!(
        (&report["exit_code"], &report["status"]),
        (&code.into(), &status.into()),
        "{report:#}"
    );
    report
}

#[test]
fn every_end_leaves_a_report() {
    let list = "Brand\nکاله\nمیهن\nپگاه\n=A1\n";
    let desk = Desk::with_faults(list, &["llm:moderation:1x"]);
    let unpaid = report(&desk, &["--budget", "0.001"], 4, "budget_reached");
    assert_eq!(unpaid["totals"]["left"], 3);
    let cost = json!({"usd": 0.0, "search_credits": 0, "set_aside_usd": 0.0, "budget_usd": 0.001});
    assert_eq!(unpaid["cost"], cost);

    let late = report(&desk, &["--max-time", "1s"], 7, "interrupted");
    assert_eq!(late["totals"]["left"], 3);
    let error = late["error"].as_str().unwrap();
    assert!(
        error.contains("the time is up: --max-time is 1.0 seconds")
            && error.contains("3 brands wait"),
        "{error}"
    );
    assert_eq!(desk.sandbox.counts().0, 0, "paid although the time was up");

    let some = report(&desk, &["--budget", "5"], 1, "complete");
    assert_eq!(some["totals"]["succeeded"], 2, "{some:#}");
    assert_eq!(some["failed"][0]["brand"], "کاله");
    assert_eq!(some["rejected"][0]["row"], 5);
    let text = some["text"].as_str().unwrap();
    assert!(text.contains("✓ ۲ موفق، ✗ ۱ ناموفق"), "{text}");
    assert_eq!(some["run_id"], desk.checkpoint()["run_id"]);
    assert!(desk.path(some["places"]["log"].as_str().unwrap()).exists());

    let done = report(&desk, &["--limit", "2", "--lang", "en"], 0, "complete");
    assert_eq!(
        (&done["error"], &done["failed"]),
        (&Value::Null, &json!([]))
    );
    let text = done["text"].as_str().unwrap();
    assert!(text.contains("✓ 1 done, ✗ 0 failed, 1 unchanged"), "{text}");

    let mut command = desk.command(&["--google-sheets", "--report-to", "reports/last.json"]);
    command.env("TAVILY_API_KEY", "tvly-another-key");
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    let refused = desk.json("reports/last.json");
    assert_eq!(refused["status"], "not_started");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("TAVILY_API_KEY"), "{error}");
}

#[test]
fn a_report_goes_where_it_can_and_a_dry_run_leaves_none() {
    let desk = Desk::with_list(&list_of(2));
    let to = |place| ["--google-sheets", "--quiet", "--report-to", place];
    let dry = desk.run(&[&to("report.json")[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{dry:#?}");
    assert!(!desk.path("report.json").exists());
    // Where the file cannot be, the run is as good as before.
    let ended = desk.run(&to("list.csv/report.json"));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let said = "[WARNING] the report of this run is not delivered: list.csv/report.json";
    assert!(ended.err.contains(said), "{ended:#?}");
    let printed: Value = serde_json::from_str(&desk.run(&to("-")).out).unwrap();
    assert_eq!(printed["totals"]["skipped"], 2);
}

#[test]
fn a_webhook_gets_the_report_and_stays_secret() {
    let hook = Hook::answering(&[503, 200]);
    let desk = Desk::with_list(&list_of(2));
    let ended = desk.run(&["--google-sheets", "--quiet", "--report-to", &hook.url]);
    assert_eq!(
        (ended.code, ended.out.as_str(), ended.err.as_str()),
        (Some(0), "", "")
    );
    let got = hook.got();
    assert_eq!(got.len(), 2, "{got:#?}");
    assert_eq!(got[1]["totals"]["succeeded"], 2);
    let text = got[1]["text"].as_str().unwrap();
    assert!(text.starts_with("✅ brandintel ("), "{text}");
    assert_token_is_secret(&desk, &ended);
}

#[test]
fn a_webhook_that_takes_nothing_changes_nothing_of_the_run() {
    for statuses in [&[404], &[302]] {
        let hook = Hook::answering(statuses);
        let desk = Desk::with_list(&list_of(1));
        let ended = desk.run(&["--google-sheets", "--quiet", "--report-to", &hook.url]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.err.lines().count(), 1, "{ended:#?}");
        let said = format!("127.0.0.1 did not take it: report: status {}", statuses[0]);
        assert!(ended.err.contains(&said), "{ended:#?}");
        assert_eq!(hook.got().len(), 1);
        assert_token_is_secret(&desk, &ended);
        assert_eq!(desk.registry().len(), 1);
    }
    let desk = Desk::with_list(&list_of(1));
    for address in [
        "ftp://files.example/a-token-of-a-webhook",
        "https://:a-token-of-a-webhook",
    ] {
        let ended = desk.run(&["--google-sheets", "--report-to", address]);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.err.contains("--report-to"), "{ended:#?}");
        assert!(!ended.err.contains("a-token"), "{ended:#?}");
    }
    let help = desk
        .command(&["--help"])
        .env("BRANDINTEL_REPORT_TO", "a-token-of-a-webhook")
        .output()
        .unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("a-token"));
}

#[test]
fn only_failed_brands_are_tried_again_where_only_they_are_asked_for() {
    let desk = Desk::with_faults("Brand\nکاله\nمیهن\nپگاه\n", &["llm:moderation:1x"]);
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(1));
    desk.sandbox.edit_rows(|rows| {
        rows.push(vec![json!("هراز")]);
        rows.push(vec![json!("دامداران")]);
    });
    let ended = desk.run(&["--google-sheets", "--retry-failed-only", "--limit", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for line in [
        "Brands to process: 1/4",
        "Skipped (unchanged): 2",
        "Left out (new or changed, and only failed ones are asked for): 1",
        "✓ Success: 1",
    ] {
        assert!(ended.out.contains(line), "no {line} in {}", ended.out);
    }
    assert_eq!(desk.registry()["کاله"]["status"], "success");
    assert_eq!(desk.registry().len(), 3);
    let nothing = desk.run(&["--google-sheets", "--retry-failed-only"]);
    assert!(
        nothing.out.contains("Nothing to do: no brand has failed."),
        "{}",
        nothing.out
    );

    let both = desk.run(&["--google-sheets", "--force", "--retry-failed-only"]);
    assert_eq!(both.code, Some(2), "{both:#?}");
    let mut command = desk.command(&["--google-sheets", "--retry-failed-only", "--dry-run"]);
    assert_eq!(
        command
            .env("BRANDINTEL_FORCE", "1")
            .output()
            .unwrap()
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_budget_serves_the_oldest_reports_first() {
    let desk = Desk::with_list("Brand\nکاله\nمیهن\nپگاه\nهراز\n");
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    desk.age(&[("کاله", 9), ("میهن", 20), ("پگاه", 1), ("هراز", 11)]);
    let args = ["--google-sheets", "--max-age", "7"];
    let order = |more: &[&str]| {
        let ended = desk.run(&[&args[..], more].concat());
        let brands = ended.out.lines().filter_map(|line| {
            let line = line.strip_prefix("  ")?;
            let line = line
                .strip_prefix("✓ ")
                .or_else(|| line.strip_prefix("⚠ little found "))
                .unwrap_or(line);
            line.split_once(" (").map(|(brand, _)| brand.to_owned())
        });
        brands
            .filter(|brand| desk.registry().contains_key(brand))
            .collect::<Vec<_>>()
    };
    assert_eq!(order(&["--dry-run"]), ["میهن", "هراز", "کاله"]);
    // Money for two brands.
    let first = order(&["--verbose", "--budget", "0.12"]);
    assert!(!first.is_empty() && first.len() < 3, "{first:?}");
    assert_eq!(first, ["میهن", "هراز"][..first.len()]);
    let rest = order(&["--verbose"]);
    assert_eq!([first, rest].concat(), ["میهن", "هراز", "کاله"]);
}

#[test]
fn old_logs_go_at_the_start_of_a_run() {
    let desk = Desk::with_list(&list_of(1));
    fs::create_dir(desk.path("logs")).unwrap();
    let day =
        |days: i64| (jiff::ZonedDateTime::now().date() - jiff::Span::new().days(days)).to_string();
    let log = |days, end: &str| desk.path(&format!("logs/batch_{}.{end}", day(days)));
    for path in [
        log(45, "log"),
        log(45, "2.jsonl"),
        log(20, "log"),
        desk.path("logs/notes.log"),
    ] {
        fs::write(path, "line\n").unwrap();
    }
    assert_eq!(
        desk.run(&["--google-sheets", "--keep-logs", "60"]).code,
        Some(0)
    );
    assert!(log(45, "log").exists());
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert!(!log(45, "log").exists() && !log(45, "2.jsonl").exists());
    assert!(log(20, "log").exists() && desk.path("logs/notes.log").exists());
}
