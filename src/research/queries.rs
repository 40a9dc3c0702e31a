//! The search queries, in Persian and in English, one credit each.

use std::sync::LazyLock;

use url::Url;

use super::evidence::Read;
use crate::{
    brand::{Brand, row_options::Depth},
    report::fields::{Field, Topic},
    search::tavily::QUERY_LIMIT,
    text::{self, Phrases},
};

/// Pages of a site where companies say who they are; five are read for one credit, and those that do not exist are
/// free.
const OWN_PAGES: [&str; 4] = ["about", "about-us", "contact", "contact-us"];

/// A search, and whether its answer serves all brands of the parent company.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    pub text: String,
    pub about_parent: bool,
}

/// The searches for a brand, in Persian and in English. The name is quoted so that its words stay together. Where other
/// brands of the list have the same parent company, what is asked about that is asked once for all of them. `year` is
/// that of the Iranian calendar, for news.
pub fn searches(
    brand: &Brand,
    shared_parent: Option<&str>,
    depth: Depth,
    year: &str,
) -> Vec<Query> {
    let name = quoted(&brand.name);
    let own = |text: String| Query {
        text: limited(&text),
        about_parent: false,
    };
    let parent = brand.parent.as_deref().unwrap_or_default();
    let owner = own(format!(
        "{name} {} کدال رسمیو {parent}",
        words_for(Topic::Ownership)
    ));
    let products = own(format!("{name} {}", words_for(Topic::Products)));
    let news = own(format!("{name} {} خبر {year}", words_for(Topic::News)));
    let market = own(format!(
        "{}{name} {} Iran market competitors",
        latin(brand),
        words_for(Topic::Market)
    ));
    if depth == Depth::Quick {
        return vec![owner, products];
    }
    let mut queries = match shared_parent.map(quoted) {
        None => vec![owner, products, news, market],
        Some(parent) => {
            let of_parent = |text: String| Query {
                text: limited(&text),
                about_parent: true,
            };
            vec![
                products,
                own(format!(
                    "{name} {} {} {year}",
                    words_for(Topic::News),
                    words_for(Topic::Market)
                )),
                of_parent(format!(
                    "{parent} هلدینگ مالک سهامداران مدیرعامل شرکت‌های زیرمجموعه برندها"
                )),
                of_parent(format!(
                    "{parent} Iran group brands subsidiaries market share"
                )),
            ]
        }
    };
    if depth == Depth::Deep {
        queries.extend([
            own(format!("{name} شکایت انتقاد رضایت مشتری تجربه خرید")),
            own(format!(
                "{}{name} company profile products export certificate",
                latin(brand)
            )),
            own(format!("{name} نمایندگی شعبه فروش صادرات گواهی استاندارد")),
        ]);
    }
    queries
}

/// The words of all fields that the search of a topic covers.
fn words_for(topic: Topic) -> String {
    Field::searched_by(topic).collect::<Vec<_>>().join(" ")
}

/// What a report cannot do without, the words that tell that a page speaks of it, and how it is asked for.
static ESSENTIALS: LazyLock<[(Phrases, &str); 3]> = LazyLock::new(|| {
    [
        (
            Phrases::of(&[
                "مالک",
                "متعلق",
                "زیرمجموعه",
                "سهامدار",
                "هلدینگ",
                "مدیرعامل",
                "owned",
                "ceo",
                "founded",
            ]),
            "مالک مدیرعامل بنیان‌گذار شرکت ثبت company owner",
        ),
        (
            Phrases::of(&[
                "محصول",
                "محصولات",
                "قیمت",
                "خدمات",
                "تومان",
                "products",
                "services",
                "price",
            ]),
            "محصولات خدمات لیست قیمت products price",
        ),
        (
            Phrases::of(&[
                "رقیب",
                "رقبا",
                "رقابت",
                "سهم بازار",
                "صنعت",
                "competitor",
                "market",
                "industry",
            ]),
            "رقبا بازار صنعت مقایسه competitors",
        ),
    ]
});

