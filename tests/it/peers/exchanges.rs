//! Exchanges with Google Sheets as its documentation and its users describe them: the program reads what the service sends,
//! and the simulated service sends what the real one would.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use url::Url;

use super::gateway::{Ask, Exchange, Gateway, Way};
use crate::common::{Desk, Ended, ended, list_of};

/// All exchanges of the file.
fn known() -> Vec<Exchange> {
    let path = super::specification("google-sheets.exchanges.jsonl");
    let text = fs::read_to_string(path).unwrap();
    let all = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let url = Url::parse(line["uri"].as_str().unwrap()).unwrap();
        let body = line["request_body"].as_str().map(serde_json::from_str);
        Exchange::of(
            line["method"].as_str().unwrap(),
            url.path().trim_end_matches('/'),
            url.query().unwrap_or_default(),
            body.and_then(Result::ok).unwrap_or_default(),
            u16::try_from(line["status"].as_u64().unwrap()).unwrap(),
            line["response"].clone(),
        )
    });
    all.collect()
}

/// What is asked of the spreadsheet: `""`, `values:batchGet`, `values/…`.
fn page(ask: &Ask) -> &str {
    ask.path.splitn(5, '/').nth(4).unwrap_or_default()
}

/// The keys of a value, with the type of each; what is in lists is taken together.
fn shape(value: &Value) -> BTreeMap<String, BTreeSet<&'static str>> {
    fn walk(value: &Value, at: &str, shape: &mut BTreeMap<String, BTreeSet<&'static str>>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(items) => {
                for item in items {
                    walk(item, &format!("{at}[]"), shape);
                }
                "list"
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    walk(field, &format!("{at}.{name}"), shape);
                }
                "object"
            }
        };
        shape.entry(at.to_owned()).or_default().insert(kind);
    }
    let mut found = BTreeMap::new();
    walk(value, "", &mut found);
    found
}

/// Ranges that an exchange asked for, each with its values as they came.
fn ranges_read(exchange: &Exchange) -> Vec<(String, Value)> {
    let ranges = match exchange.reply["valueRanges"].as_array() {
        Some(ranges) => ranges.clone(),
        None => vec![exchange.reply.clone()],
    };
    let asked: Vec<String> = match page(&exchange.ask) {
        "values:batchGet" => url::form_urlencoded::parse(exchange.ask.query.as_bytes())
            .map(|(_, range)| range.into_owned())
            .collect(),
        page => {
            let encoded = page.trim_start_matches("values/").replace('+', "%2B");
            url::form_urlencoded::parse(encoded.as_bytes())
                .map(|(range, _)| range.into_owned())
                .collect()
        }
    };
    asked.into_iter().zip(ranges).collect()
}

/// The first cell of a range in a reply, counted from 0, and the tab's title: `'Jon''s'!B4:D4`.
fn start_of(range: &str) -> (String, usize, usize) {
    let (tab, cells) = range.rsplit_once('!').unwrap();
    let title = tab.trim_matches('\'').replace("''", "'");
    let first = cells.split(':').next().unwrap();
    let letters: String = first
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let column = letters
        .bytes()
        .fold(0, |n, b| n * 26 + usize::from(b - b'A' + 1))
        - 1;
    let row = first[letters.len()..].parse().unwrap_or(1) - 1;
    (title, row, column)
}

