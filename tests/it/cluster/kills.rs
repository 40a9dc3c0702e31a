//! A night in which hosts are killed, one loses the engine, and the engine goes down.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

use brandintel::sandbox::Options;

use super::{
    engine::Engine,
    host::{Host, reported_again},
    network::Network,
    services::{Question, Services},
};
use crate::common::{list_of, shared::Database};

const BRANDS: usize = 300;
const HOSTS: usize = 3;
const WORKERS: usize = 8;
/// Requests of a brand that may be in flight at once.
const REQUESTS: usize = 6;

const LLM_RPM: u32 = 600;
const SEARCH_RPM: u32 = 1_800;
const SHEETS_RPM: u32 = 60;

/// One host after the other is killed this often.
const KILL_EVERY: Duration = Duration::from_secs(4);
/// The host that is cut off, when, and for longer than the others wait before they take its work over.
const CUT_OFF: usize = 2;
const CUT: Duration = Duration::from_secs(15);
const JOINED: Duration = Duration::from_secs(40);
const CRASH: Duration = Duration::from_secs(48);
/// No night is this long.
const LONGEST: Duration = Duration::from_mins(4);

/// What happened in a night.
#[derive(Debug, Default)]
struct Night {
    kills: usize,
    /// Kills, the cut and the crash: each may lose what was in flight.
    disturbances: usize,
    took: Duration,
    codes: Vec<Option<i32>>,
}

fn takes(question: &Question) -> Duration {
    let [least, most] = if question.to_model {
        [400, 1_600]
    } else {
        [100, 600]
    };
    question.between(Duration::from_millis(least), Duration::from_millis(most))
}

struct Cluster<'a> {
    network: &'a Network,
    engine: &'a Engine<'a>,
    hosts: Vec<Host>,
    args: Vec<String>,
}

impl Cluster<'_> {
    fn start(&mut self, host: usize, more: &[&str]) {
        let args = self
            .args
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied());
        let args: Vec<&str> = args.collect();
        self.hosts[host].start(Some(&self.network.hosts[host]), &args);
    }

    /// All hosts work on the list until they have ended, whatever happens to them.
    fn live_through(&mut self, database: &Database, more: &[&str]) -> Night {
        let begun = Instant::now();
        let mut night = Night {
            codes: vec![None; HOSTS],
            ..Night::default()
        };
        let mut working = [true; HOSTS];
        let mut to_come = [CUT, JOINED, CRASH].into_iter().peekable();
        let mut next_kill = KILL_EVERY;
        let mut victim = 0;
        (0..HOSTS).for_each(|host| self.start(host, more));
        note_what_is_stored(database);
        while working.contains(&true) {
            assert!(begun.elapsed() < LONGEST, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
            for (host, working) in working
                .iter_mut()
                .enumerate()
                .filter(|(_, working)| **working)
            {
                if let Some(ended) = self.hosts[host].ended() {
                    night.codes[host] = ended.code();
                    *working = false;
                }
            }
            if to_come
                .next_if(|moment| begun.elapsed() >= *moment)
                .is_some()
            {
                night.disturbances += 1;
                match to_come.len() {
                    2 => self.network.cut(CUT_OFF),
                    1 => self.network.join(CUT_OFF),
                    _ => self.engine.crash_and_start(),
                }
            }
            if begun.elapsed() >= next_kill {
                next_kill += KILL_EVERY;
                victim = (victim + 1) % HOSTS;
                let is_cut_off = victim == CUT_OFF && (CUT..JOINED).contains(&begun.elapsed());
                if working[victim] && !is_cut_off {
                    self.hosts[victim].kill();
                    self.start(victim, more);
                    night.kills += 1;
                    night.disturbances += 1;
                }
            }
        }
        assert!(
            to_come.peek().is_none(),
            "it was over before everything had happened"
        );
        night.took = begun.elapsed();
        night
    }

    /// All hosts work on the list, undisturbed.
    fn run(&mut self, more: &[&str]) -> Vec<Option<i32>> {
        (0..HOSTS).for_each(|host| self.start(host, more));
        self.hosts.iter_mut().map(Host::wait).collect()
    }
}

/// Has the database take down when an answer is stored, as soon as the program has made its tables: before the first answer
/// comes.
fn note_what_is_stored(database: &Database) {
    let there =
        "SELECT 1 FROM pg_tables WHERE schemaname = 'brandintel' AND tablename = 'response'";
    let begun = Instant::now();
    while database.query(there, &[]).is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no tables are made"
        );
    }
    for sql in [
        "CREATE TABLE public.stored (hash bytea NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())",
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO public.stored (hash) VALUES (NEW.hash); RETURN NULL; END'",
        "CREATE TRIGGER note AFTER INSERT OR UPDATE ON brandintel.response FOR EACH ROW WHEN (NOT NEW.rejected)
         EXECUTE FUNCTION public.note()",
    ] {
        database.query(sql, &[]);
    }
}

