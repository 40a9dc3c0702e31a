//! Folders and files that are in the way: one brand's are one brand's matter, and what the user has arranged stays so.

use std::{fs, path::Path};

use crate::common::{self, Desk, Ended, files, list_of};

const ARGS: [&str; 5] = ["--google-sheets", "--workers", "2", "--chunk-size", "2"];

/// A name that the failure says, and how something gets in the way of the brand with this folder.
type InTheWay = (&'static str, fn(&Path));

/// What stands in the way of one brand, in the output folder.
const IN_THE_WAY: [InTheWay; 6] = [
    ("products.csv", |brand| {
        // A program such as Excel has it open: on Windows nobody can put another in its place; here a folder does the same.
        fs::create_dir_all(brand.join("products.csv/open")).unwrap();
    }),
    ("brand_report.json", |brand| {
        fs::create_dir_all(brand.join("brand_report.json/x")).unwrap();
    }),
    ("report.html", |brand| {
        fs::create_dir_all(brand.join("report.html/x")).unwrap();
    }),
    ("برند شماره 2", |brand| {
        fs::write(brand, "a file").unwrap();
    }),
    ("chunks.jsonl", |brand| {
        fs::create_dir_all(brand.join("chunks.jsonl/x")).unwrap();
    }),
    #[cfg(unix)]
    ("برند شماره 2", |brand| {
        // A disk that is not there now.
        std::os::unix::fs::symlink("/proc/1/nowhere/at/all", brand).unwrap();
    }),
    #[cfg(not(unix))]
    ("report.md", |brand| {
        fs::create_dir_all(brand.join("report.md/x")).unwrap();
    }),
];

#[test]
fn what_is_in_the_way_of_one_brand_fails_that_brand_and_no_other() {
    for (name, put) in IN_THE_WAY {
        let desk = Desk::with_list(&list_of(4));
        let brand = desk.path("output/برند شماره 2");
        fs::create_dir(desk.path("output")).unwrap();
        put(&brand);
        let ended = desk.run_alone(&ARGS);
        assert_eq!(ended.code, Some(1), "{name}: {ended:#?}");
        assert!(ended.out.contains("✓ Success: 3"), "{name}: {ended:#?}");
        let registry = desk.registry();
        let failed = registry.values().find(|entry| entry["status"] == "failed");
        let failed = failed.unwrap();
        assert_eq!(failed["brand"], "برند شماره 2");
        assert_eq!(failed["error_kind"], "files", "{failed:#}");
        let error = failed["error"].as_str().unwrap();
        assert!(
            error.contains(name) && error.contains("cannot be written"),
            "{error}"
        );
        assert_eq!(desk.cell("برند شماره 2", "brandintel status"), "✗ ناموفق");
        assert!(desk.path("output/index.html").is_file());

        // Out of the way: nothing is paid for a second time.
        let _ = fs::remove_file(&brand).or_else(|_| fs::remove_dir_all(&brand));
        let before = desk.sandbox.counts();
        let next = desk.run_alone(&ARGS);
        assert_eq!(next.code, Some(0), "{name}: {next:#?}");
        let after = desk.sandbox.counts();
        assert_eq!(
            (before.0, before.1),
            (after.0, after.1),
            "{name}: paid again"
        );
    }
}

#[test]
fn a_page_of_the_portfolio_that_cannot_be_written_is_named_and_stops_nothing() {
    for name in ["index.html", "brands.xlsx", "companies.csv", "changes.html"] {
        let desk = Desk::with_list(&list_of(2));
        fs::create_dir_all(desk.path("output").join(name).join("open")).unwrap();
        let ended = desk.run_alone(&ARGS);
        assert_eq!(ended.code, Some(0), "{name}: {ended:#?}");
        assert!(
            ended.err.contains(name) && ended.err.contains("brandintel export"),
            "{name}: {ended:#?}"
        );
        for other in ["index.html", "brands.xlsx", "companies.csv"] {
            let written = desk.path("output").join(other).is_file();
            assert!(other == name || written, "{name}: {other} is missing");
        }
    }
}

#[test]
fn an_export_makes_the_others_when_one_brand_cannot_be_written() {
    let desk = Desk::with_list(&list_of(3));
    assert_eq!(desk.run_alone(&ARGS).code, Some(0));
    for i in 1..=3 {
        fs::remove_file(desk.path(&format!("output/برند شماره {i}/products.csv"))).unwrap();
    }
    fs::create_dir_all(desk.path("output/برند شماره 2/products.csv/open")).unwrap();
    let ended = desk.run_alone(&["export"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(
        ended.err.contains("برند شماره 2/products.csv"),
        "{ended:#?}"
    );
    for i in [1, 3] {
        assert!(
            desk.path(&format!("output/برند شماره {i}/products.csv"))
                .is_file()
        );
    }
}

/// Files that were not in their places when a process was killed.
fn left_behind(desk: &Desk) -> Vec<std::path::PathBuf> {
    let all = files(desk.folder.path()).into_iter().map(|(path, _)| path);
    all.filter(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(".new-")
    })
    .collect()
}

#[test]
fn what_killed_processes_have_left_behind_is_swept_at_the_next_start() {
    let desk = Desk::with_list(&list_of(2));
    assert_eq!(desk.run_alone(&ARGS).code, Some(0));
    let brand = "output/برند شماره 1";
    for folder in ["state", "output", brand, &format!("{brand}/history"), "."] {
        fs::create_dir_all(desk.path(folder)).unwrap();
        // As a killed `init` leaves it.
        fs::write(
            desk.path(folder).join(".new-Ab3dEf"),
            "TAVILY_API_KEY=tvly-x",
        )
        .unwrap();
    }
    fs::write(desk.path(".new-notes.txt"), "of the user").unwrap();
    assert_eq!(left_behind(&desk).len(), 6);
    assert_eq!(desk.run_alone(&ARGS).code, Some(0));
    assert_eq!(left_behind(&desk), [desk.path(".new-notes.txt")]);
}

#[test]
fn a_lock_that_is_deleted_during_a_run_does_not_let_a_second_one_in() {
    let desk = Desk::with_list(&list_of(2));
    desk.sandbox.allow_models(0);
    let mut command = desk.command_alone(&ARGS);
    let quiet = std::process::Stdio::null;
    let mut first = command.stdout(quiet()).stderr(quiet()).spawn().unwrap();
    desk.wait_for_models(1);
    // Windows does not let anybody delete it.
    let _ = fs::remove_file(desk.path("state/lock"));
    let second = desk.run_alone(&ARGS);
    assert_eq!(second.code, Some(5), "{second:#?}");
    let status = desk.run_alone(&["status", "--json"]);
    assert!(status.out.contains("\"running\": {"), "{}", status.out);
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn umask_and_links_are_respected() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::with_list(&list_of(2));
    // Colleagues of the group may read and write, others nothing; one brand and the workbook lie elsewhere.
    for folder in ["output", "share/brand"] {
        fs::create_dir_all(desk.path(folder)).unwrap();
    }
    symlink("../share/brand", desk.path("output/برند شماره 1")).unwrap();
    symlink("../share/brands.xlsx", desk.path("output/brands.xlsx")).unwrap();
    let program = desk.command_alone(&ARGS);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "umask 007; exec \"$0\" \"$@\""]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(desk.folder.path());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let ended: Ended = common::ended(shell.output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(desk.path("output/brands.xlsx").is_symlink());
    assert!(desk.path("share/brands.xlsx").is_file());
    for path in [
        "output/index.html",
        "output/برند شماره 2/report.html",
        "share/brand/brand_report.json",
        "share/brands.xlsx",
    ] {
        let mode = fs::metadata(desk.path(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660, "{path}: {mode:o}");
    }
}

#[test]
fn rows_that_a_killed_run_has_left_in_progress_do_not_stay_so() {
    let desk = Desk::with_list(&list_of(4));
    desk.sandbox.allow_models(1);
    let mut command = desk.command_alone(&["--google-sheets", "--workers", "4"]);
    let quiet = std::process::Stdio::null;
    let mut running = command.stdout(quiet()).stderr(quiet()).spawn().unwrap();
    desk.wait_for_models(4);
    running.kill().unwrap();
    running.wait().unwrap();
    let status = |i: usize| desk.cell(&format!("برند شماره {i}"), "brandintel status");
    assert_eq!(status(4), "در حال پردازش");
    desk.sandbox.allow_models(u64::MAX);
    let ended = desk.run_alone(&["--google-sheets", "--limit", "2", "--lang", "en"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for i in 1..=2 {
        assert!(status(i).starts_with(['✓', '⚠']), "{i}: {}", status(i));
    }
    for i in 3..=4 {
        assert_eq!(status(i), "", "{i}");
    }
}
