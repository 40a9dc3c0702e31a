//! The failed exchanges of the last run: each request with all answers that it got.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde_json::{Value, json};

use super::About;
use crate::http::exchanges::{Came, Exchange, ExchangeLine, FILES, SentExchange};

/// Bytes of bodies that go into the file.
const ROOM: usize = 12 << 20;

/// The exchanges, as the file has them.
pub fn exchanges(logs: &Path, about: &About) -> Vec<Value> {
    let lines: Vec<ExchangeLine> = FILES
        .iter()
        .flat_map(|name| read(&logs.join(name)))
        .collect();
    let wanted = |line: &&ExchangeLine| match line {
        ExchangeLine::Exchange(exchange) => is_wanted(exchange, about),
        ExchangeLine::Answered { .. } => false,
    };
    let Some(ExchangeLine::Exchange(last)) = lines.iter().rev().find(wanted) else {
        return Vec::new();
    };
    let run = last.run.clone();
    let mut calls: Vec<Value> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut room = ROOM;
    for line in lines {
        match line {
            ExchangeLine::Exchange(exchange)
                if exchange.run == run && is_wanted(&exchange, about) =>
            {
                let size = exchange
                    .answer
                    .as_ref()
                    .map_or(0, |answer| answer.body.len());
                let Some(left) = room.checked_sub(size + exchange.request.body.len()) else {
                    continue;
                };
                room = left;
                let place = *places.entry(exchange.call.clone()).or_insert_with(|| {
                    calls.push(call(&exchange));
                    calls.len() - 1
                });
                if let Some(answers) = calls[place]["answers"].as_array_mut() {
                    answers.push(answer(&exchange));
                }
            }
            ExchangeLine::Answered { run: of, answered } if of == run => {
                if let Some(place) = places.get(&answered) {
                    calls[*place]["then"] = json!("answered");
                }
            }
            ExchangeLine::Exchange(_) | ExchangeLine::Answered { .. } => {}
        }
    }
    calls
}

/// Lines that can be read: the last may be cut off by a kill.
fn read(path: &Path) -> Vec<ExchangeLine> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    lines
        .filter_map(|line| serde_json::from_slice(&line).ok())
        .collect()
}

/// What is asked of a sheet, and what it answers, may be other rows.
fn is_wanted(exchange: &Exchange, about: &About) -> bool {
    match (&about.key, exchange.payer.is_empty()) {
        (None, _) => true,
        (Some(_), true) => !exchange.service.starts_with("Google"),
        (Some(_), false) => about.is_of(&exchange.payer),
    }
}

fn call(exchange: &Exchange) -> Value {
    let SentExchange {
        method,
        url,
        headers,
        body,
    } = &exchange.request;
    let mut request = json!({"method": method, "url": url, "headers": headers});
    put_body(&mut request, body);
    json!({
        "service": exchange.service,
        "what": exchange.what,
        "brand": about(&exchange.what),
        "run": exchange.run,
        "request": request,
        "answers": [],
        "then": null,
    })
}

/// The brand in what a call is for: `analyst «کاله»`. What a search is for is its words.
fn about(what: &str) -> Option<&str> {
    let (kind, rest) = what.split_once(" «")?;
    let name = rest.strip_suffix('»')?;
    (!matches!(kind, "search" | "extract")).then_some(name)
}

fn answer(exchange: &Exchange) -> Value {
    let mut answer = json!({"at": exchange.at, "why": exchange.why});
    match &exchange.answer {
        None => {
            let none = match exchange.timed_out {
                true => "no answer in time",
                false => "the connection was lost",
            };
            answer["none"] = json!(none);
        }
        Some(Came {
            status,
            headers,
            body,
        }) => {
            answer["status"] = json!(status);
            answer["headers"] = json!(headers);
            put_body(&mut answer, body);
        }
    }
    answer
}

/// As JSON where that is the same to the letter, because people can read it then; else as it was.
fn put_body(into: &mut Value, body: &str) {
    let json = serde_json::from_str::<Value>(body).ok();
    let written = json.as_ref().map(ToString::to_string);
    match json.filter(|_| written.as_deref() == Some(body)) {
        Some(json) => into["json"] = json,
        None => into["body"] = json!(body),
    }
}
