//! What takes minutes: runs that are killed again and again, budgets under random costs, every fault of a table, and a
//! night with ten bad minutes. `cargo test --test it -- --ignored endurance::` runs all of it.

mod budget;
#[cfg(target_os = "linux")]
mod clock;
mod corruption;
mod faults;
mod kills;
#[cfg(target_os = "linux")]
mod long_list;
#[cfg(target_os = "linux")]
mod month;

use std::sync::Mutex;

use crate::common::{Desk, read_json};
use serde_json::{Map, Value};

/// All reports of a desk by brand, without what differs from one run to the next.
fn reports(desk: &Desk) -> Map<String, Value> {
    let mut reports = Map::new();
    for folder in std::fs::read_dir(desk.path("output")).unwrap() {
        let path = folder.unwrap().path().join("brand_report.json");
        if !path.exists() {
            continue;
        }
        let mut report = read_json(&path);
        report["run_id"].take();
        report["generated_at"].take();
        // A provider's cache knows which prompts came first.
        report["cost"]["tokens_cached"].take();
        for source in report["sources"].as_array_mut().unwrap() {
            source["retrieved_at"].take();
        }
        reports.insert(report["brand"].as_str().unwrap().to_owned(), report);
    }
    reports
}

/// Registry and checkpoint can be read, where there are any.
fn assert_state_is_readable(desk: &Desk) {
    for file in ["registry.json", "checkpoint_latest.json"] {
        let path = desk.path("state").join(file);
        if path.exists() {
            read_json(&path);
        }
    }
    let state = desk.path("state");
    let broken = std::fs::read_dir(state).into_iter().flatten();
    let broken: Vec<_> = broken
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains(".broken-"))
        .collect();
    assert!(broken.is_empty(), "set aside: {broken:?}");
}

/// How often something is tried, unless the environment says so: a store that is elsewhere takes longer.
fn times(variable: &str, usual: usize) -> usize {
    let times = std::env::var(variable).ok();
    times.map_or(usual, |times| times.parse().unwrap())
}

/// Model and search requests that came so far.
fn paid_requests(desk: &Desk) -> u64 {
    let [models, searches, _] = desk.sandbox.arrived();
    models + searches
}

/// Does the same with each of many things, some at a time.
fn in_parallel<T: Send, R: Send>(
    threads: usize,
    things: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let things = Mutex::new(things);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let thing = things.lock().unwrap().pop();
                    let Some(thing) = thing else {
                        break;
                    };
                    let result = work(thing);
                    results.lock().unwrap().push(result);
                }
            });
        }
    });
    results.into_inner().unwrap()
}
