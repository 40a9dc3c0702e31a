//! The trial of a model: one small question of each stage, in the real schemas, about a brand that does not exist. Only
//! an answer proves that a model accepts the schema, the parameters and the account. The answer is discarded.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Stages, calendar,
    evidence::{Batch, Evidence},
    stages::{self, Brief},
};
use crate::{
    brand::{Brand, BrandKey, Row, gather},
    http::call::CallError,
    llm::{OpenRouter, Question, Usage},
    money::Usd,
    report::Facts,
    search::tavily::{Tavily, WebPage},
    text::{calendar::day_in_iran, lang::Lang},
};

/// A name that no company has, so that no page about a real one can be meant.
const BRAND: &str = "برند آزمایشی نمونه";
const WEBSITE: &str = "https://trial.example";
const PAGE: &str = "شرکت برند آزمایشی نمونه در سال ۱۳۹۰ در تهران تأسیس شد. برند آزمایشی نمونه در صنعت چای فعالیت می‌کند.";
/// Harmless, and answered by every search service.
const QUERY: &str = "\"تهران\" پایتخت ایران";
/// The page needs no more, and an answer costs by its length.
const SHORT: &str = "\nThis is a trial of the set-up with an invented brand: a claim or two are enough, every text is as short as can be, and other lists stay empty.\n";

/// What an answer took.
#[derive(Clone, Debug, Default)]
pub struct Took {
    pub time: Duration,
    /// US dollars.
    pub usd: Usd,
    /// The models that answered, as the server names them.
    pub models: Vec<String>,
    /// The answer fits the schema and says nothing of the page.
    pub says_nothing: bool,
}

/// A brand that does not exist, with the one page about it.
pub struct Trial {
    brand: Brand,
    evidence: Evidence,
    /// The brand that it is paid for.
    payer: String,
}

impl Trial {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When the name of the invented brand is none, which is a fault of the program.
    pub fn new() -> anyhow::Result<Self> {
        let row = Row {
            number: 1,
            name: BRAND.into(),
            website: WEBSITE.into(),
            ..Row::default()
        };
        let brand = gather([row]).brands.pop();
        let brand = brand.ok_or_else(|| anyhow::anyhow!("the brand of the trial has no name"))?;
        let batch = Batch {
            query: QUERY.into(),
            pages: vec![WebPage {
                url: WEBSITE.into(),
                title: Some(BRAND.into()),
                content: None,
                raw_content: Some(PAGE.into()),
                score: serde_json::Value::Null,
            }],
            at: Timestamp::now(),
            about_parent: false,
        };
        let evidence = Evidence::gather(&brand, &[batch], &Arc::default(), Stages::ALL);
        Ok(Self {
            payer: brand.key.to_string(),
            brand,
            evidence,
        })
    }

    /// The same, paid for by a brand that is in work: hosts that share a budget pay for no other.
    #[must_use]
    pub fn paid_by(self, brand: &BrandKey) -> Self {
        Self {
            payer: brand.to_string(),
            ..self
        }
    }

    /// What makes this trial another request than every earlier one: only an answer of now proves anything.
    fn made_now() -> String {
        format!("{SHORT}Trial of {}.\n", Timestamp::now())
    }

    /// Asks the analyst's question.
    pub async fn analyst(&self, model: &OpenRouter) -> Result<Took, CallError> {
        let prompt =
            stages::analyst_prompt(&self.brand, &self.evidence, &[0; 32]) + &Self::made_now();
        let question = Question {
            payer: &self.payer,
            ..stages::analyst(&self.brand, &prompt)
        };
        let (started, mut usage) = (Instant::now(), Usage::default());
        let claims = model.ask(&question, Timestamp::now(), &mut usage).await?;
        Ok(Took {
            says_nothing: claims.claims.is_empty(),
            ..took(started, usage)
        })
    }

    /// Asks the strategist's question.
    pub async fn strategist(&self, model: &OpenRouter, lang: Lang) -> Result<Took, CallError> {
        let year = calendar::year_from(day_in_iran(Timestamp::now()));
        let brief = Brief {
            lang,
            year: &year,
            rules: &[],
        };
        let prompt = stages::strategist_prompt(&self.brand, &brief, &Facts::default(), &[0; 32])
            + &Self::made_now();
        let question = Question {
            payer: &self.payer,
            ..stages::strategist(&self.brand, lang, &prompt)
        };
        let (started, mut usage) = (Instant::now(), Usage::default());
        model.ask(&question, Timestamp::now(), &mut usage).await?;
        Ok(took(started, usage))
    }

    /// Searches once. Returns how many pages were found.
    pub async fn search(&self, tavily: &Tavily) -> Result<(usize, Took), CallError> {
        let started = Instant::now();
        let found = tavily.search(QUERY, Timestamp::now(), &self.payer).await?;
        let took = Took {
            time: started.elapsed(),
            usd: found.cost.usd,
            ..Took::default()
        };
        Ok((found.pages.len(), took))
    }
}

fn took(started: Instant, usage: Usage) -> Took {
    Took {
        time: started.elapsed(),
        usd: usage.usd,
        models: usage.models,
        says_nothing: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_the_invented_brand_is_its_only_source() {
        let trial = Trial::new().unwrap();
        let sources = &trial.evidence.sources;
        assert_eq!(sources.len(), 1);
        assert!(sources[0].own && sources[0].text.contains("تهران"));
    }
}
