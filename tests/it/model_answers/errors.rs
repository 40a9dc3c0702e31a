//! Errors say what happened, end with the right code, and name the right remedy.

use serde_json::{Value, json};

use super::{
    command, errors, for_chats,
    proxy::{Do, Proxy, Reply},
    run, succeeded,
};
use crate::common::{self, Desk, list_of};

/// Every model call is answered so: the code, and words that are in the message and words that are not.
fn ends(reply: &Reply, code: i32, says: &[&str], never: &[&str]) {
    let desk = Desk::with_list(&list_of(2));
    let reply = reply.clone();
    let proxy = for_chats(&desk, move |_| Do::Reply(reply.clone()));
    let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
    assert_eq!(ended.code, Some(code), "{says:?}: {ended:#?}");
    let told = format!("{} {:?}", ended.err, errors(&desk));
    for words in says {
        assert!(told.contains(words), "{words:?} is not in: {told}");
    }
    for words in never {
        assert!(!told.contains(words), "{words:?} is in: {told}");
    }
}

#[test]
fn a_limit_of_the_key_is_raised_and_not_the_key_changed() {
    let error = json!({"message": "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys", "code": 403});
    let reply = Reply::json(403, &json!({"error": error}));
    ends(
        &reply,
        6,
        &[
            "Key limit exceeded",
            "Raise the limit of the key at https://openrouter.ai/settings/keys",
        ],
        &["Put a valid key"],
    );
}

#[test]
fn a_refused_key_names_the_server_that_was_asked() {
    let reply = Reply::json(
        401,
        &json!({"error": {"message": "Invalid proxy key", "code": 401}}),
    );
    ends(
        &reply,
        3,
        &[
            "Invalid proxy key",
            "Put a valid key for the server 127.0.0.1",
        ],
        &["openrouter.ai"],
    );
}

#[test]
fn the_providers_own_words_are_shown() {
    let error = |raw: Value| {
        let metadata = json!({"raw": raw, "provider_name": "OpenAI"});
        Reply::json(
            403,
            &json!({"error": {"message": "Provider returned error", "code": 403, "metadata": metadata}}),
        )
    };
    let inner = json!({"error": {"code": "unsupported_country_region_territory", "message": "Country, region, or territory not supported"}});
    for raw in [
        json!(inner.to_string()),
        json!({"data": inner.to_string()}),
        json!("Country, region, or territory not supported"),
    ] {
        let desk = Desk::with_list(&list_of(1));
        let reply = error(raw);
        let proxy = for_chats(&desk, move |_| Do::Reply(reply.clone()));
        let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
        assert!(matches!(ended.code, Some(1 | 3)), "{ended:#?}");
        let told = format!("{} {:?}", ended.err, errors(&desk));
        assert!(
            told.contains("OpenAI: Country, region, or territory not supported"),
            "{told}"
        );
        assert!(!told.contains("Put a valid key"), "{told}");
    }
}

#[test]
fn a_hiccup_of_a_provider_is_told_in_its_words_and_passes() {
    let desk = Desk::with_list(&list_of(1));
    let first = std::sync::atomic::AtomicBool::new(true);
    let proxy = for_chats(&desk, move |_| {
        let error = json!({"message": "Provider returned error", "code": 429, "metadata": {
            "raw": "exam/model-1 is temporarily rate-limited upstream. Please retry shortly", "provider_name": "Chutes"}});
        match first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Do::Reply(Reply::json(429, &json!({"error": error}))),
            false => Do::Pass,
        }
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 1), "{ended:#?}");
    let log = common::files(&desk.path("logs"));
    let log: String = log
        .iter()
        .map(|(_, text)| String::from_utf8_lossy(text))
        .collect();
    assert!(
        log.contains("Chutes: exam/model-1 is temporarily rate-limited upstream"),
        "{log}"
    );
}

