//! What goes to the terminal: the story on standard output, what a person must see on standard error.

use std::{
    io::{IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::looks::{in_ascii, is_utf8, painted, tame};

static QUIET: AtomicBool = AtomicBool::new(false);

/// With `--quiet` the story is not told.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

static MUTE: AtomicBool = AtomicBool::new(false);

/// While it is mute nothing is printed at all: a benchmark runs batches of its own.
pub fn mute(mute: bool) {
    MUTE.store(mute, Ordering::Relaxed);
}

/// Prints a line of the story. A pipe that was closed is no reason to end a run.
pub fn line(text: &str) {
    if !QUIET.load(Ordering::Relaxed) && !MUTE.load(Ordering::Relaxed) {
        // Takes the colours out again where they are not wanted: in pipes, with NO_COLOR, on a dumb terminal.
        let _ = writeln!(anstream::stdout(), "{}", dressed(text));
    }
}

/// Prints what a person must see, `--quiet` or not.
pub fn urgent(text: &str) {
    if !MUTE.load(Ordering::Relaxed) {
        let _ = writeln!(anstream::stderr(), "{}", dressed(text));
    }
}

/// Prints JSON and other text for programs, as it is.
pub fn data(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
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

/// Prints a line of the story, formatted.
#[macro_export]
#[doc(hidden)]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(&format!($($text)*)) };
}
