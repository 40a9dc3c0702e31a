//! Time zones, folders and limits of the machine.

use std::fs;

#[cfg(target_os = "linux")]
use super::after;
use super::says;
use crate::common::{Desk, ended, files, list_of};

#[test]
fn an_unknown_time_zone_is_named_and_no_deadline_goes_by_it() {
    let desk = Desk::with_list(&list_of(1));
    let run = |zone: &str, args: &[&str]| {
        let mut command = desk.command_alone(args);
        ended(command.env("TZ", zone).output().unwrap())
    };
    let deadline = ["--brands", "list.csv", "--deadline", "۰۶:۰۰"];
    let spaced = run("Asia/Tehran ", &["--brands", "list.csv", "--dry-run"]);
    let has_zones = std::path::Path::new("/usr/share/zoneinfo/Asia/Tehran").exists();
    assert!(!has_zones || !spaced.err.contains("TZ"), "{}", spaced.err);
    for zone in ["Asia/Teheran", "IRST", "Tehran/Asia", "+03:30"] {
        let named = format!("TZ ({zone}) is no time zone that this machine knows");
        says(&run(zone, &deadline), 2, &["--deadline", &named]);
        says(
            &run(zone, &["check", "--deadline=06:00"]),
            2,
            &["deadline", &named],
        );
        let seen = run(zone, &["--brands", "list.csv", "--dry-run"]);
        says(&seen, 0, &["[WARNING]", &named, "times are UTC"]);
        says(&run(zone, &["check", "--free"]), 0, &[&named]);
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    let dry = ["--brands", "list.csv", "--dry-run", "--deadline=06:00"];
    for (zone, words) in [
        ("<+0330>-3:30", "06:00 +03:30"),
        ("UTC", "06:00 +00:00 (UTC)"),
    ] {
        let seen = run(zone, &dry);
        let printed = seen
            .out
            .lines()
            .find(|line| line.starts_with("  Deadline: 20"));
        assert!(
            printed.is_some_and(|line| line.ends_with(words)),
            "{seen:#?}"
        );
        assert!(!seen.err.contains("TZ"), "{}", seen.err);
    }
}

#[test]
fn without_a_folder_for_temporary_files_everything_is_made() {
    let desk = Desk::with_list(&list_of(3));
    let nowhere = |args: &[&str]| {
        let mut command = desk.command_alone(args);
        for name in ["TMPDIR", "TEMP", "TMP"] {
            command.env(name, desk.path("nowhere"));
        }
        ended(command.output().unwrap())
    };
    says(
        &nowhere(&["--brands", "list.csv", "--workers", "2"]),
        0,
        &["Success: 3"],
    );
    for file in ["index.html", "brands.xlsx", "changes.html"] {
        let path = desk.path("output").join(file);
        assert!(path.is_file(), "{file}");
        fs::remove_file(path).unwrap();
    }
    says(&nowhere(&["export"]), 0, &[]);
    assert!(desk.path("output/brands.xlsx").is_file());
    let left = files(&desk.path("output"));
    let strange = left.iter().find(|(path, _)| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    });
    assert_eq!(strange, None);
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_open_files_are_said_before_anything_is_paid_for() {
    let desk = Desk::with_list(&list_of(2));
    for args in [
        &["--brands", "list.csv"][..],
        &["check", "--brands", "list.csv"],
    ] {
        for limit in [30, 20, 9, 7] {
            let mut limited = after(&format!("ulimit -n {limit}"), &desk.command_alone(args));
            let seen = ended(limited.output().unwrap());
            says(&seen, 8, &["too many open files", "raise ulimit -n"]);
            assert!(!seen.err.contains("disk full"), "{seen:#?}");
        }
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    // The program raises what may be raised by itself.
    let seen = after(
        "ulimit -S -n 30",
        &desk.command_alone(&["--brands", "list.csv"]),
    );
    says(&ended({ seen }.output().unwrap()), 0, &["Success: 2"]);
}

#[test]
fn a_folder_that_was_moved_goes_on_where_it_was() {
    let desk = Desk::with_list(&list_of(3));
    let here = desk.path("before");
    fs::create_dir(&here).unwrap();
    for file in ["list.csv", "account.json"] {
        fs::copy(desk.path(file), here.join(file)).unwrap();
    }
    fs::write(here.join(".env"), "BRANDINTEL_BRANDS=list.csv\n").unwrap();
    let run = |folder: &str, args: &[&str]| {
        let mut command = desk.command_alone(args);
        ended(command.current_dir(desk.path(folder)).output().unwrap())
    };
    says(&run("before", &["--limit", "1"]), 0, &["Success: 1"]);
    let mut killed = desk.command_alone(&["--workers", "1"]);
    killed.current_dir(&here);
    let calls = desk.sandbox.arrived().iter().sum::<u64>();
    assert!(desk.kill_at_request(killed, calls + 8));
    fs::rename(&here, desk.path("after")).unwrap();
    let seen = run("after", &["--workers", "2"]);
    says(&seen, 0, &["Spent before the interruption"]);
    says(
        &run("after", &["--workers", "2"]),
        0,
        &["all 3 brands are unchanged"],
    );
    says(&run("after", &["export"]), 0, &[]);
}

#[test]
fn another_folder_is_worked_in_with_its_own_settings() {
    let desk = Desk::with_list(&list_of(2));
    let away = tempfile::tempdir().unwrap();
    fs::write(desk.path(".env"), "BRANDINTEL_BRANDS=list.csv\n").unwrap();
    let run = |args: &[&str], folder: Option<&str>| {
        let mut command = desk.command_alone(args);
        command.current_dir(away.path());
        if let Some(folder) = folder {
            command.env("BRANDINTEL_FOLDER", folder);
        }
        ended(command.output().unwrap())
    };
    let there = desk.folder.path().display().to_string();
    says(
        &run(&["-C", &there, "--workers", "1"], None),
        0,
        &["Success: 2"],
    );
    assert!(desk.path("output/index.html").is_file());
    says(&run(&["-C", &there, "status"], None), 0, &["2"]);
    says(
        &run(&["check", "--free", "-C", &there], None),
        0,
        &["2 rows"],
    );
    let unchanged = "all 2 brands are unchanged";
    says(
        &run(&[&format!("-qC{there}"), "-v"], None),
        2,
        &["cannot be used together"],
    );
    says(&run(&["--workers", "1"], Some(&there)), 0, &[unchanged]);
    fs::write(
        away.path().join(".env"),
        format!("BRANDINTEL_FOLDER={there}\nBRANDINTEL_BRANDS=list.csv\n"),
    )
    .unwrap();
    says(&run(&["--workers", "1"], None), 0, &[unchanged]);
    says(
        &run(&["-C", "nowhere"], None),
        2,
        &["-C nowhere", "cannot be entered"],
    );
    says(&run(&["-C"], None), 2, &["-C <DIR>"]);
    assert_eq!(
        fs::read_dir(away.path()).unwrap().count(),
        1,
        "nothing is left there"
    );
}