/// What is asked for when the other searches left something out; narrower than they were. `None` where nothing is
/// missing.
pub fn second_round(brand: &Brand, sources: &[Read], enough: usize) -> Option<Query> {
    let missing =
        |(cues, _): &&(Phrases, &str)| !sources.iter().any(|read| cues.are_in(&read.words));
    let missing: Vec<&str> = ESSENTIALS
        .iter()
        .filter(missing)
        .map(|(_, ask)| *ask)
        .collect();
    if missing.is_empty() && sources.len() >= enough {
        return None;
    }
    let asked = match missing.is_empty() {
        true => "Iran brand company owner products competitors".to_owned(),
        false => missing.join(" "),
    };
    Some(Query {
        text: limited(&format!("{}{} {asked}", latin(brand), quoted(&brand.name))),
        about_parent: false,
    })
}

/// The brand's name in Latin letters, quoted, where it is known.
fn latin(brand: &Brand) -> String {
    latin_name(brand).map_or_else(String::new, |latin| format!("{} ", quoted(&latin)))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', " "))
}

/// The pages of the brand's own site that are read.
pub fn own_pages(brand: &Brand) -> Vec<Url> {
    let Some(site) = &brand.website else {
        return Vec::new();
    };
    let below = |page: &&str| site.join(&format!("/{page}")).ok();
    std::iter::once(site.clone())
        .chain(OWN_PAGES.iter().filter_map(below))
        .collect()
}

/// The brand's name in Latin letters: as given, or the name of its site.
pub fn latin_name(brand: &Brand) -> Option<String> {
    if brand.name.is_ascii() {
        return None;
    }
    let host = brand.host()?;
    let mut labels = host.rsplit('.').skip(1);
    let label =
        labels.find(|label| !matches!(*label, "co" | "com" | "org" | "net" | "ac" | "gov"))?;
    (label.len() >= 3 && !label.starts_with("xn--")).then(|| label.to_owned())
}

fn limited(query: &str) -> String {
    text::clean(query)
        .chars()
        .take(QUERY_LIMIT)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Row, gather};

    fn brand(name: &str, website: &str) -> Brand {
        let row = Row {
            number: 2,
            name: name.into(),
            website: website.into(),
            parent: "م".repeat(490),
            ..Row::default()
        };
        gather(&[row]).brands.remove(0)
    }

    #[test]
    fn queries_are_short_enough_and_few_enough() {
        let brand = brand("کاله", "https://www.kalleh.com");
        for parent in [None, Some("هلدینگ سولیکو")] {
            let queries = searches(&brand, parent, Depth::Deep, "1405");
            let short = |query: &str| query.chars().count() <= QUERY_LIMIT;
            assert!(queries.iter().all(|query| short(&query.text)));
            assert!(short(&second_round(&brand, &[], 4).unwrap().text));
            let standard = searches(&brand, parent, Depth::Standard, "1405");
            let own = standard.iter().filter(|query| !query.about_parent).count();
            assert!(
                own + 2 <= 6,
                "its own pages and the second round cost a credit each"
            );
            assert_eq!(parent.is_some(), own == 2);
        }
        assert!(
            second_round(&brand, &[], 4)
                .unwrap()
                .text
                .contains("\"kalleh\" \"کاله\"")
        );
    }

    #[test]
    fn sister_brands_ask_the_same_about_their_parent() {
        let of_parent = |name| {
            let mut queries = searches(
                &brand(name, ""),
                Some("هلدینگ نمونه"),
                Depth::Standard,
                "1405",
            );
            queries.retain(|query| query.about_parent);
            queries
        };
        assert_eq!(of_parent("کاله"), of_parent("آمل"));
        assert_eq!(of_parent("کاله").len(), 2);
    }

    #[test]
    fn the_site_names_the_brand_in_latin() {
        assert_eq!(
            latin_name(&brand("سیمان تهران", "tehrancement.co.ir")).as_deref(),
            Some("tehrancement")
        );
        assert_eq!(latin_name(&brand("ایتا", "")), None);
        assert_eq!(latin_name(&brand("Irancell", "irancell.ir")), None);
    }
}
