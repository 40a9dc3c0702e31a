//! What many hosts gain, and what the shared store costs them. Times depend on the machine and are printed; what is asserted
//! are counts.

use std::time::{Duration, Instant};

use brandintel::sandbox::Options;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    engine::Engine,
    host::Host,
    network::Network,
    services::{Question, Services},
    trips::Line,
};
use crate::common::{list_of, shared::Database};

const HOSTS: usize = 3;
const UNLIMITED: [&str; 6] = [
    "--llm-rpm",
    "100000",
    "--search-rpm",
    "100000",
    "--sheets-rpm",
    "100000",
];

/// A brand takes some seconds, which is less than in reality.
fn as_models_take(question: &Question) -> Duration {
    let [least, most] = if question.to_model {
        [500, 1_500]
    } else {
        [200, 800]
    };
    question.between(Duration::from_millis(least), Duration::from_millis(most))
}

fn args<'a>(workers: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--google-sheets", "--workers", workers][..], more].concat()
}

/// Hosts work on a list together, or one by itself. Returns how long that took, in seconds.
fn run(network: &Network, hosts: &mut [Host], args: &[&str]) -> f64 {
    let begun = Instant::now();
    for (host, namespace) in hosts.iter_mut().zip(&network.hosts) {
        host.start(Some(namespace), args);
    }
    for host in hosts {
        assert_eq!(host.wait(), Some(0));
    }
    begun.elapsed().as_secs_f64()
}

/// What hosts' logs say of the work on brands.
struct Work {
    /// Brands that each host has done.
    done: Vec<usize>,
    /// The most brands that were in flight at one moment, on all hosts together.
    most_in_flight: usize,
    /// How long a brand took, in seconds.
    a_brand: f64,
    /// From the beginning of the first brand to the end of the last, in seconds.
    span: f64,
}

