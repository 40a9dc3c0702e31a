//! What goes to the terminal: the story on standard output, what a person must see on standard error.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
};

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
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Prints what a person must see, `--quiet` or not.
pub fn urgent(text: &str) {
    if !MUTE.load(Ordering::Relaxed) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Prints a line of the story, formatted.
#[macro_export]
#[doc(hidden)]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::line(&format!($($text)*)) };
}
