//! What is in a report: types that are at once the file format and the schema that the model answers in.
//!
//! The model fills [`Analysis`] and [`Recommendations`]; the program checks them, adds what only it can know
//! (sources, quality, cost, dates) and saves the [`Report`].

use jiff::{Timestamp, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    calendar::Occasion,
    identity::Candidate,
    quarantine::Attempt,
    radar::Comparison,
    rules::{Medium, Ruling, Verdict},
};
use crate::{cli::Lang, money::Usd};

/// Version of the file format.
pub const SCHEMA_VERSION: u32 = 2;

/// `brand_report.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(default)]
    pub prompts: Vec<String>,
    pub lang: Lang,
    pub identity: Identity,
    pub relationships: Relationships,
    pub categorisation: Categorisation,
    pub products: Vec<Product>,
    pub customers: Customers,
    /// Recommendations; `null` where too little is known to recommend anything.
    pub insights: Option<Insights>,
    /// Rules of advertising that apply to the brand. No legal advice.
    #[serde(default)]
    pub regulations: Vec<Ruling>,
    pub sources: Vec<Source>,
    pub quality: Quality,
    pub cost: ReportCost,
    /// What changed since the reports before, the newest comparison first.
    #[serde(default)]
    pub changes: Vec<Comparison>,
}

/// What the list says about the brand besides its name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Given {
    pub website: Option<String>,
    pub parent: Option<String>,
}

/// How well a fact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The value can be read in a quote that stands in a source about this brand.
    Supported,
    /// Concluded from quotes that stand in sources.
    Inferred,
    /// The check failed, or there is nothing to check.
    Unverified,
    /// Sources disagree.
    Conflicted,
    /// It was so.
    Outdated,
}

/// What a model may say of its own fact; the program decides on the [`Status`].
fn claimed_status(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["supported", "inferred"]})
}

/// A statement with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    pub value: String,
    #[schemars(schema_with = "claimed_status")]
    pub status: Status,
    /// The year, month or day that the source speaks of.
    pub as_of: Option<String>,
    pub evidence: Vec<Citation>,
}

/// A passage of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// Id of the source.
    pub source: String,
    /// The passage, word for word.
    pub quote: String,
}

/// Who the brand is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    pub name_fa: Option<Fact>,
    pub name_en: Option<Fact>,
    pub legal_name: Option<Fact>,
    /// National identifier of the legal person, eleven digits with a check digit.
    #[serde(default)]
    pub national_id: Option<Fact>,
    pub what_it_does: Option<Fact>,
    pub tagline: Option<Fact>,
    pub founding_year: Option<Fact>,
    pub headquarters: Option<Fact>,
    pub chief_executive: Option<Fact>,
    pub employees: Option<Fact>,
    pub contact: Contact,
    pub social_accounts: Vec<Fact>,
    pub certifications: Vec<Fact>,
    pub export_markets: Vec<Fact>,
    pub stock_symbol: Option<Fact>,
    pub trademarks: Vec<Fact>,
    /// Advertising campaigns that sources speak of, by name or slogan.
    #[serde(default)]
    pub campaigns: Vec<Fact>,
}

/// How to reach it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Contact {
    pub phone: Option<Fact>,
    pub email: Option<Fact>,
    pub address: Option<Fact>,
}

/// Whose it is, and whom it meets in the market.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Relationships {
    pub parent: Option<Fact>,
    pub ultimate_parent: Option<Fact>,
    pub subsidiaries: Vec<Fact>,
    pub sister_brands: Vec<Fact>,
    pub shareholders: Vec<Fact>,
    pub affiliates: Vec<Fact>,
    pub competitors: Vec<Fact>,
    pub similar_brands: Vec<Fact>,
    pub complementary_brands: Vec<Fact>,
}

/// Where it stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Categorisation {
    pub industry: Industry,
    pub sub_industries: Vec<Fact>,
    pub business_model: Option<Fact>,
    pub price_tier: Option<Fact>,
    pub distribution_channels: Vec<Fact>,
    pub market_position: Option<Fact>,
    pub market_size: Option<Fact>,
    pub growth: Option<Fact>,
    pub seasonality: Option<Fact>,
    pub geographic_focus: Vec<Fact>,
}

/// The trade it is in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Industry {
    pub fa: Option<Fact>,
    pub en: Option<Fact>,
    /// Code of the International Standard Industrial Classification, revision 4.
    pub isic: Option<Fact>,
}

/// Something it sells.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Product {
    pub name_fa: Option<Fact>,
    pub name_en: Option<Fact>,
    pub category: Option<Fact>,
    pub description: Option<Fact>,
    pub features: Vec<Fact>,
    pub price: Option<Fact>,
    pub target_market: Option<Fact>,
}

/// To whom.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Customers {
    pub segments: Vec<Segment>,
    pub needs: Vec<Fact>,
    pub praise: Vec<Fact>,
    pub complaints: Vec<Fact>,
    pub untapped_segments: Vec<Fact>,
}

/// A group of customers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Segment {
    pub who: Fact,
    pub size: Option<Fact>,
    pub digital_behaviour: Option<Fact>,
}

