//! The prices and the usage of models: listed prices, the worst case of a call, and what calls used.

use std::time::Duration;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tracing::Span;

use crate::{config::PricesPerMillion, http::call::Answer, money::Usd, span::Spent};

/// Upstream providers of a model differ in price; those dearer than this many times the listed price are excluded.
const PRICE_HEADROOM: Decimal = Decimal::from_parts(15, 0, 0, false, 1);

/// Tokens that a provider may add to a prompt for roles and separators.
const OVERHEAD_TOKENS: usize = 256;

/// What is known about the model.
#[derive(Clone, Debug, Default)]
pub struct ModelInfo {
    pub slug: String,
    /// Known only where the server lists prices, or the user has set them.
    pub prices: Option<Prices>,
}

/// The highest prices that a call can be billed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// US dollars for a prompt token.
    pub prompt: Usd,
    /// US dollars for an answer token.
    pub completion: Usd,
    /// US dollars for a request.
    pub request: Usd,
    /// How many times the expected prices they are.
    pub headroom: Decimal,
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
    /// How long the calls waited for their turns, in all.
    pub waited: Duration,
    pub llm_calls: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub tokens_cached: u64,
    pub usd: Usd,
}

/// What one reply says it used. Each figure is read for itself, so that an odd one does not spoil the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChatUsage {
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
    tokens_cached: Option<u64>,
    /// The user's own provider bills it, beside what the service does.
    by_provider: Option<Usd>,
    is_byok: bool,
    cost: Option<Usd>,
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
            headroom: PRICE_HEADROOM,
        })
    }

    /// Prices that the user has set.
    pub fn set(PricesPerMillion { prompt, completion }: PricesPerMillion) -> Self {
        let millionth = Decimal::from_parts(1, 0, 0, false, 6);
        Self {
            prompt: prompt.scaled(millionth),
            completion: completion.scaled(millionth),
            request: Usd::ZERO,
            headroom: Decimal::ONE,
        }
    }

    /// The most that a call can cost: no tokeniser makes more tokens of a text than it has bytes.
    pub fn worst(&self, prompt_bytes: usize, max_tokens: u32) -> Usd {
        self.prompt.times((prompt_bytes + OVERHEAD_TOKENS) as u64)
            + self.completion.times(u64::from(max_tokens))
            + self.request
    }

    /// The most that a call with so many tokens can have cost.
    pub fn most(&self, tokens_in: u64, tokens_out: u64) -> Usd {
        self.prompt.times(tokens_in) + self.completion.times(tokens_out) + self.request
    }

    /// What a call with so many tokens is expected to cost, at listed prices.
    pub fn expected(&self, tokens_in: u64, tokens_out: u64) -> Usd {
        self.most(tokens_in, tokens_out)
            .scaled(Decimal::ONE / self.headroom)
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
    /// Reads what a reply says.
    pub fn read(reply: &Value) -> Self {
        let usage = &reply["usage"];
        Self {
            tokens_in: whole(&usage["prompt_tokens"]),
            tokens_out: whole(&usage["completion_tokens"]),
            tokens_cached: whole(&usage["prompt_tokens_details"]["cached_tokens"]),
            // Elsewhere the same figure is a part of the cost.
            is_byok: usage["is_byok"] == true,
            by_provider: (usage["is_byok"] == true)
                .then(|| usd(&usage["cost_details"]["upstream_inference_cost"]))
                .flatten(),
            cost: usd(&usage["cost"]),
        }
    }

    /// Whether it says nothing of what was used.
    pub fn is_silent(&self) -> bool {
        self.cost.is_none() && (self.tokens_in.is_none() || self.tokens_out.is_none())
    }

    /// What the service billed; where it does not say, the most that the tokens can have cost. `None` where neither is
    /// known.
    pub fn cost(&self, prices: Option<Prices>) -> Option<Usd> {
        let by_tokens = || Some(prices?.most(self.tokens_in?, self.tokens_out?));
        match (self.cost, self.by_provider) {
            (own, None) if self.is_byok => by_tokens().or(own),
            (None, None) => by_tokens(),
            (own, by_provider) => Some(own.unwrap_or_default() + by_provider.unwrap_or_default()),
        }
    }

    fn record(&self, span: &Span) {
        for (name, count) in [
            ("tokens_in", self.tokens_in),
            ("tokens_out", self.tokens_out),
        ] {
            if let Some(count) = count {
                span.record(name, count);
            }
        }
    }
}

