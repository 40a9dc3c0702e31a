//! The days of Iran's calendar, and its time zone.

use icu_calendar::{Date as IcuDate, Iso, cal::Persian};
use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};

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

/// The month of the Iranian calendar that a day is in: year, month from 1, the first day, and how many days it has.
pub fn jalali_month(date: Date) -> Option<(i32, u8, Date, i32)> {
    let persian = from_jiff(date).to_calendar(Persian);
    let back = i32::from(persian.day_of_month().0) - 1;
    Some((
        persian.year().extended_year(),
        persian.month().number(),
        date.checked_sub(back.days()).ok()?,
        i32::from(persian.days_in_month()),
    ))
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

/// A date for the calendar library.
pub fn from_jiff(date: Date) -> IcuDate<Iso> {
    // Both sides know every day of a civil year; the fallback is never taken.
    IcuDate::try_new_iso(
        date.year().into(),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
    .unwrap_or_else(|_| IcuDate::from_rata_die(icu_calendar::types::RataDie::new(1), Iso))
}

/// A day of the standard calendar as dates are reckoned with here; `None` beyond its years.
pub fn to_jiff(date: IcuDate<Iso>) -> Option<Date> {
    let year = i16::try_from(date.year().extended_year()).ok()?;
    let month = i8::try_from(date.month().number()).ok()?;
    let day = i8::try_from(date.day_of_month().0).ok()?;
    Date::new(year, month, day).ok()
}

/// A day of the Iranian calendar; `None` where there is no such day.
pub fn solar(year: i32, month: u8, day: u8) -> Option<Date> {
    to_jiff(
        IcuDate::try_new_persian(year, month, day)
            .ok()?
            .to_calendar(Iso),
    )
}
