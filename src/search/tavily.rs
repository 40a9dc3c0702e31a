//! The client of Tavily: web search, and the text of a brand's own pages.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::{
    config::Endpoint,
    error_kind::ErrorKind,
    http::{
        call::{Answer, Body, CallError, Price, Request, Service, bearer},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, ServiceFailure, Verdict, usual_verdict},
    },
    money::{Cost, Usd},
};

/// A longer query is refused.
pub const QUERY_LIMIT: usize = 400;

/// Results of one search; more cost nothing but the model's attention.
pub const RESULTS: usize = 20;

/// Its name in messages and in the ledger.
pub const NAME: &str = "Tavily";

/// The longest that a search may take.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// The search service.
#[derive(Debug)]
pub struct Tavily {
    caller: HttpClient,
    /// For the page that costs nothing, also while the run winds down.
    page_caller: HttpClient,
    service: Service,
    /// `/extract`, where a refusal is mostly about the pages that were named.
    reader: Service,
    /// `/usage` has a limit of its own.
    usage_page: Service,
    base: Url,
    headers: HeaderMap,
    /// US dollars for one credit.
    credit_price: Usd,
}

/// A page that was found or read.
#[derive(Clone, Debug, Deserialize)]
pub struct WebPage {
    pub url: String,
    #[serde(default)]
    pub title: Option<String>,
    /// The passages that fit the query.
    #[serde(default)]
    pub content: Option<String>,
    /// The whole page, when it was read.
    #[serde(default)]
    pub raw_content: Option<String>,
    /// How well the page fits the query, from 0 to 1; a number, where the service gives one.
    #[serde(default)]
    pub score: Value,
}

/// Pages that one call brought.
#[derive(Debug)]
pub struct SearchResult {
    pub pages: Vec<WebPage>,
    /// When they were retrieved.
    pub at: Timestamp,
    pub cost: Cost,
    /// How long the call waited for its turn.
    pub waited: Duration,
    /// The service says that it is simulated.
    pub simulated: bool,
}

/// What the key has used and may use, in credits.
#[derive(Debug, Default, Deserialize)]
pub struct KeyUsage {
    pub usage: Option<f64>,
    pub limit: Option<f64>,
}

impl Tavily {
    /// The search service at this endpoint.
    pub fn new(
        caller: HttpClient,
        gate: Arc<RateLimiter>,
        endpoint: &Endpoint,
        credit_price: Usd,
    ) -> anyhow::Result<Self> {
        let service = |gate, classify| Service {
            name: NAME,
            address: "TAVILY_BASE_URL",
            credential:
                "Put a valid key into TAVILY_API_KEY; keys are made at https://app.tavily.com"
                    .into(),
            account: "https://app.tavily.com".into(),
            gate,
            classify,
            own_words: |_| None,
        };
        Ok(Self {
            page_caller: caller.unstoppable(),
            caller,
            service: service(Arc::clone(&gate), classify),
            reader: service(gate, classify_extract),
            // A run asks for it at its beginning and at its end, which may come at once.
            usage_page: service(Arc::new(RateLimiter::new(60, 1.0)), classify_usage),
            base: endpoint.base.clone(),
            headers: bearer(&endpoint.key)?,
            credit_price,
        })
    }

    /// What the key has used.
    pub async fn usage(&self) -> Result<KeyUsage, CallError> {
        let url = crate::http::join(&self.base, ["usage"]);
        let mut request = Request::free("usage", Method::GET, url, self.headers.clone());
        request.timeout = crate::http::PREFLIGHT_TIMEOUT;
        request.patience = CallPatience::Start;
        let answer = self
            .page_caller
            .send(&self.usage_page, &request, Timestamp::MIN)
            .await?;
        Ok(answer
            .json
            .get("key")
            .and_then(|key| KeyUsage::deserialize(key).ok())
            .unwrap_or_default())
    }

    /// Searches the web, with a preference for pages from Iran; one credit.
    pub async fn search(
        &self,
        query: &str,
        since: Timestamp,
        payer: &str,
    ) -> Result<SearchResult, CallError> {
        let body = json!({
            "query": query,
            "search_depth": "basic",
            "topic": "general",
            "country": "iran",
            "max_results": RESULTS,
            "include_usage": true,
        });
        let service = &self.service;
        self.ask(service, "search", query, body, since, payer).await
    }

    /// Reads up to five pages; one credit.
    pub async fn extract(
        &self,
        urls: &[Url],
        since: Timestamp,
        payer: &str,
    ) -> Result<SearchResult, CallError> {
        let body = json!({
            "urls": urls,
            "extract_depth": "basic",
            "format": "markdown",
            "include_usage": true,
        });
        let what = urls.first().map_or("", Url::as_str);
        let service = &self.reader;
        self.ask(service, "extract", what, body, since, payer).await
    }

    async fn ask(
        &self,
        service: &Service,
        page: &'static str,
        what: &str,
        body: Value,
        since: Timestamp,
        payer: &str,
    ) -> Result<SearchResult, CallError> {
        let price = self.credit_price;
        let cost = move |credits: u32| Cost {
            usd: price.times(credits.into()),
            credits,
        };
        let request = Request {
            what: format!("{page} «{what}»"),
            model: None,
            method: Method::POST,
            url: crate::http::join(&self.base, [page]),
            headers: self.headers.clone(),
            body: Body::Json(body.to_string()),
            timeout: TIMEOUT,
            patience: CallPatience::Run,
            payer: payer.to_owned(),
            price: Some(Price {
                worst: cost(1).usd,
                agreed: true,
                cost: Box::new(move |json| credits(json).map(cost)),
            }),
        };
        let answer = self.caller.send(service, &request, since).await?;
        Ok(SearchResult {
            pages: pages(&answer),
            at: answer.at,
            cost: answer.cost,
            waited: answer.waited,
            simulated: is_simulated(&answer.json),
        })
    }
}

