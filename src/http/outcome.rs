//! The outcome of one attempt: its cost in the ledger, its answer in the store, or why there is none.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::Span;

use super::{
    advice,
    call::{Answer, CallError, Price, Request, Service},
    failures::{CallFailure, Cause, FailureKind},
    obstacle::Obstacle,
    refusal::Refusal,
    response::{Reply, Verdict, is_error},
    transport::Unanswered,
};
use crate::{
    exit::Exit,
    money::{Cost, Usd},
    store::paid::{CachedResponse, Hold, RequestHash},
    text,
};

/// A call that may take this long is expected to be dear.
const LONG: Duration = Duration::from_mins(2);

/// Letters of a name that a service gives.
const NAME_LENGTH: usize = 60;

/// How one attempt ended.
pub(super) enum Attempt {
    /// An answer to what was sent then.
    Answer(Answer, Instant),
    /// Another host has brought the answer meanwhile.
    Kept(CachedResponse),
    Again(CallFailure),
    Refused(Refusal),
}

/// A call without a reply. What never reached the service cost nothing; the cost of everything else is unknown.
pub(super) async fn not_answered(
    Unanswered {
        why,
        sent: reached,
        timed_out,
        obstacle,
    }: Unanswered,
    request: &Request,
    sent: Instant,
    hold: Option<Hold>,
) -> Result<CallFailure, CallError> {
    if !reached {
        release(hold).await?;
    }
    let host = request.url.host_str().unwrap_or_default();
    Ok(CallFailure {
        misplaced: obstacle.is_some_and(Obstacle::is_another),
        why: if reached {
            why
        } else {
            format!("{host} cannot be reached: {why}")
        },
        after: None,
        kind: match (reached, timed_out) {
            (false, _) => FailureKind::OfService,
            (true, false) => FailureKind::OfRequest,
            // What takes a minute is asked again without much loss.
            (true, true) if request.timeout < LONG => FailureKind::OfRequest,
            (true, true) => FailureKind::TimedOut,
        },
        cause: match (reached, timed_out) {
            (false, _) => Cause::Unreached(obstacle),
            (true, false) => Cause::Lost,
            (true, true) => Cause::TimedOut,
        },
        sent,
    })
}

/// Puts what a reply cost into the ledger, and a good answer into the store, before anything is done with it. The cost is
/// `None` where it is unknown.
pub(super) async fn book(
    request: &Request,
    price: &Price,
    reply: &Reply,
    verdict: Verdict,
    body: String,
    hold: Hold,
    hash: RequestHash,
) -> anyhow::Result<(Timestamp, Option<Cost>)> {
    let at = now_in_milliseconds()?;
    let good = matches!(verdict, Verdict::Good);
    match billed(price, reply, good) {
        // The hold stays in the ledger until the service's own figures say more.
        None => Ok((at, None)),
        Some(cost) if good || cost != Cost::default() => {
            let payer = Some(request.payer.clone());
            hold.settle(
                hash,
                CachedResponse {
                    body,
                    at,
                    cost,
                    payer,
                },
                good,
            )
            .await?;
            Ok((at, Some(cost)))
        }
        Some(nothing) => {
            hold.release().await?;
            Ok((at, Some(nothing)))
        }
    }
}

/// What a reply cost; `None` where it is unknown.
fn billed(price: &Price, reply: &Reply, good: bool) -> Option<Cost> {
    let nothing = Some(Cost::default());
    let answered = (200..=299).contains(&reply.status);
    let Some(json) = &reply.json else {
        // A proxy that lost patience, or put its own page in the place of the answer, does not know.
        let lost = answered || matches!(reply.status, 408 | 504 | 524);
        return if lost { None } else { nothing };
    };
    if !answered {
        // A service that says that it failed bills nothing.
        return nothing;
    }
    match (price.cost)(json) {
        Some(cost) => Some(cost),
        None if good => Some(Cost {
            usd: price.worst,
            credits: 0,
        }),
        None if is_error(json) => nothing,
        None => None,
    }
}

