//! The research of one brand, from searches to report: evidence, analyst, verification, strategist.
//!
//! Research is a plain function of the brand and of the answers it got. Every answer is kept under the hash of its
//! request, so going on after a crash is running the same function again.

pub mod ad_rules;
pub mod calendar;
pub mod company;
mod contradictions;
pub mod diff;
pub(crate) mod disambiguation;
pub(crate) mod evidence;
pub(crate) mod extraction;
pub(crate) mod grounding;
mod merge_statements;
mod minimum_cost;
pub(crate) mod neighbours;
pub(crate) mod numbers;
pub(crate) mod persian_style;
pub(crate) mod prompt_injection;
pub(crate) mod quality;
mod queries;
pub(crate) mod recommendations;
mod relationships;
mod source_selection;
mod stages;
pub mod trial;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing::Span;

pub use self::minimum_cost::least;
use self::{
    diff::SearchCoverage,
    evidence::{Batch, Evidence},
    extraction::{Analysis, analyse},
    grounding::Grounds,
    neighbours::Neighbours,
    queries::Query,
    stages::Brief,
};
use crate::{
    brand::{Brand, row_options::Depth},
    http::call::CallError,
    llm::{OpenRouter, Prices, Question, Usage},
    money::Usd,
    report::{
        Coverage, Dates, Facts, Field, Given, Insights, Occasion, Report, ReportCost, Ruling,
        SCHEMA_VERSION, claims::Claims, fields::Subject,
    },
    search::tavily::{SearchResult, Tavily},
    span::{self, Spent},
    text::{calendar::jalali, lang::Lang},
};

/// Sources about the brand with which nothing more is searched for.
const ENOUGH_SOURCES: usize = 4;

/// Model calls that a brand takes when nothing goes wrong.
pub const LLM_CALLS: u32 = 2;

/// Tokens that a brand typically takes, for the estimate before there is any experience.
const TYPICAL_TOKENS: (u64, u64) = (16_500, 4_200);

/// A part of the research that can be left out, to see what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the brand's own pages.
    OwnSite,
    /// A further search where too little was found.
    SecondRound,
    /// Telling the brand from its namesakes and neighbours.
    Identity,
    /// Holding facts against the pages.
    Evidence,
    /// Holding recommendations against the facts.
    Grounds,
}

/// The parts of the research that are done.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    left_out: Option<Stage>,
}

impl Stages {
    /// Nothing is left out.
    pub const ALL: Self = Self { left_out: None };

    /// All but this one, if any.
    pub fn without(left_out: Option<Stage>) -> Self {
        Self { left_out }
    }

    /// Whether this part is done.
    pub fn has(self, stage: Stage) -> bool {
        self.left_out != Some(stage)
    }
}

/// What research needs, the same for every brand of a run.
#[derive(Debug)]
pub struct Research {
    pub openrouter: OpenRouter,
    pub tavily: Tavily,
    pub lang: Lang,
    pub run_id: String,
    /// The day that campaigns are planned from.
    pub today: Date,
    /// The occasions of the year from then.
    pub year: Vec<(Occasion, Dates)>,
    pub simulated: bool,
    /// For brands of which the list does not ask for another.
    pub depth: Depth,
    pub stages: Stages,
    /// All brands of the list.
    pub neighbours: Arc<Neighbours>,
    /// The key of the fences around text from the web.
    pub fence_key: [u8; 32],
}

/// A brand to research.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assignment {
    pub brand: Arc<Brand>,
    /// Its parent company, in one spelling, where other brands of the list have the same.
    pub shared_parent: Option<String>,
    /// Answers that were paid for after this are used again.
    pub since: Timestamp,
}

/// What the searches cost, and when the last of them was answered.
#[derive(Default)]
struct Searched {
    credits: u32,
    usd: Usd,
    last: Option<Timestamp>,
    /// How long the calls waited for their turns, at most: they run together.
    waited: Duration,
    simulated: bool,
    sight: SearchCoverage,
}

