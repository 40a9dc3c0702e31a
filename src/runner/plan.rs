//! The plan of a run: which brands of a list are due, and which are left as they are.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    brands::Brands,
    due::{Due, Rank, has_failed, is_due, rank, remade_since, replay_since},
    options::RunOptions,
    registry_match::{RequestedBrand, claim},
    report_folder::{new_folder, plain_folder},
};
use crate::{
    brand::{Brand, BrandKey, ListMark, RejectedRow},
    render,
    research::{Assignment, neighbours::Neighbours},
    store::{
        job::Job,
        registry::{BrandStatus, Entry},
        registry_lookup::{EntryFacts, RegistryLookup, RegistryTotals},
    },
};

/// Brands that the registry is asked for at a time.
const PART: usize = 10_000;

/// What a run will do.
#[derive(Debug)]
pub struct Plan {
    /// Rows of the list with anything in them.
    pub rows: usize,
    /// Brands in the list, as far as it is considered.
    pub total: usize,
    /// In their order.
    pub due: VecDeque<Due>,
    /// Unchanged brands.
    pub skipped: usize,
    /// Those of them with what is known of them, where the list is a sheet, which may lack it.
    pub unchanged: Vec<(Arc<Brand>, Arc<Entry>)>,
    /// Those of them whose reports are not where this machine has put them.
    pub without_report: usize,
    /// Brands that are due because their reports are gone or cut short.
    pub lost_reports: Vec<String>,
    /// New and changed brands that are not asked for, because only failed ones are.
    pub left_out: usize,
    /// Brands that the list asks to leave out.
    pub on_request: usize,
    pub rejected: Vec<RejectedRow>,
    pub notes: Vec<String>,
    /// The names of all brands.
    pub neighbours: Arc<Neighbours>,
    /// How the registry stands.
    pub standing: RegistryTotals,
}

/// What decides whether a brand is due.
#[derive(Debug)]
pub struct Rules<'a> {
    pub limit: Option<usize>,
    pub max_age_days: Option<u32>,
    /// Only brands whose last result is a failure are due.
    pub failed_only: bool,
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
    /// The rules that these options make.
    pub fn of(
        options: &RunOptions,
        output: &Path,
        list: &'a str,
        job: &'a Job,
        now: Timestamp,
    ) -> Self {
        Self {
            keeps_reports: output.join("index.html").exists(),
            limit: options.source.limit,
            max_age_days: options.batch.max_age,
            failed_only: options.batch.retry_failed_only,
            sheet: options.source.is_sheet(),
            list,
            job,
            now,
        }
    }
}

impl Plan {
    /// Rows that should name a brand and do not.
    pub fn brands_missing(&self) -> usize {
        self.rejected.iter().filter(|row| row.brand_missing).count()
    }

    /// Decides brand by brand.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn make(
        brands: &Brands,
        known: &dyn RegistryLookup,
        rules: &Rules<'_>,
    ) -> anyhow::Result<Self> {
        let mark = ListMark::of(rules.list);
        // Nobody asks for keys with the mark where no list has shared names with others.
        let asked_mark = known.is_marked(&mark).await?.then_some(&mark);
        let mut planner = Planner {
            brands,
            known,
            rules,
            plan: Self::of(brands),
            due: Vec::new(),
        };
        for part in brands.parts(PART) {
            let part = part.into_iter();
            let asked: Vec<RequestedBrand<'_>> = part
                .map(|place| RequestedBrand::of(&brands.considered[place], place, asked_mark))
                .collect();
            let keys: Vec<&BrandKey> = asked.iter().flat_map(|asked| &asked.keys).collect();
            let facts = known.facts(rules.list, &keys).await?;
            let claims = claim(&asked, &facts, &mark);
            planner.decide(&asked, claims).await?;
        }
        planner.finish().await
    }

    /// A plan in which nothing is decided.
    fn of(brands: &Brands) -> Self {
        Self {
            rows: brands.filled,
            total: brands.considered.len(),
            due: VecDeque::new(),
            skipped: 0,
            unchanged: Vec::new(),
            without_report: 0,
            lost_reports: Vec::new(),
            left_out: 0,
            on_request: 0,
            rejected: brands.rejected.clone(),
            notes: brands.notes.clone(),
            neighbours: Arc::new(brands.neighbours()),
            standing: RegistryTotals::default(),
        }
    }
}

