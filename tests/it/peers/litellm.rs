//! `LiteLLM`'s proxy between the program and the simulated models: a night, its limits, and what it says of wrong settings.

use std::fs;

use serde_json::{Value, json};

use super::{
    gateway::{Gateway, Way},
    model_server::{
        KEY, MODEL, ModelServer, REFUSED, Wrong, assert_all_succeeded, assert_night_as_without,
        assert_told, ten_brands,
    },
    process::{Peer, Ready, bound_to_test, free_port, installed, status},
};
use crate::common::{Desk, files, list_of};

/// It counts the requests of this many seconds where it says "a minute".
const WINDOW: &str = "2";

struct LiteLlm {
    peer: Peer,
    port: u16,
    _folder: tempfile::TempDir,
}

/// Who may ask.
enum Keys {
    /// The one key of the configuration.
    Master,
    /// Those of `.ci/peers/keys.py`.
    Several,
}

/// The way to the simulated models of a desk, as the configuration of `LiteLLM` has it.
fn way_to(desk: &Desk) -> Value {
    json!({
        "model": format!("openai/{MODEL}"),
        "api_base": format!("http://{}/api/v1", desk.sandbox.address()),
        "api_key": desk.sandbox.openrouter_key(),
    })
}

/// The same with other settings in place of some, or further ones.
fn but(way: &Value, others: &Value) -> Value {
    let mut way = way.clone();
    for (name, value) in others.as_object().unwrap() {
        way[name.as_str()] = value.clone();
    }
    way
}

impl LiteLlm {
    /// Starts it with these aliases.
    fn start(keys: &Keys, aliases: &[(&str, Value)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = aliases
            .iter()
            .map(|(name, way)| json!({"model_name": name, "litellm_params": way}));
        let mut general = json!({"master_key": KEY});
        if matches!(keys, Keys::Several) {
            let script = fs::read(installed().join("keys.py")).unwrap();
            fs::write(folder.path().join("keys.py"), script).unwrap();
            general["custom_auth"] = "keys.user_api_key_auth".into();
        }
        let config = json!({
            "model_list": models.collect::<Vec<_>>(),
            "general_settings": general,
            "router_settings": {"num_retries": 0},
        });
        // YAML takes JSON as it is.
        let path = folder.path().join("config.yaml");
        fs::write(&path, config.to_string()).unwrap();
        let port = free_port();
        let mut command = bound_to_test(installed().join("venv/bin/litellm"));
        command
            .current_dir(folder.path())
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--telemetry", "False", "--config"])
            .arg(path)
            .env_remove("DATABASE_URL")
            .env("LITELLM_MODE", "PRODUCTION")
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_RATE_LIMIT_WINDOW_SIZE", WINDOW);
        let ready = Ready::Page("/health/liveliness");
        Self {
            peer: Peer::launch("LiteLLM", port, &mut command, ready),
            port,
            _folder: folder,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.peer.base)
    }

    fn server(&self, alias: &str) -> ModelServer {
        ModelServer::new(self.at("/v1"), alias)
    }
}

#[test]
#[ignore = "needs LiteLLM, which .ci/peers/run brings"]
fn a_night_through_litellm_is_as_without_it_and_can_have_a_budget() {
    let desk = ten_brands();
    let litellm = LiteLlm::start(&Keys::Master, &[("house", way_to(&desk))]);
    let server = litellm.server("house");
    assert_night_as_without(&server, &desk);

    let other = Desk::with_list(&list_of(3));
    let batch = ["--google-sheets", "--budget", "1"];
    let unknown = server.run(&other, &batch);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.err.contains("OPENROUTER_PRICES"), "{unknown:#?}");
    let mut priced = server.command(&other, &batch);
    let priced = priced.env("OPENROUTER_PRICES", "0.25,1.5").output();
    assert_all_succeeded(&other, &crate::common::ended(priced.unwrap()), 3);
    let cost = other.checkpoint()["cost_usd"].as_f64();
    assert!(cost.is_some_and(|usd| usd > 0.0 && usd < 1.0), "{cost:?}");
}

