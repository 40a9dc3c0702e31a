//! The clients against the simulated services, over real HTTP.

use std::{
    marker::PhantomData,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{call::CallError, client::HttpClient, rate_limiter::RateLimiter, transport::Network};
use crate::{
    config::{Settings, options::ServiceOptions, tls},
    event::Events,
    exit::Exit,
    llm::{Listing, OpenRouter, Question, Usage},
    money::Usd,
    report::schema,
    sandbox::{Options, Sandbox},
    search::tavily::Tavily,
    store::paid::Paid,
};

/// Back-off and patience pass as fast as this.
const SPEED: f64 = 50.0;

struct Bench {
    sandbox: Sandbox,
    paid: Arc<Paid>,
    openrouter: OpenRouter,
    tavily: Tavily,
    stop: CancellationToken,
}

#[derive(Debug, Deserialize)]
struct Small {
    #[expect(dead_code, reason = "only whether it can be read matters")]
    name: Option<String>,
}

static SMALL: LazyLock<Value> = LazyLock::new(|| schema::object([("name", schema::text())]));

impl Bench {
    async fn new(faults: &[&str], cap: Option<&str>) -> Self {
        Self::with_model_rate(faults, cap, 1_000_000).await
    }

    /// Models may be asked so often a minute.
    async fn with_model_rate(faults: &[&str], cap: Option<&str>, rate: u32) -> Self {
        let options = Options {
            speed: 100_000.0,
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        let settings =
            Settings::for_sandbox(&ServiceOptions::default(), 1.0, &sandbox.services()).unwrap();
        let cap = cap.map(|cap| cap.parse().unwrap());
        let paid = Arc::new(Paid::in_memory(cap, Timestamp::now()).unwrap());
        let stop = CancellationToken::new();
        let (events, _) = Events::channel();
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(tls::trusting_none().unwrap())
            .build()
            .unwrap();
        let caller = HttpClient::new(
            Network::new(http),
            Arc::clone(&paid),
            events,
            stop.clone(),
            settings.secrets(),
            SPEED,
        );
        let gate = || Arc::new(RateLimiter::new(1_000_000, SPEED));
        let mut openrouter = OpenRouter::new(
            caller.clone(),
            Arc::new(RateLimiter::new(rate, SPEED)),
            &settings.openrouter,
            &settings.model,
        )
        .unwrap();
        assert_eq!(openrouter.look_up_model().await.unwrap(), Listing::Listed);
        let tavily = Tavily::new(caller, gate(), &settings.tavily, settings.credit_price).unwrap();
        Self {
            sandbox,
            paid,
            openrouter,
            tavily,
            stop,
        }
    }

    async fn ask(&self, user: &str) -> Result<Usage, CallError> {
        let mut usage = Usage::default();
        let question = Question::<Small> {
            name: "test",
            about: "x",
            payer: "x",
            system: "Answer.",
            user,
            max_tokens: 100,
            schema: &SMALL,
            answer: PhantomData,
        };
        self.openrouter
            .ask(&question, Timestamp::MIN, &mut usage)
            .await
            .map(|_| usage)
    }
}

#[tokio::test]
async fn the_same_question_at_the_same_time_is_paid_once() {
    let bench = Bench::new(&[], None).await;
    let search = || bench.tavily.search("\"کاله\" قیمت", Timestamp::MIN, "x");
    let (one, other) = tokio::join!(search(), search());
    assert_eq!(one.unwrap().pages.len(), other.unwrap().pages.len());
    assert_eq!(bench.sandbox.counts().1, 1);
    assert_eq!(bench.paid.this_run().credits, 1);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for fault in [
        "503",
        "429",
        "html",
        "cut",
        "error-in-200",
        "no-choices",
        "empty",
    ] {
        let bench = Bench::new(&[&format!("llm:{fault}:3x")], None).await;
        let usage = bench.ask("question").await;
        assert!(usage.is_ok(), "{fault}: {usage:?}");
    }
}

#[tokio::test]
async fn a_service_that_stays_down_ends_the_run() {
    let bench = Bench::new(&["search:503"], None).await;
    let error = bench
        .tavily
        .search("\"کاله\"", Timestamp::MIN, "x")
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Run {
                exit: Exit::Unavailable,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(bench.paid.job_spent(), (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn a_call_that_was_lost_counts_against_the_budget() {
    let bench = Bench::new(&["search:cut"], Some("0.02")).await;
    let error = bench
        .tavily
        .search("\"کاله\"", Timestamp::MIN, "x")
        .await
        .unwrap_err();
    // Two attempts at $0.008 each are set aside; a third would not fit, and that is the service's doing.
    assert!(
        matches!(&error, CallError::Run { exit: Exit::Unavailable, message, .. } if message.contains("2 failures")),
        "{error}"
    );
    assert_eq!(bench.paid.job_spent().1, "0.016".parse().unwrap());
}

#[tokio::test]
async fn a_call_that_was_lost_at_the_end_of_the_budget_is_not_the_services_fault() {
    let bench = Bench::new(&["search:cut:1x+1000000000s"], Some("0.024")).await;
    let search = |query| bench.tavily.search(query, Timestamp::MIN, "x");
    search("\"کاله\"").await.unwrap();
    // Two tries are lost, and there is no money for a third.
    let error = search("\"میهن\"").await.unwrap_err();
    assert!(matches!(error, CallError::Budget { .. }), "{error}");
}

#[tokio::test]
async fn a_call_never_costs_more_than_was_set_aside() {
    let bench = Bench::new(&[], Some("1")).await;
    let usage = bench.ask(&"پرسش ".repeat(200)).await.unwrap();
    assert!(usage.usd > Usd::ZERO && usage.tokens_in > 0, "{usage:?}");
    let prices = bench.openrouter.model().prices.unwrap();
    assert!(
        usage.usd <= prices.worst("پرسش ".len() * 200, 100),
        "{usage:?}"
    );
    assert_eq!(bench.paid.this_run().usd, usage.usd);
}

#[tokio::test]
async fn an_answer_that_is_cut_twice_fails_its_question() {
    let bench = Bench::new(&["llm:length"], None).await;
    let error = bench.ask("question").await.unwrap_err();
    assert!(error.to_string().contains("cut off"), "{error}");
    assert!(matches!(error, CallError::Request { .. }));
}

#[tokio::test]
async fn nothing_is_sent_once_the_run_winds_down() {
    let bench = Bench::new(&[], None).await;
    bench.stop.cancel();
    let error = bench
        .tavily
        .search("\"کاله\"", Timestamp::MIN, "x")
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Stopped), "{error}");
    assert_eq!(bench.sandbox.counts().1, 0);
    assert_eq!(bench.paid.job_spent(), (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn who_waits_for_a_turn_keeps_no_money_from_others() {
    // Enough for one search, and for one question to a model, but not for both together.
    let bench = Bench::with_model_rate(&[], Some("0.0082"), 1).await;
    bench.ask("first").await.unwrap();
    let spent = bench.paid.this_run().usd;
    assert!(spent < "0.0002".parse().unwrap(), "{spent:?}");
    let question = bench.ask("second");
    let search = bench.tavily.search("\"کاله\"", Timestamp::MIN, "x");
    tokio::select! {
        biased;
        answered = question => panic!("the minute is not over: {answered:?}"),
        found = search => assert_eq!(found.unwrap().cost.credits, 1),
    }
}

#[tokio::test]
async fn a_search_that_another_brand_has_paid_for_costs_nothing() {
    let bench = Bench::new(&[], None).await;
    let search = |payer| bench.tavily.search("\"هلدینگ\"", Timestamp::MIN, payer);
    let (one, other) = tokio::join!(search("one"), search("other"));
    let credits = [one.unwrap(), other.unwrap()].map(|found| found.cost.credits);
    assert_eq!(credits.iter().sum::<u32>(), 1, "{credits:?}");
    // Whoever comes back for it after a crash has still paid for it.
    let payer = ["one", "other"][usize::from(credits[1] == 1)];
    assert_eq!(search(payer).await.unwrap().cost.credits, 1);
    assert_eq!(bench.sandbox.counts().1, 1);
}