/// A plan in the making.
struct Planner<'a> {
    brands: &'a Brands,
    known: &'a dyn RegistryLookup,
    rules: &'a Rules<'a>,
    plan: Plan,
    due: Vec<(Rank, Due)>,
}

impl Planner<'_> {
    /// Decides on some brands, of which it is known what was claimed for them.
    async fn decide(
        &mut self,
        asked: &[RequestedBrand<'_>],
        claims: Vec<(BrandKey, Option<&EntryFacts>)>,
    ) -> anyhow::Result<()> {
        let (mut unchanged, mut due) = (Vec::new(), Vec::new());
        for (asked, (key, facts)) in asked.iter().zip(claims) {
            match facts {
                _ if asked.brand.wishes.skip => self.plan.on_request += 1,
                Some(known) if !is_due(asked, known, self.rules) => {
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
                self.take(asked, key, facts, Some(entry), since);
            } else {
                self.leave(asked.brand, entry);
            }
        }
        for (asked, key, facts) in due {
            let entry = entries.get(&key).map(Arc::as_ref);
            let unchanged = entry.filter(|entry| entry.input_hash == asked.hash);
            let since = replay_since(unchanged, self.rules);
            self.take(asked, key, facts, entry, since);
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
    fn leave(&mut self, brand: &Arc<Brand>, entry: &Arc<Entry>) {
        // On another machine it may be anywhere.
        if self.known.is_of_this_machine() {
            let is_gone = |report: &String| !Path::new(report).exists();
            self.plan.without_report += usize::from(entry.report.as_ref().is_some_and(is_gone));
        }
        if self.rules.sheet {
            self.plan
                .unchanged
                .push((Arc::clone(brand), Arc::clone(entry)));
        }
    }

    fn take(
        &mut self,
        asked: &RequestedBrand<'_>,
        key: BrandKey,
        facts: Option<&EntryFacts>,
        entry: Option<&Entry>,
        since: Timestamp,
    ) {
        let unchanged = entry.filter(|entry| asked.is_of(&entry.input_hash));
        let due = Due {
            // One that has none gets it in its turn.
            folder: entry.and_then(Entry::folder).unwrap_or_default(),
            attempts: unchanged
                .filter(|entry| entry.status == BrandStatus::Failed)
                .map_or(0, |entry| entry.attempts),
            report: entry.and_then(|entry| entry.report.clone()),
            thin: entry.and_then(|entry| entry.thin),
            assignment: Assignment {
                since,
                shared_parent: self.brands.shared_parent(asked.brand),
                brand: Arc::clone(asked.brand),
            },
            key,
        };
        self.due.push((rank(asked, facts), due));
    }

    /// Puts what is due in its order.
    async fn finish(mut self) -> anyhow::Result<Plan> {
        self.due.sort_unstable_by_key(|(rank, _)| *rank);
        let due = std::mem::take(&mut self.due).into_iter();
        self.plan.due = due.map(|(_, due)| due).collect();
        self.name_folders().await?;
        self.plan.unchanged.sort_by_key(|(brand, _)| brand.rows[0]);
        self.plan.standing = self.known.standing().await?;
        Ok(self.plan)
    }

    /// Gives each brand that has no folder one of its own.
    async fn name_folders(&mut self) -> anyhow::Result<()> {
        let new = self.plan.due.iter().filter(|due| due.folder.is_empty());
        let wanted = new.map(|due| plain_folder(&due.assignment.brand.name).to_lowercase());
        let mut taken = self.known.taken(wanted.collect()).await?;
        for due in &mut self.plan.due {
            if due.folder.is_empty() {
                let is_taken = |folder: &str| taken.contains(folder);
                due.folder = new_folder(&due.assignment.brand, is_taken);
            }
            taken.insert(due.folder.to_lowercase());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
