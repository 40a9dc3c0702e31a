//! What a reply of a model's server means: for whom it fails, and for how long.

use jiff::Timestamp;

use super::{
    answer::{Completion, Finish},
    ladder::speaks_of_form,
};
use crate::{
    remedy::ErrorKind,
    services::{
        reply::{Reply, Trouble, Verdict, usual_verdict},
        words::Words,
    },
};

/// A limit that ends later than this is no matter of patience, in seconds.
const LONG: i64 = 3_600;

/// Money or credit that is used up, in every dialect.
const SPENT: [&str; 14] = [
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
const OF_A_DAY: [&str; 7] = [
    "per-day",
    "per day",
    "perday",
    "per_day",
    "daily",
    "requests/day",
    "tokens/day",
];

/// Limits that end in a moment, whatever else is said.
const OF_A_MOMENT: [&str; 8] = [
    "retry in",
    "retrydelay",
    "per minute",
    "per-minute",
    "perminute",
    "per second",
    "retry shortly",
    "temporarily",
];

const KEY_LIMIT: [&str; 3] = [
    "key limit exceeded",
    "key limit reached",
    "limit of the key",
];

/// That a key is none, in the words of gateways.
const NO_KEY: [&str; 3] = ["no_db_connection", "no connected db", "invalid api key"];

/// That a gateway's own key is refused by the provider behind it.
const KEY_OF_GATEWAY: [&str; 1] = ["litellm.authenticationerror"];

/// Rules about what may be asked or said.
const OF_CONTENT: [&str; 16] = [
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

const OF_REGION: [&str; 8] = [
    "region_restricted",
    "country",
    "territory",
    "your region",
    "user location",
    "location is not supported",
    "not available in your",
    "sanction",
];

const NO_MODEL: [&str; 19] = [
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
const TOO_LONG: [&str; 12] = [
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

/// What a reply to a question means.
pub(crate) fn classify(reply: &Reply) -> Verdict {
    let Some(json) = &reply.json else {
        return usual_verdict(reply);
    };
    if let Some(words) = Words::of(json) {
        return of_error(&words, reply);
    }
    if reply.status != 200 || json.get("choices").is_none() && json.get("data").is_some() {
        return usual_verdict(reply);
    }
    match Completion::read(json) {
        Ok(Completion {
            finish: Finish::Blocked(_),
            ..
        }) => Verdict::Request(ErrorKind::Blocked),
        Ok(_) => Verdict::Good,
        Err(_) => Verdict::Hollow,
    }
}

/// What the page of the key means. A server that speaks the protocol but is not OpenRouter may have no such page, and says so
/// in its own way.
pub(crate) fn classify_page(reply: &Reply) -> Verdict {
    let words = reply.json.as_ref().and_then(Words::of);
    if let Some(trouble) = words.as_ref().and_then(|words| of_money(words, reply)) {
        return Verdict::Run(trouble);
    }
    match reply.status {
        404 | 405 | 501 => Verdict::Good,
        400 | 403 if words.as_ref().is_some_and(|words| words.has(&NO_KEY)) => {
            Verdict::Run(Trouble::Refused)
        }
        400..=499
            if reply.json.is_some() && !matches!(reply.status, 401..=403 | 407 | 408 | 429) =>
        {
            Verdict::Good
        }
        _ => usual_verdict(reply),
    }
}

/// As [`classify_page`], for a server that is not OpenRouter: it may fail at what it does not know.
pub(super) fn classify_other_page(reply: &Reply) -> Verdict {
    match reply.status {
        500 => Verdict::Good,
        _ => classify_page(reply),
    }
}

/// What the list of models means, at OpenRouter and elsewhere. Whoever knows the protocol has this page: a server that refuses
/// it refuses questions too.
pub(super) fn classify_list(reply: &Reply) -> Verdict {
    of_list(reply, classify_page(reply))
}

pub(super) fn classify_other_list(reply: &Reply) -> Verdict {
    of_list(reply, classify_other_page(reply))
}

fn of_list(reply: &Reply, verdict: Verdict) -> Verdict {
    match (verdict, reply.status) {
        (Verdict::Good, 400 | 422) => Verdict::Run(Trouble::Unprepared),
        (verdict, _) => verdict,
    }
}

/// The code in the body counts: an error that comes after the model has begun has status 200.
fn of_error(words: &Words, reply: &Reply) -> Verdict {
    let code = match reply.code() {
        200..=299 if speaks_of_form(400, words) => 400,
        200..=299 => 502,
        code => code,
    };
    let error = reply.json.as_ref().and_then(|json| json.get("error"));
    let retryable = error.and_then(|error| error.pointer("/availability/retryable")?.as_bool());
    if let Some(trouble) = of_money(words, reply) {
        return Verdict::Run(trouble);
    }
    if retryable == Some(true) {
        return Verdict::Transient;
    }
    let of_content = error.is_some_and(|error| {
        let kind = error.pointer("/metadata/error_type");
        kind.is_some_and(|kind| kind == "refusal")
            || ["reasons", "flagged_input", "patterns"]
                .iter()
                .any(|key| error["metadata"].get(key).is_some())
    });
    match code {
        _ if words.has(&KEY_OF_GATEWAY) => Verdict::Run(Trouble::Upstream),
        401 => Verdict::Run(Trouble::Refused),
        400 | 403 if words.has(&NO_KEY) => Verdict::Run(Trouble::Refused),
        400 | 403 | 422 | 451 if of_content || words.has(&OF_CONTENT) => {
            Verdict::Request(ErrorKind::Blocked)
        }
        400 | 403 | 451 if words.has(&OF_REGION) => Verdict::Request(ErrorKind::Refused),
        403 if is_upstream(words) || retryable.is_some() => Verdict::Request(ErrorKind::Refused),
        403 => Verdict::Run(Trouble::Refused),
        400 | 404 | 422 if is_no_model(words) => Verdict::Run(Trouble::WrongModel),
        400 | 413 | 422 if words.has(&TOO_LONG) => Verdict::Request(ErrorKind::Cut),
        400 | 404 | 422 | 500 | 501 if speaks_of_form(code, words) => {
            Verdict::Request(ErrorKind::Refused)
        }
        404 if words.has(&["model", "endpoints"]) => Verdict::Run(Trouble::WrongModel),
        404 | 405 => Verdict::Run(Trouble::WrongAddress),
        408 | 425 | 429 | 500..=599 => Verdict::Transient,
        _ => Verdict::Request(ErrorKind::Rejected),
    }
}

/// Money, credit or a day's quota that is used up: nothing more is answered until it comes back.
fn of_money(words: &Words, reply: &Reply) -> Option<Trouble> {
    let code = reply.code();
    if !matches!(code, 400 | 402 | 403 | 422 | 429) {
        return None;
    }
    if words.has(&KEY_LIMIT) {
        return Some(Trouble::KeyLimit);
    }
    if code == 402 {
        return Some(Trouble::NoCredit);
    }
    if words.has(&SPENT) {
        return Some(Trouble::Quota);
    }
    let of_a_moment = words.has(&OF_A_MOMENT);
    let of_a_day = words.has(&OF_A_DAY) && words.has(&["limit", "quota", "exceeded"]);
    let of_a_plan = words.has(&["check your plan and billing"]);
    let far = code == 429 && is_far(reply);
    (far || (of_a_day || of_a_plan) && !of_a_moment).then_some(Trouble::Quota)
}

/// Whether the limit that was met ends in hours.
fn is_far(reply: &Reply) -> bool {
    let reset = reply
        .resets
        .is_some_and(|at| at.as_second() - Timestamp::now().as_second() > LONG);
    let asked = reply
        .retry_after
        .is_some_and(|wait| wait.as_secs() > LONG.unsigned_abs());
    // A header that speaks of another limit than the one that was met says that something is left of it.
    asked || reset && reply.allowance.is_none_or(|(left, _)| left == 0)
}

/// Whether the provider behind the service refuses, and not the service the key.
fn is_upstream(words: &Words) -> bool {
    words.provider.is_some() || words.has(&["provider returned error"])
}

fn is_no_model(words: &Words) -> bool {
    words.has(&NO_MODEL) || words.has(&["model"]) && words.has(&["does not exist", "not found"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::reply::message;
    use serde_json::{Value, json};

    fn reply(status: u16, json: Value) -> Reply {
        let mut reply = Reply {
            status,
            retry_after: None,
            allowance: None,
            resets: None,
            html: false,
            json: Some(json),
            file: Vec::new(),
            message: String::new(),
            endless: false,
        };
        reply.message = message(reply.code(), reply.json.as_ref(), "");
        reply
    }

    fn said(status: u16, words: &str) -> Verdict {
        classify(&reply(status, json!({"error": {"message": words}})))
    }

    #[test]
    fn who_is_refused_is_told_apart() {
        use Verdict::{Request, Run, Transient};
        for (status, words, verdict) in [
            (401, "User not found.", Run(Trouble::Refused)),
            (403, "This key may not do that", Run(Trouble::Refused)),
            (
                403,
                "Key limit exceeded (monthly limit)",
                Run(Trouble::KeyLimit),
            ),
            (
                403,
                "The request is prohibited due to a violation of provider Terms Of Service.",
                Request(ErrorKind::Blocked),
            ),
            (
                403,
                "Country, region, or territory not supported",
                Request(ErrorKind::Refused),
            ),
            (402, "Insufficient credits", Run(Trouble::NoCredit)),
            (
                422,
                "Budget has been exceeded! Current cost: 1, max budget: 1",
                Run(Trouble::Quota),
            ),
            (
                429,
                "Rate limit exceeded: free-models-per-day",
                Run(Trouble::Quota),
            ),
            (
                429,
                "Rate limit exceeded: 20 requests per minute",
                Transient,
            ),
            (
                429,
                "exam/model-1 is temporarily rate-limited upstream. Please retry shortly",
                Transient,
            ),
            (
                400,
                "exam/x is not a valid model ID",
                Run(Trouble::WrongModel),
            ),
            (
                404,
                "The model `x` does not exist",
                Run(Trouble::WrongModel),
            ),
            (
                404,
                "No endpoints found for exam/x.",
                Run(Trouble::WrongModel),
            ),
            (
                404,
                "No endpoints found that can handle the requested parameters.",
                Request(ErrorKind::Refused),
            ),
            (404, "File Not Found", Run(Trouble::WrongAddress)),
            (
                400,
                "This model's maximum context length is 8192 tokens",
                Request(ErrorKind::Cut),
            ),
            (
                400,
                "The schema has too many states for serving",
                Request(ErrorKind::Refused),
            ),
            (500, "Failed to parse grammar", Request(ErrorKind::Refused)),
            (500, "Internal error", Transient),
            (400, "No connected db.", Run(Trouble::Refused)),
            (
                401,
                "litellm.AuthenticationError: OpenAIException - User not found. LiteLLM: model group 'x' failed",
                Run(Trouble::Upstream),
            ),
            (
                400,
                "/chat/completions: Invalid model name passed in model=x. Call `/v1/models` to view available models",
                Run(Trouble::WrongModel),
            ),
            (
                400,
                "response_format is not supported by this model",
                Request(ErrorKind::Refused),
            ),
            (
                429,
                "No deployments available - crossed budget: Exceeded budget for deployment",
                Run(Trouble::Quota),
            ),
            (
                429,
                "You exceeded your current quota, please check your plan and billing details.",
                Run(Trouble::Quota),
            ),
            (
                429,
                "You exceeded your current quota, please check your plan and billing details. Please retry in 34.07s.",
                Transient,
            ),
            (
                429,
                "Rate limit exceeded for api_key: 5e31. Limit type: requests. Current limit: 2, Remaining: 0.",
                Transient,
            ),
            (503, "Loading model", Transient),
            (
                400,
                "Something odd about this row",
                Request(ErrorKind::Rejected),
            ),
        ] {
            assert_eq!(
                format!("{:?}", said(status, words)),
                format!("{verdict:?}"),
                "{status} {words}"
            );
        }
    }

    #[test]
    fn an_error_in_a_reply_of_status_200_counts_by_its_code_or_its_words() {
        let in_200 = |error: Value| {
            format!(
                "{:?}",
                classify(&reply(200, json!({"choices": [], "error": error})))
            )
        };
        assert_eq!(
            in_200(json!({"code": 429, "message": "slow down"})),
            "Transient"
        );
        assert_eq!(
            in_200(json!({"code": 402, "message": "pay"})),
            "Run(NoCredit)"
        );
        assert_eq!(
            in_200(
                json!({"message": "Provider returned error", "metadata": {"raw": "response_format is not supported"}})
            ),
            "Request(Refused)"
        );
        assert_eq!(in_200(json!({"message": "lost"})), "Transient");
        assert_eq!(in_200(json!("lost")), "Transient");
    }

    #[test]
    fn a_quota_that_comes_back_in_hours_is_not_waited_for() {
        let mut reply = reply(429, json!({"error": {"message": "Rate limit exceeded"}}));
        assert!(matches!(classify(&reply), Verdict::Transient));
        reply.resets = Timestamp::now()
            .checked_add(jiff::SignedDuration::from_hours(5))
            .ok();
        assert!(matches!(classify(&reply), Verdict::Run(Trouble::Quota)));
    }

    #[test]
    fn pages_that_a_server_has_not_are_told_from_refusals() {
        let page = |status, words: &str| {
            format!(
                "{:?}",
                classify_page(&reply(status, json!({"error": {"message": words}})))
            )
        };
        for status in [404, 405, 501, 400, 422] {
            assert_eq!(page(status, "no such page"), "Good", "{status}");
        }
        assert_eq!(page(401, "who are you"), "Run(Refused)");
        assert_eq!(page(422, "budget_exceeded"), "Run(Quota)");
        assert_eq!(page(500, "broken"), "Transient");
        let other = classify_other_page(&reply(500, json!({"error": "no /key"})));
        assert!(matches!(other, Verdict::Good));
        let headers = json!({"status": "failure", "message": "Either x-portkey-config or x-portkey-provider header is required"});
        let list = classify_other_list(&reply(400, headers));
        assert!(
            matches!(list, Verdict::Run(Trouble::Unprepared)),
            "{list:?}"
        );
    }
}