#[test]
#[ignore = "needs LiteLLM, which .ci/peers/run brings"]
fn wrong_settings_of_litellm_are_told_before_a_second_brand_is_searched_for() {
    let models = ten_brands();
    let way = way_to(&models);
    let litellm = LiteLlm::start(
        &Keys::Master,
        &[
            ("house", way.clone()),
            (
                "locked",
                but(&way, &json!({"api_key": "sk-of-another-house"})),
            ),
            ("renamed", but(&way, &json!({"model": "openai/house/gone"}))),
            (
                "spent",
                but(
                    &way,
                    &json!({
                        "max_budget": 0.000_001, "budget_duration": "1d",
                        "input_cost_per_token": 0.001, "output_cost_per_token": 0.001,
                    }),
                ),
            ),
        ],
    );
    // The first question spends the budget of this alias.
    let question = json!({"model": "spent", "max_tokens": 500, "messages": [{"role": "user", "content": "?"}]});
    let ask = || {
        status(
            litellm.port,
            "POST",
            "/v1/chat/completions",
            KEY,
            &question.to_string(),
        )
    };
    assert!(
        (0..50).any(|_| ask() == Some(429)),
        "the budget is not spent"
    );

    let house = litellm.server("house");
    let at = |path: &str| ModelServer::new(litellm.at(path), "house");
    assert_told(&[
        Wrong {
            what: "an alias that does not exist",
            server: litellm.server("no-such-alias"),
            codes: &[3],
            says: &["no-such-alias", "Invalid model name"],
        },
        Wrong {
            what: "a wrong key",
            server: house.with_key("sk-wrong-0123456789"),
            codes: REFUSED,
            says: &["No connected db"],
        },
        Wrong {
            what: "a wrong key of the proxy's own",
            server: litellm.server("locked"),
            codes: &[3],
            says: &["User not found"],
        },
        Wrong {
            what: "an alias of a model that is gone",
            server: litellm.server("renamed"),
            codes: &[3],
            says: &["house/gone is not a valid model"],
        },
        Wrong {
            what: "an alias whose budget is spent",
            server: litellm.server("spent"),
            codes: &[6],
            says: &["budget"],
        },
        Wrong {
            what: "an address that ends with the page",
            server: at("/v1/chat/completions"),
            codes: &[2],
            says: &["OPENROUTER_BASE_URL", "/chat/completions"],
        },
    ]);
}

#[test]
#[ignore = "needs LiteLLM, which .ci/peers/run brings"]
fn keys_of_litellm_that_are_unknown_or_spent_are_told_and_one_with_a_limit_only_takes_longer() {
    let desk = ten_brands();
    let litellm = LiteLlm::start(&Keys::Several, &[("house", way_to(&desk))]);
    let server = litellm.server("house");
    // Eight requests in two seconds, with `retry-after`.
    let paced = server.clone().with_key("sk-paced-0123456789");
    let night = paced.night(&desk);
    assert_all_succeeded(&desk, &night, 10);
    assert_some_were_tried_again(&desk);
    assert_told(&[
        Wrong {
            what: "an unknown key",
            server: server.clone().with_key("sk-wrong-0123456789"),
            codes: &[3],
            says: &["OPENROUTER_API_KEY", "Invalid proxy server token"],
        },
        Wrong {
            what: "a key whose budget is spent",
            server: server.with_key("sk-spent-0123456789"),
            codes: &[6],
            says: &["Budget has been exceeded"],
        },
    ]);
}

/// The limit was met, and passed.
pub fn assert_some_were_tried_again(desk: &Desk) {
    let logs = files(&desk.path("logs"));
    let text: String = logs
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .collect();
    assert!(text.contains("429"), "no limit was met: {text}");
    assert!(text.contains("call is tried again"), "{text}");
}

#[test]
#[ignore = "needs LiteLLM, which .ci/peers/run brings"]
fn what_models_behind_litellm_refuse_is_left_out_or_told() {
    let desk = Desk::with_list(&list_of(3));
    let limited = Desk::with_faults(&list_of(1), &["llm:429:0.2"]);
    // Refuses `max_tokens` as newer models of OpenAI do.
    let sandbox = format!("http://{}", desk.sandbox.address());
    let newer = Gateway::start(move |ask| match ask.body.get("max_tokens") {
        None => Way::To(sandbox.clone()),
        Some(_) => Way::Answer(400, refusal_of_max_tokens()),
    });
    let way = way_to(&desk);
    let of = |provider: &str| but(&way, &json!({"model": format!("{provider}/{MODEL}")}));
    let aliases = [
        (
            "newer",
            but(&way, &json!({"api_base": newer.at("/api/v1")})),
        ),
        // LiteLLM itself refuses `response_format` for this provider,
        ("featherless", of("featherless_ai")),
        // for this one `max_completion_tokens` too,
        ("zai", of("zai")),
        // and for this one also `max_tokens`.
        ("v0", of("v0")),
        ("limited", way_to(&limited)),
    ];
    let litellm = LiteLlm::start(&Keys::Master, &aliases);
    for alias in ["newer", "featherless", "zai"] {
        let server = litellm.server(alias);
        let desk = Desk::with_list(&list_of(3));
        let check = server.run(&desk, &["check"]);
        assert_eq!(check.code, Some(0), "{alias}: {check:#?}");
        assert_all_succeeded(&desk, &server.night(&desk), 3);
    }
    // Its 429 has no `retry-after`: LiteLLM renames the header.
    let desk = ten_brands();
    assert_all_succeeded(&desk, &litellm.server("limited").night(&desk), 10);
    assert_some_were_tried_again(&desk);

    let without_length = litellm.server("v0");
    let desk = ten_brands();
    let check = without_length.run(&desk, &["check"]);
    if check.code == Some(0) {
        assert_all_succeeded(&desk, &without_length.night(&desk), 10);
    } else {
        assert_told(&[Wrong {
            what: "a model that takes no limit of length",
            server: without_length,
            codes: REFUSED,
            says: &["max_tokens"],
        }]);
    }
}

/// As OpenAI says it.
pub fn refusal_of_max_tokens() -> Value {
    json!({"error": {
        "message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter",
    }})
}
