//! The line that is drawn over while a run goes on: as much as fits into the terminal, what matters most in any.

use std::{cell::Cell, time::Duration};

use console::{Term, measure_text_width};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::clock;
use crate::{
    money::Usd,
    text::{style::painted, terminal},
};

/// Columns where the terminal does not say how many it has.
const USUAL: usize = 80;

/// The line, and how it was drawn last.
#[derive(Debug)]
pub struct Bar {
    drawing: ProgressBar,
    /// Columns of the terminal at that time; indicatif fills them all, with spaces.
    drawn: Cell<usize>,
}

impl Bar {
    /// A bar on standard error; nothing is drawn yet.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self {
            drawing: bar,
            drawn: Cell::default(),
        }
    }

    /// Draws the line as wide as the terminal is now.
    pub fn draw(&self, standing: &BarState) {
        self.gather();
        // A line that ends in the last column makes some terminals begin a new one.
        let line = standing.fitting(self.drawn.get().saturating_sub(1));
        let coloured = terminal::is_coloured();
        self.drawing
            .set_message(if coloured { painted(&line) } else { line });
    }

    /// Prints something above the line.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.gather();
        self.drawing.suspend(print);
    }

    /// Takes the line off the terminal, or leaves this as the last one there.
    pub fn finish(&self, last: Option<&BarState>) {
        self.gather();
        self.drawing.finish_and_clear();
        if let Some(standing) = last {
            terminal::urgent(&standing.fitting(self.drawn.get().saturating_sub(1)));
        }
    }

    /// A terminal that was made narrower has broken the line into several; they are taken off together.
    fn gather(&self) {
        let (before, now) = (self.drawn.get(), columns());
        if now < before {
            self.drawing.suspend(|| {
                let screen = Term::stderr();
                // The terminal may be gone; then there is nothing to tidy.
                let _ = screen.move_cursor_up((before - 1) / now);
                let _ = screen.clear_to_end_of_screen();
            });
        }
        self.drawn.set(now);
    }
}

fn columns() -> usize {
    Term::stderr()
        .size_checked()
        .map_or(USUAL, |(_, columns)| usize::from(columns).max(1))
}

/// What the line says.
#[derive(Debug)]
pub struct BarState {
    pub succeeded: usize,
    pub failed: usize,
    pub total: usize,
    pub elapsed: Duration,
    /// `None` where nobody can know.
    pub left: Option<Duration>,
    /// Seconds between two brands, when there were any.
    pub between: String,
    pub spent: Usd,
    /// What limits the run.
    pub limit: Option<String>,
    /// The service that it waits for, and since when.
    pub waiting: Option<String>,
}

/// How much is said of it.
struct BarLayout {
    /// Columns of the bar, and whether it has its name before it.
    bar: usize,
    time: Time,
    limit: bool,
}

enum Time {
    None,
    Left,
    AndPace,
}

/// From wide to narrow.
const LAYOUTS: [BarLayout; 6] = [
    BarLayout::new(20, Time::AndPace, true),
    BarLayout::new(8, Time::Left, true),
    BarLayout::new(8, Time::AndPace, false),
    BarLayout::new(8, Time::Left, false),
    BarLayout::new(0, Time::Left, false),
    BarLayout::new(0, Time::None, false),
];

/// The same while it waits for a service: that matters more than the time.
const WAITING: [BarLayout; 5] = [
    BarLayout::new(20, Time::AndPace, true),
    BarLayout::new(8, Time::Left, true),
    BarLayout::new(0, Time::Left, true),
    BarLayout::new(0, Time::None, true),
    BarLayout::new(0, Time::None, false),
];

impl BarLayout {
    const fn new(bar: usize, time: Time, limit: bool) -> Self {
        Self { bar, time, limit }
    }
}

impl BarState {
    /// Time gone, time left, and the time between two brands.
    pub fn pace(&self) -> String {
        format!("{}, {} s/brand", self.time(), self.between)
    }

    fn time(&self) -> String {
        let left = self.left.map_or_else(|| "?".to_owned(), clock);
        format!("{}<{left}", clock(self.elapsed))
    }

