//! What is refused for one brand fails that brand, after at most two paid tries, and no other.

use serde_json::{Value, json};

use super::{
    errors, for_chats,
    proxy::{Do, Reply},
    run, succeeded,
};
use crate::common::Desk;

const LIST: &str = "Brand Name,Website\nکاله,https://kalleh.ir\nمیهن,https://mihan.ir\nپاک,https://pak.ir\nدامداران,https://damdaran.ir\nچوپان,https://choopan.ir\nهراز,https://haraz.ir\n";

const ONE: &str = "میهن";

fn completion(choice: &Value) -> Value {
    json!({"id": "gen-1", "model": "exam/model-1", "object": "chat.completion", "choices": [choice],
        "usage": {"prompt_tokens": 3000, "completion_tokens": 900, "cost": 0.0042}})
}

/// The reply to every question about one brand, and the kind and words that its failure has.
fn fails_alone(reply: Reply, kind: &str, words: &str) {
    let desk = Desk::with_list(LIST);
    let proxy = for_chats(&desk, move |asked| match asked.is_about(ONE) {
        true => Do::Reply(reply.clone()),
        false => Do::Pass,
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--workers", "3"]);
    assert_eq!(ended.code, Some(1), "{words}: {ended:#?}");
    assert_eq!(succeeded(&desk), 5, "{words}: {ended:#?}");
    let tries = proxy
        .chats()
        .iter()
        .filter(|(asked, _)| asked.is_about(ONE))
        .count();
    assert!((1..=2).contains(&tries), "{words}: {tries} tries");
    let errors = errors(&desk);
    assert!(
        errors.len() == 1 && errors[0].contains(words),
        "{words}: {errors:?}"
    );
    assert!(!errors[0].contains("status 200"), "{errors:?}");
    let registry = desk.registry();
    let entry = registry
        .values()
        .find(|entry| entry["status"] == "failed")
        .unwrap();
    assert_eq!(entry["error_kind"], kind, "{words}");
    for not in ["Put a valid key", "Check the network"] {
        assert!(
            !format!("{}{}", ended.out, ended.err).contains(not),
            "{not}: {ended:#?}"
        );
    }
}

#[test]
fn a_refusal_of_the_model_fails_its_brand_alone() {
    let message = json!({"role": "assistant", "content": null, "refusal": "I'm sorry, I can't help with that."});
    let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
    fails_alone(
        Reply::json(200, &completion(&choice)),
        "blocked",
        "I can't help with that",
    );
}

#[test]
fn an_answer_that_a_provider_takes_back_fails_its_brand_alone() {
    for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT"] {
        let choice = json!({"index": 0, "finish_reason": "stop", "native_finish_reason": reason,
            "message": {"role": "assistant", "content": ""}});
        fails_alone(Reply::json(200, &completion(&choice)), "blocked", reason);
    }
    let filtered =
        json!({"index": 0, "finish_reason": "content_filter", "message": {"content": "{\"id"}});
    fails_alone(
        Reply::json(200, &completion(&filtered)),
        "blocked",
        "content_filter",
    );
}

#[test]
fn terms_of_service_and_moderation_fail_their_brand_alone() {
    for (status, error) in [
        (
            403,
            json!({"message": "The request is prohibited due to a violation of provider Terms Of Service.", "code": 403,
            "metadata": {"provider_name": null}}),
        ),
        (
            403,
            json!({"message": "Input flagged", "code": 403, "metadata": {"reasons": ["violence"], "flagged_input": "…"}}),
        ),
        (
            400,
            json!({"message": "Provider returned error", "code": 400, "metadata": {"provider_name": "Azure",
            "raw": "{\"error\":{\"code\":\"content_filter\",\"message\":\"The response was filtered by the content management policy\"}}"}}),
        ),
    ] {
        let words = ["Terms Of Service", "flagged", "content management policy"]
            .into_iter()
            .find(|words| error.to_string().contains(words))
            .unwrap();
        fails_alone(
            Reply::json(status, &json!({"error": error})),
            "blocked",
            words,
        );
    }
}

#[test]
fn an_empty_answer_is_asked_for_twice_at_most() {
    let choice = json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": null, "reasoning": "…"}});
    let words = "an answer without text (finish_reason stop, 900 tokens of reasoning)";
    fails_alone(Reply::json(200, &completion(&choice)), "bad_answer", words);
}

#[test]
fn a_refusal_of_one_brand_by_a_server_that_answered_others_ends_no_run() {
    for (status, reply) in [
        (
            403,
            Reply::json(
                403,
                &json!({"error": {"message": "Forbidden", "code": 403}}),
            ),
        ),
        (
            404,
            Reply::json(
                404,
                &json!({"error": {"message": "Not found", "code": 404}}),
            ),
        ),
        (403, Reply::html(403, "Attention Required!")),
    ] {
        let desk = Desk::with_list(LIST);
        let proxy = for_chats(&desk, move |asked| match asked.is_about(ONE) {
            true => Do::Reply(reply.clone()),
            false => Do::Pass,
        });
        // With one worker, so that the brands below it come after it.
        let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
        assert_eq!(ended.code, Some(1), "{status}: {ended:#?}");
        assert_eq!(succeeded(&desk), 5, "{status}: {ended:#?}");
    }
}
