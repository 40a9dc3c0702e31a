//! The evidence: what was found, and whether a quote really stands there.
//!
//! Sources are numbered in the order of the searches, not of their answers, so that the same answers always make the
//! same prompt, whatever came first.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Stage, Stages,
    neighbours::Neighbours,
    numbers::{self, Figure},
    relationships::StatedRole,
    source_selection::{AboutBrand, Selection, select},
};
use crate::{
    brand::Brand,
    report::{Candidate, Citation, Fact, Field, Source, Status, TakenOut, fields::Role},
    search::tavily::WebPage,
    text,
};

/// Letters and digits that a quote needs to prove anything.
pub const QUOTE_MIN: usize = 8;

/// Letters and digits from which on a value may stand inside other words.
const LONG_VALUE: usize = 6;

/// Pages that one call brought.
pub struct Batch {
    /// What was asked for, as it is shown beside the source.
    pub query: String,
    pub pages: Vec<WebPage>,
    pub at: Timestamp,
    /// It was asked about the parent company, once for all its brands.
    pub about_parent: bool,
}

/// A source with its text.
pub struct Read {
    pub source: Source,
    /// What the model reads, and what quotes have to stand in.
    pub text: String,
    /// The text folded to words, and to letters alone.
    pub words: String,
    pub compact: String,
    /// Hashes of its runs of words, by which copies are known.
    pub passages: HashSet<u64>,
    /// The brand's own page.
    pub own: bool,
    /// Its title names the brand.
    pub in_title: bool,
    pub sentences: Vec<Sentence>,
}

/// A sentence of a source.
pub struct Sentence {
    /// Where it ends in the letters of the sentences so far.
    pub end: usize,
    /// Folded.
    pub words: String,
}

impl Read {
    /// When the page came out, where it says so.
    pub fn published(&self) -> Option<Figure> {
        const CUES: [&str; 6] = ["تاریخ", "انتشار", "به روز", "به‌روز", "published", "updated"];
        let lower = self.text.to_lowercase();
        let at = CUES.iter().filter_map(|cue| lower.find(cue)).min()?;
        let near: String = lower[at..].chars().take(60).collect();
        let mut dates = numbers::read(&near).figures.into_iter();
        dates.find(|figure| matches!(figure, Figure::Day(_) | Figure::Month(..)))
    }
}

/// Everything that was found about a brand.
pub struct Evidence {
    pub sources: Vec<Read>,
    /// Pages that do not name the brand.
    pub set_aside: usize,
    /// Pages about others of the same name: who that is, and the page.
    pub namesakes: Vec<(String, String)>,
    /// Companies among which the list does not tell.
    pub candidates: Vec<Candidate>,
    /// Passages that speak to a machine.
    pub attempts: Vec<TakenOut>,
    by_id: HashMap<String, usize>,
    /// Sources that turned out to be about a namesake.
    others: HashSet<String>,
    names: AboutBrand,
    neighbours: Arc<Neighbours>,
    stages: Stages,
}

impl Evidence {
    /// Numbers the pages that are about the brand, each once, its own first.
    pub fn gather(
        brand: &Brand,
        batches: &[Batch],
        neighbours: &Arc<Neighbours>,
        stages: Stages,
    ) -> Self {
        let Selection {
            mut pages,
            set_aside,
            namesakes,
            candidates,
            attempts,
        } = select(brand, batches, stages);
        for (i, page) in pages.iter_mut().enumerate() {
            page.source.id = format!("s{}", i + 1);
        }
        let ids = pages.iter().enumerate();
        Self {
            by_id: ids.map(|(i, page)| (page.source.id.clone(), i)).collect(),
            sources: pages,
            set_aside,
            namesakes,
            candidates,
            attempts,
            others: HashSet::new(),
            names: AboutBrand::new(brand),
            neighbours: Arc::clone(neighbours),
            stages,
        }
    }

    /// Sources that are about somebody else of the same name prove nothing from now on.
    pub fn set_apart(&mut self, sources: &[String]) {
        let own = |id: &&String| self.by_id.get(*id).is_some_and(|&i| !self.sources[i].own);
        self.others
            .extend(sources.iter().filter(own).cloned().collect::<Vec<_>>());
    }

    /// The source of this id.
    pub fn get(&self, id: &str) -> Option<&Read> {
        self.by_id.get(id).map(|&i| &self.sources[i])
    }

