//! The report on a brand, and its file format, `brand_report.json`.
//!
//! The model answers in [`claims`] and [`recommendations`]; the program checks them, adds what only it can know (sources,
//! quality, cost, dates) and saves the [`Report`]. A file of an earlier version is read too: what it lacks is not known.

pub mod changes;
pub mod claims;
pub mod facts;
pub mod fields;
pub mod occasion;
pub mod recommendations;
pub mod rulings;
pub mod schema;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    changes::{Change, ChangeKind, Comparison},
    facts::{Citation, Fact, FactPath, Facts, Record, Status},
    fields::Field,
    occasion::Occasion,
    recommendations::{
        Advice, Bilingual, Channel, DatedOpportunity, DatedTiming, Dates, Insights, Level,
        Opportunity, PlannedChannel, Recommendations,
    },
    rulings::{Medium, RuleVerdict, Ruling},
};
use crate::{money::Usd, text::lang::Lang};

/// The name of the file.
pub const FILE: &str = "brand_report.json";

/// Version of the file format.
pub const SCHEMA_VERSION: u32 = 3;

/// `brand_report.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub schema_version: u32,
    /// The services were simulated: nothing in here is true.
    pub simulated: bool,
    /// The name as given.
    pub brand: String,
    pub given: Given,
    /// When the last answer for this report came.
    pub generated_at: Timestamp,
    pub run_id: String,
    /// Models that answered.
    pub models: Vec<String>,
    /// Versions of the prompts that they were given.
    pub prompts: Vec<String>,
    pub lang: Lang,
    #[serde(flatten)]
    pub facts: Facts,
    /// Recommendations; `null` where too little is known to recommend anything.
    pub insights: Option<Insights>,
    /// Rules of advertising that apply to the brand. No legal advice.
    #[serde(deserialize_with = "readable")]
    pub regulations: Vec<Ruling>,
    pub sources: Vec<Source>,
    pub quality: Quality,
    pub cost: ReportCost,
    /// What changed since the reports before, the newest comparison first.
    #[serde(deserialize_with = "readable")]
    pub changes: Vec<Comparison>,
}

impl Report {
    /// Reads a saved report of this or an earlier version. What it lacks is not known; what has neither a version nor a
    /// date is no report.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        let report: Self = serde_json::from_slice(json)?;
        if report.schema_version == 0 && report.generated_at == Timestamp::default() {
            let error = "it has neither schema_version nor generated_at";
            return Err(serde::de::Error::custom(error));
        }
        Ok(report)
    }
}

/// Reads a list of a saved report; what lacks something that it cannot do without is left out.
pub(crate) fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = Vec::<Value>::deserialize(deserializer)?.into_iter();
    Ok(items
        .filter_map(|item| serde_json::from_value(item).ok())
        .collect())
}

/// What the list says about the brand besides its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    pub website: Option<String>,
    pub parent: Option<String>,
}

/// Two sources that disagree.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contradiction {
    /// The field that they disagree about, such as `identity.founding_year`.
    pub about: String,
    /// What is more likely so, where the program could settle it.
    pub first: Fact,
    pub second: Fact,
    /// Why the second is likely wrong; `null` where nothing tells.
    pub reason: Option<Disagreement>,
}

/// The likely reason of a contradiction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// The second speaks of an earlier time.
    Older,
    /// Rial was taken for toman, or the other way round.
    Unit,
    /// The first is what the brand itself or a register says.
    Authority,
}

/// Another company of the same name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Namesake {
    /// Who that is.
    pub who: String,
    /// Sources that are about them and not about the brand.
    pub sources: Vec<String>,
    /// Pages that the program set aside before anything was read.
    pub pages: Vec<String>,
}

/// A page that was retrieved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    pub id: String,
    pub url: String,
    pub title: String,
    pub retrieved_at: Timestamp,
    /// What was searched for, or that the brand's own site was read.
    pub query: String,
    /// Other pages that say the same in the same words, and count as this one.
    pub copies: usize,
    /// Hash of what was read of it, by which a later report knows whether it was changed; empty in reports from before
    /// this was kept.
    pub digest: String,
}

