//! Settings as people write them, and machines as they are found, through the real binary.

mod files;
mod machine;
mod network;
mod secrecy;

#[cfg(target_os = "linux")]
use std::process::Command;

use crate::common::{Desk, Ended, ended};

/// Runs `check` of a file with these variables set otherwise.
fn check(desk: &Desk, set: &[(&str, &str)]) -> Ended {
    let mut command = desk.command_alone(&["check", "--brands", "list.csv"]);
    command.envs(set.iter().copied());
    ended(command.output().unwrap())
}

fn says(seen: &Ended, code: i32, words: &[&str]) {
    assert_eq!(seen.code, Some(code), "{seen:#?}");
    for words in words {
        let all = format!("{}{}", seen.out, seen.err);
        assert!(all.contains(words), "{words:?} is not in: {all}");
    }
}

/// A command in a shell that first does something else to itself.
#[cfg(target_os = "linux")]
fn after(first: &str, program: &Command) -> Command {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
