//! Runs that are killed: nothing is lost, and nothing that was on disk is paid again.

use std::{path::Path, process::Command};

use serde_json::{Map, Value};

use super::{assert_state_is_readable, paid_requests, reports, times};
use crate::common::{Desk, list_of};

/// What an undisturbed run leaves behind: its reports, and how many paid answers it took.
fn undisturbed(brands: usize, args: &[&str]) -> (Map<String, Value>, u64) {
    let desk = Desk::with_list(&list_of(brands));
    assert_eq!(desk.run(args).code, Some(0));
    let reports = reports(&desk);
    assert_eq!(reports.len(), brands);
    assert_eq!(desk.stored(), paid_requests(&desk));
    (reports, desk.stored())
}

/// The last run of a list that was cut off: it pays for what is not on disk, once, and everything is as if nothing had
/// happened.
fn finish(desk: &Desk, args: &[&str], expected: &Map<String, Value>, answers: u64) {
    let (on_disk, asked) = (desk.stored(), paid_requests(desk));
    let ended = desk.run(args);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(paid_requests(desk) - asked, answers - on_disk, "paid again");
    assert_eq!(&reports(desk), expected);
    assert_eq!(desk.registry().len(), expected.len());
    assert_eq!(desk.checkpoint()["status"], "complete");
    for brand in expected.keys() {
        let cell = desk.cell(brand, "brandintel status");
        assert!(cell.starts_with(['✓', '⚠']), "{brand}: {cell:?}");
        let entry = desk
            .registry()
            .values()
            .any(|entry| entry["brand"] == brand.as_str());
        assert!(entry, "{brand} is not in the registry");
    }
}

#[test]
#[ignore = "takes minutes: .ci/run"]
fn two_hundred_kills_at_random_moments() {
    const BRANDS: usize = 6;
    let args = ["--google-sheets", "--workers", "4", "--chunk-size", "2"];
    let (expected, answers) = undisturbed(BRANDS, &args);
    let mut kills = 0;
    while kills < times("BRANDINTEL_TEST_KILLS", 200) {
        let desk = Desk::with_list(&list_of(BRANDS));
        for _ in 0..8 {
            let asked = paid_requests(&desk);
            let on_disk = desk.stored();
            let [models, searches, sheet] = desk.sandbox.arrived();
            let moment = models + searches + sheet + fastrand::u64(1..=answers + 12 - on_disk);
            let killed = desk.kill_at_request(desk.command(&args), moment);
            assert_state_is_readable(&desk);
            // Of what was asked, only what was in flight is not on disk.
            let lost = paid_requests(&desk) - asked - (desk.stored() - on_disk);
            assert!(lost <= 4 * 6, "{lost} answers were lost by one kill");
            if !killed {
                break;
            }
            kills += 1;
        }
        finish(&desk, &args, &expected, answers);
    }
    println!("{kills} kills");
}

/// The library that kills at a write, built with the C compiler that Rust links with.
#[cfg(target_os = "linux")]
fn killer(folder: &Path) -> std::path::PathBuf {
    let library = folder.join("kill_at_write.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/endurance/kill_at_write.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.unwrap().success());
    library
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes minutes: .ci/run"]
fn a_kill_at_every_write() {
    let args = ["--google-sheets", "--workers", "2"];
    let (expected, answers) = undisturbed(1, &args);
    let folder = tempfile::tempdir().unwrap();
    let killer = killer(folder.path());
    for torn in [false, true] {
        let mut writes = 0;
        loop {
            writes += 1;
            let desk = Desk::with_list(&list_of(1));
            let mut command = desk.command(&args);
            command
                .env("LD_PRELOAD", &killer)
                .env("KILL_BELOW", "/state")
                .env("KILL_AT", writes.to_string());
            if torn {
                command.env("KILL_TORN", "1");
            }
            let ended = command.output().unwrap();
            assert_state_is_readable(&desk);
            finish(&desk, &args, &expected, answers);
            if ended.status.success() {
                break;
            }
            assert_eq!(ended.status.code(), None, "{ended:?}");
        }
        println!("killed at each of {} writes, torn: {torn}", writes - 1);
        assert!(writes > 50, "only {writes} writes were seen");
    }
}