/// A report, and what is known of its making.
pub struct Researched {
    pub report: Report,
    /// How long its calls waited for their turns.
    pub waited: Duration,
    pub sight: SearchCoverage,
}

impl Searched {
    fn spent(&self) -> Spent {
        Spent {
            usd: self.usd,
            credits: self.credits,
            waited: self.waited,
            ..Spent::default()
        }
    }

    fn take_in(&mut self, query: Query, found: SearchResult) -> Batch {
        let SearchResult {
            pages,
            at,
            cost,
            waited,
            simulated,
        } = found;
        self.simulated |= simulated;
        self.sight.take_in(&query.text, &pages);
        self.waited = self.waited.max(waited);
        self.credits += cost.credits;
        self.usd += cost.usd;
        self.last = self.last.max(Some(at));
        Batch {
            query: query.text,
            pages,
            at,
            about_parent: query.about_parent,
        }
    }
}

impl Research {
    /// Researches one brand.
    pub async fn run(&self, assignment: &Assignment) -> Result<Researched, CallError> {
        let Assignment { brand, since, .. } = assignment;
        let since = *since;
        let search = self.search(assignment);
        let (mut evidence, searched) = span::measure(span::stage("search"), search).await?;
        let mut usage = Usage::default();
        // Whom the list means has to be known before anything is paid to a model.
        let claims = if evidence.sources.is_empty() || !evidence.candidates.is_empty() {
            Claims::default()
        } else {
            let prompt = stages::analyst_prompt(brand, &evidence, &self.fence_key);
            let question = stages::analyst(brand, &prompt);
            self.ask(&question, since, &mut usage).await?
        };
        let (analysis, quality, regulations) = span::compute(span::stage("check"), || {
            let analysis = analyse(claims, &mut evidence, &brand.name);
            let quality = quality::assess(brand, &analysis, &evidence);
            let known = known_of(brand, &analysis.facts);
            (analysis, quality, ad_rules::rulings(&known, self.today))
        });
        let insights = match quality.coverage {
            // Nothing is recommended for a brand about which nothing is known.
            Coverage::None => None,
            Coverage::Full | Coverage::Thin => {
                let recommended = self.recommend(brand, &analysis, &regulations, since, &mut usage);
                Some(recommended.await?)
            }
        };
        let waited = searched.waited + usage.waited;
        let report = Report {
            schema_version: SCHEMA_VERSION,
            simulated: self.simulated || usage.simulated || searched.simulated,
            brand: brand.name.clone(),
            given: Given {
                website: brand.website.as_ref().map(ToString::to_string),
                parent: brand.parent.clone(),
            },
            generated_at: usage.last.max(searched.last).unwrap_or(since),
            run_id: self.run_id.clone(),
            models: usage.models,
            prompts: stages::prompt_versions(),
            lang: self.lang,
            facts: analysis.facts,
            insights,
            regulations,
            sources: evidence
                .sources
                .into_iter()
                .map(|read| read.source)
                .collect(),
            quality,
            cost: ReportCost {
                llm_calls: usage.llm_calls,
                tokens_in: usage.tokens_in,
                tokens_out: usage.tokens_out,
                tokens_cached: usage.tokens_cached,
                search_credits: searched.credits,
                usd: usage.usd + searched.usd,
            },
            changes: Vec::new(),
        };
        Ok(Researched {
            report,
            waited,
            sight: searched.sight,
        })
    }

