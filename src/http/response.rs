//! The responses of services, and their meaning where a service has no rules of its own.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;
use url::Url;

use super::{error_text::ErrorText, json_body};
use crate::{error_kind::ErrorKind, exit::Exit, text};

/// What a service sent back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
    /// How many more requests it says it takes, and for how long that holds.
    pub allowance: Option<(u32, Duration)>,
    /// When the limit that was met ends, where the service says so.
    pub resets: Option<Timestamp>,
    /// The body is a page for people to look at.
    pub html: bool,
    /// The body, where it is JSON.
    pub json: Option<Value>,
    /// The body, where it is a file in a ZIP container, such as a workbook.
    pub file: Vec<u8>,
    /// The service's own words, for people.
    pub message: String,
    /// It was not read to its end, because no answer is that long.
    pub endless: bool,
}

/// What a reply means.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    Good,
    /// It may go well next time.
    Transient,
    /// It is well formed and holds no answer; billed or not, the next may.
    Hollow,
    /// This request will never be answered; others may.
    Request(ErrorKind),
    /// No request will be answered: the run ends.
    Run(ServiceFailure),
}

/// Why no request of a service will be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceFailure {
    /// The credential, or what it may do.
    Refused,
    /// The service is refused by the provider behind it.
    Upstream,
    /// Credits or a spending limit are used up.
    NoCredit,
    /// The limit that the user has set for the key is used up.
    KeyLimit,
    /// A budget of the server or a day's quota is used up.
    Quota,
    /// Something between this machine and the service answers in its place.
    Between,
    /// Something else answers there.
    WrongAddress,
    /// The model is not there, or not on these terms.
    WrongModel,
    /// The sheet is larger than what is read.
    TooLarge,
}

impl ServiceFailure {
    /// Whether another model of the same service may be answered all the same.
    pub fn is_of_model(self) -> bool {
        matches!(self, Self::WrongModel | Self::Quota | Self::Upstream)
    }

    /// The code that the run ends with.
    pub fn exit(self) -> Exit {
        match self {
            Self::Refused | Self::Upstream | Self::WrongModel => Exit::Refused,
            Self::NoCredit | Self::KeyLimit | Self::Quota | Self::Between => Exit::Unavailable,
            Self::WrongAddress | Self::TooLarge => Exit::Usage,
        }
    }
}

impl Reply {
    /// The status, or the code in the body where an error came with a status of success: a service that has begun its
    /// answer cannot take the status back.
    pub fn code(&self) -> u16 {
        if !(200..=299).contains(&self.status) {
            return self.status;
        }
        let code = |at: &str| self.json.as_ref()?.pointer(at)?.as_u64();
        let code = ["/error/code", "/choices/0/error/code", "/error/http_status"]
            .iter()
            .find_map(|at| {
                u16::try_from(code(at)?)
                    .ok()
                    .filter(|code| (400..=599).contains(code))
            });
        code.unwrap_or(self.status)
    }

    /// Whether the request was refused because there were too many.
    pub fn is_one_too_many(&self) -> bool {
        let code = |json: &Value| json.pointer("/error/code").and_then(Value::as_u64);
        self.status == 429 || self.json.as_ref().and_then(code) == Some(429)
    }
}

/// What a status means where a service has nothing of its own to add.
pub fn usual_verdict(reply: &Reply) -> Verdict {
    match reply.status {
        _ if reply.endless => Verdict::Request(ErrorKind::Rejected),
        200..=299 if reply.json.is_some() => Verdict::Good,
        // Services answer in JSON: a page is shown by a proxy, a filter or a firewall on the way.
        401..=403 | 407 | 451 | 511 if reply.html => Verdict::Run(ServiceFailure::Between),
        407 | 511 => Verdict::Run(ServiceFailure::Between),
        // HTML or a cut body where JSON was due, time-outs, limits, and everything that is the server's fault.
        200..=299 | 408 | 425 | 429 | 500..=599 => Verdict::Transient,
        300..=399 | 404 | 405 => Verdict::Run(ServiceFailure::WrongAddress),
        401 | 403 => Verdict::Run(ServiceFailure::Refused),
        402 => Verdict::Run(ServiceFailure::NoCredit),
        _ => Verdict::Request(ErrorKind::Rejected),
    }
}

/// Whether a body is a page for people to look at.
pub fn is_html(text: &str) -> bool {
    text.trim_start_matches('\u{FEFF}')
        .trim_start()
        .starts_with('<')
}

/// The service's own words, from whichever place it puts them; where it says none, what is missing in its reply.
pub fn message(
    code: u16,
    json: Option<&Value>,
    body: &str,
    own: fn(&Value) -> Option<String>,
) -> String {
    let words = match json {
        Some(json) => words_of(code, json, own),
        None if is_html(body) => "an HTML page instead of JSON".into(),
        None if body.trim().is_empty() => "an empty body instead of JSON".into(),
        None if json_body::is_event_stream(body) => {
            "an event stream that ended without an answer".into()
        }
        None => format!("not JSON: {}", text::clean(body)),
    };
    let is_fine = (200..=299).contains(&code) && json.is_some();
    let said = match is_fine && !words.is_empty() {
        true => words,
        false => format!("status {code}: {words}"),
    };
    text::shorten(&said, 300)
        .trim_end_matches([' ', ':', '.'])
        .to_owned()
}

