//! Damage heals: whatever part of `state/` is damaged or lost, a run says so, uses what can be read, and goes on.

use std::fs;

use crate::common::{self, Desk, harm::PaidFor, list_of};

/// Every page, more flips and more cuts are tried in the endurance tests.
#[test]
fn a_damaged_database_costs_only_the_answers_that_cannot_be_read() {
    let paid_for = PaidFor::of(2);
    let pages = paid_for.pages();
    let whole = paid_for.run_with(&paid_for.database);
    assert_eq!((whole.ended.code, whole.paid), (Some(0), 0), "{whole:#?}");
    // The head with the list of tables, the roots of the tables and indices, and some of the others.
    for page in (0..12).chain((12..pages).step_by(pages)) {
        paid_for.zero(page);
    }
    let length = paid_for.database.len();
    for part in 0..3 {
        paid_for.cut(length * part / 3 + part);
    }
    // The magic, the size of pages, who may write and read it, the version, its double, a kind of page, a text of the list
    // of tables.
    for (byte, bit) in [
        (3, 1),
        (16, 2),
        (18, 6),
        (19, 6),
        (63, 0),
        (63, 2),
        (71, 1),
        (100, 3),
        (3_900, 0),
    ] {
        paid_for.flip(byte, bit);
    }
    // The name of a column.
    let mut texts = paid_for.database.windows(9);
    paid_for.flip(texts.position(|text| text == b"held TEXT").unwrap(), 0);
    for part in 0..4 {
        paid_for.flip(length * part / 4 + 1_357, u8::try_from(part).unwrap());
    }
}

/// Something impossible in the database, as SQL, and how many answers are paid for again.
const IMPOSSIBLE: [(&str, u64); 12] = [
    ("UPDATE spending SET usd = '-5'", 0),
    ("UPDATE spending SET held = 'much'", 0),
    ("UPDATE spending SET usd = '99999999999'", 0),
    ("UPDATE spending SET usd = '900000'", 0),
    ("UPDATE spending SET at = 'yesterday'", 0),
    ("UPDATE spending SET credits = -7", 0),
    ("UPDATE response SET usd = 'x', credits = -1", 0),
    (
        "UPDATE response SET body = x'0102' WHERE rowid IN (1, 4)",
        2,
    ),
    ("UPDATE response SET body = 'no JSON' WHERE rowid = 3", 1),
    (
        "UPDATE response SET at = 9000000000000000000 WHERE rowid = 2",
        1,
    ),
    (
        "UPDATE run SET usd = '-1', started_at = 'x'; UPDATE job SET started_at = -9e18",
        0,
    ),
    ("DROP TABLE reading; DELETE FROM fence", 0),
];

#[test]
fn impossible_values_cost_no_more_than_what_they_spoil() {
    let paid_for = PaidFor::of(1);
    for (sql, most) in IMPOSSIBLE {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        fs::write(&path, &paid_for.database).unwrap();
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(sql).unwrap();
        drop(db);
        paid_for.assert_heals(sql, &fs::read(&path).unwrap(), most);
    }
}

#[test]
fn a_registry_that_is_damaged_anywhere_costs_nothing_while_answers_are_kept() {
    let desk = Desk::with_list(&list_of(4));
    let args = ["--brands", "list.csv", "--workers", "4"];
    assert_eq!(desk.run_alone(&args).code, Some(0));
    let before = desk.sandbox.arrived();
    for name in ["registry.json", "checkpoint_latest.json"] {
        let path = desk.path("state").join(name);
        let whole = fs::read(&path).unwrap();
        let mut harmed = Vec::new();
        for part in 0..8 {
            harmed.push(whole[..whole.len() * part / 8].to_vec());
            let mut flipped = whole.clone();
            flipped[whole.len() * part / 8 + 7] ^= 1 << part;
            harmed.push(flipped);
        }
        // The number of the version alone.
        let text = String::from_utf8(whole.clone()).unwrap();
        harmed.push(
            text.replacen("\"schema_version\": 1", "\"schema_version\": 9", 1)
                .into(),
        );
        harmed.push(
            text.replacen("\"cost_usd\": 0", "\"cost_usd\": -10", 1)
                .into(),
        );
        for (i, harmed) in harmed.iter().enumerate() {
            fs::write(&path, harmed).unwrap();
            let ended = desk.run_alone(&args);
            assert_eq!(ended.code, Some(0), "{name} {i}: {ended:#?}");
            assert_eq!(desk.sandbox.arrived(), before, "{name} {i}: {ended:#?}");
            assert_eq!(desk.run_alone(&args).err, "", "{name} {i}");
        }
    }
}

