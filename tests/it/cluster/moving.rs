//! What is in the state folder goes into a database that hosts share, and back: nothing is lost, paid again, or in both.

use std::{collections::BTreeMap, fs, path::PathBuf};

use rusqlite::{Connection, types::Value};

use crate::common::{Desk, Ended, list_of, read_json};

const NIGHT: [&str; 3] = ["--google-sheets", "--workers", "4"];

fn paid_requests(desk: &Desk) -> u64 {
    let [models, searches, _] = desk.sandbox.arrived();
    models + searches
}

fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

/// A desk whose night was cut off when so many requests had come, in the state folder.
fn cut_off(brands: usize, requests: u64) -> Desk {
    let desk = Desk::with_list(&list_of(brands));
    let command = desk.command_alone(&["--google-sheets"]);
    assert!(desk.kill_at_request(command, requests));
    desk
}

/// Paid answers that are stored in the folder.
fn stored(desk: &Desk) -> u64 {
    table(desk, "response").len() as u64
}

/// All rows of a table in the state folder, with their numbers.
fn table(desk: &Desk, name: &str) -> Vec<Vec<Value>> {
    let db = Connection::open(desk.path("state/paid.sqlite3")).unwrap();
    let sql = format!("SELECT rowid, * FROM {name} ORDER BY rowid");
    let mut query = db.prepare(&sql).unwrap();
    let width = query.column_count();
    let rows = query.query_map([], |row| (0..width).map(|i| row.get(i)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

fn tables(desk: &Desk) -> BTreeMap<&'static str, Vec<Vec<Value>>> {
    let names = ["response", "spending", "job", "reading", "fence"];
    names.map(|name| (name, table(desk, name))).into()
}

/// Files in the state folder that were set aside.
fn aside(desk: &Desk) -> Vec<PathBuf> {
    let files = fs::read_dir(desk.path("state")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let mut aside: Vec<_> = files
        .filter(|path| path.display().to_string().contains(".moved-"))
        .collect();
    aside.sort();
    aside
}

/// As if the move had been cut off before the files in the folder were set aside.
fn put_back(desk: &Desk) {
    for path in aside(desk) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (name, _) = name.split_once(".moved-").unwrap();
        fs::rename(&path, desk.path("state").join(name)).unwrap();
    }
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn there_and_back_all_is_as_before_and_the_night_goes_on_without_paying_again() {
    let undisturbed = Desk::with_list(&list_of(6));
    done(&undisturbed.run_alone(&NIGHT));
    let answers = stored(&undisturbed);

    let desk = cut_off(6, 25);
    let registry = read_json(&desk.path("state/registry.json"))["brands"].clone();
    let before = tables(&desk);
    done(&desk.run_alone(&["move", "--to", &desk.database().url]));
    let there: serde_json::Value = desk.database().registry().into();
    assert_eq!(there, registry);
    let files: Vec<_> = fs::read_dir(desk.path("output"))
        .into_iter()
        .flatten()
        .collect();
    done(&desk.run(&["move", "--to", "state"]));
    assert_eq!(
        desk.database()
            .count("SELECT count(*) FROM brandintel.response"),
        0
    );
    assert_eq!(
        read_json(&desk.path("state/registry.json"))["brands"],
        registry
    );
    assert_eq!(tables(&desk), before);
    // With the stage and the model of each call.
    let calls = table(&desk, "spending");
    assert!(
        calls
            .iter()
            .any(|call| call.contains(&Value::Text("analyst".into())))
    );
    let after: Vec<_> = fs::read_dir(desk.path("output"))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(after.len(), files.len());
    // The run that was killed is on record now.
    assert_eq!(table(&desk, "run").len(), 1);

    let (on_disk, asked) = (stored(&desk), paid_requests(&desk));
    done(&desk.run_alone(&NIGHT));
    assert_eq!(
        paid_requests(&desk) - asked,
        answers - on_disk,
        "paid again"
    );
    assert_eq!(table(&desk, "job").len(), 1, "another job was begun");
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_night_that_was_cut_off_goes_on_in_the_database() {
    let undisturbed = Desk::with_list(&list_of(6));
    done(&undisturbed.run_alone(&NIGHT));
    let answers = stored(&undisturbed);

    let desk = cut_off(6, 25);
    let (on_disk, asked) = (stored(&desk), paid_requests(&desk));
    done(&desk.run_alone(&["move", "--to", &desk.database().url]));
    done(&desk.run(&NIGHT));
    assert_eq!(
        paid_requests(&desk) - asked,
        answers - on_disk,
        "paid again"
    );
    assert_eq!(desk.registry().len(), 6);
    let jobs = "SELECT count(*) FROM brandintel.job";
    assert_eq!(desk.database().count(jobs), 1, "another job was begun");
    let reports = "SELECT count(*) FROM brandintel.report";
    assert_eq!(desk.database().count(reports), 6);

    // Back on another machine: its pages are made there.
    fs::remove_dir_all(desk.path("output")).unwrap();
    fs::remove_dir_all(desk.path("state")).unwrap();
    done(&desk.run(&["move", "--to", "state"]));
    for entry in read_json(&desk.path("state/registry.json"))["brands"]
        .as_object()
        .unwrap()
        .values()
    {
        let report = desk.path(entry["report"].as_str().unwrap());
        assert!(report.exists() && report.with_file_name("report.html").exists());
    }
    let asked = paid_requests(&desk);
    done(&desk.run_alone(&NIGHT));
    assert_eq!(
        paid_requests(&desk),
        asked,
        "what has not changed is not paid for"
    );
    let status = desk.run_alone(&["status"]);
    assert!(status.out.contains("[REGISTRY] 6 brands"), "{}", status.out);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_budget_counts_what_was_spent_in_the_other_store() {
    let desk = cut_off(6, 25);
    // Less than was spent already: nothing more is asked.
    let poor = [&NIGHT[..], &["--budget", "0.01"]].concat();
    done(&desk.run_alone(&["move", "--to", &desk.database().url]));
    let asked = paid_requests(&desk);
    assert_eq!(desk.run(&poor).code, Some(4));
    assert_eq!(paid_requests(&desk), asked);
    let sums = "SELECT count(*) FROM brandintel.job WHERE spent = (
        SELECT sum(usd) FROM brandintel.spending WHERE state = 'settled' AND job = job.id) AND spent > 0.01";
    assert_eq!(desk.database().count(sums), 1);
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn who_has_not_heard_of_the_move_is_told() {
    let desk = cut_off(2, 12);
    done(&desk.run_alone(&["move", "--to", &desk.database().url]));
    for args in [&NIGHT[..], &["--google-sheets", "--dry-run"]] {
        let ended = desk.run_alone(args);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains("is now in postgres://"), "{}", ended.err);
        assert!(
            ended.err.contains("brandintel move --to state"),
            "{}",
            ended.err
        );
    }
    assert_eq!(desk.run_alone(&["check"]).code, Some(2));
    assert!(
        desk.run_alone(&["status"])
            .err
            .contains("is now in postgres://")
    );
    let again = desk.run(&["move", "--from", "state"]);
    assert!(again.err.contains("is now in postgres://"), "{}", again.err);

    done(&desk.run(&["move", "--to", "state"]));
    for args in [
        &NIGHT[..],
        &["status"],
        &["check"],
        &["export"],
        &["move", "--to", "state"],
    ] {
        let ended = desk.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        let said = ended.out + &ended.err;
        assert!(
            said.contains("is now in ") && said.contains("/state of "),
            "{said}"
        );
    }
    done(&desk.run_alone(&NIGHT));
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_move_that_was_cut_off_is_finished_by_the_next() {
    let desk = cut_off(4, 20);
    let to = ["move", "--to", &desk.database().url];
    let answers = stored(&desk);
    done(&desk.run_alone(&to));
    let in_database = || {
        desk.database()
            .count("SELECT count(*) FROM brandintel.response")
    };
    // All had arrived, and the folder was not empty yet.
    put_back(&desk);
    assert_eq!(
        desk.run_alone(&NIGHT).code,
        Some(2),
        "it would pay for what is in the database"
    );
    done(&desk.run_alone(&to));
    assert_eq!((in_database(), aside(&desk).len()), (answers, 2));

    // Back, and nothing had been taken out of the database yet.
    put_back(&desk);
    done(&desk.run(&["move", "--to", "state"]));
    assert_eq!((in_database(), stored(&desk)), (0, answers));
    assert_eq!(aside(&desk).len(), 2);

    // All had arrived, and the folder did not say so yet.
    let note = without_password(&desk.database().url);
    fs::write(desk.path("state/moved_to"), note).unwrap();
    assert_eq!(desk.run_alone(&NIGHT).code, Some(2));
    done(&desk.run(&["move", "--to", "state"]));
    done(&desk.run_alone(&NIGHT));
}

/// A URL as it is shown.
fn without_password(url: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_password(None).unwrap();
    url.into()
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn what_is_there_is_not_overwritten() {
    let desk = cut_off(2, 12);
    let url = desk.database().url.clone();
    let into_database = ["move", "--to", &url];
    let into_folder = ["move", "--from", &url];
    let nothing = desk.run_alone(&into_folder);
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("nothing to move"), "{}", nothing.err);

    // Both have something: each run was begun without the other.
    done(&desk.run(&NIGHT));
    let before = tables(&desk);
    for (args, remedy) in [
        (into_database, "DROP SCHEMA brandintel CASCADE"),
        (into_folder, "move state"),
    ] {
        let ended = desk.run_alone(&args);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains("is not empty"), "{}", ended.err);
        assert!(ended.err.contains(remedy), "{}", ended.err);
    }
    assert_eq!(tables(&desk), before);
    assert!(!desk.path("state/moved_to").exists());
    assert_eq!(desk.registry().len(), 2);

    // Somebody is at work there.
    let host = "INSERT INTO brandintel.host (id, name, place, process, workers) VALUES (7, 'other-host', 'p', 1, 8)";
    desk.database().query(host, &[]);
    for args in [into_database, into_folder] {
        let ended = desk.run_alone(&args);
        assert_eq!(ended.code, Some(5));
        assert!(ended.err.contains("other-host"), "{}", ended.err);
    }
}

#[test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
fn a_move_that_fails_leaves_everything_where_it_was() {
    let desk = Desk::with_list(&list_of(2));
    done(&desk.run(&NIGHT));
    fs::remove_dir_all(desk.path("output")).unwrap();
    fs::write(desk.path("output"), "in the way").unwrap();
    let ended = desk.run(&["move", "--to", "state"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.err.contains("cannot be brought here"),
        "{}",
        ended.err
    );
    assert_eq!(desk.registry().len(), 2);
    for left in ["moved_to", "paid.sqlite3", "registry.json"] {
        assert!(!desk.path("state").join(left).exists(), "{left}");
    }
    fs::remove_file(desk.path("output")).unwrap();
    done(&desk.run(&["move", "--to", "state"]));
}
