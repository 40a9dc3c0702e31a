//! The caps on what may be spent in a day and in a month, across runs and hosts, by the days and months of Iran. The
//! moment at which money is set aside for a call decides whose day it is.

use std::fmt;

use jiff::{Timestamp, ToSpan, civil::Date};
use rusqlite::{Connection, params};

use super::{budget::BudgetRefusal, sqlite::Database};
use crate::{
    config::caps::{Caps, DAILY, MONTHLY, Term},
    money::Usd,
    text::calendar::{day_in_iran, jalali, jalali_month, tehran},
};

/// A day or a month in Iran, from its first moment to that of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub term: Term,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The limit that a call met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetLimit {
    /// `--budget`.
    Run,
    /// The cap of this day or month.
    Capped(Period),
}

/// How a cap stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapUsage {
    pub period: Period,
    pub cap: Usd,
    /// What is spent in the period, or set aside, in US dollars.
    pub used: Usd,
}

impl Period {
    /// The day or the month in Iran that this moment is in.
    pub fn of(term: Term, at: Timestamp) -> Self {
        let day = day_in_iran(at);
        let (first, days) = match term {
            Term::Day => (day, 1),
            // Every day that a clock can show is in a month of that calendar.
            Term::Month => jalali_month(day).map_or((day, 1), |(_, _, first, days)| (first, days)),
        };
        let next = first.checked_add(days.days()).unwrap_or(Date::MAX);
        Self {
            term,
            from: beginning(first),
            to: beginning(next),
        }
    }

    /// Whether this moment is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// What it is called in both calendars, such as `1405-09-09 (2026-11-30)`.
    pub fn name(&self) -> String {
        let day = day_in_iran(self.from);
        match self.term {
            Term::Day => both(day),
            Term::Month => {
                let last = day_in_iran(self.to).yesterday().unwrap_or(day);
                format!("{} ({day} to {last})", &jalali(day, '-')[..7])
            }
        }
    }

    /// When money is free again.
    pub fn end(&self) -> String {
        format!("{} at 00:00, Iran's time", both(day_in_iran(self.to)))
    }
}

/// A day in both calendars.
pub fn both(day: Date) -> String {
    format!("{} ({day})", jalali(day, '-'))
}

/// The first moment of a day in Iran.
fn beginning(day: Date) -> Timestamp {
    let begins = day.to_zoned_datetime(tehran());
    begins.map_or(Timestamp::MAX, |begins| begins.timestamp())
}

impl fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("the budget"),
            Self::Capped(period) => match period.term {
                Term::Day => write!(f, "the daily budget ({DAILY})"),
                Term::Month => write!(f, "the monthly budget ({MONTHLY})"),
            },
        }
    }
}

impl BudgetLimit {
    /// What to do when it is used up.
    pub fn remedy(&self) -> String {
        match self {
            Self::Run => "raise --budget, or run again".into(),
            Self::Capped(period) => format!(
                "it is free again on {}: raise {}, or run again then",
                period.end(),
                period.term.setting()
            ),
        }
    }
}

impl CapUsage {
    /// That of a cap of whose money nothing is used.
    pub fn unused((term, cap): (Term, Usd), now: Timestamp) -> Self {
        Self {
            period: Period::of(term, now),
            cap,
            used: Usd::ZERO,
        }
    }

    /// What it is called before a figure.
    pub fn title(&self) -> &'static str {
        match self.period.term {
            Term::Day => "Daily budget",
            Term::Month => "Monthly budget",
        }
    }

    /// What may still be spent.
    pub fn left(&self) -> Usd {
        self.cap.minus(self.used)
    }
}

/// For people: `$1.20 of $5.00 used on 1405-09-09 (2026-11-30)`.
impl fmt::Display for CapUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = match self.period.term {
            Term::Day => "on",
            Term::Month => "in",
        };
        let name = self.period.name();
        write!(f, "{} of {} used {when} {name}", self.used, self.cap)?;
        if self.left() == Usd::ZERO {
            write!(f, "; it is free again on {}", self.period.end())?;
        }
        Ok(())
    }
}

