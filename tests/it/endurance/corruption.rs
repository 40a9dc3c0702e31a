//! Damage to everything in the state folder, everywhere.

use std::fs;

use super::times;
use crate::common::{
    Desk,
    harm::{PAGE, PaidFor},
    list_of,
};

#[test]
#[ignore = "takes minutes: .ci/run"]
fn every_page_zeroed_and_two_hundred_flips_cost_only_what_cannot_be_read() {
    let paid_for = PaidFor::of(8);
    let whole = paid_for.run_with(&paid_for.database);
    assert_eq!((whole.ended.code, whole.paid), (Some(0), 0), "{whole:#?}");
    for page in 0..paid_for.pages() {
        paid_for.zero(page);
    }
    let flips = times("BRANDINTEL_TEST_FLIPS", 200);
    for _ in 0..flips {
        paid_for.flip(
            fastrand::usize(..paid_for.database.len()),
            fastrand::u8(..8),
        );
    }
    // Where the tables are told of, a bit matters more than in answers.
    for _ in 0..flips / 4 {
        paid_for.flip(fastrand::usize(..PAGE), fastrand::u8(..8));
    }
    for part in 0..20 {
        paid_for.cut(paid_for.database.len() * part / 20 + part);
    }
    println!(
        "{} pages, {} answers, {flips} flips",
        paid_for.pages(),
        paid_for.answers()
    );
}

#[test]
#[ignore = "takes minutes: .ci/run"]
fn every_state_file_cut_at_twenty_places_costs_nothing_while_answers_are_kept() {
    let desk = Desk::with_list(&list_of(4));
    let args = ["--brands", "list.csv", "--workers", "4"];
    assert_eq!(desk.run_alone(&args).code, Some(0));
    let before = desk.sandbox.arrived();
    let mut tried = 0;
    for entry in fs::read_dir(desk.path("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("paid.sqlite3") {
            // The other test cuts it.
            continue;
        }
        let whole = fs::read(&path).unwrap();
        for part in 0..20 {
            fs::write(&path, &whole[..whole.len() * part / 20]).unwrap();
            let ended = desk.run_alone(&args);
            assert_eq!(ended.code, Some(0), "{}: {ended:#?}", path.display());
            assert_eq!(
                desk.sandbox.arrived(),
                before,
                "{}: {ended:#?}",
                path.display()
            );
            let again = desk.run_alone(&args);
            assert_eq!(
                (again.code, &*again.err),
                (Some(0), ""),
                "{}",
                path.display()
            );
            tried += 1;
        }
    }
    println!("{tried} cuts");
}
