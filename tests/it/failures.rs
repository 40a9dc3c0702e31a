//! What goes wrong through the real binary: bad settings, refused keys, failing services.

use std::{
    fs,
    io::{Read, Write},
};

use crate::common::{self, Desk, Ended, files, list_of, program};

/// Runs with one setting changed.
fn with(desk: &Desk, name: &str, value: &str) -> Ended {
    let mut command = desk.command(&["--google-sheets"]);
    command.env(name, value);
    common::ended(command.output().unwrap())
}

fn assert_says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    assert_eq!(
        ended
            .err
            .lines()
            .filter(|line| line.starts_with("error:"))
            .count(),
        1,
        "one message: {}",
        ended.err
    );
    for word in words {
        assert!(
            ended.err.contains(word),
            "{word:?} is not in: {}",
            ended.err
        );
    }
}

#[test]
fn a_refused_credential_is_named_with_the_services_words_and_the_remedy() {
    let desk = Desk::with_list(&list_of(2));
    let ended = with(&desk, "OPENROUTER_API_KEY", "sk-or-v1-wrong");
    assert_says(
        &ended,
        3,
        &["OPENROUTER_API_KEY", "User not found", "Put a valid key"],
    );
    let ended = with(&desk, "TAVILY_API_KEY", "tvly-wrong");
    assert_says(
        &ended,
        3,
        &[
            "TAVILY_API_KEY",
            "missing or invalid API key",
            "Put a valid key",
        ],
    );
    let ended = with(&desk, "GOOGLE_SHEET_ID", "another-spreadsheet");
    assert_says(
        &ended,
        3,
        &[
            "GOOGLE_SHEET_ID",
            "Requested entity was not found",
            "share the sheet with brandintel@sandbox",
        ],
    );
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    assert!(desk.registry().is_empty());

    let private = Desk::with_faults(&list_of(2), &["sheets:403"]);
    let ended = private.run(&["--google-sheets"]);
    assert_says(
        &ended,
        3,
        &[
            "GOOGLE_SHEET_ID",
            "The caller does not have permission",
            "as Editor",
        ],
    );

    let account = fs::read_to_string(desk.path("account.json")).unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(&account).unwrap();
    forged["private_key"] = include_str!("../fixtures/google/stranger.pem").into();
    fs::write(desk.path("forged.json"), forged.to_string()).unwrap();
    let ended = with(&desk, "GOOGLE_APPLICATION_CREDENTIALS", "forged.json");
    assert_says(
        &ended,
        3,
        &[
            "GOOGLE_APPLICATION_CREDENTIALS",
            "Invalid JWT Signature",
            "clock",
        ],
    );
}

#[test]
fn without_a_network_a_dry_run_and_a_run_with_a_time_limit_end_with_6() {
    let desk = Desk::with_list(&list_of(2));
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for name in [
        "OPENROUTER_BASE_URL",
        "TAVILY_BASE_URL",
        "GOOGLE_SHEETS_BASE_URL",
    ] {
        for args in [
            &["--google-sheets", "--dry-run"][..],
            &["--google-sheets", "--max-time", "1s"],
        ] {
            let mut command = desk.command(args);
            command.env(name, format!("http://{free}"));
            let ended = common::ended(command.output().unwrap());
            assert_says(
                &ended,
                6,
                &["127.0.0.1 cannot be reached", "Check the network"],
            );
        }
    }
}

/// A server that sends everybody on to a page to sign in at.
fn portal() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            let reply = "HTTP/1.1 302 Found\r\nlocation: https://portal.example/login?token=abc\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    at
}

