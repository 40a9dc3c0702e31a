//! The selection of pages for the analyst: those about the brand, each once, the most relevant first, within a budget
//! of tokens.

use std::{
    cmp::Reverse,
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use url::Url;

use super::{
    Stage, Stages,
    disambiguation::{self, Marks, Sorted},
    evidence::{Batch, QUOTE_MIN, Read, Sentence},
    prompt_injection,
    queries::latin_name,
};
use crate::{
    brand::{self, Brand},
    report::{Candidate, InjectionKind, Source, TakenOut},
    search::tavily::WebPage,
    text,
};

/// Tokens of all sources together.
const BUDGET: usize = 15_000;

/// Characters of a found page, and of one of the brand's own pages, that are read.
const PASSAGE: usize = 1_800;
const OWN_PASSAGE: usize = 6_000;

/// Letters from which on a name may stand in one piece where the brand has two words.
const LONG_NAME: usize = 6;

/// Words, folded, by which companies tell of themselves.
const TELLING: [&str; 18] = [
    "درباره",
    "تاسیس",
    "مدیرعامل",
    "سهام",
    "شرکت",
    "هلدینگ",
    "محصول",
    "خدمات",
    "قیمت",
    "شعبه",
    "مشتری",
    "کمپین",
    "نشانی",
    "about",
    "founded",
    "ceo",
    "products",
    "brand",
];

/// Registers and exchanges, whose word counts more than a newspaper's.
const REGISTERS: [&str; 9] = [
    "codal.ir",
    "tsetmc.com",
    "tse.ir",
    "rasmio.com",
    "linka.ir",
    "rrk.ir",
    "ssaa.ir",
    "ilenc.ir",
    "enamad.ir",
];

/// The pages that are read, the brand's own first, then in the order of the searches.
pub struct Selection {
    pub pages: Vec<Read>,
    /// Pages found for the brand that do not name it.
    pub set_aside: usize,
    /// Pages about others of the same name: who that is, and the page.
    pub namesakes: Vec<(String, String)>,
    /// Companies among which the list does not tell.
    pub candidates: Vec<Candidate>,
    /// Passages that were taken out because they speak to a machine.
    pub attempts: Vec<TakenOut>,
}

/// A page that could be read.
struct ScoredPage {
    read: Read,
    marks: Marks,
    /// The best page of its search: every topic gets a hearing.
    best: bool,
    /// In hundredths, so that it can be sorted by.
    relevance: i64,
    tokens: usize,
}

/// Chooses among the pages of all searches.
pub fn select(brand: &Brand, batches: &[Batch], stages: Stages) -> Selection {
    let about = AboutBrand::new(brand);
    let mut selection = Selection {
        pages: Vec::new(),
        set_aside: 0,
        namesakes: Vec::new(),
        candidates: Vec::new(),
        attempts: Vec::new(),
    };
    let mut seen = HashSet::new();
    let mut found: Vec<ScoredPage> = Vec::new();
    for batch in batches {
        let mut best = true;
        for page in &batch.pages {
            let Some(read) = read_page(
                page,
                &batch.query,
                batch.at,
                &about,
                &mut selection.attempts,
            ) else {
                continue;
            };
            if !seen.insert(place(&read.source.url)) {
                continue;
            }
            let mentions = about.mentions(&read);
            if mentions == 0 && !read.own {
                selection.set_aside += usize::from(!batch.about_parent);
                continue;
            }
            if let Some(original) = found.iter_mut().find(|of| is_copy(&read, &of.read)) {
                original.read.source.copies += 1;
                continue;
            }
            found.push(ScoredPage {
                best: std::mem::take(&mut best),
                relevance: relevance(page, &read, mentions),
                tokens: text::tokens(&read.text),
                marks: disambiguation::marks(&read, &about.names),
                read,
            });
        }
    }
    if stages.has(Stage::Identity) {
        found = without_namesakes(brand, found, &mut selection);
    }
    // A stable sort: the order of the searches stays.
    found.sort_by_key(|page| !page.read.own);
    selection.pages = within_budget(found);
    selection
}

/// Sets aside what is about others of the same name; everything, where the list does not tell who is meant.
fn without_namesakes(
    brand: &Brand,
    found: Vec<ScoredPage>,
    selection: &mut Selection,
) -> Vec<ScoredPage> {
    let pages: Vec<disambiguation::PageSignals> = found
        .iter()
        .map(|page| disambiguation::PageSignals {
            url: &page.read.source.url,
            title: &page.read.source.title,
            text: &page.read.text,
            own: page.read.own,
            marks: page.marks.clone(),
        })
        .collect();
    let Sorted { about, candidates } = disambiguation::sort(brand, &pages);
    drop(pages);
    selection.candidates = candidates;
    let mut ours = Vec::new();
    for (page, about) in found.into_iter().zip(about) {
        match about {
            Ok(()) => ours.push(page),
            Err(who) => selection.namesakes.push((who, page.read.source.url)),
        }
    }
    ours
}

/// Whether one page says what the other says: a press release that others copied, with other words around it.
fn is_copy(page: &Read, of: &Read) -> bool {
    let small = page.passages.len().min(of.passages.len());
    let shared = page.passages.intersection(&of.passages).count();
    small > 0 && shared * 10 >= small * 7 && !page.own
}

/// Hashes of all runs of six words.
fn passages(words: &str) -> HashSet<u64> {
    let hash = |word: &str| {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        hasher.finish()
    };
    // Each word is hashed once, and runs mix what was hashed.
    let words: Vec<u64> = words.split_whitespace().map(hash).collect();
    let mix = |run: &[u64]| {
        run.iter()
            .fold(0_u64, |mixed, word| mixed.rotate_left(11) ^ word)
    };
    words.windows(6).map(mix).collect()
}

/// Keeps what fits: own pages, then the best page of each search, then by relevance.
fn within_budget(candidates: Vec<ScoredPage>) -> Vec<Read> {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&i| {
        let page = &candidates[i];
        Reverse((page.read.own, page.best, page.relevance))
    });
    let mut room = BUDGET;
    let mut fits = vec![false; candidates.len()];
    for i in order {
        let tokens = candidates[i].tokens;
        fits[i] = tokens <= room;
        room -= if fits[i] { tokens } else { 0 };
    }
    let kept = candidates.into_iter().zip(fits);
    kept.filter_map(|(page, fits)| fits.then_some(page.read))
        .collect()
}