impl Work {
    #[expect(clippy::cast_precision_loss, reason = "some hundred brands")]
    fn of(hosts: &[Host]) -> Self {
        let lines = |message| hosts.iter().flat_map(move |host| host.logged(message));
        let at = |line: &Value| {
            line["timestamp"]
                .as_str()
                .unwrap()
                .parse::<Timestamp>()
                .unwrap()
        };
        let ended: Vec<Value> = lines("brand done").collect();
        let took = ended.iter().map(|line| line["took_s"].as_f64().unwrap());
        // A brand that ends makes room for the next one of the same moment.
        let mut moments: Vec<(Timestamp, isize)> = lines("brand started")
            .map(|line| (at(&line), 1))
            .chain(ended.iter().map(|line| (at(line), -1)))
            .collect();
        moments.sort();
        let in_flight = moments.iter().scan(0, |now, (_, step)| {
            *now += step;
            Some(*now)
        });
        let [(first, _), .., (last, _)] = moments[..] else {
            panic!("no brand was done");
        };
        Self {
            done: hosts
                .iter()
                .map(|host| host.logged("brand done").len())
                .collect(),
            most_in_flight: in_flight.max().unwrap().try_into().unwrap(),
            a_brand: took.sum::<f64>() / ended.len() as f64,
            span: last.duration_since(first).as_secs_f64(),
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn three_hosts_have_three_times_the_workers_at_work() {
    const BRANDS: usize = 240;
    const WORKERS: usize = 8;
    // How long a brand takes beside seven others, where nothing is shared.
    let services = Services::start(&list_of(40), Options::default(), as_models_take);
    let network = Network::of(1, services.sandbox.address().port());
    let mut hosts = [Host::of(&services)];
    run(&network, &mut hosts, &args("8", &UNLIMITED));
    let alone = Work::of(&hosts);
    // A brand ends in the log once it is on record, when its worker may have begun another.
    assert!(alone.most_in_flight >= WORKERS);
    drop((network, services));

    let services = Services::start(&list_of(BRANDS), Options::default(), as_models_take);
    let network = Network::of(HOSTS, services.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let database = Database::on(&engine.url());
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| Host::of(&services)).collect();
    let state = ["--state", &database.url];
    let whole = run(
        &network,
        &mut hosts,
        &args("8", &[&state[..], &UNLIMITED].concat()),
    );
    let together = Work::of(&hosts);
    assert_eq!(
        (together.done.iter().sum(), database.registry().len()),
        (BRANDS, BRANDS)
    );
    assert!(together.most_in_flight >= HOSTS * WORKERS);
    assert!(!together.done.contains(&0), "{:?}", together.done);
    #[expect(clippy::cast_precision_loss, reason = "some hundred brands")]
    let [brands, workers] = [BRANDS as f64, (HOSTS * WORKERS) as f64];
    let least = brands * alone.a_brand / workers;
    let ratio = together.span / least;
    println!(
        "{BRANDS} brands on {HOSTS} hosts: {:.1} s from the first to the last, {least:.1} s at least; {ratio:.3}; {whole:.1} s in all. A brand takes {:.2} s, with the embedded store {:.2} s. Of the engine a brand takes {:.1} transactions",
        together.span,
        together.a_brand,
        alone.a_brand,
        transactions(&database) / brands
    );
}

/// Transactions that were committed in a database, each sent in one piece.
fn transactions(database: &Database) -> f64 {
    let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    #[expect(clippy::cast_precision_loss, reason = "some thousand transactions")]
    let committed = database.count(sql) as f64;
    committed
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn three_hosts_keep_to_the_rate_that_they_share() {
    const LLM_RPM: u32 = 600;
    let options = Options {
        llm_limit: Some(LLM_RPM),
        ..Options::default()
    };
    let services = Services::start(&list_of(150), options, as_models_take);
    let network = Network::of(HOSTS, services.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let database = Database::on(&engine.url());
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| Host::of(&services)).collect();
    let limits = [
        "--state",
        &database.url,
        "--llm-rpm",
        "600",
        "--search-rpm",
        "100000",
        "--sheets-rpm",
        "100000",
    ];
    let whole = run(&network, &mut hosts, &args("8", &limits));
    let asked = services.asked_models();
    let took = asked[asked.len() - 1]
        .duration_since(asked[0])
        .unwrap()
        .as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "some hundred calls")]
    let least = (asked.len() - 1) as f64 * 60.0 / f64::from(LLM_RPM);
    let ratio = took / least;
    println!(
        "{} model calls at {LLM_RPM} a minute: {took:.1} s from the first to the last, {least:.1} s at least; {ratio:.3}; {whole:.1} s in all",
        asked.len()
    );
    assert_eq!(services.sandbox.refused(), 0);
    let done = Work::of(&hosts).done;
    assert!(!done.contains(&0), "a host had no part in it: {done:?}");
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn a_brand_takes_ten_round_trips_at_most() {
    const BRANDS: usize = 64;
    // As models take, because what is asked at the same time travels together.
    let services = Services::start(&list_of(BRANDS), Options::default(), as_models_take);
    let network = Network::of(0, services.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let line = Line::to(&Engine::address());
    let database = Database::on(&engine.url());
    let by_line = database
        .url
        .replace(&Engine::address(), &line.address.to_string());
    let state = ["--state", &by_line];
    let mut host = Host::of(&services);
    host.start(None, &args("8", &[&state[..], &UNLIMITED].concat()));
    while services.asked_models().is_empty() {
        assert!(host.ended().is_none(), "it asked nothing");
    }
    // What it took to make the tables and to plan is none of a brand's.
    let before = line.trips();
    assert_eq!(host.wait(), Some(0));
    assert_eq!(database.registry().len(), BRANDS);
    #[expect(clippy::cast_precision_loss, reason = "some hundred trips")]
    let (trips, brands) = ((line.trips() - before) as f64, BRANDS as f64);
    println!(
        "a brand takes {:.1} round trips, the end of the run included; {:.1} transactions with its beginning",
        trips / brands,
        transactions(&database) / brands
    );
    assert!(trips / brands <= 10.0);
}
