//! Nothing is spent by accident: no run without being asked for, no half brands, and caps by day and month that hold across
//! runs.

use std::{fs, process::Command};

use crate::common::{self, Desk, Ended, ended, list_of};
use brandintel::sandbox::Options;

const CREDIT_USD: f64 = 0.008;
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// US dollars that the services billed.
fn billed(desk: &Desk) -> f64 {
    let (_, credits, _) = desk.sandbox.counts();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred credits")]
    let credits = credits as f64;
    desk.sandbox.billed_usd() + credits * CREDIT_USD
}

fn with(desk: &Desk, caps: [&str; 2], args: &[&str]) -> Command {
    let mut command = desk.command(args);
    let names = ["BRANDINTEL_DAILY_BUDGET", "BRANDINTEL_MONTHLY_BUDGET"];
    for (name, cap) in names.iter().zip(caps) {
        command.env(name, cap);
    }
    command
}

fn run(desk: &Desk, caps: [&str; 2], args: &[&str]) -> Ended {
    ended(with(desk, caps, args).output().unwrap())
}

/// As if everything had been spent so many milliseconds earlier.
fn age_spending(desk: &Desk, by: i64) {
    if std::env::var_os("BRANDINTEL_TEST_STATE").is_some() {
        let sql = "UPDATE brandintel.spending SET at = at - $1";
        desk.database().query(sql, &[&by]);
    } else {
        let db = rusqlite::Connection::open(desk.path("state/paid.sqlite3")).unwrap();
        db.execute("UPDATE spending SET at = at - ?1", [by])
            .unwrap();
    }
}

