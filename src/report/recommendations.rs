//! The recommendations, as the strategist's model answers them and as the report keeps them.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    readable,
    schema::{choice, list, object, object_of, text},
};
use crate::{
    report::{Medium, Occasion, RuleVerdict},
    text::lang::Lang,
};

/// A text in the languages that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bilingual {
    #[serde(deserialize_with = "text_or_absent")]
    pub fa: Option<String>,
    #[serde(deserialize_with = "text_or_absent")]
    pub en: Option<String>,
}

impl Bilingual {
    /// A text in both languages.
    pub fn both(fa: &str, en: &str) -> Self {
        Self {
            fa: Some(fa.to_owned()),
            en: Some(en.to_owned()),
        }
    }
}

/// Low, medium or high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Low,
    #[default]
    Medium,
    High,
}

/// What the strategist recommends.
#[derive(Debug, Deserialize)]
pub struct Recommendations {
    /// One sentence each, in their order.
    pub executive_summary: Vec<Advice>,
    pub opportunities: Vec<Opportunity>,
    pub campaign_timing: Vec<Timing>,
    pub competitive_strategy: Vec<Advice>,
    pub channels: Vec<Channel>,
    pub creative_direction: Vec<Advice>,
    pub success_metrics: Vec<Advice>,
}

/// A campaign with a partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Opportunity {
    /// A brand from the facts.
    pub partner: String,
    pub concept: Bilingual,
    pub audience: Bilingual,
    /// Million toman, where the facts give a basis for a sum.
    #[serde(deserialize_with = "sum_or_absent")]
    pub budget_million_toman: Option<u64>,
    /// How the sum was reached, and with which assumption.
    pub budget_basis: Bilingual,
    pub reach: Bilingual,
    #[serde(deserialize_with = "occasion_or_absent")]
    pub timing: Option<Occasion>,
    pub difficulty: Level,
    pub priority: Level,
    /// Facts that it follows from.
    pub rests_on: Vec<String>,
}

/// An occasion to campaign for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timing {
    pub occasion: Occasion,
    #[serde(default)]
    pub why: Bilingual,
    #[serde(default)]
    pub rests_on: Vec<String>,
}

/// A piece of advice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Advice {
    pub text: Bilingual,
    pub rests_on: Vec<String>,
}

/// A channel with its share of the budget.
#[derive(Clone, Debug, Deserialize)]
pub struct Channel {
    pub medium: Medium,
    /// Percent of the budget.
    #[serde(deserialize_with = "share_or_none")]
    pub share: u32,
    #[serde(default)]
    pub why: Bilingual,
    #[serde(default)]
    pub rests_on: Vec<String>,
}

/// A channel with what the program knows of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlannedChannel {
    pub name: Bilingual,
    /// Percent of the budget.
    pub share: u32,
    pub why: Bilingual,
    pub rests_on: Vec<String>,
    /// The strictest of the rules about it; `null` where there is none.
    pub verdict: Option<RuleVerdict>,
    /// Those rules, by their names in `regulations`.
    pub rules: Vec<String>,
}

/// Recommendations, checked and dated by the program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Insights {
    /// What this section is: recommendations, not facts.
    pub kind: String,
    pub executive_summary: Bilingual,
    #[serde(deserialize_with = "readable")]
    pub opportunities: Vec<DatedOpportunity>,
    #[serde(deserialize_with = "readable")]
    pub campaign_timing: Vec<DatedTiming>,
    pub competitive_strategy: Vec<Advice>,
    /// Shares add up to 100.
    pub channels: Vec<PlannedChannel>,
    pub creative_direction: Vec<Advice>,
    pub success_metrics: Vec<Bilingual>,
    /// Recommendations that were taken out because they rest on no fact, would fit any brand, or say what no fact says.
    pub taken_out: usize,
}

/// An opportunity with what the program knows of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DatedOpportunity {
    #[serde(flatten)]
    pub opportunity: Opportunity,
    /// Whether the partner is named by a fact of this report.
    pub partner_in_evidence: bool,
    #[serde(deserialize_with = "dates_or_absent")]
    pub dates: Option<Dates>,
}

/// An occasion with its dates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatedTiming {
    #[serde(flatten)]
    pub timing: Timing,
    pub dates: Dates,
}

/// When an occasion is, in both calendars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dates {
    pub name: Bilingual,
    pub starts: Date,
    pub ends: Date,
    /// First and last day in the Iranian calendar, as YYYY-MM-DD.
    pub starts_jalali: String,
    pub ends_jalali: String,
    /// Depends on the sighting of the moon, which is not announced yet: it may be a day earlier or later.
    pub lunar: bool,
    /// Last day to book television and billboards; none in reports from before this was computed.
    #[serde(default)]
    pub book_by: Option<Date>,
    /// The same day in the Iranian calendar, as YYYY-MM-DD.
    #[serde(default)]
    pub book_by_jalali: String,
    /// That day had passed when the report was written.
    #[serde(default)]
    pub too_late: bool,
    /// What advertisers do.
    #[serde(default)]
    pub advice: Bilingual,
    /// What advertisers avoid.
    #[serde(default)]
    pub avoid: Bilingual,
}

