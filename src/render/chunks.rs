//! The file `chunks.jsonl`: a report as passages ready for embedding, one JSON object a line.
//!
//! A passage says by itself whom it is about, in which section, and how well it stands. Facts of one status are together;
//! recommendations and rules are never among facts. Nothing is cut: a statement that is longer than a passage has one of
//! its own.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    statements::{Group, ReportStatement, flat, groups},
    view::Tongue,
};
use crate::report::{Report, Source};

/// Characters that a passage has where its section has them.
const SHORT: usize = 200;

/// Characters that a passage has at most, unless one statement alone is longer.
const LONG: usize = 1_500;

/// A passage. Its id stays the same when the brand is researched again, so that it takes the place of the older one.
#[derive(Serialize)]
struct Chunk<'a> {
    id: String,
    text: String,
    brand: &'a str,
    lang: &'static str,
    section: &'static str,
    /// `supported` and the like for facts; `recommendation`, `rule`, `question` or `nothing_found` for what is no fact.
    status: &'static str,
    sources: Vec<ChunkPlace<'a>>,
    simulated: bool,
    generated_at: Timestamp,
}

/// Where something was read.
#[derive(Clone, Serialize)]
struct ChunkPlace<'a> {
    id: &'a str,
    url: &'a str,
}

/// The lines of `chunks.jsonl`, in each language of the report.
pub fn lines(report: &Report) -> anyhow::Result<Vec<u8>> {
    let brand = brand_id(report);
    let mut lines = Vec::new();
    for t in Tongue::all(report.lang) {
        for chunk in chunks(t, report, &brand) {
            // Some readers take these for ends of lines.
            let line = serde_json::to_string(&chunk)?
                .replace('\u{2028}', "\\u2028")
                .replace('\u{2029}', "\\u2029")
                .replace('\u{85}', "\\u0085");
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
    }
    Ok(lines)
}

/// What tells brands of the same name apart.
fn brand_id(report: &Report) -> String {
    let row = (&report.brand, &report.given.website, &report.given.parent);
    let row = serde_json::to_string(&row).unwrap_or_default();
    blake3::hash(row.as_bytes()).to_hex()[..12].to_owned()
}

fn chunks<'a>(t: Tongue, report: &'a Report, brand: &str) -> Vec<Chunk<'a>> {
    let known: HashMap<&str, &Source> = report
        .sources
        .iter()
        .map(|source| (source.id.as_str(), source))
        .collect();
    let mut chunks = Vec::new();
    for group in groups(t, report) {
        let (section, status) = (group.section, group.status);
        let head = head(t, report, &group);
        for (number, packed) in pack(group.statements, head.chars().count())
            .into_iter()
            .enumerate()
        {
            let mut text = head.clone();
            let mut sources: Vec<ChunkPlace> = Vec::new();
            for statement in &packed {
                text.push('\n');
                text.push_str(&statement.text);
                for &id in &statement.sources {
                    let url = known.get(id).map_or("", |source| source.url.as_str());
                    // A rule's source is its address.
                    let place = match url.is_empty() && id.contains("://") {
                        true => ChunkPlace { id: "", url: id },
                        false => ChunkPlace { id, url },
                    };
                    if !sources
                        .iter()
                        .any(|p| (p.id, p.url) == (place.id, place.url))
                    {
                        sources.push(place);
                    }
                }
            }
            chunks.push(Chunk {
                id: format!("{brand}/{}/{section}/{status}/{}", t.code(), number + 1),
                text,
                brand: &report.brand,
                lang: t.code(),
                section,
                status,
                sources,
                simulated: report.simulated,
                generated_at: report.generated_at,
            });
        }
    }
    chunks
}

/// The first line of a passage: whom it is about, the section, and how well it stands.
fn head(t: Tongue, report: &Report, group: &Group) -> String {
    let simulated = match report.simulated {
        true => t.pick("[شبیه‌سازی، واقعی نیست] ", "[simulated, not true] "),
        false => "",
    };
    let (brand, day) = (flat(&report.brand), t.day(&report.generated_at));
    let (title, label) = (group.title, group.label);
    match t.fa {
        true => format!("{simulated}برند «{brand}»، {title} ({label}، گزارش {day}):"),
        false => format!("{simulated}Brand “{brand}”, {title} ({label}, report of {day}):"),
    }
}

