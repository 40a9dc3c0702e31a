//! The disambiguation of a brand before a model is asked: what marks its pages, which pages are about a namesake, and
//! whether the list tells the two apart.
//!
//! Pages are told apart by what companies do not share: the site they name as theirs, the national identifier, the
//! trade they are in, and a longer name of which this one is a part.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use url::Url;

use super::{evidence::Read, prompt_injection::sentences};
use crate::{
    brand::{self, Brand},
    report::Candidate,
    text::{self, Phrases},
};

/// Words of trades by which pages are told apart, folded.
struct Trades {
    /// The first word of each trade.
    names: Vec<String>,
    words: Phrases,
    /// The trade of each word.
    of_word: Vec<usize>,
}

static TRADES: LazyLock<Trades> = LazyLock::new(|| {
    let lines = include_str!("sectors.csv").lines().skip(1);
    let mut trades = Trades {
        names: Vec::new(),
        words: Phrases::of(&[]),
        of_word: Vec::new(),
    };
    let mut all = Vec::new();
    for (trade, line) in lines.enumerate() {
        let words = line
            .split_once(',')
            .map_or("", |(_, words)| words)
            .split_whitespace();
        let before = all.len();
        all.extend(words);
        trades.names.extend(
            all.get(before)
                .map(|word| text::words(word).trim().to_owned()),
        );
        trades.of_word.resize(all.len(), trade);
    }
    trades.words = Phrases::of(&all);
    trades
});

/// Hosts that many companies have pages on; none is its own site there.
const PORTALS: [&str; 14] = [
    "instagram.com",
    "t.me",
    "telegram.me",
    "linkedin.com",
    "twitter.com",
    "x.com",
    "youtube.com",
    "aparat.com",
    "facebook.com",
    "wa.me",
    "cafebazaar.ir",
    "eitaa.com",
    "rubika.ir",
    "gmail.com",
];

/// Words, folded, that follow a name without being a part of it.
const NO_PART_OF_A_NAME: [&str; 58] = [
    "در",
    "از",
    "به",
    "با",
    "و",
    "که",
    "است",
    "را",
    "برای",
    "تا",
    "یک",
    "این",
    "هم",
    "نیز",
    "شد",
    "بود",
    "یا",
    "بر",
    "می",
    "نمی",
    "ها",
    "های",
    "هستند",
    "دارد",
    "ندارد",
    "اعلام",
    "کرد",
    "گفت",
    "همچنین",
    "طی",
    "سال",
    "بین",
    "پس",
    "پیش",
    "ایران",
    "فعالیت",
    "عرضه",
    "تولید",
    "محصولات",
    "محصول",
    "چیست",
    "کیست",
    "شرکت",
    "برند",
    "سهامی",
    "is",
    "was",
    "in",
    "and",
    "of",
    "the",
    "has",
    "company",
    "brand",
    "group",
    "iran",
    "چه",
    "بیشتر",
];

/// Hits of a trade's words from which on a page is in that trade.
const SURE: usize = 2;

/// Pages from which on a candidate is a candidate.
const CANDIDATE: usize = 2;

/// Pages of another trade from which on they are about another company.
const MANY: usize = 3;

/// So many times as many pages make one candidate the one that is meant.
const MUCH_MORE: usize = 3;

/// What marks a page's company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Sites that a sentence with the brand's name calls a site.
    sites: BTreeSet<String>,
    /// Valid national identifiers of legal persons.
    ids: BTreeSet<String>,
    /// How often words of each trade occur.
    sectors: BTreeMap<usize, usize>,
    /// The word that follows the name wherever it stands.
    longer_name: Option<String>,
    /// Words that follow the name.
    followers: BTreeSet<String>,
}

