//! The requests to services and the results of calls.

use std::{borrow::Cow, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tracing::Span;
use url::{Url, form_urlencoded};

use super::{
    exchanges::Exchange,
    patience::CallPatience,
    rate_limiter::RateLimiter,
    response::{Reply, ServiceFailure, Verdict},
};
use crate::{
    error_kind::ErrorKind,
    exit::Exit,
    money::{Cost, Usd},
    store::{caps::BudgetLimit, paid::RequestHash},
};

/// How addresses of OpenRouter's own pages are known.
const OPENROUTER: &str = "openrouter.ai";

/// One service, as far as calling it goes.
#[derive(Debug)]
pub struct Service {
    /// Its name in messages.
    pub name: &'static str,
    /// The setting that holds its address.
    pub address: &'static str,
    /// What to do when it refuses the credential.
    pub credential: String,
    /// Where its account is looked after.
    pub account: Cow<'static, str>,
    pub gate: Arc<RateLimiter>,
    /// Decides what a reply means.
    pub classify: fn(&Reply) -> Verdict,
    /// What a reply in JSON says where the service puts it in a place of its own.
    pub own_words: fn(&Value) -> Option<String>,
}

/// A request to a service.
pub struct Request {
    /// What it is for, in messages: `search «کاله قیمت»`.
    pub what: String,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Body,
    /// The model that it is for.
    pub model: Option<String>,
    /// The longest that one attempt may take.
    pub timeout: Duration,
    /// The longest that all attempts may take.
    pub patience: CallPatience,
    /// The brand that it is paid for. Others may use the answer too, at no cost.
    pub payer: String,
    /// `None` for calls that cost nothing.
    pub price: Option<Price>,
}

/// What a request carries.
pub enum Body {
    None,
    /// JSON as it is sent.
    Json(String),
    /// A question as it is put this time, in JSON, and the same in the form that its answer is kept under: however it is
    /// put, the answer is the same one.
    Question {
        sent: String,
        kept_as: String,
    },
    Form(Vec<(&'static str, String)>),
}

/// Reads the cost from an answer.
pub type ReadCost = Box<dyn Fn(&Value) -> Option<Cost> + Send + Sync>;

/// What a paid call may cost, and how its answer says what it did cost.
pub struct Price {
    /// The worst case.
    pub worst: Usd,
    /// Whether that is known: a server may list no prices, and then it is nothing.
    pub agreed: bool,
    /// Reads the cost from the answer; `None` where it cannot be told, and the worst case counts.
    pub cost: ReadCost,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub json: Value,
    /// The answer, where it is a file.
    pub file: Vec<u8>,
    /// When it came from the service.
    pub at: Timestamp,
    /// What it cost when it came; nothing for whoever uses what another brand has paid for.
    pub cost: Cost,
    /// How long it waited for its turn, failed tries included.
    pub waited: Duration,
    pub hash: RequestHash,
    /// It was paid for before, and the service was not asked.
    pub replayed: bool,
    /// The exchange that brought it, where it was paid for: whoever reads it may find it of no use.
    pub wire: Option<Arc<Exchange>>,
    /// What is measured of the call: who reads the answer may find more in it.
    pub span: Span,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the run is winding down")]
    Stopped,
    /// This host was away for too long.
    #[error("the brand has been given to another host")]
    Lost,
    #[error("{limit} has {left} left, and one more call may cost up to {needed}")]
    Budget {
        limit: BudgetLimit,
        needed: Usd,
        left: Usd,
    },
    /// Only this request failed.
    #[error("{service}: {message}")]
    Request {
        service: &'static str,
        kind: ErrorKind,
        /// The HTTP status that the service gave, or the code that its body says in place of it; `None` where the
        /// failure is not one that the service named.
        status: Option<u16>,
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

/// The kind of a call, of what it is for or of a message that begins with that.
pub fn kind(what: &str) -> &str {
    what.split([' ', ':']).next().unwrap_or_default()
}

impl Service {
    /// The error that ends the run, with what to do about it.
    pub fn trouble(
        &self,
        trouble: ServiceFailure,
        status: Option<u16>,
        message: String,
    ) -> CallError {
        let remedy = match trouble {
            ServiceFailure::Refused => self.credential.clone(),
            ServiceFailure::NoCredit => format!(
                "Add credit or raise the limit at {}, then run again: nothing that was paid for is lost",
                self.account
            ),
            ServiceFailure::Upstream => format!(
                "It is not the key in OPENROUTER_API_KEY that is refused: {} has a key of its own for the provider behind it; put a valid one into its configuration, or choose another --model",
                self.account
            ),
            ServiceFailure::KeyLimit => {
                let place = match message.contains(OPENROUTER) {
                    true => "https://openrouter.ai/settings/keys",
                    false => &self.account,
                };
                format!("Raise the limit of the key at {place}, then run again: nothing that was paid for is lost")
            }
            ServiceFailure::Quota => format!(
                "Run again when the limit has ended, raise it or add credit at {}, or choose another --model: nothing that was paid for is lost",
                self.account
            ),
            ServiceFailure::Between => format!(
                "Something between this machine and the service answers in its place: check the network, a proxy (HTTPS_PROXY), a firewall, whether the service may be used from this country, and the address in {}",
                self.address
            ),
            ServiceFailure::WrongAddress if self.address == "OPENROUTER_BASE_URL" => format!(
                "Check the address in {}: it is what stands before /chat/completions, and mostly ends with /v1. If it is right, choose another model with --model",
                self.address
            ),
            ServiceFailure::WrongAddress => format!("Check the address in {}", self.address),
            ServiceFailure::WrongModel => {
                "Choose another model with --model, or check what the account allows".to_owned()
            }
            ServiceFailure::TooLarge => "An exported workbook may have 16 MB: set GOOGLE_APPLICATION_CREDENTIALS to a service-account file, which reads the sheet's cells alone, or put the list into a file of its own for --brands".to_owned(),
        };
        CallError::Run {
            exit: trouble.exit(),
            status,
            service: self.name,
            message,
            remedy,
        }
    }
}

/// A header with a key that debug output does not show.
pub fn bearer(key: &SecretString) -> anyhow::Result<HeaderMap> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        // The error would quote the key.
        .map_err(|_| anyhow::anyhow!("a key has characters that cannot be sent in a header"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
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
            model: None,
            timeout: Duration::from_mins(1),
            patience: CallPatience::Run,
            payer: String::new(),
            price: None,
        }
    }

    /// What kind of call it is: the first word of what it is for, such as `search` or `analyst`.
    pub fn kind(&self) -> &str {
        kind(&self.what)
    }

    /// The request as it goes out.
    pub fn to_send(&self) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url.clone());
        let (kind, body) = match &self.body {
            Body::None => ("", String::new()),
            Body::Json(json) | Body::Question { sent: json, .. } => {
                ("application/json", json.clone())
            }
            Body::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                let form = form.extend_pairs(fields).finish();
                ("application/x-www-form-urlencoded", form)
            }
        };
        *request.headers_mut() = self.headers.clone();
        if !kind.is_empty() {
            let kind = HeaderValue::from_static(kind);
            request.headers_mut().insert(CONTENT_TYPE, kind);
            *request.body_mut() = Some(body.into());
        }
        request
    }

    /// The same question has the same hash, wherever the service stands and whoever asks.
    pub fn hash(&self, service: &Service) -> RequestHash {
        let body = match &self.body {
            Body::Json(json) => json.as_str(),
            Body::Question { kept_as, .. } => kept_as.as_str(),
            Body::None | Body::Form(_) => "",
        };
        let endpoint = self.url.path().rsplit('/').next().unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        for part in [service.name, self.method.as_str(), endpoint, body] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
