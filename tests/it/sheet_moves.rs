//! A hundred brands run while people sort, insert, delete and rename rows at every moment between the requests.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use crate::common::{self, Desk, Ended};
use brandintel::sandbox::Tab;
use serde_json::{Value, json};

const BRANDS: usize = 100;

/// Requests before which somebody does something: nearly all of a run. The last ones are left in peace, because what is
/// moved after the last look is out of the program's reach.
const MOVES: usize = 21;

fn list() -> String {
    let mut list = String::from("Brand Name,Website,Parent Company,Phone\n");
    for i in 1..=BRANDS {
        let _ = writeln!(
            list,
            "برند شماره {i},https://brand{i}.ir,گروه {},021-{i:04}",
            i % 3
        );
    }
    list
}

/// What people have done to the list, as they know it.
#[derive(Default)]
struct People {
    renamed: BTreeSet<String>,
    deleted: usize,
    added: usize,
    /// How often each of the five things was done.
    done: [usize; 5],
}

impl People {
    fn do_something(&mut self, tab: &mut Tab, random: &mut fastrand::Rng, tags_follow: bool) {
        let rows = tab.cells().len();
        let what = random.usize(..5);
        self.done[what] += 1;
        let at = random.usize(1..rows);
        match what {
            0 | 1 => {
                let mut order: Vec<usize> = (0..rows - 1).collect();
                random.shuffle(&mut order);
                tab.sort(&order, tags_follow);
            }
            2 => {
                self.added += 1;
                // A heading between the brands, or a brand that nobody has researched.
                let cells = match random.bool() {
                    true => vec![json!(""), json!(""), json!(""), json!("heading")],
                    false => vec![json!(format!("تازه {}", self.added))],
                };
                tab.insert_row(at, cells);
            }
            3 => {
                // An empty row below the list may have had a result in it for a moment.
                let filled = tab.cells()[at].iter().any(|cell| cell != "");
                self.deleted += usize::from(filled);
                tab.delete_row(at);
            }
            _ => {
                let row = &mut tab.cells()[at];
                if let Some(name) = row[0].as_str().filter(|name| !name.is_empty()) {
                    let name = format!("{name} نو");
                    self.renamed.insert(name.clone());
                    row[0] = json!(name);
                }
            }
        }
    }
}

/// Runs the whole list while people are at it, and returns how it ended and what they did.
fn run_among_people(desk: &Desk, seed: u64, tags_follow: bool) -> (Ended, People) {
    let people = Arc::new(Mutex::new(People::default()));
    let at_work = Arc::clone(&people);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut request = 0;
    desk.sandbox.disturb(move |tab, _| {
        request += 1;
        // The first request is the one that reads the list.
        if (2..2 + MOVES).contains(&request) {
            at_work
                .lock()
                .unwrap()
                .do_something(tab, &mut random, tags_follow);
        }
    });
    let args = ["--google-sheets", "--workers", "8", "--chunk-size", "10"];
    let further = ["--depth", "quick", "--results-tab", "RESULTS"];
    let ended = desk.run(&[&args[..], &further].concat());
    desk.sandbox.disturb(|_, _| {});
    // The tab beside it has each brand once, also those that left the list.
    let results = desk.sandbox.rows_of("RESULTS");
    let keys: BTreeSet<&String> = results[1..].iter().filter_map(|row| row.get(15)).collect();
    assert_eq!((results.len(), keys.len()), (BRANDS + 1, BRANDS));
    (ended, std::mem::take(&mut people.lock().unwrap()))
}

/// Counts rows with somebody else's result, changed cells of people, and brands without their result.
fn assert_nothing_is_misplaced(desk: &Desk, people: &People) {
    let mut rows = desk.sandbox.rows();
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    assert_eq!(rows.len(), 1 + BRANDS + people.added - people.deleted);
    let (mut misplaced, mut changed, mut without) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows[1..] {
        let cell = |i: usize| row.get(i).map(String::as_str).unwrap_or_default();
        let (name, website, phone) = (cell(0), cell(1), cell(3));
        let (status, report) = (cell(4), cell(5));
        if let Some(number) = website
            .strip_prefix("https://brand")
            .and_then(|rest| rest.strip_suffix(".ir"))
        {
            let i: usize = number.parse().unwrap();
            let original = format!("برند شماره {i}");
            let kept = phone == format!("021-{i:04}") && cell(2) == format!("گروه {}", i % 3);
            if !kept || (name != original && !people.renamed.contains(name)) {
                changed.push(row);
            }
            if name == original {
                if !status.starts_with(['✓', '⚠']) || cell(6).is_empty() {
                    without.push(row);
                }
                if !report.contains(&format!("/{name}/")) {
                    misplaced.push(row);
                }
                continue;
            }
        } else {
            let heading = phone == "heading" && name.is_empty();
            let added = name.starts_with("تازه") && phone.is_empty();
            changed.extend((!heading && !added).then_some(row));
        }
        // A row of no brand of this run has nothing of ours.
        if (4..10).any(|i| !cell(i).is_empty()) {
            misplaced.push(row);
        }
    }
    assert!(misplaced.is_empty(), "misplaced: {misplaced:#?}");
    assert!(changed.is_empty(), "changed: {changed:#?}");
    assert!(without.is_empty(), "without their result: {without:#?}");
}

