//! The record of failed exchanges as they were on the wire, so that unforeseen failures can be examined and replayed.
//! They are kept beside the logs, without secrets, and bounded.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    call::{Body, Request, Service},
    transport::Unanswered,
};
use crate::text::secrets::Secrets;

/// The file in the folder of logs, and the one before it. Scripts that read `logs/*.jsonl` do not find them.
pub const FILES: [&str; 2] = ["exchanges.1.ndjson", "exchanges.ndjson"];

/// Bytes after which a file goes on as another, and the one before is forgotten.
const PART: u64 = 8 << 20;

/// Bytes of a body that are kept.
const BODY: usize = 256 << 10;

/// Exchanges of one kind that are kept of a run: an outage says the same a thousand times.
const OF_A_KIND: u32 = 20;

/// Headers of answers that tell something; others may hold cookies.
const TELLING: [&str; 9] = [
    "content-type",
    "retry-after",
    "location",
    "server",
    "via",
    "www-authenticate",
    "x-request-id",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

/// What was sent and what came back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    pub at: Timestamp,
    pub run: String,
    pub service: String,
    /// The same for each try of the same request.
    pub call: String,
    pub what: String,
    /// The key of the brand that it was for; empty where it was for all of them.
    pub payer: String,
    /// What was wrong with it.
    pub why: String,
    pub request: SentExchange,
    /// `None` where no answer came.
    pub answer: Option<Came>,
    /// No answer came in the time that it may take.
    pub timed_out: bool,
}

/// A request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentExchange {
    pub method: String,
    pub url: String,
    pub headers: Map<String, Value>,
    /// As it was sent; the longest are cut.
    pub body: String,
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Came {
    pub status: u16,
    pub headers: Map<String, Value>,
    /// As it came; the longest are cut.
    pub body: String,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExchangeLine {
    Exchange(Box<Exchange>),
    /// The request of this call was answered in the end.
    Answered {
        run: String,
        answered: String,
    },
}

/// Where they are kept; nowhere by default.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(Option<Arc<ExchangeFile>>);

#[derive(Debug)]
struct ExchangeFile {
    folder: PathBuf,
    run: String,
    /// How many of each kind there were in this run.
    kinds: Mutex<HashMap<(String, String), u32>>,
}

impl Exchanges {
    /// Those of a run, kept in the folder of its logs.
    pub fn of_run(folder: &Path, run: &str) -> Self {
        Self(Some(Arc::new(ExchangeFile {
            folder: folder.to_owned(),
            run: run.to_owned(),
            kinds: Mutex::default(),
        })))
    }

    /// Whether they are kept.
    pub fn are_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps one that went wrong.
    pub fn keep(&self, exchange: Exchange) {
        let Some(kept) = &self.0 else {
            return;
        };
        if kept.has_enough_of(&exchange) {
            return;
        }
        let run = kept.run.clone();
        kept.write(&ExchangeLine::Exchange(Box::new(Exchange {
            run,
            ..exchange
        })));
    }

    /// Puts down that a request that failed before was answered in the end.
    pub fn answered(&self, service: &Service, request: &Request) {
        if let Some(kept) = &self.0 {
            kept.write(&ExchangeLine::Answered {
                run: kept.run.clone(),
                answered: call_of(service, request),
            });
        }
    }
}

impl ExchangeFile {
    fn has_enough_of(&self, exchange: &Exchange) -> bool {
        let status = exchange.answer.as_ref().map_or(0, |answer| answer.status);
        let what = super::call::kind(&exchange.what);
        let kind = (exchange.service.clone(), format!("{what} {status}"));
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let count = kinds.entry(kind).or_default();
        *count += 1;
        *count > OF_A_KIND
    }

    /// That it cannot be written is no reason to end a run, and the log says what went wrong all the same.
    fn write(&self, line: &ExchangeLine) {
        if let Err(error) = self.append(line) {
            tracing::debug!("an exchange is not kept: {error}");
        }
    }

    fn append(&self, line: &ExchangeLine) -> io::Result<()> {
        let path = |name| self.folder.join(name);
        let [before, now] = FILES.map(path);
        if fs::metadata(&now).is_ok_and(|about| about.len() >= PART) {
            fs::rename(&now, before)?;
        }
        fs::create_dir_all(&self.folder)?;
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let mut file = File::options().create(true).append(true).open(now)?;
        file.write_all(&bytes)
    }
}

impl Exchange {
    /// What was sent, before it is known what became of it.
    fn of(service: &Service, request: &Request, secrets: &Secrets) -> Self {
        let mut url = request.url.clone();
        // An address may hold a password.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let body = match &request.body {
            Body::None => "",
            Body::Json(json) | Body::Question { sent: json, .. } => json,
            // With such a form a credential is sent.
            Body::Form(_) => "[secret]",
        };
        let mut headers = shown(&request.headers, |_| true);
        if matches!(request.body, Body::Json(_) | Body::Question { .. }) {
            headers.insert(CONTENT_TYPE.as_str().into(), json!("application/json"));
        }
        Self {
            at: Timestamp::now(),
            run: String::new(),
            service: service.name.to_owned(),
            call: call_of(service, request),
            what: request.what.clone(),
            payer: request.payer.clone(),
            why: String::new(),
            request: SentExchange {
                method: request.method.to_string(),
                url: secrets.redact(url.as_str()),
                headers,
                body: bounded(&secrets.redact(body)),
            },
            answer: None,
            timed_out: false,
        }
    }

    /// One that was answered with this, without its secrets.
    pub fn answered(
        service: &Service,
        request: &Request,
        secrets: &Secrets,
        (status, headers, body): (u16, &HeaderMap, &str),
    ) -> Self {
        let telling = |name: &str| TELLING.contains(&name);
        let headers = shown(headers, telling).into_iter().map(|(name, value)| {
            let text = value.as_str().unwrap_or_default();
            // The address of a page to sign in at may hold a token.
            let text = match name.as_str() {
                "location" => text.split(['?', '#']).next().unwrap_or_default(),
                _ => text,
            };
            let redacted = secrets.redact(text);
            (name, redacted.into())
        });
        Self {
            answer: Some(Came {
                status,
                headers: headers.collect(),
                body: bounded(body),
            }),
            ..Self::of(service, request, secrets)
        }
    }

    /// One that was not answered.
    pub fn unanswered(
        service: &Service,
        request: &Request,
        secrets: &Secrets,
        failure: &Unanswered,
    ) -> Self {
        Self {
            why: failure.why.clone(),
            timed_out: failure.timed_out,
            ..Self::of(service, request, secrets)
        }
    }

    /// The same, with what was wrong with it.
    #[must_use]
    pub fn because(self, why: &str) -> Self {
        Self {
            why: why.to_owned(),
            ..self
        }
    }
}

