//! The flag `-C DIR`, the folder that the program works in. It is read before everything else, because the folder has
//! its own `.env`, which may set any other flag.

use std::{env, ffi::OsString, path::PathBuf};

use anyhow::Context;

use crate::config::variable;

/// The variable that stands for the flag.
const NAME: &str = "BRANDINTEL_FOLDER";

/// Goes to the folder that is named by flags, or by the variable, and takes the flags out of the arguments. Several count
/// one after the other. Returns whether one was named.
///
/// # Errors
/// When there is no such folder, or it may not be entered.
pub fn enter(args: &mut Vec<OsString>) -> anyhow::Result<bool> {
    let mut folders = take(args);
    if folders.is_empty() {
        folders.extend(variable(NAME).map(PathBuf::from));
    }
    for folder in &folders {
        env::set_current_dir(folder)
            .with_context(|| format!("-C {}: the folder cannot be entered", folder.display()))?;
    }
    Ok(!folders.is_empty())
}

/// Takes the flags out. One without a folder behind it stays, and is complained about with all that is wrong.
fn take(args: &mut Vec<OsString>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut at = 1;
    while at < args.len() && args[at] != "--" {
        let Some((others, behind)) = args[at].to_str().and_then(split) else {
            at += 1;
            continue;
        };
        let folder = match behind {
            "" if at + 1 == args.len() => break,
            "" => None,
            behind => Some(PathBuf::from(behind)),
        };
        let others = (others != "-").then(|| OsString::from(others));
        folders.push(folder.unwrap_or_else(|| args.remove(at + 1).into()));
        match others {
            Some(others) => args[at] = others,
            None => drop(args.remove(at)),
        }
    }
    folders
}

/// The flags before `C` in one word, and what stands behind it.
fn split(word: &str) -> Option<(&str, &str)> {
    let (others, behind) = word.split_once('C')?;
    let flags = others.strip_prefix('-')?;
    let is_short = flags.chars().all(|flag| matches!(flag, 'q' | 'v'));
    is_short.then(|| (others, behind.strip_prefix('=').unwrap_or(behind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_found_where_short_flags_are() {
        for (typed, folders, left) in [
            ("-C a check", &["a"][..], "check"),
            ("check -Ca --json", &["a"], "check --json"),
            ("-C=a -C b", &["a", "b"], ""),
            ("-qC a --workers 8", &["a"], "-q --workers 8"),
            ("--brand Cola -C", &[], "--brand Cola -C"),
            ("--Capital -xC a", &[], "--Capital -xC a"),
            ("status -- -C a", &[], "status -- -C a"),
        ] {
            let words = std::iter::once("brandintel").chain(typed.split_whitespace());
            let mut args: Vec<OsString> = words.map(OsString::from).collect();
            let found = take(&mut args);
            assert_eq!(found, folders.iter().map(PathBuf::from).collect::<Vec<_>>());
            let rest: Vec<_> = args[1..].iter().map(|a| a.to_str().unwrap()).collect();
            assert_eq!(rest.join(" "), left, "{typed}");
        }
    }
}