/// What a passage tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InjectionKind {
    /// To have instructions forgotten or replaced.
    Override,
    /// To give orders to a model.
    Order,
    /// To end the fence around the sources, or to begin a source or a turn of its own.
    Fence,
    /// To pass for a citation.
    Citation,
}

/// A passage that was taken out of a page before any model read it, because it speaks to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOut {
    pub url: String,
    pub attempt: InjectionKind,
    pub passage: String,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    Full,
    Thin,
    #[default]
    None,
}

/// One of several companies of the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its site, its trade or its identifier, as far as pages tell.
    pub who: String,
    /// Pages that are about it.
    pub pages: Vec<String>,
}

/// How far the report can be relied on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Quality {
    pub coverage: Coverage,
    pub facts: usize,
    /// Claims of the model that were left out, because no quote of theirs stands in a page about the brand.
    pub claims_left_out: usize,
    pub facts_supported: usize,
    /// Supported facts among all, from 0 to 1; `null` without facts.
    pub share_supported: Option<f64>,
    pub contradictions: Vec<Contradiction>,
    pub namesakes: Vec<Namesake>,
    /// Pages that searching brought but that do not name the brand.
    pub pages_set_aside: usize,
    /// What is not known, as questions to ask the client.
    pub questions: Vec<Bilingual>,
    pub parent: ParentCheck,
    /// Companies of this name among which the list does not tell; at least two, or none.
    #[serde(deserialize_with = "readable")]
    pub candidates: Vec<Candidate>,
    /// What pages tried to make a model do.
    #[serde(deserialize_with = "readable")]
    pub taken_out: Vec<TakenOut>,
}

/// Whether the parent company that the list gives is right.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ParentCheck {
    pub given: Option<String>,
    pub verdict: ParentVerdict,
    /// The fact that confirms or contradicts it.
    pub found: Option<Fact>,
}

/// See [`ParentCheck`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentVerdict {
    Confirmed,
    Contradicted,
    NotFound,
    #[default]
    NotGiven,
}

/// What the report cost, as the services reported it, whenever that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportCost {
    pub llm_calls: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub tokens_cached: u64,
    pub search_credits: u32,
    pub usd: Usd,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places of all members of objects; of lists, only those in the first item.
    fn members(json: &Value, place: &str, places: &mut Vec<String>) {
        match json {
            Value::Object(object) => {
                for (name, inner) in object {
                    let place = format!("{place}/{name}");
                    members(inner, &place, places);
                    places.push(place);
                }
            }
            Value::Array(items) => {
                if let Some(first) = items.first() {
                    members(first, &format!("{place}/0"), places);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn reports_of_every_version_are_read_whatever_one_field_they_lack() {
        for (version, text) in [
            (1, include_str!("../../tests/fixtures/brand_report.v1.json")),
            (2, include_str!("../../tests/fixtures/brand_report.v2.json")),
            (3, include_str!("../../tests/fixtures/brand_report.json")),
        ] {
            let whole: Value = serde_json::from_str(text).unwrap();
            assert_eq!(whole["schema_version"], version);
            let read = Report::read(text.as_bytes()).unwrap();
            assert!(read.facts.iter().count() > 40);
            assert!(!read.insights.unwrap().opportunities.is_empty());
            let mut places = Vec::new();
            members(&whole, "", &mut places);
            assert!(places.len() > 200, "{}", places.len());
            for place in places {
                let mut lacking = whole.clone();
                let (parent, name) = place.rsplit_once('/').unwrap();
                let parent = lacking.pointer_mut(parent).unwrap();
                assert!(parent.as_object_mut().unwrap().remove(name).is_some());
                let lacking = lacking.to_string();
                let read = Report::read(lacking.as_bytes());
                assert!(read.is_ok(), "version {version} without {place}: {read:?}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = include_str!("../../tests/fixtures/brand_report.json");
        let report = Report::read(text.as_bytes()).unwrap();
        let written: Value = serde_json::to_value(&report).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn another_kind_of_file_is_no_report() {
        for text in ["{}", "{\"brand\":\"x\"}", "[]", "{\"identity\":{}}"] {
            assert!(Report::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
