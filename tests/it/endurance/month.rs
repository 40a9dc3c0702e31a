//! A month of nights by cron's rules, in which the clocks are put forward or back: the list grows and changes, runs
//! overlap, are killed, start late and are cut short. The real program runs under a clock on the wall that is made
//! believe (libfaketime); what the services billed and the registry on disk are the judges.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Command, Stdio},
};

use jiff::{SignedDuration, Timestamp, ToSpan, ZonedDateTime, civil::time, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    assert_state_is_readable,
    clock::{cron, days_between, faketime, offset_to},
    in_parallel,
};
use crate::common::{Desk, Ended, ended, files, list_of};

const ZONE: &str = "Europe/Berlin";
const NIGHTS: i64 = 30;
/// Brands at the beginning; each night brings one more.
const BRANDS: usize = 12;
/// US dollars for a night, which last for about eight brands.
const BUDGET: f64 = 0.50;
const CREDIT_USD: f64 = 0.008;
const WORKERS: u64 = 4;
const MAX_AGE_DAYS: i64 = 7;
/// Nights that a brand may have to wait when it is due: a night that was killed, and those that catch up.
const PATIENCE_DAYS: i64 = 3;
const KEPT_LOGS_DAYS: i64 = 10;

/// What befalls a night.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Quiet,
    /// Another start falls into the run.
    Overlapped,
    Killed,
    /// The machine was off and wakes seconds before the deadline.
    Late,
    /// The services are slow, and the time is up while the first brands are done.
    Short,
}

impl Kind {
    fn of(night: i64) -> Self {
        match night % 8 {
            2 => Self::Overlapped,
            3 => Self::Short,
            4 => Self::Killed,
            6 => Self::Late,
            _ => Self::Quiet,
        }
    }
}

/// A brand that is on record as done.
struct Entry {
    at: Timestamp,
    /// Of what its row said.
    hash: String,
    run: String,
}

/// A desk where a month passes.
struct Month {
    desk: Desk,
    faketime: PathBuf,
    zone: TimeZone,
    /// What every brand's entry said after the night before.
    known: BTreeMap<String, Entry>,
    /// When each brand's row was typed or changed last.
    typed: BTreeMap<String, ZonedDateTime>,
    /// US dollars billed before the job that is going on.
    before_job: f64,
    /// Runs that took the folder, and those of them that were killed.
    runs: usize,
    kills: usize,
    /// Runs that were killed before they began.
    killed_before: usize,
    longest_wait: i64,
    dearest_job: f64,
    most_logs: u64,
}

impl Month {
    fn new(zone: &TimeZone) -> Self {
        Self {
            desk: Desk::with_list(&list_of(BRANDS)),
            faketime: faketime(),
            zone: zone.clone(),
            known: BTreeMap::new(),
            typed: BTreeMap::new(),
            before_job: 0.0,
            runs: 0,
            kills: 0,
            killed_before: 0,
            longest_wait: 0,
            dearest_job: 0.0,
            most_logs: 0,
        }
    }

