//! What the targets of replies share: the brand that everything is about, pages that quotes can stand in, and the rule for
//! what counts as proven. A panic is how a target says that it has found something.

use std::sync::LazyLock;

use brandintel::fuzzing::{
    brand::{self, Brand, Row},
    http::{Answer, Reply, json_body, response},
    report::{Dates, Fact, Occasion, Status},
    research::{Batch, Evidence, calendar, numbers},
    tavily::WebPage,
    text,
};
use brandintel::money::Cost;
use jiff::{Timestamp, civil::date};
use serde_json::Value;

/// Always the same moment, so that an input that fails once fails again.
pub const NOW: Timestamp = Timestamp::constant(1_795_428_000, 0);

/// Whatever was claimed: what counts as proven has quotes that stand in sources, and its value in one of them.
pub fn is_backed(fact: &Fact, evidence: &Evidence) {
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
            let numbers = numbers::read(&fact.value).figures;
            let says = |quote: &str| {
                let said = numbers::read(quote).figures;
                let all = numbers
                    .iter()
                    .all(|of| said.iter().any(|said| said.same(*of)));
                text::compact(quote).contains(&value) || !numbers.is_empty() && all
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

/// A reply with this body, and a status before it.
pub fn reply(data: &[u8]) -> Reply {
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
        message: response::message(status, json.as_ref(), body, |_| None),
        json,
        file: Vec::new(),
        endless: false,
    }
}

/// An answer with this body that cost nothing.
pub fn answer(json: Value) -> Answer {
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

/// Pages as one search found them.
pub fn batch(pages: Vec<WebPage>) -> Batch {
    Batch {
        query: "کاله".into(),
        pages,
        at: NOW,
        about_parent: false,
    }
}

/// The brand that everything is about.
pub static KALLEH: LazyLock<Brand> = LazyLock::new(|| {
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
pub static YEAR: LazyLock<Vec<(Occasion, Dates)>> =
    LazyLock::new(|| calendar::year_from(date(2026, 11, 23)));

/// Pages that quotes of a model's answer can stand in: `s1` is the brand's own.
pub fn pages() -> Vec<WebPage> {
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
    .map(|(url, content)| WebPage {
        url: url.into(),
        title: Some("کاله".into()),
        content: Some(content.into()),
        raw_content: None,
        score: Value::Null,
    })
    .into()
}
