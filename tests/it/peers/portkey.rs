//! Portkey's gateway between the program and the simulated models. It wants a header in each request that says where to send
//! it; something in front of it has to add that, because the program sends none of its own.

use serde_json::json;

use super::{
    gateway::{Gateway, Way},
    litellm::{assert_some_were_tried_again, refusal_of_max_tokens},
    model_server::{
        MODEL, ModelServer, REFUSED, Wrong, assert_all_succeeded, assert_night_as_without,
        assert_told, ten_brands,
    },
    process::{Peer, Ready, bound_to_test, free_port, installed},
};
use crate::common::{Desk, list_of};

const START: &str = "node_modules/@portkey-ai/gateway/build/start-server.js";

fn portkey() -> Peer {
    let port = free_port();
    let mut command = bound_to_test("node");
    command
        .arg(installed().join(START))
        .args([&format!("--port={port}"), "--headless"]);
    Peer::launch("Portkey", port, &mut command, Ready::Page("/"))
}

/// Adds these headers to each request on its way to Portkey.
fn adding(portkey: &Peer, headers: &[(&'static str, &str)]) -> Gateway {
    let base = portkey.base.clone();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Gateway::start(move |_| Way::With(base.clone(), headers.clone()))
}

/// The headers by which Portkey sends on to a server that speaks as OpenAI does.
fn sending_to(portkey: &Peer, base: &str) -> Gateway {
    adding(
        portkey,
        &[
            ("x-portkey-provider", "openai"),
            ("x-portkey-custom-host", base),
        ],
    )
}

fn models_of(desk: &Desk) -> String {
    format!("http://{}/api/v1", desk.sandbox.address())
}

/// The key goes through to the provider.
fn server(at: String, desk: &Desk) -> ModelServer {
    ModelServer::new(at, MODEL).with_key(desk.sandbox.openrouter_key())
}

#[test]
#[ignore = "needs Portkey's gateway, which .ci/peers/run brings"]
fn a_night_through_portkey_is_as_without_it() {
    let desk = ten_brands();
    let portkey = portkey();
    let way = sending_to(&portkey, &models_of(&desk));
    assert_night_as_without(&server(way.at("/v1"), &desk), &desk);
}

#[test]
#[ignore = "needs Portkey's gateway, which .ci/peers/run brings"]
fn wrong_settings_of_portkey_are_told_before_a_second_brand_is_searched_for() {
    let models = ten_brands();
    let portkey = portkey();
    let right = sending_to(&portkey, &models_of(&models));
    let nowhere = adding(&portkey, &[("x-portkey-provider", "no-such-provider")]);
    let saved = adding(&portkey, &[("x-portkey-config", "pc-night-1a2b3c")]);
    let broke = Gateway::start(|_| Way::Answer(429, refusal_of_quota()));
    let broke_way = sending_to(&portkey, &broke.at("/v1"));
    let at = |base: String| server(base, &models);
    let mut unknown_model = at(right.at("/v1"));
    unknown_model.model = "house/no-such-model".into();
    assert_told(&[
        Wrong {
            what: "no header of Portkey's",
            server: at(format!("{}/v1", portkey.base)),
            codes: REFUSED,
            says: &["x-portkey-provider header is required"],
        },
        Wrong {
            what: "a provider that does not exist",
            server: at(nowhere.at("/v1")),
            codes: REFUSED,
            says: &["Invalid provider passed"],
        },
        Wrong {
            what: "a saved configuration, which only its cloud has",
            server: at(saved.at("/v1")),
            codes: REFUSED,
            says: &["Invalid config passed"],
        },
        Wrong {
            what: "a wrong key",
            server: at(right.at("/v1")).with_key("sk-wrong-0123456789"),
            codes: &[3],
            says: &["OPENROUTER_API_KEY", "User not found"],
        },
        Wrong {
            what: "a model that does not exist",
            server: unknown_model,
            codes: &[3],
            says: &["house/no-such-model is not a valid model"],
        },
        Wrong {
            what: "a quota that is spent",
            server: at(broke_way.at("/v1")),
            codes: &[6],
            says: &["quota"],
        },
        Wrong {
            what: "an address without /v1",
            server: at(right.at("")),
            codes: &[2],
            says: &["OPENROUTER_BASE_URL", "/v1"],
        },
        Wrong {
            what: "an address that ends with the page",
            server: at(right.at("/v1/chat/completions")),
            codes: &[2],
            says: &["OPENROUTER_BASE_URL", "/chat/completions"],
        },
    ]);
}

#[test]
#[ignore = "needs Portkey's gateway, which .ci/peers/run brings"]
fn limits_and_other_names_of_parameters_behind_portkey_pass() {
    let portkey = portkey();
    let limited = Desk::with_faults(&list_of(10), &["llm:429:0.2"]);
    let way = sending_to(&portkey, &models_of(&limited));
    let night = server(way.at("/v1"), &limited).night(&limited);
    assert_all_succeeded(&limited, &night, 10);
    assert_some_were_tried_again(&limited);

    let desk = Desk::with_list(&list_of(3));
    let sandbox = format!("http://{}", desk.sandbox.address());
    let newer = Gateway::start(move |ask| match ask.body.get("max_tokens") {
        None => Way::To(sandbox.clone()),
        Some(_) => Way::Answer(400, refusal_of_max_tokens()),
    });
    let way = sending_to(&portkey, &newer.at("/api/v1"));
    let server = server(way.at("/v1"), &desk);
    let check = server.run(&desk, &["check"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
    assert_all_succeeded(&desk, &server.night(&desk), 3);
}

/// As OpenAI says it.
fn refusal_of_quota() -> serde_json::Value {
    json!({"error": {
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "type": "insufficient_quota", "param": null, "code": "insufficient_quota",
    }})
}
