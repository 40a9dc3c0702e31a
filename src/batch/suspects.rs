//! Brands that a service has refused, until it is known whether it refuses all: what a run does with them.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    crew::{Crew, End, InHand, Supply},
    refusals::{AT_START, Admission, Alike, Refusal},
};
use crate::{
    exit::Failure,
    services::{call::CallError, openrouter, tavily},
};

/// Brands in flight until a model has answered, where nothing but a call tells whether the server knows the key and the
/// model: one, so that a wrong setting costs the searches of one brand.
const UNTIL_PROVEN: usize = 1;

impl Crew<'_> {
    /// Sets a brand aside that was refused. Its worker is free.
    pub(super) fn suspect(&mut self, in_hand: InHand, refusal: Refusal) {
        self.suspects
            .add(refusal, Instant::now(), Box::new(in_hand));
    }

    /// How many brands may be begun now.
    pub(super) fn room(&self) -> usize {
        let until_answered = match self.lists_model {
            true => AT_START,
            false => UNTIL_PROVEN,
        };
        let proven = self.successes.has_any(openrouter::NAME);
        let admission = Admission {
            workers: self.desk.args.batch.workers,
            until_answered: (!proven).then_some(until_answered),
        };
        self.suspects.room(self.flying.len(), admission, |refusal| {
            self.answered(refusal)
        })
    }

    fn answered(&self, refusal: &Refusal) -> Option<Instant> {
        self.successes.last_sent(refusal.service, refusal.call())
    }

    /// Puts those on record whose refusal was their own, and ends the run where a refusal meets all.
    pub(super) fn weigh_refusals(&mut self) {
        let ended = matches!(self.end, End::Signal(_) | End::Failed(_));
        if ended || self.stop.is_cancelled() || self.suspects.is_empty() {
            return;
        }
        let successes = Arc::clone(&self.successes);
        let answered = |refusal: &Refusal| successes.last_sent(refusal.service, refusal.call());
        for suspect in self.suspects.take_cleared(answered) {
            self.fail_refused(*suspect.held, &suspect.refusal);
        }
        if matches!(self.end, End::Complete | End::TimeUp(_))
            && let Some(alike) = self.suspects.alike(answered)
        {
            let failure = self.refused_alike(&alike);
            self.give_up(failure);
        }
    }

    /// Settles what is left of the suspects when nothing more is begun: they failed where the list has ended, and were
    /// not attempted where the run was stopped or the service refuses all.
    pub(super) fn settle_suspects(&mut self) {
        let nothing_left = self.flying.is_empty()
            && match &self.supply {
                // It was tried just now to begin one.
                Supply::Own { .. } => true,
                Supply::Hosts(hosts) => !self.begins_more() || hosts.has_none(),
            };
        if !nothing_left || self.suspects.is_empty() {
            return;
        }
        let stopped = matches!(self.end, End::Signal(_) | End::Failed(_));
        let alike = self.suspects.alike(|refusal| self.answered(refusal));
        let not_attempted = stopped || alike.is_some();
        for suspect in self.suspects.take() {
            match not_attempted {
                true => self.put_back(&suspect.held, CallError::Stopped),
                false => self.fail_refused(*suspect.held, &suspect.refusal),
            }
        }
    }

    fn fail_refused(&mut self, in_hand: InHand, refusal: &Refusal) {
        let Refusal {
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
                "{service} has refused {brands} brands {none}: {}. {remedy}. Nothing more is bought. These brands count as not attempted: the next run takes them up again and uses the searches that are paid for",
                refusal.words()
            ),
        )
    }
}
