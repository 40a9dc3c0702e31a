//! The completion scripts of shells, made from the command line.

use std::fmt::Write as _;

use clap::{Command, builder::PossibleValue};
use clap_complete::Shell;

use crate::cli::help;

/// The script of a shell.
pub fn script(shell: Shell) -> String {
    let mut command = help::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "brandintel", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Fish => in_fish(&script, &command),
        _ => script,
    }
}

/// `clap_complete`'s script for fish completes nothing after a flag that waits for its value, and no arguments without a
/// flag: its test for the command fails at the former, and the latter it leaves out.
fn in_fish(script: &str, command: &Command) -> String {
    let parse = "argparse -s (__fish_brandintel_global_optspecs) -- $cmd 2>/dev/null\n";
    let again = format!(
        "{parse}    or begin; set -e cmd[-1]; {}; end\n",
        parse.trim_end()
    );
    let mut script = script.replace(parse, &again);
    for sub in command.get_subcommands() {
        for arg in sub.get_positionals() {
            let values = arg.get_possible_values();
            let names: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
            let _ = writeln!(
                script,
                "complete -c brandintel -n \"__fish_brandintel_using_subcommand {}\" -f -a \"{}\"",
                sub.get_name(),
                names.join(" ")
            );
        }
    }
    script
}
