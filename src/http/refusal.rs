//! The refusal of a request, for a caller that may have another way to ask.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    call::{Answer, CallError, Request, Service},
    error_text::ErrorText,
    response::{Reply, ServiceFailure, Verdict},
};
use crate::error_kind::ErrorKind;

/// How a request ended.
#[derive(Debug)]
pub enum Sent {
    Answer(Answer),
    Refused(Refusal),
}

/// Whether something else can be asked in the place of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    None,
    /// Another model, so this one is not waited for as long as it takes.
    AnotherModel,
    /// Nothing; but the brand alone fails where the model is not there, because another refused that brand only.
    BrandFails,
}

/// Why a request will not be answered.
#[derive(Debug)]
pub struct Refusal {
    pub kind: ErrorKind,
    /// The status, or the code in the body; `None` where the service did not answer in the end.
    pub status: Option<u16>,
    /// What the service says, for people.
    pub message: String,
    /// The same to decide by, where it is JSON.
    pub words: Option<ErrorText>,
    /// It cost something all the same.
    pub billed: bool,
    /// No request in this form, or with this model, will be answered.
    pub trouble: Option<ServiceFailure>,
}

impl Refusal {
    /// The refusal that a reply is.
    pub fn of(reply: Reply, verdict: Verdict, billed: bool) -> Self {
        let (kind, trouble) = match verdict {
            Verdict::Run(trouble) => (ErrorKind::Refused, Some(trouble)),
            Verdict::Request(kind) => (kind, None),
            Verdict::Good | Verdict::Transient | Verdict::Hollow => (ErrorKind::NoAnswer, None),
        };
        let until = reply
            .resets
            .filter(|_| trouble == Some(ServiceFailure::Quota));
        Self {
            kind,
            status: Some(reply.code()),
            words: reply.json.as_ref().and_then(ErrorText::of),
            message: match until {
                Some(until) => format!("{}; the limit ends at {}", reply.message, local(until)),
                None => reply.message,
            },
            billed,
            trouble,
        }
    }

    /// A request that was sent again and again, and never answered.
    pub fn without_answer(kind: ErrorKind, message: String) -> Self {
        Self {
            kind,
            status: None,
            message,
            words: None,
            billed: true,
            trouble: None,
        }
    }

    /// Whether nothing else that could be asked would fare better.
    pub fn ends_the_run(&self, fallback: Fallback) -> bool {
        match (self.trouble, fallback) {
            (None, _) => false,
            (Some(trouble), Fallback::AnotherModel | Fallback::BrandFails) => {
                !trouble.is_of_model()
            }
            (Some(_), Fallback::None) => true,
        }
    }

    /// Whether it may be a hiccup of a service, or of something on the way to it: such calls were answered before.
    pub fn may_pass(&self, service: &Service, request: &Request) -> bool {
        // A sign-in that is over is renewed by its client.
        let is_renewed = request.price.is_none() && self.status == Some(401);
        let is_lasting =
            |trouble| matches!(trouble, ServiceFailure::Quota | ServiceFailure::TooLarge);
        service.gate.ever_succeeded()
            && !request.patience.is_short()
            && !is_renewed
            && self.trouble.is_some_and(|trouble| !is_lasting(trouble))
    }

    /// The error, where nothing else can be asked.
    pub fn into_error(self, service: &Service, request: &Request) -> CallError {
        // A service that has answered knows the key and the address: what it refuses now may be this request alone. Where
        // it refuses all from now on, the brands that follow show it.
        let words = self.message.to_lowercase();
        let speaks_of_key = ["key", "account", "credential"]
            .iter()
            .any(|word| words.contains(word));
        let may_be_alone = request.price.is_some()
            && !speaks_of_key
            && matches!(self.status, Some(403..=405))
            && matches!(
                self.trouble,
                Some(
                    ServiceFailure::Refused
                        | ServiceFailure::WrongAddress
                        | ServiceFailure::Between
                )
            )
            && service.gate.ever_succeeded();
        match self.trouble {
            Some(trouble) if !may_be_alone => service.trouble(trouble, self.status, self.message),
            _ => CallError::Request {
                service: service.name,
                kind: self.kind,
                status: self.status,
                message: format!("{}: {}", request.what, self.message),
            },
        }
    }
}

/// A moment as the clock of this machine shows it.
fn local(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M (local time)")
        .to_string()
}
