//! The client of all services: every outgoing call replays a paid answer, or waits for the rate limiter, reserves its
//! budget, is sent and classified, and its answer is stored with its cost; or it waits and tries again.

mod admission;
mod exchange;

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use tokio::{sync::Mutex as FairMutex, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::Span;

use self::{admission::Turn, exchange::Replied};
use super::{
    adaptive_rate::RateRefusal,
    call::{Answer, CallError, Request, Service},
    confirmation::Confirmation,
    exchanges::{Exchange, Exchanges},
    failures::{Cause, FailureKind, Failures},
    outcome::{
        Attempt, billed_too_much, book, conclude, not_answered, now_in_milliseconds, unavailable,
    },
    patience::Waits,
    rate_limiter::LONGEST_REQUESTED,
    refusal::{Fallback, Refusal, Sent},
    response::Verdict,
    successes::Successes,
    transport::Transport,
};
use crate::{
    error_kind::ErrorKind,
    event::{Event, Events},
    http::clock::Clock,
    money::Cost,
    span::{self, Spent},
    store::paid::{CachedResponse, Paid, RequestHash},
    text::secrets::Secrets,
};

/// How long a refusal that would end the run is doubted, where the service has answered before: it is asked so often
/// again, apart.
const DOUBTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Sends calls for a run.
#[derive(Clone, Debug)]
pub struct HttpClient {
    transport: Arc<dyn Transport>,
    paid: Arc<Paid>,
    events: Events,
    stop: CancellationToken,
    secrets: Secrets,
    exchanges: Exchanges,
    /// How many times faster than reality time passes.
    speed: f64,
    clock: Clock,
    waits: Waits,
    doubts: Confirmation,
    successes: Arc<Successes>,
    /// Paid requests in flight: an identical one waits for the answer of the first.
    in_flight: Arc<Mutex<HashMap<RequestHash, Weak<FairMutex<()>>>>>,
}

impl HttpClient {
    /// A caller that stops sending when `stop` is cancelled.
    pub fn new(
        transport: Arc<dyn Transport>,
        paid: Arc<Paid>,
        events: Events,
        stop: CancellationToken,
        secrets: Secrets,
        speed: f64,
    ) -> Self {
        Self {
            transport,
            paid,
            events,
            stop,
            secrets,
            exchanges: Exchanges::default(),
            speed,
            clock: Clock::default(),
            waits: Waits::SHORT,
            doubts: Confirmation::default(),
            successes: Arc::default(),
            in_flight: Arc::default(),
        }
    }

    /// The same caller, for calls that have to be made while the run winds down.
    pub fn unstoppable(&self) -> Self {
        Self {
            stop: CancellationToken::new(),
            ..self.clone()
        }
    }

    /// The same caller, as patient as a run is.
    #[must_use]
    pub fn with_waits(self, waits: Waits) -> Self {
        Self { waits, ..self }
    }

    /// The same caller, by another transport.
    pub fn over(&self, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            ..self.clone()
        }
    }

    /// The same caller, which keeps exchanges that go wrong.
    #[must_use]
    pub fn keeping(self, exchanges: Exchanges) -> Self {
        Self { exchanges, ..self }
    }

    /// Keeps the exchange of an answer that nobody could read.
    pub fn unread(&self, wire: Option<Arc<Exchange>>, why: &str) {
        if let Some(wire) = wire {
            self.exchanges.keep(Arc::unwrap_or_clone(wire).because(why));
        }
    }

    /// Marks an answer as unusable, and keeps the exchange that brought it.
    pub async fn reject(
        &self,
        hash: RequestHash,
        wire: Option<Arc<Exchange>>,
        why: &str,
    ) -> anyhow::Result<()> {
        self.unread(wire, why);
        self.paid.reject(hash).await
    }

    /// Where the user is told what happens.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// How many times faster than reality time passes.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// This machine's clock, beside those of the services.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What services have answered in this run.
    pub fn successes(&self) -> &Arc<Successes> {
        &self.successes
    }

    /// The store of paid answers.
    pub fn paid(&self) -> &Arc<Paid> {
        &self.paid
    }

    /// What must not be shown; tokens that services give out are added here.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Brings the answer to a request, from the store where it was paid for after `since`, else from the service.
    pub async fn send(
        &self,
        service: &Service,
        request: &Request,
        since: Timestamp,
    ) -> Result<Answer, CallError> {
        match self.ask(service, request, since, Fallback::None).await? {
            Sent::Answer(answer) => Ok(answer),
            Sent::Refused(refusal) => Err(self.final_error(service, request, refusal)),
        }
    }

    /// The error of a refusal after which nothing else can be asked.
    pub fn final_error(&self, service: &Service, request: &Request, refusal: Refusal) -> CallError {
        let error = refusal.into_error(service, request);
        if request.price.is_some() && matches!(error, CallError::Run { .. }) {
            // Nothing more can be paid for: calls that wait need not find that out one by one.
            self.stop.cancel();
        }
        error
    }

    /// As [`Self::send`]; a refusal is handed back, for the caller may have another way to ask.
    pub async fn ask(
        &self,
        service: &Service,
        request: &Request,
        since: Timestamp,
        fallback: Fallback,
    ) -> Result<Sent, CallError> {
        let span = span::call(service.name, &request.what, request.model.as_deref());
        // In a box, because many of them stand in one future.
        let work = Box::pin(self.find_or_send(service, request, since, fallback));
        let result = span::measure(span.clone(), work).await;
        if let Ok(Sent::Answer(answer)) = &result {
            let spent = Spent {
                usd: answer.cost.usd,
                credits: answer.cost.credits,
                waited: answer.waited,
                ..Spent::default()
            };
            spent.record(&span);
        }
        result
    }

    async fn find_or_send(
        &self,
        service: &Service,
        request: &Request,
        since: Timestamp,
        fallback: Fallback,
    ) -> Result<Sent, CallError> {
        let hash = request.hash(service);
        let turn = self.turn(hash);
        let _turn = match request.price {
            Some(_) => Some(turn.lock().await),
            None => None,
        };
        // What hosts share is looked through when money is set aside; before that only where the way there is barred.
        let look = self.paid.turns().is_none() || service.gate.is_barred();
        if request.price.is_some()
            && look
            && let Some(kept) = self.paid.find(hash, since).await?
        {
            return self.replay(service, request, &kept, hash).map(Sent::Answer);
        }
        let mut failures = Failures::none();
        let sent =
            self.send_until_answered(service, request, (hash, since), fallback, &mut failures);
        let answer = sent.await;
        if failures.count() > 0 {
            Span::current().record("retries", failures.count());
            if let Ok(Sent::Answer(_)) = &answer {
                self.exchanges.answered(service, request);
            }
        }
        if request.price.is_some() && matches!(answer, Err(CallError::Run { .. })) {
            // Nothing more can be paid for: calls that wait need not find that out one by one.
            self.stop.cancel();
        }
        answer
    }

    /// Gives out an answer that was paid for before.
    fn replay(
        &self,
        service: &Service,
        request: &Request,
        kept: &CachedResponse,
        hash: RequestHash,
    ) -> Result<Answer, CallError> {
        let shared = kept
            .payer
            .as_ref()
            .is_some_and(|payer| *payer != request.payer);
        let cost = if shared { Cost::default() } else { kept.cost };
        self.say_done(service, true, cost);
        Ok(Answer {
            json: serde_json::from_str(&kept.body).map_err(anyhow::Error::from)?,
            file: Vec::new(),
            at: kept.at,
            cost,
            waited: Duration::ZERO,
            hash,
            replayed: true,
            wire: self.wire(service, request, (200, &HeaderMap::new(), &kept.body)),
            span: Span::current(),
        })
    }

    async fn send_until_answered(
        &self,
        service: &Service,
        request: &Request,
        (hash, since): (RequestHash, Timestamp),
        fallback: Fallback,
        failures: &mut Failures,
    ) -> Result<Sent, CallError> {
        let (mut cause, mut why) = (Cause::Lost, String::new());
        let (mut again, mut doubt) = (DOUBTS.into_iter(), None);
        loop {
            if request.price.is_some() && doubt.is_none() {
                self.unless_stopped(self.doubts.none()).await?;
            }
            let failure = match self.attempt(service, request, hash, since).await {
                Ok(Attempt::Again(failure)) => failure,
                Ok(Attempt::Kept(kept)) => {
                    return self.replay(service, request, &kept, hash).map(Sent::Answer);
                }
                Ok(Attempt::Refused(refusal))
                    if self.waits.allow_doubts()
                        && refusal.may_pass(service, request)
                        && let Some(wait) = again.next() =>
                {
                    doubt.get_or_insert_with(|| self.doubts.begin());
                    let wait = wait.div_f64(self.speed);
                    self.say_again(service, request, &refusal.message, wait);
                    self.unless_stopped(sleep(wait)).await?;
                    continue;
                }
                Ok(Attempt::Refused(refusal)) => {
                    return match refusal.ends_the_run(fallback) {
                        true => Err(refusal.into_error(service, request)),
                        false => Ok(Sent::Refused(refusal)),
                    };
                }
                Ok(Attempt::Answer(mut answer, sent)) => {
                    answer.waited = sent.duration_since(failures.begun());
                    self.say_done(service, false, answer.cost);
                    return Ok(Sent::Answer(answer));
                }
                // Lost calls have used the budget up, and it is the service that lost them.
                Err(CallError::Budget { .. })
                    if failures.count() > 0 && service.gate.seems_down() =>
                {
                    return Err(unavailable(service, cause, &why));
                }
                Err(error) => return Err(error),
            };
            failures.add(&failure, service);
            if let Some(kind) = failures.is_its_own() {
                let message = format!("{} ({} times)", failure.why, failures.count());
                return Ok(Sent::Refused(Refusal::without_answer(kind, message)));
            }
            let wait = match failure.kind {
                // The service answers; what is odd is this answer.
                FailureKind::Hollow { .. } => Duration::ZERO,
                // It answers others.
                FailureKind::Isolated => failure
                    .after
                    .map_or(Duration::ZERO, |wait| service.gate.requested(wait)),
                _ => service.gate.failed(failure.sent, failure.after),
            };
            let wait = wait.max(service.gate.back_off(failures.count() - 1));
            (cause, why) = (failure.cause, failure.why);
            match fallback {
                Fallback::AnotherModel if failures.are_enough(self.speed, wait) => {
                    let kind = ErrorKind::NoAnswer;
                    return Ok(Sent::Refused(Refusal::without_answer(kind, why)));
                }
                Fallback::None | Fallback::BrandFails
                    if failures.exhaust(
                        service,
                        request.patience,
                        &self.waits,
                        self.speed,
                        wait,
                    ) =>
                {
                    return Err(unavailable(service, cause, &why));
                }
                _ => {}
            }
            self.say_again(service, request, &why, wait);
            self.unless_stopped(sleep(wait)).await?;
        }
    }

    async fn attempt(
        &self,
        service: &Service,
        request: &Request,
        hash: RequestHash,
        since: Timestamp,
    ) -> Result<Attempt, CallError> {
        let (pass, hold) = match self.admit(service, request, hash, since).await? {
            Turn::Send(pass, hold) => (pass, hold),
            Turn::Kept(kept) => return Ok(Attempt::Kept(kept)),
        };
        let sent = pass.at;
        // From here on the call may be billed, so it is waited for even when the run winds down.
        let Replied {
            reply,
            text,
            raw,
            headers,
        } = match self.exchange(service, request).await {
            Ok(replied) => replied,
            Err(error) => {
                if self.exchanges.are_kept() {
                    let lost = Exchange::unanswered(service, request, &self.secrets, &error);
                    self.exchanges.keep(lost);
                }
                drop(pass);
                let failure = not_answered(error, request, sent, hold).await;
                return failure.map(Attempt::Again);
            }
        };
        if let Some((left, time)) = reply.allowance {
            service.gate.allow(left, time, sent);
        }
        let refused = reply.is_one_too_many().then(|| service.gate.refused(sent));
        if let (Some(wait), Some(slot), Some(turns)) =
            (reply.retry_after, service.gate.slot(), self.paid.turns())
            && refused != Some(RateRefusal::Isolated)
        {
            let wait = wait.min(LONGEST_REQUESTED).div_f64(self.speed);
            turns.pause(slot, wait).await?;
        }
        let verdict = (service.classify)(&reply);
        let came = (reply.status, &headers, raw.as_deref().unwrap_or(&text));
        let is_good = matches!(verdict, Verdict::Good);
        if !is_good {
            self.keep(service, request, came, &reply.message);
        }
        let wire = is_good.then(|| self.wire(service, request, came)).flatten();
        let (at, cost) = match (&request.price, hold) {
            (Some(price), Some(hold)) => {
                book(request, price, &reply, verdict, text, hold, hash).await?
            }
            _ => (
                now_in_milliseconds().map_err(anyhow::Error::from)?,
                Some(Cost::default()),
            ),
        };
        if let (Some(price), Some(cost)) = (&request.price, cost)
            && price.agreed
            && cost.usd > price.worst
        {
            // It is booked and kept; nothing more is bought at such prices.
            let error = billed_too_much(service, request, price, cost.usd, &reply);
            self.unread(wire, &error.to_string());
            return Err(error);
        }
        let mut attempt = conclude(reply, verdict, (at, cost), hash, sent);
        if let (Attempt::Again(failure), Some(RateRefusal::Isolated)) = (&mut attempt, refused) {
            failure.kind = FailureKind::Isolated;
        }
        if let Attempt::Answer(answer, _) = &mut attempt {
            answer.wire = wire;
            service.gate.succeeded(sent);
            // A page that costs nothing answers whether or not the service would do its work.
            if request.price.is_some() {
                self.successes.note(service.name, request.kind(), sent);
            }
        }
        Ok(attempt)
    }

    /// Does something unless the run winds down before it is done.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, CallError> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(CallError::Stopped),
            done = work => Ok(done),
        }
    }

    fn turn(&self, hash: RequestHash) -> Arc<FairMutex<()>> {
        let mut turns = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&hash).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(hash, Arc::downgrade(&turn));
        turn
    }

    fn say_again(&self, service: &Service, request: &Request, why: &str, wait: Duration) {
        self.events.say(Event::CallRetried {
            service: service.name,
            what: request.what.clone(),
            why: why.to_owned(),
            wait,
        });
    }

    fn say_done(&self, service: &Service, replayed: bool, cost: Cost) {
        Span::current().record("replayed", replayed);
        self.events.say(Event::CallDone {
            service: service.name,
            replayed,
            cost,
        });
    }
}
