//! What the fuzz targets run: each reads made-up input as the program reads it from outside, and holds what comes of it
//! against what always has to be so. Not part of the program; see `.ci/fuzz`.

#![expect(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is how a target says that it has found something"
)]

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    sync::{Arc, LazyLock},
};

use jiff::{Timestamp, civil::date};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    brand::{self, Brand, BrandKey, Row},
    http::{
        call::Answer,
        json_body,
        response::{self, Reply, Verdict},
    },
    list::{self, Table, own},
    llm::{self, ChatUsage, Prices, Usage, lenient_json},
    money::{Cost, Usd},
    report::{
        Coverage, Dates, Fact, Facts, Field, Insights, Occasion, Quality, Recommendations, Status,
        claims::{self, Claims},
        recommendations,
    },
    research::{
        Stages, calendar,
        evidence::{Batch, Evidence},
        extraction::analyse,
        grounding::Grounds,
        numbers, quality, recommendations,
    },
    search::tavily::{self, Page},
    store::{
        StateFolder,
        registry::{self, Entry, Registry},
    },
    text::{self, lang::Lang},
};

/// Always the same moment, so that an input that fails once fails again.
const NOW: Timestamp = Timestamp::constant(1_795_428_000, 0);

/// Cells of a sheet: a line is a row, a tab separates cells, and `␤` stands for a line break inside of a cell.
pub fn sheet_values(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let cells: Vec<Vec<String>> = text
        .split('\n')
        .map(|row| {
            row.split('\t')
                .map(|cell| cell.replace('␤', "\n"))
                .collect()
        })
        .collect();
    let Ok(found) = list::find_header(&cells, "the sheet") else {
        return;
    };
    let header = &cells[found.row - 1];
    let own = own::columns(header);
    assert!(own.iter().flatten().all(|&column| column < header.len()));
    assert!(found.columns.name < header.len());
    let last = cells.len();
    let rows = Table::below(&found, cells).rows;
    let numbers = rows.iter().map(|row| row.number);
    assert!(numbers.eq(found.last + 1..=last));

    let gathered = brand::gather(&rows);
    let mut seen: Vec<usize> = gathered
        .brands
        .iter()
        .flat_map(|brand| brand.rows.iter().copied())
        .chain(gathered.rejected.iter().map(|row| row.number))
        .collect();
    seen.sort_unstable();
    let filled = rows.iter().filter(|row| !row.is_empty());
    assert!(
        filled.map(|row| row.number).eq(seen),
        "each row is one brand's, or is rejected"
    );
    let keys: HashSet<&BrandKey> = gathered.brands.iter().map(|brand| &brand.key).collect();
    assert_eq!(keys.len(), gathered.brands.len(), "brands share a key");
    for brand in &gathered.brands {
        assert!(brand.possible_keys().contains(&brand.key), "{brand:?}");
        assert!(!text::key(&brand.name).is_empty());
        assert!(
            brand.host().is_none_or(|host| host.contains('.')),
            "pages of a whole top-level domain are no brand's own: {brand:?}"
        );
        typed_as_it_is_shown(brand);
    }
    // Somebody sorts the sheet.
    let sorted: Vec<Row> = rows.iter().rev().cloned().collect();
    assert_eq!(
        identities(&gathered.brands),
        identities(&brand::gather(&sorted).brands)
    );
}

/// Keys, fingerprints and rows.
fn identities(brands: &[Brand]) -> BTreeSet<(BrandKey, String, BTreeSet<usize>)> {
    brands
        .iter()
        .map(|brand| {
            let rows = brand.rows.iter().copied().collect();
            (brand.key.clone(), brand.input_hash(), rows)
        })
        .collect()
}

/// Whoever copies what the program shows of a brand into the list has not changed the brand.
fn typed_as_it_is_shown(brand: &Brand) {
    let website = brand.website.as_ref().map_or("", url::Url::as_str);
    // In its ASCII form an address can be longer than a cell may be.
    if website.len() > 500 {
        return;
    }
    let row = Row {
        number: 2,
        name: brand.name.clone(),
        website: website.to_owned(),
        parent: brand.parent.clone().unwrap_or_default(),
        ..Row::default()
    };
    let again = brand::gather(&[row]);
    assert_eq!(again.brands.len(), 1, "{brand:?}: {:?}", again.rejected);
    assert_eq!(
        again.brands[0].input_hash(),
        brand.input_hash(),
        "{brand:?}"
    );
}

