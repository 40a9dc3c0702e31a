//! OpenRouter: chat completions in a strict schema, the state of the key, the prices of models. Any other server with
//! the same `/chat/completions` works too.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Method,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::{
    call::{Answer, Body, CallError, Price, Request, Service},
    caller::Caller,
    gate::Gate,
    mend,
    model::{ChatUsage, Model, Prices, Usage},
    reply::{Reply, Trouble, Verdict, usual_verdict},
};
use crate::{
    money::Usd,
    remedy::ErrorKind,
    settings::Endpoint,
    state::paid::{Cost, RequestHash},
};

/// Its name in messages and in the ledger.
pub const NAME: &str = "OpenRouter";

/// The longest that a model may take for one answer.
pub const TIMEOUT: Duration = Duration::from_mins(4);

/// A model on a server.
#[derive(Debug)]
pub struct OpenRouter {
    caller: Caller,
    /// For pages that cost nothing, also while the run winds down.
    page_caller: Caller,
    service: Service,
    /// The key's page and the list of models: that they answer does not mean that models do.
    pages: Service,
    base: Url,
    headers: HeaderMap,
    model: Model,
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

/// The state of a key.
#[derive(Debug, Deserialize)]
pub struct KeyInfo {
    /// US dollars that the key may still spend; `None` without a limit.
    pub limit_remaining: Option<f64>,
    /// US dollars that the key has spent, ever.
    pub usage: Option<f64>,
}

/// A request for a completion. What all brands share comes first, so that the provider's prompt cache can help.
#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: &'a [Message<'a>],
    response_format: ResponseFormat<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Value>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: NamedSchema<'a>,
}

#[derive(Serialize)]
struct NamedSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a Value,
}

#[derive(Deserialize)]
struct ChatResult {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: Said,
}

#[derive(Deserialize)]
struct Said {
    content: Option<Value>,
}

/// One answer of the model, read as far as every answer is read.
struct Completion {
    text: String,
    cut: bool,
    hash: RequestHash,
}

/// Whether a server lists the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    Listed,
    Missing {
        /// The slug that is most like it; `None` where the server lists no models.
        nearest: Option<String>,
    },
}

fn nearest<'a>(slug: &str, listed: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(slug, other);
    listed.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

impl OpenRouter {
    /// A model that is reached at this endpoint.
    pub fn new(
        caller: Caller,
        gate: Arc<Gate>,
        endpoint: &Endpoint,
        slug: &str,
    ) -> anyhow::Result<Self> {
        let service = |gate, classify| {
            Service {
            name: NAME,
            address: "OPENROUTER_BASE_URL",
            credential: "Put a valid key into OPENROUTER_API_KEY; keys are made at https://openrouter.ai/settings/keys".into(),
            account: "https://openrouter.ai/settings/credits",
            gate,
            classify,
        }
        };
        Ok(Self {
            page_caller: caller.unstoppable(),
            caller,
            service: service(gate, classify),
            pages: service(Arc::new(Gate::new(60, 1.0)), classify_page),
            base: endpoint.base.clone(),
            headers: bearer(&endpoint.key)?,
            model: Model {
                slug: slug.to_owned(),
                ..Model::default()
            },
        })
    }

    /// Asks what the key may do. `Ok(None)` where the server has no such page.
    pub async fn key(&self) -> Result<Option<KeyInfo>, CallError> {
        let answer = self.get("key").await?;
        let data = answer.json.get("data");
        Ok(data.and_then(|data| KeyInfo::deserialize(data).ok()))
    }

    /// Looks the model up in the server's list and remembers its prices.
    pub async fn look_up_model(&mut self) -> Result<Listing, CallError> {
        let answer = self.get("models").await?;
        // `:nitro` and the like are variants of a listed model.
        let plain = self.model.slug.split(':').next().unwrap_or_default();
        let models = answer.json.get("data").and_then(Value::as_array);
        let models = models.map(Vec::as_slice).unwrap_or_default();
        let named = |name: &str| {
            models
                .iter()
                .find(|m| m["id"] == name || m["canonical_slug"] == name)
        };
        let Some(listed) = named(&self.model.slug).or_else(|| named(plain)) else {
            let slugs = models.iter().filter_map(|model| model["id"].as_str());
            return Ok(Listing::Missing {
                nearest: nearest(plain, slugs).map(str::to_owned),
            });
        };
        let supports = |name: &str| {
            listed["supported_parameters"]
                .as_array()
                .is_some_and(|all| all.iter().any(|p| p == name))
        };
        self.model.prices = Prices::read(&listed["pricing"]);
        self.model.reasons = supports("reasoning");
        Ok(Listing::Listed)
    }