/// The name of a request among others: each form in which a question is put has its own.
fn call_of(service: &Service, request: &Request) -> String {
    let body = match &request.body {
        Body::Json(json) | Body::Question { sent: json, .. } => json.as_str(),
        Body::None | Body::Form(_) => "",
    };
    let mut hasher = blake3::Hasher::new();
    for part in [service.name, request.url.path(), body] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// Headers as they are shown: credentials are sensitive, and those that a gateway wants too.
fn shown(headers: &HeaderMap, are_told: impl Fn(&str) -> bool) -> Map<String, Value> {
    let told = headers.iter().filter(|(name, _)| are_told(name.as_str()));
    let told = told.map(|(name, value)| {
        let hidden = value.is_sensitive() || name.as_str().contains("key");
        let value = match hidden {
            true => "[secret]".into(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        (name.as_str().to_owned(), value.into())
    });
    told.collect()
}

/// A body that is not too long; what is cut says so.
fn bounded(body: &str) -> String {
    if body.len() <= BODY {
        return body.to_owned();
    }
    let end = body.floor_char_boundary(BODY);
    format!("{}\n[cut: {} bytes in all]", &body[..end], body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(what: &str) -> Exchange {
        Exchange {
            at: Timestamp::UNIX_EPOCH,
            run: String::new(),
            service: "OpenRouter".into(),
            call: "c".into(),
            what: what.into(),
            payer: String::new(),
            why: "why".into(),
            request: SentExchange {
                method: "POST".into(),
                url: "http://x/".into(),
                headers: Map::new(),
                body: "x".repeat(BODY),
            },
            answer: None,
            timed_out: false,
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_size() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = 0;
        for run in 0..20 {
            let exchanges = Exchanges::of_run(folder.path(), &format!("run {run}"));
            for _ in 0..50 {
                exchanges.keep(exchange("analyst «کاله»"));
            }
            let files = fs::read_dir(folder.path()).unwrap();
            let sizes = files.map(|file| file.unwrap().metadata().unwrap().len());
            bytes = sizes.sum();
            assert!(bytes <= 2 * (PART + 2 * BODY as u64), "{bytes}");
        }
        assert!(bytes > PART, "the last are there");
        let last = fs::read_to_string(folder.path().join(FILES[1])).unwrap();
        let runs = last.lines().filter(|line| line.contains("\"run 19\""));
        assert!(runs.count() <= OF_A_KIND as usize);
        assert!(bounded(&"ی".repeat(BODY)).contains("[cut: 524288 bytes in all]"));
    }
}
