//! The client of language models behind OpenRouter, or behind any server with the same `/chat/completions`: every
//! model, in whatever form it can be asked, answers in one schema.

mod advice;
mod answer;
mod candidate;
mod classify;
mod complete;
mod fit;
mod ladder;
pub mod lenient_json;
mod listing;
mod request;
mod signs;
mod usage;

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

pub use self::classify::{classify, classify_page};
#[cfg(fuzzing)]
pub use self::{
    answer::{Completion, Finish},
    usage::ChatUsage,
};
use self::{
    candidate::ModelCandidate,
    ladder::Ladder,
    listing::{Models, terms},
    request::Message,
};
pub use self::{
    listing::{KeyInfo, Listing},
    request::Step,
    usage::{ModelInfo, Prices, Usage},
};
use crate::{
    config::{Endpoint, ModelTerms},
    error_kind::ErrorKind,
    exit::Exit,
    http::{
        call::{Answer, CallError, Request, Service, bearer},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, ServiceFailure, Verdict},
    },
    money::Usd,
};

/// Its name in messages and in the ledger.
pub const NAME: &str = "OpenRouter";

/// The time that an answer has besides that for its tokens, and the slowest pace at which a model is expected to write.
const TIME_TO_BEGIN: Duration = Duration::from_mins(1);
const TOKENS_A_SECOND: u32 = 20;

/// The longest answer that is asked for, in tokens.
const LONGEST_ANSWER: u32 = 24_000;

/// The models of a server.
#[derive(Debug)]
pub struct OpenRouter {
    caller: HttpClient,
    /// For pages that cost nothing, also while the run winds down.
    page_caller: HttpClient,
    service: Service,
    /// The key's page and the list of models: that they answer does not mean that models do.
    pages: Service,
    base: Url,
    headers: HeaderMap,
    /// At least one, in the order in which they are asked.
    candidates: Vec<ModelCandidate>,
    terms: ModelTerms,
    /// The server failed at the key's page, and is not asked for it again.
    has_no_key_page: AtomicBool,
    /// The user knows that the server does not say what its answers use.
    said_silent: AtomicBool,
}

/// What is asked of a model, and the type that it answers in.
pub struct Question<'a, T> {
    /// Name of the schema, and of the stage in messages.
    pub name: &'static str,
    /// The brand, for messages.
    pub about: &'a str,
    /// Its key in the list, to know again who paid.
    pub payer: &'a str,
    pub system: &'a str,
    pub user: &'a str,
    /// The longest answer, in tokens; doubled once when it is cut.
    pub max_tokens: u32,
    /// The schema of the answer.
    pub schema: &'static Value,
    pub answer: PhantomData<T>,
}

/// The time that an answer of this many tokens has: a setting, or what a slow model needs.
fn time_for(max_tokens: u32, set: Option<Duration>) -> Duration {
    let writing = Duration::from_secs(u64::from(max_tokens / TOKENS_A_SECOND));
    set.unwrap_or(TIME_TO_BEGIN + writing)
}

/// The longest that one call may take.
pub fn longest_call() -> Duration {
    let set = crate::config::answer_time().ok().flatten();
    // A service that shows that it is alive has twice the time.
    time_for(LONGEST_ANSWER, set) * 2
}

impl OpenRouter {
    /// The models that are reached at this endpoint: one slug, or several with commas between them.
    pub fn new(
        caller: HttpClient,
        gate: Arc<RateLimiter>,
        endpoint: &Endpoint,
        slugs: &str,
    ) -> anyhow::Result<Self> {
        let candidates: Vec<ModelCandidate> = slugs
            .split(',')
            .map(str::trim)
            .filter(|slug| !slug.is_empty())
            .map(ModelCandidate::new)
            .collect();
        anyhow::ensure!(!candidates.is_empty(), "--model names no model");
        let gate_of_pages = Arc::new(RateLimiter::new(60, 1.0));
        Ok(Self {
            page_caller: caller.unstoppable(),
            caller,
            service: service(&endpoint.base, gate, classify),
            pages: service(&endpoint.base, gate_of_pages, classify_page),
            base: endpoint.base.clone(),
            headers: bearer(&endpoint.key)?,
            candidates,
            terms: ModelTerms::default(),
            has_no_key_page: AtomicBool::new(false),
            said_silent: AtomicBool::new(false),
        })
    }

