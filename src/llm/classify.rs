//! The classification of replies of a model's server: who fails because of them, and for how long.

use jiff::Timestamp;

use super::{
    advice::speaks_of_form,
    answer::{Completion, Finish},
    signs::{
        KEY_LIMIT, KEY_OF_GATEWAY, NO_KEY, NO_MODEL, OF_A_DAY, OF_A_MOMENT, OF_CONTENT, OF_REGION,
        SPENT, TOO_LONG,
    },
};
use crate::{
    error_kind::ErrorKind,
    http::{
        error_text::ErrorText,
        response::{Reply, ServiceFailure, Verdict, usual_verdict},
    },
};

/// A limit that ends later than this is no matter of patience, in seconds.
const LONG: i64 = 3_600;

/// What a reply to a question means.
pub fn classify(reply: &Reply) -> Verdict {
    let Some(json) = &reply.json else {
        return usual_verdict(reply);
    };
    if let Some(words) = ErrorText::of(json) {
        return of_error(&words, reply);
    }
    if !(200..=299).contains(&reply.status) {
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

/// What the key's page and the list of models mean. A server that speaks the protocol but is not OpenRouter may have no
/// such page, and says so in its own way. What it says instead of a page is no more than a doubt, as long as it does not
/// refuse the key or say that no money is left: it may answer questions all the same.
pub fn classify_page(reply: &Reply) -> Verdict {
    let words = reply.json.as_ref().and_then(ErrorText::of);
    if let Some(trouble) = words.as_ref().and_then(|words| of_money(words, reply)) {
        return Verdict::Run(trouble);
    }
    match reply.status {
        404 | 405 | 501 => Verdict::Good,
        400 | 403 if words.as_ref().is_some_and(|words| words.has(&NO_KEY)) => {
            Verdict::Run(ServiceFailure::Refused)
        }
        400..=499
            if reply.json.is_some() && !matches!(reply.status, 401 | 407 | 408 | 425 | 429) =>
        {
            Verdict::Request(ErrorKind::Rejected)
        }
        _ => usual_verdict(reply),
    }
}

/// The code in the body counts: an error that comes after the model has begun has status 200.
fn of_error(words: &ErrorText, reply: &Reply) -> Verdict {
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
        _ if words.has(&KEY_OF_GATEWAY) => Verdict::Run(ServiceFailure::Upstream),
        400 | 401 | 403 if code == 401 || words.has(&NO_KEY) => {
            Verdict::Run(ServiceFailure::Refused)
        }
        400 | 403 | 422 | 451 if of_content || words.has(&OF_CONTENT) => {
            Verdict::Request(ErrorKind::Blocked)
        }
        400 | 403 | 451 if words.has(&OF_REGION) => Verdict::Request(ErrorKind::Refused),
        403 if is_upstream(words) || retryable.is_some() => Verdict::Request(ErrorKind::Rejected),
        403 => Verdict::Run(ServiceFailure::Refused),
        400 | 404 | 422 if is_no_model(words) => Verdict::Run(ServiceFailure::WrongModel),
        400 | 413 | 422 if words.has(&TOO_LONG) => Verdict::Request(ErrorKind::Cut),
        400 | 404 | 422 | 500 | 501 if speaks_of_form(code, words) => {
            Verdict::Request(ErrorKind::Refused)
        }
        404 if words.has(&["model", "endpoints"]) => Verdict::Run(ServiceFailure::WrongModel),
        404 | 405 => Verdict::Run(ServiceFailure::WrongAddress),
        408 | 425 | 429 | 500..=599 => Verdict::Transient,
        _ => Verdict::Request(ErrorKind::Rejected),
    }
}

/// Money, credit or a day's quota that is used up: nothing more is answered until it comes back.
fn of_money(words: &ErrorText, reply: &Reply) -> Option<ServiceFailure> {
    let code = reply.code();
    if !matches!(code, 400 | 402 | 403 | 422 | 429) {
        return None;
    }
    if words.has(&KEY_LIMIT) {
        return Some(ServiceFailure::KeyLimit);
    }
    if code == 402 {
        return Some(ServiceFailure::NoCredit);
    }
    if words.has(&SPENT) {
        return Some(ServiceFailure::Quota);
    }
    let of_a_moment = words.has(&OF_A_MOMENT);
    let of_a_day = words.has(&OF_A_DAY) && words.has(&["limit", "quota", "exceeded"]);
    let of_a_plan = words.has(&["check your plan and billing"]);
    let far = code == 429 && is_far(reply);
    (far || (of_a_day || of_a_plan) && !of_a_moment).then_some(ServiceFailure::Quota)
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
fn is_upstream(words: &ErrorText) -> bool {
    words.provider.is_some() || words.has(&["provider returned error"])
}

fn is_no_model(words: &ErrorText) -> bool {
    words.has(&NO_MODEL) || words.has(&["model"]) && words.has(&["does not exist", "not found"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::message;
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
        reply.message = message(
            reply.code(),
            reply.json.as_ref(),
            "",
            crate::llm::answer::own_words,
        );
        reply
    }

    fn said(status: u16, words: &str) -> Verdict {
        classify(&reply(status, json!({"error": {"message": words}})))
    }

    fn all_mean(meaning: Verdict, cases: &[(u16, &str)]) {
        for (status, words) in cases {
            let verdict = format!("{:?}", said(*status, words));
            assert_eq!(verdict, format!("{meaning:?}"), "{status} {words}");
        }
    }

    #[test]
    fn keys_limits_and_budgets_are_told_apart() {
        let run = |trouble, cases: &[_]| all_mean(Verdict::Run(trouble), cases);
        run(
            ServiceFailure::Refused,
            &[
                (401, "User not found."),
                (403, "This key may not do that"),
                (400, "No connected db."),
            ],
        );
        let model_group = "litellm.AuthenticationError: OpenAIException - User not found. LiteLLM: model group 'x' failed";
        run(ServiceFailure::Upstream, &[(401, model_group)]);
        run(
            ServiceFailure::KeyLimit,
            &[(403, "Key limit exceeded (monthly limit)")],
        );
        run(ServiceFailure::NoCredit, &[(402, "Insufficient credits")]);
        let plan = "You exceeded your current quota, please check your plan and billing details.";
        run(
            ServiceFailure::Quota,
            &[
                (
                    422,
                    "Budget has been exceeded! Current cost: 1, max budget: 1",
                ),
                (429, "Rate limit exceeded: free-models-per-day"),
                (429, "crossed budget: Exceeded budget for deployment"),
                (429, plan),
            ],
        );
        all_mean(
            Verdict::Transient,
            &[
                (429, &format!("{plan} Please retry in 34.07s.")),
                (429, "Rate limit exceeded: 20 requests per minute"),
                (
                    429,
                    "m is temporarily rate-limited upstream. Please retry shortly",
                ),
                (
                    429,
                    "Rate limit exceeded for api_key: 5e31. Limit type: requests.",
                ),
                (500, "Internal error"),
                (503, "Loading model"),
            ],
        );
    }

    #[test]
    fn brands_models_and_forms_are_told_apart() {
        let run = |trouble, cases: &[_]| all_mean(Verdict::Run(trouble), cases);
        let request = |kind, cases: &[_]| all_mean(Verdict::Request(kind), cases);
        request(
            ErrorKind::Blocked,
            &[
                (
                    403,
                    "The request is prohibited due to a violation of provider Terms Of Service.",
                ),
                (400, "Filtered by the content management policy"),
            ],
        );
        request(
            ErrorKind::Refused,
            &[
                (403, "Country, region, or territory not supported"),
                (
                    404,
                    "No endpoints found that can handle the requested parameters.",
                ),
                (400, "The schema has too many states for serving"),
                (400, "response_format is not supported by this model"),
                (500, "Failed to parse grammar"),
            ],
        );
        request(
            ErrorKind::Cut,
            &[(400, "This model's maximum context length is 8192 tokens")],
        );
        request(
            ErrorKind::Rejected,
            &[(400, "Something odd about this row")],
        );
        run(
            ServiceFailure::WrongModel,
            &[
                (400, "exam/x is not a valid model ID"),
                (404, "The model `x` does not exist"),
                (404, "No endpoints found for exam/x."),
                (
                    400,
                    "/chat/completions: Invalid model name passed in model=x.",
                ),
            ],
        );
        run(ServiceFailure::WrongAddress, &[(404, "File Not Found")]);
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
        assert!(matches!(
            classify(&reply),
            Verdict::Run(ServiceFailure::Quota)
        ));
    }

    #[test]
    fn pages_that_a_server_has_not_are_told_from_refusals() {
        let page = |status, words: &str| {
            format!(
                "{:?}",
                classify_page(&reply(status, json!({"error": {"message": words}})))
            )
        };
        for status in [404, 405, 501] {
            assert_eq!(page(status, "no such page"), "Good", "{status}");
        }
        for status in [400, 403, 422] {
            assert_eq!(page(status, "a header is missing"), "Request(Rejected)");
        }
        assert_eq!(page(401, "who are you"), "Run(Refused)");
        assert_eq!(page(422, "budget_exceeded"), "Run(Quota)");
        assert_eq!(page(500, "broken"), "Transient");
    }
}
