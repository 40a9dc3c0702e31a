//! The tests of what hosts share, as several of them see it at once. A server is needed: `BRANDINTEL_TEST_STATE` names
//! one on which databases may be made.

use std::sync::Arc;

use tokio_postgres::NoTls;

use super::*;
use crate::{
    brand::{BrandKey, ListMark},
    config::caps::{Caps, Term},
    error_kind::ErrorKind,
    money::{Cost, Usd},
    store::{
        StateFolder,
        caps::Period,
        checkpoint::RunStatus,
        engine::Begin,
        paid::{Admitted, Ask, CachedResponse, Hold, HoldError, Paid},
        registry::{BrandStatus, Entry, Registry},
        registry_lookup::{InMemory, RegistryLookup},
        shared_run::{Claimed, Ended, Phase, PlannedBrand, RunOutline, SharedRun, Slot, Turns},
    },
};
use jiff::Timestamp;

const WHY: &str = "needs PostgreSQL: .ci/cluster/run";

/// A database that is there as long as this value.
struct PostgresStore {
    server: tokio_postgres::Client,
    name: String,
    address: Address,
}

impl PostgresStore {
    async fn make() -> Self {
        let url = std::env::var("BRANDINTEL_TEST_STATE").expect(WHY);
        let (server, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = format!("shared_{:016x}", fastrand::u64(..));
        let create = format!("CREATE DATABASE {name}");
        server.batch_execute(&create).await.unwrap();
        let mut url = url::Url::parse(&url).unwrap();
        url.set_path(&name);
        Self {
            server,
            name,
            address: url.as_str().parse().unwrap(),
        }
    }

    /// A host in a folder of its own, which comes to the list.
    async fn host(&self, place: &str) -> Night {
        let shared = Shared::open(self.address.clone()).await.unwrap();
        let me = Host {
            name: "machine".into(),
            place: place.into(),
            workers: 8,
        };
        let begin = Begin {
            list: "list",
            run_id: &format!("run of {place} {}", shared.host),
            now: Timestamp::now(),
            force: false,
            simulated: true,
            workers: 8,
            budget: None,
            caps: Caps::default(),
        };
        shared.begin(&me, &begin).await.unwrap()
    }

    /// The lease of this host has run out.
    async fn expire(&self, night: &Night) {
        let client = connect(&self.address).await.unwrap();
        let expire = "UPDATE host SET seen_at = seen_at - interval '1 minute' WHERE id = $1";
        client.execute(expire, &[&night.shared.host]).await.unwrap();
    }

    async fn drop(self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.server.batch_execute(&drop).await.unwrap();
    }
}

/// Plans so many brands.
async fn plan(night: &Night, brands: usize) {
    let mut planned = (0..brands).map(|i| PlannedBrand {
        brand: format!("b{i}"),
        key: format!("b{i}"),
        due: "{}".into(),
    });
    let outline = RunOutline {
        total: brands,
        skipped: 0,
        rejected: 0,
        price: Usd::ZERO,
        names: Vec::new(),
    };
    let planned = night.plan(&outline, &mut || Ok(planned.next())).await;
    assert!(planned.unwrap());
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn ledger(night: &Night, cap: &str) -> Arc<Paid> {
    let ledger = PostgresLedger::new(night, Some(usd(cap)), Caps::default());
    Arc::new(Paid::new(Arc::new(ledger)))
}

/// Asks for a call of this brand, which costs a dollar at worst.
async fn ask(paid: &Arc<Paid>, brand: &str, number: u8) -> Result<Admitted, HoldError> {
    let slot = Slot {
        gate: "gate".into(),
        interval: Duration::from_millis(1),
        burst: Duration::ZERO,
    };
    let ask = Ask {
        service: "llm",
        stage: "analyst",
        model: Some("model"),
        hash: [number; 32],
        since: Timestamp::MAX,
        worst: usd("1"),
        payer: brand,
        slot: Some(&slot),
    };
    paid.hold(ask).await
}

async fn hold(paid: &Arc<Paid>, brand: &str, number: u8) -> Hold {
    match ask(paid, brand, number).await.unwrap() {
        Admitted::Held(hold, _) => hold,
        Admitted::Kept(_) => panic!("there was an answer"),
    }
}

async fn settle(hold: Hold, number: u8, cost: &str) {
    let kept = CachedResponse {
        body: "{}".into(),
        at: Timestamp::now(),
        cost: Cost {
            usd: usd(cost),
            credits: 1,
        },
        payer: None,
    };
    hold.settle([number; 32], kept, true).await.unwrap();
}

fn entry(status: BrandStatus) -> Entry {
    Entry {
        brand: "b".into(),
        list: "list".into(),
        input_hash: "00".into(),
        status,
        attempts: 1,
        run_id: "r".into(),
        updated_at: Timestamp::now(),
        cost_usd: usd("0.5"),
        report: None,
        thin: None,
        choices: None,
        changes: None,
        error_kind: ErrorKind::default(),
        error: None,
    }
}

async fn end(night: &Night, position: usize) -> bool {
    let place = i64::try_from(position).unwrap();
    let values: Vec<Value> = vec![Box::new(night.run.clone()), Box::new(place)];
    let claim = "SELECT coalesce(claim, 0) FROM work WHERE run = $1 AND position = $2";
    let claim = night.shared.ask(claim, values).await.unwrap()[0].get(0);
    end_of(night, position, claim).await
}

/// Ends a brand that was given for this request.
async fn end_of(night: &Night, position: usize, claim: i64) -> bool {
    let ended = Ended {
        position,
        claim,
        key: format!("b{position}"),
        entry: entry(BrandStatus::Success),
        findings: None,
        report: None,
    };
    night.end(ended).await.unwrap()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn one_host_plans_and_all_share_the_work() {
    let database = PostgresStore::make().await;
    let first = database.host("a").await;
    let second = database.host("b").await;
    assert_eq!(first.run, second.run);
    assert!(first.look(true).await.unwrap().leads);
    let whole = second.look(true).await.unwrap();
    assert_eq!(
        (whole.phase, whole.leads, whole.hosts),
        (Phase::Planning, false, 2)
    );
    assert!(second.claim(8, None, Usd::ZERO).await.unwrap().is_empty());
    plan(&first, 10).await;
    // Nobody plans twice.
    let outline = RunOutline {
        total: 1,
        skipped: 0,
        rejected: 0,
        price: Usd::ZERO,
        names: Vec::new(),
    };
    assert!(!second.plan(&outline, &mut || Ok(None)).await.unwrap());
    let places = |claimed: Vec<Claimed>| claimed.iter().map(|c| c.position).collect::<Vec<_>>();
    assert_eq!(
        places(first.claim(4, None, Usd::ZERO).await.unwrap()),
        [0, 1, 2, 3]
    );
    assert_eq!(
        places(second.claim(4, None, Usd::ZERO).await.unwrap()),
        [4, 5, 6, 7]
    );
    assert!(end(&first, 0).await);
    // Sent again because its answer was lost: still done, and counted once.
    assert!(end(&first, 0).await);
    // What is another's is not ended.
    assert!(!end(&first, 4).await);
    let whole = first.look(true).await.unwrap();
    assert_eq!((whole.succeeded, whole.left()), (1, 9));
    let (heard, upto) = first.hear(0).await.unwrap();
    let ended: Vec<usize> = heard
        .iter()
        .filter(|h| h.entry.is_some())
        .map(|h| h.position)
        .collect();
    assert_eq!(ended, [0]);
    assert!(first.hear(upto).await.unwrap().0.is_empty());
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn what_a_lost_host_has_in_hand_goes_to_another() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 3).await;
    assert_eq!(first.claim(2, None, Usd::ZERO).await.unwrap().len(), 2);
    let paid = ledger(&first, "10");
    let held = hold(&paid, "b0", 1).await;
    database.expire(&first).await;
    let whole = second.look(true).await.unwrap();
    assert!(whole.leads, "the lead is vacant");
    assert_eq!(whole.uncertain, usd("1"), "the call may have been billed");
    assert_eq!(second.claim(8, None, Usd::ZERO).await.unwrap().len(), 3);
    // It was only cut off, and finds out.
    assert!(matches!(ask(&paid, "b0", 2).await, Err(HoldError::Lost)));
    assert!(!end(&first, 0).await);
    // Its answer comes late, but before anybody has asked again.
    settle(held, 1, "0.25").await;
    let others = ledger(&second, "10");
    assert!(matches!(
        ask(&others, "b0", 1).await.unwrap(),
        Admitted::Kept(_)
    ));
    assert!(end(&second, 0).await);
    let whole = second.look(true).await.unwrap();
    assert_eq!((whole.spent, whole.usd), (usd("0.25"), usd("0.25")));
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn a_brand_that_comes_back_to_a_host_is_ended_once() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 1).await;
    let before = first.claim(1, None, Usd::ZERO).await.unwrap()[0].claim;
    database.expire(&first).await;
    let others = second.claim(1, None, Usd::ZERO).await.unwrap()[0].claim;
    second.put_back(0, others).await.unwrap();
    let now = first.claim(1, None, Usd::ZERO).await.unwrap()[0].claim;
    // One of its workers still has it in hand from before.
    first.put_back(0, before).await.unwrap();
    assert!(!end_of(&first, 0, before).await);
    assert!(end_of(&first, 0, now).await);
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn an_answer_that_comes_after_another_has_asked_is_not_kept() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 1).await;
    first.claim(1, None, Usd::ZERO).await.unwrap();
    let late = hold(&ledger(&first, "10"), "b0", 1).await;
    database.expire(&first).await;
    second.claim(1, None, Usd::ZERO).await.unwrap();
    let paid = ledger(&second, "10");
    let own = hold(&paid, "b0", 1).await;
    settle(late, 1, "0.5").await;
    assert!(paid.find([1; 32], Timestamp::MIN).await.unwrap().is_none());
    settle(own, 1, "0.25").await;
    assert!(paid.find([1; 32], Timestamp::MIN).await.unwrap().is_some());
    // Both were billed.
    assert_eq!(second.look(true).await.unwrap().spent, usd("0.75"));
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn one_budget_and_one_answer_for_all() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 4).await;
    first.claim(2, None, Usd::ZERO).await.unwrap();
    second.claim(2, None, Usd::ZERO).await.unwrap();
    let (one, other) = (ledger(&first, "2.5"), ledger(&second, "2.5"));
    let held = hold(&one, "b0", 1).await;
    // What another host asks now is waited for.
    assert!(matches!(ask(&other, "b2", 1).await, Err(HoldError::Busy)));
    let more = hold(&other, "b2", 2).await;
    assert!(matches!(ask(&one, "b1", 3).await, Err(HoldError::Wait)));
    settle(held, 1, "0.75").await;
    assert!(matches!(
        ask(&other, "b2", 1).await.unwrap(),
        Admitted::Kept(_)
    ));
    settle(more, 2, "1").await;
    let left = ask(&one, "b1", 3).await;
    assert!(
        matches!(left, Err(HoldError::Budget { left, .. }) if left == usd("0.75")),
        "{left:?}"
    );
    // At this price the money lasts for no other brand while some are in hand.
    assert!(
        second
            .claim(8, Some(usd("2.5")), usd("0.8"))
            .await
            .unwrap()
            .is_empty()
    );
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn a_cap_by_day_counts_what_all_hosts_and_lists_spend_on_it() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 4).await;
    first.claim(2, None, Usd::ZERO).await.unwrap();
    second.claim(2, None, Usd::ZERO).await.unwrap();
    let caps = Caps {
        day: Some(usd("2.5")),
        month: Some(usd("100")),
    };
    let capped =
        |night: &Night| Arc::new(Paid::new(Arc::new(PostgresLedger::new(night, None, caps))));
    let (one, other) = (capped(&first), capped(&second));
    let client = connect(&database.address).await.unwrap();
    // Another list has spent on this day; yesterday, and calls that cost nothing, do not count.
    let put = "INSERT INTO spending (hold, job, run, host, service, hash, at, state, held, usd)
        VALUES ($1, 'another', '', 0, 'llm', '', $2, $3, 9, $4::text::numeric)";
    let now = Timestamp::now().as_millisecond();
    let yesterday = Period::of(Term::Day, Timestamp::now())
        .from
        .as_millisecond()
        - 1;
    for (hold, at, state, spent) in [
        (-1i64, now, "settled", Some("0.5")),
        (-2, yesterday, "settled", Some("9")),
        (-3, now, "released", None),
    ] {
        client
            .execute(put, &[&hold, &at, &state, &spent])
            .await
            .unwrap();
    }
    let held = hold(&one, "b0", 1).await;
    let more = hold(&other, "b2", 2).await;
    // What is in flight on another host may give money back.
    assert!(matches!(ask(&one, "b1", 3).await, Err(HoldError::Wait)));
    settle(held, 1, "1").await;
    settle(more, 2, "0.75").await;
    let refused = ask(&one, "b1", 3).await;
    let Err(HoldError::Budget { limit, left, .. }) = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (
            limit.to_string().contains(crate::config::caps::DAILY),
            *left
        ),
        (true, usd("0.25"))
    );
    let standings = other.standings().await.unwrap();
    assert_eq!(standings[0].used, usd("2.25"));
    assert_eq!(standings[1].cap, usd("100"));
    // Each call is known by its stage and its model.
    let spending = spending::spending(&client).await.unwrap();
    let known = spending
        .iter()
        .filter(|(calls, _)| calls.stage.as_deref() == Some("analyst"));
    let (calls, usd_of): (Vec<_>, Vec<_>) = known.map(|(calls, sum)| (calls, sum.usd)).unzip();
    assert_eq!(calls[0].model.as_deref(), Some("model"));
    assert_eq!(calls[0].list.as_deref(), Some("list"));
    assert_eq!(usd_of.into_iter().sum::<Usd>(), usd("1.75"));
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn tables_of_the_first_version_become_these_and_keep_what_is_in_them() {
    let database = PostgresStore::make().await;
    let client = connect(&database.address).await.unwrap();
    client
        .batch_execute(&format!(
            "CREATE SCHEMA brandintel; CREATE TABLE version (number integer NOT NULL, moved_to text); {};
             INSERT INTO version (number) VALUES (1); INSERT INTO fence (id, key) VALUES (1, decode(repeat('07', 32), 'hex'));
             INSERT INTO spending (hold, job, run, host, service, hash, at, state, held, usd)
             VALUES (-1, 'old', '', 0, 'OpenRouter', '', 1790000000000, 'settled', 1, 0.5)",
            include_str!("schema.sql")
        ))
        .await
        .unwrap();
    Shared::open(database.address.clone()).await.unwrap();
    let spending = spending::spending(&client).await.unwrap();
    let (calls, sum) = spending.into_iter().next().unwrap();
    assert_eq!(
        (calls.stage, calls.model, sum.usd),
        (None, None, usd("0.5"))
    );
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn a_call_that_was_lost_is_not_waited_for() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 2).await;
    first.claim(1, None, Usd::ZERO).await.unwrap();
    second.claim(1, None, Usd::ZERO).await.unwrap();
    let (one, other) = (ledger(&first, "1.5"), ledger(&second, "1.5"));
    let held = hold(&one, "b0", 1).await;
    let told = one.freed();
    let mut told = std::pin::pin!(told);
    told.as_mut().enable();
    drop(held);
    // It rings at once, and again when all hosts know.
    told.await;
    let left = loop {
        match ask(&other, "b1", 1).await {
            Err(HoldError::Busy | HoldError::Wait) => {}
            ended => break ended,
        }
    };
    assert!(
        matches!(left, Err(HoldError::Budget { left, .. }) if left == usd("0.5")),
        "{left:?}"
    );
    assert_eq!(second.look(true).await.unwrap().uncertain, usd("1"));
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn what_a_lost_call_was_billed_is_booked_to_the_run_that_made_it() {
    let database = PostgresStore::make().await;
    let night = database.host("a").await;
    plan(&night, 1).await;
    night.claim(1, None, Usd::ZERO).await.unwrap();
    let paid = ledger(&night, "5");
    let read = |spent, seconds| {
        let now = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        paid.take_reading("llm", usd(spent), Duration::ZERO, now)
    };
    assert!(read("1", 0).await.unwrap().is_some());
    let held = hold(&paid, "b0", 1).await;
    let told = paid.freed();
    let mut told = std::pin::pin!(told);
    told.as_mut().enable();
    drop(held);
    told.await;
    // Until all hosts know that nobody waits for the call, it may be in flight.
    while read("1.25", 60).await.unwrap().is_none() {}
    let client = connect(&database.address).await.unwrap();
    let row = client.query_one("SELECT usd::text FROM run", &[]).await;
    assert_eq!(usd(row.unwrap().get(0)), usd("0.25"));
    let whole = night.look(true).await.unwrap();
    assert_eq!((whole.spent, whole.uncertain), (usd("0.25"), Usd::ZERO));
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn a_host_that_is_started_again_frees_what_it_had_and_a_run_without_hosts_was_killed() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 3).await;
    first.claim(3, None, Usd::ZERO).await.unwrap();
    let again = database.host("a").await;
    assert_eq!(again.run, first.run);
    assert_eq!(second.claim(8, None, Usd::ZERO).await.unwrap().len(), 3);
    assert!(again.look(true).await.unwrap().leads);
    // With the last host gone, the next run is a new one of the same job.
    database.expire(&again).await;
    database.expire(&second).await;
    let next = database.host("c").await;
    assert_ne!(next.run, first.run);
    assert_eq!(next.job.id, first.job.id);
    let client = next.shared.connect().await.unwrap();
    let runs = history::runs(&client).await.unwrap();
    let status: Vec<RunStatus> = runs.iter().map(|run| run.status).collect();
    assert_eq!(status, [RunStatus::Killed]);
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn who_leaves_puts_back_what_it_has_and_the_last_one_closes() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    plan(&first, 3).await;
    first.claim(2, None, Usd::ZERO).await.unwrap();
    assert_eq!(first.leave().await.unwrap(), 1);
    let whole = second.look(true).await.unwrap();
    assert_eq!((whole.leads, whole.hosts), (true, 1));
    assert_eq!(second.claim(8, None, Usd::ZERO).await.unwrap().len(), 3);
    assert_eq!(second.leave().await.unwrap(), 0);
    second.close(RunStatus::Complete, None, true).await.unwrap();
    assert_eq!(second.look(true).await.unwrap().phase, Phase::Closed);
    second.shared.go().await.unwrap();
    let next = database.host("c").await;
    assert_ne!(next.job.id, first.job.id, "the job had ended");
    database.drop().await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn turns_of_all_hosts_are_apart() {
    let database = PostgresStore::make().await;
    let (first, second) = (database.host("a").await, database.host("b").await);
    let slot = Slot {
        gate: "gate".into(),
        interval: Duration::from_mins(1),
        burst: Duration::ZERO,
    };
    let begun = Instant::now();
    let mut turns = Vec::new();
    for host in [&first, &second, &first, &second] {
        turns.push(host.shared.turn(&slot).await.unwrap());
    }
    for (number, pair) in turns.windows(2).enumerate() {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart > Duration::from_secs(50), "{number}: {apart:?}");
    }
    assert!(turns[0].duration_since(begun) < Duration::from_secs(30));
    // A service that asks for patience asks all hosts.
    first
        .shared
        .pause(&slot, Duration::from_hours(1))
        .await
        .unwrap();
    let paused = second.shared.turn(&slot).await.unwrap();
    assert!(paused.duration_since(begun) > Duration::from_mins(59));
    database.drop().await;
}

