//! What happens to every outgoing call, in one place and one order: replay a paid answer, set the budget aside, wait
//! for the rate gate, send, classify the reply, keep the answer with its cost, or wait and try again.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::{sync::Mutex as FairMutex, time::Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    gate::Gate,
    reply::{Reply, Verdict, describe, message, retry_after},
};
use crate::{
    event::{Event, Events},
    exit::Exit,
    money::Usd,
    state::paid::{Cost, Hold, HoldError, Kept, Paid, RequestHash},
};

/// Larger bodies are no answer to anything that is asked.
const BODY_LIMIT: usize = 32 << 20;

/// Times a call is sent again while other calls to the same service succeed.
const ATTEMPTS: u32 = 6;

/// How long a service that never answered is tried, and one that did.
const PATIENCE_AT_START: Duration = Duration::from_mins(1);
const PATIENCE: Duration = Duration::from_mins(15);

/// One service, as far as calling it goes.
#[derive(Debug)]
pub struct Service {
    /// Its name in messages.
    pub name: &'static str,
    /// What to do when it refuses the credential.
    pub remedy: String,
    pub gate: Gate,
    /// Decides what a reply means.
    pub classify: fn(&Reply) -> Verdict,
}

/// A request to a service.
pub struct Request {
    /// What it is for, in messages: `search «کاله قیمت»`.
    pub what: String,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Body,
    /// The longest that one attempt may take.
    pub timeout: Duration,
    /// The longest that all attempts may take, where the usual patience is too long.
    pub patience: Option<Duration>,
    /// `None` for calls that cost nothing.
    pub price: Option<Price>,
}

/// What a request carries.
pub enum Body {
    None,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

/// What a paid call may cost, and how its answer says what it did cost.
pub struct Price {
    /// The worst case.
    pub worst: Usd,
    /// Reads the cost from the answer.
    pub cost: Box<dyn Fn(&Value) -> Cost + Send + Sync>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub json: Value,
    /// When it came from the service.
    pub at: Timestamp,
    /// What it cost when it came.
    pub cost: Cost,
    pub hash: RequestHash,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the run is winding down")]
    Stopped,
    #[error("the budget has {left} left, and one more call may cost up to {needed}")]
    Budget { needed: Usd, left: Usd },
    /// Only this request failed.
    #[error("{service}: {message}")]
    Request {
        service: &'static str,
        message: String,
    },
    /// The whole run has to end.
    #[error("{service}: {message}. {remedy}")]
    Run {
        exit: Exit,
        status: Option<u16>,
        service: &'static str,
        message: String,
        remedy: String,
    },
    #[error(transparent)]
    Store(#[from] anyhow::Error),
}

impl From<HoldError> for CallError {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Budget { needed, left } => Self::Budget { needed, left },
            HoldError::Stopped => Self::Stopped,
            HoldError::Store(error) => Self::Store(error),
        }
    }
}

/// Sends calls for a run.
#[derive(Clone, Debug)]
pub struct Caller {
    http: reqwest::Client,
    paid: Arc<Paid>,
    events: Events,
    stop: CancellationToken,
    secrets: Arc<Vec<SecretString>>,
    /// How many times faster than reality time passes.
    speed: f64,
    /// Paid requests in flight: an identical one waits for the answer of the first.
    in_flight: Arc<Mutex<HashMap<RequestHash, Weak<FairMutex<()>>>>>,
}

/// How one attempt ended.
enum Attempt {
    Answer(Answer),
    Again {
        why: String,
        after: Option<Duration>,
        /// Whether this request may be the reason, and not the state of the service.
        by_request: bool,
    },
}

impl Caller {
    /// A caller that stops sending when `stop` is cancelled.
    pub fn new(
        http: reqwest::Client,
        paid: Arc<Paid>,
        events: Events,
        stop: CancellationToken,
        secrets: Vec<SecretString>,
        speed: f64,
    ) -> Self {
        Self {
            http,
            paid,
            events,
            stop,
            secrets: Arc::new(secrets),
            speed,
            in_flight: Arc::default(),
        }
    }

    /// The same caller, for calls that have to be made while the run winds down.
    pub fn unstoppable(&self) -> Self {
        Self {
            stop: CancellationToken::new(),
            ..self.clone()
        }
    }

    /// The store of paid answers.
    pub fn paid(&self) -> &Arc<Paid> {
        &self.paid
    }

