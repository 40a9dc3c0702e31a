//! The display of times by this machine's clock.

use jiff::{Timestamp, tz::TimeZone};

/// Hour and minute, with the day before them where it is not today's.
pub fn clock(at: Timestamp) -> String {
    let here = TimeZone::system();
    let at = at.to_zoned_datetime(here.clone());
    let format = match at.date() == Timestamp::now().to_zoned_datetime(here).date() {
        true => "%H:%M",
        false => "%Y-%m-%d %H:%M",
    };
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_said_where_it_is_not_today() {
        let now = clock(Timestamp::now());
        assert!(now.len() == 5 && now.contains(':'), "{now}");
        let then = clock(Timestamp::UNIX_EPOCH);
        assert!(then.len() == 16 && then.starts_with("19"), "{then}");
    }
}
