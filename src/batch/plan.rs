//! What is due, what is skipped, and what it will take.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{claim::claim, queue::Queue};
use crate::{
    brand::{Brand, BrandKey, Gathered, RejectedRow},
    cli::{BatchArgs, RunArgs},
    money::Usd,
    research::{self, Assignment, Depth, identity::Neighbours},
    settings::Rates,
    state::{
        job::Job,
        registry::{Entry, Registry, Status},
    },
    text,
};

/// Days for which the answer to a search is as good as a new one.
const SEARCH_DAYS: i64 = 7;

/// Bytes of a folder's name; file systems allow 255, Windows counts whole paths.
const FOLDER_BYTES: usize = 120;

/// Seconds that a brand takes when it is alone: searches, and two answers of a model.
pub const TYPICAL_SECONDS: f64 = 18.0;

/// Successes from which on their cost is the best estimate.
const EXPERIENCE: usize = 5;

/// A brand that is to be researched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Due {
    /// The brand, with what its research depends on.
    pub assignment: Assignment,
    /// Its key in the registry.
    pub key: BrandKey,
    /// Its folder below `output/`.
    pub folder: String,
    /// Attempts so far, since the row changed or succeeded.
    pub attempts: u32,
    /// Path of the report of an earlier success, and whether that was thin.
    pub report: Option<String>,
    pub thin: Option<bool>,
}

/// What a run will do.
#[derive(Debug)]
pub struct Plan {
    /// Brands in the list, as far as it is considered.
    pub total: usize,
    pub due: Queue,
    /// Unchanged brands with what is known of them.
    pub skipped: Vec<(Brand, Arc<Entry>)>,
    /// New and changed brands that are not asked for, because only failed ones are.
    pub left_out: usize,
    /// Brands that the list asks to leave out.
    pub on_request: usize,
    /// Those that are due, in their order, and how many of them ask for which depth.
    pub due_keys: Vec<BrandKey>,
    depths: BTreeMap<Option<Depth>, usize>,
    pub rejected: Vec<RejectedRow>,
    pub notes: Vec<String>,
    /// The names of all brands.
    pub neighbours: Arc<Neighbours>,
}

/// What decides whether a brand is due.
#[derive(Debug)]
pub struct Rules<'a> {
    pub limit: Option<usize>,
    pub max_age_days: Option<u32>,
    /// Only brands whose last result is a failure are due.
    pub failed_only: bool,
    /// Brands that are read ahead.
    pub chunk: usize,
    /// The list that the rows stand in.
    pub list: &'a str,
    pub job: &'a Job,
    pub now: Timestamp,
}

impl<'a> Rules<'a> {
    /// The rules that these flags make.
    pub fn of(args: &RunArgs, list: &'a str, job: &'a Job, now: Timestamp) -> Self {
        Self {
            limit: args.source.limit,
            max_age_days: args.batch.max_age,
            failed_only: args.batch.retry_failed_only,
            chunk: args.batch.chunk_size,
            list,
            job,
            now,
        }
    }
}

/// What a run is expected to take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// One brand after the other.
    pub sequential: Duration,
    pub parallel: Duration,
    pub cost: Usd,
    /// One brand, on average.
    pub per_brand: Usd,
    /// Search credits of all.
    pub credits: u32,
}

