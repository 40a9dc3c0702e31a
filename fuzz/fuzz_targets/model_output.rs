//! The target of the model's replies: whatever a model says, a report has no fact without a quote.

#![no_main]

use std::sync::Arc;

use brandintel::fuzzing::{
    http::Verdict,
    llm::{self, ChatUsage, Prices, Usage, lenient_json},
    report::{
        Coverage, Fact, Facts, Field, Insights, Quality, Recommendations, Status,
        claims::{self, Claims},
        recommendations,
    },
    research::{Evidence, Grounds, Stages, analyse, quality, recommendations::date_and_check},
    text::Lang,
};
use brandintel_fuzz::{KALLEH, YEAR, answer, batch, is_backed, pages, reply};

libfuzzer_sys::fuzz_target!(|data: &[u8]| model_output(data));

/// What a model says: as the text of its answer, and as the reply that carries it.
fn model_output(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    read_answer(&text);

    let reply = reply(data);
    let verdict = llm::classify(&reply);
    let _ = llm::classify_page(&reply);
    let Some(json) = reply.json else {
        assert!(!matches!(verdict, Verdict::Good), "good without a body");
        return;
    };
    let said = llm::Completion::read(&json);
    if let Verdict::Good = verdict
        && reply.status == 200
        && json.get("choices").is_some()
    {
        let said = said.as_ref().expect("an answer that can be read");
        let cut = said.finish == llm::Finish::Length;
        assert!(
            cut || !said.text.trim().is_empty(),
            "an answer without words"
        );
    }
    let said = said.map(|said| said.text).unwrap_or_default();
    let usage = ChatUsage::read(&json);
    let _ = usage.cost(None);
    if let Some(prices) = Prices::read(&json["pricing"]) {
        let _ = usage.cost(Some(prices));
        let _ = prices.per_million();
        assert!(prices.most(1_000, 1_000) <= prices.worst(1_000, 1_000));
        assert!(prices.expected(1_000, 1_000) <= prices.most(1_000, 1_000));
    }
    let answer = answer(json);
    let mut all = Usage::default();
    all.add(&answer, "a/model");
    all.add(&answer, "a/model");
    read_answer(&said);
}

fn read_answer(text: &str) {
    if let Ok(claims) = lenient_json::read::<Claims>(text, claims::schema()) {
        check_claims(claims);
    }
    let schema = recommendations::schema(Lang::Both);
    if let Ok(recommendations) = lenient_json::read::<Recommendations>(text, schema) {
        check_recommendations(recommendations);
    }
}

fn check_claims(claims: Claims) {
    let mut evidence = Evidence::gather(&KALLEH, &[batch(pages())], &Arc::default(), Stages::ALL);
    let analysis = analyse(claims, &mut evidence, &KALLEH.name);
    let Quality {
        coverage,
        facts,
        facts_supported,
        share_supported,
        contradictions,
        namesakes,
        ..
    } = quality::assess(&KALLEH, &analysis, &evidence);
    let mut supported = 0;
    for (_, fact) in analysis.facts.iter() {
        is_backed(fact, &evidence);
        supported += usize::from(fact.status == Status::Supported);
    }
    assert_eq!(facts_supported, supported);
    assert!(supported <= facts);
    assert_eq!(share_supported.is_some(), facts > 0);
    assert!(share_supported.is_none_or(|share| (0.0..=1.0).contains(&share)));
    assert!(
        evidence.about_brand() > 0,
        "its own page is about the brand"
    );
    assert_eq!(coverage == Coverage::None, supported == 0);
    for contradiction in &contradictions {
        for side in [&contradiction.first, &contradiction.second] {
            assert_eq!(side.status, Status::Conflicted);
            is_backed(side, &evidence);
        }
    }
    for namesake in &namesakes {
        assert!(!namesake.sources.is_empty() || !namesake.pages.is_empty());
        assert!(namesake.sources.iter().all(|id| evidence.get(id).is_some()));
    }
}

fn check_recommendations(recommendations: Recommendations) {
    let mut facts = Facts::default();
    let parent = Fact {
        value: "سولیکو".into(),
        status: Status::Supported,
        ..Fact::default()
    };
    facts.brand.set(Field::Parent, [parent]);
    let mut grounds = Grounds::new(&KALLEH.name, &facts, Lang::Both);
    let Insights {
        opportunities,
        campaign_timing,
        channels,
        ..
    } = date_and_check(recommendations, &mut grounds, &YEAR, &[]);
    let shares: u64 = channels
        .iter()
        .map(|channel| u64::from(channel.share))
        .sum();
    assert_eq!(shares, if channels.is_empty() { 0 } else { 100 });
    let bases = opportunities
        .iter()
        .map(|dated| &dated.opportunity.rests_on)
        .chain(campaign_timing.iter().map(|dated| &dated.timing.rests_on));
    for path in bases.flatten() {
        assert_eq!(path, "relationships.parent", "advice that rests on nothing");
    }
}