    /// The model that is asked.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Asks the model and reads its answer. A cut answer is asked for once more with twice the length, one that does
    /// not fit the schema is given back once to be mended; after that the question has failed.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question<'_, T>,
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<T, CallError> {
        let message = |role, content| Message { role, content };
        let mut messages = vec![
            message("system", question.system),
            message("user", question.user),
        ];
        let first = self.complete(question, &messages, since, usage).await?;
        let problem = match mend::read(&first.text, question.schema) {
            Ok(answer) => return Ok(answer),
            Err(problem) => problem,
        };
        let repair = format!(
            "That answer does not fit the schema: {problem}. Send the whole answer again as one JSON object that fits."
        );
        messages.push(message("assistant", &first.text));
        messages.push(message("user", &repair));
        let second = self.complete(question, &messages, since, usage).await?;
        match mend::read(&second.text, question.schema) {
            Ok(answer) => Ok(answer),
            Err(problem) => {
                // The next run has to ask anew instead of replaying what is of no use.
                self.caller.paid().reject(first.hash).await?;
                self.caller.paid().reject(second.hash).await?;
                Err(self.failed(
                    question,
                    ErrorKind::BadAnswer,
                    &format!("the answer does not fit the schema, twice: {problem}"),
                ))
            }
        }
    }

