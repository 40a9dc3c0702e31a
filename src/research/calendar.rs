//! The calendar of advertising in Iran, computed: a model chooses among these occasions and never computes a date.
//!
//! Solar dates follow the Iranian calendar. Lunar months begin as Iran's official calendar has them (`lunar.csv`);
//! where that is not known yet, as the tabular Hijri calendar (civil epoch) has them. The months are declared by
//! sighting, so the tabular dates may be a day off and say so.

use std::{collections::HashMap, sync::LazyLock};

use calendrical_calculations::islamic::{
    ISLAMIC_EPOCH_FRIDAY, fixed_from_tabular_islamic, tabular_islamic_from_fixed,
};
use jiff::{ToSpan, civil::Date};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    report::{Bilingual, Dates, Occasion},
    text::calendar::{civil, fixed, jalali, persian, solar},
};

use Occasion::{
    Arbaeen, Ashura, BackToSchool, Bahman22, BlackFriday, ChaharshanbeSuri, EidFitr, EidGhadir,
    EidQurban, ExamSeason, FathersDay, Mehregan, MothersDay, Muharram, Nowruz, NowruzShopping,
    QurbanToGhadir, Ramadan, Safar, Sepandarmazgan, SizdahBedar, Yalda,
};

enum DateRule {
    /// Month and day of the Iranian calendar, and the number of days.
    Solar(u8, u8, i32),
    /// Month and day of the Hijri calendar, and the number of days, as far as the month has them.
    Lunar(u8, u8, i32),
    /// The eve of the year's last Wednesday.
    LastTuesday,
    /// The fourth Friday of November, as Iranian shops keep it.
    FourthFridayOfNovember,
}

const OCCASIONS: [(Occasion, DateRule); 22] = [
    (NowruzShopping, DateRule::Solar(11, 15, 44)),
    (Nowruz, DateRule::Solar(1, 1, 13)),
    (SizdahBedar, DateRule::Solar(1, 13, 1)),
    (ExamSeason, DateRule::Solar(3, 1, 31)),
    (BackToSchool, DateRule::Solar(6, 10, 28)),
    (Mehregan, DateRule::Solar(7, 16, 1)),
    (BlackFriday, DateRule::FourthFridayOfNovember),
    (Yalda, DateRule::Solar(9, 30, 1)),
    (Bahman22, DateRule::Solar(11, 22, 1)),
    (Sepandarmazgan, DateRule::Solar(12, 5, 1)),
    (ChaharshanbeSuri, DateRule::LastTuesday),
    (Muharram, DateRule::Lunar(1, 1, 10)),
    (Ashura, DateRule::Lunar(1, 9, 2)),
    (Arbaeen, DateRule::Lunar(2, 20, 1)),
    (Safar, DateRule::Lunar(2, 28, 3)),
    (MothersDay, DateRule::Lunar(6, 20, 1)),
    (FathersDay, DateRule::Lunar(7, 13, 1)),
    (Ramadan, DateRule::Lunar(9, 1, 30)),
    (EidFitr, DateRule::Lunar(10, 1, 2)),
    (EidQurban, DateRule::Lunar(12, 10, 1)),
    (QurbanToGhadir, DateRule::Lunar(12, 10, 9)),
    (EidGhadir, DateRule::Lunar(12, 18, 1)),
];

/// What `occasions.csv` says of an occasion.
#[derive(Debug, Deserialize)]
struct OccasionPlanning {
    occasion: Occasion,
    lead_days: i32,
    name_fa: String,
    name_en: String,
    advice_fa: String,
    advice_en: String,
    avoid_fa: String,
    avoid_en: String,
}

static PLANNING: LazyLock<HashMap<Occasion, OccasionPlanning>> = LazyLock::new(|| {
    rows(include_str!("occasions.csv"))
        .map(|row: OccasionPlanning| (row.occasion, row))
        .collect()
});

/// First days of lunar months, by Hijri year and month.
static DECLARED: LazyLock<HashMap<(i32, u8), Date>> = LazyLock::new(|| {
    rows(include_str!("lunar.csv"))
        .map(|(year, month, starts)| ((year, month), starts))
        .collect()
});

/// The rows of a table that is part of the program. The tests make sure that none is left out.
fn rows<T: DeserializeOwned>(table: &str) -> impl Iterator<Item = T> {
    csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(table.as_bytes())
        .into_deserialize()
        .flatten()
}