/// A reply of the search service: its status in a line of its own, where it is not 200, and its body. `facts` in the
/// body are judged by what was found.
pub fn search_results(data: &[u8]) {
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

/// Whatever was claimed: what counts as proven has quotes that stand in sources, and its value in one of them.
fn is_backed(fact: &Fact, evidence: &Evidence) {
    for citation in &fact.evidence {
        let mut sources = evidence.sources.iter();
        let read = sources.find(|read| read.source.id == citation.source);
        let source = text::compact(&read.expect("a source that there is").text);
        let quote = citation.quote.replace("[...]", "…").replace("...", "…");
        assert!(
            quote
                .split('…')
                .all(|part| source.contains(&text::compact(part))),
            "«{quote}» does not stand in «{source}»"
        );
        assert!(!text::compact(&quote).is_empty());
    }
    match fact.status {
        Status::Supported | Status::Conflicted => {
            let value = text::compact(&fact.value);
            let figures = numbers::read(&fact.value).figures;
            let says = |quote: &str| {
                let said = numbers::read(quote).figures;
                let all = figures
                    .iter()
                    .all(|of| said.iter().any(|said| said.same(*of)));
                text::compact(quote).contains(&value) || !figures.is_empty() && all
            };
            assert!(
                !value.is_empty() && fact.evidence.iter().any(|c| says(&c.quote)),
                "{fact:?}"
            );
        }
        Status::Inferred => assert!(!fact.evidence.is_empty(), "{fact:?}"),
        Status::Unverified | Status::Outdated => {}
    }
}

/// What a model says: as the text of its answer, and as the reply that carries it.
pub fn model_output(data: &[u8]) {
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
    } = recommendations::date_and_check(recommendations, &mut grounds, &YEAR, &[]);
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

/// The registry and its journal after [`MARK`], as a crash or a hand may have left them.
pub fn registry_file(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (json, journal) = match data.windows(MARK.len()).position(|part| part == MARK) {
        Some(at) => (&data[..at], Some(&data[at + MARK.len()..])),
        None => (data, None),
    };
    // Nothing before the mark: there is no registry yet.
    if !json.is_empty() || journal.is_none() {
        fs::write(folder.path().join("registry.json"), json).expect("a file");
    }
    if let Some(journal) = journal {
        fs::write(folder.path().join("registry.journal.jsonl"), journal).expect("a file");
    }
    let state = StateFolder::take(folder.path()).expect("a folder of its own");

    let peeked = Registry::peek(folder.path());
    let opened = Registry::open(&state, NOW);
    assert_eq!(peeked.is_ok(), opened.is_ok());
    let (Ok((peeked, damage)), Ok((opened, note))) = (peeked, opened) else {
        return;
    };
    assert_eq!(damage.is_some(), note.is_some());
    assert_eq!(entries(&peeked), entries(&opened));
    let (mut again, note) = Registry::open(&state, NOW).expect("a registry that was mended");
    assert_eq!(note, None, "what was mended is whole");
    assert_eq!(entries(&again), entries(&opened));

    // What is recorded is there after a restart, and takes nothing from the others.
    let key = BrandKey::stored("recorded".into());
    let entry = Entry {
        brand: "کاله".into(),
        list: "list".into(),
        input_hash: "00".into(),
        status: registry::Status::Success,
        attempts: 1,
        run_id: "r".into(),
        updated_at: NOW,
        cost_usd: Usd::ZERO,
        report: None,
        thin: Some(false),
        choices: None,
        changes: None,
        error_kind: crate::error_kind::ErrorKind::default(),
        error: None,
    };
    again
        .record([(key.clone(), entry.clone())])
        .expect("on disk");
    let (restarted, note) = Registry::open(&state, NOW).expect("a registry that was written");
    assert_eq!(note, None);
    assert_eq!(restarted.get(&key), Some(&Arc::new(entry)));
    assert_eq!(entries(&restarted), entries(&again));
}

/// What stands between the registry and its journal in an input.
const MARK: &[u8] = b"\n=== journal ===\n";

fn entries(registry: &Registry) -> Vec<(&BrandKey, &Arc<Entry>)> {
    registry.entries().collect()
}

/// A reply with this body, and a status before it.
fn reply(data: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(data);
    let with_status = text
        .split_once('\n')
        .and_then(|(line, body)| Some((line.trim().parse().ok()?, body)));
    let (status, body) = with_status.unwrap_or((200, &text));
    let json = json_body::read(body);
    Reply {
        status,
        retry_after: None,
        allowance: None,
        resets: None,
        html: json.is_none() && response::is_html(body),
        message: response::message(status, json.as_ref(), body),
        json,
        file: Vec::new(),
        endless: false,
    }
}

fn answer(json: Value) -> Answer {
    Answer {
        wire: None,
        json,
        file: Vec::new(),
        at: NOW,
        cost: Cost::default(),
        waited: std::time::Duration::ZERO,
        hash: [0; 32],
        replayed: false,
        span: tracing::Span::none(),
    }
}

fn batch(pages: Vec<Page>) -> Batch {
    Batch {
        query: "کاله".into(),
        pages,
        at: NOW,
        about_parent: false,
    }
}

/// The brand that everything is about.
static KALLEH: LazyLock<Brand> = LazyLock::new(|| {
    let row = Row {
        number: 2,
        name: "کاله".into(),
        website: "kalleh.com".into(),
        parent: "سولیکو".into(),
        ..Row::default()
    };
    brand::gather(&[row]).brands.remove(0)
});

/// The occasions that campaigns are dated by.
static YEAR: LazyLock<Vec<(Occasion, Dates)>> =
    LazyLock::new(|| calendar::year_from(date(2026, 11, 23)));

/// Pages that quotes of a model's answer can stand in: `s1` is the brand's own.
fn pages() -> Vec<Page> {
    [
        (
            "https://kalleh.com/about",
            "کاله در سال ۱۳۷۰ در آمل تأسیس شد و از برندهای گروه سولیکو است. ما ۱۲٬۵۰۰ کارمند داریم.",
        ),
        (
            "https://news.ir/1",
            "مدیرعامل شرکت لبنیات کاله غلامعلی سلیمانی است. سهم کاله از بازار ماست ۲۰ درصد است.",
        ),
        (
            "https://example.com/kalleh",
            "Kalleh is an Iranian dairy brand of the Solico Group. It was founded in 1991 in Amol, Iran.",
        ),
    ]
    .map(|(url, content)| Page {
        url: url.into(),
        title: Some("کاله".into()),
        content: Some(content.into()),
        raw_content: None,
        score: Value::Null,
    })
    .into()
}
