//! What `check` and a run find out about the services before much is paid for, through the real binary.

use crate::common::{self, Desk, Ended, list_of, proxy::Proxy};
use serde_json::{Value, json};

/// The most search credits that a brand takes.
const CREDITS: u64 = 6;

fn with(desk: &Desk, args: &[&str], name: &str, value: &str) -> Ended {
    let mut command = desk.command(args);
    command.env(name, value);
    common::ended(command.output().unwrap())
}

/// The parts of `check --json`.
fn parts(ended: &Ended) -> Vec<Value> {
    let said: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(said["exit_code"], ended.code.unwrap());
    said["parts"].as_array().unwrap().clone()
}

fn part<'a>(parts: &'a [Value], name: &str) -> &'a Value {
    let found = parts.iter().find(|part| part["part"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {parts:#?}"))
}

#[test]
fn check_asks_one_question_of_each_stage_and_searches_once() {
    let desk = Desk::with_list(&list_of(2));
    let ended = desk.run(&["check", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.sandbox.counts(), (2, 1, 0));
    let parts = parts(&ended);
    for (name, words) in [
        (
            "model, analyst",
            "google/gemini-3.1-flash-lite answered (strict JSON schema) in ",
        ),
        (
            "model, strategist",
            "google/gemini-3.1-flash-lite answered (strict JSON schema) in ",
        ),
        ("search", "pages in "),
    ] {
        let found = part(&parts, name);
        let text = found["text"].as_str().unwrap();
        assert!(text.contains(words) && text.contains(" for $"), "{text}");
        assert_ne!(found["ok"], false);
    }
    let before = part(&parts, "trial")["text"].as_str().unwrap();
    assert!(before.contains("about a cent"), "{before}");
    assert!(desk.sandbox.billed_usd() < 0.02, "it is about a cent");
    assert!(desk.registry().is_empty());
}

#[test]
fn check_spends_nothing_where_it_is_to_be_free() {
    let desk = Desk::with_list(&list_of(2));
    let ended = desk.run(&["check", "--free"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.sandbox.arrived()[..2], [0, 0]);
}

#[test]
fn check_names_a_model_or_search_that_refuses() {
    for (fault, name, codes) in [
        ("llm:400", "model, analyst", &[3][..]),
        ("llm:401", "model, analyst", &[3]),
        ("llm:402", "model, analyst", &[6]),
        ("llm:403", "model, analyst", &[3, 6]),
        ("llm:404", "model, analyst", &[2, 3]),
        ("llm:422", "model, analyst", &[3, 6]),
        ("llm:bad-json", "model, analyst", &[6]),
        ("search:400", "search", &[3]),
        ("search:432", "search", &[6]),
    ] {
        let desk = Desk::with_faults(&list_of(2), &[fault]);
        let ended = desk.run(&["check", "--json"]);
        assert!(codes.contains(&ended.code.unwrap()), "{fault}: {ended:#?}");
        let parts = parts(&ended);
        let found = part(&parts, name);
        assert_eq!(found["ok"], false, "{fault}: {found}");
        let text = found["text"].as_str().unwrap();
        assert!(!text.contains("row"), "{fault}: {text}");
        // A model that refuses is asked no second question.
        let others = parts.iter().filter(|part| part["ok"] == false);
        assert_eq!(others.count(), 1, "{fault}: {parts:#?}");
    }
}

#[test]
fn what_a_gateway_says_instead_of_its_pages_is_told_and_stops_nothing() {
    for status in [400, 403, 422] {
        let desk = Desk::with_list(&list_of(2));
        let proxy = Proxy::before(&desk, move |path, _| {
            let body =
                json!({"error": {"message": "missing header x-portkey-config", "code": status}});
            let page = path.ends_with("/key") || path.ends_with("/models");
            page.then(|| (status, body.to_string()))
        });
        let check = with(
            &desk,
            &["check", "--json"],
            "OPENROUTER_BASE_URL",
            &proxy.models(),
        );
        assert_eq!(check.code, Some(0), "{check:#?}");
        let parts = parts(&check);
        for name in ["OPENROUTER_API_KEY", "OPENROUTER_MODEL"] {
            let found = part(&parts, name);
            assert_eq!(found["ok"], Value::Null, "{found}");
            let text = found["text"].as_str().unwrap();
            assert!(text.contains("x-portkey-config"), "{text}");
        }
        let run = with(
            &desk,
            &["--google-sheets"],
            "OPENROUTER_BASE_URL",
            &proxy.models(),
        );
        assert_eq!(run.code, Some(0), "{run:#?}");
        assert!(run.out.contains("x-portkey-config"), "{}", run.out);
    }
}

#[test]
fn an_address_with_a_page_at_its_end_is_named_before_anything_is_asked() {
    let desk = Desk::with_list(&list_of(2));
    let base = format!("http://{}/api/v1", desk.sandbox.address());
    for args in [&["check"][..], &["--google-sheets"]] {
        let long = format!("{base}/chat/completions");
        let ended = with(&desk, args, "OPENROUTER_BASE_URL", &long);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains("ends with /chat/completions"), "{said}");
        assert!(
            said.contains(&format!("OPENROUTER_BASE_URL={base}\n")),
            "{said}"
        );
    }
    let [models, searches, _] = desk.sandbox.arrived();
    assert_eq!((models, searches), (0, 0));
}

#[test]
fn an_address_without_its_version_is_named_before_anything_is_bought() {
    let desk = Desk::with_list(&list_of(20));
    let short = format!("http://{}/api", desk.sandbox.address());
    let right = format!("OPENROUTER_BASE_URL={short}/v1");
    for args in [&["check"][..], &["--google-sheets", "--workers", "16"]] {
        let ended = with(&desk, args, "OPENROUTER_BASE_URL", &short);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains(&right), "{said}");
    }
    assert_eq!(desk.sandbox.counts().1, 0, "searches were bought");
    assert!(desk.registry().is_empty());
}

/// Runs with a model that the server does not list, as a gateway lists none.
fn unlisted(desk: &Desk, base: Option<&str>) -> Ended {
    let mut command = desk.command(&["--google-sheets", "--workers", "16"]);
    command.env("OPENROUTER_MODEL", "@preset/agency");
    if let Some(base) = base {
        command.env("OPENROUTER_BASE_URL", base);
    }
    common::ended(command.output().unwrap())
}

#[test]
fn a_gateway_that_refuses_all_costs_the_searches_of_one_brand() {
    for fault in [
        "llm:400", "llm:401", "llm:403", "llm:404", "llm:422", "llm:402",
    ] {
        let desk = Desk::with_faults(&list_of(20), &[fault]);
        let ended = unlisted(&desk, None);
        assert!(matches!(ended.code, Some(2 | 3 | 6)), "{fault}: {ended:#?}");
        let bought = desk.sandbox.counts().1;
        assert!(bought <= CREDITS, "{fault}: {bought} credits");
        assert!(desk.registry().is_empty(), "{fault}");
        assert_eq!(desk.checkpoint()["status"], "aborted");
        assert!(!ended.err.contains("row's name"), "{}", ended.err);
    }
}

/// A proxy that refuses brands with these numbers, of a list of fewer than ten, and takes every model.
fn gateway(desk: &Desk, numbers: &'static [usize], refusal: &'static str) -> Proxy {
    let listed = "google/gemini-3.1-flash-lite";
    Proxy::rewriting(desk, move |path, body| {
        let named = |number: &usize| body.contains(&format!("برند شماره {number}"));
        let refused = path.ends_with("/chat/completions") && numbers.iter().any(named);
        match refused {
            true => Err((400, refusal.to_owned())),
            false => Ok(body.replace("@preset/agency", listed)),
        }
    })
}

#[test]
fn a_gateway_that_refuses_the_first_brand_alone_goes_on() {
    let desk = Desk::with_list(&list_of(9));
    let words = r#"{"error": {"code": 400, "message": "Invalid request: this text is not taken"}}"#;
    let proxy = gateway(&desk, &[1], words);
    let ended = unlisted(&desk, Some(&proxy.models()));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let failed = |entry: &Value| entry["status"] == "failed";
    let registry = desk.registry();
    assert_eq!(registry.len(), 9);
    assert_eq!(registry.values().filter(|entry| failed(entry)).count(), 1);
}

#[test]
fn brands_whose_contents_are_refused_do_not_end_a_run_although_they_come_first() {
    // More than twice as many as bring the harmless question: each time it is asked anew, and proves something anew.
    let desk = Desk::with_list(&list_of(28));
    let proxy = Proxy::before(&desk, |path, body| {
        let named = |number: usize| body.contains(&format!("برند شماره {number}\n"));
        let named =
            |number: usize| named(number) || body.contains(&format!("برند شماره {number}\\n"));
        let refused = path.ends_with("/chat/completions") && (1..=24).any(named);
        let error = json!({"error": {"code": 403, "message": "Your input was flagged",
            "metadata": {"reasons": ["gambling"], "flagged_input": "…"}}});
        refused.then(|| (403, error.to_string()))
    });
    let args = ["--google-sheets", "--workers", "4"];
    let ended = with(&desk, &args, "OPENROUTER_BASE_URL", &proxy.models());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let registry = desk.registry();
    let done = registry
        .values()
        .filter(|entry| entry["status"] == "success");
    assert_eq!((registry.len(), done.count()), (28, 4));
}
