//! What is searched for: in Persian and in English, one credit each.

use url::Url;

use crate::{brand::Brand, services::tavily::QUERY_LIMIT, text};

/// Pages of a site where companies say who they are; five are read for one credit, and those that do not exist are
/// free.
const OWN_PAGES: [&str; 4] = ["about", "about-us", "contact", "contact-us"];

/// The searches for a brand. The name is quoted so that its words stay together.
pub fn searches(brand: &Brand) -> Vec<String> {
    let name = format!("\"{}\"", brand.name.replace('"', " "));
    let latin =
        latin_name(brand).map_or_else(|| name.clone(), |latin| format!("\"{latin}\" {name}"));
    let parent = brand.parent.as_deref().unwrap_or_default();
    [
        format!("{name} شرکت مالک سهامداران مدیرعامل تأسیس {parent}"),
        format!("{name} محصولات خدمات قیمت"),
        format!("{name} کمپین تبلیغاتی اسپانسر مشتریان نظرات"),
        format!("{name} رقبا سهم بازار صنعت"),
        format!("{latin} Iran brand company owner products competitors"),
    ]
    .map(|query| limited(&query))
    .into()
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
    fn queries_are_short_enough_and_in_both_languages() {
        let queries = searches(&brand("کاله", "https://www.kalleh.com"));
        assert!(queries.iter().all(|q| q.chars().count() <= QUERY_LIMIT));
        assert!(queries[4].contains("\"kalleh\" \"کاله\""));
        assert!(queries[1].contains("محصولات"));
        assert!(
            queries.len() < 6,
            "each costs a credit, and so do its own pages"
        );
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