/// Two sources that disagree.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Contradiction {
    /// The field that they disagree about, such as `identity.founding_year`.
    pub about: String,
    /// What is more likely so, where the program could settle it.
    pub first: Fact,
    pub second: Fact,
    /// Why the second is likely wrong; `null` where nothing tells.
    #[serde(default)]
    #[schemars(skip)]
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

/// Somebody else of the same name.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Namesake {
    /// Who that is.
    pub who: String,
    /// Sources that are about them and not about the brand.
    pub sources: Vec<String>,
    /// Pages that the program set aside before anything was read.
    #[serde(default)]
    #[schemars(skip)]
    pub pages: Vec<String>,
}

/// What the analyst finds in the sources.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Analysis {
    pub identity: Identity,
    pub relationships: Relationships,
    pub categorisation: Categorisation,
    pub products: Vec<Product>,
    pub customers: Customers,
    pub contradictions: Vec<Contradiction>,
    pub namesakes: Vec<Namesake>,
}

/// A text in the languages that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bilingual {
    pub fa: Option<String>,
    pub en: Option<String>,
}

/// Low, medium or high.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Low,
    Medium,
    High,
}

/// What the strategist recommends.
#[derive(Debug, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Opportunity {
    /// A brand from the facts.
    pub partner: String,
    pub concept: Bilingual,
    pub audience: Bilingual,
    /// Million toman, where the facts give a basis for a sum.
    pub budget_million_toman: Option<u64>,
    /// How the sum was reached, and with which assumption.
    pub budget_basis: Bilingual,
    pub reach: Bilingual,
    pub timing: Option<Occasion>,
    pub difficulty: Level,
    pub priority: Level,
    /// Facts that it follows from.
    pub rests_on: Vec<String>,
}

/// An occasion to campaign for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    pub occasion: Occasion,
    pub why: Bilingual,
    pub rests_on: Vec<String>,
}

/// A piece of advice.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Advice {
    pub text: Bilingual,
    pub rests_on: Vec<String>,
}

/// A channel with its share of the budget.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Channel {
    pub medium: Medium,
    /// Percent of the budget.
    pub share: u32,
    pub why: Bilingual,
    pub rests_on: Vec<String>,
}

/// A channel with what the program knows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedChannel {
    pub name: Bilingual,
    /// Percent of the budget.
    pub share: u32,
    pub why: Bilingual,
    #[serde(default)]
    pub rests_on: Vec<String>,
    /// The strictest of the rules about it; `null` where there is none.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Those rules, by their names in `regulations`.
    #[serde(default)]
    pub rules: Vec<String>,
}

/// Recommendations, checked and dated by the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Insights {
    /// What this section is: recommendations, not facts.
    pub kind: String,
    pub executive_summary: Bilingual,
    pub opportunities: Vec<DatedOpportunity>,
    pub campaign_timing: Vec<DatedTiming>,
    pub competitive_strategy: Vec<Advice>,
    /// Shares add up to 100.
    pub channels: Vec<PlannedChannel>,
    pub creative_direction: Vec<Advice>,
    pub success_metrics: Vec<Bilingual>,
    /// Recommendations that were taken out because they rest on no fact, would fit any brand, or say what no fact says.
    #[serde(default)]
    pub taken_out: usize,
}

/// An opportunity with what the program knows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatedOpportunity {
    #[serde(flatten)]
    pub opportunity: Opportunity,
    /// Whether the partner is named by a fact of this report.
    pub partner_in_evidence: bool,
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

/// A page that was retrieved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    pub id: String,
    pub url: String,
    pub title: String,
    pub retrieved_at: Timestamp,
    /// What was searched for, or that the brand's own site was read.
    pub query: String,
    /// Other pages that say the same in the same words, and count as this one.
    #[serde(default)]
    pub copies: usize,
    /// Hash of what was read of it, by which a later report knows whether it was changed; empty in reports from before
    /// this was kept.
    #[serde(default)]
    pub digest: String,
}

/// A passage that was taken out of a page before any model read it, because it speaks to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOut {
    pub url: String,
    pub attempt: Attempt,
    pub passage: String,
}

/// How much was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coverage {
    Full,
    Thin,
    None,
}

/// How far the report can be relied on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quality {
    pub coverage: Coverage,
    pub facts: usize,
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
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// What pages tried to make a model do.
    #[serde(default)]
    pub taken_out: Vec<TakenOut>,
}

/// Whether the parent company that the list gives is right.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParentCheck {
    pub given: Option<String>,
    pub verdict: ParentVerdict,
    /// The fact that confirms or contradicts it.
    pub found: Option<Fact>,
}

/// See [`ParentCheck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParentVerdict {
    Confirmed,
    Contradicted,
    NotFound,
    NotGiven,
}

/// What the report cost, as the services reported it, whenever that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportCost {
    pub llm_calls: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub tokens_cached: u64,
    pub search_credits: u32,
    pub usd: Usd,
}

