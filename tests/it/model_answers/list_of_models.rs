//! `--model a,b`: the next is asked when one cannot be.

use serde_json::json;

use super::{
    errors, for_chats,
    proxy::{Do, Reply},
    run, succeeded, warnings,
};
use crate::common::{Desk, list_of};

const FIRST: &str = "google/gemini-2.5-flash";
const SECOND: &str = "openai/gpt-5-mini";

#[test]
fn a_model_that_is_gone_is_asked_once_and_the_next_answers_all() {
    let desk = Desk::with_list(&list_of(4));
    let proxy = for_chats(&desk, |asked| match asked.json["model"] == FIRST {
        true => Do::Reply(Reply::json(
            404,
            &json!({"error": {"message": format!("No endpoints found for {FIRST}."), "code": 404}}),
        )),
        false => Do::Pass,
    });
    let models = format!("{FIRST},{SECOND}");
    let ended = run(
        &desk,
        &proxy,
        &[
            "--brands",
            "list.csv",
            "--workers",
            "1",
            "--budget",
            "5",
            "--model",
            &models,
        ],
    );
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 4), "{ended:#?}");
    assert_eq!(proxy.chats_with(404), 1, "{ended:#?}");
    let said = warnings(&ended);
    assert!(
        said.iter()
            .any(|line| line.contains(FIRST) && line.contains(SECOND)),
        "{said:?}"
    );
    let registry = desk.registry();
    for entry in registry.values() {
        let report = desk.json(entry["report"].as_str().unwrap());
        assert_eq!(report["models"], json!([SECOND]), "who answered");
    }
}

#[test]
fn what_one_model_refuses_another_is_asked_for_that_brand_alone() {
    let desk = Desk::with_list(&list_of(3));
    let proxy = for_chats(&desk, |asked| {
        let is_refused = asked.json["model"] == FIRST && asked.is_about("برند شماره 2");
        let message = json!({"content": null, "refusal": "No."});
        match is_refused {
            true => Do::Reply(Reply::json(
                200,
                &json!({"choices": [{"finish_reason": "stop", "message": message}], "usage": {"cost": 0.004}}),
            )),
            false => Do::Pass,
        }
    });
    let models = format!("{FIRST}, {SECOND}");
    let ended = run(
        &desk,
        &proxy,
        &["--brands", "list.csv", "--workers", "2", "--model", &models],
    );
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 3), "{ended:#?}");
    let asked_of = |model: &str| {
        proxy
            .chats()
            .iter()
            .filter(|(asked, _)| asked.json["model"] == model)
            .count()
    };
    assert_eq!((asked_of(FIRST), asked_of(SECOND)), (6, 2), "{ended:#?}");
}

#[test]
fn a_brand_that_every_model_refuses_is_paid_for_twice_at_most() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = for_chats(&desk, |_| {
        let message = json!({"content": null, "refusal": "No."});
        Do::Reply(Reply::json(
            200,
            &json!({"choices": [{"finish_reason": "stop", "message": message}], "usage": {"cost": 0.004}}),
        ))
    });
    let models = format!("{FIRST},{SECOND},google/gemini-3-flash-preview");
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--model", &models]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(proxy.chats().len(), 2, "{ended:#?}");
    assert!(
        errors(&desk)[0].contains("the model says: No"),
        "{:?}",
        errors(&desk)
    );
}

#[test]
fn when_no_model_is_left_the_run_says_so() {
    let desk = Desk::with_list(&list_of(2));
    let proxy = for_chats(&desk, |_| {
        Do::Reply(Reply::json(
            404,
            &json!({"error": {"message": "No endpoints found for it.", "code": 404}}),
        ))
    });
    let models = format!("{FIRST},{SECOND}");
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--model", &models]);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(ended.err.contains("Choose another model"), "{ended:#?}");
}