fn try_it(seeds: impl IntoIterator<Item = u64>, tags_follow: bool, tags: bool) {
    for seed in seeds {
        let desk = Desk::with_list(&list());
        if !tags {
            desk.sandbox.refuse_tags();
        }
        let (ended, people) = run_among_people(&desk, seed, tags_follow);
        assert_eq!(ended.code, Some(0), "seed {seed}: {ended:#?}");
        let tagged = desk.sandbox.tags();
        assert_eq!(tagged > 0, tags, "{tagged} rows are tagged");
        println!("seed {seed}: {:?}", people.done);
        assert!(people.done.iter().sum::<usize>() >= MOVES - 1);
        assert_nothing_is_misplaced(&desk, &people);
    }
}

#[test]
fn no_result_is_misplaced_where_tags_follow_a_sort() {
    try_it([1], true, true);
}

#[test]
fn no_result_is_misplaced_where_tags_do_not_follow_a_sort() {
    try_it([14], false, true);
}

#[test]
fn no_result_is_misplaced_where_rows_cannot_be_tagged() {
    try_it([26], false, false);
}

#[test]
fn a_chunk_takes_one_read_and_one_write() {
    const BRANDS: usize = 40;
    let requests = |chunk: &str| {
        let desk = Desk::with_list(&common::list_of(BRANDS));
        let args = ["--google-sheets", "--workers", "4", "--depth", "quick"];
        let ended = desk.run(&[&args[..], &["--chunk-size", chunk]].concat());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let [_, _, requests] = desk.sandbox.arrived();
        // All but the first, before which there are no tags, and what the last look may have to mend.
        let writes = desk.sandbox.counts().2;
        assert!(
            writes - desk.sandbox.tagged_writes() <= 2,
            "{writes} writes"
        );
        (requests, desk.sandbox.tags())
    };
    let ((ten, tags), (twenty, _)) = (requests("4"), requests("2"));
    assert_eq!(tags, BRANDS, "every row that is due has one tag");
    assert!(twenty - ten <= 2 * 10, "ten more chunks: {ten}, {twenty}");
    // The sheet's tabs, the list, the first marks, room for columns, tags, and a last look.
    assert!(ten <= 2 * 10 + 10, "{ten} requests for ten chunks");
}

#[test]
fn tags_of_earlier_nights_are_used_again() {
    let desk = Desk::with_list("Brand,Website\nکاله,kalleh.com\nمیهن,mihan.ir\n");
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    assert_eq!(desk.sandbox.tags(), 2);
    desk.sandbox.edit_tab(|tab| {
        tab.sort(&[1, 0], false);
        tab.insert_row(1, vec!["پگاه".into()]);
    });
    assert_eq!(desk.run(&["--google-sheets", "--force"]).code, Some(0));
    assert_eq!(desk.sandbox.tags(), 3);
    for name in ["کاله", "میهن", "پگاه"] {
        let report = desk.cell(name, "brandintel report");
        assert!(report.contains(&format!("/{name}/")), "{name}: {report}");
    }
}

#[test]
fn a_cell_that_a_person_changes_during_the_run_is_left_and_named() {
    let desk = Desk::with_list("Brand,Website\nکاله,kalleh.com\nمیهن,mihan.ir\n");
    desk.sandbox.allow_models(0);
    let mut command = desk.command(&["--google-sheets", "--workers", "2"]);
    let running = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    desk.wait_for_models(2);
    desk.sandbox.edit_rows(|rows| {
        let note = rows[0].iter().position(|cell| cell == "brandintel note");
        rows[1].resize(note.unwrap() + 1, Value::from(""));
        rows[1][note.unwrap()] = "با مشتری صحبت شد".into();
    });
    desk.sandbox.allow_models(u64::MAX);
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.cell("کاله", "brandintel note"), "با مشتری صحبت شد");
    assert!(desk.cell("کاله", "brandintel report").contains("/کاله/"));
    let told = format!("{}{}", ended.out, ended.err);
    assert!(told.contains("«کاله», brandintel note"), "{told}");
    assert!(!told.contains("«میهن», brandintel"), "{told}");
}