#[test]
fn the_simulated_sheet_reads_ranges_as_the_real_one_did() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut compared = 0;
    for exchange in known() {
        let is_read = exchange.ask.method == "GET" && page(&exchange.ask).starts_with("values");
        if !is_read || exchange.status != 200 {
            continue;
        }
        for (asked, came) in ranges_read(&exchange) {
            let (title, row, column) = start_of(came["range"].as_str().unwrap());
            let desk = Desk::with_list("Brand Name\n");
            desk.sandbox.rename_tab(&title);
            desk.sandbox.edit_rows(|rows| {
                // What came, at its place, with empty cells around it as people leave them.
                *rows = vec![vec![json!(""); 12]; row + 12];
                for (r, cells) in came["values"].as_array().into_iter().flatten().enumerate() {
                    for (c, cell) in cells.as_array().unwrap().iter().enumerate() {
                        rows[row + r][column + c] = cell.clone();
                    }
                }
            });
            let at = format!(
                "http://{}/v4/spreadsheets/{}/values:batchGet",
                desk.sandbox.address(),
                desk.sandbox.sheet_id()
            );
            let ask = crate::common::http::client()
                .get(at)
                .query(&[("ranges", &asked)])
                .header("x-goog-api-key", desk.sandbox.google_key());
            let reply: Value = runtime
                .block_on(async { ask.send().await?.json().await })
                .unwrap();
            let simulated = &reply["valueRanges"][0];
            assert_eq!(simulated["values"], came["values"], "{asked}: {reply}");
            assert_eq!(shape(simulated), shape(&came), "{asked}");
            let (theirs, ours) = (came["range"].as_str(), simulated["range"].as_str());
            // An open range ends where the grid does, and grids differ in size.
            let start = |range: Option<&str>| range.unwrap().split(':').next().unwrap().to_owned();
            assert_eq!(start(ours), start(theirs), "{asked}");
            if asked.contains(':') && asked.ends_with(|c: char| c.is_ascii_digit()) {
                assert_eq!(ours, theirs, "{asked}");
            }
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} ranges were compared");
}

#[test]
fn the_simulated_sheet_answers_in_the_shape_of_the_real_one() {
    let desk = Desk::with_list(&list_of(3));
    let upstream = format!("http://{}", desk.sandbox.address());
    let gateway = Gateway::start(move |_| Way::To(upstream.clone()));
    let run = |settings: &[(&str, &str)]| {
        let mut command = desk.command(&["--google-sheets", "--force"]);
        command.env("GOOGLE_SHEETS_BASE_URL", gateway.at(""));
        command.envs(settings.iter().copied());
        ended(command.output().unwrap())
    };
    assert_eq!(run(&[]).code, Some(0));
    assert_eq!(
        run(&[(
            "GOOGLE_SHEET_ID",
            "1ieRgnZ296CcvWYi5GY21vAxIzU93-_9kHAdMdDNzkaQ"
        )])
        .code,
        Some(3)
    );
    let (seen, real) = (gateway.seen(), known());
    let good = |all: &[Exchange], of: &str| {
        let found = all.iter().find(|e| page(&e.ask) == of && e.status == 200);
        found
            .unwrap_or_else(|| panic!("no exchange with {of:?}"))
            .reply
            .clone()
    };
    // Everything that the real service answers to a write is answered.
    let writes = "values:batchUpdate";
    assert_eq!(shape(&good(&seen, writes)), shape(&good(&real, writes)));
    // Of the spreadsheet less is asked than it has; what is answered has the same names and types.
    let (ours, theirs) = (shape(&good(&seen, "")), shape(&good(&real, "")));
    for (name, kinds) in &ours {
        assert_eq!(theirs.get(name), Some(kinds), "{name}");
    }
    let refused = |all: &[Exchange]| {
        let found = all.iter().find(|e| e.status == 404);
        found.unwrap().reply.clone()
    };
    assert_eq!(refused(&seen), refused(&real));
}

/// The program with answers as the real service gives them instead of a sheet: `answer` decides, by what is asked.
fn replay(
    args: &[&str],
    answer: impl Fn(&Ask) -> Option<(u16, Value)> + Send + Sync + 'static,
) -> Ended {
    let desk = Desk::with_list(&list_of(1));
    let upstream = format!("http://{}", desk.sandbox.address());
    let gateway = Gateway::start(move |ask| match answer(ask) {
        Some((status, reply)) => Way::Answer(status, reply),
        None => Way::To(upstream.clone()),
    });
    let mut command = desk.command(args);
    ended(
        command
            .env("GOOGLE_SHEETS_BASE_URL", gateway.at(""))
            .output()
            .unwrap(),
    )
}

