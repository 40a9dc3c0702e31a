//! The advertising year in Iran, computed: the model chooses among these occasions and never dates anything itself.
//!
//! Solar dates follow the Iranian calendar, lunar ones the tabular Hijri calendar (civil epoch). The lunar months are
//! declared in Iran by sighting, so those dates may be a day off and say so.

use icu_calendar::{
    Date as IcuDate, Iso,
    cal::{
        Hijri, Persian,
        hijri::{TabularAlgorithm, TabularAlgorithmEpoch, TabularAlgorithmLeapYears},
    },
};
use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{Bilingual, Dates};

/// An occasion that advertisers in Iran plan for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    NowruzShopping,
    Nowruz,
    SizdahBedar,
    BackToSchool,
    Mehregan,
    Yalda,
    BlackFriday,
    Bahman22,
    ChaharshanbeSuri,
    MothersDay,
    FathersDay,
    Ramadan,
    EidFitr,
    EidQurban,
    EidGhadir,
    Ashura,
    Arbaeen,
}

use Occasion::{
    Arbaeen, Ashura, BackToSchool, Bahman22, BlackFriday, ChaharshanbeSuri, EidFitr, EidGhadir,
    EidQurban, FathersDay, Mehregan, MothersDay, Nowruz, NowruzShopping, Ramadan, SizdahBedar,
    Yalda,
};

enum Rule {
    /// Month and day of the Iranian calendar, and the number of days.
    Solar(u8, u8, i32),
    /// Month and day of the Hijri calendar, and the number of days.
    Lunar(u8, u8, i32),
    /// The eve of the year's last Wednesday.
    LastTuesday,
    /// The fourth Friday of November, as Iranian shops keep it.
    FourthFridayOfNovember,
}

const OCCASIONS: [(Occasion, Rule, &str, &str); 17] = [
    (
        NowruzShopping,
        Rule::Solar(11, 15, 44),
        "خرید نوروزی",
        "Nowruz shopping season",
    ),
    (Nowruz, Rule::Solar(1, 1, 13), "نوروز", "Nowruz"),
    (
        SizdahBedar,
        Rule::Solar(1, 13, 1),
        "سیزده‌به‌در",
        "Sizdah Be-dar",
    ),
    (
        BackToSchool,
        Rule::Solar(6, 10, 28),
        "بازگشایی مدارس",
        "Back to school",
    ),
    (Mehregan, Rule::Solar(7, 16, 1), "مهرگان", "Mehregan"),
    (Yalda, Rule::Solar(9, 30, 1), "شب یلدا", "Yalda night"),
    (
        BlackFriday,
        Rule::FourthFridayOfNovember,
        "جمعهٔ سیاه آذر",
        "Black Friday of Azar",
    ),
    (Bahman22, Rule::Solar(11, 22, 1), "۲۲ بهمن", "22 Bahman"),
    (
        ChaharshanbeSuri,
        Rule::LastTuesday,
        "چهارشنبه‌سوری",
        "Chaharshanbe Suri",
    ),
    (
        MothersDay,
        Rule::Lunar(6, 20, 1),
        "روز مادر",
        "Mother's Day",
    ),
    (FathersDay, Rule::Lunar(7, 13, 1), "روز پدر", "Father's Day"),
    (Ramadan, Rule::Lunar(9, 1, 29), "ماه رمضان", "Ramadan"),
    (EidFitr, Rule::Lunar(10, 1, 2), "عید فطر", "Eid al-Fitr"),
    (
        EidQurban,
        Rule::Lunar(12, 10, 1),
        "عید قربان",
        "Eid al-Qurban",
    ),
    (
        EidGhadir,
        Rule::Lunar(12, 18, 1),
        "عید غدیر",
        "Eid al-Ghadir",
    ),
    (
        Ashura,
        Rule::Lunar(1, 9, 2),
        "تاسوعا و عاشورا",
        "Tasua and Ashura",
    ),
    (Arbaeen, Rule::Lunar(2, 20, 1), "اربعین", "Arbaeen"),
];