/// The service's own score, and how much the page speaks of the brand: in its title most.
fn relevance(page: &WebPage, read: &Read, mentions: usize) -> i64 {
    let score = page.score.as_f64().unwrap_or(0.5).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 100")]
    let score = (score * 100.0) as i64;
    let mentions = i64::try_from(mentions.min(5)).unwrap_or(5);
    let weighty = if is_register(&read.source.url) { 60 } else { 0 };
    score + 10 * mentions + weighty + if read.in_title { 100 } else { 0 }
}

/// Whether a page is a register's or an exchange's.
pub fn is_register(url: &str) -> bool {
    let host = Url::parse(url)
        .map(|url| brand::host(&url))
        .unwrap_or_default();
    let mut registers = REGISTERS.iter();
    registers.any(|of| host == *of || host.ends_with(&format!(".{of}")))
}

/// How pages name the brand.
pub struct AboutBrand {
    host: Option<String>,
    /// Folded, between spaces.
    pub names: Vec<String>,
}

impl AboutBrand {
    /// As the list names it, and its site.
    pub fn new(brand: &Brand) -> Self {
        let names = std::iter::once(brand.name.clone()).chain(latin_name(brand));
        Self {
            host: brand.host(),
            names: names
                .map(|name| text::words(&name))
                .filter(|words| !words.trim().is_empty())
                .collect(),
        }
    }

    fn owns(&self, url: &Url) -> bool {
        let host = brand::host(url);
        self.host
            .as_ref()
            .is_some_and(|own| host == *own || host.ends_with(&format!(".{own}")))
    }

    /// How often a page names the brand.
    fn mentions(&self, page: &Read) -> usize {
        self.count(&page.words) + usize::from(page.in_title)
    }

    /// How often folded words name the brand.
    pub fn count(&self, words: &str) -> usize {
        let mut joined = None;
        let counts = self.names.iter().map(|name| {
            // Neighbours share the space between them.
            let spaced = words.matches(name.trim_end()).count();
            let letters = name.replace(' ', "");
            if spaced > 0 && words.contains(name) {
                spaced
            } else if letters.chars().count() >= LONG_NAME {
                // Half-spaces are typed or not.
                let joined = joined.get_or_insert_with(|| words.replace(' ', ""));
                joined.matches(&letters).count()
            } else {
                0
            }
        });
        counts.max().unwrap_or(0)
    }
}

