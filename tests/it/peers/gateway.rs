//! A gateway between the program and a service: it writes down what passes, and can answer by itself.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A request of the program.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub body: Value,
    /// How many requests to this path came before it.
    pub before: usize,
}

/// What becomes of a request.
pub enum Way {
    /// It goes on to the server at this address.
    To(String),
    /// It goes on with the header `Prefer`, by which Prism is told what to answer.
    Preferring(String, String),
    /// It goes on with further headers.
    With(String, Vec<(&'static str, String)>),
    /// The gateway itself answers with this status and body.
    Answer(u16, Value),
}

/// A request with its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub ask: Ask,
    pub status: u16,
    pub reply: Value,
    /// Where a validator says that the request or the answer is not as the document has it.
    pub violations: Vec<String>,
}

type Decide = Box<dyn Fn(&Ask) -> Way + Send + Sync>;

struct Inner {
    decide: Decide,
    client: reqwest::Client,
    seen: Mutex<Vec<Exchange>>,
    arrived: Mutex<std::collections::HashMap<String, usize>>,
}

/// A gateway that runs as long as it is kept.
pub struct Gateway {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    _runtime: tokio::runtime::Runtime,
}

impl Gateway {
    pub fn start(decide: impl Fn(&Ask) -> Way + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner {
            decide: Box::new(decide),
            client: crate::common::http::client(),
            seen: Mutex::default(),
            arrived: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let router = Router::new().fallback(pass).with_state(inner.clone());
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            inner,
            _runtime: runtime,
        }
    }

    /// Its address with a path below it.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that passed so far.
    pub fn seen(&self) -> Vec<Exchange> {
        locked(&self.inner.seen).clone()
    }

    /// Fails with each violation and the path that it is about.
    pub fn assert_valid(&self) {
        let seen = self.seen();
        let mut violations: Vec<String> = seen
            .iter()
            .flat_map(|exchange| {
                let place = format!("{} {}", exchange.ask.method, exchange.ask.path);
                let all = exchange.violations.iter();
                all.map(move |violation| format!("{place}: {violation}"))
            })
            .collect();
        violations.sort();
        violations.dedup();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let before = {
        let mut arrived = locked(&inner.arrived);
        let count = arrived.entry(path.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let ask = Ask {
        method,
        path,
        query: uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        before,
    };
    let (status, reply_headers, reply) = match (inner.decide)(&ask) {
        Way::Answer(status, reply) => {
            let headers = HeaderMap::from_iter([(
                reqwest::header::CONTENT_TYPE,
                "application/json".parse().unwrap(),
            )]);
            (
                StatusCode::from_u16(status).unwrap(),
                headers,
                Bytes::from(reply.to_string()),
            )
        }
        Way::To(base) => send_on(&inner, &ask, &base, &[], headers, body).await,
        Way::Preferring(base, prefer) => {
            send_on(&inner, &ask, &base, &[("prefer", prefer)], headers, body).await
        }
        Way::With(base, further) => send_on(&inner, &ask, &base, &further, headers, body).await,
    };
    locked(&inner.seen).push(Exchange {
        ask,
        status: status.as_u16(),
        reply: serde_json::from_slice(&reply).unwrap_or_default(),
        violations: violations(&reply_headers),
    });
    (status, reply_headers, Body::from(reply)).into_response()
}

async fn send_on(
    inner: &Inner,
    ask: &Ask,
    base: &str,
    further: &[(&'static str, String)],
    mut headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let query = match ask.query.as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    for name in ["host", "content-length", "accept-encoding", "connection"] {
        headers.remove(name);
    }
    for (name, value) in further {
        headers.insert(*name, value.parse().unwrap());
    }
    let reply = inner
        .client
        .request(ask.method.clone(), format!("{base}{}{query}", ask.path))
        .headers(headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let status = reply.status();
    let mut headers = reply.headers().clone();
    for name in [
        "content-length",
        "transfer-encoding",
        "connection",
        "content-encoding",
    ] {
        headers.remove(name);
    }
    (status, headers, reply.bytes().await.unwrap())
}

/// Prism tells them in a header: `[{"location":["request","body"],"message":"…"}]`.
fn violations(headers: &HeaderMap) -> Vec<String> {
    let Some(told) = headers.get("sl-violations") else {
        return Vec::new();
    };
    let told: Vec<Value> = serde_json::from_slice(told.as_bytes()).unwrap();
    told.iter()
        .map(|one| format!("{} {}", one["location"], one["message"]))
        .collect()
}

impl Exchange {
    /// An exchange that did not pass here.
    pub fn of(verb: &str, path: &str, query: &str, body: Value, status: u16, reply: Value) -> Self {
        Self {
            ask: Ask {
                method: verb.parse().unwrap(),
                path: path.to_owned(),
                query: query.to_owned(),
                body,
                before: 0,
            },
            status,
            reply,
            violations: Vec::new(),
        }
    }
}
