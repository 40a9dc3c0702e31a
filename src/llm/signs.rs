//! The phrases by which refusals of providers and gateways are recognised, in lower case.

/// Money or credit that is used up, in every dialect.
pub(super) const SPENT: [&str; 14] = [
    "budget_exceeded",
    "budget has been exceeded",
    "budgetexceeded",
    "exceeded budget",
    "exceeded its budget",
    "over budget",
    "insufficient_quota",
    "insufficient credit",
    "insufficient_credit",
    "insufficient balance",
    "insufficient funds",
    "requires more credits",
    "billing_hard_limit",
    "out of credit",
];

/// Limits of a day.
pub(super) const OF_A_DAY: [&str; 7] = [
    "per-day",
    "per day",
    "perday",
    "per_day",
    "daily",
    "requests/day",
    "tokens/day",
];

/// Limits that end in a moment, whatever else is said.
pub(super) const OF_A_MOMENT: [&str; 8] = [
    "retry in",
    "retrydelay",
    "per minute",
    "per-minute",
    "perminute",
    "per second",
    "retry shortly",
    "temporarily",
];

pub(super) const KEY_LIMIT: [&str; 3] = [
    "key limit exceeded",
    "key limit reached",
    "limit of the key",
];

/// That a key is none, in the words of gateways.
pub(super) const NO_KEY: [&str; 3] = ["no_db_connection", "no connected db", "invalid api key"];

/// That a gateway's own key is refused by the provider behind it.
pub(super) const KEY_OF_GATEWAY: [&str; 1] = ["litellm.authenticationerror"];

/// Rules about what may be asked or said.
pub(super) const OF_CONTENT: [&str; 16] = [
    "terms of service",
    "terms of use",
    "content policy",
    "content_policy",
    "content_filter",
    "content management policy",
    "usage policy",
    "usage policies",
    "usage guidelines",
    "moderation",
    "flagged",
    "prohibited",
    "safety",
    "guardrail",
    "inappropriate",
    "sensitive content",
];

pub(super) const OF_REGION: [&str; 8] = [
    "region_restricted",
    "country",
    "territory",
    "your region",
    "user location",
    "location is not supported",
    "not available in your",
    "sanction",
];

pub(super) const NO_MODEL: [&str; 19] = [
    "not a valid model",
    "invalid model",
    "unknown model",
    "model_not_found",
    "model not found",
    "no such model",
    "no model named",
    "no_endpoints",
    "no endpoints found for",
    "no endpoints found matching",
    "no endpoints available",
    "no allowed providers",
    "model_deprecated",
    "model_unavailable",
    "free_variant_ended",
    "no longer available",
    "privacy_restricted",
    "is not a model",
    "no healthy deployments",
];

/// More text than the model can hold.
pub(super) const TOO_LONG: [&str; 12] = [
    "context length",
    "context_length",
    "context window",
    "context size",
    "maximum context",
    "max_tokens_exceeded",
    "token_limit_exceeded",
    "string_too_long",
    "prompt is too long",
    "prompt too long",
    "too many tokens",
    "input is too long",
];
