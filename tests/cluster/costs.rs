//! What many hosts gain, and what the shared store costs beside the embedded one.

use std::time::{Duration, Instant};

use brandintel::sandbox::Options;

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

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn three_hosts_do_three_times_as_much_in_the_same_time() {
    const BRANDS: usize = 240;
    let alone = Services::start(&list_of(BRANDS / HOSTS), Options::default(), as_models_take);
    let network = Network::of(1, alone.sandbox.address().port());
    let one = run(&network, &mut [Host::of(&alone)], &args("8", &UNLIMITED));
    drop(network);

    let together = Services::start(&list_of(BRANDS), Options::default(), as_models_take);
    let network = Network::of(HOSTS, together.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let database = Database::on(&engine.url());
    let mut hosts: Vec<_> = (0..HOSTS).map(|_| Host::of(&together)).collect();
    let state = ["--state", &database.url];
    let three = run(
        &network,
        &mut hosts,
        &args("8", &[&state[..], &UNLIMITED].concat()),
    );
    assert_eq!(database.registry().len(), BRANDS);
    let shares: Vec<_> = hosts
        .iter()
        .map(|host| host.logged("brand done").len())
        .collect();
    let ratio = three / one;
    println!(
        "{HOSTS} hosts: {three:.1} s for {BRANDS} brands ({shares:?}); one host with the embedded store: {one:.1} s for a third of them; {ratio:.3}"
    );
    assert!(ratio <= 1.1, "{ratio}");
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
    assert!(ratio <= 1.1, "{ratio}");
}

#[test]
#[ignore = "needs PostgreSQL and network namespaces: .ci/cluster/run"]
fn the_shared_store_costs_two_milliseconds_and_ten_round_trips_a_brand() {
    const BRANDS: usize = 300;
    const FEW: usize = 40;
    let embedded = Services::start(&list_of(BRANDS), Options::default(), no_time);
    let network = Network::of(0, embedded.sandbox.address().port());
    let engine = Engine::start(&network.engine);
    let before = hosts_cpu_s();
    run_here(Host::of(&embedded), &args("8", &UNLIMITED));
    let embedded_s = hosts_cpu_s() - before;
    drop(embedded);

    let shared = Services::start(&list_of(BRANDS), Options::default(), no_time);
    let database = Database::on(&engine.url());
    let (before, engine_before) = (hosts_cpu_s(), engine.cpu_s());
    let state = ["--state", &database.url];
    run_here(
        Host::of(&shared),
        &args("8", &[&state[..], &UNLIMITED].concat()),
    );
    let (shared_s, engine_s) = (hosts_cpu_s() - before, engine.cpu_s() - engine_before);
    #[expect(clippy::cast_precision_loss, reason = "some hundred brands")]
    let a_brand = |seconds: f64| 1_000.0 * seconds / BRANDS as f64;
    let cost = a_brand(engine_s + shared_s - embedded_s);
    println!(
        "CPU a brand: host {:.2} ms with the shared store and {:.2} ms with the embedded one, engine {:.2} ms: {cost:.2} ms more",
        a_brand(shared_s),
        a_brand(embedded_s),
        a_brand(engine_s)
    );
    let committed = database
        .count("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()");

    let few = Services::start(&list_of(FEW), Options::default(), no_time);
    let line = Line::to(&Engine::address());
    let database = Database::on(&engine.url());
    let by_line = database
        .url
        .replace(&Engine::address(), &line.address.to_string());
    let state = ["--state", &by_line];
    run_here(
        Host::of(&few),
        &args("1", &[&state[..], &UNLIMITED].concat()),
    );
    assert_eq!(database.registry().len(), FEW);
    #[expect(clippy::cast_precision_loss, reason = "some hundred trips")]
    let (trips, transactions) = (
        line.trips() as f64 / FEW as f64,
        committed as f64 / BRANDS as f64,
    );
    println!(
        "round trips a brand with one worker: {trips:.1}, beginning and end of the run included; transactions a brand with eight: {transactions:.1}"
    );
    assert!(trips <= 10.0, "{trips}");
    // What a build for finding errors costs says nothing.
    if std::env::var_os("BRANDINTEL_TEST_PROGRAM").is_some() {
        assert!(cost <= 2.0, "{cost} ms");
    }
}
