//! The worlds of the sandbox: who is on the list, what the web says of them, and what models make of it. One is built in: a
//! handful of invented pages about each brand, the same every time. Benchmarks and tests bring others.
//!
//! The brands of the built-in world are real, everything that its pages say of them is made up, and every page says so.

use std::{collections::HashMap, fmt};

use serde_json::Value;
use url::Url;

use super::{
    about::{InventedText, Sector},
    model::Model,
};

/// Real Iranian brands as an analyst might have typed them: the spreadsheet of the sandbox.
const BRANDS: &str = include_str!("brands.csv");

/// What the simulated services know: the list, the web, and what models make of its pages.
pub trait World: fmt::Debug + Send + Sync {
    /// The spreadsheet, as CSV with a header.
    fn list(&self) -> String;

    /// The pages that fit a query, at most so many and the best first, each with its score from 0 to 1.
    fn search(&self, query: &str, most: usize) -> Vec<(Page, f64)>;

    /// The page at an address; `None` where there is none.
    fn page(&self, address: &str) -> Option<Page>;

    /// Lets the model claim what it finds in a prompt.
    fn read(&self, prompt: &str, model: &mut Model);

    /// Changes an answer of the model before it is sent.
    fn distort(&self, _model: &Model, _answer: &mut Value) {}

    /// Whether an answer is cut off in the middle, when so many answers came before it.
    fn cuts_off(&self, _answered: u64) -> bool {
        false
    }
}

/// A page of the simulated web.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// Its text, without markup.
    pub text: String,
}

/// The world that is built in. It knows a brand of the list again by its name or its site.
#[derive(Debug)]
pub(super) struct BuiltIn {
    by_name: HashMap<String, usize>,
    by_host: HashMap<String, usize>,
    brands: Vec<ListedBrand>,
}

#[derive(Debug)]
struct ListedBrand {
    name: String,
    host: String,
    parent: String,
}

impl BuiltIn {
    pub(super) fn new() -> Self {
        let mut reader = csv::Reader::from_reader(BRANDS.as_bytes());
        let brands: Vec<ListedBrand> = reader
            .records()
            .flatten()
            .map(|record| ListedBrand {
                name: record[0].to_owned(),
                host: host(&record[1]),
                parent: record[2].to_owned(),
            })
            .collect();
        let by_name = brands
            .iter()
            .enumerate()
            .map(|(i, brand)| (plain(&brand.name), i))
            .collect();
        let by_host = brands
            .iter()
            .enumerate()
            .filter(|(_, b)| !b.host.is_empty())
            .map(|(i, b)| (b.host.clone(), i))
            .collect();
        Self {
            by_name,
            by_host,
            brands,
        }
    }

    /// Everything that is written about a brand.
    fn pages(&self, name: &str) -> Vec<Page> {
        let name = name.trim();
        let listed = self.by_name.get(&plain(name)).map(|&i| &self.brands[i]);
        let name = listed.map_or(name, |brand| brand.name.as_str());
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut random = fastrand::Rng::with_seed(seed);
        let sector = Sector::of(name);
        let rivals = self.rivals(name, sector, &mut random);
        let given = |of: fn(&ListedBrand) -> &String| {
            listed.map(of).filter(|text| !text.is_empty()).cloned()
        };
        let (host, parent) = (given(|brand| &brand.host), given(|brand| &brand.parent));
        InventedText::invent(name, host, parent, rivals, sector, seed).pages()
    }

    /// Other brands of the sector.
    fn rivals(&self, name: &str, sector: &Sector, random: &mut fastrand::Rng) -> [String; 2] {
        let of_sector = |brand: &&ListedBrand| brand.name != name && sector.includes(&brand.name);
        let mut others: Vec<&ListedBrand> = self.brands.iter().filter(of_sector).collect();
        if others.len() < 2 {
            others = self
                .brands
                .iter()
                .filter(|brand| brand.name != name)
                .collect();
        }
        random.shuffle(&mut others);
        [others[0].name.clone(), others[1].name.clone()]
    }
}

impl World for BuiltIn {
    fn list(&self) -> String {
        BRANDS.to_owned()
    }

    /// The brand is the last phrase in quotation marks.
    fn search(&self, query: &str, most: usize) -> Vec<(Page, f64)> {
        let quoted: Vec<&str> = query
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|phrase| !phrase.trim().is_empty())
            .collect();
        let Some(name) = quoted.last() else {
            return Vec::new();
        };
        let words: Vec<String> = query
            .replace('"', " ")
            .split_whitespace()
            .map(plain)
            .collect();
        let mut found: Vec<(Page, f64)> = self
            .pages(name)
            .into_iter()
            .map(|page| {
                let text = plain(&format!("{} {}", page.title, page.text));
                let hits = words
                    .iter()
                    .filter(|word| text.contains(word.as_str()))
                    .count();
                #[expect(clippy::cast_precision_loss, reason = "a query has some ten words")]
                let score = (0.3 + 0.6 * hits as f64 / words.len().max(1) as f64).min(0.99);
                (page, score)
            })
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found.truncate(most.min(6));
        found
    }

    fn page(&self, address: &str) -> Option<Page> {
        let index = *self.by_host.get(&host(address))?;
        let path = Url::parse(address)
            .ok()?
            .path()
            .trim_matches('/')
            .to_owned();
        let pages = self.pages(&self.brands[index].name);
        pages.into_iter().find(|page| {
            Url::parse(&page.url).is_ok_and(|url| {
                host(&page.url) == host(address) && url.path().trim_matches('/') == path
            })
        })
    }

    fn read(&self, prompt: &str, model: &mut Model) {
        model.read_sentences(prompt);
    }
}

fn host(address: &str) -> String {
    let host = Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(&host).to_owned()
}

/// A name as the simulated search compares it.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200C}')
        .map(|c| match c {
            'ي' => 'ی',
            'ك' => 'ک',
            other => other,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_pages_about_every_brand_and_all_say_what_they_are() {
        let world = BuiltIn::new();
        assert!(world.brands.len() >= 100);
        let mut little = 0;
        for brand in &world.brands {
            let pages = world.pages(&brand.name);
            assert!(
                pages.iter().all(|page| page.text.contains("شبیه‌سازی شده")),
                "{}",
                brand.name
            );
            little += usize::from(pages.len() == 1);
        }
        assert!((1..60).contains(&little), "{little}");
    }

    #[test]
    fn a_brand_is_found_however_it_is_typed() {
        let world = BuiltIn::new();
        let urls = |query: &str| {
            world
                .search(query, 20)
                .into_iter()
                .map(|(page, _)| page.url)
                .collect::<Vec<_>>()
        };
        assert_eq!(urls("\"ديجي كالا\" قیمت"), urls("\"دیجی‌کالا\" قیمت"));
        assert!(world.page("https://www.kalleh.com/about").is_some());
        assert!(world.page("https://www.kalleh.com/nowhere").is_none());
    }
}