/// Entries of two lists, some of them with the mark of the second.
fn entries() -> Vec<(BrandKey, Entry)> {
    let lists = ["list", "other"];
    let entry = |i: usize| {
        let list = lists[i % 2];
        let key = BrandKey::stored(format!("برند{i}"));
        let key = match i % 6 {
            5 => key.in_list(&ListMark::of(list)),
            _ => key,
        };
        let entry = Entry {
            brand: format!("برند {i}"),
            list: list.into(),
            input_hash: format!("{i:016x}"),
            status: match i % 3 {
                0 => BrandStatus::Failed,
                _ => BrandStatus::Success,
            },
            attempts: 1,
            run_id: "run".into(),
            updated_at: Timestamp::from_second(i64::try_from(i).unwrap()).unwrap(),
            cost_usd: usd(&format!("0.{i:07}")),
            report: (!i.is_multiple_of(4)).then(|| format!("output/Brand {i}/brand_report.json")),
            thin: None,
            choices: None,
            changes: None,
            error_kind: ErrorKind::default(),
            error: None,
        };
        (key, entry)
    };
    (0..40).map(entry).collect()
}

#[tokio::test]
#[ignore = "needs PostgreSQL: .ci/cluster/run"]
async fn a_plan_hears_the_same_of_a_registry_wherever_it_is_kept() {
    let database = PostgresStore::make().await;
    let night = database.host("a").await;
    let client = night.shared.connect().await.unwrap();
    for (key, entry) in entries() {
        let insert = "INSERT INTO registry VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8)";
        let json = serde_json::to_string(&entry).unwrap();
        let values: [&(dyn ToSql + Sync); 8] = [
            &key.as_str(),
            &&*entry.list,
            &entry.input_hash,
            &entry.status.name(),
            &entry.updated_at.as_millisecond(),
            &entry.cost_usd.exact(),
            &entry.folder().map(|folder| folder.to_lowercase()),
            &json,
        ];
        client.execute(insert, &values).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::take(folder.path()).unwrap();
    let (mut registry, _) = Registry::open(&state, Timestamp::now()).unwrap();
    registry.record(entries()).unwrap();
    let folder = InMemory::new(&registry);
    let shared = Lookup::new(night.shared.clone());

    let mut keys: Vec<BrandKey> = entries().into_iter().map(|(key, _)| key).skip(10).collect();
    keys.push(BrandKey::stored("ناشناس".into()));
    let keys: Vec<&BrandKey> = keys.iter().collect();
    for list in ["list", "other", "third"] {
        assert_eq!(
            folder.facts(list, &keys).await.unwrap(),
            shared.facts(list, &keys).await.unwrap()
        );
        let mark = ListMark::of(list);
        let marked = folder.is_marked(&mark).await.unwrap();
        assert_eq!(marked, list == "other");
        assert_eq!(marked, shared.is_marked(&mark).await.unwrap());
    }
    assert_eq!(
        folder.entries(&keys).await.unwrap(),
        shared.entries(&keys).await.unwrap()
    );
    let folders = || vec!["brand 5".to_owned(), "Brand 5".into(), "brand 4".into()];
    let taken = folder.taken(folders()).await.unwrap();
    assert_eq!(taken, ["brand 5".to_owned()].into());
    assert_eq!(taken, shared.taken(folders()).await.unwrap());
    assert_eq!(
        folder.standing().await.unwrap(),
        shared.standing().await.unwrap()
    );
    drop(shared);
    database.drop().await;
}
