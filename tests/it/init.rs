//! `brandintel init` through a pipe, against simulated services, and public sheets that need no credential.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::common::{self, Desk, Ended, list_of};

/// A desk where only the addresses of the services are set.
fn newcomer(desk: &Desk, args: &[&str]) -> Command {
    let mut command = desk.command(args);
    for name in [
        "OPENROUTER_API_KEY",
        "TAVILY_API_KEY",
        "GOOGLE_SHEET_ID",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ] {
        command.env_remove(name);
    }
    command
}

fn answer(mut command: Command, answers: &[&str]) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut to = running.stdin.take().unwrap();
    for answer in answers {
        // The program may have ended before it heard everything.
        let _ = writeln!(to, "{answer}");
    }
    drop(to);
    common::ended(running.wait_with_output().unwrap())
}

#[test]
fn a_newcomer_is_ready_after_four_answers() {
    let desk = Desk::with_list(&list_of(3));
    let (key, search) = (desk.sandbox.openrouter_key(), desk.sandbox.tavily_key());
    let sheet = format!(
        "https://docs.google.com/spreadsheets/d/{}/edit#gid=0",
        desk.sandbox.sheet_id()
    );
    let ended = answer(
        newcomer(&desk, &["init"]),
        &[
            search,
            "sk-or-v1-wrong",
            key,
            &format!("TAVILY_API_KEY='{search}'"),
            "https://docs.google.com/document/d/1234567890/edit",
            &sheet,
            "list.csv",
            "account.json",
            "",
        ],
    );
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for words in [
        "OPENROUTER_API_KEY holds a key of Tavily",
        "User not found",
        "a Google document",
        "anyone with the link can read the sheet: tab «INPUT», name in column A, website B, parent company C; 3 rows",
        "is not JSON",
        "brandintel@sandbox.iam.gserviceaccount.com",
        "the sheet can be used: «Brands (simulated)», tab «INPUT»",
        "for about a cent",
        "✅ model, analyst: google/gemini-3.1-flash-lite answered (strict JSON schema) in",
        "✅ model, strategist: ",
        "✅ search: found",
        "brandintel check",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    assert!(
        ended.err.contains("not shown while you type"),
        "{}",
        ended.err
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(desk.path(".env"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let check = common::ended(
        newcomer(&desk, &["check", "--workers", "8"])
            .output()
            .unwrap(),
    );
    assert_eq!(check.code, Some(0), "{check:#?}");
    assert!(
        check.out.contains("3 of 3 brands are due: about $0.15"),
        "{}",
        check.out
    );
    let run = newcomer(&desk, &["--google-sheets"]).output().unwrap();
    assert_eq!(common::ended(run).code, Some(0));
    assert!(
        desk.cell("برند شماره 1", "brandintel status")
            .starts_with('✓')
    );
    let left: Vec<_> = common::files(desk.folder.path())
        .into_iter()
        .filter(|(path, bytes)| {
            !path.ends_with(".env") && String::from_utf8_lossy(bytes).contains("-sandbox-0123")
        })
        .collect();
    assert!(left.is_empty(), "a key is in another file: {left:?}");
}

#[test]
fn what_is_set_stays_and_the_file_keeps_its_lines() {
    let desk = Desk::with_list(&list_of(1));
    let before = format!(
        "# mine\nOTHER=\"two words\" # and a comment\n\nOPENROUTER_API_KEY={}\nTAVILY_API_KEY=\n# the end",
        desk.sandbox.openrouter_key()
    );
    fs::write(desk.path(".env"), &before).unwrap();
    let ended = answer(
        newcomer(&desk, &["init"]),
        &[desk.sandbox.tavily_key(), "list.csv"],
    );
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended
            .out
            .contains("OPENROUTER_API_KEY is set (sk-or-v1...)"),
        "{}",
        ended.out
    );
    let path = desk.folder.path().canonicalize().unwrap().join("list.csv");
    let after = fs::read_to_string(desk.path(".env")).unwrap();
    let kept = before.replace(
        "TAVILY_API_KEY=\n",
        &format!("TAVILY_API_KEY='{}'\n", desk.sandbox.tavily_key()),
    );
    assert!(after.starts_with(&kept), "{after}");
    assert!(after.contains("BRANDINTEL_BRANDS="), "{after}");
    // A file needs no Google at all, and is the list from now on.
    let mut run = newcomer(&desk, &["check"]);
    run.env_remove("GOOGLE_SHEETS_BASE_URL");
    let check = common::ended(run.output().unwrap());
    assert_eq!(check.code, Some(0), "{check:#?}\n{}", path.display());
    assert!(check.out.contains("1 of 1 brands are due"), "{}", check.out);
}

#[test]
fn when_the_answers_end_what_was_answered_is_kept_whole() {
    let desk = Desk::with_list(&list_of(1));
    let ended = answer(newcomer(&desk, &["init"]), &[desk.sandbox.openrouter_key()]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.err.contains("brandintel init goes on from there"),
        "{}",
        ended.err
    );
    let file = fs::read_to_string(desk.path(".env")).unwrap();
    assert!(file.contains("OPENROUTER_API_KEY=") && !file.contains("TAVILY"));
    let empty = Desk::with_list(&list_of(1));
    assert_eq!(answer(newcomer(&empty, &["init"]), &[]).code, Some(2));
    assert!(!empty.path(".env").exists());
    // Enter alone leaves everything for later, and says what that is.
    let later = answer(newcomer(&empty, &["init"]), &["", "", ""]);
    assert_eq!(later.code, Some(2));
    assert!(
        later
            .out
            .contains("Still missing: OPENROUTER_API_KEY; TAVILY_API_KEY"),
        "{}",
        later.out
    );
}

#[test]
fn without_a_network_a_key_can_be_kept_untried() {
    let desk = Desk::with_list(&list_of(1));
    let mut command = newcomer(&desk, &["init"]);
    command.env("OPENROUTER_BASE_URL", "http://127.0.0.1:9");
    let key = desk.sandbox.openrouter_key();
    let ended = answer(
        command,
        &[key, "n", key, "", desk.sandbox.tavily_key(), "list.csv"],
    );
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.out.matches("it cannot be tried now").count(), 2);
    let file = fs::read_to_string(desk.path(".env")).unwrap();
    assert!(file.contains(key));
}

#[test]
fn a_key_in_the_place_of_a_path_or_an_address_is_not_printed() {
    let desk = Desk::with_list(&list_of(1));
    let (key, search) = (desk.sandbox.openrouter_key(), desk.sandbox.tavily_key());
    // `ended` looks for secrets in what is printed.
    let ended = answer(
        newcomer(&desk, &["init"]),
        &[key, search, key, desk.sandbox.sheet_id(), search, ""],
    );
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended
            .out
            .contains("GOOGLE_SHEET_ID holds a key of OpenRouter")
    );
    assert!(
        ended
            .out
            .contains("GOOGLE_APPLICATION_CREDENTIALS holds a key of Tavily")
    );
}

#[test]
fn a_public_sheet_needs_only_its_address() {
    let desk = Desk::with_list(&list_of(4));
    let public = |args: &[&str]| {
        let mut command = desk.command(args);
        command.env_remove("GOOGLE_APPLICATION_CREDENTIALS");
        common::ended(command.output().unwrap())
    };
    let ended = public(&["--google-sheets", "--workers", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for words in [
        "can be read as anyone with the link can",
        "results are not written back",
        "Found 4 brands in sheet",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
    assert_eq!(desk.registry().len(), 4);
    assert_eq!(
        desk.sandbox.counts().2,
        0,
        "nothing is written to the sheet"
    );
    // The same sheet is the same list, however it is read.
    let again = desk.run(&["--google-sheets"]);
    assert!(
        again.out.contains("Skipped (unchanged): 4"),
        "{}",
        again.out
    );
}

#[test]
fn an_answer_that_is_no_workbook_is_named() {
    for (fault, code, words) in [
        ("sheets:403", 3, "Anyone with the link"),
        ("sheets:html", 3, "an HTML page instead of the sheet"),
        ("sheets:redirect", 2, "unexpected redirect"),
        ("sheets:503", 6, "Check the network"),
        ("sheets:huge", 2, "may have 16 MB"),
    ] {
        let desk = Desk::with_faults(&list_of(1), &[fault]);
        // A service that is away is waited for until the run has to be done.
        let mut command = desk.command(&["--google-sheets", "--max-time", "1s"]);
        command.env_remove("GOOGLE_APPLICATION_CREDENTIALS");
        let ended = common::ended(command.output().unwrap());
        assert_eq!(ended.code, Some(code), "{fault}: {ended:#?}");
        assert!(ended.err.contains(words), "{fault}: {}", ended.err);
    }
}

#[test]
fn check_is_for_scripts_too() {
    let desk = Desk::with_list(&list_of(5));
    let ended = desk.run(&[
        "check",
        "--limit",
        "2",
        "--workers",
        "2",
        "--json",
        "--quiet",
        "--free",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(said["ok"], true);
    assert_eq!(said["estimate"]["due"], 2);
    let dry = desk.run(&[
        "--google-sheets",
        "--limit",
        "2",
        "--workers",
        "2",
        "--dry-run",
    ]);
    let cost = said["estimate"]["cost_usd"].as_f64().unwrap();
    assert!(
        dry.out.contains(&format!("Estimated cost: ${cost:.2}")),
        "{cost}: {}",
        dry.out
    );
    let mut bad = desk.command(&["check", "--json", "--free"]);
    bad.env("TAVILY_API_KEY", "tvly-wrong");
    let ended = common::ended(bad.output().unwrap());
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        (ended.code, said["ok"].as_bool(), said["exit_code"].as_i64()),
        (Some(3), Some(false), Some(3))
    );
    // Quietly, only what is wrong is printed.
    let mut bad = desk.command(&["check", "--quiet", "--free"]);
    bad.env("TAVILY_API_KEY", "tvly-wrong");
    let ended = common::ended(bad.output().unwrap());
    assert_eq!(ended.out, "");
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
}

#[test]
fn check_proves_the_tab_of_results_and_where_the_report_goes() {
    let desk = Desk::with_list(&list_of(2));
    for (args, code, part, words) in [
        (["--results-tab", "RESULTS"], 0, "results tab", "«RESULTS»"),
        (["--results-tab", "INPUT"], 2, "list", "INPUT"),
        (["--report-to", "night.json"], 0, "report", "night.json"),
        (
            ["--report-to", "ftp://example.com/x"],
            2,
            "report",
            "--report-to",
        ),
        (["--report-to", "."], 2, "report", "name a file"),
    ] {
        let ended = desk.run(&[&["check", "--json"], &args[..]].concat());
        let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(ended.code, Some(code), "{args:?}: {ended:#?}");
        let parts = said["parts"].as_array().unwrap();
        assert!(
            parts.iter().any(|found| found["part"] == part
                && found["ok"] == (code == 0)
                && found["text"].as_str().unwrap().contains(words)),
            "{args:?}: {}",
            ended.out
        );
    }
    assert_eq!(desk.sandbox.counts().2, 0, "nothing is written");
    assert!(!desk.path("night.json").exists());
    let ended = desk.run(&["check", "--brand", "x", "--results-tab", "R", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert!(
        said["parts"]
            .to_string()
            .contains("--results-tab needs a sheet")
    );
}

#[test]
fn check_tells_scripts_of_keys_that_may_not_spend_enough() {
    let desk = Desk::with_list(&list_of(3));
    // A search service whose key has little left.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let usage = || async { r#"{"key": {"usage": 995, "limit": 1000}}"# };
    let services = axum::Router::new().route("/usage", axum::routing::get(usage));
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, services).await.unwrap() });
    let mut command = desk.command(&["check", "--json", "--free"]);
    command.env("TAVILY_BASE_URL", format!("http://{address}"));
    let ended = common::ended(command.output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let said: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let parts = said["parts"].to_string();
    let words = "the key has 5 credits left, and the run may need";
    assert!(parts.contains(words), "{parts}");
}

#[test]
fn init_is_not_done_while_nothing_can_read_the_list() {
    let desk = Desk::with_list(&list_of(1));
    let ready = |args: &[&str]| {
        let mut command = newcomer(&desk, args);
        command
            .env("OPENROUTER_API_KEY", desk.sandbox.openrouter_key())
            .env("TAVILY_API_KEY", desk.sandbox.tavily_key());
        command
    };
    // A key of Google that is refused, and a sheet that is not public.
    let mut refused = ready(&["init"]);
    refused
        .env("GOOGLE_SHEET_ID", desk.sandbox.sheet_id())
        .env("GOOGLE_API_KEY", "AIza-wrong");
    let mut private = ready(&["init"]);
    private.env("GOOGLE_SHEET_ID", "1234567890-another-sheet");
    let mut key = ready(&["init"]);
    key.env("TAVILY_API_KEY", "tvly-wrong");
    for (command, answers, missing) in [
        (refused, &[""][..], "GOOGLE_SHEET_ID"),
        (private, &[""], "GOOGLE_SHEET_ID"),
        (key, &["list.csv"], "TAVILY_API_KEY"),
        (
            ready(&["init"]),
            &["1234567890-another-sheet", ""],
            "a way to read the sheet",
        ),
    ] {
        let ended = answer(command, answers);
        assert_eq!(ended.code, Some(2), "{missing}: {ended:#?}");
        let said = ended.out.split("Still missing: ").nth(1);
        assert!(said.is_some_and(|s| s.contains(missing)), "{ended:#?}");
        let _ = fs::remove_file(desk.path(".env"));
    }
}

#[test]
fn a_wrong_address_in_the_file_is_asked_for_again() {
    let desk = Desk::with_list(&list_of(1));
    for (wrong, before) in [
        (
            "https://docs.google.com/document/d/1234567890/edit",
            &[][..],
        ),
        ("1234567890-another-sheet", &[""]),
    ] {
        let (key, search) = (desk.sandbox.openrouter_key(), desk.sandbox.tavily_key());
        let file =
            format!("OPENROUTER_API_KEY={key}\nTAVILY_API_KEY={search}\nGOOGLE_SHEET_ID={wrong}\n");
        fs::write(desk.path(".env"), file).unwrap();
        let answers = [before, &[desk.sandbox.sheet_id(), ""]].concat();
        let ended = answer(newcomer(&desk, &["init"]), &answers);
        assert_eq!(ended.code, Some(0), "{wrong}: {ended:#?}");
        let file = fs::read_to_string(desk.path(".env")).unwrap();
        let line = format!("GOOGLE_SHEET_ID='{}'", desk.sandbox.sheet_id());
        assert!(file.contains(&line), "{file}");
    }
}

#[test]
fn a_slip_in_the_sheets_address_is_mended_where_it_shows() {
    let desk = Desk::with_list(&list_of(3));
    let (key, search) = (desk.sandbox.openrouter_key(), desk.sandbox.tavily_key());
    let sheet = |id: &str| format!("https://docs.google.com/spreadsheets/d/{id}/edit#gid=0");
    let ended = answer(
        newcomer(&desk, &["init"]),
        &[
            key,
            search,
            &sheet("1-no-such-spreadsheet"),
            "account.json",
            "",
            &sheet(desk.sandbox.sheet_id()),
        ],
    );
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let kept = fs::read_to_string(desk.path(".env")).unwrap();
    let line = format!("GOOGLE_SHEET_ID='{}'", desk.sandbox.sheet_id());
    assert!(kept.contains(&line) && !kept.contains("no-such"), "{kept}");
}