    /// The program, as cron would start it at this moment.
    fn command(&self, start: &ZonedDateTime) -> Command {
        let line = format!(
            "--google-sheets --quiet --workers {WORKERS} --chunk-size 4 --max-age {MAX_AGE_DAYS} \
             --keep-logs {KEPT_LOGS_DAYS} --report-to report.json --budget {BUDGET} --deadline 06:00"
        );
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = self.desk.command(&args);
        command
            .env("TZ", ZONE)
            .env("LD_PRELOAD", &self.faketime)
            .env("FAKETIME", offset_to(start))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// A moment of the day of this start.
    fn later(&self, start: &ZonedDateTime, hour: i8, minute: i8, second: i8) -> ZonedDateTime {
        let later = start.date().at(hour, minute, second, 0);
        later.to_zoned_datetime(self.zone.clone()).unwrap()
    }

    fn billed(&self) -> f64 {
        let (_, credits, _) = self.desk.sandbox.counts();
        let credits = u32::try_from(credits).unwrap();
        self.desk.sandbox.billed_usd() + f64::from(credits) * CREDIT_USD
    }

    /// People type: a new brand each night, and now and then other websites.
    fn edit_list(&mut self, night: i64, start: &ZonedDateTime) {
        let number = BRANDS + usize::try_from(night).unwrap();
        let name = |number: usize| format!("برند شماره {number}");
        let changed: Vec<String> = match Kind::of(night) {
            // So that there is enough to do to be killed at, and to be left when the time is up.
            Kind::Killed | Kind::Short => (1..=4).map(|part| name(number * part / 5)).collect(),
            _ if night % 3 == 0 => vec![name(number / 2)],
            _ => Vec::new(),
        };
        self.desk.sandbox.edit_rows(|rows| {
            for row in rows.iter_mut() {
                if changed.iter().any(|name| row[0] == name.as_str()) {
                    row[1] = json!(format!("https://night{night}.ir"));
                }
            }
            rows.push(vec![
                json!(name(number)),
                json!(format!("https://brand{number}.ir")),
            ]);
        });
        for brand in changed.into_iter().chain([name(number)]) {
            self.typed.insert(brand, start.clone());
        }
    }

    /// Lets some models answer, and comes back when the run waits for the others.
    fn spawn_and_wait(&self, mut command: Command, answers: u64) -> std::process::Child {
        let [arrived, ..] = self.desk.sandbox.arrived();
        self.desk.sandbox.allow_models(arrived + answers);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let running = command.spawn().unwrap();
        self.desk.wait_for_models(arrived + answers + 1);
        running
    }

    fn night(&mut self, night: i64, start: &ZonedDateTime) {
        let kind = Kind::of(night);
        match kind {
            Kind::Quiet => {
                let ended = ended(self.command(start).output().unwrap());
                self.judge_end(&ended, &[0, 4]);
            }
            Kind::Overlapped => {
                let running = self.spawn_and_wait(self.command(start), 1);
                let asked: u64 = self.desk.sandbox.arrived()[0];
                let later = start + SignedDuration::from_mins(30);
                let second = ended(self.command(&later).output().unwrap());
                assert_eq!(
                    (second.code, second.err.lines().count()),
                    (Some(5), 1),
                    "{second:#?}"
                );
                assert_eq!(self.desk.json("report.json")["status"], "not_started");
                assert!(
                    self.desk.sandbox.arrived()[0] <= asked + 4,
                    "the second run asked too"
                );
                self.desk.sandbox.allow_models(u64::MAX);
                let first = ended(running.wait_with_output().unwrap());
                self.judge_end(&first, &[0, 4]);
            }
            Kind::Killed => {
                let asked: u64 = self.desk.sandbox.arrived().iter().sum();
                // A run asks more often than that, so it is always killed.
                let moment = asked + fastrand::u64(1..=20);
                let killed = self.desk.kill_at_request(self.command(start), moment);
                assert!(killed, "night {night} ended before it was killed");
                assert_state_is_readable(&self.desk);
                if self.desk.checkpoint()["status"] == "running" {
                    self.kills += 1;
                } else {
                    // While keys were validated: nothing had begun that could be on record.
                    self.killed_before += 1;
                    self.runs -= 1;
                }
            }
            Kind::Late => {
                let late = self.later(start, 5, 59, 58);
                let ended = ended(self.command(&late).output().unwrap());
                self.judge_end(&ended, &[7]);
            }
            Kind::Short => {
                let clock = self.desk.path("clock");
                let show = |at: &ZonedDateTime| std::fs::write(&clock, offset_to(at)).unwrap();
                show(start);
                let mut command = self.command(start);
                command
                    .env_remove("FAKETIME")
                    .env("FAKETIME_TIMESTAMP_FILE", &clock)
                    .env("FAKETIME_NO_CACHE", "1");
                let running = self.spawn_and_wait(command, 0);
                show(&self.later(start, 6, 0, 1));
                self.desk.sandbox.allow_models(u64::MAX);
                let ended = ended(running.wait_with_output().unwrap());
                self.judge_end(&ended, &[7]);
                let totals = &self.desk.json("report.json")["totals"];
                assert_eq!(totals["processed"], WORKERS, "{totals}");
            }
        }
        self.runs += 1;
        self.judge(night, kind, start);
    }

    fn judge_end(&mut self, ended: &Ended, codes: &[i32]) {
        let code = ended.code.unwrap();
        assert!(codes.contains(&code), "{ended:#?}");
        assert!(
            ended.out.is_empty() && (code != 0 || ended.err.is_empty()),
            "{ended:#?}"
        );
        let report = self.desk.json("report.json");
        assert_eq!(report["exit_code"], code, "{report:#}");
        assert_eq!(report["run_id"], self.desk.checkpoint()["run_id"]);
    }

    /// What holds after every night.
    fn judge(&mut self, night: i64, kind: Kind, start: &ZonedDateTime) {
        let spent = self.billed() - self.before_job;
        assert!(spent <= BUDGET + 1e-9, "night {night}: {spent} of {BUDGET}");
        self.dearest_job = self.dearest_job.max(spent);
        if kind != Kind::Killed {
            self.before_job = self.billed();
        }
        let done = self.look_at_brands(night, kind, start);
        if kind != Kind::Killed {
            let said = self.desk.json("report.json")["totals"]["succeeded"].as_u64();
            assert_eq!(
                said,
                Some(done),
                "night {night}: brands were done twice, or not recorded"
            );
        }
        self.look_at_logs(start);
    }

    /// Every brand that was done had a reason, and none waits too long. Returns how many the last run did. What a killed
    /// run did is in the registry's journal, and seen a night later.
    fn look_at_brands(&mut self, night: i64, kind: Kind, start: &ZonedDateTime) -> u64 {
        let registry = self.entries();
        let run = self.desk.checkpoint()["run_id"].clone();
        for (brand, typed) in &self.typed {
            let entry = registry.get(brand);
            let before = self.known.get(brand);
            if let (Some(entry), Some(before)) = (entry, before)
                && entry.at != before.at
            {
                let reason =
                    before.hash != entry.hash || days_between(before.at, entry.at) >= MAX_AGE_DAYS;
                assert!(reason, "night {night}: «{brand}» was done without a reason");
            }
            // Since when a report of what the row says now is missing or too old.
            let wait = match entry.filter(|entry| entry.at >= typed.timestamp()) {
                Some(entry) => days_between(entry.at, start.timestamp()) - MAX_AGE_DAYS,
                None => days_between(typed.timestamp(), start.timestamp()),
            };
            self.longest_wait = self.longest_wait.max(wait);
            assert!(
                wait <= PATIENCE_DAYS,
                "night {night} ({kind:?}): «{brand}» has waited for {wait} days"
            );
        }
        let done = registry.values().filter(|entry| run == entry.run.as_str());
        let done = done.count() as u64;
        self.known = registry;
        done
    }

    /// The brands that are on record as done.
    fn entries(&self) -> BTreeMap<String, Entry> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let registry = self.desk.registry();
        let done = registry
            .values()
            .filter(|entry| entry["status"] == "success");
        done.map(|entry| {
            let known = Entry {
                at: text(&entry["updated_at"]).parse().unwrap(),
                hash: text(&entry["input_hash"]),
                run: text(&entry["run_id"]),
            };
            (text(&entry["brand"]), known)
        })
        .collect()
    }

