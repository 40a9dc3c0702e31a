//! A model that refuses the form of a question is asked in another: found out once, said once, and paid for never twice.

use serde_json::{Value, json};

use super::{
    for_chats,
    proxy::{Asked, Do, Reply},
    run, succeeded, warnings,
};
use crate::common::{Desk, list_of};

/// A refusal of strict schemas, as providers word it.
fn refusals() -> Vec<(&'static str, Reply)> {
    let error = |status: u16, error: Value| Reply::json(status, &json!({"error": error}));
    let raw = |raw: Value, provider: &str| {
        error(
            400,
            json!({"message": "Provider returned error", "code": 400, "metadata": {"raw": raw, "provider_name": provider}}),
        )
    };
    vec![
        ("openai", error(400, json!({"message": "Invalid schema for response_format 'analyst'", "type": "invalid_request_error", "param": "response_format"}))),
        ("anthropic", raw(json!({"error": {"message": "output_config.format.schema: the compiled grammar is too large"}}).to_string().into(), "Anthropic")),
        ("gemini", raw(json!("The specified schema produces a constraint that has too many states for serving."), "Google")),
        ("bare google", raw(json!({"error": {"code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT"}}).to_string().into(), "Google AI Studio")),
        ("no endpoints", error(404, json!({"message": "No endpoints found that can handle the requested parameters.", "code": 404}))),
        ("validator", Reply::json(422, &json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "response_format"], "msg": "Extra inputs are not permitted", "input": {}}]}))),
        ("in a 200", Reply::json(200, &json!({"id": "gen-1", "error": {"code": 400, "message": "response_format json_schema is not supported"}}))),
        ("local", error(500, json!({"code": 500, "message": "Failed to parse grammar", "type": "server_error"}))),
        ("without a reason", error(400, json!({"message": "Provider returned error", "code": 400}))),
    ]
}

fn is_refused(asked: &Asked, formats: &[&str]) -> bool {
    formats.contains(&asked.format())
}

#[test]
fn a_refused_schema_costs_one_call_and_every_brand_succeeds() {
    for (what, refusal) in refusals() {
        let desk = Desk::with_list(&list_of(6));
        let status = refusal.status;
        let proxy = for_chats(&desk, move |asked| {
            match is_refused(asked, &["json_schema"]) {
                true => Do::Reply(refusal.clone()),
                false => Do::Pass,
            }
        });
        let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "4"]);
        assert_eq!(
            (ended.code, succeeded(&desk)),
            (Some(0), 6),
            "{what}: {ended:#?}"
        );
        let refused = proxy
            .chats()
            .iter()
            .filter(|(asked, _)| asked.format() == "json_schema")
            .count();
        assert!(
            (1..=2).contains(&refused),
            "{what} ({status}): {refused} refused calls"
        );
        assert_eq!(proxy.chats().len(), 12 + refused, "{what}");
        let told: Vec<String> = warnings(&ended)
            .into_iter()
            .filter(|line| line.contains("refuses strict JSON schemas"))
            .collect();
        assert!(
            !told.is_empty() && told.len() <= refused,
            "{what}: {told:?}"
        );
        assert!(
            told[0].contains("asking for JSON objects instead") || what == "validator",
            "{told:?}"
        );
    }
}

#[test]
fn a_model_that_takes_no_form_at_all_is_asked_in_plain_words() {
    let desk = Desk::with_list(&list_of(4));
    let proxy = for_chats(&desk, |asked| {
        match is_refused(asked, &["json_schema", "json_object"]) {
            true => Do::Reply(Reply::json(
                400,
                &json!({"error": {"message": "response_format is not supported by this model"}}),
            )),
            false => Do::Pass,
        }
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "4"]);
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 4), "{ended:#?}");
    // What is refused altogether is refused for every schema.
    assert_eq!(proxy.chats_with(400), 2, "{ended:#?}");
    let plain = proxy
        .chats()
        .into_iter()
        .find(|(asked, _)| asked.format() == "none")
        .unwrap()
        .0;
    let system = plain.json["messages"][0]["content"].as_str().unwrap();
    assert!(
        system.ends_with(&plain.schema().to_string()),
        "the prompt says the form"
    );
}

#[test]
fn a_refused_parameter_alone_is_left_out_or_renamed() {
    let cases: [(&str, Value); 3] = [
        (
            "max_completion_tokens",
            json!({"message": "Unsupported parameter: 'max_completion_tokens' is not supported with this model. Use 'max_tokens' instead.", "param": "max_completion_tokens", "code": "unsupported_parameter"}),
        ),
        (
            "reasoning",
            json!({"message": "Unknown name \"reasoning\": Cannot find field."}),
        ),
        (
            "provider",
            json!({"message": "Unrecognized request argument supplied", "param": "provider"}),
        ),
    ];
    for (parameter, error) in cases {
        let desk = Desk::with_list(&list_of(3));
        let proxy = for_chats(&desk, move |asked| {
            match asked.json.get(parameter).is_some() {
                true => Do::Reply(Reply::json(400, &json!({"error": error}))),
                false => Do::Pass,
            }
        });
        let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "3"]);
        assert_eq!(
            (ended.code, succeeded(&desk)),
            (Some(0), 3),
            "{parameter}: {ended:#?}"
        );
        assert_eq!(proxy.chats_with(400), 1, "{parameter}: {ended:#?}");
        let answered = proxy
            .chats()
            .into_iter()
            .find(|(_, status)| *status == 200)
            .unwrap()
            .0;
        assert_eq!(
            answered.format(),
            "json_schema",
            "{parameter}: the schema was not refused"
        );
        if parameter == "max_completion_tokens" {
            assert_eq!(answered.json["max_tokens"], 12_000);
        } else {
            assert!(answered.json["max_completion_tokens"].is_u64());
        }
    }
}

#[test]
fn a_run_that_is_resumed_uses_answers_of_every_step() {
    let desk = Desk::with_list(&list_of(3));
    let strict = std::sync::atomic::AtomicBool::new(false);
    let ends = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let ending = std::sync::Arc::clone(&ends);
    let proxy = for_chats(&desk, move |asked| {
        use std::sync::atomic::Ordering::SeqCst;
        let is_analyst = asked.json["messages"][1]["content"]
            .as_str()
            .is_some_and(|text| text.contains("Sources:"));
        if ending.load(SeqCst) && asked.format() == "json_schema" {
            return Do::Reply(Reply::json(
                400,
                &json!({"error": {"message": "The schema has too many states"}}),
            ));
        }
        match ending.load(SeqCst) && !is_analyst {
            true => {
                strict.store(true, SeqCst);
                Do::Reply(Reply::json(
                    402,
                    &json!({"error": {"message": "Insufficient credits", "code": 402}}),
                ))
            }
            false => Do::Pass,
        }
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "1"]);
    assert_eq!(ended.code, Some(6), "{ended:#?}");
    assert_eq!(
        proxy.chats_with(200),
        1,
        "one analyst was answered, with a JSON object"
    );
    // The schema is taken now, and the answer to the other form is used all the same.
    ends.store(false, std::sync::atomic::Ordering::SeqCst);
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "1"]);
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 3), "{ended:#?}");
    assert_eq!(proxy.chats_with(200), 6, "nothing is bought twice");
}
