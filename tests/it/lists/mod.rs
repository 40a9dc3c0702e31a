//! Lists as people keep them: what is read of them, what is set aside with a word, and what is one brand.

mod names;
mod sheets;
mod texts;
mod workbooks;

use std::path::PathBuf;

use crate::common::{Desk, Ended, list_of};

/// Services that answer at once; the list is a file.
fn desk() -> Desk {
    Desk::with_list(&list_of(1))
}

/// A list of the fixtures.
fn fixture(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/fixtures/lists").join(name)
}

/// What a dry run of a file says, and the brands that are due with their rows.
fn dry_run(desk: &Desk, file: &str, more: &[&str]) -> (Ended, Vec<String>) {
    let args = [&["--brands", file, "--dry-run"], more].concat();
    let ended = desk.run(&args);
    let due = ended.out.lines().filter_map(|line| {
        let (brand, folder) = line.strip_prefix("  ")?.split_once(" → ")?;
        folder.ends_with('/').then(|| brand.to_owned())
    });
    let due = due.collect();
    (ended, due)
}

/// The same of a list of the fixtures.
fn dry_run_of(name: &str) -> (Ended, Vec<String>) {
    let desk = desk();
    dry_run(&desk, fixture(name).to_str().unwrap(), &[])
}
