//! The closed world of the benchmark: an invented city with brands, what is true of them, and several hundred pages that
//! say it, or say otherwise. Nothing in it exists.

#![allow(dead_code, reason = "the benchmark and each test use a part of it")]

mod nights;
mod phrases;
mod readers;
mod truth;
mod writer;

use std::{collections::HashMap, sync::Arc};

use brandintel::sandbox::{self, Model, World};
use serde_json::Value;

pub use nights::Happening;
pub use truth::{Brand, Kind};

/// How large the city is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The same number makes the same city.
    pub seed: u64,
    /// Brands of its list.
    pub brands: usize,
    /// Night of a week or longer. From the second on something happens each night, and all is said in other words than
    /// on the night before; 0 is a city in which nothing happens.
    pub night: u32,
}

impl Plan {
    /// The list of brands as an agency would have typed it.
    pub fn list(self) -> String {
        City::build(self).list()
    }

    /// Everything that has happened since the first night.
    pub fn happenings(self) -> Vec<Happening> {
        nights::live(&mut truth::invent(self), self)
    }

    /// How many facts are said in other words than on the night before.
    pub fn rewordings(self) -> usize {
        let mut brands = truth::invent(self);
        nights::live(&mut brands, self);
        nights::rewordings(&brands, self)
    }
}

/// How the simulated models behave that read the city's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    /// Reads well and says what it read.
    Careful,
    /// Invents three facts in ten, takes two in ten from another company, and one answer in ten is cut off.
    Sloppy,
    /// Obeys any page, and lies about quotes.
    Villain,
}

/// A page of the city's web.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: String,
    pub title: String,
    pub text: String,
    /// The brand that it is about, if it is about one of the list: its place there.
    pub about: Option<usize>,
}

/// The city.
#[derive(Debug)]
pub struct City {
    pub brands: Vec<Brand>,
    pub pages: Vec<Page>,
    /// Pages, folded, with their words.
    folded: Vec<String>,
    by_url: HashMap<String, usize>,
}

impl City {
    /// Builds the city.
    pub fn build(plan: Plan) -> Self {
        let mut brands = truth::invent(plan);
        nights::live(&mut brands, plan);
        nights::reword(&mut brands, plan);
        let pages = writer::write(&brands, plan.seed ^ u64::from(plan.night) << 32);
        let folded = pages
            .iter()
            .map(|page| fold(&format!("{} {}", page.title, page.text)))
            .collect();
        let by_url = pages
            .iter()
            .enumerate()
            .map(|(i, page)| (page.url.clone(), i))
            .collect();
        Self {
            brands,
            pages,
            folded,
            by_url,
        }
    }

    /// The list of brands as an agency would have typed it.
    pub fn list(&self) -> String {
        let mut list = "Brand Name,Website,Parent Company\n".to_owned();
        for brand in &self.brands {
            let site = brand.site.as_deref().filter(|_| brand.site_is_given);
            let site = site
                .map(|host| format!("https://{host}"))
                .unwrap_or_default();
            let parent = brand.given_parent.as_deref().unwrap_or_default();
            list.push_str(&format!("{},{site},{parent}\n", brand.name));
        }
        list
    }

    /// Pages that fit a query, the best first, with their scores.
    fn search(&self, query: &str) -> Vec<(&Page, f64)> {
        let quoted = query.split('"').skip(1).step_by(2).map(fold);
        let names: Vec<String> = quoted.filter(|name| !name.trim().is_empty()).collect();
        let folded = fold(&query.replace('"', " "));
        let words: Vec<&str> = folded
            .split(' ')
            .filter(|word| word.chars().count() > 2)
            .collect();
        let fits = |page: &&usize| {
            names.is_empty()
                || names
                    .iter()
                    .any(|name| self.folded[**page].contains(name.as_str()))
        };
        let all: Vec<usize> = (0..self.pages.len()).collect();
        let mut found: Vec<(&Page, f64)> = all
            .iter()
            .filter(fits)
            .map(|&i| {
                let hits = words
                    .iter()
                    .filter(|word| self.folded[i].contains(**word))
                    .count();
                #[expect(clippy::cast_precision_loss, reason = "a query has some ten words")]
                let score = 0.3 + 0.6 * hits as f64 / words.len().max(1) as f64;
                (&self.pages[i], score)
            })
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }

    /// The page at an address.
    pub fn page(&self, url: &str) -> Option<&Page> {
        let url = url.trim_end_matches('/');
        self.by_url.get(url).map(|&i| &self.pages[i])
    }
}

/// The city as the sandbox serves it, with models of one temper that read its pages.
#[derive(Debug)]
pub struct Scene {
    city: City,
    temper: Temper,
}

impl Scene {
    /// The world of a sandbox.
    pub fn of(plan: Plan, temper: Temper) -> Arc<dyn World> {
        let city = City::build(plan);
        Arc::new(Self { city, temper })
    }
}

impl World for Scene {
    fn list(&self) -> String {
        self.city.list()
    }

    fn search(&self, query: &str, most: usize) -> Vec<(sandbox::Page, f64)> {
        let found = self.city.search(query).into_iter().take(most);
        found.map(|(page, score)| (page.served(), score)).collect()
    }

    fn page(&self, address: &str) -> Option<sandbox::Page> {
        self.city.page(address).map(Page::served)
    }

    fn read(&self, prompt: &str, model: &mut Model) {
        readers::read(model, prompt, self.temper);
    }

    fn distort(&self, model: &Model, answer: &mut Value) {
        readers::distort(model, answer, self.temper);
    }

    /// One in ten of a sloppy model's answers.
    fn cuts_off(&self, answered: u64) -> bool {
        self.temper == Temper::Sloppy && answered % 10 == 9
    }
}

impl Page {
    fn served(&self) -> sandbox::Page {
        sandbox::Page {
            url: self.url.clone(),
            title: self.title.clone(),
            text: self.text.clone(),
        }
    }
}

/// The company that a sentence of this world speaks of, if it is one of its sentences.
pub fn said_of(sentence: &str) -> Option<String> {
    phrases::read(sentence).map(|saying| saying.brand)
}

/// Text with what typing varies in put right, a character for a character.
pub fn fold(text: &str) -> String {
    text.chars().map(plain).collect()
}

fn plain(c: char) -> char {
    match c {
        'ي' => 'ی',
        'ك' => 'ک',
        '\u{200C}' => ' ',
        '۰'..='۹' => char::from_u32('0' as u32 + c as u32 - '۰' as u32).unwrap_or(c),
        '٠'..='٩' => char::from_u32('0' as u32 + c as u32 - '٠' as u32).unwrap_or(c),
        c => c.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_seed_makes_one_city() {
        use super::*;

        let plan = Plan {
            seed: 7,
            brands: 60,
            night: 0,
        };
        let (one, other) = (City::build(plan), City::build(plan));
        assert_eq!(one.list(), other.list());
        assert!(
            one.pages
                .iter()
                .map(|page| &page.text)
                .eq(other.pages.iter().map(|page| &page.text))
        );
        assert!(one.pages.len() > 500, "{}", one.pages.len());
        let kinds = |kind: Kind| one.brands.iter().filter(|brand| brand.kind == kind).count();
        assert!(kinds(Kind::Unknown) > 0 && kinds(Kind::Ambiguous) > 0);
        assert!(one.brands.iter().any(|brand| !brand.attacks.is_empty()));
        assert!(one.brands.iter().any(|brand| !brand.disputes.is_empty()));
    }
}
