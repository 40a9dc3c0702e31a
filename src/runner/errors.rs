//! The errors of a run: what meets one brand, what ends the run, and the exit code of each.

use std::fmt::Display;

use super::{budget_check::LimitReached, refusal_policy::BrandRefusal};
use crate::{
    error_kind::ErrorKind,
    exit::{Exit, Failure},
    http::call::CallError,
    list::sheet::ListError,
    store::{StoreError, registry, sqlite},
};

/// The name of the program where it is what failed, among the names of services.
const OURSELVES: &str = "brandintel";

/// Why a brand has no report.
#[derive(Debug, thiserror::Error)]
pub enum BrandError {
    /// It failed, and goes on record.
    #[error("{service}: {message}")]
    Failed {
        service: &'static str,
        kind: ErrorKind,
        message: String,
    },
    /// A service refused it, which may be the brand's fault or meet all brands.
    #[error("{}: {}", .0.service, .0.message)]
    Refused(BrandRefusal),
    /// It is left for the next run.
    #[error("the run is winding down")]
    Stopped,
    /// This host was away for too long.
    #[error("the brand has been given to another host")]
    Lost,
    /// It is left for the next run, because there is no money for it.
    #[error("{}", .0.why)]
    Budget(LimitReached),
    /// Every brand would meet the same.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl BrandError {
    /// A bug met by one brand must not cost the others.
    pub fn bug(panic: &dyn Display) -> Self {
        Self::Failed {
            service: OURSELVES,
            kind: ErrorKind::Bug,
            message: format!("the program failed here, please report it: {panic}"),
        }
    }

    /// The brand's own folder, or a file in it, cannot be written.
    pub fn files(error: &anyhow::Error) -> Self {
        Self::Failed {
            service: OURSELVES,
            kind: ErrorKind::Files,
            message: format!("{error:#}"),
        }
    }
}

impl From<CallError> for BrandError {
    fn from(error: CallError) -> Self {
        if let Some(refusal) = BrandRefusal::of(&error) {
            return Self::Refused(refusal);
        }
        match error {
            CallError::Request {
                service,
                kind,
                message,
                ..
            } => Self::Failed {
                service,
                kind,
                message,
            },
            CallError::Stopped => Self::Stopped,
            CallError::Lost => Self::Lost,
            CallError::Budget { ref limit, .. } => Self::Budget(LimitReached {
                why: error.to_string(),
                remedy: limit.remedy(),
            }),
            error @ (CallError::Run { .. } | CallError::Store(_)) => Self::Run(error.into()),
        }
    }
}

/// Why a run ends before everything is done, or does not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A service refuses all, or does not answer.
    #[error(transparent)]
    Call(CallError),
    /// What the user has given cannot be worked with: the sheet, or a state folder that a newer version has written.
    #[error(transparent)]
    Usage(anyhow::Error),
    /// The store that hosts share refuses, or does not answer.
    #[error(transparent)]
    Store(StoreError),
    /// The machine or the program itself failed: the disk is full, a file cannot be written, a task panicked.
    #[error(transparent)]
    Machine(anyhow::Error),
}

impl RunError {
    /// An error of whichever store keeps what is done.
    pub fn of_store(error: impl Into<anyhow::Error>) -> Self {
        match error.into().downcast::<StoreError>() {
            Ok(error) => Self::Store(error),
            Err(error) => Self::of_folder(error),
        }
    }

    /// An error of the state folder.
    pub fn of_folder(error: anyhow::Error) -> Self {
        let is_newer = error.is::<sqlite::NewerVersion>() || error.is::<registry::NewerRegistry>();
        match is_newer {
            true => Self::Usage(error),
            false => Self::Machine(error),
        }
    }
}

impl From<CallError> for RunError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Store(error) => Self::of_store(error),
            error => Self::Call(error),
        }
    }
}

impl From<ListError> for RunError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Call(error) => error.into(),
            ListError::Content(error) => Self::Usage(error),
        }
    }
}

/// The one place that decides on the exit code of a run that failed.
impl From<&RunError> for Exit {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Call(CallError::Run { exit, .. }) => *exit,
            RunError::Call(CallError::Budget { .. }) => Self::Budget,
            RunError::Call(CallError::Stopped | CallError::Lost) => Self::Interrupted,
            RunError::Call(CallError::Request { .. }) => Self::Unavailable,
            RunError::Call(CallError::Store(_)) | RunError::Machine(_) => Self::Machine,
            RunError::Usage(_) => Self::Usage,
            RunError::Store(trouble) => trouble.exit(),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self {
            exit: Exit::from(&error),
            // Without a layer of its own, so that what the system refused is found for the remedy.
            error: match error {
                RunError::Call(error) => error.into(),
                RunError::Store(trouble) => trouble.into(),
                RunError::Usage(error) | RunError::Machine(error) => error,
            },
        }
    }
}

/// How a run ends after this error of a call.
pub fn call_failure(error: CallError) -> Failure {
    RunError::from(error).into()
}

/// How a run ends after this error of the sheet.
pub fn list_failure(error: ListError) -> Failure {
    RunError::from(error).into()
}

/// How a run ends that cannot put down what it has done.
pub fn store_failure(error: impl Into<anyhow::Error>) -> Failure {
    RunError::of_store(error).into()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_is_the_machines_failure_and_has_a_remedy() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let failure = call_failure(CallError::Store(full.into()));
        assert_eq!(failure.exit, Exit::Machine);
        assert!(crate::store::remedy(&failure).is_some_and(|text| text.contains("room")));
    }

    #[test]
    fn a_service_that_fails_one_request_fails_one_brand() {
        let error = CallError::Request {
            service: "Tavily",
            kind: ErrorKind::NoAnswer,
            status: Some(500),
            message: "search «کاله»".into(),
        };
        let error = BrandError::from(error);
        assert_eq!(error.to_string(), "Tavily: search «کاله»");
        assert!(matches!(error, BrandError::Failed { .. }), "{error:?}");
    }
}