    /// The fullest line that fits; the last one, whatever happens.
    fn fitting(&self, columns: usize) -> String {
        let mut line = String::new();
        let layouts = match self.waiting {
            Some(_) => &WAITING[..],
            None => &LAYOUTS,
        };
        for layout in layouts {
            line = terminal::plain(&self.line(layout));
            if measure_text_width(&line) <= columns {
                break;
            }
        }
        line
    }

    fn line(&self, layout: &BarLayout) -> String {
        let done = self.succeeded + self.failed;
        let percent = (done * 100).checked_div(self.total).unwrap_or(100);
        let bar = match layout.bar {
            0 => format!("{percent:>3}%"),
            columns => {
                let full = (done * columns).checked_div(self.total).unwrap_or(columns);
                format!(
                    "Processing: {percent:>3}%|{}{}|",
                    "█".repeat(full),
                    " ".repeat(columns - full)
                )
            }
        };
        let time = match layout.time {
            Time::None => String::new(),
            Time::Left => format!(" [{}]", self.time()),
            Time::AndPace => format!(" [{}]", self.pace()),
        };
        let limit = match self.waiting.as_ref().or(self.limit.as_ref()) {
            Some(limit) if layout.limit => format!(" · {limit}"),
            _ => String::new(),
        };
        format!(
            "{bar} {done}/{}{time} ✓ {} ✗ {} 💰 {}{limit}",
            self.total, self.succeeded, self.failed, self.spent
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(succeeded: usize, failed: usize, total: usize, seconds: u64) -> BarState {
        BarState {
            succeeded,
            failed,
            total,
            elapsed: Duration::from_secs(seconds),
            left: Some(Duration::from_secs(seconds / 2)),
            between: "0.4".into(),
            spent: "0.71".parse().unwrap(),
            limit: Some("8 workers".into()),
            waiting: None,
        }
    }

    #[test]
    fn a_wide_terminal_has_all_and_a_narrow_one_what_matters() {
        let standing = standing(11, 1, 20, 4);
        let seen = [120, 80, 60, 40, 30].map(|columns| standing.fitting(columns - 1));
        assert_eq!(
            seen,
            [
                "Processing:  60%|████████████        | 12/20 [00:04<00:02, 0.4 s/brand] ✓ 11 ✗ 1 💰 $0.71 · 8 workers",
                "Processing:  60%|████    | 12/20 [00:04<00:02] ✓ 11 ✗ 1 💰 $0.71 · 8 workers",
                " 60% 12/20 [00:04<00:02] ✓ 11 ✗ 1 💰 $0.71",
                " 60% 12/20 ✓ 11 ✗ 1 💰 $0.71",
                " 60% 12/20 ✓ 11 ✗ 1 💰 $0.71",
            ]
        );
    }

    #[test]
    fn while_it_waits_the_bar_says_for_what_and_since_when_and_no_time_that_nobody_knows() {
        let standing = BarState {
            left: None,
            waiting: Some("waiting for OpenRouter since 03:12".into()),
            ..standing(11, 1, 20, 4)
        };
        let seen = [130, 100, 80, 66, 40].map(|columns| standing.fitting(columns - 1));
        assert_eq!(
            seen,
            [
                "Processing:  60%|████████████        | 12/20 [00:04<?, 0.4 s/brand] ✓ 11 ✗ 1 💰 $0.71 · waiting for OpenRouter since 03:12",
                "Processing:  60%|████    | 12/20 [00:04<?] ✓ 11 ✗ 1 💰 $0.71 · waiting for OpenRouter since 03:12",
                " 60% 12/20 [00:04<?] ✓ 11 ✗ 1 💰 $0.71 · waiting for OpenRouter since 03:12",
                " 60% 12/20 ✓ 11 ✗ 1 💰 $0.71 · waiting for OpenRouter since 03:12",
                " 60% 12/20 ✓ 11 ✗ 1 💰 $0.71",
            ]
        );
    }

    proptest! {
        #[test]
        fn it_fits_into_forty_columns_and_more(
            succeeded in 0_usize..10_000, failed in 0_usize..100, rest in 0_usize..10_000,
            seconds in 0_u64..100_000, columns in 40_usize..200,
        ) {
            let standing = standing(succeeded, failed, succeeded + failed + rest, seconds);
            prop_assert!(measure_text_width(&standing.fitting(columns)) <= columns);
        }
    }
}
