//! The tests of the planner.

use std::collections::HashSet;

use super::*;
use crate::{
    brand::{Row, gather},
    config::Rates,
    money::Usd,
    runner::options::BatchOptions,
    store::{StateFolder, registry::Registry, registry_lookup::InMemory},
};
use proptest::prelude::*;

fn rows(names: &[&str]) -> Vec<Row> {
    let numbered = (2..).zip(names);
    let rows = numbered.map(|(number, name)| Row {
        number,
        name: (*name).into(),
        ..Row::default()
    });
    rows.collect()
}

fn brand(row: &Row) -> Brand {
    gather([row]).brands.remove(0)
}

fn make(rows: Vec<Row>, registry: &Registry, rules: &Rules<'_>) -> Plan {
    let (brands, known) = (Brands::of(rows, rules.limit), InMemory::new(registry));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let made = runtime
        .unwrap()
        .block_on(Plan::make(&brands, &known, rules));
    made.unwrap()
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).unwrap()
}

struct Night {
    registry: Registry,
    job: Job,
    _folder: tempfile::TempDir,
}

impl Night {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::take(folder.path()).unwrap();
        let (registry, _) = Registry::open(&state, at(100)).unwrap();
        let job = Job {
            id: "r".into(),
            started_at: at(100),
            force: false,
            last_before: 0,
        };
        Self {
            registry,
            job,
            _folder: folder,
        }
    }

    fn done(&mut self, name: &str, status: BrandStatus, day: i64) {
        let brand = brand(&rows(&[name])[0]);
        self.registry
            .record([(brand.key, Self::entry(name, status, day))])
            .unwrap();
    }

    fn entry(name: &str, status: BrandStatus, day: i64) -> Entry {
        let brand = brand(&rows(&[name])[0]);
        Entry {
            brand: name.into(),
            list: "list".into(),
            input_hash: brand.input_hash(),
            status,
            attempts: 2,
            run_id: "r".into(),
            updated_at: at(day),
            cost_usd: "0.05".parse().unwrap(),
            report: Some(format!("output/{}/brand_report.json", plain_folder(name))),
            thin: None,
            choices: None,
            changes: None,
            error_kind: crate::error_kind::ErrorKind::default(),
            error: None,
        }
    }

    fn plan(&self, names: &[&str], limit: Option<usize>, max_age_days: Option<u32>) -> Plan {
        let rules = Rules {
            limit,
            max_age_days,
            failed_only: false,
            sheet: true,
            keeps_reports: false,
            list: "list",
            job: &self.job,
            now: at(100),
        };
        make(rows(names), &self.registry, &rules)
    }
}

fn due(plan: Plan) -> Vec<Due> {
    plan.due.into()
}