/// Requests that were made again though their answers were stored, with what is known of them, and how many were made again
/// because their answers were lost.
fn asked_again(services: &Services, database: &Database) -> (Vec<String>, usize) {
    let rows = database.query(
        "SELECT hash, array_agg(at) FROM public.stored GROUP BY hash",
        &[],
    );
    let stored: HashMap<Vec<u8>, Vec<SystemTime>> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let (mut paid_again, mut lost) = (Vec::new(), 0);
    for (hash, asked) in services.asked() {
        let Some(stored) = stored.get(&hash[..]) else {
            panic!("asked at {asked:?}, and no answer was stored");
        };
        let first = stored.iter().min().unwrap();
        let late = asked.iter().filter(|at| *at > first).count();
        lost += asked.len() - 1 - late;
        if late > 0 {
            let holds =
                "SELECT host, state, at FROM brandintel.spending WHERE hash = $1 ORDER BY id";
            let holds = database.query(holds, &[&&hash[..]]);
            let holds = holds.iter().map(|row| {
                (
                    row.get::<_, i64>(0),
                    row.get::<_, String>(1),
                    after(row.get(2), asked[0]),
                )
            });
            let times = |times: &[SystemTime]| {
                times
                    .iter()
                    .map(|at| seconds(*at, asked[0]))
                    .collect::<Vec<_>>()
            };
            paid_again.push(format!(
                "asked at {:?} s, stored at {:?} s, held by {:?}",
                times(&asked),
                times(stored),
                holds.collect::<Vec<_>>()
            ));
        }
    }
    (paid_again, lost)
}

/// Seconds from one moment to another.
fn seconds(at: SystemTime, from: SystemTime) -> f64 {
    match at.duration_since(from) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The same, of milliseconds since 1970.
fn after(at: i64, from: SystemTime) -> f64 {
    let at = Duration::from_millis(at.try_into().unwrap());
    seconds(SystemTime::UNIX_EPOCH + at, from)
}

fn assert_sheet_is_right(services: &Services, database: &Database) {
    let statuses = services.written("brandintel status");
    let begun = *services.asked().values().flatten().min().unwrap();
    for entry in database.registry().values() {
        let brand = entry["brand"].as_str().unwrap();
        let written: Vec<_> = statuses[brand]
            .iter()
            .map(|cell| (&cell.text, seconds(cell.at, begun)))
            .collect();
        let results = written
            .iter()
            .filter(|(text, _)| text.starts_with(['✓', '⚠', '✗']));
        assert_eq!(
            results.count(),
            1,
            "{brand}: {written:?} (seconds after the first request)"
        );
    }
    let rows = services.sandbox.rows();
    let column = |header: &str| rows[0].iter().position(|cell| cell == header).unwrap();
    let (status, report, cost) = (
        column("brandintel status"),
        column("brandintel report"),
        column("brandintel cost (USD)"),
    );
    let entries = database.registry();
    let entry = |brand: &str| {
        entries
            .values()
            .find(|entry| entry["brand"] == brand)
            .unwrap()
    };
    for row in &rows[1..] {
        let entry = entry(&row[0]);
        assert!(row[status].starts_with(['✓', '⚠']), "{row:?}");
        let page = entry["report"]
            .as_str()
            .unwrap()
            .replace("brand_report.json", "report.html");
        assert_eq!(row[report], page, "{}", row[0]);
        let (in_sheet, on_record) = (
            row[cost].parse::<f64>().unwrap(),
            entry["cost_usd"].as_f64().unwrap(),
        );
        assert!((in_sheet - on_record).abs() < 0.001, "{row:?}: {on_record}");
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn a_night_of_kills_loses_nothing_pays_nothing_twice_and_keeps_the_budget() {
    let options = Options {
        llm_limit: Some(LLM_RPM),
        search_limit: Some(SEARCH_RPM),
        sheets_limit: Some(SHEETS_RPM),
        dear: true,
        ..Options::default()
    };
    let services = Services::start(&list_of(BRANDS), options, takes);
    let network = Network::of(HOSTS, services.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let database = Database::on(&engine.url());
    let hosts = (0..HOSTS).map(|_| Host::of(&services)).collect();
    let args = [
        "--google-sheets",
        "--state",
        &database.url,
        "--workers",
        &WORKERS.to_string(),
    ];
    let [llm, search, sheets] = [LLM_RPM, SEARCH_RPM, SHEETS_RPM].map(|rpm| rpm.to_string());
    let limits = [
        "--llm-rpm",
        &llm,
        "--search-rpm",
        &search,
        "--sheets-rpm",
        &sheets,
    ];
    let args = args
        .iter()
        .chain(&limits)
        .map(|&arg| arg.to_owned())
        .collect();
    let mut cluster = Cluster {
        network: &network,
        engine: &engine,
        hosts,
        args,
    };

    let budget = 100.0;
    let night = cluster.live_through(&database, &["--budget", "100"]);
    println!("{night:?}");
    assert_eq!(night.codes, [Some(0); HOSTS]);

    let registry = database.registry();
    assert_eq!(registry.len(), BRANDS, "lost");
    assert!(registry.values().all(|entry| entry["status"] == "success"));
    let reported_again = reported_again(&cluster.hosts);
    assert!(reported_again.is_empty(), "{reported_again:#?}");
    let (paid_again, lost) = asked_again(&services, &database);
    println!(
        "{} durable answers paid again, {lost} requests made again because their answers were lost",
        paid_again.len()
    );
    assert!(paid_again.is_empty(), "{paid_again:#?}");
    assert!(lost <= night.disturbances * WORKERS * REQUESTS);
    assert!(services.billed_usd() <= budget + 1e-9);
    assert_eq!(services.sandbox.refused(), 0, "answers of 429");
    assert_sheet_is_right(&services, &database);

    let (before, budget) = (services.billed_usd(), 3.0);
    let codes = cluster.run(&["--force", "--budget", "3"]);
    let billed = services.billed_usd() - before;
    println!("billed ${billed:.4} of ${budget:.2}");
    assert_eq!(codes, [Some(4); HOSTS], "the budget was reached");
    assert!(billed <= budget + 1e-9, "over budget: {billed}");
    assert_eq!(services.sandbox.refused(), 0, "answers of 429");
}