    /// Sources about the brand.
    pub fn about_brand(&self) -> usize {
        self.sources.len() - self.others.len()
    }

    /// Decides how well the fact of this field stands. Citations that are not what they claim are taken off it.
    /// `others` are the folded names of other companies that play a part.
    pub fn judge(&self, field: Field, fact: &mut Fact, others: &[String]) {
        fact.value = text::persian_letters(&text::clean(&fact.value));
        if !self.stages.has(Stage::Evidence) {
            return;
        }
        let role = field.spec().role;
        let value = text::words(&fact.value);
        if role.is_some() && self.names.names.contains(&value) {
            // Nobody is their own owner or rival.
            fact.evidence.clear();
        }
        fact.evidence
            .retain(|citation| self.stands(citation, role, &value, others));
        fact.as_of = fact
            .as_of
            .take()
            .filter(|date| self.is_dated(date, &fact.evidence));
        fact.status = self.status(role, fact);
    }

    /// Whether a fact belongs into the report: a quote of it stands in a page about the brand.
    pub fn is_shown(&self, fact: &Fact) -> bool {
        !fact.evidence.is_empty() || !self.stages.has(Stage::Evidence)
    }

    /// Whether a value can be read in a quote of a fact.
    pub fn reads(&self, value: &str, fact: &Fact) -> bool {
        let quotes = fact.evidence.iter().map(|citation| &citation.quote);
        let mut quotes = quotes.filter(|quote| value_in_quote(value, quote));
        quotes.next().is_some() || !self.stages.has(Stage::Evidence)
    }

    fn status(&self, role: Option<Role>, fact: &Fact) -> Status {
        if fact.evidence.is_empty() {
            return Status::Unverified;
        }
        let readable = |citation: &&Citation| value_in_quote(&fact.value, &citation.quote);
        let Some(citation) = fact.evidence.iter().find(readable) else {
            return match fact.status {
                Status::Inferred => Status::Inferred,
                _ => Status::Unverified,
            };
        };
        if fact.status == Status::Inferred {
            return Status::Inferred;
        }
        let said = role.map(|role| role.said(&citation.quote, &fact.value, &self.names.names));
        match said {
            None | Some(StatedRole::So) => Status::Supported,
            Some(StatedRole::Formerly) => Status::Outdated,
            Some(StatedRole::Otherwise) => Status::Unverified,
            Some(StatedRole::Nothing) => Status::Inferred,
        }
    }

    /// Whether a quote really stands in a source, in a place that is about the brand.
    fn stands(
        &self,
        citation: &Citation,
        role: Option<Role>,
        value: &str,
        others: &[String],
    ) -> bool {
        let Some(read) = self.get(&citation.source) else {
            return false;
        };
        if self.others.contains(&citation.source) {
            return false;
        }
        let Some((from, to)) = place(&citation.quote, &read.compact) else {
            return false;
        };
        !self.stages.has(Stage::Identity)
            || self.is_about_brand(read, from, to, role, value, others)
    }

    /// Whether the sentences around a passage are about the brand: they name it, or follow one that does on a page
    /// about it, and name nobody else in between.
    fn is_about_brand(
        &self,
        read: &Read,
        from: usize,
        to: usize,
        role: Option<Role>,
        value: &str,
        others: &[String],
    ) -> bool {
        let sentences = &read.sentences;
        let first = sentences.partition_point(|s| s.end <= from);
        let last = sentences
            .partition_point(|s| s.end < to)
            .min(sentences.len().saturating_sub(1));
        let Some(quoted) = sentences.get(first..=last) else {
            return true;
        };
        let named = |s: &Sentence| self.names.count(&s.words) > 0;
        let is_value = |other: &str| value.contains(other) || other.contains(value);
        let words: String = quoted.iter().map(|s| s.words.as_str()).collect();
        let mut strangers = self.neighbours.named_in(&words, &self.names.names);
        strangers.extend(
            others
                .iter()
                .filter(|other| words.contains(other.as_str()))
                .cloned(),
        );
        strangers.retain(|other| role.is_none() || !is_value(other));
        let stranger = !strangers.is_empty();
        if quoted.iter().any(named) {
            // Of two that are named, the nearer one before the value is spoken of.
            let of_others = role.is_some_and(|role| role != Role::Chief);
            return of_others || !stranger || self.is_nearest(&words, value, &strangers);
        }
        let introduced =
            read.own || read.in_title || self.is_last_named(&sentences[..first], others);
        introduced && !stranger && (read.own || !names_a_company(&words, &self.names.names))
    }