    /// Brings the answer to a request, from the store where it was paid for after `since`, else from the service.
    pub async fn send(
        &self,
        service: &Service,
        request: &Request,
        since: Timestamp,
    ) -> Result<Answer, CallError> {
        let hash = request.hash(service);
        let turn = self.turn(hash);
        let _turn = match request.price {
            Some(_) => Some(turn.lock().await),
            None => None,
        };
        if request.price.is_some()
            && let Some(kept) = self.paid.find(hash, since).await?
        {
            self.say_done(service, request, true, kept.cost, Duration::ZERO);
            return Ok(Answer {
                json: serde_json::from_str(&kept.body).map_err(anyhow::Error::from)?,
                at: kept.at,
                cost: kept.cost,
                hash,
            });
        }
        let answer = self.send_until_answered(service, request, hash).await;
        if request.price.is_some() && matches!(answer, Err(CallError::Run { .. })) {
            // Nothing more can be paid for; whoever waits to do so need not find out for himself.
            self.stop.cancel();
        }
        answer
    }

    async fn send_until_answered(
        &self,
        service: &Service,
        request: &Request,
        hash: RequestHash,
    ) -> Result<Answer, CallError> {
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            let (why, wait) = match self.attempt(service, request, hash).await? {
                Attempt::Answer(answer) => {
                    self.say_done(service, request, false, answer.cost, begun.elapsed());
                    return Ok(answer);
                }
                Attempt::Again {
                    why,
                    after,
                    by_request,
                } => {
                    failures += 1;
                    if by_request && service.gate.succeeded_since(begun) && failures >= ATTEMPTS {
                        return Err(CallError::Request {
                            service: service.name,
                            message: format!("{}: {why} ({failures} times)", request.what),
                        });
                    }
                    let wait = service.gate.failed(after);
                    (why, wait.max(service.gate.back_off(failures - 1)))
                }
            };
            if begun.elapsed() + wait > self.patience(service, request) {
                return Err(CallError::Run {
                    exit: Exit::Unavailable,
                    status: None,
                    service: service.name,
                    message: format!("{why} (tried {failures} times)"),
                    remedy: "Check the network, a proxy (HTTPS_PROXY) and the service's status page, then run again: nothing that was paid for is lost".into(),
                });
            }
            self.events.say(Event::CallRetried {
                service: service.name,
                what: request.what.clone(),
                why,
                wait,
            });
            self.unless_stopped(tokio::time::sleep(wait)).await?;
        }
    }

    async fn attempt(
        &self,
        service: &Service,
        request: &Request,
        hash: RequestHash,
    ) -> Result<Attempt, CallError> {
        let hold = match &request.price {
            Some(price) => Some(
                self.paid
                    .hold(service.name, hash, price.worst, &self.stop)
                    .await?,
            ),
            None => None,
        };
        let pass = match self.unless_stopped(service.gate.enter()).await {
            Ok(pass) => pass,
            Err(stopped) => {
                release(hold).await?;
                return Err(stopped);
            }
        };
        // From here on the call may be billed, so it is waited for even when the run winds down.
        let (reply, text) = match self.exchange(request).await {
            Ok(reply) => reply,
            Err(error) => {
                drop(pass);
                let connected = !error.is_connect();
                if !connected {
                    release(hold).await?;
                }
                let why = describe(error);
                let host = request.url.host_str().unwrap_or_default();
                return Ok(Attempt::Again {
                    why: if connected {
                        why
                    } else {
                        format!("{host} cannot be reached: {why}")
                    },
                    after: None,
                    by_request: connected,
                });
            }
        };
        let verdict = (service.classify)(&reply);
        self.book(request, &reply, verdict, text, hold, hash)
            .await
            .map_err(CallError::from)
            .and_then(|(at, cost)| conclude(service, request, reply, verdict, at, cost, hash))
            .inspect(|attempt| {
                if matches!(attempt, Attempt::Answer(_)) {
                    service.gate.succeeded();
                }
            })
    }

    /// Sends once and reads the reply whole.
    async fn exchange(&self, request: &Request) -> Result<(Reply, String), reqwest::Error> {
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .timeout(request.timeout);
        builder = match &request.body {
            Body::None => builder,
            Body::Json(value) => builder.json(value),
            Body::Form(fields) => builder.form(fields),
        };
        let mut response = builder.send().await?;
        let status = response.status().as_u16();
        let asked = retry_after(response.headers(), Timestamp::now());
        let mut bytes = Vec::new();
        while bytes.len() < BODY_LIMIT {
            match response.chunk().await? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        let text = self.redact(&String::from_utf8_lossy(&bytes));
        let json: Option<Value> = serde_json::from_str(&text).ok();
        let asked = asked.or_else(|| {
            let seconds = json.as_ref()?.pointer("/error/availability/retry_after")?;
            Some(Duration::from_secs(seconds.as_u64()?))
        });
        let reply = Reply {
            status,
            retry_after: asked,
            message: message(status, json.as_ref(), &text),
            json,
        };
        Ok((reply, text))
    }

    /// Puts what a reply cost into the ledger, and a good answer into the store, before anything is done with it.
    async fn book(
        &self,
        request: &Request,
        reply: &Reply,
        verdict: Verdict,
        text: String,
        hold: Option<Hold>,
        hash: RequestHash,
    ) -> anyhow::Result<(Timestamp, Cost)> {
        let at = Timestamp::from_millisecond(Timestamp::now().as_millisecond())?;
        let (Some(price), Some(hold)) = (&request.price, hold) else {
            return Ok((at, Cost::default()));
        };
        let Some(json) = &reply.json else {
            // A success without its body may have been billed: the hold stays. A failure never is.
            match reply.status {
                200..=299 => drop(hold),
                _ => hold.release().await?,
            }
            return Ok((at, Cost::default()));
        };
        let good = matches!(verdict, Verdict::Good);
        let cost = match good || (200..=299).contains(&reply.status) {
            true => (price.cost)(json),
            false => Cost::default(),
        };
        if good || cost != Cost::default() {
            let body = text;
            hold.settle(hash, Kept { body, at, cost }, good).await?;
        } else {
            hold.release().await?;
        }
        Ok((at, cost))
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, CallError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(CallError::Stopped),
            done = work => Ok(done),
        }
    }

    /// The longest that a request is tried before its service counts as unavailable.
    fn patience(&self, service: &Service, request: &Request) -> Duration {
        let usual = if service.gate.ever_succeeded() {
            PATIENCE
        } else {
            PATIENCE_AT_START
        };
        request.patience.unwrap_or(usual).div_f64(self.speed)
    }

    fn turn(&self, hash: RequestHash) -> Arc<FairMutex<()>> {
        let mut turns = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&hash).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(hash, Arc::downgrade(&turn));
        turn
    }

    fn say_done(
        &self,
        service: &Service,
        request: &Request,
        replayed: bool,
        cost: Cost,
        took: Duration,
    ) {
        self.events.say(Event::CallDone {
            service: service.name,
            what: request.what.clone(),
            replayed,
            cost,
            took,
        });
    }

    /// Services quote keys in their error messages.
    fn redact(&self, body: &str) -> String {
        self.secrets.iter().fold(body.to_owned(), |body, secret| {
            match body.contains(secret.expose_secret()) {
                true => body.replace(secret.expose_secret(), &crate::settings::hint(secret)),
                false => body,
            }
        })
    }
}