/// The candidates on one line, numbered; `None` where there are none.
pub fn choices(candidates: &[Candidate]) -> Option<String> {
    let one = |(i, candidate): (usize, &Candidate)| {
        let page = candidate.pages.first().map_or("", String::as_str);
        format!("{}) {} ({page})", i + 1, candidate.who)
    };
    let all: Vec<String> = candidates.iter().enumerate().map(one).collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// Whom the pages are about.
pub struct Sorted {
    /// For each page, whether it is about the brand; else the namesake that it is about.
    pub about: Vec<Result<(), String>>,
    /// The list does not tell which of these is meant; at least two, or none.
    pub candidates: Vec<Candidate>,
}

/// A page as it is sorted.
pub struct PageSignals<'a> {
    pub url: &'a str,
    pub title: &'a str,
    pub text: &'a str,
    /// It stands on the brand's own site.
    pub own: bool,
    pub marks: Marks,
}

/// What marks the company of a page, as seen by `names`, the brand's folded names surrounded by spaces. What a page says
/// beside the brand's name counts; on its own site everything does.
pub fn marks(read: &Read, names: &[String]) -> Marks {
    let mut marks = Marks::default();
    let mut following: Vec<String> = Vec::new();
    let title = text::words(&read.source.title);
    let texts = std::iter::once(read.source.title.as_str()).chain(sentences(&read.text));
    let words =
        std::iter::once(&title).chain(read.sentences.iter().map(|sentence| &sentence.words));
    for (text, words) in texts.zip(words) {
        let about_it = names.iter().any(|name| words.contains(name.as_str()));
        if !about_it && !read.own {
            continue;
        }
        for word in TRADES.words.all_in(words) {
            *marks.sectors.entry(TRADES.of_word[word]).or_default() += 1;
        }
        if calls_a_site(words) {
            marks.sites.extend(hosts(text));
        }
        marks.ids.extend(national_ids(words));
        following.extend(names.iter().flat_map(|name| after(words, name)));
    }
    marks.followers = following.iter().cloned().collect();
    if let [only] = &marks.followers.iter().collect::<Vec<_>>()[..]
        && following.len() >= 2
        && !only.is_empty()
    {
        marks.longer_name = Some((*only).clone());
    }
    marks
}

fn calls_a_site(words: &str) -> bool {
    [
        " سایت ",
        " وب سایت ",
        " وبسایت ",
        " نشانی اینترنتی ",
        " website ",
        " site ",
    ]
    .iter()
    .any(|word| words.contains(word))
}

/// The words that follow a name; empty where none does that could be a part of it.
fn after(words: &str, name: &str) -> Vec<String> {
    let tail = |(at, _): (usize, &str)| {
        let rest = &words[at + name.len()..];
        let next = rest.split(' ').next().unwrap_or_default();
        let part = !NO_PART_OF_A_NAME.contains(&next) && !next.bytes().any(|b| b.is_ascii_digit());
        if part { next.to_owned() } else { String::new() }
    };
    words.match_indices(name).map(tail).collect()
}

/// Hosts that stand in a sentence, without `www.`.
fn hosts(sentence: &str) -> Vec<String> {
    sentence
        .split(|c: char| c.is_whitespace() || "،؛()[]<>«»\"'".contains(c))
        .filter_map(|word| {
            let word = word.trim_end_matches(['.', ',', '/', '!', '؟', ':']);
            let word = word.rsplit_once('@').map_or(word, |(_, host)| host);
            let dotted = word.split('.').count() > 1 && word.is_ascii();
            let address = match word.contains("://") {
                true => word.to_owned(),
                false => format!("https://{word}"),
            };
            let url = Url::parse(&address).ok().filter(|_| dotted)?;
            let host = brand::host(&url);
            let last = host.rsplit('.').next()?;
            let is_name = last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic());
            (is_name && !PORTALS.contains(&host.as_str())).then_some(host)
        })
        .collect()
}

/// Runs of eleven digits that are identifiers of legal persons.
fn national_ids(words: &str) -> Vec<String> {
    words
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| is_national_id(digits))
        .map(str::to_owned)
        .collect()
}