#[test]
fn a_report_that_is_cut_or_gone_makes_its_brand_due() {
    let desk = Desk::with_list(&list_of(3));
    let args = ["--brands", "list.csv"];
    assert_eq!(desk.run_alone(&args).code, Some(0));
    let before = desk.sandbox.arrived();
    let path = desk.path("output/برند شماره 2/brand_report.json");
    let whole = fs::read(&path).unwrap();
    for part in 0..6 {
        match part {
            0 => fs::remove_file(&path).unwrap(),
            part => fs::write(&path, &whole[..whole.len() * (part - 1) / 5]).unwrap(),
        }
        let ended = desk.run_alone(&args);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.out.contains("Brands to process: 1/3"), "{ended:#?}");
        assert!(ended.err.contains("برند شماره 2"), "{ended:#?}");
        assert_eq!(desk.sandbox.arrived(), before, "paid again: {ended:#?}");
        let again: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(again["brand"], "برند شماره 2");
    }
    assert_eq!(desk.run_alone(&args).err, "");
}

#[test]
fn a_state_folder_that_is_gone_is_said_and_its_reports_are_not_paid_for_again() {
    let list = "Brand,Website\nکاله,kalleh.com\nمیهن,\nپگاه,pegah.ir\n";
    let desk = Desk::with_list(list);
    let args = ["--brands", "list.csv"];
    assert_eq!(desk.run_alone(&args).code, Some(0));
    let before = desk.sandbox.arrived();
    fs::remove_dir_all(desk.path("state")).unwrap();
    // A row that has changed is due as ever.
    fs::write(desk.path("list.csv"), list.replace("pegah.ir", "pegah.com")).unwrap();
    let dry = desk.run_alone(&["--brands", "list.csv", "--dry-run"]);
    let ended = desk.run_alone(&args);
    for ended in [&dry, &ended] {
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        for words in [
            "state knows no brand",
            "output has the reports of 3",
            "--force",
            "put it back",
        ] {
            assert!(ended.err.contains(words), "{words}: {ended:#?}");
        }
        assert!(ended.out.contains("Brands to process: 1/3"), "{ended:#?}");
    }
    assert_ne!(desk.sandbox.arrived(), before);
    let registry = desk.json("state/registry.json");
    assert_eq!(registry["brands"].as_object().unwrap().len(), 3);
    let again = desk.run_alone(&args);
    assert_eq!((again.code, again.err.as_str()), (Some(0), ""));
}

#[test]
fn a_database_that_is_damaged_while_it_is_used_heals_in_the_middle_of_the_run() {
    let desk = Desk::with_list(&list_of(6));
    let args = ["--brands", "list.csv", "--workers", "1"];
    assert_eq!(
        desk.run_alone(&["--brands", "list.csv", "--limit", "2"])
            .code,
        Some(0)
    );
    desk.sandbox.allow_models(5);
    let mut command = desk.command_alone(&args);
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped());
    let running = command.spawn().unwrap();
    desk.wait_for_models(6);
    // All that is in the pages and in the log is gone; what comes from now on is kept.
    for name in ["paid.sqlite3", "paid.sqlite3-wal"] {
        let path = desk.path("state").join(name);
        let length = fs::metadata(&path).unwrap().len();
        fs::write(&path, vec![0xA5; usize::try_from(length).unwrap()]).unwrap();
    }
    desk.sandbox.allow_models(u64::MAX);
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.registry().len(), 6);
    assert_eq!(desk.run_alone(&args).code, Some(0));
}

/// Model and search requests that came so far.
fn paid(desk: &Desk) -> u64 {
    let [models, searches, _] = desk.sandbox.arrived();
    models + searches
}

/// The size of files is limited, and the signal for it ignored: nothing that grows can be written any more, and small new
/// files can.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_run_with_8_and_no_answer_is_bought_twice() {
    let args = ["--brands", "list.csv", "--workers", "3"];
    let undisturbed = Desk::with_list(&list_of(4));
    assert_eq!(undisturbed.run_alone(&args).code, Some(0));
    for kilobytes in [8, 40, 60, 100, 150] {
        let desk = Desk::with_list(&list_of(4));
        let program = desk.command_alone(&args);
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
        let ended = common::ended(within(&program, &script).output().unwrap());
        assert_eq!(ended.code, Some(8), "{kilobytes} kB: {ended:#?}");
        assert!(
            ended.err.contains("tip: make room on the disk"),
            "{ended:#?}"
        );
        assert!(paid(&desk) < paid(&undisturbed), "{kilobytes} kB");
        let next = desk.run_alone(&args);
        assert_eq!((next.code, &*next.err), (Some(0), ""), "{kilobytes} kB");
        assert_eq!(
            paid(&desk),
            paid(&undisturbed),
            "{kilobytes} kB: bought twice"
        );
    }
}

