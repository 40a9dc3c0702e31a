//! What is searched for: in Persian and in English, one credit each.

use url::Url;

use crate::{brand::Brand, services::tavily::QUERY_LIMIT, text};

/// Pages of a site where companies say who they are; five are read for one credit, and those that do not exist are
/// free.
const OWN_PAGES: [&str; 4] = ["about", "about-us", "contact", "contact-us"];

/// A search, and whether its answer serves all brands of the parent company.
#[derive(Debug, PartialEq, Eq)]
pub struct Query {
    pub text: String,
    pub about_parent: bool,
}

/// The searches for a brand. The name is quoted so that its words stay together. Where other brands of the list have
/// the same parent company, what is asked about that is asked once for all of them.
pub fn searches(brand: &Brand, shared_parent: Option<&str>) -> Vec<Query> {
    let name = quoted(&brand.name);
    let own = |text: String| Query {
        text: limited(&text),
        about_parent: false,
    };
    let products = own(format!("{name} محصولات خدمات قیمت"));
    let Some(parent) = shared_parent.map(quoted) else {
        let parent = brand.parent.as_deref().unwrap_or_default();
        return vec![
            own(format!(
                "{name} شرکت مالک سهامداران مدیرعامل تأسیس {parent}"
            )),
            products,
            own(format!("{name} کمپین تبلیغاتی اسپانسر مشتریان نظرات")),
            own(format!("{name} رقبا سهم بازار صنعت")),
        ];
    };
    let of_parent = |text: String| Query {
        text: limited(&text),
        about_parent: true,
    };
    vec![
        products,
        own(format!(
            "{name} کمپین تبلیغاتی اسپانسر مشتریان رقبا سهم بازار"
        )),
        of_parent(format!(
            "{parent} هلدینگ مالک سهامداران مدیرعامل شرکت‌های زیرمجموعه برندها"
        )),
        of_parent(format!(
            "{parent} Iran group brands subsidiaries market share"
        )),
    ]
}

/// What is asked when the other searches found too little.
pub fn second_round(brand: &Brand) -> String {
    let name = quoted(&brand.name);
    let latin =
        latin_name(brand).map_or_else(|| name.clone(), |latin| format!("\"{latin}\" {name}"));
    limited(&format!(
        "{latin} Iran brand company owner products competitors"
    ))
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
        };
        gather(&[row]).brands.remove(0)
    }

    #[test]
    fn queries_are_short_enough_and_few_enough() {
        let brand = brand("کاله", "https://www.kalleh.com");
        for parent in [None, Some("هلدینگ سولیکو")] {
            let queries = searches(&brand, parent);
            let short = |query: &str| query.chars().count() <= QUERY_LIMIT;
            assert!(queries.iter().all(|query| short(&query.text)));
            assert!(short(&second_round(&brand)));
            let own = queries.iter().filter(|query| !query.about_parent).count();
            assert!(
                own + 2 <= 6,
                "its own pages and the second round cost a credit each"
            );
            assert_eq!(parent.is_some(), own == 2);
        }
        assert!(second_round(&brand).contains("\"kalleh\" \"کاله\""));
    }

    #[test]
    fn sister_brands_ask_the_same_about_their_parent() {
        let of_parent = |name| {
            let mut queries = searches(&brand(name, ""), Some("هلدینگ نمونه"));
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