/// Whether these are the digits of a national identifier of a legal person (شناسهٔ ملی): eleven, of which the last is a
/// check digit: the first ten, each with the tenth and two added, weighted 29, 27, 23, 19, 17 twice over, modulo 11,
/// ten counting as nought.
pub fn is_national_id(digits: &str) -> bool {
    const WEIGHTS: [u32; 10] = [29, 27, 23, 19, 17, 29, 27, 23, 19, 17];
    let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == 11) else {
        return false;
    };
    let added = digits[9] + 2;
    let sum: u32 = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(d, weight)| (d + added) * weight)
        .sum();
    let all_same = digits.iter().all(|d| *d == digits[0]);
    !all_same && sum % 11 % 10 == digits[10]
}

/// Tells pages about the brand from those about its namesakes, without a model.
pub fn sort(brand: &Brand, pages: &[PageSignals]) -> Sorted {
    let card = Card::of(brand, pages);
    if card.anchored {
        let other_trade = |page: &PageSignals| card.main_trade_elsewhere(page);
        let trades: Vec<Option<usize>> = pages.iter().map(other_trade).collect();
        let several =
            |trade: usize| trades.iter().filter(|of| **of == Some(trade)).count() >= CANDIDATE;
        let about = pages.iter().zip(&trades).map(|(page, trade)| {
            // One page of another trade may be about a new venture; several are about another company.
            match card.clashes(page) || trade.is_some_and(several) {
                true => Err(who(page)),
                false => Ok(()),
            }
        });
        return Sorted {
            about: about.collect(),
            candidates: Vec::new(),
        };
    }
    let longer: Vec<bool> = pages
        .iter()
        .map(|page| has_longer_name(page, pages))
        .collect();
    let mut entities = entities(pages, &longer);
    entities.sort_by_key(|entity| std::cmp::Reverse(entity.pages.len()));
    let Some((first, rest)) = entities.split_first() else {
        return Sorted {
            about: pages.iter().zip(&longer).map(not_longer).collect(),
            candidates: Vec::new(),
        };
    };
    let others: Vec<&Entity> = rest
        .iter()
        .filter(|other| first.is_another(other))
        .collect();
    let rivals = others
        .iter()
        .filter(|of| of.pages.len() >= CANDIDATE || of.pages.len() * MUCH_MORE > first.pages.len());
    let candidates: Vec<Candidate> = std::iter::once(first)
        .chain(rivals.copied())
        .map(|entity| entity.candidate(pages))
        .collect();
    if candidates.len() > 1 {
        return Sorted {
            about: pages.iter().map(|page| Err(who(page))).collect(),
            candidates,
        };
    }
    // One is much more spoken of, or the only one.
    let of_others: BTreeSet<usize> = others
        .iter()
        .flat_map(|of| of.pages.iter().copied())
        .collect();
    let judge = |(i, page): (usize, &PageSignals)| match of_others.contains(&i) || longer[i] {
        true => Err(who(page)),
        false => Ok(()),
    };
    Sorted {
        about: pages.iter().enumerate().map(judge).collect(),
        candidates: Vec::new(),
    }
}

/// Whether a page is about a company with a longer name, of which this name is a part; most pages do not give it so.
fn has_longer_name(page: &PageSignals, pages: &[PageSignals]) -> bool {
    page.marks.longer_name.as_ref().is_some_and(|word| {
        let alike = pages
            .iter()
            .filter(|other| other.marks.followers.contains(word))
            .count();
        !page.own && alike * 2 <= pages.len()
    })
}

fn not_longer((page, longer): (&PageSignals, &bool)) -> Result<(), String> {
    if *longer { Err(who(page)) } else { Ok(()) }
}

/// Pages that are about one company, and what marks it.
struct Entity {
    marks: Marks,
    /// Their places.
    pages: Vec<usize>,
}