#[test]
fn a_page_of_a_firewall_is_no_refused_key() {
    let page = Reply::html(403, "Attention Required! | Cloudflare");
    ends(
        &page,
        6,
        &[
            "Something between this machine and the service",
            "proxy",
            "country",
        ],
        &["Put a valid key"],
    );
    ends(
        &Reply::html(401, "Sign in"),
        6,
        &["Something between this machine and the service"],
        &["Put a valid key"],
    );
    for path in ["/key", "/models", "/usage"] {
        let desk = Desk::with_list(&list_of(1));
        let page = page.clone();
        let proxy = Proxy::before(desk.sandbox.address(), move |asked| {
            match asked.path.ends_with(path) {
                true => Do::Reply(page.clone()),
                false => Do::Pass,
            }
        });
        for args in [
            &["check", "--brands", "list.csv"][..],
            &["--brands", "list.csv"],
        ] {
            let mut command = command(&desk, &proxy, args);
            command.env("TAVILY_BASE_URL", format!("http://{}", proxy.at));
            let ended = common::ended(command.output().unwrap());
            assert_eq!(ended.code, Some(6), "{path} {args:?}: {ended:#?}");
            let told = format!("{}{}", ended.out, ended.err);
            assert!(
                told.contains("Something between this machine and the service"),
                "{path}: {told}"
            );
            assert!(!told.contains("Put a valid key"), "{path}: {told}");
        }
        assert_eq!(desk.sandbox.counts().1, 0, "{path}: searches were paid for");
    }
}

#[test]
fn a_reply_without_an_answer_says_what_is_missing() {
    let choice = |choice: Value| json!({"id": "gen-1", "choices": [choice], "usage": {"prompt_tokens": 3000, "completion_tokens": 900, "cost": 0.0042}});
    for (reply, words) in [
        (
            json!({"id": "gen-1", "choices": null, "usage": {"cost": 0.001}}),
            "the reply has no choices",
        ),
        (
            json!({"id": "gen-1", "choices": [], "usage": {"cost": 0.001}}),
            "an empty list of choices",
        ),
        (
            choice(json!({"finish_reason": "stop"})),
            "without a message",
        ),
        (
            choice(json!({"finish_reason": "error", "message": {"content": null}})),
            "finish_reason error",
        ),
        (
            choice(
                json!({"finish_reason": "stop", "message": {"content": null, "reasoning": "…"}}),
            ),
            "an answer without text",
        ),
    ] {
        ends(
            &Reply::json(200, &reply),
            1,
            &[words],
            &["status 200", "Check the network"],
        );
    }
}

#[test]
fn a_days_quota_and_a_spent_budget_end_the_run_with_when_they_come_back() {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(20);
    let headers = json!({"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at.as_millisecond().to_string()});
    let error = json!({"message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        "code": 429, "metadata": {"headers": headers}});
    let when = at
        .to_zoned_datetime(jiff::tz::TimeZone::system())
        .strftime("%Y-%m-%d %H:%M")
        .to_string();
    ends(
        &Reply::json(429, &json!({"error": error})),
        6,
        &["free-models-per-day", &when, "choose another --model"],
        &["Check the network"],
    );

    let quiet = Reply::json(
        429,
        &json!({"error": {"message": "Rate limit exceeded", "code": 429}}),
    )
    .with_header("x-ratelimit-remaining", "0")
    .with_header("x-ratelimit-reset", &at.as_second().to_string());
    ends(&quiet, 6, &[&when], &["Check the network"]);

    for (status, error) in [
        (
            422,
            json!({"message": "Budget has been exceeded! Current cost: 2.1, max budget: 2.0", "type": "budget_exceeded", "code": "422"}),
        ),
        (
            400,
            json!({"message": "Budget has been exceeded! Current cost: 2.1, max budget: 2.0", "type": "budget_exceeded"}),
        ),
        (
            429,
            json!({"message": "You exceeded your current quota, please check your plan and billing details.", "code": "insufficient_quota"}),
        ),
        (402, json!({"message": "Insufficient credits", "code": 402})),
    ] {
        ends(
            &Reply::json(status, &json!({"error": error})),
            6,
            &["the server 127.0.0.1"],
            &["Check the network", "openrouter.ai"],
        );
    }
}