#[test]
fn spreadsheets_of_many_kinds_are_read() {
    let real = known();
    let of = |is: fn(&Exchange) -> bool| -> Vec<Value> {
        let found = real.iter().filter(|e| e.status == 200 && is(e));
        found.map(|e| e.reply.clone()).collect()
    };
    let spreadsheets = of(|e| {
        e.ask.method == "GET" && page(&e.ask).is_empty() && e.reply["properties"].is_object()
    });
    let values = of(|e| page(&e.ask) == "values/%27D3%27");
    assert!(spreadsheets.len() >= 10 && values.len() == 1);
    // Every spreadsheet, with the values of one of them: these have no brands, and the program says what it found.
    let mut titles = BTreeSet::new();
    for spreadsheet in spreadsheets {
        let title = spreadsheet["properties"]["title"]
            .as_str()
            .unwrap()
            .to_owned();
        if !titles.insert(title.clone()) {
            continue;
        }
        let (tab, rows) = (
            spreadsheet["sheets"][0]["properties"]["title"].clone(),
            values[0]["values"].clone(),
        );
        let ended = replay(&["check"], move |ask| match page(ask) {
            "" => Some((200, spreadsheet.clone())),
            "values:batchGet" => Some((200, json!({"valueRanges": [{"values": rows}]}))),
            _ => None,
        });
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        let tab = tab.as_str().unwrap();
        for due in [
            format!("«{title}», tab «{tab}»"),
            "list: ".into(),
            "B1".into(),
        ] {
            assert!(ended.out.contains(&due), "{due}: {}", ended.out);
        }
    }
    // With a header above these values, each row that has a name is a brand.
    let mut rows = values[0]["values"].as_array().unwrap().clone();
    rows.insert(0, json!(["Brand Name", "Website"]));
    let ended = replay(&["--google-sheets", "--dry-run"], move |ask| {
        (page(ask) == "values:batchGet").then(|| (200, json!({"valueRanges": [{"values": rows}]})))
    });
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        ended.out.contains("Found 2 brands in sheet"),
        "{}",
        ended.out
    );
}

#[test]
fn known_errors_end_the_run_or_wait_for_the_next_write() {
    let real: Vec<Exchange> = known().into_iter().filter(|e| e.status >= 400).collect();
    let statuses: BTreeSet<u16> = real.iter().map(|e| e.status).collect();
    assert_eq!(statuses, BTreeSet::from([400, 403, 404]));
    for error in real {
        let words = error.reply["error"]["message"].as_str().unwrap().to_owned();
        let words: String = words.chars().take(40).collect();
        let (status, reply) = (error.status, error.reply.clone());
        // No 400 among them is about reading.
        if status != 400 {
            let reply = reply.clone();
            let ended = replay(&["--google-sheets"], move |ask| {
                page(ask).is_empty().then(|| (status, reply.clone()))
            });
            let all = format!("{}{}", ended.out, ended.err);
            assert_eq!(ended.code, Some(3), "{ended:#?}");
            assert!(
                all.contains(&words) && all.contains("as Editor"),
                "{ended:#?}"
            );
        }
        // A first write that is refused ends the run before anything is paid; a result that cannot be written is safe
        // in the registry, and the run says so.
        for (first, due) in [(0, "Google Sheets: "), (1, "Success: 1 (100.0%)")] {
            let reply = reply.clone();
            // Rows are written by name at first and by tag later, at two addresses.
            let writes = AtomicUsize::new(0);
            let ended = replay(&["--google-sheets"], move |ask| {
                let is_write = page(ask).starts_with("values:batchUpdate");
                let refused = is_write && writes.fetch_add(1, Ordering::SeqCst) >= first;
                refused.then(|| (status, reply.clone()))
            });
            let all = format!("{}{}", ended.out, ended.err);
            assert!(
                all.contains(&words) && all.contains(due),
                "{due}: {ended:#?}"
            );
            assert_eq!(all.contains("💰"), first > 0, "{due}: {ended:#?}");
        }
    }
}
