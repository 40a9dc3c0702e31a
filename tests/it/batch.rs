//! The main job through the real binary and real HTTP: process, skip, force, limit, write back.

use crate::common::{self, Desk, files, list_of, program, read_json};

#[test]
fn twenty_brands_are_done_then_skipped_then_forced() {
    let folder = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        let args = [
            "--google-sheets",
            "--sandbox",
            "--workers",
            "8",
            "--sandbox-speed",
            "1000",
        ];
        let ended = common::ended(
            program(folder.path(), &[&args[..], more].concat())
                .output()
                .unwrap(),
        );
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended
    };
    let first = run(&["--limit", "20"]);
    let sections = [
        "VALIDATING API KEYS",
        "PARALLEL BATCH MODE",
        "[REGISTRY] Loaded: 0",
        "[CONFIG]",
        "[ESTIMATE]",
        "[START]",
        "[CHUNK 1] Processing brands 1-20/20",
        "Progress: 20/20 [",
        "✓ Success: 20 | ✗ Failed: 0",
        "[CHECKPOINT] Saved at 20",
        "SUMMARY",
        "[TOTALS]",
        "[RESULTS]",
        "[PERFORMANCE]",
        "[COST]",
        "[LOGS]",
    ];
    let mut rest = first.out.as_str();
    for section in sections {
        let at = rest
            .find(section)
            .unwrap_or_else(|| panic!("no {section} in its place:\n{}", first.out));
        rest = &rest[at..];
    }
    let registry = read_json(&folder.path().join("sandbox/state/registry.json"));
    let entries = registry["brands"].as_object().unwrap();
    assert_eq!(entries.len(), 20);
    for entry in entries.values() {
        let report = read_json(&folder.path().join(entry["report"].as_str().unwrap()));
        assert_eq!(
            (&report["simulated"], &report["brand"]),
            (&true.into(), &entry["brand"])
        );
        let llm_calls = report["cost"]["llm_calls"].as_u64().unwrap();
        let credits = report["cost"]["search_credits"].as_u64().unwrap();
        assert!(
            llm_calls <= 3 && credits <= 6,
            "{llm_calls} calls, {credits} credits"
        );
    }
    let page = std::fs::read_to_string(folder.path().join("sandbox/output/کاله/report.html"));
    assert!(page.is_err(), "کاله is not among the first twenty");
    let index = std::fs::read_to_string(folder.path().join("sandbox/output/index.html")).unwrap();
    assert_eq!(index.matches("<tr data-key=").count(), 20);
    assert!(index.contains("شبیه‌سازی"));

    assert!(
        run(&["--limit", "20"])
            .out
            .contains("Skipped (unchanged): 20")
    );
    assert!(
        run(&["--limit", "5"])
            .out
            .contains("Nothing to do: all 5 brands are unchanged")
    );
    assert!(
        run(&["--limit", "20", "--force"])
            .out
            .contains("✓ Success: 20 (100.0%)")
    );
}

