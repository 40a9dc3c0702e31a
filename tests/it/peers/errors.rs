//! Every error that the documents list, as Prism answers it, and answers that fit them at random.

use std::{fs, sync::Mutex};

use serde_json::Value;

use super::{
    gateway::{Gateway, Way},
    node::prism_mock,
    prism::{OPENROUTER, TAVILY, command, sandbox_of},
    process::Peer,
};
use crate::common::{Desk, Ended, ended, list_of};

/// What one error of a service does to a run with two brands.
#[derive(Clone, Copy, Debug)]
enum Effect {
    /// It is tried again, and all goes well.
    Passes,
    /// It is the brand's alone; the other brand goes well.
    Brand,
    /// It says nothing against the run, and is not tried again.
    Ignored,
    /// The run ends with this code, and names this remedy.
    Ends(i32, &'static str),
}

use Effect::{Brand, Ends, Ignored, Passes};

const MODEL_KEY: Effect = Ends(3, "OPENROUTER_API_KEY");
const SEARCH_KEY: Effect = Ends(3, "TAVILY_API_KEY");
const MODEL_CREDIT: Effect = Ends(6, "Add credit or raise the limit at");
const SEARCH_CREDIT: Effect = Ends(6, "https://app.tavily.com");

/// Path, status, and what it does. An example with a name has an own line where the name matters.
const TABLE: [(&str, &str, Effect); 34] = [
    // What speaks of parameters is asked again in another form.
    ("/chat/completions", "400", Passes),
    ("/chat/completions", "401", MODEL_KEY),
    ("/chat/completions", "402", MODEL_CREDIT),
    ("/chat/completions", "403 guardrail-blocked", Brand),
    (
        "/chat/completions",
        "403 insufficient-permissions",
        MODEL_KEY,
    ),
    ("/chat/completions", "404", Ends(2, "--model")),
    ("/chat/completions", "408", Passes),
    ("/chat/completions", "413", Brand),
    ("/chat/completions", "422", Passes),
    ("/chat/completions", "429", Passes),
    ("/chat/completions", "500", Passes),
    ("/chat/completions", "502", Passes),
    ("/chat/completions", "503", Passes),
    ("/chat/completions", "524", Passes),
    ("/chat/completions", "529", Passes),
    ("/key", "401", MODEL_KEY),
    ("/key", "500", Passes),
    // A gateway may refuse its list and answer questions all the same.
    ("/models", "400", Ignored),
    ("/models", "403", Ignored),
    ("/models", "500", Passes),
    ("/search", "400", Brand),
    ("/search", "401", SEARCH_KEY),
    ("/search", "429", Passes),
    ("/search", "432", SEARCH_CREDIT),
    ("/search", "433", SEARCH_CREDIT),
    ("/search", "500", Passes),
    ("/extract", "400", Ignored),
    ("/extract", "401", SEARCH_KEY),
    ("/extract", "429", Passes),
    ("/extract", "432", SEARCH_CREDIT),
    ("/extract", "433", SEARCH_CREDIT),
    ("/extract", "500", Passes),
    ("/usage", "401", SEARCH_KEY),
    ("/usage", "429", Ignored),
];

/// An error as a document has it.
#[derive(Debug)]
struct Documented {
    path: String,
    /// Status, and the example's name where there are several.
    case: String,
    /// The service's own words.
    words: String,
}

/// All errors of the paths that the program uses.
fn documented(document: &str, paths: &[&str]) -> Vec<Documented> {
    let text = fs::read(super::specification(document)).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let mut found = Vec::new();
    for path in paths {
        let operations = document["paths"][path].as_object().unwrap();
        for operation in operations.values().filter(|o| o["responses"].is_object()) {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = &response["content"]["application/json"];
                let mut add = |case: String, body: &Value| {
                    let words = [&body["error"]["message"], &body["detail"]["error"]];
                    let words = words.into_iter().find_map(Value::as_str);
                    found.push(Documented {
                        path: (*path).to_owned(),
                        case,
                        words: words.unwrap().to_owned(),
                    });
                };
                match content["examples"].as_object() {
                    _ if status == "200" => {}
                    Some(examples) => examples
                        .iter()
                        .for_each(|(name, e)| add(format!("{status} {name}"), &e["value"])),
                    None => add(status.clone(), &content["example"]),
                }
            }
        }
    }
    found
}

/// Two brands, and the first request to a path gets the error; where it ends a run, all requests: one alone is doubted once
/// others were answered.
fn run_with(
    error: &Documented,
    effect: Effect,
    models: &Peer,
    search: &Peer,
) -> (Ended, Gateway, Gateway) {
    let stays = matches!(effect, Ends(..));
    let desk = Desk::with_list(&list_of(2));
    let upstream = sandbox_of(&desk);
    let prefer = match error.case.split_once(' ') {
        Some((code, example)) => format!("code={code}, example={example}"),
        None => format!("code={}", error.case),
    };
    let gateway = |upstream: String, peer: &Peer| {
        let (struck, peer, prefer) = (error.path.clone(), peer.base.clone(), prefer.clone());
        Gateway::start(
            move |ask| match ask.path == struck && (stays || ask.before == 0) {
                true => Way::Preferring(peer.clone(), prefer.clone()),
                false => Way::To(upstream.clone()),
            },
        )
    };
    let models = gateway(format!("{upstream}/api/v1"), models);
    let search = gateway(upstream, search);
    let args = ["--google-sheets", "--workers", "1"];
    let ended = ended(command(&desk, &models, &search, &args).output().unwrap());
    (ended, models, search)
}