#[test]
fn an_address_that_sends_us_on_is_named_before_anything_is_paid() {
    let desk = Desk::with_list(&list_of(2));
    let portal = portal();
    for name in [
        "OPENROUTER_BASE_URL",
        "TAVILY_BASE_URL",
        "GOOGLE_SHEETS_BASE_URL",
    ] {
        let ended = with(&desk, name, &format!("http://{portal}"));
        assert_says(
            &ended,
            2,
            &["unexpected redirect to https://portal.example", name],
        );
        assert!(!ended.err.contains("token=abc"));
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
}

#[test]
fn wrong_usage_and_settings_say_what_to_do() {
    let desk = Desk::with_list(&list_of(2));
    for (args, words) in [
        (&["--google-sheets", "--workers", "0"][..], "1 to 16"),
        (&["--google-sheets", "--workers", "17"], "1 to 16"),
        (&["--google-sheets", "--budget=-5"], "not an amount"),
        (&["--google-sheets", "--limit", "0"], "1 or more"),
        (&["--google-sheets", "--wokers", "8"], "--workers"),
        (
            &["--brand", "x", "--brands", "y.csv"],
            "cannot be used together",
        ),
        (&[], "--google-sheets, --brands FILE or --brand NAME"),
        (&["--brands", "nowhere.csv"], "nowhere.csv cannot be read"),
        (&["--website", "x.ir"], "--brand"),
    ] {
        let ended = desk.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:#?}");
        assert!(ended.err.contains(words), "{args:?}: {}", ended.err);
    }
    for (name, value, words) in [
        ("OPENROUTER_API_KEY", "", "OPENROUTER_API_KEY is not set"),
        ("TAVILY_API_KEY", "two words", "a space"),
        (
            "OPENROUTER_BASE_URL",
            "openrouter.ai",
            "OPENROUTER_BASE_URL",
        ),
        ("GOOGLE_SHEET_ID", "my sheet", "GOOGLE_SHEET_ID"),
        ("GOOGLE_SHEET_TAB", "برگهٔ دو", "GOOGLE_SHEET_TAB: INPUT"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "list.csv", "is not JSON"),
        ("BRANDINTEL_WORKERS", "99", "1 to 16"),
        ("TAVILY_CREDIT_USD", "cheap", "TAVILY_CREDIT_USD"),
        (
            "OPENROUTER_MODEL",
            "google/gemini-3.1-flash-lit",
            "is google/gemini-3.1-flash-lite meant?",
        ),
        ("OPENROUTER_MODEL", "@preset/agency", "price is unknown"),
    ] {
        let mut command = desk.command(&["--google-sheets", "--dry-run"]);
        command.env(name, value);
        let ended = common::ended(command.output().unwrap());
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains(words), "{name}={value}: {said}");
        if value != "@preset/agency" {
            assert_eq!(ended.code, Some(2), "{name}={value}: {said}");
        }
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let desk = Desk::with_list(&list_of(6));
    fs::write(
        desk.path(".env"),
        "BRANDINTEL_LIMIT=2\nBRANDINTEL_CHUNK_SIZE=7\nBRANDINTEL_BRANDS=other.csv\n",
    )
    .unwrap();
    let mut command = desk.command(&["--google-sheets", "--dry-run", "--workers", "3"]);
    command
        .env("BRANDINTEL_WORKERS", "9")
        .env("BRANDINTEL_LIMIT", "4");
    let ended = common::ended(command.output().unwrap());
    for words in [
        "Brands to process: 4/4",
        "Workers: 3 parallel",
        "Chunk size: 7 brands",
    ] {
        assert!(ended.out.contains(words), "{words}: {ended:#?}");
    }
    fs::write(
        desk.path(".env"),
        "OPENROUTER_API_KEY='sk-or-v1-secret-0123\n",
    )
    .unwrap();
    let ended = desk.run(&["--google-sheets", "--dry-run"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains(".env has a line"), "{}", ended.err);
}

#[test]
fn a_second_run_ends_with_5_and_changes_nothing_but_that_it_is_on_record() {
    let desk = Desk::with_list(&list_of(4));
    desk.sandbox.allow_models(0);
    let mut first = desk.command(&["--google-sheets"]).spawn().unwrap();
    desk.wait_for_models(1);
    let before = (files(desk.folder.path()), desk.sandbox.counts());
    let second = desk.run(&["--google-sheets"]);
    assert_says(&second, 5, &["another run holds the folder"]);
    let mut after = files(desk.folder.path());
    after.retain(|(path, _)| *path != desk.path("state/not_started.json"));
    for ((path, old), (same, new)) in before.0.iter().zip(&mut after) {
        if path == same && path.starts_with(desk.path("logs")) {
            // The first run's lines stay.
            assert!(new.starts_with(old) && new.len() > old.len());
            new.truncate(old.len());
        }
    }
    assert!((after, desk.sandbox.counts()) == before);
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn the_budget_is_kept_and_the_next_run_goes_on() {
    let desk = Desk::with_list(&list_of(6));
    let ended = desk.run(&["--google-sheets", "--workers", "4", "--budget", "0.15"]);
    assert_says(&ended, 4, &["the budget has", "raise --budget"]);
    let checkpoint = desk.checkpoint();
    assert_eq!(checkpoint["status"], "budget_reached");
    assert!(checkpoint["cost_usd"].as_f64().unwrap() <= 0.15);
    let done = checkpoint["succeeded"].as_u64().unwrap();
    assert!((1..6).contains(&done), "{done} done");
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let (chats, credits, _) = desk.sandbox.counts();
    assert!(
        chats <= 12 && credits <= 36,
        "paid twice: {chats} calls, {credits} credits"
    );
}

#[test]
fn a_budget_needs_a_price() {
    let desk = Desk::with_list(&list_of(1));
    let mut command = desk.command(&["--google-sheets", "--budget", "5"]);
    command.env("OPENROUTER_MODEL", "@preset/agency");
    let ended = common::ended(command.output().unwrap());
    assert_says(&ended, 2, &["--budget cannot be kept", "no price"]);
}

#[test]
fn a_bad_answer_fails_its_brand_and_not_the_run() {
    for (fault, words) in [
        ("llm:bad-json", "does not fit the schema"),
        ("llm:length", "cut off at its greatest length"),
    ] {
        let desk = Desk::with_faults(&list_of(2), &[fault]);
        let mut command = desk.command(&["--brands", "list.csv", "--workers", "2"]);
        // The key and the list of models are spoiled too; another server has no such pages.
        command.env("BRANDINTEL_LANG", "en");
        let ended = common::ended(command.output().unwrap());
        assert_eq!(ended.code, Some(1), "{fault}: {ended:#?}");
        for entry in desk.registry().values() {
            assert_eq!(entry["status"], "failed");
            assert!(
                entry["error"].as_str().unwrap().contains(words),
                "{fault}: {entry}"
            );
            assert_eq!(entry["attempts"], 1);
        }
        // There is no report, and the portfolio says why.
        let mut output: Vec<_> = std::fs::read_dir(desk.path("output"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        output.sort();
        assert_eq!(
            output,
            [
                "brands.xlsx",
                "changes.html",
                "changes.md",
                "companies.csv",
                "index.html"
            ]
        );
        let page = std::fs::read_to_string(desk.path("output/index.html")).unwrap();
        assert_eq!(page.matches("data-status=\"failed\"").count(), 2);
        assert_eq!(page.matches(words).count(), 2, "{fault}");
        // A failed brand is tried again, and what was bad is not used again.
        let again = desk.run(&["--brands", "list.csv"]);
        assert_eq!(again.code, Some(1));
        assert!(desk.registry().values().all(|entry| entry["attempts"] == 2));
    }
}

#[test]
fn a_failure_leaves_the_cells_of_the_last_success() {
    let desk = Desk::with_faults("Brand\nکاله\n", &["llm:bad-json:2x"]);
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(1));
    assert!(
        desk.cell("کاله", "brandintel note")
            .contains("does not fit the schema")
    );
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let (report, cost) = (
        desk.cell("کاله", "brandintel report"),
        desk.cell("کاله", "brandintel cost (USD)"),
    );
    assert!(!report.is_empty() && desk.cell("کاله", "brandintel note").is_empty());
    // A note of this run, but report and cost of the last that went well.
    let failing = Desk::with_faults("Brand\nکاله\n", &["llm:bad-json"]);
    failing
        .sandbox
        .edit_rows(|rows| rows.clone_from(&as_values(&desk.sandbox.rows())));
    assert_eq!(failing.run(&["--google-sheets", "--force"]).code, Some(1));
    assert_eq!(failing.cell("کاله", "brandintel status"), "✗ ناموفق");
    assert_eq!(failing.cell("کاله", "brandintel report"), report);
    assert_eq!(failing.cell("کاله", "brandintel cost (USD)"), cost);
}

fn as_values(rows: &[Vec<String>]) -> Vec<Vec<serde_json::Value>> {
    rows.iter()
        .map(|row| row.iter().map(|cell| cell.as_str().into()).collect())
        .collect()
}

#[test]
fn a_service_that_gives_nothing_back_stops_the_run_without_failing_brands() {
    let desk = Desk::with_faults(&list_of(3), &["search:432"]);
    let ended = desk.run(&["--google-sheets", "--workers", "2"]);
    assert_says(&ended, 6, &["Tavily", "usage limit"]);
    assert!(desk.registry().is_empty());
    assert_eq!(desk.checkpoint()["status"], "aborted");
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_run_and_nothing_is_lost() {
    let desk = Desk::with_list(&list_of(4));
    let args = ["--google-sheets", "--workers", "2"];
    let in_the_way = || fs::write(desk.path("output"), "a file where the folder should be");
    in_the_way().unwrap();
    let ended = desk.run(&args);
    assert_says(&ended, 8, &["output is not a folder", "cannot be written"]);
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0], "nothing was asked");
    fs::remove_file(desk.path("output")).unwrap();

    // It becomes one while brands are in flight.
    desk.sandbox.allow_models(0);
    let mut command = desk.command(&args);
    command.stderr(std::process::Stdio::piped());
    let running = command.spawn().unwrap();
    desk.wait_for_models(1);
    fs::remove_dir_all(desk.path("output")).unwrap();
    in_the_way().unwrap();
    desk.sandbox.allow_models(u64::MAX);
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_says(&ended, 8, &["output", "cannot be written"]);
    assert_eq!(desk.checkpoint()["status"], "aborted");
    assert!(desk.registry().is_empty());
    assert!(
        !desk
            .sandbox
            .rows()
            .iter()
            .flatten()
            .any(|cell| cell.contains("در حال پردازش"))
    );
    fs::remove_file(desk.path("output")).unwrap();
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let (chats, credits, _) = desk.sandbox.counts();
    assert!(
        chats <= 8 && credits <= 24,
        "paid twice: {chats} calls, {credits} credits"
    );
}

#[test]
fn a_report_that_cannot_be_read_is_named_and_left_out() {
    let desk = Desk::with_list(&list_of(2));
    fs::create_dir_all(desk.path("output/old")).unwrap();
    fs::write(desk.path("output/old/brand_report.json"), "{}").unwrap();
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended.err.contains("[WARNING]") && ended.err.contains("old"),
        "{}",
        ended.err
    );
    assert!(desk.path("output/index.html").is_file());
}

#[test]
fn no_secret_is_written_anywhere_even_when_services_quote_it() {
    for faults in [
        &[][..],
        &["llm:echo:2x", "search:echo:2x", "sheets:echo:1x"],
        &["llm:401"],
    ] {
        let desk = Desk::with_faults(&list_of(3), faults);
        let mut command = desk.command(&["--google-sheets", "-v", "--workers", "3"]);
        // `ended` looks at what was printed.
        common::ended(command.output().unwrap());
        let written = files(desk.folder.path())
            .into_iter()
            .filter(|(path, _)| !path.ends_with("account.json"));
        for (path, bytes) in written {
            let text = String::from_utf8_lossy(&bytes);
            for secret in [
                desk.sandbox.openrouter_key(),
                desk.sandbox.tavily_key(),
                "PRIVATE KEY",
                "ya29.",
                "sandbox-0123",
                "\\u0073\\u006b",
            ] {
                assert!(!text.contains(secret), "{} holds {secret}", path.display());
            }
        }
        let cells = desk.sandbox.rows().concat().join("\n");
        assert!(!cells.contains("sandbox-0123") && !cells.contains("ya29."));
    }
}

#[test]
fn check_names_each_thing_and_its_state() {
    let desk = Desk::with_list(&list_of(2));
    let fine = desk.run(&["check"]);
    assert_eq!(fine.code, Some(0), "{fine:#?}");
    // The shared store is one thing more, where there is one.
    let store = fine.out.matches("✅ shared store").count();
    // One question of each stage and one search are among them.
    assert_eq!(fine.out.matches('✅').count(), 12 + store, "{}", fine.out);
    let mut command = desk.command(&["check"]);
    command
        .env("TAVILY_API_KEY", "tvly-wrong")
        .env("OPENROUTER_API_KEY", "sk-or-v1-wrong");
    let bad = common::ended(command.output().unwrap());
    assert_eq!(bad.code, Some(3));
    assert_eq!(bad.out.matches('✗').count(), 2, "{}", bad.out);
    let nothing = common::ended(program(desk.folder.path(), &["check"]).output().unwrap());
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.out.contains("OPENROUTER_API_KEY is not set"),
        "{}",
        nothing.out
    );
}