impl Usage {
    /// Adds what one answer used; `asked` is the model that it was asked of.
    pub fn add(&mut self, answer: &Answer, asked: &str) {
        let usage = ChatUsage::read(&answer.json);
        usage.record(&answer.span);
        self.waited += answer.waited;
        self.llm_calls += 1;
        self.tokens_in += usage.tokens_in.unwrap_or(0);
        self.tokens_out += usage.tokens_out.unwrap_or(0);
        self.tokens_cached += usage.tokens_cached.unwrap_or(0);
        self.usd += answer.cost.usd;
        self.last = self.last.max(Some(answer.at));
        self.simulated |= answer.json["provider"] == "Simulated";
        let said = answer.json["model"].as_str();
        let model = said.filter(|model| !model.is_empty()).unwrap_or(asked);
        if !self.models.iter().any(|known| known == model) {
            self.models.push(model.to_owned());
        }
    }

    /// Adds what other calls used.
    pub fn add_all(&mut self, other: Self) {
        self.waited += other.waited;
        self.llm_calls += other.llm_calls;
        self.tokens_in += other.tokens_in;
        self.tokens_out += other.tokens_out;
        self.tokens_cached += other.tokens_cached;
        self.usd += other.usd;
        self.last = self.last.max(other.last);
        self.simulated |= other.simulated;
        for model in other.models {
            if !self.models.contains(&model) {
                self.models.push(model);
            }
        }
    }

    /// What the calls took.
    pub fn spent(&self) -> Spent {
        Spent {
            usd: self.usd,
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            waited: self.waited,
            credits: 0,
        }
    }
}

/// An amount in US dollars, however the service writes it.
fn usd(amount: &Value) -> Option<Usd> {
    match amount {
        Value::Number(amount) => amount.as_f64().and_then(Usd::from_f64),
        Value::String(amount) => amount.parse().ok(),
        _ => None,
    }
}

/// A count, however the service writes it.
pub(crate) fn whole(count: &Value) -> Option<u64> {
    let count = match count {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range, and rounded up"
    )]
    (0.0..1e12).contains(&count).then(|| count.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_that_is_not_said_is_never_taken_for_nothing() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        let prices = Some(Prices {
            prompt: usd("0.001"),
            completion: usd("0.01"),
            request: Usd::ZERO,
            headroom: Decimal::ONE,
        });
        for (usage, cost) in [
            (
                json!({"prompt_tokens": 10, "completion_tokens": 1, "cost": 0.005}),
                Some("0.005"),
            ),
            (
                json!({"prompt_tokens": 10, "completion_tokens": 1, "cost": "0.005"}),
                Some("0.005"),
            ),
            (
                json!({"prompt_tokens": 10, "completion_tokens": 1, "cost": null}),
                Some("0.02"),
            ),
            (
                json!({"prompt_tokens": "10", "completion_tokens": 0.5, "cost": -1}),
                Some("0.02"),
            ),
            (
                json!({"prompt_tokens": null, "cost": 0.005, "prompt_tokens_details": {"cached_tokens": 1.0}}),
                Some("0.005"),
            ),
            (
                json!({"prompt_tokens": 10, "completion_tokens": null}),
                None,
            ),
            (
                json!({"cost": 0, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.0042}}),
                Some("0.0042"),
            ),
            (
                json!({"cost": 0.001, "is_byok": true, "cost_details": {"upstream_inference_cost": "0.0042"}}),
                Some("0.0052"),
            ),
            (
                json!({"prompt_tokens": 10, "completion_tokens": 1, "cost": 0, "is_byok": true, "cost_details": null}),
                Some("0.02"),
            ),
            (
                json!({"cost": 0.005, "is_byok": false, "cost_details": {"upstream_inference_cost": 0.0042}}),
                Some("0.005"),
            ),
            (json!(null), None),
            (json!("free"), None),
        ] {
            let read = ChatUsage::read(&json!({"usage": usage}));
            assert_eq!(read.cost(prices), cost.map(usd), "{usage}");
        }
    }
}