impl Plan {
    /// Decides brand by brand.
    ///
    /// # Errors
    /// When a long list cannot be put down on disk.
    pub fn make(
        gathered: Gathered,
        registry: &Registry,
        rules: &Rules<'_>,
    ) -> anyhow::Result<Self> {
        let Gathered {
            mut brands,
            mut rejected,
            notes,
        } = gathered;
        if let Some(limit) = rules.limit
            && brands.len() > limit
        {
            let first_left_out = brands[limit].rows[0];
            brands.truncate(limit);
            rejected.retain(|row| row.number < first_left_out);
        }
        let mut taken: HashSet<String> = registry
            .entries()
            .filter_map(|(_, entry)| folder_of(entry.report.as_deref()?))
            .map(|f| f.to_lowercase())
            .collect();
        let mut plan = Self {
            total: brands.len(),
            due: Queue::new(rules.chunk),
            skipped: Vec::new(),
            left_out: 0,
            on_request: 0,
            due_keys: Vec::new(),
            depths: BTreeMap::new(),
            rejected,
            notes,
            neighbours: Arc::new(Neighbours::of(brands.iter().map(|brand| &brand.key))),
        };
        let parents = shared_parents(&brands);
        let claims = claim(&brands, registry, rules.list);
        let mut due = Vec::new();
        for (brand, (key, known)) in brands.into_iter().zip(claims) {
            match known {
                _ if brand.wishes.skip => plan.on_request += 1,
                Some(entry) if !is_due(&brand, entry, rules) => {
                    plan.skipped.push((brand, Arc::clone(entry)));
                }
                _ if rules.failed_only && !has_failed(known) => plan.left_out += 1,
                _ => due.push((brand, key, known)),
            }
        }
        due.sort_by_cached_key(|(brand, _, known)| {
            (Reverse(brand.wishes.priority()), urgency(brand, *known))
        });
        for (brand, key, known) in due {
            let folder = known
                .and_then(|entry| folder_of(entry.report.as_deref()?))
                .unwrap_or_else(|| new_folder(&brand, &taken));
            taken.insert(folder.to_lowercase());
            let unchanged = known.filter(|entry| entry.input_hash == brand.input_hash());
            *plan.depths.entry(brand.wishes.depth).or_default() += 1;
            plan.due_keys.push(brand.key.clone());
            plan.due.push(Due {
                folder,
                attempts: unchanged
                    .filter(|entry| entry.status == Status::Failed)
                    .map_or(0, |entry| entry.attempts),
                report: known.and_then(|entry| entry.report.clone()),
                thin: known.and_then(|entry| entry.thin),
                assignment: Assignment {
                    since: replay_since(unchanged, rules),
                    shared_parent: parents.of(&brand),
                    brand,
                },
                key,
            })?;
        }
        Ok(plan)
    }

    /// What the due brands are expected to take; `typical` is what a brand costs before there is any experience.
    pub fn estimate(
        &self,
        registry: &Registry,
        batch: &BatchArgs,
        rates: Rates,
        speed: f64,
        typical: impl Fn(Depth) -> Usd,
    ) -> Estimate {
        let costs: Vec<Usd> = registry
            .entries()
            .filter(|(_, e)| e.status == Status::Success)
            .map(|(_, e)| e.cost_usd)
            .collect();
        let average = |sum: Usd, n: usize| {
            sum.scaled(rust_decimal::Decimal::ONE / rust_decimal::Decimal::from(n))
        };
        let experience = match costs.len() {
            0..EXPERIENCE => None,
            n => Some(average(costs.into_iter().sum(), n)),
        };
        let price = |depth| match experience {
            // Experience is of the usual depth.
            Some(experience) if depth == Depth::Standard => experience,
            _ => typical(depth),
        };
        let depths = || {
            let depths = self.depths.iter();
            depths.map(|(depth, brands)| (depth.unwrap_or(batch.depth), *brands))
        };
        let cost: Usd = depths()
            .map(|(depth, brands)| price(depth).times(brands as u64))
            .sum();
        let credits = depths()
            .map(|(depth, brands)| depth.credits() * u32::try_from(brands).unwrap_or(u32::MAX))
            .fold(0, u32::saturating_add);
        let brands = self.due.len();
        let per_brand = match brands {
            0 => price(batch.depth),
            n => average(cost, n),
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "lists are far shorter than 2^52"
        )]
        let (brands, lanes) = (brands as f64, batch.workers.min(brands).max(1) as f64);
        let alone = brands * TYPICAL_SECONDS / speed;
        let seconds = |calls: f64, rate: u32| calls / f64::from(rate) * 60.0;
        let parallel = (alone / lanes)
            .max(seconds(brands * f64::from(research::LLM_CALLS), rates.llm))
            .max(seconds(f64::from(credits), rates.search));
        Estimate {
            sequential: Duration::from_secs_f64(alone.max(parallel)),
            parallel: Duration::from_secs_f64(parallel),
            cost,
            per_brand,
            credits,
        }
    }
}

/// Parent companies that several brands of the list have.
struct SharedParents(HashMap<String, Shared>);

/// How many brands name a parent company, and the first of its spellings, whatever the order of the rows.
struct Shared {
    brands: usize,
    spelling: String,
}

fn shared_parents(brands: &[Brand]) -> SharedParents {
    let mut parents: HashMap<String, Shared> = HashMap::new();
    for parent in brands.iter().filter_map(|brand| brand.parent.as_ref()) {
        let shared = parents.entry(text::key(parent)).or_insert_with(|| Shared {
            brands: 0,
            spelling: parent.clone(),
        });
        shared.brands += 1;
        if *parent < shared.spelling {
            shared.spelling.clone_from(parent);
        }
    }
    parents.retain(|_, shared| shared.brands > 1);
    SharedParents(parents)
}

impl SharedParents {
    fn of(&self, brand: &Brand) -> Option<String> {
        let shared = self.0.get(&text::key(brand.parent.as_ref()?))?;
        Some(shared.spelling.clone())
    }
}

