//! The arithmetic of the budget: nothing is spent that was not set aside before.

use crate::money::Usd;

/// What may be spent, what is spent, and what is set aside for calls whose end is not known yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    cap: Option<Usd>,
    spent: Usd,
    in_flight: Usd,
    /// Holds of calls that may have been billed although no answer came: they count as spent.
    uncertain: Usd,
}

/// Why an amount was not set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// It may fit when a call in flight costs less than was set aside for it.
    Wait,
    /// It will never fit.
    Never { left: Usd },
}

impl Budget {
    /// A budget of which a part is gone already.
    pub fn new(cap: Option<Usd>, spent: Usd, uncertain: Usd) -> Self {
        Self {
            cap,
            spent,
            in_flight: Usd::ZERO,
            uncertain,
        }
    }

    /// Sets the worst case of a call aside.
    pub fn hold(&mut self, worst: Usd) -> Result<(), BudgetRefusal> {
        if let Some(cap) = self.cap
            && self.committed() + worst > cap
        {
            return Err(match self.in_flight > Usd::ZERO {
                true => BudgetRefusal::Wait,
                false => BudgetRefusal::Never {
                    left: cap.minus(self.committed()),
                },
            });
        }
        self.in_flight += worst;
        Ok(())
    }

    /// The call ended and cost this much.
    pub fn settle(&mut self, held: Usd, cost: Usd) {
        self.in_flight = self.in_flight.minus(held);
        self.spent += cost;
    }

    /// Nobody knows whether the call was billed: its worst case counts until the service's own figures say more.
    pub fn leave_uncertain(&mut self, held: Usd) {
        self.in_flight = self.in_flight.minus(held);
        self.uncertain += held;
    }

    /// The service says what a lost call cost.
    pub fn learn(&mut self, held: Usd, cost: Usd) {
        self.uncertain = self.uncertain.minus(held);
        self.spent += cost;
    }

    /// Spent, or possibly spent.
    pub fn committed(&self) -> Usd {
        self.spent + self.in_flight + self.uncertain
    }

    /// Known to be spent.
    pub fn spent(&self) -> Usd {
        self.spent
    }

    /// Set aside for calls that were lost.
    pub fn uncertain(&self) -> Usd {
        self.uncertain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cents(n: u64) -> Usd {
        "0.01".parse::<Usd>().unwrap().times(n)
    }

    #[test]
    fn it_waits_for_calls_in_flight_before_it_refuses() {
        let mut budget = Budget::new(Some(cents(10)), Usd::ZERO, Usd::ZERO);
        budget.hold(cents(6)).unwrap();
        assert_eq!(budget.hold(cents(6)), Err(BudgetRefusal::Wait));
        budget.settle(cents(6), cents(1));
        budget.hold(cents(6)).unwrap();
        budget.leave_uncertain(cents(6));
        assert_eq!(
            budget.hold(cents(6)),
            Err(BudgetRefusal::Never { left: cents(3) })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        /// Whatever calls begin and end in whatever order, with costs up to their worst case: never over the cap.
        #[test]
        fn never_over_budget(
            cap in 0u64..500,
            steps in proptest::collection::vec((0u64..60, 0u64..=100, 0u8..4), 0..200),
        ) {
            let mut budget = Budget::new(Some(cents(cap)), Usd::ZERO, Usd::ZERO);
            let mut flying: Vec<u64> = Vec::new();
            for (worst, share, what) in steps {
                match what {
                    0 | 1 => if budget.hold(cents(worst)).is_ok() { flying.push(worst); },
                    2 => if let Some(held) = flying.pop() {
                        budget.settle(cents(held), cents(held * share / 100));
                    },
                    _ => if let Some(held) = flying.pop() { budget.leave_uncertain(cents(held)); },
                }
                prop_assert!(budget.committed() <= cents(cap));
            }
        }
    }
}
