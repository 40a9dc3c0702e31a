//! Spans reach a collector of OpenTelemetry, and a collector that is not there disturbs nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::common::{self, Desk, ended, list_of};
use axum::{Router, http::StatusCode, routing::post};
use serde_json::Value;

/// A collector on a loopback port, and what it received.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<Value>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    fn answering(status: StatusCode) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        let take = move |body: String| async move {
            kept.lock()
                .unwrap()
                .push(serde_json::from_str(&body).unwrap());
            (status, "{}")
        };
        let router = Router::new().route("/v1/traces", post(take));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            received,
            _runtime: runtime,
        }
    }

    /// All spans, by their ids.
    fn spans(&self) -> BTreeMap<String, Value> {
        let received = self.received.lock().unwrap();
        let scopes = received
            .iter()
            .flat_map(|body| all(&body["resourceSpans"]))
            .flat_map(|resource| all(&resource["scopeSpans"]));
        let spans = scopes.flat_map(|scope| all(&scope["spans"]));
        spans
            .map(|span| (span["spanId"].as_str().unwrap().to_owned(), span.clone()))
            .collect()
    }
}

fn all(list: &Value) -> &[Value] {
    list.as_array().unwrap()
}

fn attribute<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    let found = all(&of["attributes"]).iter().find(|a| a["key"] == name)?;
    found["value"].as_object()?.values().next()
}

fn run(desk: &Desk, endpoint: &str) -> common::Ended {
    let mut command = desk.command(&["--google-sheets", "--workers", "2", "--quiet"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    ended(command.output().unwrap())
}

#[test]
fn a_brand_is_a_trace_of_stages_and_calls_with_their_cost() {
    let desk = Desk::with_list(&list_of(2));
    let collector = Collector::answering(StatusCode::OK);
    let ended = run(&desk, &collector.address);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let spans = collector.spans();
    let parent = |span: &Value| spans.get(span["parentSpanId"].as_str().unwrap_or_default());
    let brands: Vec<&Value> = spans.values().filter(|s| s["name"] == "brand").collect();
    assert_eq!(brands.len(), 2);
    for brand in &brands {
        assert!(parent(brand).is_none(), "{brand}");
        assert_eq!(
            attribute(brand, "run_id").unwrap(),
            &desk.checkpoint()["run_id"]
        );
    }
    for stage in ["search", "analyst", "check", "strategist", "save"] {
        let mut found = spans.values().filter(|s| s["name"] == stage);
        assert!(
            found.all(|s| parent(s).unwrap()["name"] == "brand"),
            "{stage}"
        );
    }
    let paid = spans.values().filter(|span| {
        span["kind"] == 3 && !span["parentSpanId"].as_str().unwrap_or("").is_empty()
    });
    let mut cost = 0.0;
    for call in paid {
        assert!(
            ["search", "analyst", "strategist"]
                .contains(&parent(call).unwrap()["name"].as_str().unwrap())
        );
        cost += attribute(call, "cost_usd").unwrap().as_f64().unwrap();
    }
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    assert!((cost - spent).abs() < 1e-9 && spent > 0.0, "{cost} {spent}");
    let received = collector.received.lock().unwrap();
    let resource = &received[0]["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name").unwrap(), "brandintel");
    let text = serde_json::to_string(&*received).unwrap();
    assert!(!text.contains("0123456789"), "a secret was exported");
}

#[test]
fn a_collector_that_fails_or_is_not_there_disturbs_nothing() {
    let failing = Collector::answering(StatusCode::INTERNAL_SERVER_ERROR);
    for endpoint in [failing.address.as_str(), "http://127.0.0.1:1", "no address"] {
        let desk = Desk::with_list(&list_of(1));
        let ended = run(&desk, endpoint);
        assert_eq!(ended.code, Some(0), "{endpoint}: {}", ended.err);
        assert!(ended.err.contains("[WARNING]"), "{endpoint}: {}", ended.err);
        assert_eq!(desk.checkpoint()["succeeded"], 1);
    }
}