impl Request {
    /// A request that costs nothing.
    pub fn free(what: impl Into<String>, method: Method, url: Url, headers: HeaderMap) -> Self {
        Self {
            what: what.into(),
            method,
            url,
            headers,
            body: Body::None,
            timeout: Duration::from_mins(1),
            patience: None,
            price: None,
        }
    }

    /// The same question has the same hash, wherever the service stands and whoever asks.
    fn hash(&self, service: &Service) -> RequestHash {
        let body = match &self.body {
            Body::Json(value) => value.to_string(),
            Body::None | Body::Form(_) => String::new(),
        };
        let endpoint = self.url.path().rsplit('/').next().unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        for part in [service.name, self.method.as_str(), endpoint, &body] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

async fn release(hold: Option<Hold>) -> anyhow::Result<()> {
    match hold {
        Some(hold) => hold.release().await,
        None => Ok(()),
    }
}

fn conclude(
    service: &Service,
    request: &Request,
    reply: Reply,
    verdict: Verdict,
    at: Timestamp,
    cost: Cost,
    hash: RequestHash,
) -> Result<Attempt, CallError> {
    match verdict {
        Verdict::Good => Ok(Attempt::Answer(Answer {
            json: reply.json.unwrap_or_default(),
            at,
            cost,
            hash,
        })),
        Verdict::Transient => Ok(Attempt::Again {
            why: reply.message,
            after: reply.retry_after,
            by_request: !matches!(reply.status, 429 | 503 | 529),
        }),
        Verdict::Request => Err(CallError::Request {
            service: service.name,
            message: format!("{}: {}", request.what, reply.message),
        }),
        Verdict::Run(exit) => Err(CallError::Run {
            exit,
            status: Some(reply.status),
            service: service.name,
            message: reply.message,
            remedy: service.remedy.clone(),
        }),
    }
}
