//! The suspects of a run: brands that a service has refused, until it is known whether it refuses all.

use std::{future::pending, sync::Arc};

use tokio::{task::JoinHandle, time::Instant};

use super::{
    errors::BrandError,
    refusal_policy::{AT_START, Alike, BrandAdmission, BrandRefusal, Suspect, Suspects},
    scheduler::{BrandInWork, Scheduler, Supply},
    shutdown::End,
};
use crate::{
    exit::Failure,
    http::{call::CallError, successes::Successes},
    llm,
    research::{
        Research,
        trial::{Took, Trial},
    },
    search::tavily,
};

/// A harmless question on its way to the model.
pub type Asking = JoinHandle<Result<Took, CallError>>;

/// Brands in flight until a model has answered, where nothing but a call tells whether the server knows the key and the
/// model: one, so that a wrong setting costs the searches of one brand.
const UNTIL_PROVEN: usize = 1;

/// What is known of refusals in a run.
pub struct RefusalWatch {
    /// Brands that were refused, while nothing proves whose fault that is.
    suspects: Suspects<Box<BrandInWork>>,
    /// What services have answered in this run.
    pub successes: Arc<Successes>,
    /// A harmless question is being asked, to tell whether a refusal meets all brands.
    pub trial: Option<Asking>,
    /// The kinds of call for which that was done.
    tried: Vec<String>,
    /// Whether the server knows the key and lists the model, so that only a call can still be refused.
    lists_model: bool,
}

impl RefusalWatch {
    pub fn new(successes: Arc<Successes>, lists_model: bool) -> Self {
        Self {
            suspects: Suspects::default(),
            successes,
            trial: None,
            tried: Vec::new(),
            lists_model,
        }
    }

    /// Whether no brand is set aside and nothing is asked.
    pub fn is_settled(&self) -> bool {
        self.suspects.is_empty() && self.trial.is_none()
    }

    /// How many brands may be begun beside those in flight.
    pub fn room(&self, workers: usize, in_flight: usize) -> usize {
        if self.trial.is_some() {
            // The answer tells whether anything more is worth its searches.
            return 0;
        }
        let until_answered = match self.lists_model {
            true => AT_START,
            false => UNTIL_PROVEN,
        };
        let proven = self.successes.has_any(llm::NAME);
        let admission = BrandAdmission {
            workers,
            until_answered: (!proven).then_some(until_answered),
        };
        let answered = |refusal: &BrandRefusal| self.answered(refusal);
        self.suspects.room(in_flight, admission, answered)
    }

    fn answered(&self, refusal: &BrandRefusal) -> Option<Instant> {
        self.successes.last_sent(refusal.service, refusal.call())
    }

    /// Takes out those whose refusal was their own.
    fn take_cleared(&mut self) -> Vec<Suspect<Box<BrandInWork>>> {
        let successes = Arc::clone(&self.successes);
        let answered =
            |refusal: &BrandRefusal| successes.last_sent(refusal.service, refusal.call());
        self.suspects.take_cleared(answered)
    }

    /// The refusal that meets all brands.
    fn alike(&self) -> Option<Alike<'_>> {
        self.suspects.alike(|refusal| self.answered(refusal))
    }

    /// The kind of call for which a harmless question is to be asked before anything more is bought: at the first
    /// refusal where nothing but a call tells whether the server knows the model, and where as many brands as prove that
    /// all are refused were refused for their contents, which those of the next one may not be.
    fn trial_due(&self) -> Option<String> {
        let first = || self.suspects.first_of(llm::NAME);
        let unknown =
            |refusal: &&BrandRefusal| !self.lists_model && self.answered(refusal).is_none();
        let blocked = || {
            let alike = self.alike()?;
            let is_blocked = alike.refusal.service == llm::NAME && alike.all_blocked;
            is_blocked.then_some(alike.refusal)
        };
        let refusal = first().filter(unknown).or_else(blocked)?;
        let call = refusal.call().to_owned();
        (!self.tried.contains(&call)).then_some(call)
    }

    fn try_model(&mut self, call: String, research: Arc<Research>) {
        let Some(in_hand) = self.suspects.any() else {
            return;
        };
        let payer = in_hand.due.assignment.brand.key.clone();
        self.tried.push(call.clone());
        self.trial = Some(tokio::spawn(async move {
            let trial = Trial::new()?.paid_by(&payer);
            match &*call {
                "strategist" => trial.strategist(&research.openrouter, research.lang).await,
                _ => trial.analyst(&research.openrouter).await,
            }
        }));
    }
}