    /// Whether the last company that sentences name is the brand.
    fn is_last_named(&self, sentences: &[Sentence], others: &[String]) -> bool {
        for Sentence { words, .. } in sentences.iter().rev() {
            if self.names.count(words) > 0 {
                return true;
            }
            let known = others.iter().any(|other| words.contains(other.as_str()));
            let stranger = known
                || !self
                    .neighbours
                    .named_in(words, &self.names.names)
                    .is_empty();
            if stranger || names_a_company(words, &self.names.names) {
                return false;
            }
        }
        false
    }

    /// Whether the brand is named nearer before the value than any other company.
    fn is_nearest(&self, words: &str, value: &str, others: &[String]) -> bool {
        let until = words.find(value.trim_end()).unwrap_or(words.len());
        let before = &words[..words.floor_char_boundary(until + 1)];
        let last = |name: &String| before.rfind(name.trim_end());
        let ours = self.names.names.iter().filter_map(last).max();
        let theirs = others.iter().filter_map(last).max();
        ours.is_some() && ours >= theirs
    }

    /// Whether a date is one, and its year stands in one of the sources.
    fn is_dated(&self, date: &str, evidence: &[Citation]) -> bool {
        let year = date.split('-').next().unwrap_or_default();
        let year = numbers::read(year).figures;
        is_date(date)
            && evidence.iter().any(|citation| {
                let source = self.get(&citation.source);
                source.is_some_and(|read| {
                    let said = numbers::read(&format!("{} {}", read.source.title, read.text));
                    year.iter()
                        .all(|year| said.figures.iter().any(|said| said.same(*year)))
                })
            })
    }
}

/// Where a quote stands in the letters of a source. An ellipsis stands for words left out.
fn place(quote: &str, compact: &str) -> Option<(usize, usize)> {
    let quote = quote.replace("[...]", "…").replace("...", "…");
    let parts = quote
        .split('…')
        .map(text::compact)
        .filter(|part| !part.is_empty());
    let (mut from, mut at) = (None, 0);
    for part in parts {
        let found = compact[at..]
            .find(&part)
            .filter(|_| part.chars().count() >= QUOTE_MIN)?;
        from.get_or_insert(at + found);
        at += found + part.len();
    }
    Some((from?, at))
}

/// Whether words speak of a company that is not the brand: «شرکت پارس …».
fn names_a_company(words: &str, brand: &[String]) -> bool {
    const KINDS: [&str; 7] = [
        "شرکت",
        "برند",
        "گروه",
        "هلدینگ",
        "کارخانه",
        "فروشگاه",
        "موسسه",
    ];
    const NO_NAMES: [&str; 40] = [
        "در",
        "از",
        "به",
        "با",
        "و",
        "که",
        "است",
        "را",
        "این",
        "ما",
        "های",
        "ها",
        "مادر",
        "تولید",
        "تولیدی",
        "سهامی",
        "بزرگ",
        "ایرانی",
        "بیش",
        "دارد",
        "می",
        "یک",
        "آن",
        "برای",
        "پیشرو",
        "معتبر",
        "بین",
        "دانش",
        "خصوصی",
        "دولتی",
        "تولیدکننده",
        "معظم",
        "برتر",
        "نوآور",
        "خدماتی",
        "بازرگانی",
        "مهندسی",
        "هدف",
        "سنی",
        "مشتریان",
    ];
    let list: Vec<&str> = words.split_whitespace().collect();
    list.windows(2).take(4).any(|pair| {
        let of_brand = || {
            brand
                .iter()
                .any(|name| name.split_whitespace().next() == Some(pair[1]))
        };
        let a_name =
            !NO_NAMES.contains(&pair[1]) && !pair[1].starts_with(|c: char| c.is_ascii_digit());
        KINDS.contains(&pair[0]) && a_name && !of_brand()
    })
}