impl Entity {
    /// Whether the other is surely another company: it has a site or an identifier of its own, or many pages of another
    /// trade speak of it. A company with several trades is one company.
    fn is_another(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.marks.trades(SURE), other.marks.trades(SURE));
        let apart = !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs);
        let many = self.pages.len().min(other.pages.len()) >= MANY;
        self.marks.clashes(&other.marks) || apart && many
    }

    fn candidate(&self, pages: &[PageSignals]) -> Candidate {
        let names = self.pages.iter().map(|&i| who(&pages[i]));
        Candidate {
            who: names.max_by_key(String::len).unwrap_or_default(),
            pages: self
                .pages
                .iter()
                .map(|&i| pages[i].url.to_owned())
                .collect(),
        }
    }
}

/// Groups of pages that are about one company each. Pages that tell nothing of theirs are in none.
fn entities(pages: &[PageSignals], longer: &[bool]) -> Vec<Entity> {
    let mut entities: Vec<Entity> = Vec::new();
    for (i, page) in pages.iter().enumerate() {
        let marks = &page.marks;
        let tells_nothing =
            marks.sites.is_empty() && marks.ids.is_empty() && marks.trades(SURE).is_empty();
        if tells_nothing || longer[i] {
            continue;
        }
        match entities
            .iter_mut()
            .find(|entity| entity.marks.agrees(marks))
        {
            Some(entity) => {
                entity.marks.take_in(marks);
                entity.pages.push(i);
            }
            None => entities.push(Entity {
                marks: marks.clone(),
                pages: vec![i],
            }),
        }
    }
    entities
}

impl Marks {
    /// The trades with at least so many words.
    fn trades(&self, least: usize) -> BTreeSet<usize> {
        let sure = self.sectors.iter().filter(|(_, n)| **n >= least);
        sure.map(|(sector, _)| *sector).collect()
    }

    /// The trade most spoken of.
    fn main_trade(&self) -> Option<usize> {
        let most = self
            .sectors
            .iter()
            .max_by_key(|(sector, n)| (**n, std::cmp::Reverse(**sector)));
        most.filter(|(_, n)| **n >= SURE).map(|(sector, _)| *sector)
    }

    /// Whether both may belong to one company: something that only one company has, or a common trade and nothing
    /// against it.
    fn agrees(&self, other: &Self) -> bool {
        if self.clashes(other) || self.longer_name != other.longer_name {
            return false;
        }
        let shared = |a: &BTreeSet<String>, b: &BTreeSet<String>| !a.is_disjoint(b);
        shared(&self.sites, &other.sites)
            || shared(&self.ids, &other.ids)
            || !self.trades(1).is_disjoint(&other.trades(SURE))
            || !self.trades(SURE).is_disjoint(&other.trades(1))
    }

    /// Whether both name what only one of two companies has, and not the same.
    fn clashes(&self, other: &Self) -> bool {
        let differ = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
            !a.is_empty() && !b.is_empty() && a.is_disjoint(b)
        };
        differ(&self.sites, &other.sites) || differ(&self.ids, &other.ids)
    }

    fn take_in(&mut self, other: &Self) {
        self.sites.extend(other.sites.iter().cloned());
        self.ids.extend(other.ids.iter().cloned());
        for (sector, n) in &other.sectors {
            *self.sectors.entry(*sector).or_default() += n;
        }
        self.followers.extend(other.followers.iter().cloned());
    }
}

/// What is known of the brand from its own pages, and from those that name the parent company that the list gives.
struct Card {
    marks: Marks,
    host: Option<String>,
    parent: Option<String>,
    anchored: bool,
}

impl Card {
    fn of(brand: &Brand, pages: &[PageSignals]) -> Self {
        let mut card = Self {
            marks: Marks::default(),
            host: brand.host(),
            parent: brand.parent.as_deref().map(text::words),
            anchored: false,
        };
        card.marks.sites.extend(card.host.clone());
        for page in pages {
            if page.own || card.names_what_is_given(page) {
                card.anchored = true;
                card.marks.take_in(&page.marks);
            }
        }
        card
    }