#[test]
fn unchanged_is_skipped_failed_and_stale_are_due() {
    let mut night = Night::new();
    night.done("کاله", BrandStatus::Success, 99);
    night.done("میهن", BrandStatus::Failed, 99);
    night.done("پگاه", BrandStatus::Success, 50);
    let plan = night.plan(&["كاله", "میهن", "پگاه", "هراز"], None, Some(30));
    assert_eq!((plan.skipped, plan.unchanged.len()), (1, 1));
    let all = due(plan);
    let shown: Vec<_> = all
        .iter()
        .map(|d| {
            (
                d.assignment.brand.name.as_str(),
                d.attempts,
                d.assignment.since,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("میهن", 2, at(93)),
            ("هراز", 0, at(93)),
            ("پگاه", 0, at(50))
        ]
    );

    night.job.force = true;
    let plan = night.plan(&["کاله", "میهن"], None, None);
    assert!(
        due(plan)
            .iter()
            .all(|due| due.assignment.since == Timestamp::MAX)
    );
}

#[test]
fn the_oldest_reports_come_after_what_has_none_and_before_newer_ones() {
    let mut night = Night::new();
    night.done("old", BrandStatus::Success, 20);
    night.done("older", BrandStatus::Success, 10);
    night.done("failed", BrandStatus::Failed, 90);
    night.done("oldest", BrandStatus::Success, 5);
    night.done("fresh", BrandStatus::Success, 99);
    let names = ["old", "fresh", "older", "failed", "new", "oldest"];
    let order = |night: &Night, max_age| {
        let plan = night.plan(&names, None, max_age);
        let order = due(plan)
            .into_iter()
            .map(|due| due.assignment.brand.name.clone());
        order.collect::<Vec<_>>()
    };
    assert_eq!(
        order(&night, Some(30)),
        ["failed", "new", "oldest", "older", "old"]
    );
    // Who can never afford all of them at once still gets round to all.
    night.job.force = true;
    assert_eq!(
        order(&night, None),
        ["failed", "new", "oldest", "older", "old", "fresh"]
    );
}

#[test]
fn a_report_of_the_future_may_be_of_any_age() {
    let mut night = Night::new();
    night.done("tomorrow", BrandStatus::Success, 101);
    night.done("now", BrandStatus::Success, 100);
    let rows = ["tomorrow", "now"];
    let plan = night.plan(&rows, None, Some(30));
    assert_eq!(plan.skipped, 1);
    assert_eq!(due(plan)[0].assignment.brand.name, "tomorrow");
    // Who does not ask for an age keeps what is unchanged.
    assert_eq!(night.plan(&rows, None, None).skipped, 2);
}

#[test]
fn only_failures_are_due_where_only_they_are_asked_for() {
    let mut night = Night::new();
    night.done("stale", BrandStatus::Success, 1);
    night.done("failed", BrandStatus::Failed, 99);
    let rows = rows(&["stale", "new", "failed"]);
    let rules = Rules {
        limit: None,
        max_age_days: Some(30),
        failed_only: true,
        sheet: false,
        keeps_reports: false,
        list: "list",
        job: &night.job,
        now: at(100),
    };
    let plan = make(rows, &night.registry, &rules);
    assert_eq!((plan.skipped, plan.left_out), (1, 1));
    assert_eq!(due(plan)[0].assignment.brand.name, "failed");
}

#[test]
fn two_lists_and_two_namesakes_never_answer_for_each_other() {
    let mut night = Night::new();
    let rows = |rows: &[(&str, &str)]| {
        let rows = rows.iter().enumerate().map(|(i, (name, website))| Row {
            number: i + 2,
            name: (*name).into(),
            website: (*website).into(),
            ..Row::default()
        });
        rows.collect::<Vec<_>>()
    };
    let plan = |night: &Night, list: &str, rows| {
        let rules = Rules {
            limit: None,
            max_age_days: None,
            failed_only: false,
            sheet: false,
            keeps_reports: false,
            list,
            job: &night.job,
            now: at(100),
        };
        let plan = make(rows, &night.registry, &rules);
        let due = due(plan).into_iter().map(|due| due.key.to_string());
        due.collect::<Vec<_>>()
    };
    let record = |night: &mut Night, list: &str, key: &str, website: &str| {
        let brand = brand(&rows(&[("آسمان", website)])[0]);
        let mut entry = Night::entry("آسمان", BrandStatus::Success, 99);
        entry.input_hash = brand.input_hash();
        entry.list = list.into();
        let key = BrandKey::stored(key.into());
        night.registry.record([(key, entry)]).unwrap();
    };
    record(&mut night, "list", "آسمان", "iaa.ir");
    // The same row in another list asks the same question; another row does not.
    assert!(plan(&night, "other", rows(&[("آسمان", "iaa.ir")])).is_empty());
    let key = plan(&night, "other", rows(&[("آسمان", "asemanbook.ir")])).remove(0);
    assert!(key.starts_with("آسمان#"), "{key}");
    record(&mut night, "other", &key, "asemanbook.ir");
    for (list, website) in [("list", "iaa.ir"), ("other", "asemanbook.ir")] {
        assert!(plan(&night, list, rows(&[("آسمان", website)])).is_empty());
    }
    // A changed row stays the brand that it was.
    assert_eq!(
        plan(&night, "list", rows(&[("آسمان", "iaa.aero")])),
        ["آسمان"]
    );
    assert_eq!(plan(&night, "other", rows(&[("آسمان", "ketab.ir")])), [key]);
    // A namesake joins the list, above or below: what is known of the first brand stays its own.
    let both = [("آسمان", "sky.ir"), ("آسمان", "iaa.ir")];
    assert_eq!(plan(&night, "list", rows(&both)), ["آسمان@sky.ir"]);
    let with_unclear = [("آسمان", ""), ("آسمان", "sky.ir"), ("آسمان", "iaa.ir")];
    let due = plan(&night, "list", rows(&with_unclear));
    assert!(
        due[0].starts_with("آسمان#") && due[1] == "آسمان@sky.ir" && due.len() == 2,
        "{due:?}"
    );
}

#[test]
fn a_limit_considers_the_first_brands_only() {
    let night = Night::new();
    let plan = night.plan(&["کاله", "=A1", "میهن", "=B1", "پگاه"], Some(2), None);
    assert_eq!((plan.total, plan.due.len(), plan.rejected.len()), (2, 2, 2));
}

#[test]
fn the_rate_limit_or_the_workers_decide_on_the_time() {
    let mut night = Night::new();
    for name in ["a", "b", "c", "d", "e"] {
        night.done(name, BrandStatus::Success, 99);
    }
    let names: Vec<String> = (0..60).map(|i| format!("brand {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = night.plan(&names, None, None);
    let rates = Rates {
        llm: 60,
        search: 1_000,
        sheets: 60,
    };
    let estimate = |workers| {
        let batch = BatchOptions {
            workers,
            ..BatchOptions::default()
        };
        plan.estimate(&batch, rates, 1.0, |_| Usd::ZERO)
    };
    assert_eq!(estimate(1).parallel.as_secs(), 60 * 18);
    assert_eq!(estimate(16).parallel.as_secs(), 120);
    assert_eq!(estimate(16).cost.to_string(), "$3.00");
}

proptest! {
    #[test]
    fn two_brands_never_share_a_folder(names in proptest::collection::vec("[aAbB./:?*  ‌کي]{1,4}", 1..12)) {
        let night = Night::new();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = night.plan(&names, None, None);
        let brands = plan.due.len();
        let folders: HashSet<String> = due(plan).iter().map(|due| due.folder.to_lowercase()).collect();
        prop_assert_eq!(folders.len(), brands);
        for folder in folders {
            prop_assert!(!folder.contains(['/', '\\', ':']) && !folder.starts_with('.') && !folder.ends_with(['.', ' ']));
        }
    }
}