/// What one attempt came to.
pub(super) fn conclude(
    reply: Reply,
    verdict: Verdict,
    (at, cost): (Timestamp, Option<Cost>),
    hash: RequestHash,
    sent: Instant,
) -> Attempt {
    let is_billed = cost.is_some_and(|cost| cost != Cost::default());
    // What a refusal may have cost counts as that.
    let may_be_billed = is_billed || cost.is_none();
    let cost = cost.unwrap_or_default();
    let kind = match (verdict, reply.code()) {
        (Verdict::Good, _) => {
            let answer = Answer {
                json: reply.json.unwrap_or_default(),
                file: reply.file,
                at,
                cost,
                waited: Duration::ZERO,
                hash,
                replayed: false,
                wire: None,
                span: Span::current(),
            };
            return Attempt::Answer(answer, sent);
        }
        (Verdict::Request(_) | Verdict::Run(_), _) => {
            return Attempt::Refused(Refusal::of(reply, verdict, may_be_billed));
        }
        (Verdict::Hollow, _) => FailureKind::Hollow { billed: is_billed },
        (Verdict::Transient, 503) if is_loading(&reply.message) => FailureKind::Loading,
        (Verdict::Transient, 429 | 503 | 529) => FailureKind::OfService,
        (Verdict::Transient, _) => FailureKind::OfRequest,
    };
    Attempt::Again(CallFailure {
        // An answer came, and it is none of this service.
        misplaced: (200..=299).contains(&reply.code()),
        cause: Cause::Reply(reply.code()),
        why: reply.message,
        after: reply.retry_after,
        kind,
        sent,
    })
}

/// Whether a server says that it reads its model into memory, which takes minutes.
fn is_loading(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("loading") || message.contains("warming up") || message.contains("starting up")
}

/// The error of a service that stayed unavailable, for this reason.
pub(super) fn unavailable(service: &Service, cause: Cause, why: &str) -> CallError {
    CallError::Run {
        exit: Exit::Unavailable,
        status: match cause {
            Cause::Reply(status) => Some(status),
            _ => None,
        },
        service: service.name,
        message: format!("{why} ({} failures in a row)", service.gate.failures()),
        remedy: advice::of_outage(cause, service.address),
    }
}

/// The error of a call that was billed at more than was set aside for it. The price is not what was agreed, so nothing bounds
/// what the next call would cost.
pub(super) fn billed_too_much(
    service: &Service,
    request: &Request,
    price: &Price,
    billed: Usd,
    reply: &Reply,
) -> CallError {
    let said = |name: &str| {
        let said = reply.json.as_ref()?.get(name)?.as_str()?;
        let said = text::shorten(&text::clean(said), NAME_LENGTH);
        (!said.is_empty()).then_some(said)
    };
    let by = said("provider").map_or_else(|| "it".into(), |name| format!("its provider {name}"));
    let model = said("model").or_else(|| request.model.clone());
    let of = model.map_or_else(String::new, |model| format!(" of the model {model}"));
    CallError::Run {
        exit: Exit::Budget,
        status: None,
        service: service.name,
        message: format!(
            "{by} billed {billed} for {}{of}, and at most {} was agreed",
            request.what, price.worst
        ),
        remedy: match request.model {
            Some(_) => "Nothing more is bought at a price that nobody knows. Ask the service why, choose another --model, or put the real prices into OPENROUTER_PRICES; what was paid for is kept and used by the next run".into(),
            None => "Nothing more is bought at a price that nobody knows. Ask the service why, or put what a credit costs into TAVILY_CREDIT_USD; what was paid for is kept and used by the next run".into(),
        },
    }
}

async fn release(hold: Option<Hold>) -> anyhow::Result<()> {
    match hold {
        Some(hold) => hold.release().await,
        None => Ok(()),
    }
}

/// Now, as exactly as the store keeps it.
pub(super) fn now_in_milliseconds() -> Result<Timestamp, jiff::Error> {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond())
}