fn read_page(
    page: &WebPage,
    query: &str,
    at: Timestamp,
    about: &AboutBrand,
    attempts: &mut Vec<TakenOut>,
) -> Option<Read> {
    let url = Url::parse(&page.url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let own = about.owns(&url);
    let content = page.content.as_deref();
    let body = content
        .filter(|content| !content.trim().is_empty())
        .or(page.raw_content.as_deref())?;
    let body = &for_readers(body, url.as_str(), attempts);
    let text = excerpt(body, if own { OWN_PASSAGE } else { PASSAGE }, about);
    let (sentences, words, compact) = read_sentences(&text);
    if compact.chars().count() < QUOTE_MIN {
        return None;
    }
    let title = for_readers(
        page.title.as_deref().unwrap_or_default(),
        url.as_str(),
        attempts,
    );
    let title = text::clean(&title);
    Some(Read {
        in_title: about.count(&text::words(&title)) > 0,
        passages: passages(&words),
        sentences,
        source: Source {
            id: String::new(),
            title: text::shorten(&title, 200),
            url: url.to_string(),
            retrieved_at: at,
            query: query.to_owned(),
            copies: 0,
            digest: blake3::hash(compact.as_bytes()).to_hex()[..16].to_owned(),
        },
        words,
        text,
        compact,
        own,
    })
}

/// The sentences of a text, all its words, and its letters alone.
fn read_sentences(text: &str) -> (Vec<Sentence>, String, String) {
    let (mut sentences, mut all, mut compact) = (Vec::new(), " ".to_owned(), String::new());
    for sentence in prompt_injection::sentences(text) {
        let words = text::words(sentence);
        compact.extend(words.chars().filter(|&c| c != ' '));
        all.push_str(&words[1..]);
        let end = compact.len();
        sentences.push(Sentence { end, words });
    }
    (sentences, all, compact)
}

/// A page without the passages that speak to a machine: the sentence, and the next one, which it may be about. What comes
/// after an attempt to end the fence is not read at all.
fn for_readers(body: &str, url: &str, attempts: &mut Vec<TakenOut>) -> String {
    let mut kept = String::new();
    for line in body.lines() {
        let mut skip = false;
        for sentence in prompt_injection::sentences(line) {
            let Some(attempt) = prompt_injection::attempt(sentence) else {
                if !std::mem::take(&mut skip) {
                    kept.push_str(sentence);
                }
                continue;
            };
            let taken_out = TakenOut {
                url: url.to_owned(),
                attempt,
                passage: text::shorten(&text::clean(sentence), 200),
            };
            // Several searches find the same page.
            if !attempts.contains(&taken_out) {
                attempts.push(taken_out);
            }
            if attempt == InjectionKind::Fence {
                return kept;
            }
            skip = true;
        }
        kept.push('\n');
    }
    kept
}

/// The lines of a page that tell most, up to so many characters, in their order; an ellipsis stands for those between.
fn excerpt(body: &str, limit: usize, about: &AboutBrand) -> String {
    let lines: Vec<String> = body
        .lines()
        .map(text::clean)
        .filter(|line| !line.is_empty())
        .collect();
    let length = |line: &String| line.chars().count() + 1;
    if lines.iter().map(length).sum::<usize>() <= limit + 1 {
        return lines.join(" ");
    }
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&i| Reverse(telling(&lines[i], about)));
    let mut room = limit;
    let mut kept: Vec<Option<usize>> = vec![None; lines.len()];
    for i in order {
        // Two more for the ellipsis.
        let take = lines[i].chars().count().min(room.saturating_sub(3));
        if take >= QUOTE_MIN {
            kept[i] = Some(take);
            room -= take + 3;
        }
    }
    let mut text = String::new();
    let mut gap = false;
    for (line, take) in lines.iter().zip(kept) {
        let Some(take) = take else {
            gap = true;
            continue;
        };
        if !text.is_empty() {
            text.push_str(if gap { " … " } else { " " });
        }
        text.extend(line.chars().take(take));
        gap = take < line.chars().count();
    }
    text
}

/// How much a line tells: that it names the brand, has telling words and figures, and is a sentence and no menu.
fn telling(line: &str, about: &AboutBrand) -> usize {
    let words = text::words(line);
    let named = about.count(&words).min(2);
    let hits = TELLING.iter().filter(|word| words.contains(**word)).count();
    let figures = usize::from(words.bytes().any(|b| b.is_ascii_digit()));
    let sentence = usize::from(words.split(' ').count() > 8);
    3 * named + hits.min(4) + figures + 2 * sentence
}

