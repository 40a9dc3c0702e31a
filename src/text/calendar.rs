//! The days of Iran's calendar, and its time zone.

use calendrical_calculations::{
    gregorian::{fixed_from_gregorian, gregorian_from_fixed},
    persian::{fast_persian_from_fixed, fixed_from_fast_persian, is_leap_year},
    rata_die::RataDie,
};
use jiff::{
    Timestamp, ToSpan,
    civil::Date,
    tz::{Offset, TimeZone},
};

/// The months of the Iranian calendar, in order.
pub const MONTHS: [&str; 12] = [
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
];

/// A day in the Iranian calendar: `1405-09-02` or `1405/09/02`.
pub fn jalali(date: Date, separator: char) -> String {
    let (year, month, day) = persian(date);
    format!("{year:04}{separator}{month:02}{separator}{day:02}")
}

/// The month of the Iranian calendar that a day is in: year, month from 1, the first day, and how many days it has.
pub fn jalali_month(date: Date) -> Option<(i32, u8, Date, i32)> {
    let (year, month, day) = persian(date);
    let first = date.checked_sub((i32::from(day) - 1).days()).ok()?;
    Some((year, month, first, i32::from(days_in_month(year, month))))
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

/// A day of the Iranian calendar; `None` where the calendar has no such day.
pub fn solar(year: i32, month: u8, day: u8) -> Option<Date> {
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    exists.then(|| civil(fixed_from_fast_persian(year, month, day)))?
}

/// Year, month and day in the Iranian calendar.
pub fn persian(date: Date) -> (i32, u8, u8) {
    // The years of a civil date are far from the ends of `i32`; the fallback is never taken.
    fast_persian_from_fixed(fixed(date)).unwrap_or((1, 1, 1))
}

/// Days of a month of the Iranian calendar.
fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        ..=6 => 31,
        7..=11 => 30,
        _ => 29 + u8::from(is_leap_year(year)),
    }
}

/// The number of a day, which is the same in every calendar.
pub fn fixed(date: Date) -> RataDie {
    fixed_from_gregorian(
        date.year().into(),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
}

/// The day with this number; `None` beyond the years of dates.
pub fn civil(day: RataDie) -> Option<Date> {
    let (year, month, day) = gregorian_from_fixed(day).ok()?;
    let year = i16::try_from(year).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}
