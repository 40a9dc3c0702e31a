//! Spending is counted and bounded, whichever party bills it and whatever a server reports.

use serde_json::{Value, json};

use super::{
    command, for_chats,
    proxy::{Do, Proxy, Reply},
    run, succeeded, warnings,
};
use crate::common::{self, Desk, list_of};

fn change(body: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut reply: Value = serde_json::from_str(body).unwrap();
    change(&mut reply);
    reply.to_string().into_bytes()
}

#[test]
fn what_the_users_own_provider_bills_counts_too() {
    let desk = Desk::with_list(&list_of(6));
    let proxy = for_chats(&desk, |_| {
        Do::Change(|body| {
            change(body, |reply| {
                reply["usage"]["cost"] = json!(0);
                reply["usage"]["is_byok"] = json!(true);
                reply["usage"]["cost_details"] = json!({"upstream_inference_cost": 0.0042});
            })
        })
    });
    let ended = run(&desk, &proxy, &["--brands", "list.csv", "--budget", "0.2"]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few calls")]
    let billed = proxy.chats().len() as f64 * 0.0042;
    assert!(spent >= billed && spent <= 0.2, "{spent} of {billed}");
}

/// A model that is listed with these parameters, at a server that refuses all others.
fn listed_with(desk: &Desk, parameters: &'static [&'static str]) -> Proxy {
    Proxy::before(desk.sandbox.address(), move |asked| {
        if asked.path.ends_with("/models") {
            let model = json!({"id": "google/gemini-3.1-flash-lite", "supported_parameters": parameters,
                "pricing": {"prompt": "0.0000005", "completion": "0.000003"}});
            return Do::Reply(Reply::json(200, &json!({"data": [model]})));
        }
        let known = ["model", "messages", "provider"];
        let is_listed =
            |name: &String| known.contains(&name.as_str()) || parameters.contains(&name.as_str());
        let is_schema =
            asked.format() == "json_schema" && !parameters.contains(&"structured_outputs");
        let fields = asked.json.as_object();
        match asked.is_chat() && (is_schema || !fields.unwrap().keys().all(is_listed)) {
            true => Do::Reply(Reply::json(
                404,
                &json!({"error": {"code": 404,
                "message": "No endpoints found that can handle the requested parameters."}}),
            )),
            false => Do::Pass,
        }
    })
}

#[test]
fn a_model_is_asked_as_its_server_lists_it_and_no_call_is_refused() {
    for (parameters, format) in [
        (&["max_tokens", "temperature"][..], "none"),
        (&["max_completion_tokens", "response_format"], "json_object"),
        (
            &["max_tokens", "response_format", "structured_outputs"],
            "json_schema",
        ),
    ] {
        let desk = Desk::with_list(&list_of(3));
        let proxy = listed_with(&desk, parameters);
        let ended = run(
            &desk,
            &proxy,
            &["--brands", "list.csv", "--workers", "3", "--budget", "5"],
        );
        assert_eq!(
            (ended.code, succeeded(&desk)),
            (Some(0), 3),
            "{parameters:?}: {ended:#?}"
        );
        assert_eq!(
            (proxy.chats().len(), proxy.chats_with(200)),
            (6, 6),
            "{parameters:?}"
        );
        assert!(
            proxy
                .chats()
                .iter()
                .all(|(asked, _)| asked.format() == format)
        );
        if format != "json_schema" {
            let said = "takes no strict JSON schema";
            assert!(ended.out.contains(said), "{ended:#?}");
        }
    }
}

