//! Files that are broken, of another version, or gone: nothing is thrown away silently, and what can be read is used.

use std::{fs, path::PathBuf};

use crate::common::{self, Desk, files, list_of};

/// The files that were set aside.
fn aside(desk: &Desk) -> Vec<PathBuf> {
    let state = files(&desk.path("state"));
    let names = state.into_iter().map(|(path, _)| path);
    names
        .filter(|path| path.to_string_lossy().contains(".broken-"))
        .collect()
}

#[test]
fn a_broken_registry_is_set_aside_and_costs_only_what_could_not_be_read() {
    let desk = Desk::with_list(&list_of(4));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let path = desk.path("state/registry.json");
    let whole = fs::read_to_string(&path).unwrap();
    let last = whole.rfind("\"brand\"").unwrap();
    fs::write(&path, &whole[..last]).unwrap();
    let before = desk.sandbox.counts();
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let broken = aside(&desk);
    assert_eq!(broken.len(), 1);
    assert_eq!(fs::read_to_string(&broken[0]).unwrap(), whole[..last]);
    let name = broken[0]
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert!(ended.err.contains(&name), "{}", ended.err);
    assert!(
        ended.out.contains("Skipped (unchanged): 3"),
        "{}",
        ended.out
    );
    assert_eq!(desk.registry().len(), 4);
    let after = desk.sandbox.counts();
    assert_eq!(
        (before.0, before.1),
        (after.0, after.1),
        "paid answers are used again"
    );
}

#[test]
fn an_entry_that_was_changed_by_hand_costs_only_itself() {
    let desk = Desk::with_list(&list_of(3));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let path = desk.path("state/registry.json");
    let by_hand = fs::read_to_string(&path)
        .unwrap()
        .replacen("\"success\"", "\"fertig\"", 1);
    fs::write(&path, by_hand).unwrap();
    let status = desk.run(&["status"]);
    assert!(status.err.contains("fertig"), "{status:#?}");
    let ended = desk.run(&["--google-sheets"]);
    assert!(ended.err.contains("fertig"), "{}", ended.err);
    assert!(
        ended.out.contains("Skipped (unchanged): 2"),
        "{}",
        ended.out
    );
    assert_eq!(aside(&desk).len(), 1);
}

#[test]
fn a_checkpoint_of_another_version_and_a_broken_store_do_not_stop_the_night() {
    let desk = Desk::with_list(&list_of(3));
    assert_eq!(desk.run(&["--google-sheets", "--limit", "2"]).code, Some(0));
    let checkpoint = r#"{"version": 7, "progress": [1, 2, 3]}"#;
    fs::write(desk.path("state/checkpoint_latest.json"), checkpoint).unwrap();
    fs::write(
        desk.path("state/paid.sqlite3"),
        "no database at all, but a text",
    )
    .unwrap();
    for log in ["-wal", "-shm"] {
        let _ = fs::remove_file(desk.path(&format!("state/paid.sqlite3{log}")));
    }
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.registry().len(), 3);
    assert_eq!(desk.checkpoint()["status"], "complete");
    let broken = aside(&desk);
    assert_eq!(broken.len(), 2, "{broken:?}");
    for path in &broken {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(ended.err.contains(&name), "{name}: {}", ended.err);
    }
    assert!(
        broken
            .iter()
            .any(|path| fs::read_to_string(path).unwrap() == checkpoint)
    );
}

#[test]
fn a_registry_of_a_newer_version_is_left_alone() {
    let desk = Desk::with_list(&list_of(1));
    fs::create_dir_all(desk.path("state")).unwrap();
    let newer = r#"{"schema_version": 99, "brands": {}}"#;
    fs::write(desk.path("state/registry.json"), newer).unwrap();
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.err.contains("version 99"), "{}", ended.err);
    assert_eq!(
        fs::read_to_string(desk.path("state/registry.json")).unwrap(),
        newer
    );
}

#[test]
fn reports_that_were_moved_away_are_missed_aloud() {
    let desk = Desk::with_list(&list_of(2));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    fs::rename(desk.path("output"), desk.path("archive")).unwrap();
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended
            .err
            .contains("2 of the unchanged brands have no report"),
        "{}",
        ended.err
    );
}

/// A disk that is full at some moment: the size of files is limited, and the signal for it ignored.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let desk = Desk::with_list(&list_of(4));
    for kilobytes in [64, 128, 256] {
        let program = desk.command(&["--google-sheets", "--workers", "2"]);
        let mut limited = std::process::Command::new("bash");
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
        limited
            .args(["-c", &script])
            .arg(program.get_program())
            .args(program.get_args());
        limited.current_dir(desk.folder.path());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        let ended = common::ended(limited.output().unwrap());
        assert_ne!(ended.code, Some(0), "{kilobytes} kB: {ended:#?}");
        assert!(
            ended.code.is_some() && ended.err.contains("error:"),
            "{kilobytes} kB: {ended:#?}"
        );
        // What the sheet calls done is in the registry.
        for i in 1..=4 {
            let name = format!("برند شماره {i}");
            if desk.cell(&name, "brandintel status").starts_with('✓') {
                assert!(
                    desk.registry()
                        .values()
                        .any(|entry| entry["brand"] == name.as_str())
                );
            }
        }
    }
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert_eq!(desk.registry().len(), 4);
}