/// The program, run by a shell that does something first.
#[cfg(target_os = "linux")]
fn within(program: &std::process::Command, script: &str) -> std::process::Command {
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", script]);
    shell.arg(program.get_program()).args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// A disk of its own, filled up in the middle of the run: the room that was laid up takes the answers in flight.
#[cfg(target_os = "linux")]
#[test]
fn the_reserve_takes_the_answers_in_flight_when_the_disk_is_full() {
    let own = "mount -t tmpfs tmpfs /tmp && umount /tmp";
    let own = std::process::Command::new("unshare")
        .args(["-rm", "bash", "-c", own])
        .status();
    if !own.is_ok_and(|own| own.success()) {
        println!("not tried: this machine lets nobody have a disk of his own");
        return;
    }
    let args = ["--brands", "list.csv", "--workers", "4"];
    let undisturbed = Desk::with_list(&list_of(4));
    assert_eq!(undisturbed.run_alone(&args).code, Some(0));
    let desk = Desk::with_list(&list_of(4));
    let program = desk.command_alone(&args);
    fs::create_dir(desk.path("disk")).unwrap();
    // The program works on the disk; when the first questions are asked, the rest of it is filled.
    let script = "mount -t tmpfs -o size=12m tmpfs disk || exit 77
        cp list.csv disk; cd disk; \"$0\" \"$@\" & running=$!
        read; cat /dev/zero > filler; echo filled
        wait $running; code=$?; rm filler; cp -r state ../state; exit $code";
    let mut shell = std::process::Command::new("unshare");
    let inner = within(&program, script);
    shell.args(["-rm", "bash"]).args(inner.get_args());
    shell.current_dir(desk.folder.path());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let piped = std::process::Stdio::piped;
    desk.sandbox.allow_models(0);
    let running = shell.stdin(piped()).stdout(piped()).stderr(piped()).spawn();
    let mut running = running.unwrap();
    desk.wait_for_models(4);
    let mut stdin = running.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"now\n").unwrap();
    let mut said = std::io::BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    while line != "filled\n" {
        line.clear();
        let read = std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert_ne!(read, 0, "it ended before");
    }
    desk.sandbox.allow_models(u64::MAX);
    let mut story = String::new();
    std::io::Read::read_to_string(&mut said, &mut story).unwrap();
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(8), "{ended:#?} {story}");
    assert!(
        ended.err.contains("tip: make room on the disk"),
        "{ended:#?}"
    );
    let next = desk.run_alone(&args);
    assert_eq!(next.code, Some(0), "{next:#?}");
    assert_eq!(paid(&desk), paid(&undisturbed), "bought twice: {next:#?}");
}

/// What a killed run has bought lies in the log, of which `SQLite` reads nothing behind a damaged part.
#[test]
fn a_damaged_log_of_a_killed_run_costs_only_the_answers_in_the_damaged_part() {
    let args = ["--brands", "list.csv", "--workers", "2"];
    let undisturbed = Desk::with_list(&list_of(3));
    assert_eq!(undisturbed.run_alone(&args).code, Some(0));
    for part in 0..4 {
        let desk = Desk::with_list(&list_of(3));
        desk.sandbox.allow_models(2);
        let mut command = desk.command_alone(&args);
        let quiet = std::process::Stdio::null;
        let mut running = command.stdout(quiet()).stderr(quiet()).spawn().unwrap();
        desk.wait_for_models(4);
        running.kill().unwrap();
        running.wait().unwrap();
        let (bought, kept) = (paid(&desk), desk.stored());
        let log = desk.path("state/paid.sqlite3-wal");
        let mut bytes = fs::read(&log).unwrap();
        let at = bytes.len() * part / 4 + 40;
        bytes[at] ^= 16;
        fs::write(&log, bytes).unwrap();
        desk.sandbox.allow_models(u64::MAX);
        let ended = desk.run_alone(&args);
        assert_eq!(ended.code, Some(0), "{part}: {ended:#?}");
        assert!(
            ended.err.contains("its log has a damaged part"),
            "{part}: {ended:#?}"
        );
        // The log has a page as often as it was written: only the last version counts, and few answers are in one.
        let again = paid(&desk) - bought - (paid(&undisturbed) - kept);
        assert!(again <= 3, "{part}: {again} of {kept}");
        assert_eq!(desk.run_alone(&args).err, "", "{part}");
    }
}