impl Bilingual {
    /// The text in the preferred language, or in the other one.
    pub fn in_lang(&self, lang: Lang) -> &str {
        let (first, second) = match lang {
            Lang::En => (&self.en, &self.fa),
            Lang::Fa | Lang::Both => (&self.fa, &self.en),
        };
        first.as_deref().or(second.as_deref()).unwrap_or_default()
    }

    /// Whether there is no text in any language.
    pub fn is_empty(&self) -> bool {
        self.fa.is_none() && self.en.is_none()
    }
}

/// The schema of the strategist's answer in the languages that were asked for. What is absent is an empty text, 0 or
/// `none`, because unions with `null` are what providers limit.
pub fn schema(lang: Lang) -> &'static Value {
    static SCHEMAS: LazyLock<[Value; 3]> =
        LazyLock::new(|| [Lang::Fa, Lang::En, Lang::Both].map(schema_in));
    match lang {
        Lang::Fa => &SCHEMAS[0],
        Lang::En => &SCHEMAS[1],
        Lang::Both => &SCHEMAS[2],
    }
}

fn schema_in(lang: Lang) -> Value {
    let languages = [("fa", lang.persian()), ("en", lang.english())];
    let languages = languages.into_iter().filter(|(_, asked)| *asked);
    let bilingual = object_of(languages.map(|(code, _)| (code, text())));
    let whole = json!({"type": "integer"});
    let level = || choice(["low", "medium", "high"]);
    let rests_on = || ("rests_on", list(text()));
    let advice = list(object([("text", bilingual.clone()), rests_on()]));
    let occasions = Occasion::ALL.iter().map(named);
    let opportunity = object([
        ("partner", text()),
        ("concept", bilingual.clone()),
        ("audience", bilingual.clone()),
        ("budget_million_toman", whole.clone()),
        ("budget_basis", bilingual.clone()),
        ("reach", bilingual.clone()),
        // The program reads a word that is no occasion as none; a second list of all would make the schema too large.
        ("timing", text()),
        ("difficulty", level()),
        ("priority", level()),
        rests_on(),
    ]);
    let timing = object([
        ("occasion", choice(occasions)),
        ("why", bilingual.clone()),
        rests_on(),
    ]);
    let channel = object([
        ("medium", choice(Medium::ALL.iter().map(named))),
        ("share", whole),
        ("why", bilingual),
        rests_on(),
    ]);
    object([
        ("executive_summary", advice.clone()),
        ("opportunities", list(opportunity)),
        ("campaign_timing", list(timing)),
        ("competitive_strategy", advice.clone()),
        ("channels", list(channel)),
        ("creative_direction", advice.clone()),
        ("success_metrics", advice),
    ])
}

/// The name of a choice, as files and schemas spell it.
pub fn named(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// An empty text stands for an absent one.
fn text_or_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// 0 stands for a sum that no fact gives, and so does less: schemas of providers have no bounds.
fn sum_or_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let sum = Option::<i64>::deserialize(deserializer)?;
    let sum = sum.and_then(|sum| u64::try_from(sum).ok());
    Ok(sum.filter(|sum| *sum > 0))
}

/// A share below 0 is none.
fn share_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let share = i64::deserialize(deserializer)?.clamp(0, u32::MAX.into());
    Ok(u32::try_from(share).unwrap_or_default())
}

/// A word that is no occasion stands for none.
fn occasion_or_absent<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Occasion>, D::Error> {
    if_readable(deserializer)
}

/// Dates of an earlier version that lack something are computed anew by the next report.
fn dates_or_absent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Dates>, D::Error> {
    if_readable(deserializer)
}

fn if_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::schema::fill;

    #[test]
    fn what_fits_the_schema_is_read() {
        for lang in [Lang::Fa, Lang::En, Lang::Both] {
            let answer = fill(schema(lang));
            let read: Recommendations = serde_json::from_value(answer).unwrap();
            let text = &read.executive_summary[0].text;
            assert_eq!(text.fa.is_some(), lang.persian());
            assert_eq!(text.en.is_some(), lang.english());
        }
    }

    #[test]
    fn the_schema_is_small_and_plain() {
        let text = schema(Lang::Both).to_string();
        assert!(text.len() < 4_096, "{} bytes", text.len());
        for union in [
            "anyOf",
            "oneOf",
            "null",
            "maxItems",
            "minimum",
            "$ref",
            "[\"string\"",
        ] {
            assert!(!text.contains(union), "{union}");
        }
    }

    #[test]
    fn what_is_absent_is_read_from_every_form_of_it() {
        for absent in [
            json!({"budget_million_toman": 0, "timing": "none", "concept": {"fa": "", "en": " "}}),
            json!({"budget_million_toman": null, "timing": null, "concept": {"fa": null}}),
            json!({"timing": "", "budget_million_toman": -7}),
            json!({}),
        ] {
            let read: Opportunity = serde_json::from_value(absent).unwrap();
            assert_eq!(read.budget_million_toman, None);
            assert_eq!(read.timing, None);
            assert!(read.concept.is_empty());
        }
    }

    #[test]
    fn an_answer_without_its_sections_is_none() {
        assert!(serde_json::from_str::<Recommendations>("{\"executive_summary\":[]}").is_err());
    }
}
