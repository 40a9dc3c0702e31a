//! The command `status --spent`: the money spent by day or month in Iran, by list, stage or model, and a forecast for
//! the month.

use std::{cmp::Reverse, collections::BTreeMap};

use console::{Alignment, measure_text_width, pad_str};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::read_failure;
use crate::{
    cli::By,
    config::{self, caps::Term},
    exit::{Exit, Failure, OrExit},
    llm,
    money::Usd,
    say,
    store::{
        Location,
        caps::{CapUsage, Period, both},
        spending::{Calls, Spending, Sum},
    },
    text::{
        calendar::{day_in_iran, jalali, jalali_month},
        terminal,
    },
};

/// Days and months that are shown, the last of them; JSON has all.
const SHOWN: usize = 31;

/// Days whose average is the pace of a forecast.
const PACE: i64 = 30;

/// What is said of calls that an earlier version made.
const UNKNOWN: &str = "unknown";

/// Where the money went.
#[derive(Debug)]
struct SpendingReport {
    by: By,
    rows: Vec<SpendingRow>,
    total: Sum,
    month: MonthForecast,
}

#[derive(Debug)]
struct SpendingRow {
    /// A day, the first day of a month, or a name.
    key: GroupKey,
    sum: Sum,
    /// What of it is of this month, in US dollars.
    this_month: Usd,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum GroupKey {
    Day(Date),
    Month(Date),
    Name(String),
}

/// The month now, and what it will come to.
#[derive(Debug, PartialEq)]
struct MonthForecast {
    period: Period,
    sum: Sum,
    /// US dollars at its end, at the pace of the last so many days.
    forecast: Usd,
    pace_days: i64,
}

/// Shows it, for people or as JSON.
pub async fn show(location: Location, by: By, as_json: bool) -> Result<Exit, Failure> {
    let caps = config::caps::caps().or_exit(Exit::Usage)?;
    let store = location.store().await.map_err(read_failure)?;
    let spending = store.spending().await.map_err(read_failure)?;
    let standings = store.standings(caps).await.map_err(read_failure)?;
    let spent = SpendingReport::of(&spending, by, Timestamp::now());
    match as_json {
        true => terminal::result(&format!("{:#}", spent.json(&standings))),
        false => say!("{}", spent.text(&standings).trim_end()),
    }
    Ok(Exit::Done)
}

impl SpendingReport {
    fn of(spending: &Spending, by: By, now: Timestamp) -> Self {
        let month = MonthForecast::of(spending, now);
        let mut rows: BTreeMap<GroupKey, (Sum, Usd)> = BTreeMap::new();
        let mut total = Sum::default();
        for (calls, sum) in spending {
            total += *sum;
            let (of_key, this_month) = rows.entry(key(calls, by)).or_default();
            *of_key += *sum;
            if month.period.contains(calls.at) {
                *this_month += sum.usd;
            }
        }
        let rows = rows
            .into_iter()
            .map(|(key, (sum, this_month))| SpendingRow {
                key,
                sum,
                this_month,
            });
        let mut rows: Vec<SpendingRow> = rows.collect();
        if !matches!(by, By::Day | By::Month) {
            rows.sort_by_key(|row| Reverse(row.sum.usd));
        }
        Self {
            by,
            rows,
            total,
            month,
        }
    }