/// The caps of a state folder, with what counts against them. Sums are kept in memory, and read again when a period ends.
#[derive(Debug, Default)]
pub struct CapCounters(Vec<Counted>);

#[derive(Debug)]
struct Counted {
    standing: CapUsage,
    /// Set aside for calls whose end is not known yet; beside what is used.
    in_flight: Usd,
}

impl CapCounters {
    /// Reads what counts against the caps now.
    pub fn open(store: &Database, caps: Caps, now: Timestamp) -> anyhow::Result<Self> {
        let counted = caps
            .each()
            .map(|(term, cap)| Counted::read(store, term, cap, now));
        Ok(Self(counted.collect::<anyhow::Result<_>>()?))
    }

    /// Reads it again, after calls were settled behind its back.
    pub fn read_again(&mut self, store: &Database, now: Timestamp) -> anyhow::Result<()> {
        for counted in &mut self.0 {
            let CapUsage { period, cap, .. } = counted.standing;
            *counted = Counted::read(store, period.term, cap, now)?;
        }
        Ok(())
    }

    /// Whether the worst case of a call that is sent now fits into all of them; the sums are those of this moment's day and
    /// month from here on.
    ///
    /// # Errors
    /// When the sums of a new day cannot be read.
    pub fn admit(
        &mut self,
        store: &Database,
        worst: Usd,
        at: Timestamp,
    ) -> anyhow::Result<Result<(), (BudgetRefusal, BudgetLimit)>> {
        let mut refused = None;
        for counted in &mut self.0 {
            let CapUsage { period, cap, .. } = counted.standing;
            if !period.contains(at) {
                *counted = Counted::read(store, period.term, cap, at)?;
            }
            let Some(refusal) = counted.refusal(worst) else {
                continue;
            };
            let limit = BudgetLimit::Capped(counted.standing.period);
            // What will never fit is not waited for.
            match refusal {
                BudgetRefusal::Never { .. } => return Ok(Err((refusal, limit))),
                BudgetRefusal::Wait => refused = Some((refusal, limit)),
            }
        }
        Ok(refused.map_or(Ok(()), Err))
    }

    /// Sets aside what was admitted.
    pub fn hold(&mut self, worst: Usd) {
        for counted in &mut self.0 {
            counted.in_flight += worst;
        }
    }

    /// A call that was sent then has ended and counts this much: what it cost, or all of it where nobody knows.
    pub fn end(&mut self, at: Timestamp, held: Usd, counts: Usd) {
        for counted in &mut self.0 {
            if counted.standing.period.contains(at) {
                counted.in_flight = counted.in_flight.minus(held);
                counted.standing.used += counts;
            }
        }
    }

    /// What is left of the one that has least left, in US dollars, without what is in flight.
    pub fn left(&self) -> Option<Usd> {
        self.0.iter().map(|counted| counted.standing.left()).min()
    }

    /// How they stand, without what is in flight.
    pub fn standings(&self) -> Vec<CapUsage> {
        self.0.iter().map(|counted| counted.standing).collect()
    }
}

impl Counted {
    fn read(store: &Database, term: Term, cap: Usd, at: Timestamp) -> anyhow::Result<Self> {
        let standing = store.with_now(|db| standing(db, term, cap, at))?;
        Ok(Self {
            standing,
            in_flight: Usd::ZERO,
        })
    }

    fn refusal(&self, worst: Usd) -> Option<BudgetRefusal> {
        let CapUsage { cap, used, .. } = self.standing;
        let committed = used + self.in_flight;
        match committed + worst > cap {
            false => None,
            true if self.in_flight > Usd::ZERO => Some(BudgetRefusal::Wait),
            true => Some(BudgetRefusal::Never {
                left: cap.minus(committed),
            }),
        }
    }
}

