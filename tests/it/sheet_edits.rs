//! The sheet belongs to people who sort, rename and delete while a run goes on.

use crate::common::{self, Desk, list_of};
use serde_json::Value;

/// Turns the rows below the header around.
fn reverse(rows: &mut [Vec<Value>]) {
    rows[1..].reverse();
}

/// Checks that each brand's row has its own result, and that no brand is in progress.
fn assert_every_row_has_its_own_result(desk: &Desk, brands: usize) {
    for i in 1..=brands {
        let name = format!("برند شماره {i}");
        let status = desk.cell(&name, "brandintel status");
        assert!(status.starts_with(['✓', '⚠']), "{name}: {status}");
        let report = desk.cell(&name, "brandintel report");
        assert!(report.contains(&format!("/{name}/")), "{name}: {report}");
        assert!(!desk.cell(&name, "brandintel cost (USD)").is_empty());
    }
}

#[test]
fn results_find_their_rows_when_somebody_sorts_between_a_look_and_a_write() {
    let desk = Desk::with_list(&list_of(7));
    desk.sandbox.edit_rows_before_write(|rows| reverse(rows));
    // After one answer all workers begin: seven brands wait for an answer.
    desk.sandbox.allow_models(1);
    let args = ["--google-sheets", "--workers", "7", "--chunk-size", "7"];
    let mut running = desk.command(&args).spawn().unwrap();
    desk.wait_for_models(8);
    // The marks were written to rows that had just moved. So are the results, in the only chunk.
    desk.sandbox.edit_rows_before_write(|rows| reverse(rows));
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert_every_row_has_its_own_result(&desk, 7);
}

#[test]
fn a_run_that_finds_results_in_wrong_rows_mends_them() {
    let desk = Desk::with_list(&list_of(4));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    // Somebody sorts the list without the columns of results.
    desk.sandbox.edit_rows(|rows| {
        let results: Vec<Vec<Value>> = rows[1..].iter().map(|row| row[3..].to_vec()).collect();
        for (row, result) in rows[1..].iter_mut().zip(results.into_iter().rev()) {
            row.truncate(3);
            row.extend(result);
        }
    });
    let before = desk.sandbox.counts();
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert_every_row_has_its_own_result(&desk, 4);
    let after = desk.sandbox.counts();
    assert_eq!((before.0, before.1), (after.0, after.1), "nothing is paid");
}

#[test]
fn a_tab_that_is_renamed_and_a_column_that_is_deleted_do_not_stop_the_night() {
    let desk = Desk::with_list(&list_of(4));
    desk.sandbox.allow_models(0);
    let mut running = desk
        .command(&["--google-sheets", "--workers", "4"])
        .spawn()
        .unwrap();
    desk.wait_for_models(4);
    desk.sandbox.rename_tab("Jon's برندها");
    desk.sandbox.edit_rows(|rows| {
        for row in rows.iter_mut().filter(|row| row.len() > 4) {
            row.remove(4);
        }
    });
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert_every_row_has_its_own_result(&desk, 4);
}

#[test]
fn what_a_person_writes_into_a_result_stays() {
    let desk = Desk::with_list(&list_of(3));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    desk.sandbox.edit_rows(|rows| {
        let note = rows[0].iter().position(|cell| cell == "brandintel note");
        rows[1].resize(note.unwrap() + 1, "".into());
        rows[1][note.unwrap()] = "با مشتری صحبت شد".into();
        rows.push(vec!["برند شماره 9".into(), "https://brand9.ir".into()]);
    });
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let note = desk.cell("برند شماره 1", "brandintel note");
    assert_eq!(note, "با مشتری صحبت شد");
}

#[test]
fn namesakes_keep_their_results_when_the_rows_are_sorted() {
    let desk = Desk::with_list(
        "Brand,Website\nآسمان,https://www.iaa.ir\nآسمان,https://asemanbook.ir\nکاله,\n",
    );
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let by_website = |desk: &Desk| -> Vec<(String, String)> {
        let rows = desk.sandbox.rows();
        let report = rows[0].iter().position(|cell| cell == "brandintel report");
        let mut found: Vec<_> = rows[1..]
            .iter()
            .map(|row| (row[1].clone(), row[report.unwrap()].clone()))
            .collect();
        found.sort();
        found
    };
    let before = by_website(&desk);
    desk.sandbox.edit_rows(|rows| reverse(rows));
    let again = desk.run(&["--google-sheets"]);
    assert!(
        again.out.contains("Skipped (unchanged): 3"),
        "{}",
        again.out
    );
    assert_eq!(by_website(&desk), before);
}

#[test]
fn a_sheet_that_is_taken_away_stops_the_feeding() {
    // The list is read, the first marks are written, and then the account is not an editor any more.
    let desk = Desk::with_list(&list_of(12));
    desk.sandbox.allow_models(0);
    let args = ["--google-sheets", "--workers", "2", "--chunk-size", "2"];
    let mut command = desk.command(&args);
    let running = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    desk.wait_for_models(2);
    desk.sandbox.refuse_writes();
    desk.sandbox.allow_models(u64::MAX);
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(ended.err.contains("as Editor"), "{}", ended.err);
    let done = desk.checkpoint()["succeeded"].as_u64().unwrap();
    assert!((1..12).contains(&done), "{done} brands were done");
    assert_eq!(desk.registry().len() as u64, done);
}