/// The occasions that begin in the twelve months from `today`, the nearest first.
pub fn year_from(today: Date) -> Vec<(Occasion, Dates)> {
    let mut year: Vec<_> = OCCASIONS
        .iter()
        .filter_map(|(occasion, rule, fa, en)| {
            let starts = rule.next(today)?;
            let ends = starts.checked_add((rule.days() - 1).days()).ok()?;
            let dates = Dates {
                name: Bilingual {
                    fa: Some((*fa).into()),
                    en: Some((*en).into()),
                },
                starts,
                ends,
                starts_jalali: jalali(starts, '-'),
                ends_jalali: jalali(ends, '-'),
                lunar: matches!(rule, Rule::Lunar(..)),
            };
            Some((*occasion, dates))
        })
        .collect();
    year.sort_by_key(|(_, dates)| (dates.starts, dates.ends));
    year
}

/// A day in the Iranian calendar: `1405-09-02` or `1405/09/02`.
pub fn jalali(date: Date, separator: char) -> String {
    let date = from_jiff(date).to_calendar(Persian);
    format!(
        "{:04}{separator}{:02}{separator}{:02}",
        date.year().extended_year(),
        date.month().number(),
        date.day_of_month().0
    )
}

/// The day it is in Iran.
pub fn day_in_iran(at: Timestamp) -> Date {
    at.to_zoned_datetime(tehran()).date()
}

/// Iran's time zone; without a time-zone database its offset since 2022.
pub fn tehran() -> TimeZone {
    TimeZone::get("Asia/Tehran")
        .unwrap_or_else(|_| TimeZone::fixed(Offset::from_seconds(12_600).unwrap_or(Offset::UTC)))
}

impl Rule {
    fn days(&self) -> i32 {
        match self {
            Rule::Solar(.., days) | Rule::Lunar(.., days) => *days,
            Rule::LastTuesday | Rule::FourthFridayOfNovember => 1,
        }
    }

    /// The first time that this begins on `today` or later.
    fn next(&self, today: Date) -> Option<Date> {
        let persian_year = from_jiff(today).to_calendar(Persian).year().extended_year();
        let hijri_year = from_jiff(today).to_calendar(hijri()).year().extended_year();
        (0..=2)
            .filter_map(|later| {
                self.in_year(
                    persian_year + later,
                    hijri_year + later,
                    i32::from(today.year()) + later,
                )
            })
            .find(|&date| date >= today)
    }

    fn in_year(&self, persian: i32, hijri_year: i32, gregorian: i32) -> Option<Date> {
        match *self {
            Rule::Solar(month, day, _) => solar(persian, month, day),
            Rule::Lunar(month, day, _) => {
                let date = IcuDate::try_new_hijri_with_calendar(hijri_year, month, day, hijri());
                to_jiff(date.ok()?.to_calendar(Iso))
            }
            Rule::LastTuesday => {
                let last_day = solar(persian + 1, 1, 1)?.yesterday().ok()?;
                let wednesday = jiff::civil::Weekday::Wednesday;
                let back = last_day.weekday().since(wednesday);
                last_day.checked_sub((i32::from(back) + 1).days()).ok()
            }
            Rule::FourthFridayOfNovember => {
                let november = Date::new(i16::try_from(gregorian).ok()?, 11, 1).ok()?;
                november
                    .nth_weekday_of_month(4, jiff::civil::Weekday::Friday)
                    .ok()
            }
        }
    }
}

fn hijri() -> Hijri<TabularAlgorithm> {
    Hijri::new_tabular(
        TabularAlgorithmLeapYears::TypeII,
        TabularAlgorithmEpoch::Friday,
    )
}

fn solar(year: i32, month: u8, day: u8) -> Option<Date> {
    to_jiff(
        IcuDate::try_new_persian(year, month, day)
            .ok()?
            .to_calendar(Iso),
    )
}

fn from_jiff(date: Date) -> IcuDate<Iso> {
    // Both sides know every day of a civil year; the fallback is never taken.
    IcuDate::try_new_iso(
        date.year().into(),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
    .unwrap_or_else(|_| IcuDate::from_rata_die(icu_calendar::types::RataDie::new(1), Iso))
}

fn to_jiff(date: IcuDate<Iso>) -> Option<Date> {
    let year = i16::try_from(date.year().extended_year()).ok()?;
    let month = i8::try_from(date.month().number()).ok()?;
    let day = i8::try_from(date.day_of_month().0).ok()?;
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn starts(today: Date, occasion: Occasion) -> Date {
        year_from(today)
            .into_iter()
            .find(|(o, _)| *o == occasion)
            .unwrap()
            .1
            .starts
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
            }
        }
    }
}
