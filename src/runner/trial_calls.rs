//! The trial calls that `check` and `init` make besides what is free: one question of each stage and one search, the
//! only proof that a run would be answered.

use super::{
    errors::call_failure,
    preflight::{PreflightFinding, PreflightResult},
    refusal_policy::BrandRefusal,
};
use crate::{
    exit::{Exit, Failure, OrExit},
    http::call::CallError,
    llm::{OpenRouter, Step},
    research::trial::{Took, Trial},
    search::tavily::{self, Tavily},
    text::lang::Lang,
};

/// What is said before anything is asked that costs.
pub const ABOUT_A_CENT: &str =
    "one small question of each stage and one search are asked now, for about a cent";

/// Asks both services, at the same time, and says what came of it. Each has a caller of its own: where one refuses, the
/// other is asked all the same.
pub async fn ask(
    openrouter: &OpenRouter,
    tavily: &Tavily,
    lang: Lang,
) -> Result<Vec<PreflightFinding>, Failure> {
    let trial = Trial::new().or_exit(Exit::Machine)?;
    let model = async {
        let slug = &openrouter.model().slug;
        let analyst = trial.analyst(openrouter).await;
        let answers = analyst.is_ok();
        let of = |what, stage, asked| of_model(what, slug, openrouter.step(stage), asked);
        let mut findings = vec![of("model, analyst", "analyst", analyst)];
        // A model that refuses the first question is not asked another one.
        if answers {
            let strategist = trial.strategist(openrouter, lang).await;
            findings.push(of("model, strategist", "strategist", strategist));
        }
        findings
    };
    let (mut findings, search) = tokio::join!(model, trial.search(tavily));
    findings.push(of_search(search));
    Ok(findings)
}

fn of_model(
    what: &'static str,
    slug: &str,
    step: Step,
    asked: Result<Took, CallError>,
) -> PreflightFinding {
    let result = asked.map_err(failure).map(|took| {
        let words = format!("{} ({step}) {}", model(slug, &took), cost(&took));
        match took.says_nothing {
            true => PreflightResult::Doubt(format!(
                "{words}, but found nothing in a page of two sentences: its reports may be empty"
            )),
            false => PreflightResult::Fine(words),
        }
    });
    PreflightFinding { what, result }
}

/// The model that was asked for, and the one that answered where that is another.
fn model(slug: &str, took: &Took) -> String {
    let other = took.models.iter().find(|model| *model != slug);
    match other {
        Some(other) => format!("{slug} answered as {other}"),
        None => format!("{slug} answered"),
    }
}

fn cost(took: &Took) -> String {
    format!("in {:.1} s for {}", took.time.as_secs_f64(), took.usd)
}

fn of_search(asked: Result<(usize, Took), CallError>) -> PreflightFinding {
    let result = asked.map_err(failure).map(|(pages, took)| {
        let words = format!("found {pages} pages {}", cost(&took));
        match pages {
            0 => PreflightResult::Doubt(format!(
                "{words}: is it a search service that answers there?"
            )),
            _ => PreflightResult::Fine(words),
        }
    });
    PreflightFinding {
        what: "search",
        result,
    }
}

/// A question that was not answered, without the words about rows that a batch would say of it.
fn failure(error: CallError) -> Failure {
    let CallError::Request {
        service, message, ..
    } = &error
    else {
        return call_failure(error);
    };
    let words = message.split_once("»: ").map_or(&**message, |(_, w)| w);
    let refusal = BrandRefusal::of(&error);
    let exit = refusal
        .as_ref()
        .map_or(Exit::Unavailable, BrandRefusal::exit);
    let verb = match refusal {
        Some(_) => "refused a harmless question",
        None => "gave no answer that can be read",
    };
    let remedy = match *service {
        tavily::NAME => {
            "check the address in TAVILY_BASE_URL and the account at https://app.tavily.com"
        }
        _ => {
            "choose another --model, or check the address in OPENROUTER_BASE_URL, the key and the account"
        }
    };
    Failure::new(
        exit,
        format!("{service} {verb}: {words}. Every brand would meet the same: {remedy}"),
    )
}