    fn json(&self, caps: &[CapUsage]) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut told = match &row.key {
                GroupKey::Day(day) => json!({"day": day, "jalali": jalali(*day, '-')}),
                GroupKey::Month(first) => month_json(*first),
                GroupKey::Name(name) => json!({ self.name(): name }),
            };
            told["usd"] = json!(row.sum.usd);
            told["usd_this_month"] = json!(row.this_month);
            told["held_usd"] = json!(row.sum.held);
            told["calls"] = json!(row.sum.calls);
            told["credits"] = json!(row.sum.credits);
            told
        });
        let mut month = month_json(day_in_iran(self.month.period.from));
        month["usd"] = json!(self.month.sum.usd);
        month["held_usd"] = json!(self.month.sum.held);
        month["forecast_usd"] = json!(self.month.forecast);
        month["pace_days"] = json!(self.month.pace_days);
        let caps = caps.iter().map(|cap| {
            json!({"setting": cap.period.term.setting(), "cap_usd": cap.cap, "used_usd": cap.used, "left_usd": cap.left(),
                "from": cap.period.from, "until": cap.period.to})
        });
        json!({
            "by": self.name(),
            "rows": rows.collect::<Vec<_>>(),
            "total": {"usd": self.total.usd, "held_usd": self.total.held, "calls": self.total.calls,
                "credits": self.total.credits},
            "month": month,
            "caps": caps.collect::<Vec<_>>(),
        })
    }

    fn name(&self) -> &'static str {
        match self.by {
            By::Day => "day",
            By::Month => "month",
            By::List => "list",
            By::Stage => "stage",
            By::Model => "model",
        }
    }

    fn text(&self, caps: &[CapUsage]) -> String {
        let of_time = matches!(self.by, By::Day | By::Month);
        let when = if of_time { ", as in Iran" } else { "" };
        let mut text = format!("[SPENT] By {}{when}\n", self.name());
        if self.rows.is_empty() {
            text += "  Nothing was spent yet.\n";
            return text;
        }
        let hidden = match of_time {
            true => self.rows.len().saturating_sub(SHOWN),
            false => 0,
        };
        if hidden > 0 {
            text += &format!("  … {hidden} earlier, in --json\n");
        }
        let mut table: Vec<[String; 4]> = Vec::new();
        for row in &self.rows[hidden..] {
            let month = match of_time {
                true => String::new(),
                false => format!("{} this month", row.this_month),
            };
            table.push(line(&row.key.shown(), row.sum, month));
        }
        let month = match of_time {
            true => String::new(),
            false => format!("{} this month", self.month.sum.usd),
        };
        table.push(line("Total", self.total, month));
        text += &aligned(&table);
        if self.total.held > Usd::ZERO {
            text += &format!(
                "  Set aside for calls in flight or lost: up to {}\n",
                self.total.held
            );
        }
        let MonthForecast {
            period,
            sum,
            forecast,
            pace_days,
        } = &self.month;
        let pace = match pace_days {
            1 => "today".into(),
            days => format!("the last {days} days"),
        };
        text += &format!(
            "\n[MONTH] {}: {} so far, about {forecast} at its end at the pace of {pace}\n",
            period.name(),
            sum.usd
        );
        for cap in caps {
            text += &format!("  {}: {cap}\n", cap.title());
            if cap.period.term == Term::Month && *forecast > cap.cap && cap.left() > Usd::ZERO {
                text += "  At this pace it will be used up before the month ends.\n";
            }
        }
        text
    }
}

impl MonthForecast {
    /// What is spent in this month, and with it what the days that are left will cost, each as much as one of the last days
    /// did on average.
    fn of(spending: &Spending, now: Timestamp) -> Self {
        let period = Period::of(Term::Month, now);
        let today = day_in_iran(now);
        let days_ago = |at| days_between(day_in_iran(at), today);
        let mut sum = Sum::default();
        let mut lately = Usd::ZERO;
        let mut first = 0;
        for (calls, of_calls) in spending {
            if period.contains(calls.at) {
                sum += *of_calls;
            }
            let ago = days_ago(calls.at);
            if (0..PACE).contains(&ago) {
                lately += of_calls.usd;
            }
            first = ago.max(first);
        }
        let pace_days = (first + 1).min(PACE);
        let left = days_between(today, day_in_iran(period.to)) - 1;
        let ratio = Decimal::from(left.max(0)) / Decimal::from(pace_days);
        Self {
            period,
            sum,
            forecast: sum.usd + lately.scaled(ratio),
            pace_days,
        }
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| span.get_days().into())
}

fn key(calls: &Calls, by: By) -> GroupKey {
    let day = day_in_iran(calls.at);
    let or_unknown = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.into());
    match by {
        By::Day => GroupKey::Day(day),
        By::Month => GroupKey::Month(jalali_month(day).map_or(day, |(_, _, first, _)| first)),
        By::List => GroupKey::Name(list_name(&or_unknown(&calls.list))),
        By::Stage => GroupKey::Name(or_unknown(&calls.stage)),
        // What searches has no model.
        By::Model if calls.service != llm::NAME => GroupKey::Name(calls.service.clone()),
        By::Model => GroupKey::Name(or_unknown(&calls.model)),
    }
}

/// A list as people know it.
fn list_name(list: &str) -> String {
    if let Some(path) = list.strip_prefix("file:") {
        return path.to_owned();
    }
    match list.strip_prefix("sheet:").and_then(|s| s.split_once(':')) {
        Some((id, "")) => format!("sheet {id}"),
        Some((id, tab)) => format!("sheet {id}, tab «{tab}»"),
        None if list == "brand" => "--brand".to_owned(),
        None => list.to_owned(),
    }
}

impl GroupKey {
    fn shown(&self) -> String {
        match self {
            Self::Day(day) => both(*day),
            Self::Month(first) => {
                let days = jalali_month(*first).map_or(1, |(_, _, _, days)| days);
                let last = first.checked_add(jiff::Span::new().days(days - 1));
                let jalali = jalali(*first, '-');
                format!("{} ({first} to {})", &jalali[..7], last.unwrap_or(*first))
            }
            Self::Name(name) => name.clone(),
        }
    }
}

fn month_json(first: Date) -> Value {
    let days = jalali_month(first).map_or(1, |(_, _, _, days)| days);
    let last = first.checked_add(jiff::Span::new().days(days - 1));
    json!({"month": &jalali(first, '-')[..7], "from": first, "to": last.unwrap_or(first)})
}