/// The same page under `http` and `https`, with and without `www.`, a slash at its end or a fragment.
fn place(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    parsed.set_fragment(None);
    let path = parsed.path().trim_end_matches('/').to_owned();
    format!(
        "{}{path}?{}",
        brand::host(&parsed),
        parsed.query().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Row, gather};
    use proptest::prelude::*;
    use serde_json::json;

    fn brand() -> Brand {
        let row = Row {
            number: 2,
            name: "کاله".into(),
            website: "kalleh.com".into(),
            ..Row::default()
        };
        gather(&[row]).brands.remove(0)
    }

    fn page(url: String, title: &str, content: &str, score: f64) -> WebPage {
        WebPage {
            url,
            title: Some(title.into()),
            content: Some(content.into()),
            raw_content: None,
            score: json!(score),
        }
    }

    fn batch(query: &str, pages: Vec<WebPage>) -> Batch {
        Batch {
            query: query.into(),
            pages,
            at: Timestamp::UNIX_EPOCH,
            about_parent: false,
        }
    }

    #[test]
    fn the_budget_goes_to_the_most_relevant_and_every_search_is_heard() {
        // Far more than fits: 60 long pages of one search, and one weak page of another.
        let long = |i: usize| {
            format!("{i} شرکت کاله در {i} بازار لبنیات ایران {i} سهم بزرگی دارد. ").repeat(60)
        };
        let many = (0..60).map(|i| {
            let (title, score) = if i == 59 {
                ("کاله چیست", 0.9)
            } else {
                ("خبر", 0.5)
            };
            page(format!("https://news.ir/{i}"), title, &long(i), score)
        });
        let weak = page("https://other.ir/".into(), "خبر", &long(77), 0.1);
        let batches = [batch("a", many.collect()), batch("b", vec![weak])];
        let selection = select(&brand(), &batches, Stages::ALL);
        let urls: Vec<&str> = selection
            .pages
            .iter()
            .map(|p| p.source.url.as_str())
            .collect();
        let tokens: usize = selection.pages.iter().map(|p| text::tokens(&p.text)).sum();
        assert!(tokens <= BUDGET && tokens > BUDGET - 1_500, "{tokens}");
        assert!(urls.len() < 30, "{urls:?}");
        assert!(
            urls.contains(&"https://news.ir/59") && urls.contains(&"https://other.ir/"),
            "{urls:?}"
        );
        assert!(
            urls.is_sorted_by_key(|url| url.starts_with("https://other")),
            "the order of the searches"
        );
    }

    #[test]
    fn what_tells_nothing_is_left_out_of_a_long_page() {
        let menu = "خانه\nورود\nسبد خرید\n".repeat(400);
        let body = format!(
            "{menu}شرکت کاله در سال ۱۳۷۰ در آمل تأسیس شد و امروز ۱۲۵۰۰ نفر کارمند دارد.\n{menu}"
        );
        let own = page("https://kalleh.com/about".into(), "درباره", &body, 0.5);
        let read = select(&brand(), &[batch("own", vec![own])], Stages::ALL)
            .pages
            .remove(0);
        assert!(read.text.contains("تأسیس شد و امروز"), "{}", read.text);
        assert!(read.text.chars().count() <= OWN_PASSAGE);
    }

    #[test]
    fn pages_about_the_parent_count_when_they_name_the_brand() {
        let pages = vec![
            page(
                "https://a.ir/".into(),
                "هلدینگ",
                "برندهای هلدینگ نمونه: کاله و چند برند دیگر",
                0.5,
            ),
            page(
                "https://b.ir/".into(),
                "هلدینگ",
                "هلدینگ نمونه در تهران است و شعبه دارد",
                0.5,
            ),
        ];
        let mut batch = batch("p", pages);
        batch.about_parent = true;
        let selection = select(&brand(), &[batch], Stages::ALL);
        assert_eq!((selection.pages.len(), selection.set_aside), (1, 0));
    }

    proptest! {
        /// An excerpt is never longer than asked for, and says nothing that the page does not say in this order.
        #[test]
        fn an_excerpt_is_short_and_true(lines in proptest::collection::vec("[ا-یa-z0-9 ]{0,80}", 0..40), limit in 20usize..400) {
            let body = lines.join("\n");
            let text = excerpt(&body, limit, &AboutBrand::new(&brand()));
            prop_assert!(text.chars().count() <= limit + 1, "{}", text.chars().count());
            let whole = text::compact(&body);
            let mut rest = whole.as_str();
            for part in text.split('…').map(text::compact) {
                let at = rest.find(&part);
                prop_assert!(at.is_some(), "{part} is not in {rest}");
                rest = &rest[at.unwrap() + part.len()..];
            }
        }
    }
}
