//! What was found, and whether a quote really stands there.
//!
//! Sources are numbered in the order of the searches, not of their answers, so that the same answers always make the
//! same prompt, whatever came first.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{
    report::{Citation, Fact, Source, Status},
    select::{Selection, select},
};
use crate::{brand::Brand, services::tavily::Page, text};

/// Letters and digits that a quote needs to prove anything.
pub const QUOTE_MIN: usize = 8;

/// Letters and digits from which on a value may stand inside other words.
const LONG_VALUE: usize = 6;

/// Pages that one call brought.
pub struct Batch {
    /// What was asked for, as it is shown beside the source.
    pub query: String,
    pub pages: Vec<Page>,
    pub at: Timestamp,
    /// It was asked about the parent company, once for all its brands.
    pub about_parent: bool,
}

/// A source with its text.
pub struct Read {
    pub source: Source,
    /// What the model reads, and what quotes have to stand in.
    pub text: String,
    pub compact: String,
    /// The brand's own page.
    pub own: bool,
    /// Its title names the brand.
    pub in_title: bool,
}

/// Everything that was found about a brand.
pub struct Evidence {
    pub sources: Vec<Read>,
    /// Pages that do not name the brand.
    pub set_aside: usize,
    by_id: HashMap<String, usize>,
    /// Sources that turned out to be about a namesake.
    others: HashSet<String>,
}

impl Evidence {
    /// Numbers the pages that are about the brand, each once, its own first.
    pub fn gather(brand: &Brand, batches: &[Batch]) -> Self {
        let Selection {
            mut pages,
            set_aside,
        } = select(brand, batches);
        for (i, page) in pages.iter_mut().enumerate() {
            page.source.id = format!("s{}", i + 1);
        }
        Self {
            by_id: pages
                .iter()
                .enumerate()
                .map(|(i, page)| (page.source.id.clone(), i))
                .collect(),
            sources: pages,
            set_aside,
            others: HashSet::new(),
        }
    }

    /// Sources that are about somebody else of the same name prove nothing from now on.
    pub fn set_apart(&mut self, sources: &[String]) {
        let own = |id: &&String| self.by_id.get(*id).is_some_and(|&i| !self.sources[i].own);
        self.others
            .extend(sources.iter().filter(own).cloned().collect::<Vec<_>>());
    }

    /// Whether a source of this id was read.
    pub fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Sources about the brand.
    pub fn about_brand(&self) -> usize {
        self.sources.len() - self.others.len()
    }

    /// Decides how well a fact stands. Citations that are not what they claim are taken off it.
    pub fn judge(&self, fact: &mut Fact) {
        fact.value = text::clean(&fact.value);
        fact.as_of = fact.as_of.take().filter(|date| is_date(date));
        fact.evidence.retain(|citation| self.stands(citation));
        let inferred = fact.status == Status::Inferred;
        fact.status = if fact.evidence.is_empty() {
            Status::Unverified
        } else if inferred {
            Status::Inferred
        } else if fact
            .evidence
            .iter()
            .any(|citation| value_in_quote(&fact.value, &citation.quote))
        {
            Status::Supported
        } else {
            Status::Unverified
        };
    }

    /// Whether a quote really stands in a source about the brand. An ellipsis stands for words left out.
    fn stands(&self, citation: &Citation) -> bool {
        let Some(&i) = self.by_id.get(&citation.source) else {
            return false;
        };
        if self.others.contains(&citation.source) {
            return false;
        }
        let quote = citation.quote.replace("[...]", "…").replace("...", "…");
        let parts: Vec<String> = quote
            .split('…')
            .map(text::compact)
            .filter(|part| !part.is_empty())
            .collect();
        let mut rest = self.sources[i].compact.as_str();
        !parts.is_empty()
            && parts.iter().all(|part| {
                let found = rest
                    .find(part.as_str())
                    .filter(|_| part.chars().count() >= QUOTE_MIN);
                rest = found.map_or("", |at| &rest[at + part.len()..]);
                found.is_some()
            })
    }
}

/// Whether the value can be read in the quote: as words, or, when it is long enough to be no accident, as letters.
fn value_in_quote(value: &str, quote: &str) -> bool {
    let letters = text::compact(value);
    if letters.is_empty() {
        return false;
    }
    text::words(quote).contains(&text::words(value))
        || letters.chars().count() >= LONG_VALUE && text::compact(quote).contains(&letters)
}