/// The occasions that begin in the twelve months from `today`, the nearest first.
pub fn year_from(today: Date) -> Vec<(Occasion, Dates)> {
    let mut year: Vec<_> = OCCASIONS
        .iter()
        .filter_map(|(occasion, rule)| {
            Some((*occasion, dates(PLANNING.get(occasion)?, rule, today)?))
        })
        .collect();
    year.sort_by_key(|(_, dates)| (dates.starts, dates.ends));
    year
}

fn dates(planning: &OccasionPlanning, rule: &DateRule, today: Date) -> Option<Dates> {
    let Span {
        starts,
        ends,
        lunar,
    } = rule.next(today)?;
    let book_by = starts.checked_sub(planning.lead_days.days()).ok()?;
    Some(Dates {
        name: Bilingual::both(&planning.name_fa, &planning.name_en),
        starts,
        ends,
        starts_jalali: jalali(starts, '-'),
        ends_jalali: jalali(ends, '-'),
        lunar,
        book_by: Some(book_by),
        book_by_jalali: jalali(book_by, '-'),
        too_late: book_by < today,
        advice: Bilingual::both(&planning.advice_fa, &planning.advice_en),
        avoid: Bilingual::both(&planning.avoid_fa, &planning.avoid_en),
    })
}

/// First and last day, and whether they still depend on the sighting of the moon.
struct Span {
    starts: Date,
    ends: Date,
    lunar: bool,
}

impl Span {
    fn solar(starts: Date, days: i32) -> Option<Self> {
        Some(Self {
            starts,
            ends: starts.checked_add((days - 1).days()).ok()?,
            lunar: false,
        })
    }

    fn lunar(year: i32, month: u8, day: u8, days: i32) -> Option<Self> {
        let (first, declared) = month_start(year, month)?;
        let starts = first.checked_add((i32::from(day) - 1).days()).ok()?;
        let mut ends = starts.checked_add((days - 1).days()).ok()?;
        let (next, next_declared) = match month {
            12 => month_start(year + 1, 1)?,
            _ => month_start(year, month + 1)?,
        };
        // Only two starts from the same source tell how long the month is.
        if declared == next_declared {
            ends = ends.min(next.yesterday().ok()?);
        }
        Some(Self {
            starts,
            ends,
            lunar: !declared,
        })
    }
}

impl DateRule {
    /// The first time that this begins on `today` or later.
    fn next(&self, today: Date) -> Option<Span> {
        let (persian_year, ..) = persian(today);
        let (hijri_year, ..) = tabular_islamic_from_fixed(fixed(today), ISLAMIC_EPOCH_FRIDAY);
        (0..=2)
            .filter_map(|later| {
                self.in_year(
                    persian_year + later,
                    hijri_year + later,
                    i32::from(today.year()) + later,
                )
            })
            .find(|span| span.starts >= today)
    }

    fn in_year(&self, persian: i32, hijri_year: i32, gregorian: i32) -> Option<Span> {
        match *self {
            DateRule::Solar(month, day, days) => Span::solar(solar(persian, month, day)?, days),
            DateRule::Lunar(month, day, days) => Span::lunar(hijri_year, month, day, days),
            DateRule::LastTuesday => {
                let last_day = solar(persian + 1, 1, 1)?.yesterday().ok()?;
                let wednesday = jiff::civil::Weekday::Wednesday;
                let back = last_day.weekday().since(wednesday);
                Span::solar(last_day.checked_sub((i32::from(back) + 1).days()).ok()?, 1)
            }
            DateRule::FourthFridayOfNovember => {
                let november = Date::new(i16::try_from(gregorian).ok()?, 11, 1).ok()?;
                let friday = november.nth_weekday_of_month(4, jiff::civil::Weekday::Friday);
                Span::solar(friday.ok()?, 1)
            }
        }
    }
}

/// When a lunar month begins, and whether that is declared rather than computed.
fn month_start(year: i32, month: u8) -> Option<(Date, bool)> {
    if let Some(&declared) = DECLARED.get(&(year, month)) {
        return Some((declared, true));
    }
    Some((tabular_month_start(year, month)?, false))
}