impl Scheduler<'_> {
    /// Sets a brand aside that was refused. Its worker is free.
    pub(super) fn suspect(&mut self, in_hand: BrandInWork, refusal: BrandRefusal) {
        let suspects = &mut self.refusals.suspects;
        suspects.add(refusal, Instant::now(), Box::new(in_hand));
    }

    /// How many brands may be begun now.
    pub(super) fn room(&self) -> usize {
        let workers = self.context.options.batch.workers;
        self.refusals.room(workers, self.pool.len())
    }

    /// Puts those on record whose refusal was their own, and ends the run where a refusal meets all.
    pub(super) fn weigh_refusals(&mut self) {
        let ended = self.shutdown.is_broken_off() || self.shutdown.is_stopped();
        if ended || self.refusals.suspects.is_empty() {
            return;
        }
        for suspect in self.refusals.take_cleared() {
            self.fail_refused(*suspect.held, &suspect.refusal);
        }
        if self.refusals.trial.is_some() {
            return;
        }
        if let Some(call) = self.refusals.trial_due() {
            return self.refusals.try_model(call, Arc::clone(&self.research));
        }
        if matches!(self.shutdown.end(), End::Complete | End::TimeUp(_))
            && let Some(alike) = self.refusals.alike()
        {
            let failure = self.refused_alike(&alike);
            self.give_up(failure);
        }
    }

    /// An answer clears all that were refused before it; a refusal meets everything.
    pub(super) fn trial_ended(&mut self, answer: Result<Took, BrandError>) {
        self.refusals.trial = None;
        match answer {
            // It may be needed again when others are refused later.
            Ok(_) => self.refusals.tried.clear(),
            // Others were answered meanwhile: it is the harmless question that was refused.
            Err(BrandError::Refused(_)) if self.refusals.suspects.is_empty() => {}
            Err(BrandError::Refused(refusal)) => {
                let alike = Alike {
                    refusal: &refusal,
                    brands: self.refusals.suspects.len(),
                    answered_before: self.refusals.answered(&refusal).is_some(),
                    all_blocked: false,
                };
                let failure = self.refused_alike(&alike);
                self.give_up(failure);
            }
            Err(BrandError::Run(error)) => self.give_up(error.into()),
            // It proves nothing: the suspects are counted, as where nothing is asked.
            Err(_) => {}
        }
    }

    /// Settles what is left of the suspects when nothing more is begun: they failed where the list has ended, and were
    /// not attempted where the run was stopped or the service refuses all.
    pub(super) fn settle_suspects(&mut self) {
        let nothing_left = self.pool.is_empty()
            && self.refusals.trial.is_none()
            && match &self.supply {
                // It was tried just now to begin one.
                Supply::Own { .. } => true,
                Supply::Hosts(hosts) => !self.shutdown.begins_more() || hosts.has_none(),
            };
        if !nothing_left || self.refusals.suspects.is_empty() {
            return;
        }
        let not_attempted = self.shutdown.is_broken_off() || self.refusals.alike().is_some();
        for suspect in self.refusals.suspects.take() {
            match not_attempted {
                true => self.put_back(&suspect.held),
                false => self.fail_refused(*suspect.held, &suspect.refusal),
            }
        }
    }

    fn fail_refused(&mut self, in_hand: BrandInWork, refusal: &BrandRefusal) {
        let BrandRefusal {
            service,
            kind,
            message,
            ..
        } = refusal;
        self.fail(in_hand, service, *kind, message);
    }

    fn refused_alike(&self, alike: &Alike) -> Failure {
        let Alike {
            refusal,
            brands,
            answered_before,
            ..
        } = alike;
        let service = refusal.service;
        let none = match answered_before {
            true => "and has accepted no other since",
            false => "and has accepted none",
        };
        let remedy = match service {
            tavily::NAME => {
                "It refuses every search, so the fault is the account's or the address's and not a row's: see what brandintel check says, and look at https://app.tavily.com".to_owned()
            }
            _ => format!(
                "It refuses the model {} or the account, not a row of the list: see what brandintel check says, choose another --model, or look at the account",
                self.research.openrouter.model().slug
            ),
        };
        Failure::new(
            refusal.exit(),
            format!(
                "{service} has refused {} {none}: {}. {remedy}. Nothing more is bought. These brands count as not attempted: the next run takes them up again and uses the searches that are paid for",
                match brands {
                    1 => "a brand, and a harmless question besides,".to_owned(),
                    brands => format!("{brands} brands"),
                },
                refusal.words()
            ),
        )
    }
}

/// Waits for the answer to the harmless question; for ever where none is asked.
pub async fn asked(trial: &mut Option<Asking>) -> Result<Took, BrandError> {
    match trial {
        Some(asking) => match asking.await {
            Ok(answer) => answer.map_err(BrandError::from),
            Err(panic) => Err(BrandError::bug(&panic)),
        },
        None => pending().await,
    }
}
