//! The policy for refusals that meet every brand alike. A brand that a service refused is a suspect: it is neither
//! failed nor done until the service has answered another brand, which proves that the refusal was this brand's own.
//! Several suspects with no such proof show that the model or the account is refused, and nothing more may be bought.
//!
//! Here are the decisions alone, without a clock, a service or a record.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::{
    error_kind::ErrorKind,
    exit::Exit,
    http::call::{self, CallError},
};

/// Refused brands that show that a service refuses all, where it has answered none of this kind in this run.
pub const AT_START: usize = 5;

/// The same, where it has answered some before.
pub const AFTER_SUCCESS: usize = 10;

/// How a service refused a brand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrandRefusal {
    pub service: &'static str,
    pub kind: ErrorKind,
    pub status: Option<u16>,
    /// What was asked for, and the service's words.
    pub message: String,
}

/// A brand that was refused, as `held`.
#[derive(Debug)]
pub struct Suspect<T> {
    pub refusal: BrandRefusal,
    since: Instant,
    pub held: T,
}

/// The brands of which nothing proves yet whose fault their refusals are.
#[derive(Debug)]
pub struct Suspects<T>(Vec<Suspect<T>>);

/// A refusal that meets all brands.
#[derive(Debug, PartialEq, Eq)]
pub struct Alike<'a> {
    /// The one that came last.
    pub refusal: &'a BrandRefusal,
    pub brands: usize,
    /// The service has answered calls of this kind before.
    pub answered_before: bool,
    /// The service objects to the contents of each.
    pub all_blocked: bool,
}

/// How many brands may be in work.
#[derive(Clone, Copy, Debug)]
pub struct BrandAdmission {
    pub workers: usize,
    /// How many may be in flight until a model has answered; `None` once one has.
    pub until_answered: Option<usize>,
}

impl BrandRefusal {
    /// The refusal in an error that ended a brand. `None` where no service refused: a service that answers others in the
    /// meantime refuses nothing.
    pub fn of(error: &CallError) -> Option<Self> {
        match error {
            CallError::Request {
                service,
                // An answer that cannot be read is one of many kinds; where no brand gets another, it is the model's.
                kind:
                    kind @ (ErrorKind::Rejected
                    | ErrorKind::Refused
                    | ErrorKind::Blocked
                    | ErrorKind::BadAnswer),
                status,
                message,
            }
            // A prompt that is too long for the model is refused before anything is answered; an answer that was cut
            // has no status.
            | CallError::Request {
                service,
                kind: kind @ ErrorKind::Cut,
                status: status @ Some(_),
                message,
            } => Some(Self {
                service,
                kind: *kind,
                status: *status,
                message: message.clone(),
            }),
            _ => None,
        }
    }

    /// The kind of call that was refused.
    pub fn call(&self) -> &str {
        call::kind(&self.message)
    }

    /// The service's words, without the brand that they were said of.
    pub fn words(&self) -> &str {
        let words = self.message.split_once("»: ");
        words.map_or(&*self.message, |(_, words)| words)
    }

    /// The exit code of a run that it ends: what passes by itself or with money is not a refused credential.
    pub fn exit(&self) -> Exit {
        match self.status {
            // A model that says nothing may be back in a while.
            None | Some(402 | 408 | 425 | 429 | 432 | 433 | 451 | 500..=599) => Exit::Unavailable,
            _ => Exit::Refused,
        }
    }
}