    /// All searches at once, and the brand's own pages; one more search where they found too little.
    async fn search(&self, assignment: &Assignment) -> Result<(Evidence, Searched), CallError> {
        let Assignment {
            brand,
            shared_parent,
            since,
        } = assignment;
        let payer = brand.key.as_str();
        let today = jalali(self.today, '-');
        let year = today.split('-').next().unwrap_or_default();
        let depth = brand.wishes.depth.unwrap_or(self.depth);
        let queries = queries::searches(brand, shared_parent.as_deref(), depth, year);
        let asked = queries
            .iter()
            .map(|query| self.tavily.search(&query.text, *since, payer));
        let pages = queries::own_pages(brand);
        let own = async {
            if pages.is_empty() || !self.stages.has(Stage::OwnSite) {
                return Ok(None);
            }
            match self.tavily.extract(&pages, *since, payer).await {
                Ok(found) => Ok(Some(found)),
                // A site that cannot be read is no reason to know nothing.
                Err(CallError::Request { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        // All are waited for, even when one has failed: the others may be paid for already.
        let (found, own) = tokio::join!(join_all(asked), own);
        let own_query = Query {
            text: "the brand's own site".to_owned(),
            about_parent: false,
        };
        let own = own.transpose().map(|own| (own_query, own));
        let mut searched = Searched::default();
        let mut batches = Vec::new();
        let mut stopped = false;
        for (query, found) in own.into_iter().chain(queries.into_iter().zip(found)) {
            match found {
                Ok(found) => batches.push(searched.take_in(query, found)),
                // Another of these searches, or another brand, has the reason.
                Err(CallError::Stopped) => stopped = true,
                Err(error) => return Err(error),
            }
        }
        if stopped {
            return Err(CallError::Stopped);
        }
        let mut evidence = Evidence::gather(brand, &batches, &self.neighbours, self.stages);
        let further = depth != Depth::Quick
            && self.stages.has(Stage::SecondRound)
            && evidence.candidates.is_empty();
        let query =
            queries::second_round(brand, &evidence.sources, ENOUGH_SOURCES).filter(|_| further);
        if let Some(query) = query {
            let found = self.tavily.search(&query.text, *since, payer).await?;
            batches.push(searched.take_in(query, found));
            evidence = Evidence::gather(brand, &batches, &self.neighbours, self.stages);
        }
        searched.spent().record(&Span::current());
        Ok((evidence, searched))
    }

    /// Asks the model, which is a stage of the research.
    async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question<'_, T>,
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<T, CallError> {
        let asking = async {
            let mut own = Usage::default();
            let answer = self.openrouter.ask(question, since, &mut own).await;
            own.spent().record(&Span::current());
            usage.add_all(own);
            answer
        };
        span::measure(span::stage(question.name), asking).await
    }

    async fn recommend(
        &self,
        brand: &Brand,
        analysis: &Analysis,
        rules: &[Ruling],
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<Insights, CallError> {
        let brief = Brief {
            lang: self.lang,
            year: &self.year,
            rules,
        };
        let prompt = stages::strategist_prompt(brand, &brief, &analysis.facts, &self.fence_key);
        let question = stages::strategist(brand, self.lang, &prompt);
        let recommended = self.ask(&question, since, usage).await?;
        let mut grounds = Grounds::new(&brand.name, &analysis.facts, self.lang);
        grounds.strict = self.stages.has(Stage::Grounds);
        Ok(recommendations::date_and_check(
            recommended,
            &mut grounds,
            &self.year,
            rules,
        ))
    }
}

/// What is known of the brand, as far as rules of advertising ask for it.
fn known_of(brand: &Brand, facts: &Facts) -> String {
    const ASKED: [Field; 6] = [
        Field::WhatItDoes,
        Field::IndustryFa,
        Field::IndustryEn,
        Field::IndustryIsic,
        Field::SubIndustries,
        Field::BusinessModel,
    ];
    let mut known = brand.name.clone();
    for (path, fact) in facts.iter() {
        if ASKED.contains(&path.field) || path.field.spec().subject == Subject::Product {
            known.push('\n');
            known.push_str(&fact.value);
        }
    }
    known
}

/// What a brand is expected to cost before there is any experience; without prices, the searches alone.
pub fn typical_cost(prices: Option<Prices>, credit: Usd, depth: Depth) -> Usd {
    let (tokens_in, tokens_out) = TYPICAL_TOKENS;
    let model = prices.map_or(Usd::ZERO, |prices| prices.expected(tokens_in, tokens_out));
    model + credit.times(depth.credits().into())
}