fn tabular_month_start(year: i32, month: u8) -> Option<Date> {
    civil(fixed_from_tabular_islamic(
        year,
        month,
        1,
        ISLAMIC_EPOCH_FRIDAY,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn dates(today: Date, occasion: Occasion) -> Dates {
        let mut year = year_from(today).into_iter();
        year.find(|(o, _)| *o == occasion).unwrap().1
    }

    fn starts(today: Date, occasion: Occasion) -> Date {
        dates(today, occasion).starts
    }

    /// Dates as they were printed in Iranian calendars.
    #[test]
    fn solar_occasions_fall_on_their_days() {
        let today = date(2026, 11, 23);
        assert_eq!(starts(today, Yalda), date(2026, 12, 21));
        assert_eq!(starts(today, Nowruz), date(2027, 3, 21));
        assert_eq!(starts(today, SizdahBedar), date(2027, 4, 2));
        assert_eq!(starts(today, Bahman22), date(2027, 2, 11));
        assert_eq!(starts(today, ChaharshanbeSuri), date(2027, 3, 16));
        assert_eq!(starts(today, BlackFriday), date(2026, 11, 27));
        assert_eq!(starts(today, Sepandarmazgan), date(2027, 2, 24));
        assert_eq!(starts(today, ExamSeason), date(2027, 5, 22));
        assert_eq!(dates(today, ExamSeason).ends_jalali, "1406-03-31");
        assert_eq!(
            starts(date(2024, 12, 1), ChaharshanbeSuri),
            date(2025, 3, 18)
        );
        assert_eq!(jalali(today, '/'), "1405/09/02");
    }

    /// Days as declared in Iran; the computed ones may differ by one.
    #[test]
    fn lunar_occasions_are_at_most_a_day_off() {
        let today = date(2025, 2, 1);
        for (occasion, declared) in [
            (Ramadan, date(2025, 3, 2)),
            (EidFitr, date(2025, 3, 31)),
            (EidQurban, date(2025, 6, 7)),
            (EidGhadir, date(2025, 6, 14)),
            (Ashura, date(2025, 7, 5)),
            (Arbaeen, date(2025, 8, 14)),
            (MothersDay, date(2025, 12, 11)),
            (FathersDay, date(2026, 1, 3)),
        ] {
            let off = starts(today, occasion).since(declared).unwrap().get_days();
            assert!(off.abs() <= 1, "{occasion:?} is {off} days off");
        }
    }

    /// Holidays as they were kept in Iran, each in a month for which the table has a row.
    #[test]
    fn declared_dates_win_over_tabular_ones() {
        for (today, occasion, declared) in [
            (date(2023, 1, 1), MothersDay, date(2023, 1, 13)),
            (date(2023, 4, 1), EidFitr, date(2023, 4, 22)),
            (date(2023, 6, 1), EidQurban, date(2023, 6, 29)),
            (date(2023, 6, 1), EidGhadir, date(2023, 7, 7)),
            (date(2023, 7, 1), Ashura, date(2023, 7, 27)),
            (date(2024, 1, 1), FathersDay, date(2024, 1, 25)),
            (date(2024, 3, 1), Ramadan, date(2024, 3, 12)),
            (date(2024, 8, 1), Arbaeen, date(2024, 8, 25)),
            (date(2025, 2, 1), Ramadan, date(2025, 3, 2)),
            (date(2025, 2, 1), EidFitr, date(2025, 3, 31)),
            (date(2025, 6, 20), Muharram, date(2025, 6, 27)),
            (date(2025, 8, 1), Safar, date(2025, 8, 22)),
            (date(2026, 6, 1), Ashura, date(2026, 6, 24)),
        ] {
            let dates = dates(today, occasion);
            assert_eq!(dates.starts, declared, "{occasion:?}");
            assert!(!dates.lunar, "{occasion:?} is declared");
        }
        let computed = tabular_month_start(1446, 9).unwrap();
        assert_ne!(computed, starts(date(2025, 2, 1), Ramadan));
        let undeclared = dates(date(2080, 1, 1), Ramadan);
        assert!(undeclared.lunar);
        assert!(!dates(date(2080, 1, 1), Nowruz).lunar);
    }

    #[test]
    fn lunar_occasions_end_with_their_month() {
        let ends = |today, occasion| dates(today, occasion).ends;
        assert_eq!(ends(date(2023, 3, 1), Ramadan), date(2023, 4, 21));
        assert_eq!(ends(date(2025, 2, 1), Ramadan), date(2025, 3, 30));
        assert_eq!(ends(date(2025, 8, 1), Safar), date(2025, 8, 24));
        assert_eq!(ends(date(2026, 8, 1), Safar), date(2026, 8, 13));
        let feasts = dates(date(2024, 6, 1), QurbanToGhadir);
        assert_eq!(feasts.starts, date(2024, 6, 17));
        assert_eq!(feasts.ends, starts(date(2024, 6, 1), EidGhadir));
    }

    /// A slip in the table would show as a month that is too long, too short or far from the computed one.
    #[test]
    fn declared_months_are_plausible() {
        assert_eq!(DECLARED.len(), data_rows(include_str!("lunar.csv")));
        for (&(year, month), &starts) in DECLARED.iter() {
            let computed = tabular_month_start(year, month).unwrap();
            let off = starts.since(computed).unwrap().get_days();
            assert!(off.abs() <= 1, "{year}-{month} is {off} days off");
            if let Some(next) = DECLARED.get(&(year, month + 1)) {
                let days = next.since(starts).unwrap().get_days();
                assert!((29..=30).contains(&days), "{year}-{month} has {days} days");
            }
        }
    }

    #[test]
    fn what_has_to_be_booked_by_now_says_so() {
        let today = date(2026, 11, 23);
        for (occasion, book_by, too_late) in [
            (Nowruz, date(2026, 12, 21), false),
            (NowruzShopping, date(2026, 12, 21), false),
            (Yalda, date(2026, 11, 6), true),
            (BlackFriday, date(2026, 10, 28), true),
            (Ramadan, date(2026, 11, 10), true),
        ] {
            let dates = dates(today, occasion);
            assert_eq!(dates.book_by, Some(book_by), "{occasion:?}");
            assert_eq!(dates.book_by_jalali, jalali(book_by, '-'));
            assert_eq!(dates.too_late, too_late, "{occasion:?}");
        }
        assert!(!dates(date(2026, 11, 6), Yalda).too_late, "the last day");
        assert!(dates(date(2026, 11, 7), Yalda).too_late);
    }

    #[test]
    fn every_occasion_is_told_in_both_languages() {
        assert_eq!(PLANNING.len(), OCCASIONS.len());
        assert_eq!(PLANNING.len(), data_rows(include_str!("occasions.csv")));
        for (occasion, dates) in year_from(date(2026, 11, 23)) {
            for text in [dates.name, dates.advice, dates.avoid] {
                let (fa, en) = (text.fa.unwrap(), text.en.unwrap());
                assert!(!fa.trim().is_empty(), "{occasion:?}");
                assert!(!fa.contains(|c: char| c.is_ascii_alphanumeric()), "{fa}");
                assert!(!fa.contains(['ي', 'ك', '\u{a0}']), "{fa}");
                assert!(en.contains(|c: char| c.is_ascii_alphabetic()), "{en}");
                assert!(!en.contains(|c: char| c > '\u{24f}'), "{en}");
            }
            assert!((30..=90).contains(&PLANNING[&occasion].lead_days));
        }
    }

    #[test]
    fn dates_of_older_reports_load() {
        let older = r#"{"name": {"fa": null, "en": "Nowruz"}, "starts": "2026-03-21", "ends": "2026-04-02",
            "starts_jalali": "1405-01-01", "ends_jalali": "1405-01-13", "lunar": false}"#;
        let dates: Dates = serde_json::from_str(older).unwrap();
        assert_eq!(dates.book_by, None);
        assert!(!dates.too_late);
        assert!(dates.advice.is_empty());
    }

    fn data_rows(table: &str) -> usize {
        table.lines().filter(|line| !line.starts_with('#')).count() - 1
    }

    proptest! {
        #[test]
        fn every_occasion_comes_once_within_the_year(day in 0i32..36_500) {
            let today = date(1990, 1, 1).checked_add(day.days()).unwrap();
            let year = year_from(today);
            prop_assert_eq!(year.len(), OCCASIONS.len());
            for (_, dates) in year {
                let ahead = dates.starts.since(today).unwrap().get_days();
                prop_assert!((0..=371).contains(&ahead), "{} in {ahead} days", dates.starts);
                prop_assert!(dates.ends >= dates.starts);
                prop_assert!(dates.book_by < Some(dates.starts));
            }
        }
    }
}