/// Whether an answer is from this program's own stand-in for the service.
fn is_simulated(answer: &Value) -> bool {
    let id = answer["request_id"].as_str();
    id.is_some_and(|id| id.starts_with("simulated"))
}

/// The credits that an answer says it cost, whole ones; one where an answer does not say, `None` where it is none or says
/// what cannot be: then the most that it may have cost counts.
pub fn credits(json: &Value) -> Option<u32> {
    let said = json.pointer("/usage/credits").and_then(Value::as_f64);
    if said.is_some_and(|credits| credits < 0.0) {
        return None;
    }
    // Bounded, because no service can bill a fortune for one search.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded"
    )]
    let said = said.map(|credits| credits.ceil().clamp(0.0, 1_000.0) as u32);
    said.or_else(|| json.get("results").map(|_| 1))
}

/// Pages that can be read; one that is malformed does not spoil the others.
pub fn pages(answer: &Answer) -> Vec<WebPage> {
    let results = answer.json.get("results").and_then(Value::as_array);
    results
        .into_iter()
        .flatten()
        .filter_map(|page| WebPage::deserialize(page).ok())
        .collect()
}

/// Ten questions in ten minutes are allowed; whoever tries things out asks more often, and may search all the same.
pub fn classify_usage(reply: &Reply) -> Verdict {
    match reply.status {
        429 if reply.json.is_some() => Verdict::Good,
        _ => classify(reply),
    }
}

pub fn classify(reply: &Reply) -> Verdict {
    match reply.status {
        // The plan's or the pay-as-you-go limit is used up.
        432 | 433 => Verdict::Run(ServiceFailure::NoCredit),
        200 if reply.json.as_ref().is_some_and(|json| {
            json.get("results").is_none()
                && json.get("key").is_none()
                && json.get("account").is_none()
        }) =>
        {
            Verdict::Transient
        }
        _ => usual_verdict(reply),
    }
}

/// A brand's own pages are optional, and any of them may be one that the service does not read. So only what it says of
/// the key or the account ends a run; an address or a service that is wrong altogether is found out by the searches,
/// which run at the same time.
pub(crate) fn classify_extract(reply: &Reply) -> Verdict {
    match classify(reply) {
        Verdict::Run(_) if !is_about_the_account(reply) => Verdict::Request(ErrorKind::Rejected),
        verdict => verdict,
    }
}

fn is_about_the_account(reply: &Reply) -> bool {
    match reply.status {
        401 | 402 | 432 | 433 => true,
        403 => speaks_of_the_key(&reply.message),
        _ => false,
    }
}

/// Whether a refusal names the key or the account. A page's address that the service quotes may hold any word.
fn speaks_of_the_key(message: &str) -> bool {
    const WORDS: [&str; 12] = [
        "key",
        "keys",
        "api_key",
        "apikey",
        "token",
        "credential",
        "credentials",
        "unauthorized",
        "account",
        "plan",
        "subscription",
        "deactivated",
    ];
    message
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.contains(['.', '/', ':']))
        .flat_map(|word| word.split('-'))
        .any(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_to_read_a_page_is_told_from_one_of_the_key() {
        let verdict = |status: u16, words: &str| {
            classify_extract(&Reply {
                status,
                retry_after: None,
                allowance: None,
                message: format!("status {status}: {words}"),
                json: Some(json!({"detail": {"error": words}})),
                file: Vec::new(),
                endless: false,
                html: false,
                resets: None,
            })
        };
        for (status, words) in [
            (403, "[403] URL is not supported"),
            (403, "Forbidden"),
            (403, "https://key.example/account was refused by its site"),
            (404, "Not Found"),
            (405, "Method Not Allowed"),
            (400, "No URLs were given."),
            (422, "urls: not an address"),
            (301, "moved"),
        ] {
            let verdict = verdict(status, words);
            assert!(matches!(verdict, Verdict::Request(_)), "{status} {words}");
        }
        for (status, words) in [
            (401, "Unauthorized: missing or invalid API key."),
            (403, "The API key may not use this endpoint"),
            (403, "Your account is deactivated."),
            (403, "not part of your plan"),
            (432, "This request exceeds your plan's set usage limit"),
            (433, "pay-as-you-go limit"),
        ] {
            let verdict = verdict(status, words);
            assert!(matches!(verdict, Verdict::Run(_)), "{status} {words}");
        }
        assert!(matches!(verdict(503, "busy"), Verdict::Transient));
    }

    #[test]
    fn credits_are_whole_and_bounded() {
        for (body, expected) in [
            (json!({"usage": {"credits": 2}}), Some(2)),
            (json!({"usage": {"credits": 0}}), Some(0)),
            (json!({"usage": {"credits": 0.4}}), Some(1)),
            (json!({"usage": {"credits": 1e30}}), Some(1_000)),
            (json!({"usage": {"credits": -5}, "results": []}), None),
            (json!({"results": []}), Some(1)),
            (json!({"detail": {"error": "x"}}), None),
        ] {
            assert_eq!(credits(&body), expected, "{body}");
        }
    }
}
