//! The clock on the wall: when cron looks at it and starts a job, and how the program is made to believe another one.

use std::path::PathBuf;

use jiff::{
    SignedDuration, Timestamp, ZonedDateTime,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

/// When cron starts a job that is due at this time of each day. What clocks leave out is made up for as soon as they
/// have jumped, and what they repeat is not run twice: cron(8), "Daylight Saving Time and other time changes".
pub fn cron(zone: &TimeZone, due: DateTime) -> ZonedDateTime {
    let moment = zone.to_ambiguous_zoned_datetime(due);
    match moment.offset() {
        AmbiguousOffset::Gap { .. } => zone
            .following(
                moment.clone().earlier().unwrap().timestamp() - SignedDuration::from_hours(3),
            )
            .next()
            .unwrap()
            .timestamp()
            .to_zoned_datetime(zone.clone()),
        _ => moment.earlier().unwrap(),
    }
}

pub fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("libfaketime is not installed (on Debian the package faketime)"))
}

/// How the believed clock differs from the real one, so that it shows this moment within a second, and none before it.
pub fn offset_to(moment: &ZonedDateTime) -> String {
    let offset = moment.timestamp().duration_since(Timestamp::now());
    format!("{:+}", offset.as_secs() + 1)
}

/// Whole days, rounded: runs take seconds and nights lose or win an hour.
pub fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    (to.duration_since(from).as_hours() + 12).div_euclid(24)
}
