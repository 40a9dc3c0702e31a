//! The campaign year as a strip of twelve months, with the occasions that advertisers plan for.

use jiff::{ToSpan, civil::Date};

use super::view::Tongue;
use crate::{
    report::{Dates, Report},
    research::calendar::year_from,
    text::calendar::{MONTHS, day_in_iran, jalali_month},
};

const GREGORIAN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A month of the strip.
pub struct Month {
    pub name: &'static str,
    pub year: String,
    pub marks: Vec<Mark>,
    /// The occasions that begin in it.
    pub occasions: Vec<OccasionView>,
}

/// The part of an occasion that is in a month, in hundredths of the month's length from the side where reading begins.
pub struct Mark {
    pub x: i32,
    pub width: i32,
    pub recommended: bool,
}

/// An occasion as it is shown.
pub struct OccasionView {
    pub name: String,
    pub days: String,
    pub book_by: String,
    pub recommended: bool,
}

/// A month in the calendar of a language.
struct Frame {
    year: i32,
    number: u8,
    first: Date,
    days: i32,
}

/// The twelve months from the day of the report. The occasions are computed; those that the report recommends stand out.
pub fn year(t: Tongue, report: &Report) -> Vec<Month> {
    let today = day_in_iran(report.generated_at);
    let occasions = occasions(report, today);
    let mut months = Vec::with_capacity(12);
    let mut day = today;
    while months.len() < 12
        && let Some(frame) = Frame::of(t, day)
    {
        let Ok(next) = frame.first.checked_add(frame.days.days()) else {
            break;
        };
        day = next;
        months.push(month(t, &frame, &occasions));
    }
    months
}

/// All occasions of the year, and whether the report recommends them.
fn occasions(report: &Report, today: Date) -> Vec<(Dates, bool)> {
    let insights = report.insights.iter();
    let recommended: Vec<_> = insights
        .flat_map(|insights| {
            let timing = insights.campaign_timing.iter();
            let partners = insights.opportunities.iter();
            timing
                .map(|dated| dated.timing.occasion)
                .chain(partners.filter_map(|dated| dated.opportunity.timing))
        })
        .collect();
    year_from(today)
        .into_iter()
        .map(|(occasion, dates)| (dates, recommended.contains(&occasion)))
        .collect()
}

fn month(t: Tongue, frame: &Frame, occasions: &[(Dates, bool)]) -> Month {
    let last = frame.first.checked_add((frame.days - 1).days());
    let last = last.unwrap_or(frame.first);
    let here = occasions
        .iter()
        .filter(|(dates, _)| dates.starts <= last && dates.ends >= frame.first);
    let marks = here.clone().map(|(dates, recommended)| {
        let from = days_between(frame.first, dates.starts.max(frame.first));
        let to = days_between(frame.first, dates.ends.min(last)) + 1;
        Mark {
            x: from * 100 / frame.days,
            width: ((to - from) * 100 / frame.days).max(3),
            recommended: *recommended,
        }
    });
    let begun = here.filter(|(dates, _)| dates.starts >= frame.first);
    Month {
        name: frame.name(t),
        year: t.digits(&frame.year.to_string()),
        marks: turned(t, marks.collect()),
        occasions: begun
            .map(|(dates, recommended)| OccasionView {
                name: t.text(&dates.name),
                days: days(t, dates),
                book_by: t.short_day(dates.book_by.unwrap_or(dates.starts)),
                recommended: *recommended,
            })
            .collect(),
    }
}

/// Marks seen from the other side, where reading begins there. What is recommended is drawn last, above the rest.
fn turned(t: Tongue, mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by_key(|mark| mark.recommended);
    for mark in &mut marks {
        mark.x = mark.x.min(100 - mark.width);
        if t.fa {
            mark.x = 100 - mark.x - mark.width;
        }
    }
    marks
}

/// First and last day, with the month where it is another.
fn days(t: Tongue, dates: &Dates) -> String {
    let about = if dates.lunar { "≈ " } else { "" };
    match dates.starts == dates.ends {
        true => format!("{about}{}", t.short_day(dates.starts)),
        false => format!(
            "{about}{} {} {}",
            t.short_day(dates.starts),
            t.pick("تا", "to"),
            t.short_day(dates.ends)
        ),
    }
}

fn days_between(from: Date, to: Date) -> i32 {
    (to - from).get_days()
}

impl Tongue {
    /// Day and month: ۳۰ آذر, 21 December.
    pub fn short_day(self, date: Date) -> String {
        match Frame::of(self, date) {
            Some(frame) => {
                let day = days_between(frame.first, date) + 1;
                self.digits(&format!("{day} {}", frame.name(self)))
            }
            None => date.to_string(),
        }
    }

    /// Month and year: آذر ۱۴۰۵.
    pub fn month_of(self, date: Date) -> String {
        let whole = self.whole_day(date);
        whole
            .split_once(' ')
            .map_or(whole.clone(), |(_, month)| month.to_owned())
    }

    /// Day, month and year: ۳۰ آذر ۱۴۰۵, 21 December 2026.
    pub fn whole_day(self, date: Date) -> String {
        let year = Frame::of(self, date).map_or(date.year().into(), |frame| frame.year);
        self.digits(&format!("{} {year}", self.short_day(date)))
    }
}

impl Frame {
    fn of(t: Tongue, date: Date) -> Option<Self> {
        if !t.fa {
            return Some(Self {
                year: date.year().into(),
                number: date.month().unsigned_abs(),
                first: date.first_of_month(),
                days: date.days_in_month().into(),
            });
        }
        let (year, number, first, days) = jalali_month(date)?;
        Some(Self {
            year,
            number,
            first,
            days,
        })
    }

    fn name(&self, t: Tongue) -> &'static str {
        let names = if t.fa { MONTHS } else { GREGORIAN };
        names
            .get(usize::from(self.number.saturating_sub(1)))
            .unwrap_or(&"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn twelve_months_follow_each_other_in_both_calendars() {
        for fa in [true, false] {
            let t = Tongue { fa };
            let mut day = date(2026, 11, 24);
            for _ in 0..60 {
                let frame = Frame::of(t, day).unwrap();
                assert!(frame.first <= day && days_between(frame.first, day) < frame.days);
                let next = frame.first.checked_add(frame.days.days()).unwrap();
                assert_eq!(Frame::of(t, next).unwrap().first, next);
                day = next;
            }
        }
        assert_eq!(Tongue { fa: true }.short_day(date(2026, 12, 21)), "۳۰ آذر");
        assert_eq!(
            Tongue { fa: false }.short_day(date(2026, 12, 21)),
            "21 December"
        );
    }

    #[test]
    fn marks_stay_in_their_month_on_either_side() {
        let mark = || Mark {
            x: 99,
            width: 3,
            recommended: false,
        };
        assert_eq!(turned(Tongue { fa: false }, vec![mark()])[0].x, 97);
        assert_eq!(turned(Tongue { fa: true }, vec![mark()])[0].x, 0);
    }
}