    /// Whether the page names the brand's site, or the parent company that the list gives.
    fn names_what_is_given(&self, page: &PageSignals) -> bool {
        let site = self
            .host
            .as_ref()
            .is_some_and(|host| page.marks.sites.contains(host));
        let parent = self
            .parent
            .as_ref()
            .is_some_and(|parent| text::words(page.text).contains(parent.as_str()));
        site || parent
    }

    /// Whether the page names what only another company has: a site, an identifier, a longer name.
    fn clashes(&self, page: &PageSignals) -> bool {
        if page.own || self.names_what_is_given(page) {
            return false;
        }
        let longer = page.marks.longer_name.as_ref();
        longer.is_some_and(|word| !self.marks.followers.contains(word))
            || self.marks.clashes(&page.marks)
    }

    /// The trade that a page speaks of, where it has nothing in common with those of the brand.
    fn main_trade_elsewhere(&self, page: &PageSignals) -> Option<usize> {
        if page.own || self.names_what_is_given(page) || self.marks.trades(1).is_empty() {
            return None;
        }
        let apart = page.marks.trades(1).is_disjoint(&self.marks.trades(1));
        page.marks.main_trade().filter(|_| apart)
    }
}

/// A page's company in a few words.
fn who(page: &PageSignals) -> String {
    let marks = &page.marks;
    let trade = marks.main_trade().map(|trade| TRADES.names[trade].clone());
    let parts = [
        marks.longer_name.as_ref().map(|word| format!("«… {word}»")),
        trade,
        marks.sites.first().cloned(),
        marks.ids.first().cloned(),
    ];
    let who: Vec<String> = parts.into_iter().flatten().collect();
    match who.is_empty() {
        true => text::shorten(page.title, 60),
        false => who.join("، "),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        brand::{Row, gather},
        research::{
            Stages,
            evidence::{Batch, Evidence},
        },
    };

    fn brand(website: &str, parent: &str) -> Brand {
        let row = Row {
            number: 2,
            name: "آوین".into(),
            website: website.into(),
            parent: parent.into(),
            ..Row::default()
        };
        gather(&[row]).brands.remove(0)
    }

    fn marks_of(url: &str, content: &str) -> Marks {
        let page = serde_json::json!({"url": url, "content": content});
        let batch = Batch {
            query: String::new(),
            pages: vec![serde_json::from_value(page).unwrap()],
            at: jiff::Timestamp::UNIX_EPOCH,
            about_parent: false,
        };
        let evidence = Evidence::gather(
            &brand("avin.ir", ""),
            &[batch],
            &Arc::default(),
            Stages::ALL,
        );
        marks(&evidence.sources[0], &[text::words("آوین")])
    }

    fn page(url: &'static str, text: &'static str) -> PageSignals<'static> {
        PageSignals {
            url,
            title: "",
            text,
            own: url.contains("avin.ir"),
            marks: marks_of(url, text),
        }
    }

    const DAIRY: [(&str, &str); 2] = [
        (
            "https://a.example/1",
            "آوین ماست و پنیر می‌سازد. شیر آوین در تهران فروخته می‌شود.",
        ),
        (
            "https://b.example/1",
            "آوین از سال ۱۳۷۰ لبنیات و دوغ تولید می‌کند.",
        ),
    ];
    const BANK: [(&str, &str); 2] = [
        (
            "https://c.example/1",
            "آوین یک شرکت بیمه است. بیمه‌نامهٔ آوین خسارت را می‌پوشاند.",
        ),
        (
            "https://d.example/1",
            "بیمه آوین در سال ۱۳۸۵ بیمه عمر را آغاز کرد. بیمه آوین بزرگ است.",
        ),
    ];

    fn pages() -> Vec<PageSignals<'static>> {
        DAIRY
            .iter()
            .chain(&BANK)
            .map(|(url, text)| page(url, text))
            .collect()
    }

    #[test]
    fn two_companies_of_one_name_are_not_mixed() {
        let mut all = pages();
        all.push(page(
            "https://e.example/",
            "وب‌سایت آوین avin-dairy.example است و ماست و پنیر دارد.",
        ));
        all.push(page(
            "https://f.example/",
            "وب‌سایت آوین avin-insurance.example است و بیمه و خسارت دارد.",
        ));
        let sorted = sort(&brand("", ""), &all);
        assert_eq!(sorted.candidates.len(), 2, "{:?}", sorted.candidates);
        assert!(sorted.about.iter().all(Result::is_err));
    }

    #[test]
    fn the_brands_own_site_decides() {
        let mut all = pages();
        all.push(page("https://avin.ir/", "آوین: شیر، ماست و کره"));
        let sorted = sort(&brand("avin.ir", ""), &all);
        let ours: Vec<bool> = sorted.about.iter().map(Result::is_ok).collect();
        assert_eq!(ours, [true, true, false, false, true]);
        assert!(sorted.candidates.is_empty());
    }

    #[test]
    fn the_given_parent_decides() {
        let mut all = pages();
        all.push(page(
            "https://e.example/",
            "آوین، زیرمجموعهٔ گروه نگین، بیمه و خسارت",
        ));
        let sorted = sort(&brand("", "گروه نگین"), &all);
        let ours: Vec<bool> = sorted.about.iter().map(Result::is_ok).collect();
        assert_eq!(ours, [false, false, true, true, true]);
    }

    #[test]
    fn a_company_of_two_trades_is_one_company() {
        let texts = [
            "آوین ماست و پنیر می‌سازد.",
            "آوین بیمه‌نامه دارد و خسارت می‌پردازد.",
        ];
        let all = [
            page("https://a.example/", texts[0]),
            page("https://b.example/", texts[1]),
        ];
        let sorted = sort(&brand("", ""), &all);
        assert!(sorted.about.iter().all(Result::is_ok) && sorted.candidates.is_empty());
        // One page of another trade may be about a new venture.
        let own = page("https://avin.ir/", "آوین: شیر، ماست و کره");
        let sorted = sort(
            &brand("avin.ir", ""),
            &[own, page("https://b.example/", texts[1])],
        );
        assert!(sorted.about.iter().all(Result::is_ok));
    }

    #[test]
    fn one_company_is_never_ambiguous() {
        let all: Vec<PageSignals> = DAIRY.iter().map(|(url, text)| page(url, text)).collect();
        let sorted = sort(&brand("", ""), &all);
        assert!(sorted.about.iter().all(Result::is_ok) && sorted.candidates.is_empty());
    }

    #[test]
    fn a_longer_name_is_another_company() {
        let mut all: Vec<PageSignals> = DAIRY.iter().map(|(url, text)| page(url, text)).collect();
        all.push(page("https://avin.ir/", "آوین: شیر و ماست"));
        all.push(page(
            "https://f.example/",
            "آوین پلاس شیر می‌فروشد. مدیرعامل آوین پلاس کسی است.",
        ));
        let sorted = sort(&brand("avin.ir", ""), &all);
        let ours: Vec<bool> = sorted.about.iter().map(Result::is_ok).collect();
        assert_eq!(ours, [true, true, true, false]);
        // Without a site too.
        let sorted = sort(&brand("", ""), &all);
        assert!(
            sorted.about[3].is_err() && sorted.about[0].is_ok() && sorted.candidates.is_empty()
        );
    }

    /// Identifiers of well-known companies, as the register prints them.
    #[test]
    fn a_national_id_has_a_check_digit() {
        assert!(is_national_id("10380284790"));
        assert!(!is_national_id("10380284791"));
        assert!(!is_national_id("11111111111"));
        assert!(!is_national_id("1038028479"));
    }
}