    fn look_at_logs(&mut self, start: &ZonedDateTime) {
        let logs = files(&self.desk.path("logs"));
        let first = start.date() - KEPT_LOGS_DAYS.days();
        for (path, _) in &logs {
            let name = path.file_name().unwrap().to_string_lossy();
            let day: jiff::civil::Date = name[6..16].parse().unwrap();
            assert!(day >= first && day <= start.date(), "{name} on {start}");
        }
        let bytes = logs.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.most_logs = self.most_logs.max(bytes);
    }

    /// What holds after all nights: each run is on record once, on a day of its own.
    fn close(self, name: &str) {
        let db = rusqlite::Connection::open(self.desk.path("state/paid.sqlite3")).unwrap();
        let mut query = db
            .prepare("SELECT started_at, status, usd FROM run")
            .unwrap();
        let runs: Vec<(i64, String, String)> = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(runs.len(), self.runs, "{runs:#?}");
        let killed = runs
            .iter()
            .filter(|(_, status, _)| status == "killed")
            .count();
        assert_eq!(killed, self.kills);
        let mut days: Vec<_> = runs
            .iter()
            .map(|(at, ..)| {
                Timestamp::from_millisecond(*at)
                    .unwrap()
                    .to_zoned_datetime(self.zone.clone())
                    .date()
            })
            .collect();
        days.sort();
        days.dedup();
        assert_eq!(days.len(), self.runs, "two runs on one day");
        let recorded: f64 = runs
            .iter()
            .map(|(_, _, usd)| usd.parse::<f64>().unwrap())
            .sum();
        println!(
            "{name}: {} runs of {NIGHTS} nights, {} killed and {} before they began; {} brands, the longest wait beyond {MAX_AGE_DAYS} days was {} days; the dearest job took ${:.3} of ${BUDGET:.2}; billed ${:.3}, on record ${recorded:.3}; logs at most {} KB",
            self.runs,
            self.kills,
            self.killed_before,
            self.known.len(),
            self.longest_wait.max(0),
            self.dearest_job,
            self.billed(),
            self.most_logs / 1024,
        );
    }
}

fn live_through(change: &ZonedDateTime) {
    let zone = change.time_zone().clone();
    let mut month = Month::new(&zone);
    let first = change.date() - (NIGHTS / 2).days();
    let mut starts = Vec::new();
    for night in 0..NIGHTS {
        let day = first + night.days();
        let start = cron(&zone, day.to_datetime(time(2, 30, 0, 0)));
        if night == 0 {
            for number in 1..=BRANDS {
                month
                    .typed
                    .insert(format!("برند شماره {number}"), start.clone());
            }
        } else {
            month.edit_list(night, &start);
        }
        month.night(night, &start);
        starts.push(start);
    }
    let hours: Vec<i64> = starts
        .windows(2)
        .map(|pair| pair[0].duration_until(&pair[1]).as_mins())
        .collect();
    let odd: Vec<i64> = hours
        .into_iter()
        .filter(|minutes| *minutes != 24 * 60)
        .collect();
    assert_eq!(odd.len(), if odd[0] > 24 * 60 { 1 } else { 2 }, "{odd:?}");
    month.close(&change.date().to_string());
}

#[test]
#[ignore = "takes minutes: .ci/run"]
fn a_month_of_nights_with_each_change_of_the_clocks() {
    let zone = TimeZone::get(ZONE).unwrap();
    // The next two changes, so that certificates and tokens of today are never of the future.
    let after = Timestamp::now() + SignedDuration::from_hours(24 * NIGHTS);
    let changes: Vec<ZonedDateTime> = zone
        .following(after)
        .take(2)
        .map(|change| change.timestamp().to_zoned_datetime(zone.clone()))
        .collect();
    in_parallel(2, changes, |change| live_through(&change));
}
