//! What many hosts gain, and what the shared store costs beside the embedded one.

use std::time::{Duration, Instant};

use brandintel::sandbox::Options;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    engine::{Engine, cpu_s},
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

fn no_time(_: &Question) -> Duration {
    Duration::from_millis(2)
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

/// A host works on a list where the tests are.
fn run_here(mut host: Host, args: &[&str]) {
    host.start(None, args);
    assert_eq!(host.wait(), Some(0));
}

/// CPU that ended hosts have used so far, in seconds.
fn hosts_cpu_s() -> f64 {
    cpu_s(std::process::id()).ended_children
}

/// What hosts' logs say of the work on brands.
struct Work {
    brands: usize,
    /// How long a brand took, in seconds.
    a_brand: f64,
    /// From the beginning of the first brand to the end of the last, in seconds.
    span: f64,
}

impl Work {
    #[expect(clippy::cast_precision_loss, reason = "some hundred brands")]
    fn of(hosts: &[Host]) -> Self {
        let lines = |message| hosts.iter().flat_map(move |host| host.logged(message));
        let at = |line: Value| {
            line["timestamp"]
                .as_str()
                .unwrap()
                .parse::<Timestamp>()
                .unwrap()
        };
        let took: Vec<f64> = lines("brand done")
            .map(|line| line["took_s"].as_f64().unwrap())
            .collect();
        let first = lines("brand started").map(at).min().unwrap();
        let last = lines("brand done").map(at).max().unwrap();
        Self {
            brands: took.len(),
            a_brand: took.iter().sum::<f64>() / took.len() as f64,
            span: last.duration_since(first).as_secs_f64(),
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn three_hosts_work_as_long_as_three_times_the_workers_must() {
    const BRANDS: usize = 240;
    const WORKERS: f64 = 8.0;
    // How long a brand takes beside seven others, where nothing is shared.
    let services = Services::start(&list_of(40), Options::default(), as_models_take);
    let network = Network::of(1, services.sandbox.address().port());
    let mut hosts = [Host::of(&services)];
    run(&network, &mut hosts, &args("8", &UNLIMITED));
    let alone = Work::of(&hosts);
    drop((network, services));

    let services = Services::start(&list_of(BRANDS), Options::default(), as_models_take);
    let network = Network::of(HOSTS, services.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let database = Database::on(&engine.url());
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| Host::of(&services)).collect();
    let state = ["--state", &database.url];
    let engine_before = engine.cpu_s();
    let whole = run(
        &network,
        &mut hosts,
        &args("8", &[&state[..], &UNLIMITED].concat()),
    );
    let together = Work::of(&hosts);
    assert_eq!(
        (together.brands, database.registry().len()),
        (BRANDS, BRANDS)
    );
    #[expect(clippy::cast_precision_loss, reason = "some hundred brands")]
    let [brands, hosts] = [BRANDS as f64, HOSTS as f64];
    let least = brands * alone.a_brand / (hosts * WORKERS);
    let ratio = together.span / least;
    println!(
        "{BRANDS} brands on {HOSTS} hosts: {:.1} s from the first to the last, {least:.1} s at least; {ratio:.3}; {whole:.1} s in all. A brand takes {:.2} s, with the embedded store {:.2} s. Of the engine a brand takes {:.1} transactions and {:.1} ms of CPU",
        together.span,
        together.a_brand,
        alone.a_brand,
        transactions(&database) / brands,
        1_000.0 * (engine.cpu_s() - engine_before) / brands
    );
    // The goal is 1.1; a machine that others use too takes longer at times.
    assert!(ratio <= 1.25, "{ratio}");
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
fn three_hosts_use_up_the_rate_that_they_share() {
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
    // The goal is 1.1; a machine that others use too takes longer at times.
    assert!(ratio <= 1.25, "{ratio}");
}

/// Seconds of CPU that a list took.
#[derive(Clone, Copy)]
struct Took {
    /// The host, with the embedded store and with the shared one.
    embedded: f64,
    shared: f64,
    engine: f64,
}

impl Took {
    fn by(brands: usize, engine: &Engine<'_>) -> Self {
        let services = Services::start(&list_of(brands), Options::default(), no_time);
        let before = hosts_cpu_s();
        run_here(Host::of(&services), &args("8", &UNLIMITED));
        let embedded = hosts_cpu_s() - before;
        drop(services);

        let services = Services::start(&list_of(brands), Options::default(), no_time);
        let database = Database::on(&engine.url());
        let state = ["--state", &database.url];
        let (before, engine_before) = (hosts_cpu_s(), engine.cpu_s());
        run_here(
            Host::of(&services),
            &args("8", &[&state[..], &UNLIMITED].concat()),
        );
        Self {
            embedded,
            shared: hosts_cpu_s() - before,
            engine: engine.cpu_s() - engine_before,
        }
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn the_shared_store_costs_two_milliseconds_of_cpu_a_brand() {
    let network = Network::of(0, 1);
    let engine = Engine::start(&network.engine);
    // What a run takes to begin and to end is none of a brand's.
    let (few, many) = (Took::by(50, &engine), Took::by(350, &engine));
    let a_brand = |of: fn(&Took) -> f64| 1_000.0 * (of(&many) - of(&few)) / 300.0;
    let (embedded, shared) = (a_brand(|took| took.embedded), a_brand(|took| took.shared));
    let engine = a_brand(|took| took.engine);
    let cost = engine + shared - embedded;
    println!(
        "CPU a brand: host {shared:.2} ms with the shared store and {embedded:.2} ms with the embedded one, engine {engine:.2} ms: {cost:.2} ms more"
    );
    // What a build for finding errors costs says nothing.
    if std::env::var_os("BRANDINTEL_TEST_PROGRAM").is_some() {
        // Hosts take less than 2 ms more, the engine some 4 beside them.
        assert!(cost <= 9.0, "{cost} ms");
    }
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn a_brand_takes_ten_round_trips() {
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
