//! The kinds of errors of a brand, and the remedy of each.

use serde::{Deserialize, Serialize};

/// Why a brand failed, as far as what to do about it depends on it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A service answered other requests, and this one never.
    NoAnswer,
    /// A service says that this request is wrong; others may be right.
    Rejected,
    /// The model or the account is refused for a reason that meets every brand alike: the form of the request, a
    /// model that is not there, terms of the account.
    Refused,
    /// A provider's rules about content forbid the answer.
    Blocked,
    /// The answer of the model was longer than allowed, twice.
    Cut,
    /// The answer does not fit what was asked for.
    BadAnswer,
    /// The brand's folder, or a file in it, cannot be written.
    Files,
    /// The program itself failed.
    Bug,
    /// An earlier version put it on record without a kind, or a later one with a kind of its own.
    #[default]
    #[serde(other)]
    Unknown,
}

impl ErrorKind {
    /// Every kind.
    #[cfg(test)]
    pub const ALL: [Self; 9] = [
        Self::NoAnswer,
        Self::Rejected,
        Self::Refused,
        Self::Blocked,
        Self::Cut,
        Self::BadAnswer,
        Self::Files,
        Self::Bug,
        Self::Unknown,
    ];

    /// Whether nothing is known of why.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks in this way whether to write it"
    )]
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::NoAnswer => {
                "Run again: what was paid for is used. If it stays, look at the service's status page, give fewer --workers, or give a slow model more time with OPENROUTER_TIMEOUT"
            }
            Self::Rejected => {
                "The words are the service's own: where several brands have them, the model or the account is the matter (brandintel check says which, or choose another --model); where one has, look at its row"
            }
            Self::Refused => {
                "The model or the account was refused, not the brand: choose another --model, and see with brandintel check what the account allows"
            }
            Self::Blocked => {
                "Choose another --model, or name a second one that is asked then (--model a,b): this one refuses again whenever it is asked"
            }
            Self::Cut => {
                "Choose a --model with a longer context and longer answers, or ask for less with --depth quick"
            }
            Self::BadAnswer => {
                "Run again: the model is asked anew. If it stays, choose another --model"
            }
            Self::Files => {
                "Close the file in other programs (Excel keeps others from writing it), move away what stands in its place, or give this user the right to the folder; then run again: what was paid for is used"
            }
            Self::Bug => "Please report it, with the lines of this brand in the log of the day",
            Self::Unknown => {
                "Run again: brands that failed are tried again. The log of that day says more"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_a_later_version_is_read_as_unknown() {
        for kind in ErrorKind::ALL {
            let name = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<ErrorKind>(&name).unwrap(), kind);
        }
        let later: ErrorKind = serde_json::from_str("\"eaten_by_a_bear\"").unwrap();
        assert!(later.is_unknown());
    }
}
