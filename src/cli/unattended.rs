//! The flags of unattended runs.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, civil::Time};

use crate::text::number;

/// The flags of unattended runs.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Unattended")]
pub struct UnattendedArgs {
    /// Stop starting brands that cannot finish by this time (local clock); the rest wait for the next run
    #[arg(long, value_name = "HH:MM", env = "BRANDINTEL_DEADLINE", value_parser = time_of_day)]
    pub deadline: Option<Time>,
    /// Stop starting brands that cannot finish within this time, such as 3h or 90m; the rest wait
    #[arg(long, value_name = "TIME", env = "BRANDINTEL_MAX_TIME", value_parser = length)]
    pub max_time: Option<Duration>,
    /// Write a summary of the run as JSON to this file, or post it to this webhook; - prints it
    // The address of a webhook is a secret, and help prints what is set.
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "BRANDINTEL_REPORT_TO",
        hide_env_values = true
    )]
    pub report_to: Option<String>,
    /// Number of days to keep logs
    #[arg(long, value_name = "DAYS", env = "BRANDINTEL_KEEP_LOGS", default_value_t = 30, value_parser = days)]
    pub keep_logs: u32,
}

fn time_of_day(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", number(text))
        .map_err(|_| "write a time of day such as 06:00, from 00:00 to 23:59".into())
}

fn length(text: &str) -> Result<Duration, String> {
    let length = number(text).parse::<SignedDuration>().ok();
    length
        .and_then(|length| Duration::try_from(length).ok())
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "write a duration with its unit, such as 3h, 90m or 1h 30m".into())
}

fn days(text: &str) -> Result<u32, String> {
    match number(text).parse() {
        Ok(n @ 1..=36_500) => Ok(n),
        _ => Err("write a number of days from 1 to 36500".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time_of_day("06:00"), Ok(time(6, 0, 0, 0)));
        assert_eq!(time_of_day("6:05"), Ok(time(6, 5, 0, 0)));
        for bad in ["24:00", "6", "6 am", "06:00:00:00", ""] {
            assert!(time_of_day(bad).is_err(), "{bad}");
        }
        for (text, minutes) in [
            ("3h", 180),
            ("90m", 90),
            ("1h 30m", 90),
            ("1h30m", 90),
            ("2 hours", 120),
        ] {
            assert_eq!(length(text), Ok(Duration::from_mins(minutes)), "{text}");
        }
        for bad in ["3", "0h", "-1h", "soon", ""] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
