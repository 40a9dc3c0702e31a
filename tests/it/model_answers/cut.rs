//! An answer that would be cut again with twice the length is not asked for again.

use serde_json::{Value, json};

use super::{errors, for_chats, proxy::Do, run};
use crate::common::{Desk, list_of};

/// Each answer is cut: the tokens that it had, and what stands in it.
fn is_cut_once(change: fn(&str) -> Vec<u8>, words: &str) {
    let desk = Desk::with_list(&list_of(1));
    let proxy = for_chats(&desk, move |_| Do::Change(change));
    let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(proxy.chats().len(), 1, "{words}: it was asked for again");
    let errors = errors(&desk);
    assert!(errors[0].contains(words), "{errors:?}");
    let registry = desk.registry();
    assert_eq!(registry.values().next().unwrap()["error_kind"], "cut");
}

fn cut(body: &str, tokens: u64, text: impl Fn(&str) -> String) -> Vec<u8> {
    let mut reply: Value = serde_json::from_str(body).unwrap();
    let whole = reply["choices"][0]["message"]["content"].as_str().unwrap();
    reply["choices"][0]["message"]["content"] = text(whole).into();
    reply["choices"][0]["finish_reason"] = json!("length");
    reply["usage"]["completion_tokens"] = tokens.into();
    reply.to_string().into_bytes()
}

fn half(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

#[test]
fn a_full_context_is_told_as_that() {
    let words = "after 900 tokens although 12000 were allowed: the model's context is full";
    is_cut_once(|body| cut(body, 900, half), words);
}

#[test]
fn an_answer_that_repeats_itself_is_told_as_that() {
    let change = |body: &str| {
        cut(body, 12_000, |text| {
            half(text) + &"{\"value\":\"شیر\"},".repeat(200)
        })
    };
    is_cut_once(change, "the model repeated itself");
}

#[test]
fn an_answer_that_needs_more_room_gets_twice_as_much() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = for_chats(&desk, |asked| {
        match asked.json["max_completion_tokens"] == 12_000 {
            true => Do::Change(|body| cut(body, 12_000, half)),
            false => Do::Pass,
        }
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(proxy.chats().len(), 3, "{ended:#?}");
}
