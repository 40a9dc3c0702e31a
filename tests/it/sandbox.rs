//! The simulated services are as strict as the real ones.

use brandintel::sandbox::{Options, Sandbox, SchemaRules};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

struct Services {
    sandbox: Sandbox,
    http: Client,
}

impl Services {
    async fn new(options: Options) -> Self {
        let sandbox = Sandbox::start(Options {
            speed: 100_000.0,
            ..options
        })
        .await
        .unwrap();
        Self {
            sandbox,
            http: crate::common::http::client(),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.address())
    }

    fn chat(&self, body: &Value) -> RequestBuilder {
        let url = self.at("/api/v1/chat/completions");
        self.http
            .post(url)
            .bearer_auth(self.sandbox.openrouter_key())
            .json(body)
    }

    fn search(&self, body: &Value) -> RequestBuilder {
        self.http
            .post(self.at("/search"))
            .bearer_auth(self.sandbox.tavily_key())
            .json(body)
    }

    fn sheet(&self, path: &str) -> String {
        self.at(&format!(
            "/v4/spreadsheets/{}{path}",
            self.sandbox.sheet_id()
        ))
    }
}

async fn refused(response: RequestBuilder) -> (u16, String) {
    let response: Response = response.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn question() -> Value {
    json!({
        "model": "google/gemini-3.1-flash-lite",
        "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema":
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"], "additionalProperties": false}}},
    })
}

#[tokio::test]
async fn openrouter_refuses_what_the_real_one_refuses() {
    let services = Services::new(Options::default()).await;
    let changed = |at: &str, value: Value| {
        let mut body = question();
        *body.pointer_mut(at).unwrap() = value;
        body
    };
    let mut dear = question();
    dear["provider"] = json!({"max_price": {"prompt": 0.0001, "completion": 0.0001}});
    let mut unknown = question();
    unknown["provider"] = json!({"cheapest": true});
    for (body, status, words) in [
        (changed("/messages", json!([])), 400, "messages"),
        (
            changed("/model", json!("no/such")),
            400,
            "not a valid model ID",
        ),
        (
            changed("/response_format/json_schema/schema/required", json!([])),
            400,
            "Missing 'a'",
        ),
        (
            changed(
                "/response_format/json_schema/schema/additionalProperties",
                json!(true),
            ),
            400,
            "additionalProperties",
        ),
        (
            changed("/response_format/json_schema/name", json!("نام")),
            400,
            "name",
        ),
        (dear, 404, "max_price"),
        (unknown, 400, "cheapest"),
    ] {
        let (code, text) = refused(services.chat(&body)).await;
        assert_eq!(code, status, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let url = services.at("/api/v1/chat/completions");
    let (code, text) = refused(services.http.post(url).json(&question())).await;
    assert_eq!((code, text.contains("Missing Authentication")), (401, true));
    let reply: Value = services
        .chat(&question())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let content: Value =
        serde_json::from_str(reply["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert_eq!(content, json!({"a": null}));
    assert!(reply["usage"]["cost"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn tavily_refuses_what_the_real_one_refuses() {
    let services = Services::new(Options::default()).await;
    for (body, words) in [
        (json!({"query": ""}), "missing"),
        (json!({"query": "x".repeat(401)}), "400 characters"),
        (json!({"query": "x", "country": "Iran"}), "country"),
        (json!({"query": "x", "max_results": 21}), "between 0 and 20"),
        (json!({"query": "x", "depth": "basic"}), "Unknown field"),
    ] {
        let (code, text) = refused(services.search(&body)).await;
        assert_eq!(code, 400, "{text}");
        assert!(text.contains(words), "{text}");
    }
    let found: Value = services
        .search(&json!({"query": "\"کاله\" قیمت", "include_usage": true}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["usage"]["credits"], 1);
    assert!(
        found["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|page| page["content"].as_str().unwrap().contains("شبیه‌سازی"))
    );
}

#[tokio::test]
async fn a_limit_that_is_passed_says_when_to_come_back() {
    let services = Services::new(Options {
        search_limit: Some(2),
        burst: Some(2),
        ..Options::default()
    })
    .await;
    let search = || services.search(&json!({"query": "x"})).send();
    assert_eq!(search().await.unwrap().status(), 200);
    assert_eq!(search().await.unwrap().status(), 200);
    let third = search().await.unwrap();
    assert_eq!(third.status(), 429);
    let seconds: u64 = third.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds));
}

#[tokio::test]
async fn the_sheet_opens_to_whom_it_should() {
    let services = Services::new(Options::default()).await;
    let http = &services.http;
    let key = services.sandbox.google_key();
    let read = |range: &str| {
        http.get(services.sheet("/values:batchGet"))
            .query(&[("ranges", range)])
    };
    assert_eq!(refused(read("'INPUT'!A1")).await.0, 403);
    assert_eq!(
        refused(read("'INPUT'!A1").header("x-goog-api-key", "wrong"))
            .await
            .0,
        400
    );
    assert_eq!(
        refused(read("'OTHER'!A1").header("x-goog-api-key", key))
            .await
            .0,
        400
    );
    let values: Value = read("'INPUT'!A1:C1")
        .header("x-goog-api-key", key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        values["valueRanges"][0]["values"],
        json!([["Brand Name", "Website", "Parent Company"]])
    );
    let write =
        json!({"valueInputOption": "RAW", "data": [{"range": "'INPUT'!A1", "values": [["x"]]}]});
    let (code, _) = refused(
        http.post(services.sheet("/values:batchUpdate"))
            .header("x-goog-api-key", key)
            .json(&write),
    )
    .await;
    assert_eq!(code, 401, "a key cannot write");
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "a.b.c"),
    ];
    let (code, text) = refused(http.post(services.at("/token")).form(&form)).await;
    assert_eq!((code, text.contains("invalid_grant")), (400, true));
}

/// Text of the answer to a request that is taken.
async fn answered(response: RequestBuilder) -> String {
    let (status, text) = refused(response).await;
    assert_eq!(status, 200, "{text}");
    let reply: Value = serde_json::from_str(&text).unwrap();
    reply["choices"][0]["message"]["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_provider_refuses_a_schema_in_its_own_words_within_those_of_openrouter() {
    let open = json!({"type": "object", "properties": {}, "additionalProperties": true});
    let nullable = json!({"type": ["string", "null"]});
    let names: Vec<String> = (0..22).map(|n| format!("p{n}")).collect();
    let unions: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), nullable.clone()))
        .collect();
    let unions = json!({"type": "object", "properties": unions, "required": names, "additionalProperties": false});
    let long = json!({"type": "object", "properties": {}, "additionalProperties": false, "description": "x".repeat(5000)});
    for (rules, schema, provider, words) in [
        (
            SchemaRules::Openai,
            &open,
            "OpenAI",
            "Invalid schema for response_format 'a': In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            SchemaRules::Anthropic,
            &unions,
            "Anthropic",
            "(22 parameters with type arrays or anyOf)",
        ),
        (
            SchemaRules::Gemini,
            &long,
            "Google AI Studio",
            "too many states for serving",
        ),
    ] {
        let services = Services::new(Options {
            schema_rules: rules,
            ..Options::default()
        })
        .await;
        // Of whatever family the model is: the rules say whom it stands for.
        for model in [
            "google/gemini-3.1-flash-lite",
            "meta-llama/llama-3.3-70b-instruct",
        ] {
            let mut body = question();
            body["model"] = json!(model);
            assert_eq!(answered(services.chat(&body)).await, "{\"a\":null}");
            body["response_format"]["json_schema"]["schema"] = schema.clone();
            let (status, text) = refused(services.chat(&body)).await;
            let error = &serde_json::from_str::<Value>(&text).unwrap()["error"];
            assert_eq!((status, &error["code"]), (400, &json!(400)), "{text}");
            assert_eq!(error["message"], "Provider returned error");
            assert_eq!(error["metadata"]["provider_name"], provider);
            let raw = error["metadata"]["raw"].as_str().unwrap();
            let raw: Value = serde_json::from_str(raw).unwrap();
            let message = raw["error"]["message"].as_str().unwrap();
            assert!(message.contains(words), "{message}");
        }
    }
}

#[tokio::test]
async fn without_structured_outputs_only_plain_requests_are_answered() {
    let services = Services::new(Options {
        schema_rules: SchemaRules::Unsupported,
        ..Options::default()
    })
    .await;
    let listed: Value = services
        .http
        .get(services.at("/api/v1/models"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    for model in listed["data"].as_array().unwrap() {
        let parameters = model["supported_parameters"].as_array().unwrap();
        assert!(
            !parameters.contains(&json!("response_format"))
                && !parameters.contains(&json!("structured_outputs")),
            "{model}"
        );
    }
    let schema = question()["response_format"]["json_schema"]["schema"].clone();
    for format in [
        question()["response_format"].clone(),
        json!({"type": "json_object"}),
    ] {
        let mut body = question();
        body["response_format"] = format;
        let (status, text) = refused(services.chat(&body)).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("response_format"), "{text}");
        body["provider"] = json!({"require_parameters": true});
        let (status, text) = refused(services.chat(&body)).await;
        assert_eq!(status, 404, "{text}");
        assert!(text.contains("No endpoints found that can handle the requested parameters. To learn more about provider routing"), "{text}");
    }
    let body = json!({"model": "google/gemini-2.5-flash", "provider": {"require_parameters": true}, "max_tokens": 500,
        "messages": [{"role": "system", "content": format!("Answer in this shape: {schema}")}, {"role": "user", "content": "x"}]});
    let text = answered(services.chat(&body)).await;
    let (prose, rest) = text.split_once("```json\n").unwrap();
    let (json, _) = rest.split_once("\n```").unwrap();
    assert!(!prose.is_empty());
    assert_eq!(
        serde_json::from_str::<Value>(json).unwrap(),
        json!({"a": null})
    );
}

#[tokio::test]
async fn parameters_that_a_model_does_not_list_are_ignored_unless_they_are_required() {
    let services = Services::new(Options::default()).await;
    let schema = question()["response_format"]["json_schema"]["schema"].clone();
    for (model, format, ignored) in [
        (
            "deepseek/deepseek-v3.2",
            json!({"type": "json_object"}),
            false,
        ),
        (
            "deepseek/deepseek-v3.2",
            question()["response_format"].clone(),
            true,
        ),
        ("deepseek/deepseek-r1", json!({"type": "json_object"}), true),
        (
            "openai/gpt-4.1-mini",
            question()["response_format"].clone(),
            false,
        ),
    ] {
        let mut body = json!({"model": model, "response_format": format, "max_tokens": 500,
            "messages": [{"role": "system", "content": schema.to_string()}, {"role": "user", "content": "x"}]});
        let text = answered(services.chat(&body)).await;
        assert_eq!(text.contains("```json"), ignored, "{model}: {text}");
        body["provider"] = json!({"require_parameters": true});
        let (status, text) = refused(services.chat(&body)).await;
        assert_eq!(status, if ignored { 404 } else { 200 }, "{model}: {text}");
    }
    let mut body = question();
    body["model"] = json!("qwen/qwen3-235b-a22b-2507");
    body["provider"] = json!({"require_parameters": true});
    for parameter in ["reasoning", "max_completion_tokens"] {
        let mut body = body.clone();
        body[parameter] = match parameter {
            "reasoning" => json!({"effort": "low"}),
            _ => json!(500),
        };
        let (status, text) = refused(services.chat(&body)).await;
        assert_eq!(status, 404, "{parameter}: {text}");
    }
    answered(services.chat(&body)).await;
}
