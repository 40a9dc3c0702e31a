//! `chunks.jsonl`: what a report says in passages ready for embedding, one JSON object a line.
//!
//! A passage says by itself whom it is about, in which section, and how well it stands. Facts of one status are together;
//! recommendations and rules are never among facts. Nothing is cut: a statement that is longer than a passage has one of
//! its own.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    statements::{Group, Statement, flat, groups},
    view::Tongue,
};
use crate::research::report::{Report, Source};

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
    sources: Vec<Place<'a>>,
    simulated: bool,
    generated_at: Timestamp,
}

/// Where something was read.
#[derive(Clone, Serialize)]
struct Place<'a> {
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
            let mut sources: Vec<Place> = Vec::new();
            for statement in &packed {
                text.push('\n');
                text.push_str(&statement.text);
                for &id in &statement.sources {
                    let url = known.get(id).map_or("", |source| source.url.as_str());
                    // A rule's source is its address.
                    let place = match url.is_empty() && id.contains("://") {
                        true => Place { id: "", url: id },
                        false => Place { id, url },
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

/// Puts statements into passages in their order, each as long as it may be, and the last not too short.
fn pack(statements: Vec<Statement>, head: usize) -> Vec<Vec<Statement>> {
    let size = |packed: &[Statement]| -> usize {
        let lines = packed.iter().map(|s| s.text.chars().count() + 1);
        head + lines.sum::<usize>()
    };
    let mut all: Vec<Vec<Statement>> = Vec::new();
    // The length of the last passage is counted along, not anew for each statement.
    let mut length = 0;
    for statement in statements {
        let more = statement.text.chars().count() + 1;
        match all.last_mut() {
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
    all
}
