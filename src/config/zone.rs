//! The time zone of this machine, which deadlines and the days of logs follow.

use jiff::{
    ZonedDateTime,
    tz::{self, TimeZone},
};

use super::variable;

/// How alike two names are, from 0 to 1, when one is a slip of the pen.
const ALIKE: f64 = 0.7;

/// What is wrong with the time zone, where a name is set that means nothing, or none is known and a deadline goes by it.
/// Times are UTC then.
pub fn trouble(has_deadline: bool) -> Option<String> {
    let why = TimeZone::try_system().err()?;
    let Some(set) = variable("TZ") else {
        return has_deadline.then(|| {
            format!(
                "the time zone of this machine is unknown ({why}), so times are UTC: set TZ, such as TZ=Asia/Tehran"
            )
        });
    };
    let remedy = match nearest(&set) {
        Some(name) => format!("is {name} meant?"),
        None if TimeZone::get("Asia/Tehran").is_err() => {
            "this machine has no table of time zones, so install tzdata, or write TZ=<+0330>-3:30"
                .into()
        }
        None => "write it as Asia/Tehran".into(),
    };
    Some(format!(
        "TZ ({set}) is no time zone that this machine knows, so times are UTC: {remedy}"
    ))
}

/// Whether a zone is set that means nothing: what somebody wanted is not what a deadline would go by.
pub fn is_set_wrong() -> bool {
    variable("TZ").is_some() && TimeZone::try_system().is_err()
}

fn nearest(set: &str) -> Option<String> {
    let plain = |name: &str| {
        name.trim_start_matches(':')
            .to_lowercase()
            .replace(' ', "_")
    };
    let set = plain(set);
    let likeness = |name: &str| {
        let name = plain(name);
        let city = name.rsplit('/').next().unwrap_or_default();
        let whole = strsim::normalized_damerau_levenshtein(&set, &name);
        whole.max(strsim::normalized_damerau_levenshtein(&set, city))
    };
    let known = tz::db().available().map(|name| name.to_string());
    known
        .map(|name| (likeness(&name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// A moment on the clocks of its zone, with the zone's name.
pub fn named(moment: &ZonedDateTime) -> String {
    let zone = moment.time_zone().iana_name();
    let at = moment.strftime("%Y-%m-%d %H:%M %:z");
    match zone {
        Some(name) => format!("{at} ({name})"),
        None => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_name_of_a_zone_is_seen() {
        if TimeZone::get("Asia/Tehran").is_err() {
            return eprintln!("this machine has no table of time zones: nothing was looked up");
        }
        for slip in ["Asia/Teheran", "Tehran", "asia/tehrann", ":Asia/Thran"] {
            assert_eq!(nearest(slip).as_deref(), Some("Asia/Tehran"), "{slip}");
        }
        assert_eq!(nearest("nowhere at all"), None);
    }

    #[test]
    fn a_moment_is_told_with_its_zone() {
        let moment: ZonedDateTime = "2026-12-01T06:00+03:30[+03:30]".parse().unwrap();
        assert_eq!(named(&moment), "2026-12-01 06:00 +03:30");
    }
}
