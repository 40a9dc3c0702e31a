//! The faults to inject, as they are written on the command line: `llm:503:0.2`, `llm:503:3x`, `llm:503:20x+600s`,
//! `llm:400:100x+`.

use std::{
    str::FromStr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::SimulatedService;

/// The faults that have a name, for messages.
const NAMES: &str = "html, redirect, blank, stranger, cut, lost, stall, drip, huge, bomb, echo, and for llm error-in-200, no-choices, empty, length, bad-json, moderation";

/// Something that goes wrong in a share of the requests to a service.
#[derive(Clone, Debug)]
pub struct Fault {
    service: SimulatedService,
    pub(super) kind: FaultKind,
    when: When,
}

/// Which requests it strikes.
#[derive(Clone, Debug)]
enum When {
    /// A share of them, from 0 to 1.
    Share(f64),
    /// The first ones; so many are left.
    First(Arc<AtomicU64>),
    /// For a time or for ever, after this many successful requests.
    After(Arc<FaultOutage>),
}

/// A time in which nothing goes well.
#[derive(Debug)]
struct FaultOutage {
    /// Requests that go well before it.
    after: u64,
    /// `None` where it never ends.
    lasts: Option<Duration>,
    seen: AtomicU64,
    began: OnceLock<Duration>,
}

impl FaultOutage {
    fn strikes(&self, now: Duration) -> bool {
        self.seen.fetch_add(1, Ordering::SeqCst) >= self.after
            && self
                .lasts
                .is_none_or(|lasts| now < *self.began.get_or_init(|| now) + lasts)
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FaultKind {
    /// The service answers with this status.
    Status(u16),
    /// A page of a proxy stands where JSON should be.
    Html,
    /// A page to sign in at is pointed to.
    Redirect,
    /// Nothing stands where JSON should be.
    Blank,
    /// JSON of some other service.
    Stranger,
    /// The connection is lost in the middle of the answer.
    Cut,
    /// The request is worked on and billed, and then the connection is lost.
    Lost,
    /// No answer ever comes.
    Stall,
    /// An answer begins and never goes on.
    Drip,
    /// An answer without end.
    Huge,
    /// A small body that unfolds to a huge one.
    Bomb,
    /// An error that quotes the headers of the request.
    Echo,
    /// The content of the request is refused.
    Moderation,
    /// Status 200 with an error in the body.
    ErrorIn200,
    /// Status 200 without choices.
    NoChoices,
    /// An answer without content.
    Empty,
    /// The answer is cut at its greatest length.
    Length,
    /// The answer does not fit the schema.
    BadJson,
}

impl Fault {
    /// Whether it strikes a request that comes this long after the start.
    pub(super) fn strikes(&self, service: SimulatedService, now: Duration) -> bool {
        self.service == service
            && match &self.when {
                When::After(outage) => outage.strikes(now),
                When::Share(share) => fastrand::f64() < *share,
                When::First(left) => left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok(),
            }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let service = match parts.next().unwrap_or_default() {
            "llm" => SimulatedService::Llm,
            "search" => SimulatedService::Search,
            "sheets" => SimulatedService::Sheets,
            other => {
                return Err(format!(
                    "there is no service {other:?}: it is llm, search or sheets"
                ));
            }
        };
        let kind = match parts.next().unwrap_or_default() {
            "html" => FaultKind::Html,
            "redirect" => FaultKind::Redirect,
            "blank" => FaultKind::Blank,
            "stranger" => FaultKind::Stranger,
            "cut" => FaultKind::Cut,
            "lost" => FaultKind::Lost,
            "stall" => FaultKind::Stall,
            "drip" => FaultKind::Drip,
            "huge" => FaultKind::Huge,
            "bomb" => FaultKind::Bomb,
            "echo" => FaultKind::Echo,
            "moderation" => FaultKind::Moderation,
            "error-in-200" => FaultKind::ErrorIn200,
            "no-choices" => FaultKind::NoChoices,
            "empty" => FaultKind::Empty,
            "length" => FaultKind::Length,
            "bad-json" => FaultKind::BadJson,
            status => match status.parse() {
                Ok(status @ 400..=599) => FaultKind::Status(status),
                _ => {
                    return Err(format!(
                        "there is no fault {status:?}: it is a status from 400 to 599, or one of {NAMES}"
                    ));
                }
            },
        };
        let of_models = matches!(
            kind,
            FaultKind::ErrorIn200
                | FaultKind::NoChoices
                | FaultKind::Empty
                | FaultKind::Length
                | FaultKind::BadJson
                | FaultKind::Moderation
        );
        if of_models && service != SimulatedService::Llm {
            return Err("only llm has this fault".into());
        }
        let when = parts.next().map_or(Ok(When::Share(1.0)), When::from_str)?;
        Ok(Self {
            service,
            kind,
            when,
        })
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |text: &str| -> Option<Duration> {
            let seconds = text.strip_suffix('s')?.parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok()
        };
        let lasting = |text: &str| match text {
            "" => Some(None),
            text => seconds(text).map(Some),
        };
        let count = |text: &str| text.strip_suffix('x')?.parse().ok();
        if let Some((after, lasts)) = text.split_once('+')
            && let (Some(after), Some(lasts)) = (count(after), lasting(lasts))
        {
            return Ok(Self::After(Arc::new(FaultOutage {
                after,
                lasts,
                seen: AtomicU64::new(0),
                began: OnceLock::new(),
            })));
        }
        if let Some(first) = count(text) {
            return Ok(Self::First(Arc::new(AtomicU64::new(first))));
        }
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self::Share(share)),
            _ => Err(format!(
                "{text:?} is neither a share from 0 to 1, nor a number of requests such as 3x, nor what comes after some requests: 20x+600s for a time, 20x+ for ever"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read() {
        let fault: Fault = "llm:503:0.2".parse().unwrap();
        assert!(matches!(
            (fault.kind, fault.when),
            (FaultKind::Status(503), When::Share(0.2))
        ));
        let fault: Fault = "search:cut:2x".parse().unwrap();
        let now = Duration::ZERO;
        let struck: Vec<bool> = (0..4)
            .map(|_| fault.strikes(SimulatedService::Search, now))
            .collect();
        assert_eq!(struck, [true, true, false, false]);
        let fault: Fault = "sheets:503:1x+30.5s".parse().unwrap();
        let struck = [59, 60, 90, 91]
            .map(|at| fault.strikes(SimulatedService::Sheets, Duration::from_secs(at)));
        assert_eq!(struck, [false, true, true, false]);
        let fault: Fault = "llm:400:2x+".parse().unwrap();
        let struck = [0, 1, 2, 3, 999_999_999]
            .map(|at| fault.strikes(SimulatedService::Llm, Duration::from_secs(at)));
        assert_eq!(struck, [false, false, true, true, true]);
        for bad in [
            "",
            "llm",
            "mail:503",
            "llm:200",
            "llm:503:2",
            "search:bad-json",
            "llm:503:60s",
            "llm:503:60x+90",
            "llm:503:x+",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