fn words_of(code: u16, json: &Value, own: fn(&Value) -> Option<String>) -> String {
    if let Some(words) = ErrorText::of(json) {
        return words.text;
    }
    if let Some(words) = json.get("message").and_then(Value::as_str) {
        return text::clean(words);
    }
    match own(json) {
        Some(words) => words,
        None if (200..=299).contains(&code) => "a reply without an answer in it".into(),
        None => String::new(),
    }
}

/// When a limit ends, as services say it beside a refusal: in a header, or in the headers that they repeat in the body.
pub fn resets(headers: &HeaderMap, json: Option<&Value>, now: Timestamp) -> Option<Timestamp> {
    let names = ["x-ratelimit-reset", "ratelimit-reset"];
    let header = names
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(str::to_owned);
    let repeated = || {
        let headers = json?.pointer("/error/metadata/headers")?.as_object()?;
        let found = headers
            .iter()
            .find(|(name, _)| names.contains(&name.to_lowercase().as_str()));
        let value = found?.1;
        Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    };
    let reset: f64 = header.or_else(repeated)?.trim().parse().ok()?;
    let seconds = seconds_until(reset, now);
    let wait = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|wait| *wait < LONGEST_QUOTA)?;
    now.checked_add(wait).ok()
}

/// No limit lasts longer: what seems to is another figure.
const LONGEST_QUOTA: Duration = Duration::from_hours(24 * 40);

/// The time of a reset from now on, in seconds: it is written as such, or as a date in seconds or milliseconds since 1970.
fn seconds_until(reset: f64, now: Timestamp) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are below 2^52"
    )]
    let now = now.as_millisecond() as f64 / 1e3;
    match reset {
        1e11.. => reset / 1e3 - now,
        1e8.. => reset - now,
        _ => reset,
    }
}

/// `Retry-After` in both its forms (RFC 9110, 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers
        .get("retry-after")
        // What the provider behind a gateway asked for.
        .or_else(|| headers.get("llm_provider-retry-after"))?;
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// What is left of a rate limit and for how long, as services say it in `X-RateLimit-Remaining` and `-Reset` or in the
/// names of the IETF's draft. The time is in seconds, or a date in seconds or milliseconds since 1970.
pub fn allowance(headers: &HeaderMap, now: Timestamp) -> Option<(u32, Duration)> {
    let number = |name: &str| {
        let value = headers
            .get(format!("x-ratelimit-{name}"))
            .or_else(|| headers.get(format!("ratelimit-{name}")))?;
        let number: f64 = value.to_str().ok()?.trim().parse().ok()?;
        (number >= 0.0).then_some(number)
    };
    let (left, reset) = (number("remaining")?, number("reset")?);
    let seconds = seconds_until(reset, now);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and bounded by the cast"
    )]
    let left = left as u32;
    Some((left, Duration::try_from_secs_f64(seconds).ok()?))
}

/// Where a redirection leads: scheme and host, because the rest of an address may hold a token.
pub fn sent_on(headers: &HeaderMap) -> Option<String> {
    let to = headers.get("location")?.to_str().ok()?;
    let to = Url::parse(to).ok()?;
    Some(format!("{}://{}", to.scheme(), to.host_str()?))
}

/// Whether a body tells of an error, as far as services agree on how.
pub fn is_error(json: &Value) -> bool {
    ["error", "detail"]
        .iter()
        .any(|field| json.get(field).is_some_and(|error| !error.is_null()))
}

/// A transport error with all its causes; its address is taken out before.
pub fn describe(error: &reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let mut parts = vec![error.to_string()];
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let part = inner.to_string();
        if !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
        cause = inner.source();
    }
    if timed_out {
        parts.insert(0, "no answer in time".into());
    }
    text::shorten(&parts.join(": "), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_both_forms() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let read = |value: &'static str| {
            retry_after(
                &HeaderMap::from_iter([("retry-after".parse().unwrap(), value.parse().unwrap())]),
                now,
            )
        };
        assert_eq!(read("12"), Some(Duration::from_secs(12)));
        assert_eq!(
            read("Mon, 23 Nov 2026 10:01:30 GMT"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(read("Mon, 23 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn what_is_left_of_a_limit_is_read_in_every_form() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let read = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            allowance(&pairs.collect(), now)
        };
        let seconds = |left, seconds| Some((left, Duration::from_secs(seconds)));
        for (reset, time) in [("30", 30), ("1795428060", 60), ("1795428060000", 60)] {
            assert_eq!(
                read(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", reset)]),
                seconds(7, time)
            );
        }
        assert_eq!(
            read(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "12")]),
            seconds(0, 12)
        );
        for reset in ["soon", "-1", "NaN", "1"] {
            assert_eq!(read(&[("x-ratelimit-reset", reset)]), None);
        }
        assert_eq!(
            read(&[
                ("x-ratelimit-remaining", "1"),
                ("x-ratelimit-reset", "1000000000")
            ]),
            None,
            "long ago"
        );
    }

    #[test]
    fn the_words_of_every_service_are_found() {
        for body in [
            r#"{"error":{"code":401,"message":"No auth credentials found"}}"#,
            r#"{"detail":{"error":"No auth credentials found"}}"#,
            r#"{"error":"No auth credentials found"}"#,
            r#"{"error":"invalid_grant","error_description":"No auth credentials found"}"#,
            r#"{"detail":[{"loc":[],"msg":"No auth credentials found"}]}"#,
        ] {
            let json = serde_json::from_str(body).unwrap();
            assert_eq!(
                message(401, Some(&json), body, |_| None),
                "status 401: No auth credentials found"
            );
        }
        assert_eq!(
            message(502, None, "<html>Bad gateway</html>", |_| None),
            "status 502: an HTML page instead of JSON"
        );
    }
}