fn line(name: &str, sum: Sum, month: String) -> [String; 4] {
    let credits = match sum.credits {
        0 => String::new(),
        credits => format!(", {credits} search credits"),
    };
    let calls = if sum.calls == 1 { "call" } else { "calls" };
    [
        name.to_owned(),
        sum.usd.to_string(),
        month,
        format!("{} {calls}{credits}", sum.calls),
    ]
}

/// Columns below each other: amounts end where the others end.
fn aligned(rows: &[[String; 4]]) -> String {
    let width = |i: usize| rows.iter().map(|row| measure_text_width(&row[i])).max();
    let widths: [usize; 4] = std::array::from_fn(|i| width(i).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let sides = [
            Alignment::Left,
            Alignment::Right,
            Alignment::Right,
            Alignment::Left,
        ];
        let cells = (0..4).filter(|i| widths[*i] > 0);
        let cells = cells.map(|i| pad_str(&row[i], widths[i], sides[i], None).into_owned());
        let cells: Vec<String> = cells.collect();
        text += &format!("  {}\n", cells.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    /// When, which service, stage and model, and US dollars.
    type Sample<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>, &'a str);

    fn spending(rows: &[Sample<'_>]) -> Spending {
        let rows = rows.iter().map(|(at, service, stage, model, amount)| {
            let calls = Calls {
                at: at.parse().unwrap(),
                service: (*service).into(),
                stage: stage.map(Into::into),
                model: model.map(Into::into),
                list: Some("file:/srv/برندها.csv".into()),
            };
            let sum = Sum {
                calls: 2,
                usd: usd(amount),
                ..Sum::default()
            };
            (calls, sum)
        });
        rows.collect()
    }

    fn sample() -> Spending {
        spending(&[
            ("2026-11-21T20:00:00Z", "OpenRouter", None, None, "4"),
            (
                "2026-11-21T20:30:00Z",
                "OpenRouter",
                Some("analyst"),
                Some("a/b"),
                "1",
            ),
            ("2026-11-30T20:00:00Z", "Tavily", Some("search"), None, "2"),
            (
                "2026-11-30T20:30:00Z",
                "OpenRouter",
                Some("analyst"),
                Some("c/d"),
                "3",
            ),
        ])
    }

    #[test]
    fn days_and_months_are_those_of_iran_in_both_calendars() {
        let now = "2026-11-30T22:00:00Z".parse().unwrap();
        let spent = SpendingReport::of(&sample(), By::Day, now);
        let text = spent.text(&[]);
        for line in [
            "1405-08-30 (2026-11-21)   $4.00",
            "1405-09-01 (2026-11-22)   $1.00",
            "1405-09-09 (2026-11-30)   $2.00",
            "1405-09-10 (2026-12-01)   $3.00",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let months = SpendingReport::of(&sample(), By::Month, now).json(&[]);
        assert_eq!(months["rows"][1]["month"], "1405-09");
        assert_eq!(months["rows"][1]["from"], "2026-11-22");
        assert_eq!(months["rows"][1]["usd"], 6.0);
        assert_eq!(months["total"]["usd"], 10.0);
    }

    #[test]
    fn stages_models_and_lists_are_named_and_old_calls_are_unknown() {
        let now = "2026-11-30T22:00:00Z".parse().unwrap();
        let rows = |by| {
            let spent = SpendingReport::of(&sample(), by, now);
            let rows = spent.rows.into_iter();
            rows.map(|row| (row.key.shown(), row.sum.usd.to_string()))
                .collect::<Vec<_>>()
        };
        let named = |rows: &[(&str, &str)]| {
            let rows = rows
                .iter()
                .map(|(name, usd)| ((*name).into(), (*usd).into()));
            rows.collect::<Vec<(String, String)>>()
        };
        let stages = [
            ("analyst", "$4.00"),
            ("unknown", "$4.00"),
            ("search", "$2.00"),
        ];
        assert_eq!(rows(By::Stage), named(&stages));
        let models = [
            ("unknown", "$4.00"),
            ("c/d", "$3.00"),
            ("Tavily", "$2.00"),
            ("a/b", "$1.00"),
        ];
        assert_eq!(rows(By::Model), named(&models));
        assert_eq!(rows(By::List), named(&[("/srv/برندها.csv", "$10.00")]));
    }

    #[test]
    fn the_month_goes_on_as_the_last_days_did() {
        // The tenth day of a month of 30 days; the first money was spent eleven days ago.
        let now = "2026-11-30T22:00:00Z".parse().unwrap();
        let month = MonthForecast::of(&sample(), now);
        assert_eq!((month.sum.usd, month.pace_days), (usd("6"), 11));
        // Twenty days are left, at ten dollars in eleven days.
        assert!(month.forecast > usd("24.18") && month.forecast < usd("24.19"));
        let none = MonthForecast::of(&Spending::new(), now);
        assert_eq!((none.forecast, none.pace_days), (Usd::ZERO, 1));
        // On its last day a month has come to what it is.
        let last = MonthForecast::of(&sample(), "2026-12-21T19:00:00Z".parse().unwrap());
        assert_eq!(last.forecast, usd("6"));
    }
}
