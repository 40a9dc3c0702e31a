//! What a model costs: its listed prices, the worst case of a call, and what calls used.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Answer;
use crate::money::Usd;

/// Upstream providers of a model differ in price; those dearer than this many times the listed price are excluded.
const PRICE_HEADROOM: Decimal = Decimal::from_parts(15, 0, 0, false, 1);

/// Tokens that a provider may add to a prompt for roles and separators.
const OVERHEAD_TOKENS: usize = 256;

/// What is known about the model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub slug: String,
    /// Known only where the server lists prices.
    pub prices: Option<Prices>,
    /// Whether it thinks before it answers, and can be told how much.
    pub reasons: bool,
}

/// The highest prices that a call can be billed at.
#[derive(Clone, Copy, Debug)]
pub struct Prices {
    /// US dollars for a prompt token.
    pub prompt: Usd,
    /// US dollars for an answer token.
    pub completion: Usd,
    /// US dollars for a request.
    pub request: Usd,
}

/// What calls used, as the service reported it.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Models that answered, as the service names them.
    pub models: Vec<String>,
    /// When the last answer came.
    pub last: Option<Timestamp>,
    /// The answers came from the sandbox.
    pub simulated: bool,
    pub llm_calls: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub tokens_cached: u64,
    pub usd: Usd,
}

#[derive(Default, Deserialize)]
/// What one reply says it used.
pub struct ChatUsage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    cost: Option<f64>,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

impl Prices {
    /// Reads the prices of a listed model, in US dollars a token, and adds the headroom; `None` where they vary.
    pub fn read(pricing: &Value) -> Option<Self> {
        let price = |names: &[&str]| -> Option<Usd> {
            let mut highest: Option<Usd> = None;
            for name in names {
                let listed: Usd = match &pricing[*name] {
                    Value::String(text) => text.parse().ok()?,
                    Value::Number(number) => Usd::from_f64(number.as_f64()?)?,
                    _ => continue,
                };
                highest = highest.max(Some(listed));
            }
            highest
        };
        Some(Self {
            prompt: price(&["prompt", "input_cache_write"])?.scaled(PRICE_HEADROOM),
            completion: price(&["completion", "internal_reasoning"])?.scaled(PRICE_HEADROOM),
            request: price(&["request"])
                .unwrap_or_default()
                .scaled(PRICE_HEADROOM),
        })
    }

    /// The most that a call can cost: no tokeniser makes more tokens of a text than it has bytes.
    pub fn worst(&self, prompt_bytes: usize, max_tokens: u32) -> Usd {
        self.prompt.times((prompt_bytes + OVERHEAD_TOKENS) as u64)
            + self.completion.times(u64::from(max_tokens))
            + self.request
    }

    /// What a call with so many tokens is expected to cost, at listed prices.
    pub fn expected(&self, tokens_in: u64, tokens_out: u64) -> Usd {
        let highest =
            self.prompt.times(tokens_in) + self.completion.times(tokens_out) + self.request;
        highest.scaled(Decimal::ONE / PRICE_HEADROOM)
    }

    /// As `provider.max_price` wants them: US dollars for a million tokens, and for a request.
    pub fn per_million(&self) -> Value {
        let mut limits = json!({
            "prompt": self.prompt.times(1_000_000),
            "completion": self.completion.times(1_000_000),
        });
        if self.request > Usd::ZERO {
            limits["request"] = json!(self.request);
        }
        limits
    }
}

impl ChatUsage {
    /// What the service billed; where it does not say, what the tokens come to.
    pub fn cost(&self, prices: Option<Prices>) -> Usd {
        self.cost.and_then(Usd::from_f64).unwrap_or_else(|| {
            prices.map_or(Usd::ZERO, |p| {
                p.expected(self.prompt_tokens, self.completion_tokens)
            })
        })
    }
}

impl Usage {
    pub fn add(&mut self, answer: &Answer) {
        let usage = read_usage(&answer.json);
        self.llm_calls += 1;
        self.tokens_in += usage.prompt_tokens;
        self.tokens_out += usage.completion_tokens;
        self.tokens_cached += usage
            .prompt_tokens_details
            .and_then(|d| d.cached_tokens)
            .unwrap_or(0);
        self.usd += answer.cost.usd;
        self.last = self.last.max(Some(answer.at));
        self.simulated |= answer.json["provider"] == "Simulated";
        if let Some(model) = answer.json["model"].as_str()
            && !self.models.iter().any(|known| known == model)
        {
            self.models.push(model.to_owned());
        }
    }
}

/// Reads what a reply says it used.
pub fn read_usage(json: &Value) -> ChatUsage {
    json.get("usage")
        .and_then(|usage| ChatUsage::deserialize(usage).ok())
        .unwrap_or_default()
}