    async fn complete<T>(
        &self,
        question: &Question<'_, T>,
        messages: &[Message<'_>],
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<Completion, CallError> {
        let mut cut = Vec::new();
        for max_tokens in [question.max_tokens, question.max_tokens * 2] {
            let completion = self
                .complete_once(question, messages, max_tokens, since, usage)
                .await?;
            if !completion.cut {
                return Ok(completion);
            }
            cut.push(completion.hash);
        }
        for hash in cut {
            self.caller.paid().reject(hash).await?;
        }
        Err(self.failed(
            question,
            ErrorKind::Cut,
            "the answer was cut off at its greatest length, twice",
        ))
    }

    async fn complete_once<T>(
        &self,
        question: &Question<'_, T>,
        messages: &[Message<'_>],
        max_tokens: u32,
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<Completion, CallError> {
        let body = self
            .body(question, messages, max_tokens)
            .map_err(anyhow::Error::from)?;
        let prices = self.model.prices;
        let request = Request {
            what: format!("{} «{}»", question.name, question.about),
            method: Method::POST,
            url: self.at("chat/completions"),
            headers: self.headers.clone(),
            price: Some(Price {
                worst: prices.map_or(Usd::ZERO, |p| p.worst(body.len(), max_tokens)),
                cost: Box::new(move |json| {
                    let usd = ChatUsage::read(json).cost(prices)?;
                    Some(Cost { usd, credits: 0 })
                }),
            }),
            body: Body::Json(body),
            timeout: TIMEOUT,
            patience: None,
            payer: question.payer.to_owned(),
        };
        let answer = self.caller.send(&self.service, &request, since).await?;
        usage.add(&answer);
        let result = ChatResult::deserialize(&answer.json).map_err(|error| {
            self.failed(
                question,
                ErrorKind::BadAnswer,
                &format!("the reply has no answer in it: {error}"),
            )
        })?;
        let choice = result.choices.into_iter().next();
        let choice = choice.ok_or_else(|| {
            self.failed(question, ErrorKind::BadAnswer, "the reply has no choices")
        })?;
        Ok(Completion {
            text: plain_text(choice.message.content.as_ref()),
            cut: choice.finish_reason.as_deref() == Some("length"),
            hash: answer.hash,
        })
    }

    fn body<T>(
        &self,
        question: &Question<'_, T>,
        messages: &[Message<'_>],
        max_tokens: u32,
    ) -> serde_json::Result<String> {
        // Only OpenRouter lists prices, and knows the fields that depend on them.
        let prices = self.model.prices;
        let body = Chat {
            model: &self.model.slug,
            messages,
            response_format: ResponseFormat {
                kind: "json_schema",
                json_schema: NamedSchema {
                    name: question.name,
                    strict: true,
                    schema: question.schema,
                },
            },
            max_completion_tokens: prices.is_some().then_some(max_tokens),
            max_tokens: prices.is_none().then_some(max_tokens),
            provider: prices.map(
                |prices| json!({"require_parameters": true, "max_price": prices.per_million()}),
            ),
            reasoning: self.model.reasons.then(|| json!({"effort": "low"})),
        };
        serde_json::to_string(&body)
    }

    fn failed<T>(&self, question: &Question<'_, T>, kind: ErrorKind, message: &str) -> CallError {
        CallError::Request {
            service: self.service.name,
            kind,
            status: None,
            message: format!("{} «{}»: {message}", question.name, question.about),
        }
    }

    async fn get(&self, page: &str) -> Result<Answer, CallError> {
        let mut request = Request::free(page, Method::GET, self.at(page), self.headers.clone());
        request.timeout = super::PREFLIGHT_TIMEOUT;
        request.patience = Some(super::PREFLIGHT_PATIENCE);
        self.page_caller
            .send(&self.pages, &request, Timestamp::MIN)
            .await
    }

    fn at(&self, path: &str) -> Url {
        super::join(&self.base, path.split('/'))
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

/// Content is a text, or a list of parts of which some are texts.
pub(crate) fn plain_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// A server that speaks the protocol but is not OpenRouter may have no such pages, and says so in its own way.
pub(crate) fn classify_page(reply: &Reply) -> Verdict {
    match (reply.status, &reply.json) {
        (404 | 405 | 501, _) => Verdict::Good,
        (200..=299 | 400..=499, Some(_)) if !matches!(reply.status, 401..=403 | 408 | 429) => {
            Verdict::Good
        }
        _ => usual_verdict(reply),
    }
}

pub(crate) fn classify(reply: &Reply) -> Verdict {
    let Some(json) = &reply.json else {
        return usual_verdict(reply);
    };
    let error = [json.get("error"), json.pointer("/choices/0/error")]
        .into_iter()
        .flatten()
        .find(|e| e.is_object());
    if let Some(error) = error {
        return classify_error(error, reply);
    }
    if reply.status != 200 || json.get("choices").is_none() && json.get("data").is_some() {
        return usual_verdict(reply);
    }
    let choice = json.pointer("/choices/0");
    let finish = choice.and_then(|c| c["finish_reason"].as_str());
    let text = plain_text(choice.and_then(|c| c.pointer("/message/content")));
    match finish {
        Some("content_filter") => Verdict::Request(ErrorKind::Blocked),
        // A model that was cut before its first word is dealt with like any that was cut.
        Some("length") => Verdict::Good,
        Some("error") => Verdict::Transient,
        _ if text.trim().is_empty() => Verdict::Transient,
        _ => Verdict::Good,
    }
}

/// The code in the body counts: an error that comes after the model has begun has status 200.
fn classify_error(error: &Value, reply: &Reply) -> Verdict {
    let code = [&error["code"], &error["http_status"]]
        .into_iter()
        .find_map(Value::as_u64);
    let code = match code {
        Some(code @ 400..=599) => code,
        _ if reply.status >= 400 => u64::from(reply.status),
        _ => 502,
    };
    if let Some(retryable) = error
        .pointer("/availability/retryable")
        .and_then(Value::as_bool)
        && retryable
    {
        return Verdict::Transient;
    }
    let kind = error
        .pointer("/metadata/error_type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let about_content = kind.contains("policy")
        || kind == "refusal"
        || ["reasons", "flagged_input", "patterns"]
            .iter()
            .any(|key| error["metadata"].get(key).is_some());
    match code {
        402 => Verdict::Run(Trouble::NoCredit),
        403 if about_content => Verdict::Request(ErrorKind::Blocked),
        401 | 403 => Verdict::Run(Trouble::Refused),
        404 => Verdict::Run(Trouble::WrongModel),
        400 if reply.message.contains("not a valid model") => Verdict::Run(Trouble::WrongModel),
        408 | 425 | 429 | 500..=599 => Verdict::Transient,
        _ => Verdict::Request(ErrorKind::Rejected),
    }
}
