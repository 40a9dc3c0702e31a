//! The output to the terminal: the story on standard output, what a person must see on standard error.

use std::{
    io::{IsTerminal, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use url::Url;

use crate::{
    exit::Failure,
    text::style::{in_ascii, is_utf8, painted, tame},
};

/// Warnings that are kept for the report of a run.
const KEPT_WARNINGS: usize = 50;

/// The terminal, as one command uses it: how much it tells, and what it has warned of. Clones are of the same command.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// Only what a person must see is printed.
    is_quiet: bool,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Terminal {
    /// The same, where the story is not told if it is `quiet`.
    pub fn quiet(&self, quiet: bool) -> Self {
        Self {
            is_quiet: self.is_quiet || quiet,
            warnings: Arc::clone(&self.warnings),
        }
    }

    /// Prints a line of the story.
    pub fn line(&self, text: &str) {
        if !self.is_quiet {
            line(text);
        }
    }

    /// Prints a line of the story that ends with a place on this machine.
    pub fn place(&self, text: &str, path: &Path) {
        if !self.is_quiet {
            place(text, path);
        }
    }

    /// Prints what a person should know although it stops nothing, and keeps it for the report of the run.
    pub fn warning(&self, text: &str) {
        urgent(&format!("[WARNING] {text}"));
        let mut kept = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_WARNINGS {
            kept.push(text.to_owned());
        }
    }

    /// As [`Self::warning`], and the log of the day has it too.
    pub fn log_warning(&self, text: &str) {
        self.warning(text);
        tracing::warn!("{text}");
    }

    /// The first warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        let kept = self.warnings.lock();
        kept.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Prints how the program failed, apart from the story where that was told, and what to do about it.
    pub fn failure(&self, failure: &Failure, remedy: Option<&str>) {
        let apart = if self.is_quiet {
            ""
        } else {
            "
"
        };
        urgent(&format!("{apart}error: {:#}", failure.error));
        if let Some(remedy) = remedy {
            urgent(&format!("{apart}  tip: {remedy}"));
        }
    }
}

/// Prints a line. A pipe that was closed is no reason to end a command.
pub fn line(text: &str) {
    // Takes the colours out again where they are not wanted: in pipes, with NO_COLOR, on a dumb terminal.
    let _ = writeln!(anstream::stdout(), "{}", dressed(text));
}

/// Prints a line that ends with a place on this machine.
pub fn place(text: &str, path: &Path) {
    let place = linked(path);
    let _ = writeln!(anstream::stdout(), "{}{place}", dressed(text));
}

/// Prints a place on this machine that was asked for.
pub fn result_place(path: &Path) {
    result(&linked(path));
}

/// A path, which is a link (OSC 8) where standard output is a terminal that has colours: one that is dumb or has to do
/// without them gets the path alone. The text stays the path, so that a terminal without links shows that.
fn linked(path: &Path) -> String {
    let shown = plain(&path.display().to_string());
    let has_links = std::io::stdout().is_terminal()
        && anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
        // The console of Linux has colours and no links; a dumb terminal may still get colours, where `CI` is set.
        && std::env::var_os("TERM").is_none_or(|term| term != "linux" && term != "dumb");
    match address(path).filter(|_| has_links) {
        Some(address) => format!("\u{1b}]8;;{address}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\"),
        None => shown,
    }
}

/// The address of a file for a terminal, which may run on another machine: it has to know on which one the file is.
fn address(path: &Path) -> Option<Url> {
    let mut address = Url::from_file_path(std::path::absolute(path).ok()?).ok()?;
    // On Windows a name there would be that of a share.
    if cfg!(unix) {
        let host = gethostname::gethostname();
        // A name that is none leaves the address without one.
        let _ = address.set_host(host.to_str());
    }
    Some(address)
}

/// Prints what was asked for as the result.
pub fn result(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints what a person must see.
pub fn urgent(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", dressed(text));
}

/// Prints what a person should know although it stops nothing.
pub fn warning(text: &str) {
    urgent(&format!("[WARNING] {text}"));
}

/// A line as the terminal can show it, in colour.
pub fn dressed(text: &str) -> String {
    painted(&plain(text))
}

/// A line as the terminal can show it.
pub fn plain(text: &str) -> String {
    let text = tame(text);
    if is_utf8() { text } else { in_ascii(&text) }
}

/// Whether standard error is a terminal on which a line can be drawn over.
pub fn has_screen() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether standard error shows colours.
pub fn is_coloured() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a line, formatted: with `say!(terminal; "…")`, a line of the story on that [`Terminal`].
#[macro_export]
#[doc(hidden)]
macro_rules! say {
    ($terminal:expr; $($text:tt)*) => { $terminal.line(&format!($($text)*)) };
    ($($text:tt)*) => { $crate::text::terminal::line(&format!($($text)*)) };
}
