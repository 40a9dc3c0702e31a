//! The environment variables that stand for flags.

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// The names of all of them, of every command.
pub fn variables() -> Vec<String> {
    let mut names = Vec::new();
    add_names(&Cli::command(), &mut names);
    names
}

fn add_names(command: &Command, names: &mut Vec<String>) {
    let of_flags = command.get_arguments().filter_map(Arg::get_env);
    names.extend(of_flags.map(|name| name.to_string_lossy().into_owned()));
    for command in command.get_subcommands() {
        add_names(command, names);
    }
}
