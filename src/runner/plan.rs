//! What is due, what is skipped, and what it will take.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    iter,
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use tokio::task::yield_now;

use super::{
    brands::{Brands, Learnt, Placed},
    order::Order,
    queue::Queue,
    registry_match::{Asked, claim},
    report_folder::{new_folder, plain_folder},
};
use crate::{
    brand::{Brand, BrandKey, ListMark, RejectedRow, row_options::Depth},
    cli::{BatchArgs, RunArgs},
    config::Rates,
    list::Rows,
    money::Usd,
    render,
    research::{self, Assignment, disambiguation::Neighbours},
    store::{
        job::Job,
        registry::{Entry, Status},
        registry_lookup::{Facts, RegistryLookup, Standing},
    },
};

/// Rows that are decided on together, and parts of the list that are asked for ahead.
const PART: usize = 1_000;
const AHEAD: usize = 4;

/// Days for which the answer to a search is as good as a new one.
const SEARCH_DAYS: i64 = 7;

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
    /// Rows of the list with anything in them.
    pub rows: usize,
    /// Brands in the list, as far as it is considered.
    pub total: usize,
    pub due: Queue,
    /// Unchanged brands.
    pub skipped: usize,
    /// Those of them with what is known of them, where the list is a sheet, which may lack it.
    pub unchanged: Vec<(Brand, Arc<Entry>)>,
    /// Those of them whose reports are not where this machine has put them.
    pub without_report: usize,
    /// Brands that are due because their reports are gone or cut short.
    pub lost_reports: Vec<String>,
    /// New and changed brands that are not asked for, because only failed ones are.
    pub left_out: usize,
    /// Brands that the list asks to leave out.
    pub on_request: usize,
    /// Those that are due, in their order, where the list is a sheet; and how many of all ask for which depth.
    pub due_keys: Vec<BrandKey>,
    depths: BTreeMap<Option<Depth>, usize>,
    pub rejected: Vec<RejectedRow>,
    pub notes: Vec<String>,
    /// The names of all brands.
    pub neighbours: Arc<Neighbours>,
    /// How the registry stands.
    pub standing: Standing,
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
    /// Whether the list is a sheet, into which results are written.
    pub sheet: bool,
    /// Whether reports stay where they were put: one that is not there, or not whole, is lost. An output folder with nothing
    /// in it was moved away on purpose.
    pub keeps_reports: bool,
    /// The list that the rows stand in.
    pub list: &'a str,
    pub job: &'a Job,
    pub now: Timestamp,
}