#[test]
fn results_go_into_own_columns_and_nowhere_else() {
    let desk = Desk::with_list(
        "یادداشت,نام برند,Status,وب‌سایت\na,کاله,مال من,kalleh.com\nb,میهن,,\n,,,\nc,كاله,=1+1,\n",
    );
    let ended = desk.run(&["--google-sheets", "--workers", "4", "--lang", "fa"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let rows = desk.sandbox.rows();
    assert_eq!(&rows[0][..4], ["یادداشت", "نام برند", "Status", "وب‌سایت"]);
    assert_eq!(
        rows[0][4..],
        [
            "brandintel status",
            "brandintel report",
            "brandintel cost (USD)",
            "brandintel time",
            "brandintel note",
            "brandintel changes"
        ]
    );
    assert_eq!(&rows[1][..4], ["a", "کاله", "مال من", "kalleh.com"]);
    assert_eq!(&rows[4][..4], ["c", "كاله", "=1+1", ""]);
    for row in [1, 2, 4] {
        assert!(
            ["✓ تکمیل شد", "⚠ شواهد ناکافی"].contains(&rows[row][4].as_str()),
            "{:?}",
            rows[row]
        );
        assert!(desk.path(&rows[row][5]).is_file(), "{:?}", rows[row]);
        assert!(rows[row][6].parse::<f64>().unwrap() > 0.0);
        assert!(
            rows[row][7].starts_with("۱۴"),
            "a Jalali date: {:?}",
            rows[row]
        );
    }
    assert_eq!(
        rows[1][4..],
        rows[4][4..],
        "both rows of a brand get its result"
    );
    assert!(rows[3].iter().all(String::is_empty));
    // The columns are found again by their headers.
    assert_eq!(
        desk.run(&["--google-sheets", "--force", "--lang", "en"])
            .code,
        Some(0)
    );
    assert_eq!(desk.sandbox.rows()[0].len(), 10);
    assert!(desk.cell("a", "brandintel status").starts_with(['✓', '⚠']));
}

#[test]
fn one_write_a_chunk_and_one_before_the_first() {
    let desk = Desk::with_list(&list_of(12));
    let ended = desk.run(&["--google-sheets", "--workers", "3", "--chunk-size", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let (chats, credits, writes) = desk.sandbox.counts();
    assert!(writes <= 1 + 3, "{writes} writes");
    assert!(
        chats <= 3 * 12 && credits <= 6 * 12,
        "{chats} calls, {credits} credits"
    );
}

#[test]
fn a_result_follows_its_brand_when_somebody_sorts_the_sheet() {
    let desk = Desk::with_list(&list_of(6));
    // After one answer all workers begin: six brands wait for an answer.
    desk.sandbox.allow_models(1);
    let mut running = desk
        .command(&["--google-sheets", "--workers", "6"])
        .spawn()
        .unwrap();
    desk.wait_for_models(7);
    desk.sandbox.edit_rows(|rows| {
        let header = rows.remove(0);
        rows.reverse();
        rows.insert(0, header);
        rows.insert(1, vec!["برندی تازه".into()]);
        // Somebody also puts a title above and a column before.
        rows.insert(0, vec!["برندهای پاییز".into()]);
        for row in rows.iter_mut() {
            row.insert(0, "".into());
        }
    });
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    let rows = desk.sandbox.rows();
    let column = |header: &str| rows[1].iter().position(|cell| cell == header).unwrap();
    let (name, status, report) = (
        column("Brand Name"),
        column("brandintel status"),
        column("brandintel report"),
    );
    assert_eq!(name, 1);
    assert!(
        rows[2].len() <= status || rows[2][status].is_empty(),
        "a row that is new has no result"
    );
    for row in &rows[3..] {
        assert!(row[status].starts_with(['✓', '⚠']), "{row:?}");
        assert!(row[report].contains(&row[name]), "{row:?}");
    }
    assert_eq!(rows.len(), 9);
}

#[test]
fn every_odd_row_ends_in_a_result_or_a_reason() {
    let long = "ک".repeat(10_000);
    let mut list = String::from("Brand,Website,Parent\n");
    for i in 0..10 {
        list.push_str(&format!("شرکت کیمیا {i},,\n"));
        // The same with Arabic letters, Arabic digits and a right-to-left mark.
        list.push_str(&format!(
            "\u{200F}شركت كيميا {},,\n",
            char::from_u32('٠' as u32 + i).unwrap()
        ));
        list += ",,\n";
    }
    list +=
        &format!("{long},,\n\"=IMPORTXML(\"\"http://x\"\")\",,\n#REF!,,\n---,,\n,https://x.ir,\n");
    list.push_str(&format!(
        "عالی,{long},{long}\nخوب,javascript:alert(1),=1+1\n<script>alert(1)</script>,,\n../../etc,,\n"
    ));
    let desk = Desk::with_list(&list);
    let ended = desk.run(&["--google-sheets", "--workers", "8"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(desk.registry().len(), 14);
    for reason in [
        "10000 characters",
        "a formula stands",
        "#REF!",
        "no letter or digit",
        "no brand name",
    ] {
        assert!(ended.err.contains(reason), "{reason}: {}", ended.err);
    }
    let rows = desk.sandbox.rows();
    let status = rows[0]
        .iter()
        .position(|cell| cell == "brandintel status")
        .unwrap();
    for (i, row) in rows
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, row)| !row[0].is_empty() || !row[1].is_empty())
    {
        let cell = row.get(status).map_or("", String::as_str);
        assert!(cell.starts_with(['✓', '⚠', '✗']), "row {}: {cell:?}", i + 1);
    }
    let output = desk.path("output");
    assert!(
        files(desk.folder.path())
            .iter()
            .all(|(path, _)| !path.ends_with("etc/brand_report.json"))
    );
    let pages = files(&output)
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "html"));
    for (path, page) in pages {
        // The portfolio has a script of its own.
        let own = usize::from(path == output.join("index.html"));
        let page = String::from_utf8(page).unwrap();
        assert_eq!(page.matches("<script").count(), own, "{}", path.display());
    }
}

#[test]
fn a_missing_header_is_a_clear_error() {
    let desk = Desk::with_list("کاله,kalleh.com\nمیهن,\n");
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("«Brand Name»") && ended.err.contains("کاله | kalleh.com"),
        "{}",
        ended.err
    );
}

#[test]
fn a_list_can_come_from_a_file_or_the_command_line() {
    let desk = Desk::with_list(&list_of(2));
    let ended = desk.run(&["--brands", "list.csv", "--workers", "2"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.sandbox.counts().2, 0, "a file is no sheet to write to");
    let ended = desk.run(&[
        "--brand",
        "کاله",
        "--website",
        "kalleh.com",
        "--parent",
        "سولیکو",
        "--lang",
        "en",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let report = desk.json("output/کاله/brand_report.json");
    assert_eq!(report["given"]["parent"], "سولیکو");
    assert!(
        report["insights"].is_null() || report["insights"]["executive_summary"]["fa"].is_null()
    );
    assert_eq!(desk.registry().len(), 3);
}

#[test]
fn a_dry_run_spends_and_writes_nothing() {
    let desk = Desk::with_list(&list_of(3));
    let before = files(desk.folder.path());
    let ended = desk.run(&["--google-sheets", "--dry-run", "--budget", "1"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended.out.contains("[DRY RUN]") && ended.out.contains("برند شماره 3 (row 4)"),
        "{}",
        ended.out
    );
    assert_eq!(files(desk.folder.path()), before);
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
}

#[test]
fn what_was_not_written_to_the_sheet_is_written_by_the_next_run() {
    let desk = Desk::with_list(&list_of(2));
    assert_eq!(desk.run(&["--brands", "list.csv"]).code, Some(0));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert!(
        desk.cell("برند شماره 2", "brandintel status")
            .starts_with(['✓', '⚠'])
    );
    let writes = desk.sandbox.counts().2;
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert_eq!(
        desk.sandbox.counts().2,
        writes,
        "nothing new, nothing written"
    );
}

#[test]
fn an_api_key_reads_and_says_that_it_does_not_write() {
    let desk = Desk::with_list(&list_of(1));
    let mut command = desk.command(&["--google-sheets"]);
    command
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .env("GOOGLE_API_KEY", desk.sandbox.google_key());
    let ended = common::ended(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.out.contains("results are not written back"));
    assert_eq!(desk.sandbox.rows()[0].len(), 3);
}

#[test]
fn pages_and_status_are_made_again_from_saved_reports() {
    let desk = Desk::with_list(&list_of(2));
    assert_eq!(desk.run(&["--google-sheets", "-q"]).out, "");
    std::fs::remove_file(desk.path("output/index.html")).unwrap();
    std::fs::remove_file(desk.path("output/برند شماره 1/report.html")).unwrap();
    let spent = desk.sandbox.counts();
    assert!(desk.run(&["export"]).out.contains("2 reports"));
    assert!(
        desk.path("output/index.html").is_file()
            && desk.path("output/برند شماره 1/report.html").is_file()
    );
    assert_eq!(desk.sandbox.counts(), spent);
    assert!(
        desk.run(&["status"])
            .out
            .contains("2 brands tracked (2 success, 0 failed)")
    );
    let status: serde_json::Value =
        serde_json::from_str(&desk.run(&["status", "--json"]).out).unwrap();
    assert_eq!(status["last_run"]["status"], "complete");
}

#[test]
fn what_sister_brands_have_in_common_is_searched_for_once() {
    let brands = ["کاله", "میهن", "پگاه", "هراز"];
    let searches = |parent: &str| {
        let rows = brands.map(|brand| format!("{brand},,{parent}\n")).concat();
        let desk = Desk::with_list(&format!("Brand,Website,Parent\n{rows}"));
        let ended = desk.run(&["--google-sheets", "--workers", "4"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let (_, credits, _) = desk.sandbox.counts();
        let told: u64 = brands
            .iter()
            .map(|brand| {
                let report = desk.json(&format!("output/{brand}/brand_report.json"));
                report["cost"]["search_credits"].as_u64().unwrap()
            })
            .sum();
        assert_eq!(told, credits, "each credit is some brand's");
        credits
    };
    // Two searches about each brand and two about all of them, instead of four about each.
    assert_eq!(searches("") - searches("هلدینگ نمونه"), 4 * 4 - (4 * 2 + 2));
}