/// Puts statements into passages in their order, each as long as it may be, and the last not too short. Those that are
/// too long come after them, each by itself.
fn pack(statements: Vec<ReportStatement>, head: usize) -> Vec<Vec<ReportStatement>> {
    let size = |packed: &[ReportStatement]| -> usize {
        let lines = packed.iter().map(|s| s.text.chars().count() + 1);
        head + lines.sum::<usize>()
    };
    let mut all: Vec<Vec<ReportStatement>> = Vec::new();
    let mut too_long = Vec::new();
    // The length of the last passage is counted along, not anew for each statement.
    let mut length = 0;
    for statement in statements {
        let more = statement.text.chars().count() + 1;
        match all.last_mut() {
            _ if head + more > LONG => too_long.push(vec![statement]),
            Some(last) if length + more <= LONG => {
                length += more;
                last.push(statement);
            }
            _ => {
                length = head + more;
                all.push(vec![statement]);
            }
        }
    }
    if let [.., before, last] = &mut all[..] {
        while size(last) < SHORT && before.len() > 1 {
            let Some(moved) = before.pop() else { break };
            last.insert(0, moved);
            if size(last) > LONG || size(before) < SHORT {
                before.push(last.remove(0));
                break;
            }
        }
    }
    all.extend(too_long);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::{
        render::sample,
        report::{Facts, Field},
        text::lang::Lang,
    };

    fn read(report: &Report) -> Vec<Value> {
        let lines = String::from_utf8(lines(report).unwrap()).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn length(chunk: &Value) -> usize {
        chunk["text"].as_str().unwrap().chars().count()
    }

    #[test]
    fn a_passage_says_whom_it_is_about_and_where_it_was_read() {
        let report = sample::report();
        let chunks = read(&report);
        let ids: BTreeSet<&str> = chunks.iter().map(|c| c["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), chunks.len());
        let langs: BTreeSet<&str> = chunks.iter().map(|c| c["lang"].as_str().unwrap()).collect();
        assert_eq!(langs, BTreeSet::from(["en", "fa"]));
        for chunk in &chunks {
            assert!(
                chunk["text"].as_str().unwrap().contains(&report.brand),
                "{chunk}"
            );
            assert!(length(chunk) <= LONG, "{chunk}");
            assert_eq!(chunk["simulated"], report.simulated);
            if chunk["status"] == "supported" {
                assert!(
                    chunk["sources"][0]["url"]
                        .as_str()
                        .unwrap()
                        .starts_with("http"),
                    "{chunk}"
                );
            }
        }
    }

    #[test]
    fn every_fact_is_in_a_passage_of_its_status() {
        let report = sample::report();
        let chunks = read(&report);
        let facts = report.facts.iter();
        let facts: Vec<_> = facts
            .filter(|(path, _)| path.field.section() == "identity")
            .map(|(_, fact)| fact)
            .collect();
        assert!(facts.len() > 5);
        for fact in facts {
            let value = flat(&Tongue { fa: true }.value(&fact.value));
            let status = serde_json::to_value(fact.status).unwrap();
            let said = chunks
                .iter()
                .filter(|c| c["section"] == "identity" && c["lang"] == "fa");
            let said = said.filter(|c| c["text"].as_str().unwrap().contains(&value));
            assert!(said.into_iter().any(|c| c["status"] == status), "{value}");
        }
    }

    #[test]
    fn recommendations_are_labelled_and_by_themselves() {
        let chunks = read(&sample::report());
        let advice: Vec<&Value> = chunks
            .iter()
            .filter(|c| c["section"] == "insights")
            .collect();
        assert!(!advice.is_empty());
        for chunk in advice {
            let text = chunk["text"].as_str().unwrap();
            assert_eq!(chunk["status"], "recommendation");
            assert!(
                text.contains("نه واقعیت") || text.contains("not a fact"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_statement_is_never_cut_and_passages_are_filled() {
        let mut report = sample::report();
        report.lang = Lang::En;
        let long = "word ".repeat(2_000);
        let needs = (0..60)
            .map(|i| sample::fact(&format!("need number {i} of those who buy")))
            .chain([sample::fact(&long)]);
        report.facts.brand.set(Field::Needs, needs);
        let chunks = read(&report);
        let needs: Vec<&Value> = chunks
            .iter()
            .filter(|c| c["section"] == "customers" && c["status"] == "supported")
            .collect();
        assert!(
            needs
                .iter()
                .any(|c| c["text"].as_str().unwrap().contains(long.trim()))
        );
        for chunk in needs
            .iter()
            .filter(|c| !c["text"].as_str().unwrap().contains(long.trim()))
        {
            assert!((SHORT..=LONG).contains(&length(chunk)), "{chunk}");
        }
    }

    #[test]
    fn hostile_text_is_one_line() {
        let mut report = sample::report();
        for text in ["x\ny\u{2028}z\u{202E}w", "\"}\n{\"id\":1", "\u{85}\u{0}x"] {
            report.brand = text.to_owned();
            report.facts.brand.set(Field::Tagline, [sample::fact(text)]);
            let bytes = String::from_utf8(lines(&report).unwrap()).unwrap();
            assert!(!bytes.contains(['\u{2028}', '\u{2029}', '\u{85}']));
            let texts = read(&report);
            assert!(texts.iter().all(|c| c["brand"] == text));
            assert!(
                !texts
                    .iter()
                    .any(|c| c["text"].as_str().unwrap().contains('\u{202E}'))
            );
        }
    }

    #[test]
    fn where_nothing_was_found_it_says_so() {
        let mut report = sample::report();
        report.lang = Lang::En;
        (report.facts, report.insights) = (Facts::default(), None);
        report.regulations.clear();
        report.quality.contradictions.clear();
        let chunks = read(&report);
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0]["status"], "nothing_found");
        assert!(
            chunks[0]["text"]
                .as_str()
                .unwrap()
                .contains("Nothing was found")
        );
    }
}
