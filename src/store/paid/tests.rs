//! The store, the ledger and the settling of lost calls.

use proptest::prelude::*;

use rusqlite::{Connection, params};

use super::*;
use crate::{
    config::caps::Caps,
    store::{
        reconciliation::Difference,
        spending,
        sqlite::{Database, SqliteLedger},
    },
};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// A run of the job that is open for this list.
fn open(folder: &tempfile::TempDir, list: &str, cap: &str) -> Arc<Paid> {
    open_within(folder, list, cap, Caps::default())
}

fn open_within(folder: &tempfile::TempDir, list: &str, cap: &str, caps: Caps) -> Arc<Paid> {
    let (db, _) = Database::open(&folder.path().join("paid.sqlite3"), Timestamp::now()).unwrap();
    paid(&Arc::new(db), list, usd(cap), caps)
}

fn paid(db: &Arc<Database>, list: &str, cap: Usd, caps: Caps) -> Arc<Paid> {
    let now = Timestamp::now();
    let job = Job::begin(db, list, list, now, false).unwrap();
    let ledger = SqliteLedger::open(Arc::clone(db), job, Some(cap), caps, now);
    Arc::new(Paid::new(Arc::new(ledger.unwrap())))
}

/// Sets money aside for a call.
async fn hold(
    paid: &Arc<Paid>,
    service: &'static str,
    hash: RequestHash,
    worst: Usd,
) -> Result<Hold, HoldError> {
    let ask = Ask {
        service,
        stage: "stage",
        model: Some("model"),
        hash,
        since: Timestamp::MAX,
        worst,
        payer: "brand",
        slot: None,
    };
    match paid.hold(ask).await? {
        Admitted::Held(hold, _) => Ok(hold),
        Admitted::Kept(kept) => panic!("there was an answer: {kept:?}"),
    }
}

fn kept(body: &str, cost: &str) -> CachedResponse {
    CachedResponse {
        body: body.into(),
        at: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap(),
        cost: Cost {
            usd: usd(cost),
            credits: 1,
        },
        payer: None,
    }
}

#[tokio::test]
async fn a_paid_answer_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let paid = open(&folder, "job", "1");
    let hash = [1; 32];
    let held = hold(&paid, "search", hash, usd("0.5")).await.unwrap();
    let answer = kept("{}", "0.008");
    held.settle(hash, answer.clone(), true).await.unwrap();
    drop(paid);

    let paid = open(&folder, "job", "1");
    let found = paid.find(hash, answer.at).await.unwrap().unwrap();
    assert_eq!(
        (found.body, found.at, found.cost),
        (answer.body, answer.at, answer.cost)
    );
    // The job goes on with its own answers, even when the clock says that they are too old.
    assert!(paid.find(hash, Timestamp::MAX).await.unwrap().is_some());
    let other = open(&folder, "another list", "1");
    assert!(other.find(hash, answer.at).await.unwrap().is_some());
    assert!(other.find(hash, Timestamp::MAX).await.unwrap().is_none());
    drop(other);
    assert_eq!(paid.job_spent(), (usd("0.008"), Usd::ZERO));
    paid.reject(hash).await.unwrap();
    assert!(paid.find(hash, answer.at).await.unwrap().is_none());
}

#[tokio::test]
async fn answers_of_the_first_version_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let db = Connection::open(folder.path().join("paid.sqlite3")).unwrap();
    db.execute_batch(
        "CREATE TABLE response (hash BLOB PRIMARY KEY, at INTEGER NOT NULL, rejected INTEGER NOT NULL,
             usd TEXT NOT NULL, credits INTEGER NOT NULL, body TEXT NOT NULL);
         CREATE TABLE spending (id INTEGER PRIMARY KEY, job TEXT NOT NULL, service TEXT NOT NULL, hash BLOB NOT NULL,
             at INTEGER NOT NULL, state TEXT NOT NULL, held TEXT NOT NULL, usd TEXT, credits INTEGER);
         PRAGMA user_version = 1;",
    )
    .unwrap();
    let now = Timestamp::now().as_millisecond();
    db.execute(
        "INSERT INTO response VALUES (?1, ?2, 0, '0.008', 1, '{\"پاسخ\": 1}')",
        params![[1u8; 32], now],
    )
    .unwrap();
    drop(db);
    let found = open(&folder, "list", "1")
        .find([1; 32], Timestamp::MIN)
        .await;
    assert_eq!(found.unwrap().unwrap().body, "{\"پاسخ\": 1}");
}