#[test]
fn without_arguments_nothing_is_asked_and_it_says_what_could_be_next() {
    let desk = Desk::with_list(&list_of(3));
    for setting in [
        "BRANDINTEL_BRANDS=list.csv",
        "BRANDINTEL_GOOGLE_SHEETS=true",
    ] {
        fs::write(desk.path(".env"), setting).unwrap();
        for args in [&[][..], &["-v"], &["--quiet"]] {
            let ended = desk.run(args);
            assert_eq!(ended.code, Some(2), "{setting} {args:?}: {ended:#?}");
            for words in ["nothing is paid for", "brandintel check", "--dry-run"] {
                assert!(ended.err.contains(words), "{words}: {ended:#?}");
            }
            assert!(!desk.path("state").exists(), "{setting} {args:?}");
        }
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
    // Whoever asks for something gets it from the list that is set.
    fs::write(desk.path(".env"), "BRANDINTEL_BRANDS=list.csv").unwrap();
    assert_eq!(desk.run(&["--limit", "1"]).code, Some(0));
    assert_eq!(desk.registry().len(), 1);
}

#[test]
fn a_budget_below_one_brand_buys_nothing_and_says_what_one_costs() {
    let desk = Desk::with_list(&list_of(3));
    for budget in ["0", "0.001", "0.02", "0.05"] {
        let ended = desk.run(&["--google-sheets", "--budget", budget]);
        assert_eq!(ended.code, Some(4), "{ended:#?}");
        for words in [
            "too small for one brand",
            "Nothing is bought",
            "--budget of $0.",
        ] {
            assert!(ended.err.contains(words), "{words}: {ended:#?}");
        }
        let [models, searches, _] = desk.sandbox.arrived();
        assert_eq!((models, searches), (0, 0), "--budget {budget}");
        assert_eq!(desk.checkpoint()["status"], "budget_reached");
    }
    let ended = desk.run(&["check", "--free", "--budget", "0.02"]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(ended.out.contains("too small for one brand"), "{ended:#?}");
    // What it says is enough, is.
    let said = desk.run(&["--google-sheets", "--budget", "0.02"]).err;
    let least = said.split("--budget of $").nth(1).unwrap();
    let least = least.split(' ').next().unwrap();
    desk.run(&["--google-sheets", "--budget", least]);
    let registry = desk.registry();
    let done = registry
        .values()
        .filter(|entry| entry["status"] == "success");
    assert!(done.count() >= 1, "--budget {least}: {registry:#?}");
}

#[test]
fn a_budget_smaller_than_the_estimate_is_said_before_anything_is_paid() {
    let desk = Desk::with_list(&list_of(9));
    let args = ["--brands", "list.csv", "--budget", "0.2"];
    let dry = desk.run(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, Some(0), "{dry:#?}");
    let says = |text: &str| {
        text.contains("the budget has $0.20 left, and this is expected to cost $0.")
            && text.contains("of 9 brands, and the rest waits")
    };
    assert!(says(&dry.err), "{dry:#?}");
    let check = desk.run(&["check", "--free", "--brands", "list.csv", "--budget", "0.2"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
    assert!(says(&check.out), "{check:#?}");
    let [models, searches, _] = desk.sandbox.arrived();
    assert_eq!((models, searches), (0, 0));
    let night = desk.run(&args);
    assert!(says(&night.err), "{night:#?}");
}

#[test]
fn a_day_has_its_cap_across_runs_and_lists_and_the_next_day_has_another() {
    let desk = Desk::with_list(&list_of(9));
    let night = ["--google-sheets", "--workers", "3"];
    let first = run(&desk, ["0.2", ""], &night);
    assert_eq!(first.code, Some(4), "{first:#?}");
    for words in [
        "the daily budget (BRANDINTEL_DAILY_BUDGET)",
        "free again on 14",
        "00:00, Iran's time",
        "brands wait",
    ] {
        assert!(first.err.contains(words), "{words}: {first:#?}");
    }
    assert!(
        first.out.contains("Daily budget: $0.00 of $0.20"),
        "{first:#?}"
    );
    assert_eq!(desk.checkpoint()["status"], "budget_reached");
    let spent = billed(&desk);
    assert!(spent > 0.0 && spent <= 0.2 + 1e-9, "{spent}");
    let done = desk.registry().len();
    assert!((1..9).contains(&done), "{done} done");

    // Another run, another list, another budget: it is still the same day.
    fs::write(desk.path("other.csv"), "Brand\nکاله\nمیهن\nپگاه\n").unwrap();
    for args in [&night[..], &["--brands", "other.csv", "--budget", "5"]] {
        let again = run(&desk, ["0.2", ""], args);
        assert_eq!(again.code, Some(4), "{again:#?}");
        assert!(again.err.contains("BRANDINTEL_DAILY_BUDGET"), "{again:#?}");
        assert!(billed(&desk) <= 0.2 + 1e-9, "{}", billed(&desk));
    }

    age_spending(&desk, DAY);
    let before = billed(&desk);
    let all = [&night[..], &["--force"]].concat();
    let next = run(&desk, ["0.2", ""], &all);
    assert_eq!(next.code, Some(4), "{next:#?}");
    let spent = billed(&desk) - before;
    assert!(spent > 0.0 && spent <= 0.2 + 1e-9, "{spent}");
}

#[test]
fn a_month_has_its_cap_beside_that_of_the_day() {
    let desk = Desk::with_list(&list_of(9));
    let night = ["--google-sheets", "--workers", "3"];
    let first = run(&desk, ["5", "0.2"], &night);
    assert_eq!(first.code, Some(4), "{first:#?}");
    let words = "the monthly budget (BRANDINTEL_MONTHLY_BUDGET)";
    assert!(first.err.contains(words), "{first:#?}");
    let spent = billed(&desk);
    assert!(spent > 0.0 && spent <= 0.2 + 1e-9, "{spent}");
    let check = run(&desk, ["5", "0.2"], &["check", "--json"]);
    assert_eq!(check.code, Some(4), "{check:#?}");
    let check: serde_json::Value = serde_json::from_str(&check.out).unwrap();
    let caps = check["caps"].as_array().unwrap();
    assert_eq!(caps.len(), 2, "{check:#}");
    assert_eq!(caps[1]["setting"], "BRANDINTEL_MONTHLY_BUDGET");
    let used = caps[1]["used_usd"].as_f64().unwrap();
    assert!(used > 0.0 && used <= 0.2, "{used}");
    assert_eq!(caps[0]["used_usd"], caps[1]["used_usd"]);
    age_spending(&desk, 32 * DAY);
    let later = run(&desk, ["5", "5"], &night);
    assert_eq!(later.code, Some(0), "{later:#?}");
}

#[test]
fn lost_calls_and_runs_that_were_killed_count_for_their_day() {
    let desk = Desk::with_options(
        &list_of(30),
        Options {
            dear: true,
            faults: ["llm:lost:0.1", "search:lost:0.05"]
                .map(|f| f.parse().unwrap())
                .to_vec(),
            ..Options::default()
        },
    );
    let caps = ["0.9", ""];
    let args = ["--brands", "list.csv", "--workers", "8"];
    for requests in [20, 60] {
        desk.kill_at_request(with(&desk, caps, &args), requests);
        assert!(billed(&desk) <= 0.9 + 1e-9, "over the cap after a kill");
    }
    // The day goes on as it was left, and another list shares it.
    let ended = run(&desk, caps, &args);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(billed(&desk) <= 0.9 + 1e-9, "{}", billed(&desk));
    fs::write(desk.path("other.csv"), list_of(40)).unwrap();
    let ended = run(&desk, caps, &["--brands", "other.csv", "--force"]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(billed(&desk) <= 0.9 + 1e-9, "{}", billed(&desk));
}

#[test]
fn a_cap_that_is_no_amount_is_named() {
    let desk = Desk::with_list(&list_of(1));
    for wrong in ["five", "-1", "1e40"] {
        let ended = run(&desk, [wrong, ""], &["--google-sheets"]);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.err.contains("BRANDINTEL_DAILY_BUDGET"), "{ended:#?}");
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
}

#[test]
fn status_tells_where_the_money_went_and_agrees_with_what_was_billed() {
    let desk = Desk::with_list(&list_of(4));
    assert_eq!(
        desk.run(&["--google-sheets", "--workers", "4"]).code,
        Some(0)
    );
    let spent = |by: &str| -> serde_json::Value {
        let ended = desk.run(&["status", "--spent", "--by", by, "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        serde_json::from_str(&ended.out).unwrap()
    };
    for by in ["day", "month", "list", "stage", "model"] {
        let told = spent(by);
        let rows = told["rows"].as_array().unwrap();
        let sum: f64 = rows.iter().map(|row| row["usd"].as_f64().unwrap()).sum();
        assert!((sum - billed(&desk)).abs() < 1e-6, "{by}: {told:#}");
        assert!((told["month"]["usd"].as_f64().unwrap() - sum).abs() < 1e-6);
        assert!(told["month"]["forecast_usd"].as_f64().unwrap() >= sum - 1e-6);
    }
    let names = |by: &str| {
        let rows = spent(by)["rows"].as_array().unwrap().clone();
        let mut names: Vec<_> = rows
            .iter()
            .map(|row| row[by].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("stage"),
        ["analyst", "extract", "search", "strategist"]
    );
    assert_eq!(names("model"), ["Tavily", "google/gemini-3.1-flash-lite"]);
    let text = desk.run(&["status", "--spent"]);
    for words in [
        "[SPENT] By day",
        "14",
        "Total",
        "[MONTH]",
        "at the pace of today",
    ] {
        assert!(text.out.contains(words), "{words}: {text:#?}");
    }
    // The spans of calls name the model too.
    let log = common::files(&desk.path("logs"));
    let log = log
        .iter()
        .find(|(path, _)| path.extension().is_some_and(|e| e == "jsonl"));
    let log = String::from_utf8(log.unwrap().1.clone()).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let calls: Vec<_> = lines
        .filter(|line| line["span"] == "call" && line["service"] == "OpenRouter")
        .collect();
    let asked = calls
        .iter()
        .filter(|line| line["what"].as_str().unwrap().starts_with("analyst"));
    assert!(asked.clone().count() >= 1);
    for line in asked {
        assert_eq!(line["model"], "google/gemini-3.1-flash-lite", "{line}");
    }
}
