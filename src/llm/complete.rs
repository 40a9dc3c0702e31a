//! The completion of one question: which model is asked, in which form, and what follows from a refusal.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::Method;

use super::{
    OpenRouter, Question,
    answer::{Completion, Finish},
    candidate::{Consequence, ModelCandidate},
    request::{Asked, Form, Message},
    time_for,
    usage::{ChatUsage, Usage},
};
use crate::{
    error_kind::ErrorKind,
    http::{
        call::{Answer, Body, CallError, Price, Request},
        exchanges::Exchange,
        patience::CallPatience,
        refusal::{Fallback, Refusal, Sent},
    },
    money::{Cost, Usd},
    store::paid::RequestHash,
};

/// How long others wait while one question finds out how a schema can be asked for: a refusal comes at once, an answer takes
/// longer.
const FOR_A_REFUSAL: Duration = Duration::from_secs(10);

/// A brand is paid for at most this often where answers about it are refused.
const BLOCKED_TRIES: u32 = 2;

/// An answer cut at less than this share of what was allowed met another limit.
const MET_ANOTHER_LIMIT: f64 = 0.8;

/// An answer that was read.
pub(super) struct CompletionText {
    pub text: String,
    pub hash: RequestHash,
    /// The exchange that brought it.
    pub wire: Option<Arc<Exchange>>,
}

/// An answer, and in which form it was asked for.
struct Answered<'a> {
    answer: Answer,
    /// The model that was asked.
    slug: &'a str,
    form: Form,
}

/// A question, as far as sending it goes.
struct Sending<'a> {
    what: String,
    payer: &'a str,
    name: &'static str,
    schema: &'static serde_json::Value,
    messages: &'a [Message<'a>],
    max_tokens: u32,
    since: Timestamp,
}

impl Sending<'_> {
    fn asked<'b>(&'b self, candidate: &'b ModelCandidate) -> Asked<'b> {
        Asked {
            model: &candidate.model.slug,
            messages: self.messages,
            name: self.name,
            schema: self.schema,
            max_tokens: self.max_tokens,
        }
    }
}