#[tokio::test]
async fn lost_calls_are_settled_by_what_the_service_reports() {
    const LONGEST: Duration = Duration::from_mins(4);
    // What the service billed for two calls that were lost, and what is left set aside.
    for (billed, late, left) in [
        ("0", false, "0"),
        ("0.3", false, "0"),
        // More than both can have cost: somebody else uses the key.
        ("2", false, "1"),
        // Less than what is known to have been spent: the figures are late.
        ("0", true, "1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let paid = open(&folder, "list", "5");
        let now = Timestamp::now();
        let read = async |usd: Usd, now| {
            paid.take_reading("llm", usd, LONGEST, now)
                .await
                .unwrap()
                .unwrap()
        };
        let first = read(usd("7"), now).await;
        let hold = |number| hold(&paid, "llm", [number; 32], usd("0.5"));
        let answered = hold(1).await.unwrap();
        answered
            .settle([1; 32], kept("{}", "0.2"), true)
            .await
            .unwrap();
        drop((hold(2).await.unwrap(), hold(3).await.unwrap()));
        let reported = match late {
            true => usd("7"),
            false => usd("7.2") + usd(billed),
        };
        // The service may still be at work on them.
        read(reported, now).await;
        assert_eq!(paid.job_spent(), (usd("0.2"), usd("1")));
        let later = now.checked_add(jiff::SignedDuration::from_mins(5)).unwrap();
        let last = read(reported, later).await;
        let spent = if left == "0" {
            usd("0.2") + usd(billed)
        } else {
            usd("0.2")
        };
        assert_eq!(
            paid.job_spent(),
            (spent, usd(left)),
            "billed {billed}, late: {late}"
        );
        let compared = paid.compare("llm", &first, &last).await.unwrap();
        let difference = match (billed, late) {
            (_, true) => Difference::Late,
            ("2", _) => Difference::Unknown,
            _ => Difference::None,
        };
        assert_eq!(compared.difference(), difference, "{compared:?}");
    }
}

#[tokio::test]
async fn a_lost_call_keeps_its_hold_across_runs_of_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let paid = open(&folder, "job", "1");
    drop(hold(&paid, "llm", [1; 32], usd("0.7")).await.unwrap());
    let refused = hold(&paid, "llm", [2; 32], usd("0.7")).await.unwrap_err();
    assert!(matches!(refused, HoldError::Budget { left, .. } if left == usd("0.3")));
    drop(paid);

    let paid = open(&folder, "job", "1");
    assert!(hold(&paid, "llm", [2; 32], usd("0.7")).await.is_err());
    drop(paid);
    let paid = open(&folder, "another job", "1");
    let held = hold(&paid, "llm", [2; 32], usd("0.7")).await.unwrap();
    held.release().await.unwrap();
    assert_eq!(paid.job_spent(), (Usd::ZERO, Usd::ZERO));
}

