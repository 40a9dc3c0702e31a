//! The charts of the last runs: what each spent, and how many brands succeeded.

use super::view::Tongue;
use crate::{
    money::Usd,
    store::{checkpoint::RunStatus, run_history::RunLine},
    text::{
        calendar::{day_in_iran, jalali, tehran},
        persian_digits,
    },
};

/// How many runs are shown.
pub const SHOWN: usize = 14;

/// Units of the drawing between the beginnings of two bars, and those of the highest bar.
const STEP: usize = 20;
const HEIGHT: f64 = 100.0;

/// The last runs, the oldest first.
pub struct Recent {
    pub runs: Vec<RunView>,
    /// From which day to which.
    pub span: String,
    /// What the dearest of them cost, and all together.
    pub most_usd: String,
    pub all_usd: String,
    /// Of the brands in all of them: those that succeeded.
    pub succeeded: String,
    pub processed: String,
}

/// A run in words and as bars.
pub struct RunView {
    pub when: String,
    pub status: &'static str,
    pub processed: String,
    pub succeeded: String,
    pub failed: String,
    pub usd: String,
    /// Where its bars begin.
    pub x: usize,
    pub spent: ChartBar,
    pub good: ChartBar,
    /// Stands on the one before.
    pub bad: ChartBar,
}

/// A bar, measured from above.
pub struct ChartBar {
    pub y: f64,
    pub height: f64,
}

impl ChartBar {
    /// A bar that stands on another of this height.
    fn on(below: f64, height: f64) -> Self {
        Self {
            y: HEIGHT - below - height,
            height,
        }
    }
}

impl Recent {
    /// The last of these runs; `None` where there was none.
    pub fn of(t: Tongue, runs: &[RunLine]) -> Option<Self> {
        let runs = &runs[runs.len().saturating_sub(SHOWN)..];
        let (first, last) = (runs.first()?, runs.last()?);
        let most_usd = runs.iter().map(|run| run.usd).max()?;
        let most_brands = runs.iter().map(|run| run.processed).max()?;
        let number = |number: usize| t.digits(&number.to_string());
        let view = |(place, run): (usize, &RunLine)| {
            let good = share(count(run.succeeded), count(most_brands));
            RunView {
                when: moment(t, run),
                status: status(t, run.status),
                processed: number(run.processed),
                succeeded: number(run.succeeded),
                failed: number(run.failed),
                usd: money(t, run.usd),
                // Time runs as the text does.
                x: STEP * if t.fa { SHOWN - 1 - place } else { place },
                spent: ChartBar::on(0.0, share(run.usd.as_f64(), most_usd.as_f64())),
                good: ChartBar::on(0.0, good),
                bad: ChartBar::on(good, share(count(run.failed), count(most_brands))),
            }
        };
        Some(Self {
            runs: runs.iter().enumerate().map(view).collect(),
            span: span(t, t.day(&first.started_at), &t.day(&last.started_at)),
            most_usd: money(t, most_usd),
            all_usd: money(t, runs.iter().map(|run| run.usd).sum()),
            succeeded: number(runs.iter().map(|run| run.succeeded).sum()),
            processed: number(runs.iter().map(|run| run.processed).sum()),
        })
    }

    /// The width of the drawing.
    #[expect(clippy::unused_self, reason = "templates call methods")]
    pub fn width(&self) -> usize {
        STEP * SHOWN
    }
}

/// An amount with its currency: `$2.50` or `۲٫۵۰ دلار`.
pub fn money(t: Tongue, usd: Usd) -> String {
    match t.fa {
        true => format!("{} دلار", amount(t, usd)),
        false => usd.to_string(),
    }
}

/// An amount of US dollars without its currency.
pub fn amount(t: Tongue, usd: Usd) -> String {
    t.digits(usd.to_string().trim_start_matches('$'))
}

fn span(t: Tongue, first: String, last: &str) -> String {
    match first == last {
        true => first,
        false if t.fa => format!("از {first} تا {last}"),
        false => format!("from {first} to {last}"),
    }
}

fn moment(t: Tongue, run: &RunLine) -> String {
    let time = run
        .started_at
        .to_zoned_datetime(tehran())
        .strftime("%H:%M")
        .to_string();
    match t.fa {
        true => {
            let day = jalali(day_in_iran(run.started_at), '/');
            persian_digits(&format!("{day}، {time}"))
        }
        false => format!("{}, {time}", day_in_iran(run.started_at)),
    }
}

fn status(t: Tongue, status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => t.pick("در جریان", "running"),
        RunStatus::Complete => t.pick("کامل", "complete"),
        RunStatus::Interrupted => t.pick("متوقف‌شده", "interrupted"),
        RunStatus::BudgetReached => t.pick("پایان بودجه", "budget reached"),
        RunStatus::Aborted => t.pick("ناتمام", "aborted"),
        RunStatus::Killed => t.pick("قطع‌شده", "killed"),
        RunStatus::NotStarted => t.pick("آغازنشده", "not started"),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "lists are far shorter than 2^52"
)]
fn count(brands: usize) -> f64 {
    brands as f64
}

/// The height of a bar, with one decimal.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (part / whole * HEIGHT * 10.0).round() / 10.0
    } else {
        0.0
    }
}