/// A year, a month or a day: `2026`, `2026-05`, `2026-05-17`, in either calendar.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    matches!(lengths[..], [4] | [4, 2] | [4, 2, 2])
        && parts
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Row, gather};
    use proptest::prelude::*;

    const TEXT: &str = "شركت لبنیات کاله در سال ۱۳۷۰ در آمل تأسیس شد. مدیرعامل کاله غلامعلی سلیمانی است. این شرکت ۱۲٬۵۰۰ کارمند دارد.";

    fn brand() -> Brand {
        let row = Row {
            number: 2,
            name: "کاله".into(),
            website: "kalleh.com".into(),
            parent: String::new(),
        };
        gather(&[row]).brands.remove(0)
    }

    fn page(url: &str, content: &str) -> Page {
        Page {
            url: url.into(),
            title: Some("خبر".into()),
            content: Some(content.into()),
            raw_content: None,
            score: serde_json::Value::Null,
        }
    }

    fn evidence(pages: Vec<Page>) -> Evidence {
        let batch = Batch {
            query: "q".into(),
            pages,
            at: Timestamp::UNIX_EPOCH,
            about_parent: false,
        };
        Evidence::gather(&brand(), &[batch])
    }

    fn fact(value: &str, source: &str, quote: &str) -> Fact {
        Fact {
            value: value.into(),
            status: Status::Supported,
            as_of: None,
            evidence: vec![Citation {
                source: source.into(),
                quote: quote.into(),
            }],
        }
    }

    fn judged(value: &str, source: &str, quote: &str) -> Status {
        let mut fact = fact(value, source, quote);
        evidence(vec![page("https://news.ir/1", TEXT)]).judge(&mut fact);
        fact.status
    }

    #[test]
    fn a_fact_is_supported_when_its_quote_and_value_stand() {
        assert_eq!(
            judged("1370", "s1", "شرکت لبنیات كاله در سال 1370 در آمل"),
            Status::Supported
        );
        assert_eq!(
            judged("غلامعلی سلیمانی", "s1", "مدیرعامل کاله غلامعلی سلیمانی"),
            Status::Supported
        );
        assert_eq!(
            judged("12500", "s1", "این شرکت ۱۲۵۰۰ کارمند دارد"),
            Status::Supported
        );
        assert_eq!(
            judged("آمل", "s1", "شرکت لبنیات کاله … در آمل تأسیس شد"),
            Status::Supported
        );
    }

    #[test]
    fn a_fact_is_unverified_when_its_quote_or_value_does_not_stand() {
        assert_eq!(
            judged("1371", "s1", "در سال ۱۳۷۰ در آمل تأسیس شد"),
            Status::Unverified
        );
        assert_eq!(
            judged("1371", "s1", "در سال ۱۳۷۱ در آمل تأسیس شد"),
            Status::Unverified
        );
        assert_eq!(
            judged("1370", "s2", "در سال ۱۳۷۰ در آمل تأسیس شد"),
            Status::Unverified
        );
        assert_eq!(judged("کاله", "s1", "کاله"), Status::Unverified);
        // A short value inside another word is an accident.
        assert_eq!(
            judged("مل", "s1", "در سال ۱۳۷۰ در آمل تأسیس شد"),
            Status::Unverified
        );
    }

    #[test]
    fn an_invented_quote_is_not_shown() {
        let mut fact = fact("۱۳۷۱", "s1", "کاله در سال ۱۳۷۱ بنیان گذاشته شد");
        evidence(vec![page("https://news.ir/1", TEXT)]).judge(&mut fact);
        assert!(fact.evidence.is_empty());
    }

    #[test]
    fn a_namesakes_page_proves_nothing() {
        let mut evidence = evidence(vec![page("https://news.ir/1", TEXT)]);
        evidence.set_apart(&["s1".into(), "s9".into()]);
        let mut fact = fact("1370", "s1", "در سال ۱۳۷۰ در آمل تأسیس شد");
        evidence.judge(&mut fact);
        assert_eq!(fact.status, Status::Unverified);
        assert_eq!(evidence.about_brand(), 0);
    }

    #[test]
    fn pages_are_numbered_once_and_own_pages_come_first() {
        let evidence = evidence(vec![
            page("https://news.ir/1", TEXT),
            page(
                "http://www.news.ir/1/#top",
                "متن دیگری دربارهٔ کاله که همان جا است",
            ),
            page("https://copy.ir/9", TEXT),
            page(
                "https://other.ir/",
                "دربارهٔ یک شرکت دیگر که نامش نیامده است",
            ),
            page("https://blog.kalleh.com/", "صفحهٔ خود شرکت با محصولات لبنی"),
            page("ftp://x.ir/", TEXT),
        ]);
        let urls: Vec<_> = evidence
            .sources
            .iter()
            .map(|r| r.source.url.as_str())
            .collect();
        assert_eq!(urls, ["https://blog.kalleh.com/", "https://news.ir/1"]);
        assert_eq!(evidence.sources[1].source.id, "s2");
        assert_eq!(evidence.set_aside, 1);
    }

    #[test]
    fn dates_are_dates() {
        for (text, is) in [
            ("2026", true),
            ("1405-02", true),
            ("2026-05-17", true),
            ("last year", false),
            ("26", false),
        ] {
            assert_eq!(is_date(text), is, "{text}");
        }
    }

    proptest! {
        /// Whatever a model claims, a supported fact has its value in a quote and the quote in the text.
        #[test]
        fn supported_means_it_can_be_read(value in "[ا-ی۰-۹ ]{1,12}", quote in "[ا-ی۰-۹ ]{0,40}", start in 0usize..60, length in 0usize..60, real: bool) {
            let quote = if real { TEXT.chars().skip(start).take(length).collect() } else { quote };
            let mut fact = fact(&value, "s1", &quote);
            evidence(vec![page("https://news.ir/1", TEXT)]).judge(&mut fact);
            if fact.status == Status::Supported {
                prop_assert!(text::compact(TEXT).contains(&text::compact(&quote)));
                prop_assert!(text::compact(&quote).contains(&text::compact(&value)));
            }
        }
    }
}