/// What is wrong with how the program took an error; nothing where it took it well.
fn judge(error: &Documented, models: &Peer, search: &Peer) -> Option<String> {
    let known = TABLE
        .iter()
        .find(|(path, case, _)| *path == error.path && *case == error.case);
    let Some((_, _, effect)) = known else {
        return Some(format!(
            "{error:?} is documented, and this test does not know it"
        ));
    };
    let (ended, models, search) = run_with(error, *effect, models, search);
    let asked = |gateway: &Gateway| {
        let seen = gateway.seen();
        seen.iter().filter(|e| e.ask.path == error.path).count()
    };
    let times = asked(&models) + asked(&search);
    let all = format!("{}{}", ended.out, ended.err);
    // Long words are shortened, and marks of a line's end are left out.
    let words: String = error.words.chars().take(60).collect();
    let told = all.contains(words.trim_end_matches('.'));
    let fine = match effect {
        Passes => ended.code == Some(0) && times > 1,
        Ignored => ended.code == Some(0),
        Brand => ended.code == Some(1) && told && all.contains("Success: 1 (50.0%)"),
        Ends(code, remedy) => {
            // The searches of a brand are on their way together, and a refusal is doubted twice.
            let most = if error.path == "/search" { 12 } else { 3 };
            ended.code == Some(*code) && told && all.contains(remedy) && times <= most
        }
    };
    (!fine).then(|| format!("{error:?}: {effect:?} was due, asked {times} times: {ended:#?}"))
}

#[test]
#[ignore = "needs Prism, which .ci/peers/run brings"]
fn every_documented_error_is_taken_for_what_it_is() {
    let mut errors = documented(OPENROUTER, &["/chat/completions", "/key", "/models"]);
    errors.extend(documented(TAVILY, &["/search", "/extract", "/usage"]));
    assert!(errors.len() >= 30, "{errors:?}");
    let (models, search) = (prism_mock(OPENROUTER), prism_mock(TAVILY));
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for some in errors.chunks(errors.len().div_ceil(6)) {
            let (problems, models, search) = (&problems, &models, &search);
            scope.spawn(move || {
                for error in some {
                    let problem = judge(error, models, search);
                    problems.lock().unwrap().extend(problem);
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
#[ignore = "needs Prism, which .ci/peers/run brings"]
fn answers_that_fit_the_documents_at_random_are_read() {
    let desk = Desk::with_list(&list_of(6));
    let (models, search) = (prism_mock(OPENROUTER), prism_mock(TAVILY));
    let upstream = format!("{}/api/v1", sandbox_of(&desk));
    let random = |peer: &Peer| {
        let (base, upstream) = (peer.base.clone(), upstream.clone());
        Gateway::start(move |ask| match (ask.path.as_str(), ask.before) {
            // Without a listed price no budget can be kept, so from the second time on there is one.
            ("/models", 1..) => Way::To(upstream.clone()),
            _ => Way::Preferring(base.clone(), "code=200, dynamic=true".into()),
        })
    };
    let (models, search) = (random(&models), random(&search));
    let batch = ["--google-sheets", "--workers", "3", "--budget", "1000000"];
    for args in [&["check"][..], &batch] {
        let ended = ended(command(&desk, &models, &search, args).output().unwrap());
        let all = format!("{}{}", ended.out, ended.err);
        // Nobody's random words are an answer about a brand, or the slug of a model: nothing else may be wrong.
        let has_no_model = ended.code == Some(2) && all.contains("the server has no model");
        let has_no_answer =
            ended.code == Some(6) && all.contains("Every brand would meet the same");
        assert!(
            matches!(ended.code, Some(0 | 1))
                || args == ["check"] && (has_no_model || has_no_answer),
            "{args:?}: {ended:#?}"
        );
        for bad in [
            "panicked",
            "is not what it should be",
            "has no answer in it",
        ] {
            assert!(!all.contains(bad), "{args:?}: {ended:#?}");
        }
    }
    let registry = desk.registry();
    assert_eq!(registry.len(), 6);
    for entry in registry
        .values()
        .filter(|entry| entry["status"] == "failed")
    {
        let error = entry["error"].as_str().unwrap();
        assert!(
            [
                "does not fit the schema",
                "cut off",
                "the model says:",
                "finish_reason",
                "without a message",
            ]
            .iter()
            .any(|reason| error.contains(reason)),
            "{error}"
        );
    }
    models.assert_valid();
    search.assert_valid();
}