#[test]
fn an_address_of_completions_and_one_without_v1_are_named() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = Proxy::before(desk.sandbox.address(), |asked| {
        let is_known =
            asked.path.starts_with("/api/v1/") && !asked.path.contains("/chat/completions/");
        match is_known || asked.path == "/usage" {
            true => Do::Pass,
            false => Do::Reply(Reply::html(404, "Not Found")),
        }
    });
    let run = |base: &str, args: &[&str]| {
        let mut command = command(&desk, &proxy, args);
        command.env("OPENROUTER_BASE_URL", format!("http://{}{base}", proxy.at));
        common::ended(command.output().unwrap())
    };
    let named = format!("OPENROUTER_BASE_URL=http://{}/api/v1", proxy.at);
    for args in [
        &["check", "--brands", "list.csv"][..],
        &["--brands", "list.csv"],
    ] {
        for wrong in ["/api", "/api/v1/chat/completions"] {
            let ended = run(wrong, args);
            assert_eq!(ended.code, Some(2), "{ended:#?}");
            assert!(
                format!("{}{}", ended.out, ended.err).contains(&named),
                "{ended:#?}"
            );
        }
    }
    assert_eq!(desk.sandbox.counts().1, 0, "searches were paid for");
}

#[test]
fn a_gateway_gets_its_headers_and_no_file_or_line_shows_their_values() {
    let desk = Desk::with_list(&list_of(1));
    let proxy = Proxy::before(desk.sandbox.address(), |asked| {
        let is_of_models = !matches!(asked.path.as_str(), "/search" | "/extract" | "/usage");
        match is_of_models && asked.header("x-gateway-key") != Some("gateway-0123456789") {
            true => Do::Reply(Reply::json(
                400,
                &json!({"status": "failure", "message": "the header x-gateway-key is required"}),
            )),
            false => Do::Pass,
        }
    });
    let with = |headers: &str, args: &[&str]| {
        let mut command = command(&desk, &proxy, args);
        command.env("OPENROUTER_HEADERS", headers);
        common::ended(command.output().unwrap())
    };
    let night = &["--brands", "list.csv"][..];
    let ended = with("x-gateway-key: gateway-0123456789; x-team: night", night);
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 1), "{ended:#?}");
    let mut shown = format!("{}{}", ended.out, ended.err);
    for (_, bytes) in common::files(&desk.path("")) {
        shown.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(!shown.contains("gateway-0123456789"));
    for (wrong, says) in [
        ("x-gateway-key", "write names and values"),
        ("authorization: Bearer x", "sends authorization itself"),
    ] {
        let ended = with(wrong, night);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.err.contains(says), "{ended:#?}");
    }
    // Without the header the first brand tells.
    let ended = with("x-team: night", &["check", "--brands", "list.csv"]);
    assert_ne!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended.out.contains("x-gateway-key is required"),
        "{ended:#?}"
    );
}

fn without_cost(body: &str) -> Vec<u8> {
    change(body, |reply| {
        reply["usage"].as_object_mut().unwrap().remove("cost");
    })
}

fn without_usage(body: &str) -> Vec<u8> {
    change(body, |reply| reply["usage"] = Value::Null)
}

/// A server that lists no prices, and whose replies say of what they used what is left of it.
fn without_prices(desk: &Desk, changed: fn(&str) -> Vec<u8>) -> Proxy {
    Proxy::before(desk.sandbox.address(), move |asked| {
        if asked.path.ends_with("/models") {
            return Do::Reply(Reply::json(
                200,
                &json!({"data": [{"id": "google/gemini-3.1-flash-lite", "object": "model"}]}),
            ));
        }
        if asked.path.ends_with("/key") {
            return Do::Reply(Reply::json(
                500,
                &json!({"error": {"message": "no /key here"}}),
            ));
        }
        match asked.is_chat() {
            true => Do::Change(changed),
            false => Do::Pass,
        }
    })
}

