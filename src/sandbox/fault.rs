//! Faults to inject, as they are written on the command line: `llm:503:0.2`.

use std::str::FromStr;

use super::Service;

/// Something that goes wrong in a share of the requests to a service.
#[derive(Clone, Debug)]
pub struct Fault {
    service: Service,
    pub(super) kind: Kind,
    /// From 0 to 1.
    share: f64,
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
        self.service == service && fastrand::f64() < self.share
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
        let share = match parts.next() {
            None => 1.0,
            Some(share) => match share.parse() {
                Ok(share) if (0.0..=1.0).contains(&share) => share,
                _ => return Err(format!("{share:?} is not a share from 0 to 1")),
            },
        };
        Ok(Self {
            service,
            kind,
            share,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read() {
        let fault: Fault = "llm:503:0.2".parse().unwrap();
        assert_eq!((fault.kind, fault.share), (Kind::Status(503), 0.2));
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
