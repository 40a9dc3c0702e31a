//! Faults to inject, as they are written on the command line: `llm:503:0.2`, `llm:503:3x`.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Service;

/// Something that goes wrong in a share of the requests to a service.
#[derive(Clone, Debug)]
pub struct Fault {
    service: Service,
    pub(super) kind: Kind,
    when: When,
}

/// Which requests it strikes.
#[derive(Clone, Debug)]
enum When {
    /// A share of them, from 0 to 1.
    Share(f64),
    /// The first ones; so many are left.
    First(Arc<AtomicU64>),
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// The service answers with this status.
    Status(u16),
    /// A page of a proxy stands where JSON should be.
    Html,
    /// The connection is lost in the middle of the answer.
    Cut,
    /// No answer ever comes.
    Stall,
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
    pub(super) fn strikes(&self, service: Service) -> bool {
        self.service == service
            && match &self.when {
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
            "llm" => Service::Llm,
            "search" => Service::Search,
            "sheets" => Service::Sheets,
            other => {
                return Err(format!(
                    "there is no service {other:?}: it is llm, search or sheets"
                ));
            }
        };
        let kind = match parts.next().unwrap_or_default() {
            "html" => Kind::Html,
            "cut" => Kind::Cut,
            "stall" => Kind::Stall,
            "error-in-200" => Kind::ErrorIn200,
            "no-choices" => Kind::NoChoices,
            "empty" => Kind::Empty,
            "length" => Kind::Length,
            "bad-json" => Kind::BadJson,
            status => match status.parse() {
                Ok(status @ 400..=599) => Kind::Status(status),
                _ => {
                    return Err(format!(
                        "there is no fault {status:?}: it is a status from 400 to 599, html, cut, stall, error-in-200, no-choices, empty, length or bad-json"
                    ));
                }
            },
        };
        let of_models = matches!(
            kind,
            Kind::ErrorIn200 | Kind::NoChoices | Kind::Empty | Kind::Length | Kind::BadJson
        );
        if of_models && service != Service::Llm {
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
        if let Some(first) = text.strip_suffix('x').and_then(|n| n.parse().ok()) {
            return Ok(Self::First(Arc::new(AtomicU64::new(first))));
        }
        match text.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self::Share(share)),
            _ => Err(format!(
                "{text:?} is neither a share from 0 to 1 nor a number of requests such as 3x"
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
            (Kind::Status(503), When::Share(0.2))
        ));
        let fault: Fault = "search:cut:2x".parse().unwrap();
        let struck: Vec<bool> = (0..4).map(|_| fault.strikes(Service::Search)).collect();
        assert_eq!(struck, [true, true, false, false]);
        for bad in [
            "",
            "llm",
            "mail:503",
            "llm:200",
            "llm:503:2",
            "search:bad-json",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }
}
