//! llama.cpp's server with a real model, so small that it only talks nonsense, in the form that is asked for.

use std::process::Command;

use super::{
    gateway::{Gateway, Way},
    model_server::{KEY, ModelServer, Wrong, assert_all_succeeded, assert_told, ten_brands},
    nonsense::{self, Pages},
    process::{Peer, Ready, bound_to_test, free_port, installed, status},
};
use crate::common::{Desk, Ended, ended, list_of};

const ALIAS: &str = "gemma-3-270m";

/// Brands of a night with the real model: each takes about ten seconds.
const BRANDS: usize = 10;

/// Tokens of this model that have a `]` or a quotation mark. Where they are a little likelier, its answers end instead of
/// repeating themselves until the context is full.
const ENDS: [u32; 9] = [
    236_842, 1_604, 15_947, 1_935, 4_422, 236_775, 827, 25_938, 23_179,
];

/// Tokens of prompt and answer. A prompt has about 1,800; what the model says without an end is cut by it.
const CONTEXT: &str = "3072";

/// Starts the server. Its port is open before the model is loaded.
fn llama(ready: Ready) -> (Peer, u16) {
    let port = free_port();
    let mut command = bound_to_test(installed().join("venv/bin/llama-server-vulkan"));
    command
        .arg("--model")
        .arg(installed().join("gemma.gguf"))
        .args(["--device", "none", "--no-ui", "--alias", ALIAS])
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--api-key", KEY])
        // Threads that wait for each other lose most of their time where another process computes too.
        .args(["--threads", "1", "--threads-batch", "2"])
        .args(["--parallel", "1", "--ctx-size", CONTEXT])
        .args(["--temp", "0", "--seed", "1"])
        .args(["--repeat-penalty", "1.2", "--repeat-last-n", "256"]);
    for token in ENDS {
        command.args(["--logit-bias", &format!("{token}+2")]);
    }
    let peer = Peer::launch("llama.cpp's server", port, &mut command, ready);
    (peer, port)
}

fn server(base: String) -> ModelServer {
    ModelServer::new(base, ALIAS)
}

fn quickly(batch: &mut Command) -> Ended {
    batch.args(["--depth", "quick", "--lang", "en"]);
    ended(batch.output().unwrap())
}

/// The brands that have a report, which are most. The others failed because the model did not come to an end.
fn brands_answered(desk: &Desk, night: &Ended) -> Vec<String> {
    let registry = desk.registry();
    assert_eq!(registry.len(), BRANDS, "{night:#?}");
    let (answered, cut): (Vec<_>, Vec<_>) = registry
        .into_iter()
        .partition(|(_, entry)| entry["status"] == "success");
    let code = i32::from(!cut.is_empty());
    assert_eq!(night.code, Some(code), "{night:#?}");
    for (brand, entry) in &cut {
        let error = entry["error"].as_str().unwrap();
        let told = ["cut", "context", "length"]
            .iter()
            .any(|due| error.contains(due));
        assert!(told, "{brand}: {error}");
    }
    assert!(answered.len() > cut.len(), "{night:#?}");
    answered.into_iter().map(|(brand, _)| brand).collect()
}

#[test]
#[ignore = "needs llama.cpp's server and a model, which .ci/peers/run brings"]
fn nonsense_of_a_small_model_leaves_honest_reports_and_all_questions() {
    let desk = Desk::with_list(&list_of(BRANDS));
    let (peer, _) = llama(Ready::Page("/health"));
    let base = peer.base.clone();
    let model = Gateway::start(move |_| Way::To(base.clone()));
    let services = format!("http://{}", desk.sandbox.address());
    let search = Gateway::start(move |_| Way::To(services.clone()));
    let mut batch = server(model.at("/v1")).command(&desk, &["--google-sheets"]);
    batch.env("TAVILY_BASE_URL", search.at(""));
    let night = quickly(&mut batch);
    let answered = brands_answered(&desk, &night);

    // The same night with a model that finds nothing: what it asks the client is all that there is to ask.
    let silent_desk = Desk::with_list(&list_of(BRANDS));
    let silent = Gateway::start(|ask| match ask.path.ends_with("/chat/completions") {
        true => Way::Answer(200, nonsense::empty_answer(&ask.body)),
        false => Way::Answer(404, serde_json::json!({"detail": "Not Found"})),
    });
    let mut batch = server(silent.at("/v1")).command(&silent_desk, &["--google-sheets"]);
    assert_all_succeeded(&silent_desk, &quickly(&mut batch), BRANDS);

    let pages = Pages::of(&search.seen(), &list_of(BRANDS));
    let answers = model.seen();
    let claims = nonsense::claims(&answers);
    let made_up = claims.iter().filter(|claim| claim.is_made_up(&pages));
    assert!(made_up.count() > 0, "nothing was made up: {claims:?}");
    for brand in &answered {
        nonsense::assert_honest(&desk, &silent_desk, brand, &pages, &claims);
        nonsense::assert_asks_as_much(&desk, &silent_desk, brand);
    }
}

#[test]
#[ignore = "needs llama.cpp's server and a model, which .ci/peers/run brings"]
fn a_server_that_loads_its_model_is_waited_for_and_wrong_settings_are_told() {
    let (peer, port) = llama(Ready::Port);
    let at = |path: &str| server(format!("{}{path}", peer.base));
    let loads = status(port, "GET", "/health", "", "") == Some(503);
    let desk = Desk::with_list(&list_of(1));
    let check = at("/v1").run(&desk, &["check"]);
    // What so small a model writes is a matter of luck; that it was asked is not.
    let was_asked = check.code == Some(0) || check.out.contains("Every brand would meet the same");
    assert!(was_asked, "it was loading: {loads}; {check:#?}");

    // It answers whatever it is called, so only its list tells.
    let other = ModelServer::new(format!("{}/v1", peer.base), "no-such-model");
    let check = other.run(&ten_brands(), &["check"]);
    let text = format!("{}{}", check.out, check.err);
    for due in ["no-such-model", "does not list it"] {
        assert!(text.contains(due), "{due}: {check:#?}");
    }
    assert_told(&[
        Wrong {
            what: "a wrong key",
            server: at("/v1").with_key("sk-wrong-0123456789"),
            codes: &[3],
            says: &["OPENROUTER_API_KEY", "Invalid API Key"],
        },
        Wrong {
            what: "an address that ends with the page",
            server: at("/v1/chat/completions"),
            codes: &[2],
            says: &["OPENROUTER_BASE_URL", "/chat/completions"],
        },
        Wrong {
            what: "an address of another service's form",
            server: at("/api/v1"),
            codes: &[2],
            says: &["OPENROUTER_BASE_URL"],
        },
    ]);
}