#[test]
fn prices_that_are_set_keep_a_budget_with_a_server_that_lists_none() {
    let desk = Desk::with_list(&list_of(6));
    let proxy = without_prices(&desk, without_cost);
    let with = |prices: Option<&str>, budget: &str| {
        let mut command = command(&desk, &proxy, &["--brands", "list.csv", "--budget", budget]);
        if let Some(prices) = prices {
            command.env("OPENROUTER_PRICES", prices);
        }
        common::ended(command.output().unwrap())
    };
    let ended = with(None, "1");
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.err.contains("OPENROUTER_PRICES"), "{ended:#?}");
    for wrong in ["1", "cheap,1", "1,2,3", "-1,2"] {
        let ended = with(Some(wrong), "1");
        assert_eq!(ended.code, Some(2), "{wrong}: {ended:#?}");
        assert!(
            ended.err.contains("OPENROUTER_PRICES"),
            "{wrong}: {ended:#?}"
        );
    }
    // The longest answer of 12,000 tokens may cost 0.12.
    let ended = with(Some("0.5,10"), "0.25");
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    assert!(spent > 0.0 && spent <= 0.25, "{spent}");
    let ended = with(Some("0,0"), "1");
    assert_eq!((ended.code, succeeded(&desk)), (Some(0), 6), "{ended:#?}");
}

#[test]
fn a_server_that_does_not_say_what_it_used_is_named_once_and_never_taken_for_free() {
    let desk = Desk::with_list(&list_of(4));
    let proxy = without_prices(&desk, without_usage);
    let mut priced = command(&desk, &proxy, &["--brands", "list.csv", "--budget", "0.5"]);
    priced.env("OPENROUTER_PRICES", "0.5,10");
    let ended = common::ended(priced.output().unwrap());
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let said = warnings(&ended);
    let said = said
        .iter()
        .filter(|line| line.contains("does not say what its answers use"));
    assert_eq!(said.count(), 1, "{ended:#?}");
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    assert!((0.12..=0.5).contains(&spent), "{spent}");
}

#[test]
fn a_provider_that_bills_more_than_was_agreed_is_named_and_the_run_stops_at_once() {
    let desk = Desk::with_list(&list_of(12));
    let proxy = for_chats(&desk, |_| {
        Do::Change(|body| {
            change(body, |reply| {
                reply["usage"]["cost"] = json!(0.75);
                reply["provider"] = json!("Dearer Ltd");
            })
        })
    });
    let args = ["--brands", "list.csv", "--workers", "3", "--budget", "50"];
    let ended = run(&desk, &proxy, &args);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    for words in [
        "OpenRouter",
        "Dearer Ltd",
        "billed $0.75",
        "was agreed",
        "OPENROUTER_PRICES",
    ] {
        assert!(ended.err.contains(words), "{words}: {ended:#?}");
    }
    // Those in flight are finished and booked, and no other is begun.
    let asked = proxy.chats().len();
    assert!((1..=3).contains(&asked), "{asked} calls");
    #[expect(clippy::cast_precision_loss, reason = "three calls")]
    let billed = asked as f64 * 0.75;
    let spent = desk.checkpoint()["cost_usd"].as_f64().unwrap();
    assert!(
        spent >= billed && spent < billed + 0.3,
        "{spent} of {billed}"
    );
    assert_eq!(desk.checkpoint()["status"], "aborted");
    // What was paid for is kept: once the price is right, it is not asked for again.
    let before = desk.sandbox.counts().0;
    assert_eq!(desk.run(&["--brands", "list.csv"]).code, Some(0));
    assert_eq!(desk.sandbox.counts().0 - before + asked as u64, 24);
}

#[test]
fn a_search_that_bills_more_credits_than_were_agreed_is_named() {
    let desk = Desk::with_list(&list_of(6));
    let proxy = Proxy::before(desk.sandbox.address(), |asked| match asked.path.as_str() {
        "/search" => Do::Change(|body| change(body, |reply| reply["usage"]["credits"] = json!(3))),
        _ => Do::Pass,
    });
    let mut command = desk.command(&["--brands", "list.csv"]);
    command.env("TAVILY_BASE_URL", format!("http://{}", proxy.at));
    let ended = common::ended(command.output().unwrap());
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    for words in [
        "Tavily",
        "billed $0.0240",
        "at most $0.0080",
        "TAVILY_CREDIT_USD",
    ] {
        assert!(ended.err.contains(words), "{words}: {ended:#?}");
    }
    assert_eq!(desk.sandbox.counts().0, 0, "a model was asked");
}