impl OpenRouter {
    /// A whole answer. One that is cut is asked for once more with twice the length, unless that would not help.
    pub(super) async fn complete<T>(
        &self,
        question: &Question<'_, T>,
        messages: &[Message<'_>],
        since: Timestamp,
        usage: &mut Usage,
    ) -> Result<CompletionText, CallError> {
        let mut cut = Vec::new();
        let mut why = String::new();
        for max_tokens in [question.max_tokens, question.max_tokens * 2] {
            let sending = Sending {
                what: question.what(),
                payer: question.payer,
                name: question.name,
                schema: question.schema,
                messages,
                max_tokens,
                since,
            };
            let Answered { answer, slug, form } = self.ask_models(&sending).await?;
            self.count(&answer, slug, usage);
            let completion = match Completion::read(&answer.json) {
                Ok(completion) => completion,
                Err(missing) => {
                    self.caller.unread(answer.wire, &missing);
                    return Err(self.failed(question, ErrorKind::BadAnswer, &missing));
                }
            };
            if completion.finish != Finish::Length {
                return Ok(CompletionText {
                    text: completion.text,
                    hash: answer.hash,
                    wire: answer.wire,
                });
            }
            cut.push((answer.hash, answer.wire));
            let hopeless = hopeless(&completion, &form, max_tokens);
            why = hopeless.clone().unwrap_or_else(|| {
                "the answer was cut off at its greatest length, twice".to_owned()
            });
            if hopeless.is_some() {
                break;
            }
        }
        for (hash, wire) in cut {
            self.caller.reject(hash, wire, &why).await?;
        }
        Err(self.failed(question, ErrorKind::Cut, &why))
    }

    /// Takes down what an answer used, and says once where a server does not say it.
    fn count(&self, answer: &Answer, slug: &str, usage: &mut Usage) {
        usage.add(answer, slug);
        let is_silent = ChatUsage::read(&answer.json).is_silent();
        if is_silent && !answer.replayed && !self.said_silent.swap(true, Ordering::Relaxed) {
            let host = self.base.host_str().unwrap_or_default();
            self.caller.events().warn(match self.has_prices() {
                true => format!("{host} does not say what its answers use: each counts as the most that it can cost"),
                false => format!("{host} does not say what its answers use: tokens and cost of the models are not counted"),
            });
        }
    }

    /// Asks the models of the list, one after the other, until one answers.
    async fn ask_models(&self, sending: &Sending<'_>) -> Result<Answered<'_>, CallError> {
        let order = self.order(sending).await?;
        let mut blocked = 0;
        let mut worst: Option<(Refusal, usize)> = None;
        for (place, candidate) in order.iter().enumerate() {
            let others = &order[place + 1..];
            let fallback = match (others, &worst) {
                ([_, ..], _) => Fallback::AnotherModel,
                // What refuses this brand alone does not end the run because the last model is not there.
                ([], Some((refusal, _))) if Consequence::of(refusal) == Consequence::ThisBrand => {
                    Fallback::BrandFails
                }
                ([], _) => Fallback::None,
            };
            let refusal = match self.ask_one(sending, candidate, others, fallback).await? {
                Ok(answered) => return Ok(answered),
                Err(refusal) => refusal,
            };
            blocked += u32::from(refusal.kind == ErrorKind::Blocked && refusal.billed);
            let consequence = Consequence::of(&refusal);
            let tried_enough = blocked >= BLOCKED_TRIES || refusal.kind == ErrorKind::BadAnswer;
            let is_news = !others.is_empty() && candidate.leave(consequence, self.caller.speed());
            if let (true, Some(next)) = (is_news, others.first()) {
                let told =
                    consequence.told(&candidate.model.slug, &next.model.slug, &refusal.message);
                self.caller.events().warn(told);
            }
            let is_of_brand =
                |refusal: &Refusal| Consequence::of(refusal) == Consequence::ThisBrand;
            if worst.as_ref().is_none_or(|(known, _)| !is_of_brand(known)) {
                worst = Some((refusal, place));
            }
            if tried_enough {
                break;
            }
        }
        // There is at least one model, and each has answered or refused.
        let Some((refusal, place)) = worst else {
            return Err(anyhow::anyhow!("no model was asked").into());
        };
        let request = self.request(sending, order[place], &[], &Form::SAFE)?;
        Err(self.caller.final_error(&self.service, &request, refusal))
    }

    /// The models in the order in which they are asked: first one whose answer is kept, then those that are there.
    async fn order(&self, sending: &Sending<'_>) -> Result<Vec<&ModelCandidate>, CallError> {
        let there = self
            .candidates
            .iter()
            .filter(|candidate| candidate.is_there());
        let mut order: Vec<&ModelCandidate> = there.collect();
        if order.is_empty() {
            order.extend(self.candidates.last());
        }
        if let [_, _, ..] = self.candidates.as_slice() {
            for candidate in &self.candidates {
                let request = self.request(sending, candidate, &[], &Form::SAFE)?;
                let hash = request.hash(&self.service);
                if self
                    .caller
                    .paid()
                    .find(hash, sending.since)
                    .await?
                    .is_some()
                {
                    order.retain(|other| !std::ptr::eq(*other, candidate));
                    order.insert(0, candidate);
                    break;
                }
            }
        }
        Ok(order)
    }

    /// Asks one model, in every form that is left of the question.
    async fn ask_one<'a>(
        &self,
        sending: &Sending<'_>,
        candidate: &'a ModelCandidate,
        others: &[&ModelCandidate],
        fallback: Fallback,
    ) -> Result<Result<Answered<'a>, Refusal>, CallError> {
        let ladder = &candidate.ladder;
        let slug = &candidate.model.slug;
        let wait = FOR_A_REFUSAL.div_f64(self.caller.speed());
        // Dropped when the answer is there, or when there will be none.
        let _turn = match self.is_kept(sending, candidate).await? {
            true => None,
            false => {
                self.caller
                    .unless_stopped(ladder.turn(sending.name, wait))
                    .await?
            }
        };
        let mut form = ladder.form(sending.name);
        let mut first = None;
        let mut told_later = None;
        loop {
            let request = self.request(sending, candidate, others, &form)?;
            let sent = self
                .caller
                .ask(&self.service, &request, sending.since, fallback);
            let refusal = match sent.await? {
                Sent::Answer(answer) => {
                    if !answer.replayed
                        && ladder.answered(sending.name, &form)
                        && let Some(told) = told_later
                    {
                        self.caller.events().warn(told);
                    }
                    return Ok(Ok(Answered { answer, slug, form }));
                }
                Sent::Refused(refusal) => refusal,
            };
            let Some(next) = ladder.refused(slug, sending.name, &form, &refusal) else {
                // The first says what is the matter with the form; what is not about that counts for itself.
                let of_form = matches!(refusal.kind, ErrorKind::Refused | ErrorKind::Rejected);
                let first = first.filter(|_| of_form && refusal.trouble.is_none());
                return Ok(Err(first.unwrap_or(refusal)));
            };
            if let Some(told) = next.told {
                self.caller.events().warn(told);
            }
            told_later = next.told_later.or(told_later);
            form = next.form;
            first.get_or_insert(refusal);
        }
    }