impl<'a> Rules<'a> {
    /// The rules that these flags make.
    pub fn of(args: &RunArgs, output: &Path, list: &'a str, job: &'a Job, now: Timestamp) -> Self {
        Self {
            keeps_reports: output.join("index.html").exists(),
            limit: args.source.limit,
            max_age_days: args.batch.max_age,
            failed_only: args.batch.retry_failed_only,
            chunk: args.batch.chunk_size,
            sheet: args.source.google_sheets,
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
    /// Rows that should name a brand and do not.
    pub fn brands_missing(&self) -> usize {
        self.rejected.iter().filter(|row| row.brand_missing).count()
    }

    /// Decides brand by brand.
    ///
    /// # Errors
    /// When the list or the registry cannot be read, or a long list cannot be put down on disk.
    pub async fn make(
        rows: &Rows,
        known: &dyn RegistryLookup,
        rules: &Rules<'_>,
    ) -> anyhow::Result<Self> {
        let mut brands = Brands::of(rows, rules.limit).await?;
        let mut decisions = Decisions::begin(known, rules).await?;
        decisions.on_singles(&mut brands).await?;
        let (namesakes, learnt) = brands.finish();
        decisions.on_namesakes(namesakes).await?;
        decisions.finish(learnt).await
    }

    /// What the due brands are expected to take; `typical` is what a brand costs before there is any experience.
    pub fn estimate(
        &self,
        batch: &BatchArgs,
        rates: Rates,
        speed: f64,
        typical: impl Fn(Depth) -> Usd,
    ) -> Estimate {
        let average = |sum: Usd, n: usize| {
            sum.scaled(rust_decimal::Decimal::ONE / rust_decimal::Decimal::from(n))
        };
        let experience = match self.standing.successes {
            0..EXPERIENCE => None,
            n => Some(average(self.standing.cost, n)),
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

/// What is known of these brands, and of others that may have their keys.
async fn facts_of(
    asked: &[Asked],
    known: &dyn RegistryLookup,
    list: &str,
) -> anyhow::Result<HashMap<BrandKey, Facts>> {
    let keys: Vec<&BrandKey> = asked.iter().flat_map(|asked| &asked.keys).collect();
    known.facts(list, &keys).await
}

/// A plan in the making.
struct Decisions<'a> {
    known: &'a dyn RegistryLookup,
    rules: &'a Rules<'a>,
    mark: ListMark,
    /// Whether there are keys with the mark: nobody asks for them where no list has shared names with others.
    is_marked: bool,
    plan: Plan,
    due: Order,
}

impl<'a> Decisions<'a> {
    async fn begin(known: &'a dyn RegistryLookup, rules: &'a Rules<'a>) -> anyhow::Result<Self> {
        let mark = ListMark::of(rules.list);
        let plan = Plan {
            rows: 0,
            total: 0,
            due: Queue::new(rules.chunk),
            skipped: 0,
            unchanged: Vec::new(),
            without_report: 0,
            lost_reports: Vec::new(),
            left_out: 0,
            on_request: 0,
            due_keys: Vec::new(),
            depths: BTreeMap::new(),
            rejected: Vec::new(),
            notes: Vec::new(),
            neighbours: Arc::default(),
            standing: Standing::default(),
        };
        Ok(Self {
            known,
            rules,
            is_marked: known.is_marked(&mark).await?,
            mark,
            plan,
            due: Order::default(),
        })
    }

    /// Decides on brands whose names occur once, a part of the list at a time; the next parts are asked for meanwhile.
    async fn on_singles(&mut self, brands: &mut Brands<'_>) -> anyhow::Result<()> {
        let (known, list, mark) = (self.known, self.rules.list, self.mark.clone());
        let asked_for = self.is_marked.then_some(&mark);
        let parts = iter::from_fn(|| brands.part(PART).transpose());
        let parts = stream::iter(parts).map(|part| async {
            let asked = part?.into_iter().map(|brand| Asked::of(brand, asked_for));
            let asked: Vec<Asked> = asked.collect();
            // Reading must not keep this host from giving signs of life.
            yield_now().await;
            let facts = facts_of(&asked, known, list).await?;
            anyhow::Ok((asked, facts))
        });
        let mut parts = pin!(parts.buffered(AHEAD));
        while let Some((asked, facts)) = parts.try_next().await? {
            let claims = claim(&asked, &facts, &mark);
            self.decide(asked, claims).await?;
        }
        Ok(())
    }

    /// Decides on brands whose names occur more than once.
    async fn on_namesakes(&mut self, brands: Vec<Placed>) -> anyhow::Result<()> {
        let mark = self.is_marked.then_some(&self.mark);
        let asked = brands.into_iter().map(|brand| Asked::of(brand, mark));
        let asked: Vec<Asked> = asked.collect();
        let mut facts = HashMap::new();
        for part in asked.chunks(PART) {
            facts.extend(facts_of(part, self.known, self.rules.list).await?);
        }
        let claims = claim(&asked, &facts, &self.mark);
        self.decide(asked, claims).await
    }

    /// Decides on some brands, of which it is known what was claimed for them.
    async fn decide(
        &mut self,
        asked: Vec<Asked>,
        claims: Vec<(BrandKey, Option<&Facts>)>,
    ) -> anyhow::Result<()> {
        let (mut unchanged, mut due) = (Vec::new(), Vec::new());
        for (asked, (key, facts)) in asked.into_iter().zip(claims) {
            match facts {
                _ if asked.brand.wishes.skip => self.plan.on_request += 1,
                Some(known) if !is_due(&asked, known, self.rules) => {
                    unchanged.push((asked, key, facts));
                }
                _ if self.rules.failed_only && !has_failed(facts) => self.plan.left_out += 1,
                _ => due.push((asked, key, facts)),
            }
        }
        self.plan.skipped += unchanged.len();
        if !self.rules.sheet && !self.known.is_of_this_machine() {
            unchanged.clear();
        }
        let of_due = due.iter().filter(|(.., facts)| facts.is_some());
        let keys = unchanged.iter().map(|(_, key, _)| key);
        let keys: Vec<&BrandKey> = keys.chain(of_due.map(|(_, key, _)| key)).collect();
        let entries = match keys.is_empty() {
            true => HashMap::new(),
            false => self.known.entries(&keys).await?,
        };
        for (asked, key, facts) in unchanged {
            let Some(entry) = entries.get(&key) else {
                continue;
            };
            if self.has_lost(entry) {
                self.plan.skipped -= 1;
                self.plan.lost_reports.push(asked.brand.name.clone());
                let since = remade_since(entry);
                self.take(asked, key, facts, Some(entry), since)?;
            } else {
                self.leave(asked.brand, entry);
            }
        }
        for (asked, key, facts) in due {
            let entry = entries.get(&key).map(Arc::as_ref);
            let unchanged = entry.filter(|entry| entry.input_hash == asked.hash);
            let since = replay_since(unchanged, self.rules);
            self.take(asked, key, facts, entry, since)?;
        }
        Ok(())
    }

    /// Whether the report of an unchanged brand is gone or cut short. On another machine it may be anywhere.
    fn has_lost(&self, entry: &Entry) -> bool {
        let looks = self.rules.keeps_reports && !self.rules.failed_only;
        let is_lost = |report: &String| !render::is_whole(Path::new(report));
        looks && self.known.is_of_this_machine() && entry.report.as_ref().is_some_and(is_lost)
    }

    /// Leaves an unchanged brand as it is.
    fn leave(&mut self, brand: Brand, entry: &Arc<Entry>) {
        // On another machine it may be anywhere.
        if self.known.is_of_this_machine() {
            let is_gone = |report: &String| !Path::new(report).exists();
            self.plan.without_report += usize::from(entry.report.as_ref().is_some_and(is_gone));
        }
        if self.rules.sheet {
            self.plan.unchanged.push((brand, Arc::clone(entry)));
        }
    }

    fn take(
        &mut self,
        asked: Asked,
        key: BrandKey,
        facts: Option<&Facts>,
        entry: Option<&Entry>,
        since: Timestamp,
    ) -> anyhow::Result<()> {
        let unchanged = entry.filter(|entry| asked.is_of(&entry.input_hash));
        let priority = Reverse(asked.brand.wishes.priority());
        let rank = (priority, urgency(&asked, facts), asked.place);
        let due = Due {
            // One that has none gets it in its turn.
            folder: entry.and_then(Entry::folder).unwrap_or_default(),
            attempts: unchanged
                .filter(|entry| entry.status == Status::Failed)
                .map_or(0, |entry| entry.attempts),
            report: entry.and_then(|entry| entry.report.clone()),
            thin: entry.and_then(|entry| entry.thin),
            assignment: Assignment {
                since,
                // Not known before the whole list is.
                shared_parent: None,
                brand: asked.brand,
            },
            key,
        };
        self.due.add(rank, due)
    }

    /// Puts what is due in its order, when the whole list is known.
    async fn finish(self, learnt: Learnt) -> anyhow::Result<Plan> {
        let Self {
            known,
            rules,
            mut plan,
            due,
            ..
        } = self;
        let mut due = due.sorted()?;
        let mut given = HashSet::new();
        loop {
            let part = due.chunk(PART)?;
            if part.is_empty() {
                break;
            }
            let new = part.iter().filter(|due| due.folder.is_empty());
            let wanted = new.map(|due| plain_folder(&due.assignment.brand.name).to_lowercase());
            let taken = known.taken(wanted.collect()).await?;
            for mut due in part {
                let brand = &due.assignment.brand;
                if due.folder.is_empty() {
                    let taken =
                        |folder: &str| taken.contains(folder) || given.contains(&hash_of(folder));
                    due.folder = new_folder(brand, taken);
                }
                given.insert(hash_of(&due.folder.to_lowercase()));
                *plan.depths.entry(brand.wishes.depth).or_default() += 1;
                if rules.sheet {
                    plan.due_keys.push(brand.key.clone());
                }
                due.assignment.shared_parent = learnt.parents.of(brand);
                plan.due.push(due)?;
            }
        }
        plan.unchanged.sort_by_key(|(brand, _)| brand.rows[0]);
        Ok(Plan {
            rows: learnt.filled,
            total: learnt.total,
            rejected: learnt.rejected,
            notes: learnt.notes,
            neighbours: Arc::new(Neighbours::of(learnt.names)),
            standing: known.standing().await?,
            ..plan
        })
    }
}

/// Folders are as many as brands: another one with the same hash is taken for this one, and gets a longer name.
fn hash_of(folder: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    hasher.finish()
}

/// What comes first when time or money do not last for all: brands that have no report of what their row says now, in
/// the order of the list, then those with the oldest reports.
fn urgency(asked: &Asked, known: Option<&Facts>) -> Option<Timestamp> {
    known
        .filter(|facts| facts.status == Status::Success && asked.is_of(&facts.input_hash))
        .map(|facts| facts.updated_at)
}

fn has_failed(known: Option<&Facts>) -> bool {
    known.is_some_and(|facts| facts.status == Status::Failed)
}

fn is_due(asked: &Asked, known: &Facts, rules: &Rules<'_>) -> bool {
    rules.job.force
        || known.status == Status::Failed
        || !asked.is_of(&known.input_hash)
        || (!rules.failed_only && is_stale(known, rules))
}

fn is_stale(known: &Facts, rules: &Rules<'_>) -> bool {
    rules
        .max_age_days
        .and_then(|days| rules.now.checked_sub((i64::from(days) * 24).hours()).ok())
        .is_some_and(|oldest| known.updated_at < oldest || is_of_the_future(known, rules))
}

/// Whether the clock was wrong when a report was made, which therefore may be of any age. Clocks of hosts differ a little.
fn is_of_the_future(known: &Facts, rules: &Rules<'_>) -> bool {
    rules
        .now
        .checked_add(1.hour())
        .is_ok_and(|soon| known.updated_at > soon)
}

/// A crash must not cost anything twice, but who asks for research again does not want yesterday's answers.
fn replay_since(unchanged: Option<&Entry>, rules: &Rules<'_>) -> Timestamp {
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

/// For a report that is made anew because it was lost, the answers that it was made of will do.
fn remade_since(entry: &Entry) -> Timestamp {
    let week = (SEARCH_DAYS * 24).hours();
    entry
        .updated_at
        .checked_sub(week)
        .unwrap_or(entry.updated_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        brand::{Row, gather},
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
        let (rows, known) = (Rows::Held(rows), InMemory::new(registry));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let made = runtime.unwrap().block_on(Plan::make(&rows, &known, rules));
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

        fn done(&mut self, name: &str, status: Status, day: i64) {
            let brand = brand(&rows(&[name])[0]);
            self.registry
                .record([(brand.key, Self::entry(name, status, day))])
                .unwrap();
        }

        fn entry(name: &str, status: Status, day: i64) -> Entry {
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
                chunk: 2,
                sheet: true,
                keeps_reports: false,
                list: "list",
                job: &self.job,
                now: at(100),
            };
            make(rows(names), &self.registry, &rules)
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
    fn a_report_of_the_future_may_be_of_any_age() {
        let mut night = Night::new();
        night.done("tomorrow", Status::Success, 101);
        night.done("now", Status::Success, 100);
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
        night.done("stale", Status::Success, 1);
        night.done("failed", Status::Failed, 99);
        let rows = rows(&["stale", "new", "failed"]);
        let rules = Rules {
            limit: None,
            max_age_days: Some(30),
            failed_only: true,
            chunk: 50,
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
                chunk: 50,
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
}