/// A call on its way: what was set aside, and which part of that the service will bill.
#[derive(Clone, Debug)]
struct Call {
    worst_cents: u64,
    billed_percent: u64,
    lost: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    /// Calls begin and end in any order, cost up to their worst case, are lost, and the program crashes now and then:
    /// what was billed is never over the cap, and when no call fits any more nine tenths are used.
    #[test]
    fn random_schedules_keep_the_budget_and_use_it(
        cap in 200u64..1_000,
        steps in proptest::collection::vec(
            (1u64..=20, 0u64..=100, prop::bool::weighted(0.05), 0usize..16, prop::bool::weighted(0.02)), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let cents = |n: u64| usd("0.01").times(n);
            let store = Arc::new(Database::in_memory(Timestamp::now()).unwrap());
            let begin = || paid(&store, "list", cents(cap), Caps::default());
            let mut paid = begin();
            let mut billed = Usd::ZERO;
            let mut flying: Vec<(Call, Hold)> = Vec::new();
            let mut number = 0u8;
            let mut full = false;
            for (worst_cents, billed_percent, lost, at, crash) in steps {
                number = number.wrapping_add(1);
                let call = Call { worst_cents, billed_percent, lost };
                match hold(&paid, "llm", [number; 32], cents(worst_cents)).await {
                    Ok(hold) => flying.push((call, hold)),
                    Err(refused) => full |= matches!(refused, HoldError::Budget { .. }),
                }
                if crash {
                    // All calls in flight are billed, and nobody is there to hear of it.
                    for (call, hold) in flying.drain(..) {
                        billed += cents(call.worst_cents).scaled(rust_decimal::Decimal::new(call.billed_percent.try_into().unwrap(), 2));
                        drop(hold);
                    }
                    paid = begin();
                } else if flying.len() > at {
                    let (call, hold) = flying.swap_remove(at);
                    let cost = cents(call.worst_cents).scaled(rust_decimal::Decimal::new(call.billed_percent.try_into().unwrap(), 2));
                    billed += cost;
                    if call.lost {
                        drop(hold);
                    } else {
                        let kept = CachedResponse { cost: Cost { usd: cost, credits: 0 }, ..kept("{}", "0") };
                        hold.settle([number; 32], kept, true).await.unwrap();
                    }
                }
                let (spent, uncertain) = paid.job_spent();
                prop_assert!(billed <= cents(cap), "{billed:?} billed of {:?}", cents(cap));
                prop_assert!(spent + uncertain <= cents(cap));
                if full && flying.is_empty() {
                    prop_assert!((spent + uncertain).times(10) >= cents(cap).times(9));
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_call_waits_for_money_that_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let paid = open(&folder, "job", "1");
    let first = hold(&paid, "llm", [1; 32], usd("0.9")).await.unwrap();
    let freed = paid.freed();
    let refused = hold(&paid, "llm", [2; 32], usd("0.9")).await.unwrap_err();
    assert!(matches!(refused, HoldError::Wait), "{refused:?}");
    first
        .settle([1; 32], kept("{}", "0.05"), true)
        .await
        .unwrap();
    freed.await;
    let second = hold(&paid, "llm", [2; 32], usd("0.9")).await.unwrap();
    second.release().await.unwrap();
    assert_eq!(paid.this_run().usd, usd("0.05"));
}

#[tokio::test]
async fn a_database_of_the_version_before_is_upgraded_and_its_calls_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paid.sqlite3");
    let (store, _) = Database::open(&path, Timestamp::now()).unwrap();
    store
        .with_now(|db| {
            db.execute_batch(
                "DROP INDEX spending_at; ALTER TABLE spending DROP COLUMN stage; ALTER TABLE spending DROP COLUMN model;
                 INSERT INTO spending (job, service, hash, at, state, held, usd, credits)
                 VALUES ('old', 'search', zeroblob(32), 1790000000000, 'settled', '1', '0.5', 1);
                 PRAGMA user_version = 4; PRAGMA application_id = 1651638276",
            )?;
            Ok(())
        })
        .unwrap();
    drop(store);
    let before = spending::of_folder(folder.path()).unwrap();
    let paid = open(&folder, "job", "1");
    let held = hold(&paid, "search", [1; 32], usd("0.5")).await.unwrap();
    held.settle([1; 32], kept("{}", "0.25"), true)
        .await
        .unwrap();
    drop(paid);
    let mut spending: Vec<_> = spending::of_folder(folder.path())
        .unwrap()
        .into_iter()
        .collect();
    spending.sort_by_key(|(calls, _)| calls.at);
    let [(old, of_old), (new, of_new)] = &spending[..] else {
        panic!("{spending:#?}")
    };
    assert_eq!(before.get(old), Some(of_old));
    assert_eq!(
        (old.stage.as_deref(), old.model.as_deref(), of_old.usd),
        (None, None, usd("0.5"))
    );
    assert_eq!(
        (new.stage.as_deref(), new.model.as_deref()),
        (Some("stage"), Some("model"))
    );
    assert_eq!(
        (new.list.as_deref(), of_new.usd),
        (Some("job"), usd("0.25"))
    );
}

#[tokio::test]
async fn caps_count_lost_calls_of_killed_runs_and_of_other_lists_until_their_service_says_more() {
    let folder = tempfile::tempdir().unwrap();
    let caps = Caps {
        day: Some(usd("1")),
        month: None,
    };
    let begin = |list| open_within(&folder, list, "100", caps);
    let paid = begin("one");
    paid.take_reading("llm", usd("10"), Duration::ZERO, Timestamp::now())
        .await
        .unwrap();
    let lost = hold(&paid, "llm", [1; 32], usd("0.7")).await.unwrap();
    drop((lost, paid));

    let paid = begin("another");
    let refused = hold(&paid, "llm", [2; 32], usd("0.4")).await.unwrap_err();
    assert!(
        matches!(&refused, HoldError::Budget { limit: BudgetLimit::Capped(_), left, .. } if *left == usd("0.3")),
        "{refused:?}"
    );
    // The service billed a tenth of what was set aside.
    let later = Timestamp::now() + jiff::SignedDuration::from_secs(1);
    paid.take_reading("llm", usd("10.07"), Duration::ZERO, later)
        .await
        .unwrap();
    let held = hold(&paid, "llm", [2; 32], usd("0.4")).await.unwrap();
    held.release().await.unwrap();
    let [standing] = paid.standings().await.unwrap()[..] else {
        panic!("one cap")
    };
    assert_eq!(standing.used, usd("0.07"));
}