impl<T> Default for Suspects<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Suspects<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many brands are set aside.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The first refusal of a service.
    pub fn first_of(&self, service: &str) -> Option<&BrandRefusal> {
        let mut refusals = self.0.iter().map(|suspect| &suspect.refusal);
        refusals.find(|refusal| refusal.service == service)
    }

    /// One of the brands that are set aside.
    pub fn any(&self) -> Option<&T> {
        self.0.first().map(|suspect| &suspect.held)
    }

    /// Sets a brand aside that was refused by then.
    pub fn add(&mut self, refusal: BrandRefusal, since: Instant, held: T) {
        self.0.push(Suspect {
            refusal,
            since,
            held,
        });
    }

    /// Takes out all.
    pub fn take(&mut self) -> Vec<Suspect<T>> {
        std::mem::take(&mut self.0)
    }

    /// Takes out those whose refusal was their own: the same kind of call, sent after it, was answered.
    /// `answered` says when the last call was sent that was answered, of the kind that was refused.
    pub fn take_cleared(
        &mut self,
        answered: impl Fn(&BrandRefusal) -> Option<Instant>,
    ) -> Vec<Suspect<T>> {
        let is_cleared = |suspect: &mut Suspect<T>| {
            answered(&suspect.refusal).is_some_and(|sent| sent > suspect.since)
        };
        self.0.extract_if(.., is_cleared).collect()
    }

    /// The refusal that meets all brands, once there are enough suspects of one kind.
    pub fn alike(&self, answered: impl Fn(&BrandRefusal) -> Option<Instant>) -> Option<Alike<'_>> {
        let enough = |alike: &Alike<'_>| match alike.answered_before {
            true => alike.brands >= AFTER_SUCCESS,
            false => alike.brands >= AT_START,
        };
        self.kinds(answered).into_values().find(enough)
    }

    /// How many brands may be begun beside those in flight. A suspect keeps the place of a brand in flight, so that a
    /// refusal of all is bought for as few as possible. Where none is in flight there is room for one.
    pub fn room(
        &self,
        flying: usize,
        admission: BrandAdmission,
        answered: impl Fn(&BrandRefusal) -> Option<Instant>,
    ) -> usize {
        let BrandAdmission {
            workers,
            until_answered,
        } = admission;
        let most = until_answered.map_or(workers, |few| few.min(workers));
        let kinds = self.kinds(answered).into_values();
        kinds
            .map(|alike| {
                let most = match alike.answered_before {
                    false => AT_START,
                    true => AFTER_SUCCESS.max(workers),
                };
                most.saturating_sub(flying + alike.brands)
            })
            .fold(most.saturating_sub(flying), usize::min)
    }

    /// The suspects whose kind of call was answered before, and those whose kind never was. Kinds are counted together: a
    /// brand that was refused at another step has cost its searches too, and has no answer that speaks for it either.
    fn kinds(
        &self,
        answered: impl Fn(&BrandRefusal) -> Option<Instant>,
    ) -> BTreeMap<bool, Alike<'_>> {
        let mut kinds = BTreeMap::new();
        for Suspect { refusal, .. } in &self.0 {
            let answered_before = answered(refusal).is_some();
            let alike = kinds.entry(answered_before).or_insert(Alike {
                refusal,
                brands: 0,
                answered_before,
                all_blocked: true,
            });
            alike.refusal = refusal;
            alike.brands += 1;
            alike.all_blocked &= refusal.kind == ErrorKind::Blocked;
        }
        kinds
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use proptest::prelude::*;

    use super::*;

    fn refusal(call: &str) -> BrandRefusal {
        BrandRefusal {
            service: "Model",
            kind: ErrorKind::Rejected,
            status: Some(400),
            message: format!("{call} «کاله»: status 400: Provider returned error"),
        }
    }

    #[test]
    fn a_refusal_is_told_without_the_brand() {
        let refusal = refusal("analyst");
        assert_eq!(refusal.call(), "analyst");
        assert_eq!(refusal.words(), "status 400: Provider returned error");
        assert_eq!(refusal.exit(), Exit::Refused);
        let broke = BrandRefusal {
            status: Some(402),
            ..refusal
        };
        assert_eq!(broke.exit(), Exit::Unavailable);
    }

    #[test]
    fn an_answer_that_was_asked_for_before_the_refusal_clears_no_brand() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut suspects = Suspects::default();
        suspects.add(refusal("analyst"), start + second, 1);
        assert!(suspects.take_cleared(|_| Some(start)).is_empty());
        let other =
            |refusal: &BrandRefusal| (refusal.call() == "search").then_some(start + 9 * second);
        assert!(
            suspects.take_cleared(other).is_empty(),
            "another kind of call"
        );
        let cleared = suspects.take_cleared(|_| Some(start + 2 * second));
        assert_eq!((cleared.len(), cleared[0].held), (1, 1));
        assert!(suspects.is_empty());
    }

    /// What may happen next in a run.
    #[derive(Clone, Debug)]
    enum Step {
        /// A brand is begun where there is room.
        Begin,
        /// One in flight is refused at this kind of call.
        Refuse(bool),
        /// One in flight gets an answer to this kind of call.
        Answer(bool),
        /// One in flight ends without asking a model.
        End,
    }

    fn call(first: bool) -> &'static str {
        if first { "analyst" } else { "strategist" }
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Begin),
            3 => any::<bool>().prop_map(Step::Refuse),
            1 => any::<bool>().prop_map(Step::Answer),
            1 => Just(Step::End),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        /// Whatever happens: as long as a model refuses all, few brands are bought for; a run never stands still
        /// without a reason; and each brand that was set aside comes out once.
        #[test]
        fn few_brands_are_bought_for_and_none_is_lost(steps in steps(), workers in 1_usize..=16, few in 1_usize..=AT_START) {
            let start = Instant::now();
            let mut answers: HashMap<&str, Instant> = HashMap::new();
            let mut suspects = Suspects::default();
            let (mut flying, mut begun, mut out, mut refused) = (0, 0, 0, 0);
            for (i, step) in steps.into_iter().enumerate() {
                let now = start + Duration::from_secs(i as u64 + 1);
                let any = !answers.is_empty();
                match step {
                    Step::Begin => {}
                    Step::Refuse(first) if flying > 0 => {
                        flying -= 1;
                        refused += 1;
                        suspects.add(refusal(call(first)), now, ());
                    }
                    Step::Answer(first) if flying > 0 => {
                        answers.insert(call(first), now);
                    }
                    Step::End if flying > 0 && any => flying -= 1,
                    Step::Refuse(_) | Step::Answer(_) | Step::End => continue,
                }
                let answered = |refusal: &BrandRefusal| answers.get(refusal.call()).copied();
                out += suspects.take_cleared(answered).len();
                let until_answered = answers.is_empty().then_some(few);
                let admission = BrandAdmission { workers, until_answered };
                let stopped = suspects.alike(answered).is_some();
                let room = suspects.room(flying, admission, answered);
                prop_assert!(stopped || flying > 0 || room > 0, "it stands still");
                prop_assert!(flying + room <= workers);
                if stopped {
                    break;
                }
                if matches!(step, Step::Begin) && room > 0 {
                    flying += 1;
                    begun += 1;
                    if answers.is_empty() {
                        prop_assert!(begun <= AT_START, "bought for {begun} brands");
                    }
                    let waiting = suspects.0.iter().filter(|suspect| answered(&suspect.refusal).is_some());
                    let waiting = waiting.count();
                    prop_assert!(waiting == 0 || flying + waiting <= workers.max(AFTER_SUCCESS));
                    prop_assert!(waiting == 0 || flying + waiting <= workers.max(AFTER_SUCCESS) || answers.is_empty());
                }
            }
            prop_assert_eq!(suspects.take().len() + out, refused);
        }

        /// A model that refuses everybody from some call on ends the run after a handful.
        #[test]
        fn a_refusal_of_all_ends_the_run(workers in 1_usize..=16, answered_before in any::<bool>()) {
            let now = Instant::now();
            let answered = |_: &BrandRefusal| answered_before.then_some(now);
            let until_answered = (!answered_before).then_some(AT_START);
            let admission = BrandAdmission { workers, until_answered };
            let mut suspects = Suspects::default();
            let mut flying = if answered_before { workers } else { 0 };
            let mut bought = flying;
            while suspects.alike(answered).is_none() {
                let room = suspects.room(flying, admission, answered);
                bought += room;
                flying += room;
                prop_assert!(flying > 0);
                flying -= 1;
                suspects.add(refusal("analyst"), now, ());
            }
            let most = if answered_before { AFTER_SUCCESS.max(workers) } else { AT_START };
            prop_assert!(bought <= most, "{} brands", bought);
        }
    }
}
