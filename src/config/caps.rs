//! The caps on what may be spent in a day and in a month.

use anyhow::Context;

use super::variable;
use crate::money::Usd;

/// The settings that hold them.
pub const DAILY: &str = "BRANDINTEL_DAILY_BUDGET";
pub const MONTHLY: &str = "BRANDINTEL_MONTHLY_BUDGET";

/// What may be spent in a day and in a month, in US dollars; `None` without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Caps {
    pub day: Option<Usd>,
    pub month: Option<Usd>,
}

/// How long a cap lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    Day,
    Month,
}

impl Term {
    /// The setting that limits it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Day => DAILY,
            Self::Month => MONTHLY,
        }
    }
}

impl Caps {
    /// Each cap that is set.
    pub fn each(self) -> impl Iterator<Item = (Term, Usd)> {
        let all = [(Term::Day, self.day), (Term::Month, self.month)];
        all.into_iter().filter_map(|(term, cap)| Some((term, cap?)))
    }

    /// Whether nothing is limited.
    pub fn are_none(self) -> bool {
        self == Self::default()
    }
}

/// The caps that are set.
///
/// # Errors
/// When one of them is not an amount of US dollars.
pub fn caps() -> anyhow::Result<Caps> {
    Ok(Caps {
        day: amount(DAILY)?,
        month: amount(MONTHLY)?,
    })
}

fn amount(name: &str) -> anyhow::Result<Option<Usd>> {
    let read = |text: String| {
        let amount = text.parse::<Usd>();
        amount.with_context(|| format!("{name} ({text}): write US dollars, such as 5"))
    };
    variable(name).map(read).transpose()
}