/// What comes first when time or money do not last for all: brands that have no report of what their row says now, in
/// the order of the list, then those with the oldest reports.
fn urgency(brand: &Brand, known: Option<&Arc<Entry>>) -> Option<Timestamp> {
    known
        .filter(|entry| entry.status == Status::Success && entry.input_hash == brand.input_hash())
        .map(|entry| entry.updated_at)
}

fn has_failed(known: Option<&Arc<Entry>>) -> bool {
    known.is_some_and(|entry| entry.status == Status::Failed)
}

fn is_due(brand: &Brand, entry: &Entry, rules: &Rules<'_>) -> bool {
    rules.job.force
        || entry.status == Status::Failed
        || entry.input_hash != brand.input_hash()
        || (!rules.failed_only && is_stale(entry, rules))
}

fn is_stale(entry: &Entry, rules: &Rules<'_>) -> bool {
    rules
        .max_age_days
        .and_then(|days| rules.now.checked_sub((i64::from(days) * 24).hours()).ok())
        .is_some_and(|oldest| entry.updated_at < oldest)
}

/// A crash must not cost anything twice, but who asks for research again does not want yesterday's answers.
fn replay_since(unchanged: Option<&Arc<Entry>>, rules: &Rules<'_>) -> Timestamp {
    let week = rules
        .now
        .checked_sub((SEARCH_DAYS * 24).hours())
        .unwrap_or(rules.now);
    match unchanged {
        // The answers of this job are its own in any case.
        _ if rules.job.force => Timestamp::MAX,
        Some(entry) if entry.status == Status::Success => entry.updated_at,
        _ => week,
    }
}

/// The folder of a report's path, which is `output/<folder>/brand_report.json`.
fn folder_of(report: &str) -> Option<String> {
    let mut parts = report.rsplit(['/', '\\']).skip(1);
    parts.next().map(str::to_owned)
}

/// A folder's name made of the brand's: Persian letters stay, what no file system takes goes. Where something went, or
/// another brand has the name, a part of the key's hash makes it the brand's own.
fn new_folder(brand: &Brand, taken: &HashSet<String>) -> String {
    let plain = plain_folder(&brand.name);
    let lossless =
        plain == text::clean(&brand.name) && brand.key.as_str() == text::key(&brand.name);
    if lossless && !taken.contains(&plain.to_lowercase()) {
        return plain;
    }
    format!("{plain} {}", &hash(&brand.key)[..8])
}

fn plain_folder(name: &str) -> String {
    let mut folder = String::new();
    for c in text::clean(name).chars() {
        let c = if c.is_control() || "<>:\"/\\|?*'`$&;".contains(c) {
            '_'
        } else {
            c
        };
        if folder.len() + c.len_utf8() > FOLDER_BYTES {
            break;
        }
        folder.push(c);
    }
    let folder = folder.trim_matches(['.', ' ', '-', '~']).to_owned();
    if folder.is_empty() || is_reserved(&folder) {
        return format!("_{folder}");
    }
    folder
}

/// Names that Windows keeps for devices, and files that stand beside the folders.
fn is_reserved(folder: &str) -> bool {
    let stem = folder
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|n| {
            n.chars().count() == 1 && n.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
        })
    };
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
        || matches!(
            folder.to_lowercase().as_str(),
            "index.html" | "brands.xlsx" | "changes.html" | "changes.md" | "companies.csv"
        )
}