/// Whether the value can be read in the quote: its figures, however they are written, and its words; or, when it is long
/// enough to be no accident, its letters.
fn value_in_quote(value: &str, quote: &str) -> bool {
    let letters = text::compact(value);
    if letters.is_empty() {
        return false;
    }
    let value_read = numbers::read(value);
    if !value_read.figures.is_empty() {
        let quoted = numbers::read(quote);
        let words = text::words(quote);
        let has = |figure: &Figure| quoted.figures.iter().any(|said| said.same(*figure));
        return value_read.figures.iter().all(has)
            && value_read
                .words
                .iter()
                .all(|word| words.contains(&format!(" {word} ")));
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
            ..Row::default()
        };
        gather(&[row]).brands.remove(0)
    }

    fn page(url: &str, content: &str) -> WebPage {
        WebPage {
            url: url.into(),
            title: Some("خبر".into()),
            content: Some(content.into()),
            raw_content: None,
            score: serde_json::Value::Null,
        }
    }

    fn evidence(pages: Vec<WebPage>) -> Evidence {
        let batch = Batch {
            query: "q".into(),
            pages,
            at: Timestamp::UNIX_EPOCH,
            about_parent: false,
        };
        Evidence::gather(&brand(), &[batch], &Arc::default(), Stages::ALL)
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
        evidence(vec![page("https://news.ir/1", TEXT)]).judge(Field::Tagline, &mut fact, &[]);
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
    fn a_sentence_is_about_whoever_was_named_last() {
        let judged = |text: &str, quote: &str| {
            let mut fact = fact("۱۳۸۰", "s1", quote);
            evidence(vec![page("https://news.ir/1", text)]).judge(
                Field::FoundingYear,
                &mut fact,
                &[text::words("پگاه")],
            );
            fact.status
        };
        let between = "کارخانه در شمال کشور است. محصولش هر روز پخش می‌شود. کیفیت مهم است.";
        let quote = "کار خود را در سال ۱۳۸۰ آغاز کرد";
        assert_eq!(
            judged(&format!("کاله لبنیات می‌سازد. {between} {quote}."), quote),
            Status::Supported
        );
        assert_eq!(
            judged(
                &format!("کاله لبنیات می‌سازد. پگاه هم هست. {between} {quote}."),
                quote
            ),
            Status::Unverified
        );
        assert_eq!(
            judged(
                "کاله و پگاه رقیب‌اند. پگاه در سال ۱۳۸۰ آغاز کرد.",
                "پگاه در سال ۱۳۸۰ آغاز کرد"
            ),
            Status::Unverified
        );
    }

    #[test]
    fn an_invented_quote_is_not_shown() {
        let mut fact = fact("۱۳۷۱", "s1", "کاله در سال ۱۳۷۱ بنیان گذاشته شد");
        evidence(vec![page("https://news.ir/1", TEXT)]).judge(Field::Tagline, &mut fact, &[]);
        assert!(fact.evidence.is_empty());
    }

    #[test]
    fn a_namesakes_page_proves_nothing() {
        let mut evidence = evidence(vec![page("https://news.ir/1", TEXT)]);
        evidence.set_apart(&["s1".into(), "s9".into()]);
        let mut fact = fact("1370", "s1", "در سال ۱۳۷۰ در آمل تأسیس شد");
        evidence.judge(Field::Tagline, &mut fact, &[]);
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
        #[test]
        fn a_text_says_itself(text in "([ا-ی۰-۹a-c%٪٫٬.,/|-]{1,4}|[0-9]{4}| |درصد|و|سه|هزار|تومان|مهر|سال){1,12}") {
            prop_assume!(!text::compact(&text).is_empty());
            prop_assert!(value_in_quote(&text, &text), "{:?}", numbers::read(&text));
        }

        /// Whatever a model claims, a supported fact has its value in a quote and the quote in the text.
        #[test]
        fn supported_means_it_can_be_read(value in "[ا-ی۰-۹ ]{1,12}", quote in "[ا-ی۰-۹ ]{0,40}", start in 0usize..60, length in 0usize..60, real: bool) {
            let quote = if real { TEXT.chars().skip(start).take(length).collect() } else { quote };
            let mut fact = fact(&value, "s1", &quote);
            evidence(vec![page("https://news.ir/1", TEXT)]).judge(Field::Tagline, &mut fact, &[]);
            if fact.status == Status::Supported {
                prop_assert!(text::compact(TEXT).contains(&text::compact(&quote)));
                prop_assert!(text::compact(&quote).contains(&text::compact(&value)));
            }
        }
    }
}