    /// Whether an answer is at hand without asking. What hosts share is looked through when the turn has come.
    async fn is_kept(
        &self,
        sending: &Sending<'_>,
        candidate: &ModelCandidate,
    ) -> Result<bool, CallError> {
        let paid = self.caller.paid();
        if paid.turns().is_some() {
            return Ok(false);
        }
        let request = self.request(sending, candidate, &[], &Form::SAFE)?;
        let kept = paid
            .find(request.hash(&self.service), sending.since)
            .await?;
        Ok(kept.is_some())
    }

    /// The request to one model in one form. What is set aside for it is enough for the dearest of those that may be asked in
    /// its place.
    fn request(
        &self,
        sending: &Sending<'_>,
        candidate: &ModelCandidate,
        others: &[&ModelCandidate],
        form: &Form,
    ) -> anyhow::Result<Request> {
        let asked = sending.asked(candidate);
        let prices = candidate.model.prices;
        let body = asked.body(form, prices)?;
        let length = form.length(sending.max_tokens);
        let worst = others
            .iter()
            .map(|other| other.model.prices)
            .chain([prices])
            .flatten()
            .map(|prices| prices.worst(body.len(), form.longest_billed(sending.max_tokens)))
            .max();
        Ok(Request {
            what: sending.what.clone(),
            model: Some(candidate.model.slug.clone()),
            method: Method::POST,
            url: crate::http::join(&self.base, ["chat", "completions"]),
            headers: self.headers.clone(),
            price: Some(Price {
                worst: worst.unwrap_or(Usd::ZERO),
                agreed: worst.is_some(),
                cost: Box::new(move |json| {
                    let usd = ChatUsage::read(json).cost(prices)?;
                    Some(Cost { usd, credits: 0 })
                }),
            }),
            body: Body::Question {
                sent: body,
                kept_as: asked.same()?,
            },
            timeout: time_for(length, self.terms.answer_time),
            patience: CallPatience::Run,
            payer: sending.payer.to_owned(),
        })
    }
}

/// Why a cut answer would be cut again with twice the length; `None` where it might not be.
fn hopeless(completion: &Completion, form: &Form, asked: u32) -> Option<String> {
    let allowed = form.length(asked);
    if completion.loops() {
        return Some("the model repeated itself until the answer was cut off".into());
    }
    let tokens = completion.tokens.filter(|tokens| *tokens > 0);
    #[expect(clippy::cast_precision_loss, reason = "tokens are far below 2^52")]
    let early = tokens.filter(|tokens| (*tokens as f64) < f64::from(allowed) * MET_ANOTHER_LIMIT);
    if let Some(tokens) = early {
        return Some(format!(
            "the answer was cut off at its greatest length, after {tokens} tokens although {allowed} were allowed: the model's \
             context is full, or it writes no more than that"
        ));
    }
    (form.length(asked * 2) == allowed).then(|| {
        format!("the answer was cut off at its greatest length, {allowed} tokens, which is all that the model can write")
    })
}
