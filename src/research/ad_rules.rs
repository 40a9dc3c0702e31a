//! The rules of advertising in Iran: a dated table that tells whether and where a brand may be advertised.
//!
//! This is no legal advice: the rules come from news and trade pages and are put shortly. Before money is spent, ask a
//! lawyer. Rules change, so each has a date, and one older than 18 months warns.

use std::sync::LazyLock;

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;

use crate::{
    report::{Bilingual, Medium, RuleVerdict, Ruling},
    text,
};

/// After so many months a rule has to be looked up again.
const OLD_MONTHS: i32 = 18;

/// A rule of the embedded file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdRule {
    id: String,
    /// Words of which one has to be in the text about the brand; none where the rule is about every brand.
    scope: Vec<String>,
    media: Vec<Medium>,
    verdict: RuleVerdict,
    text_fa: String,
    text_en: String,
    source: String,
    as_of: Date,
}

static RULES: LazyLock<Vec<AdRule>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is part of the program, and a test reads it"
    )]
    let mut rules: Vec<AdRule> =
        serde_json::from_str(include_str!("rules.json")).expect("the rules can be read");
    for rule in &mut rules {
        rule.scope = rule.scope.iter().map(|words| text::words(words)).collect();
    }
    rules
});

impl AdRule {
    fn applies(&self, words: &str) -> bool {
        self.scope.is_empty() || self.scope.iter().any(|scope| words.contains(scope))
    }

    fn ruling(&self, today: Date) -> Ruling {
        Ruling {
            rule: self.id.clone(),
            verdict: self.verdict,
            media: self.media.clone(),
            text: Bilingual::both(&self.text_fa, &self.text_en),
            source: (!self.source.is_empty()).then(|| self.source.clone()),
            as_of: self.as_of,
            old: self.as_of.saturating_add(OLD_MONTHS.months()) < today,
        }
    }
}

/// The rules that apply to a brand of which this text is known (name, industry, what it does, products), on this day,
/// the strictest first. No legal advice: ask a lawyer.
///
/// Words decide, not their meaning: a bank is told what exchanges are told, and a brand that nobody describes is told
/// only what every brand is.
pub fn rulings(about: &str, today: Date) -> Vec<Ruling> {
    let words = text::words(about);
    let mut rulings: Vec<_> = RULES
        .iter()
        .filter(|rule| rule.applies(&words))
        .map(|rule| rule.ruling(today))
        .collect();
    rulings.sort_by_key(|ruling| ruling.verdict);
    rulings
}

#[cfg(test)]
mod tests {
    use crate::report::Medium::{Outdoor, Press, Radio, VideoPlatforms};
    use std::collections::HashSet;

    use jiff::civil::date;

    use super::*;
    use crate::research::persian_style;

    const TODAY: Date = date(2026, 9, 1);

    fn told(about: &str) -> Vec<String> {
        rulings(about, TODAY)
            .into_iter()
            .map(|ruling| ruling.rule)
            .collect()
    }

    fn is_told(about: &str, rule: &str) -> bool {
        told(about).iter().any(|told| told == rule)
    }

    #[test]
    fn every_rule_can_be_shown() {
        let ids: HashSet<_> = RULES.iter().map(|rule| &rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES.iter() {
            let AdRule { id, text_fa, .. } = rule;
            assert!(
                id.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{id}"
            );
            assert!(
                rule.text_en.is_ascii() && rule.text_en.ends_with('.'),
                "{id}"
            );
            assert!(
                !text_fa.contains(|c: char| c.is_ascii_alphanumeric()),
                "{id}"
            );
            assert_eq!(&persian_style::polish(text_fa), text_fa, "{id}");
            assert_eq!(persian_style::faults(text_fa, &[]), [], "{id}");
            assert!(
                rule.source.is_empty() || rule.source.starts_with("http"),
                "{id}"
            );
            assert!(rule.scope.iter().all(|words| words.len() > 2), "{id}");
        }
    }

    #[test]
    fn words_of_the_file_are_lower_case_and_said_once() {
        let rules: Vec<AdRule> = serde_json::from_str(include_str!("rules.json")).unwrap();
        for rule in rules {
            let folded: HashSet<_> = rule.scope.iter().map(|words| text::words(words)).collect();
            assert_eq!(folded.len(), rule.scope.len(), "{}", rule.id);
            for words in rule.scope {
                assert_eq!(words.to_lowercase(), words, "{}", rule.id);
            }
        }
    }

    #[test]
    fn a_crypto_exchange_is_told_no_first() {
        for about in [
            "آبان تتر، صرافی رمزارز",
            "صرافی ارز‌های دیجیتال",
            "An exchange for Bitcoin.",
            "Crypto-exchange",
        ] {
            let rulings = rulings(about, TODAY);
            assert_eq!(rulings[0].rule, "crypto_declared_banned", "{about}");
            assert_eq!(rulings[0].verdict, RuleVerdict::No);
            assert!(rulings[0].media.is_empty(), "it is about all media");
            assert!(is_told(about, "crypto_licensed_firms_only"), "{about}");
        }
    }

    #[test]
    fn a_dairy_is_told_what_every_brand_is_told() {
        let about =
            "کاله، صنایع لبنی. شیر، ماست و پنیر سالم. Kalleh, a dairy that makes milk and cheese";
        assert_eq!(told(about), told(""));
        assert!(
            rulings(about, TODAY)
                .iter()
                .all(|ruling| ruling.verdict != RuleVerdict::No)
        );
        assert_eq!(told("").len(), 7);
    }

    #[test]
    fn words_are_whole() {
        assert!(is_told("سیگار برگ", "tobacco"));
        assert!(!is_told("سیگاری", "tobacco"));
        assert!(is_told(
            "تولید مکمل‌های غذایی",
            "supplements_not_on_social_media"
        ));
        assert!(!is_told(
            "بیمهٔ مکمل درمان",
            "supplements_not_on_social_media"
        ));
        assert!(is_told("بانک ملت", "currency_and_banks"));
        assert!(!is_told(
            "Non-alcoholic beer, ماءالشعیر بدون الکل",
            "alcohol"
        ));
    }

    #[test]
    fn a_rule_is_about_its_media() {
        let rulings = rulings("", TODAY);
        let about = |medium| {
            rulings
                .iter()
                .filter(move |ruling| !ruling.media.is_empty() && ruling.covers(medium))
                .map(|ruling| ruling.rule.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(about(VideoPlatforms), ["online_video_regulator"]);
        assert_eq!(about(Radio), ["broadcaster_commerce_office"]);
        assert_eq!(about(Outdoor), ["tehran_beautification_body"]);
        assert!(about(Press).is_empty());
    }

    #[test]
    fn old_rules_are_marked() {
        let old = |today| rulings("crypto", today)[0].old;
        assert!(!old(date(2026, 8, 12)));
        assert!(old(date(2026, 8, 13)));
        assert!(rulings("imported", TODAY).iter().any(|ruling| ruling.old));
    }

    #[test]
    fn a_ruling_survives_being_saved() {
        let all = rulings("crypto", TODAY);
        let saved = serde_json::to_string(&all).unwrap();
        assert!(saved.contains(r#""verdict":"needs_permit""#));
        assert_eq!(serde_json::from_str::<Vec<Ruling>>(&saved).unwrap(), all);
    }
}
