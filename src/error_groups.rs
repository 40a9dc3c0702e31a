//! The groups of failed brands: errors of many brands that have one cause are one group, with its remedy.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error_kind::ErrorKind;

/// Brands that a reason names.
const EXAMPLES: usize = 3;

/// Words of letters and digits from this length on are ids.
const ID: usize = 8;

/// An error of one brand or of many.
#[derive(Debug, Serialize)]
pub struct Reason {
    pub kind: ErrorKind,
    /// The text of the error, without what differs from brand to brand.
    pub error: String,
    pub brands: usize,
    /// The most attempts that one of them took.
    pub attempts: u32,
    pub examples: Vec<String>,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Reasons as they come together.
#[derive(Debug, Default)]
pub struct Reasons(BTreeMap<(ErrorKind, String), Met>);

/// What is known of the brands of a reason.
#[derive(Debug, Default)]
struct Met {
    brands: usize,
    attempts: u32,
    examples: Vec<String>,
}

impl Reasons {
    /// Takes in why a brand failed, after so many attempts.
    pub fn add(&mut self, brand: &str, kind: ErrorKind, error: &str, attempts: u32) {
        let met = self.0.entry((kind, gist(error))).or_default();
        met.brands += 1;
        met.attempts = met.attempts.max(attempts);
        if met.examples.len() < EXAMPLES {
            met.examples.push(brand.to_owned());
        }
    }

    /// All of them, the most common first.
    pub fn sorted(&self) -> Vec<Reason> {
        let mut reasons: Vec<Reason> = self
            .0
            .iter()
            .map(|((kind, error), met)| Reason {
                kind: *kind,
                error: error.clone(),
                brands: met.brands,
                attempts: met.attempts,
                examples: met.examples.clone(),
                remedy: kind.remedy(),
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.brands));
        reasons
    }
}

impl Reason {
    /// What it says; a text in any case.
    pub fn text(&self) -> &str {
        match self.error.as_str() {
            "" => "no text",
            error => error,
        }
    }

    /// The brands that are named, and that there are others.
    pub fn named(&self) -> String {
        let more = match self.brands > self.examples.len() {
            true => "، …",
            false => "",
        };
        format!("{}{more}", self.examples.join("، "))
    }
}

/// An error without what differs from brand to brand: what stands in quotation marks, addresses, ids and numbers. The
/// status of a reply stays.
fn gist(error: &str) -> String {
    let mut gist = Vec::new();
    for word in without_quotes(error).split(' ') {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        gist.push(match () {
            () if gist.last().is_some_and(|before| before == "status") => word.to_owned(),
            () if word.contains("://") => "…".to_owned(),
            () if is_id(bare) => word.replace(bare, "…"),
            () => without_numbers(word),
        });
    }
    gist.join(" ")
}

fn without_quotes(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, quoted)) = rest.split_once('«') {
        let Some((_, after)) = quoted.split_once('»') else {
            break;
        };
        out.extend([before, "«…»"]);
        rest = after;
    }
    out + rest
}

fn is_id(word: &str) -> bool {
    word.len() >= ID
        && word.contains(|c: char| c.is_ascii_digit())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn without_numbers(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        match c.is_numeric() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_differs_from_brand_to_brand_is_left_out() {
        for (error, expected) in [
            (
                "Tavily: search «کاله ۱۴۰۵»: status 502: Bad gateway (8 times)",
                "Tavily: search «…»: status 502: Bad gateway (# times)",
            ),
            (
                "OpenRouter: analyst «x»: missing field `a` at line 1 column 4096",
                "OpenRouter: analyst «…»: missing field `a` at line # column #",
            ),
            (
                "status 400: see https://example.com/e/17, request gen-17a9bc-4f.",
                "status 400: see … request ….",
            ),
            ("an unclosed « stays", "an unclosed « stays"),
            ("", ""),
        ] {
            assert_eq!(gist(error), expected);
        }
    }

    proptest! {
        #[test]
        fn two_brands_with_one_error_have_one_gist(a in "[^«»]{0,20}", b in "[^«»]{0,20}", n in 0u32..9_999, m in 0u32..9_999) {
            let error = |name: &str, n: u32| format!("OpenRouter: analyst «{name}»: status 400: too long by {n} tokens");
            prop_assert_eq!(gist(&error(&a, n)), gist(&error(&b, m)));
        }

        #[test]
        fn a_gist_is_its_own_gist(error in "\\PC{0,80}") {
            let once = gist(&error);
            prop_assert_eq!(gist(&once), once);
        }
    }
}