/// How a cap stands in a database of this version: all jobs count, and calls that were lost with what was set aside.
pub fn standing(db: &Connection, term: Term, cap: Usd, at: Timestamp) -> anyhow::Result<CapUsage> {
    let period = Period::of(term, at);
    let mut query = db.prepare_cached(
        "SELECT CASE state WHEN 'held' THEN held ELSE usd END FROM spending
         WHERE at >= ?1 AND at < ?2 AND state IN ('held', 'settled')",
    )?;
    let span = params![period.from.as_millisecond(), period.to.as_millisecond()];
    let amounts = query.query_map(span, |row| row.get::<_, Option<String>>(0))?;
    let mut used = Usd::ZERO;
    for amount in amounts {
        if let Some(amount) = amount? {
            used += amount.parse()?;
        }
    }
    Ok(CapUsage { period, cap, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn days_and_months_are_those_of_iran() {
        // Half past eight in the evening in Greenwich is midnight in Tehran.
        let before = at("2026-11-30T20:29:59Z");
        let after = at("2026-11-30T20:30:00Z");
        let day = Period::of(Term::Day, before);
        assert!(day.contains(before) && !day.contains(after));
        assert_eq!(day.to, after);
        assert_eq!(day.name(), "1405-09-09 (2026-11-30)");
        assert_eq!(day.end(), "1405-09-10 (2026-12-01) at 00:00, Iran's time");
        let month = Period::of(Term::Month, before);
        assert_eq!(month.name(), "1405-09 (2026-11-22 to 2026-12-21)");
        assert!(month.contains(after) && !month.contains(at("2026-12-21T20:30:00Z")));
        // The last month of 1405 has 29 days, and Nowruz begins the next year.
        let last = Period::of(Term::Month, at("2027-03-20T20:29:59Z"));
        assert_eq!(last.name(), "1405-12 (2027-02-20 to 2027-03-20)");
        assert_eq!(last.end(), "1406-01-01 (2027-03-21) at 00:00, Iran's time");
    }

    fn counters(day: &str, month: &str, now: Timestamp) -> (Database, CapCounters) {
        let store = Database::in_memory(now).unwrap();
        let caps = Caps {
            day: Some(usd(day)),
            month: Some(usd(month)),
        };
        let counters = CapCounters::open(&store, caps, now).unwrap();
        (store, counters)
    }

    #[test]
    fn midnight_frees_the_day_and_not_the_month_and_late_answers_count_for_their_day() {
        let evening = at("2026-11-30T20:29:00Z");
        let (store, mut counters) = counters("1", "1.5", evening);
        let admit = |counters: &mut CapCounters, worst, at| {
            let admitted = counters.admit(&store, usd(worst), at).unwrap();
            if admitted.is_ok() {
                counters.hold(usd(worst));
            }
            admitted
        };
        admit(&mut counters, "0.75", evening).unwrap();
        let (refused, limit) = admit(&mut counters, "0.5", evening).unwrap_err();
        assert_eq!(refused, BudgetRefusal::Wait);
        assert!(limit.to_string().contains(DAILY));
        // The day that begins has its own money; the month has not.
        let morning = at("2026-11-30T20:31:00Z");
        admit(&mut counters, "0.25", morning).unwrap();
        counters.end(morning, usd("0.25"), usd("0.25"));
        // This one is of the day before.
        counters.end(evening, usd("0.75"), usd("0.75"));
        let [day, month] = counters.standings()[..] else {
            panic!("two caps")
        };
        assert_eq!(day.used, usd("0.25"));
        // In this test nothing is on disk but what is told here.
        assert_eq!(month.used, usd("1"));
        let (refused, limit) = admit(&mut counters, "0.6", morning).unwrap_err();
        assert_eq!(refused, BudgetRefusal::Never { left: usd("0.5") });
        assert!(limit.to_string().contains(MONTHLY), "{limit}");
        assert!(limit.remedy().contains("1405-10-01"), "{}", limit.remedy());
    }
}
