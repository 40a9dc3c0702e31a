//! The exit codes: what a script or a cron job learns from how the program ended.

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

/// How the program ended. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for is done.
    Done = 0,
    /// Done, but some brands failed, rows name no brand, or reports cannot be read; failed brands are tried again.
    SomeFailed = 1,
    /// Wrong usage or settings.
    Usage = 2,
    /// A credential or permission was refused.
    Refused = 3,
    /// The budget, or a cap by day or month, was reached, or a provider billed more than was agreed; the rest waits.
    Budget = 4,
    /// Another run holds the state folder.
    Locked = 5,
    /// A service stayed unavailable, or out of credit, and the run stopped early.
    Unavailable = 6,
    /// The time was up; the rest waits.
    TimeUp = 7,
    /// The machine failed: a full disk, a folder that cannot be written, an internal error.
    Machine = 8,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM or SIGHUP, or on Windows by closing the console or shutting down.
    Terminated = 143,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::SomeFailed,
        Self::Usage,
        Self::Refused,
        Self::Budget,
        Self::Locked,
        Self::Unavailable,
        Self::TimeUp,
        Self::Machine,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What it means, for the help and the manual page.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "everything asked for is done",
            Self::SomeFailed => {
                "done, but some brands failed or some rows name no brand; failed brands are tried again next time"
            }
            Self::Usage => "wrong usage or settings",
            Self::Refused => "a credential or permission was refused",
            Self::Budget => {
                "the budget, or a cap by day or month, was reached, or a provider billed more than was agreed; the rest waits"
            }
            Self::Locked => "another run holds the state folder",
            Self::Unavailable => {
                "a service stayed unavailable, or out of credit, and the run stopped early"
            }
            Self::TimeUp => "the time was up; the rest waits",
            Self::Machine => {
                "the machine failed: the disk is full, a folder cannot be written, or an internal error"
            }
            Self::Interrupted => "interrupted by Ctrl-C",
            Self::Terminated => "ended by SIGTERM or SIGHUP, or by closing the console on Windows",
        }
    }

    /// What to do about a run that ended with it before it came to any work.
    pub fn remedy_of_start(self) -> &'static str {
        match self {
            Self::Usage => {
                "Mend what it names and run again: brandintel check --free tries every setting and spends nothing"
            }
            Self::Refused => {
                "Mend the key or the permission and run again: brandintel check --free says whether it is in order"
            }
            Self::Budget => "Raise the budget, or wait until its day or month has ended",
            Self::Locked => {
                "Wait until the other run ends, or stop it: brandintel status says how far it is"
            }
            Self::Unavailable => {
                "Run again when the service answers: brandintel check --free says whether it does. Nothing is lost"
            }
            Self::Machine => "Mend what it names and run again: what is done is kept",
            Self::Done | Self::SomeFailed | Self::TimeUp | Self::Interrupted | Self::Terminated => {
                "Run again: nothing is lost"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error that people read, together with the exit code that scripts read.
#[derive(Debug)]
pub struct Failure {
    /// The code that the process ends with.
    pub exit: Exit,
    /// What happened, where, and what to do about it.
    pub error: anyhow::Error,
}

impl Failure {
    /// A failure with a plain message.
    pub fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self {
            exit,
            error: anyhow::anyhow!("{message}"),
        }
    }

    /// What to do about what the system refused; other errors say it themselves.
    pub fn remedy(&self) -> Option<&'static str> {
        let mut causes = self
            .error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>());
        causes.find_map(|cause| match cause.kind() {
            _ if is_of_open_files(cause) => {
                Some("raise the limit of open files (ulimit -n 1024) or use fewer --workers")
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Some(NO_ROOM)
            }
            ErrorKind::PermissionDenied => {
                Some("give this user the right to it, or start the program in another folder")
            }
            ErrorKind::ReadOnlyFilesystem => {
                Some("start the program in a folder that can be written")
            }
            _ => None,
        })
    }
}

/// What to do about a full disk.
pub const NO_ROOM: &str = "make room on the disk and run again: what is done is kept";

/// Whether too many files are open, in this process or on the whole machine.
pub fn is_of_open_files(error: &io::Error) -> bool {
    let codes: &[i32] = match cfg!(windows) {
        // ERROR_TOO_MANY_OPEN_FILES
        true => &[4],
        // EMFILE and ENFILE, which are the same everywhere.
        false => &[24, 23],
    };
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

/// Gives an error the exit code it ends the program with.
pub trait OrExit<T> {
    /// Turns an error into a [`Failure`] with this code.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            exit,
            error: error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_the_system_refuses_has_a_remedy_however_deep_it_lies() {
        let refused = |kind: ErrorKind| {
            let error: Result<(), io::Error> = Err(kind.into());
            let error = error.context("state/x cannot be written").context("run");
            error.or_exit(Exit::Usage).unwrap_err().remedy()
        };
        assert!(refused(ErrorKind::StorageFull).is_some_and(|text| text.contains("room")));
        assert!(refused(ErrorKind::PermissionDenied).is_some_and(|text| text.contains("right")));
        assert_eq!(refused(ErrorKind::InvalidData), None);
        if cfg!(unix) {
            let error = Err::<(), _>(io::Error::from_raw_os_error(24)).context("state/x");
            let remedy = error.or_exit(Exit::Machine).unwrap_err().remedy();
            assert!(remedy.is_some_and(|text| text.contains("ulimit -n")));
        }
    }
}
