//! Bad set-ups through the real binary: what is printed names the thing and the remedy, the exit code is right, and no
//! secret shows. Each group is a table, and what it prints is in the snapshot of its name.

mod google;
mod keys;
mod machine;
mod sheets;

use std::process::Command;

use crate::common::{self, Desk, Ended};

/// One bad set-up.
struct Bad<'a> {
    what: &'a str,
    /// Variables that are set otherwise.
    set: Vec<(&'a str, String)>,
    args: &'a [&'a str],
    code: i32,
    says: &'a [&'a str],
}

/// A set-up that differs by one variable, seen by `check`.
fn one<'a>(
    what: &'a str,
    (name, value): (&'a str, impl Into<String>),
    code: i32,
    says: &'a [&'a str],
) -> Bad<'a> {
    Bad {
        what,
        set: vec![(name, value.into())],
        args: &["check"],
        code,
        says,
    }
}

impl<'a> Bad<'a> {
    fn and(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.set.push((name, value.into()));
        self
    }

    fn with(self, args: &'a [&'a str]) -> Self {
        Self { args, ..self }
    }
}

/// The lines that say what is wrong.
fn complaints(ended: &Ended) -> Vec<&str> {
    let wrong = |line: &&str| {
        ["✗", "error:", "[WARNING]"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    ended
        .out
        .lines()
        .chain(ended.err.lines())
        .filter(wrong)
        .collect()
}

/// Tries each set-up, and returns the table of what is printed.
fn table(desk: &Desk, cases: &[Bad]) -> String {
    let mut table = String::new();
    for case in cases {
        let mut command = desk.command(case.args);
        for (name, value) in &case.set {
            command.env(name, value);
        }
        table += &row(desk, case.what, command, case.code, case.says);
    }
    table
}

fn row(desk: &Desk, what: &str, mut command: Command, code: i32, says: &[&str]) -> String {
    let ended = common::ended(command.output().unwrap());
    assert_eq!(ended.code, Some(code), "{what}: {ended:#?}");
    let printed = complaints(&ended).join("\n");
    for words in says {
        assert!(
            printed.contains(words),
            "{what}: {words:?} is not in: {printed}\n{ended:#?}"
        );
    }
    for secret in ["abcdefgh", "hunter2"] {
        let all = format!("{}{}", ended.out, ended.err);
        assert!(!all.contains(secret), "{what}: a secret is printed: {all}");
    }
    let folder = desk.folder.path().canonicalize().unwrap();
    let printed = printed
        .replace(&folder.display().to_string(), "FOLDER")
        .replace(&desk.folder.path().display().to_string(), "FOLDER");
    format!("{what} → {code}\n{printed}\n\n")
}

/// The table is kept where paths look as they do in it.
fn keep(name: &str, table: &str) {
    if cfg!(unix) {
        insta::assert_snapshot!(name, table);
    }
}

fn desk_with(desk: &Desk, name: &str, value: &str) -> Command {
    let mut command = desk.command(&["check"]);
    command.env(name, value);
    command
}
