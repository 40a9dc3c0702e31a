//! The target of the search service's replies: what counts as proven stands in a source.

#![no_main]

use std::{collections::HashSet, sync::Arc};

use brandintel::fuzzing::{
    http::Verdict,
    report::{Fact, Field, Status},
    research::{Evidence, Stages},
    tavily, text,
};
use brandintel_fuzz::{KALLEH, answer, batch, is_backed, pages, reply};
use serde::Deserialize;
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| search_results(data));

/// A reply of the search service: its status in a line of its own, where it is not 200, and its body. `facts` in the
/// body are judged by what was found.
fn search_results(data: &[u8]) {
    let reply = reply(data);
    let verdict = tavily::classify(&reply);
    let _ = tavily::classify_usage(&reply);
    let Some(json) = reply.json else {
        assert!(!matches!(verdict, Verdict::Good), "good without a body");
        return;
    };
    let credits = tavily::credits(&json);
    assert!(credits.is_none_or(|credits| credits <= 1_000));
    let facts = json.get("facts").and_then(Value::as_array);
    let facts: Vec<Fact> = facts
        .into_iter()
        .flatten()
        .filter_map(|fact| Fact::deserialize(fact).ok())
        .collect();
    let answer = answer(json);
    let found = tavily::pages(&answer);
    let count = found.len() + pages().len();
    let evidence = Evidence::gather(
        &KALLEH,
        &[batch(found), batch(pages())],
        &Arc::default(),
        Stages::ALL,
    );
    assert!(evidence.sources.len() + evidence.set_aside + evidence.namesakes.len() <= count);
    are_in_order(&evidence);
    for mut fact in facts {
        evidence.judge(Field::Tagline, &mut fact, &[]);
        is_backed(&fact, &evidence);
    }
    for read in &evidence.sources {
        let words: Vec<&str> = read.text.split(' ').take(12).collect();
        let quote = words.join(" ");
        if text::compact(&quote).chars().count() < 8 || quote.contains('…') || quote.contains("...")
        {
            continue;
        }
        let mut fact: Fact = serde_json::from_value(serde_json::json!({
            "value": quote,
            "status": "supported",
            "as_of": null,
            "evidence": [{"source": read.source.id, "quote": quote}],
        }))
        .expect("a fact");
        evidence.judge(Field::Tagline, &mut fact, &[]);
        // On the brand's own site a sentence is about the brand, unless it names another company.
        let names_another = text::words(&quote).contains(" شرکت ");
        if read.own && !names_another {
            assert_ne!(
                fact.status,
                Status::Unverified,
                "what stands there: {quote}"
            );
        }
        is_backed(&fact, &evidence);
    }
}

fn are_in_order(evidence: &Evidence) {
    let mut urls = HashSet::new();
    for (i, read) in evidence.sources.iter().enumerate() {
        assert_eq!(read.source.id, format!("s{}", i + 1));
        assert!(evidence.get(&read.source.id).is_some());
        assert!(
            read.source.url.starts_with("http://") || read.source.url.starts_with("https://"),
            "{}",
            read.source.url
        );
        assert!(urls.insert(&read.source.url), "{} twice", read.source.url);
    }
    assert!(
        evidence
            .sources
            .is_sorted_by_key(|read| std::cmp::Reverse(read.own)),
        "own pages come first"
    );
}