    /// The same, with what the user has set about prices and time.
    #[must_use]
    pub fn with_terms(mut self, terms: ModelTerms) -> Self {
        self.headers.extend(terms.headers.clone());
        for candidate in &mut self.candidates {
            candidate.model.prices = terms.prices.map(Prices::set);
        }
        self.terms = terms;
        self
    }

    /// Asks what the key may do. `Ok(None)` where the server has no such page.
    pub async fn key(&self) -> Result<Option<KeyInfo>, CallError> {
        if self.has_no_key_page.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let page = self.get(&self.base, "key").await;
        if let Err(CallError::Request { status: None, .. }) = &page {
            // What it cannot do before the run it cannot do after it.
            self.has_no_key_page.store(true, Ordering::Relaxed);
        }
        let page = page?.json;
        let data = page.get("data");
        Ok(data.and_then(|data| KeyInfo::deserialize(data).ok()))
    }

    /// Looks the models up in the server's list, and remembers their prices and what they can be sent. The first that is not
    /// listed is named.
    pub async fn look_up_model(&mut self) -> Result<Listing, CallError> {
        let page = self.get(&self.base, "models").await?.json;
        let models = Models::read(&page);
        if page.get("data").is_none() {
            self.look_below_v1().await?;
        }
        let mut missing = None;
        for candidate in &mut self.candidates {
            let slug = candidate.model.slug.clone();
            let Some(listed) = models.find(&slug) else {
                missing.get_or_insert_with(|| Listing::Missing {
                    nearest: models.nearest(&slug),
                    slug,
                });
                continue;
            };
            let (prices, form) = terms(listed);
            candidate.model.prices = prices.or(self.terms.prices.map(Prices::set));
            candidate.ladder = Ladder::new(form);
        }
        Ok(missing.unwrap_or(Listing::Listed))
    }