fn hash(key: &BrandKey) -> String {
    blake3::hash(key.as_str().as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brand::{Row, gather},
        state::StateFolder,
    };
    use proptest::prelude::*;

    fn rows(names: &[&str]) -> Gathered {
        let rows: Vec<Row> = names
            .iter()
            .enumerate()
            .map(|(i, name)| Row {
                number: i + 2,
                name: (*name).into(),
                ..Row::default()
            })
            .collect();
        gather(&rows)
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

        fn done(&mut self, name: &str, status: Status, day: i64) {
            let brand = rows(&[name]).brands.remove(0);
            self.registry
                .record([(brand.key, Self::entry(name, status, day))])
                .unwrap();
        }

        fn entry(name: &str, status: Status, day: i64) -> Entry {
            let brand = rows(&[name]).brands.remove(0);
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
                error_kind: crate::remedy::ErrorKind::default(),
                error: None,
            }
        }

        fn plan(&self, names: &[&str], limit: Option<usize>, max_age_days: Option<u32>) -> Plan {
            Plan::make(
                rows(names),
                &self.registry,
                &Rules {
                    limit,
                    max_age_days,
                    failed_only: false,
                    chunk: 2,
                    list: "list",
                    job: &self.job,
                    now: at(100),
                },
            )
            .unwrap()
        }
    }

    /// Takes out all that are due.
    fn due(mut plan: Plan) -> Vec<Due> {
        std::iter::from_fn(|| plan.due.next().unwrap()).collect()
    }

    #[test]
    fn unchanged_is_skipped_failed_and_stale_are_due() {
        let mut night = Night::new();
        night.done("کاله", Status::Success, 99);
        night.done("میهن", Status::Failed, 99);
        night.done("پگاه", Status::Success, 50);
        let plan = night.plan(&["كاله", "میهن", "پگاه", "هراز"], None, Some(30));
        assert_eq!(plan.skipped.len(), 1);
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
        night.done("old", Status::Success, 20);
        night.done("older", Status::Success, 10);
        night.done("failed", Status::Failed, 90);
        night.done("oldest", Status::Success, 5);
        night.done("fresh", Status::Success, 99);
        let names = ["old", "fresh", "older", "failed", "new", "oldest"];
        let order = |night: &Night, max_age| {
            let plan = night.plan(&names, None, max_age);
            let order = due(plan).into_iter().map(|due| due.assignment.brand.name);
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
    fn only_failures_are_due_where_only_they_are_asked_for() {
        let mut night = Night::new();
        night.done("stale", Status::Success, 1);
        night.done("failed", Status::Failed, 99);
        let gathered = rows(&["stale", "new", "failed"]);
        let rules = Rules {
            limit: None,
            max_age_days: Some(30),
            failed_only: true,
            chunk: 50,
            list: "list",
            job: &night.job,
            now: at(100),
        };
        let plan = Plan::make(gathered, &night.registry, &rules).unwrap();
        assert_eq!((plan.skipped.len(), plan.left_out), (1, 1));
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
            gather(rows.collect::<Vec<_>>())
        };
        let plan = |night: &Night, list: &str, gathered| {
            let rules = Rules {
                limit: None,
                max_age_days: None,
                failed_only: false,
                chunk: 50,
                list,
                job: &night.job,
                now: at(100),
            };
            let plan = Plan::make(gathered, &night.registry, &rules).unwrap();
            let due = due(plan).into_iter().map(|due| due.key.to_string());
            due.collect::<Vec<_>>()
        };
        let record = |night: &mut Night, list: &str, key: &str, website: &str| {
            let brand = rows(&[("آسمان", website)]).brands.remove(0);
            let mut entry = Night::entry("آسمان", Status::Success, 99);
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
    fn brands_share_a_parent_however_it_is_typed() {
        let row = |number, name: &str, parent: &str| Row {
            number,
            name: name.into(),
            parent: parent.into(),
            ..Row::default()
        };
        let rows = [
            row(2, "کاله", "هلدينگ سوليكو"),
            row(3, "سولیکو", "هلدینگ سولیکو"),
            row(4, "پگاه", "صندوق بازنشستگی"),
            row(5, "هراز", "-"),
        ];
        let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
        for rows in [&rows[..], &reversed] {
            let brands = gather(rows).brands;
            let parents = shared_parents(&brands);
            let mut of: Vec<_> = brands
                .iter()
                .map(|b| (b.name.as_str(), parents.of(b)))
                .collect();
            of.sort();
            let shared = Some("هلدينگ سوليكو".to_owned()).min(Some("هلدینگ سولیکو".to_owned()));
            assert_eq!(
                of,
                [
                    ("سولیکو", shared.clone()),
                    ("هراز", None),
                    ("پگاه", None),
                    ("کاله", shared)
                ]
            );
        }
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
            night.done(name, Status::Success, 99);
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
            let batch = BatchArgs {
                workers,
                ..BatchArgs::default()
            };
            plan.estimate(&night.registry, &batch, rates, 1.0, |_| Usd::ZERO)
        };
        assert_eq!(estimate(1).parallel.as_secs(), 60 * 18);
        assert_eq!(estimate(16).parallel.as_secs(), 120);
        assert_eq!(estimate(16).cost.to_string(), "$3.00");
    }

    #[test]
    fn folders_keep_persian_and_fit_every_file_system() {
        assert_eq!(plain_folder("دیجی‌کالا"), "دیجی‌کالا");
        assert_eq!(plain_folder("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(plain_folder("CON"), "_CON");
        assert_eq!(plain_folder("com1.ir"), "_com1.ir");
        assert!(plain_folder(&"ک".repeat(200)).len() <= FOLDER_BYTES);
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
}