/// Where facts are: gives each one its path, such as `relationships.competitors.0`.
pub trait Facts {
    /// Calls `see` with every fact below `path`.
    fn each(&mut self, path: &str, see: &mut dyn FnMut(&str, &mut Fact));

    /// Takes out the facts that are not to be kept. Returns whether this itself can stay without them.
    fn prune(&mut self, keep: &dyn Fn(&Fact) -> bool) -> bool;
}

impl Facts for Fact {
    fn each(&mut self, path: &str, see: &mut dyn FnMut(&str, &mut Fact)) {
        see(path, self);
    }

    fn prune(&mut self, keep: &dyn Fn(&Fact) -> bool) -> bool {
        keep(self)
    }
}

impl<T: Facts> Facts for Option<T> {
    fn each(&mut self, path: &str, see: &mut dyn FnMut(&str, &mut Fact)) {
        if let Some(inner) = self {
            inner.each(path, see);
        }
    }

    fn prune(&mut self, keep: &dyn Fn(&Fact) -> bool) -> bool {
        *self = self
            .take()
            .and_then(|mut inner| inner.prune(keep).then_some(inner));
        true
    }
}

impl<T: Facts> Facts for Vec<T> {
    fn each(&mut self, path: &str, see: &mut dyn FnMut(&str, &mut Fact)) {
        for (i, inner) in self.iter_mut().enumerate() {
            inner.each(&format!("{path}.{i}"), see);
        }
    }

    fn prune(&mut self, keep: &dyn Fn(&Fact) -> bool) -> bool {
        self.retain_mut(|inner| inner.prune(keep));
        true
    }
}

macro_rules! facts {
    ($($section:ident { $($field:ident),* $(,)? })*) => {$(
        impl Facts for $section {
            fn each(&mut self, path: &str, see: &mut dyn FnMut(&str, &mut Fact)) {
                let below = |field: &str| match path {
                    "" => field.to_owned(),
                    path => format!("{path}.{field}"),
                };
                $(self.$field.each(&below(stringify!($field)), see);)*
            }

            fn prune(&mut self, keep: &dyn Fn(&Fact) -> bool) -> bool {
                [$(self.$field.prune(keep)),*].iter().all(|&stays| stays)
            }
        }
    )*};
}

facts! {
    Analysis { identity, relationships, categorisation, products, customers }
    Report { identity, relationships, categorisation, products, customers }
    Identity { name_fa, name_en, legal_name, national_id, what_it_does, tagline, founding_year, headquarters, chief_executive,
        employees, contact, social_accounts, certifications, export_markets, stock_symbol, trademarks, campaigns }
    Contact { phone, email, address }
    Relationships { parent, ultimate_parent, subsidiaries, sister_brands, shareholders, affiliates, competitors,
        similar_brands, complementary_brands }
    Categorisation { industry, sub_industries, business_model, price_tier, distribution_channels, market_position,
        market_size, growth, seasonality, geographic_focus }
    Industry { fa, en, isic }
    Product { name_fa, name_en, category, description, features, price, target_market }
    Customers { segments, needs, praise, complaints, untapped_segments }
    Segment { who, size, digital_behaviour }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::schema::strict_schema;
    use serde_json::{Value, json};

    /// An answer that fills everything that the schema has.
    fn fill(schema: &Value) -> Value {
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[0].as_str(),
            kind => kind.as_str(),
        };
        match kind {
            Some("object") => {
                let properties = schema["properties"].as_object().unwrap();
                properties
                    .iter()
                    .map(|(name, inner)| (name.clone(), fill(inner)))
                    .collect()
            }
            Some("array") => json!([fill(&schema["items"])]),
            Some("string") => schema["enum"].get(0).cloned().unwrap_or(json!("text")),
            Some("integer") => json!(7),
            other => panic!("no answer to {other:?}"),
        }
    }

    fn count_facts(json: &Value) -> usize {
        match json {
            Value::Object(map) if map.contains_key("evidence") => 1,
            Value::Object(map) => map
                .iter()
                .filter(|(k, _)| *k != "contradictions")
                .map(|(_, v)| count_facts(v))
                .sum(),
            Value::Array(list) => list.iter().map(count_facts).sum(),
            _ => 0,
        }
    }

    #[test]
    fn what_fits_the_schema_is_read_and_no_fact_is_missed() {
        let answer = fill(&strict_schema::<Analysis>());
        let mut analysis: Analysis = serde_json::from_value(answer.clone()).unwrap();
        let mut paths = Vec::new();
        analysis.each("", &mut |path, _| paths.push(path.to_owned()));
        assert_eq!(paths.len(), count_facts(&answer));
        assert!(paths.contains(&"products.0.features.0".to_owned()));
        assert!(paths.contains(&"identity.contact.phone".to_owned()));

        let answer = fill(&strict_schema::<Recommendations>());
        serde_json::from_value::<Recommendations>(answer).unwrap();
    }

    #[test]
    fn an_answer_without_its_sections_is_none() {
        assert!(serde_json::from_str::<Analysis>("{}").is_err());
        assert!(serde_json::from_str::<Recommendations>("{\"executive_summary\":{}}").is_err());
    }
}