    /// A server without a list of models may have one below `/v1`: then the address lacks that.
    async fn look_below_v1(&self) -> Result<(), CallError> {
        if self.base.path().trim_end_matches('/').ends_with("/v1") {
            return Ok(());
        }
        let below = crate::http::join(&self.base, ["v1"]);
        match self.get(&below, "models").await {
            Ok(answer) if answer.json.get("data").is_some_and(Value::is_array) => {
                let message = format!(
                    "there is nothing at {}; its models are at {below}",
                    self.base
                );
                let mut error = self
                    .service
                    .trouble(ServiceFailure::WrongAddress, None, message);
                if let CallError::Run { remedy, .. } = &mut error {
                    *remedy = format!("Put OPENROUTER_BASE_URL={below} into .env");
                }
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// The model that is asked first.
    pub fn model(&self) -> &ModelInfo {
        // There is at least one.
        &self.candidates[0].model
    }

    /// The most that a call of this kind may cost with whichever model, for a question of so many bytes; nothing without
    /// prices.
    pub fn worst_case(&self, name: &'static str, bytes: usize, max_tokens: u32) -> Usd {
        let worst = self.candidates.iter().filter_map(|candidate| {
            let form = candidate.ladder.form(name);
            let prices = candidate.model.prices?;
            Some(prices.worst(bytes, form.longest_billed(max_tokens)))
        });
        worst.max().unwrap_or_default()
    }

    /// Whether the prices of all models that may be asked are known, so that a budget can be kept.
    pub fn has_prices(&self) -> bool {
        self.candidates
            .iter()
            .all(|candidate| candidate.model.prices.is_some())
    }

    /// How the model that is asked first is asked for answers in the schema of this name.
    pub fn step(&self, schema: &'static str) -> Step {
        self.candidates[0].ladder.form(schema).step
    }

    /// Asks the model and reads its answer. A cut answer is asked for once more with twice the length, one that does
    /// not fit the schema is given back once to be mended; after that the question has failed.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question<'_, T>,
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<T, CallError> {
        let message = |role, content: &str| Message {
            role,
            content: content.to_owned().into(),
        };
        let mut messages = vec![
            message("system", question.system),
            message("user", question.user),
        ];
        let first = self.complete(question, &messages, since, usage).await?;
        let problem = match lenient_json::read(&first.text, question.schema) {
            Ok(answer) => return Ok(answer),
            Err(problem) => problem,
        };
        let repair = format!(
            "That answer does not fit the schema: {problem}. Send the whole answer again as one JSON object that fits."
        );
        messages.push(message("assistant", &first.text));
        messages.push(message("user", &repair));
        let second = self.complete(question, &messages, since, usage).await?;
        match lenient_json::read(&second.text, question.schema) {
            Ok(answer) => Ok(answer),
            Err(problem) => {
                // The next run has to ask anew instead of replaying what is of no use.
                let why = format!("the answer does not fit the schema, twice: {problem}");
                for said in [first, second] {
                    self.caller.reject(said.hash, said.wire, &why).await?;
                }
                Err(self.failed(question, ErrorKind::BadAnswer, &why))
            }
        }
    }

    fn failed<T>(&self, question: &Question<'_, T>, kind: ErrorKind, message: &str) -> CallError {
        CallError::Request {
            service: self.service.name,
            kind,
            status: None,
            message: format!("{}: {message}", question.what()),
        }
    }

    async fn get(&self, base: &Url, page: &str) -> Result<Answer, CallError> {
        let url = crate::http::join(base, page.split('/'));
        let send = |request| async move {
            self.page_caller
                .send(&self.pages, &request, Timestamp::MIN)
                .await
        };
        let again = |url, patience| Request {
            timeout: crate::http::PREFLIGHT_TIMEOUT,
            patience,
            ..Request::free(page, Method::GET, url, self.headers.clone())
        };
        if is_openrouter(&self.base) {
            return send(again(url, CallPatience::Start)).await;
        }
        // A server that breaks down at a page again and again is as good as one that has no such page.
        let shortly = CallPatience::AtMost(crate::http::PREFLIGHT_PATIENCE);
        match send(again(url.clone(), shortly)).await {
            Err(CallError::Run {
                exit: Exit::Unavailable,
                status: Some(500),
                message,
                service,
                ..
            }) => Err(CallError::Request {
                service,
                kind: ErrorKind::Rejected,
                status: None,
                message,
            }),
            Err(CallError::Run {
                exit: Exit::Unavailable,
                ..
            }) => send(again(url, CallPatience::Start)).await,
            other => other,
        }
    }
}

impl<T> Question<'_, T> {
    /// What it is for, in messages.
    fn what(&self) -> String {
        format!("{} «{}»", self.name, self.about)
    }
}

fn is_openrouter(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default();
    host == "openrouter.ai" || host.ends_with(".openrouter.ai")
}

/// Decides what a reply means.
type Classify = fn(&Reply) -> Verdict;

fn service(base: &Url, gate: Arc<RateLimiter>, classify: Classify) -> Service {
    let host = base.host_str().unwrap_or_default();
    let (credential, account) = match is_openrouter(base) {
        true => (
            "Put a valid key into OPENROUTER_API_KEY; keys are made at https://openrouter.ai/settings/keys".to_owned(),
            "https://openrouter.ai/settings/credits".to_owned(),
        ),
        false => (
            format!("Put a valid key for the server {host} into OPENROUTER_API_KEY"),
            format!("the server {host}"),
        ),
    };
    Service {
        name: NAME,
        address: "OPENROUTER_BASE_URL",
        credential,
        account: account.into(),
        gate,
        classify,
        own_words: answer::own_words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run that is stopped waits for the answers in flight, and whoever stops it must not kill it before.
    #[test]
    fn units_and_containers_that_are_stopped_have_time_for_the_longest_call() {
        let longest = time_for(LONGEST_ANSWER, None) * 2;
        let minutes = |file: &str, before: &str, behind: &str| {
            let text = std::fs::read_to_string(file).unwrap();
            let time = text
                .lines()
                .find_map(|line| line.trim().strip_prefix(before));
            let minutes = time.and_then(|time| time.trim().strip_suffix(behind)?.parse().ok());
            Duration::from_mins(minutes.unwrap())
        };
        let unit = minutes("contrib/brandintel.service", "TimeoutStopSec=", "min");
        let container = minutes("contrib/compose.yaml", "stop_grace_period:", "m");
        assert!(unit > longest && container > longest, "{longest:?}");
    }

    #[test]
    fn an_answer_has_time_in_proportion_to_its_length() {
        assert_eq!(time_for(12_000, None), Duration::from_mins(11));
        assert_eq!(time_for(24_000, None), Duration::from_mins(21));
        let set = Some(Duration::from_secs(90));
        assert_eq!(time_for(24_000, set), Duration::from_secs(90));
    }
}
