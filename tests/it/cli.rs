//! The program in a shell: help, typos, completions, manual, colours, characters, closed pipes.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::common::{self, Desk, Ended, ended, list_of, program};
use brandintel::cli::help;

/// The program in an empty folder.
fn alone(args: &[&str]) -> Ended {
    alone_with(args, &[])
}

fn alone_with(args: &[&str], env: &[(&str, &str)]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path(), args);
    command.envs(env.iter().copied());
    ended(command.output().unwrap())
}

/// A rehearsal of two brands at once, with these variables.
fn rehearse(env: &[(&str, &str)]) -> Ended {
    let desk = Desk::with_list(&list_of(2));
    let mut command = desk.command(&["--google-sheets", "-v"]);
    command.envs(env.iter().copied());
    let ended = ended(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended
}

#[test]
fn without_arguments_it_says_where_to_begin() {
    let seen = alone(&[]);
    assert_eq!(seen.code, Some(2));
    for way in [
        "--google-sheets",
        "--sandbox",
        "brandintel init",
        "brandintel -h",
    ] {
        assert!(seen.err.contains(way), "{}", seen.err);
    }
}

#[test]
fn a_typo_gets_a_suggestion() {
    let typos: [(&[&str], &str); 8] = [
        (&["--google-sheet"], "'--google-sheets'"),
        (&["--brand", "x", "--depth", "quik"], "'quick'"),
        (&["--brand", "x", "--lang", "faa"], "'fa'"),
        (&["cheek"], "'check'"),
        (&["help", "cheek"], "'check'"),
        (&["status", "--jsn"], "'--json'"),
        (&["completions", "bsh"], "'bash'"),
        (&["man", "statu"], "'status'"),
    ];
    for (args, wanted) in typos {
        let seen = alone(args);
        assert_eq!(seen.code, Some(2), "{args:?}");
        assert!(seen.err.contains(wanted), "{args:?}: {}", seen.err);
    }
}

#[test]
fn a_password_in_a_place_where_none_belongs_is_not_repeated() {
    const URL: &str = "postgres://night:0123456789@db/agency";
    let wrong: [&[&str]; 8] = [
        &[URL],
        &["help", URL],
        &["move", URL],
        &["move", "state", URL],
        &["status", URL],
        &["--stat", URL],
        &["--google-sheets", URL],
        &["--workers", URL],
    ];
    for args in wrong {
        let seen = alone(args);
        assert_eq!(seen.code, Some(2), "{args:?}");
    }
}

#[test]
fn a_bad_value_of_a_variable_names_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "BRANDINTEL_WORKERS=20\n").unwrap();
    let seen = ended(
        program(folder.path(), &["--google-sheets"])
            .output()
            .unwrap(),
    );
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains("1 to 16"), "{}", seen.err);
    assert!(
        seen.err.contains("comes from BRANDINTEL_WORKERS"),
        "{}",
        seen.err
    );

    let typed = alone_with(&["--workers=20"], &[("BRANDINTEL_WORKERS", "8")]);
    assert!(!typed.err.contains("comes from"), "{}", typed.err);
}

#[test]
fn what_the_system_refuses_has_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    // A file where a folder is wanted cannot be used by root either.
    fs::write(folder.path().join("sandbox"), "").unwrap();
    let seen = ended(
        program(
            folder.path(),
            &["--google-sheets", "--sandbox", "--limit", "1"],
        )
        .output()
        .unwrap(),
    );
    assert_eq!(seen.code, Some(8));
    assert!(seen.err.contains("sandbox"), "{}", seen.err);
    assert!(seen.err.contains("check that it exists"), "{}", seen.err);
}

#[test]
fn help_needs_no_settings() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "this is \"no setting\n").unwrap();
    for args in [&["-h"][..], &["--help"], &["help", "check"], &["--version"]] {
        let seen = ended(program(folder.path(), args).output().unwrap());
        assert_eq!((seen.code, seen.err.as_str()), (Some(0), ""), "{args:?}");
    }
    let seen = ended(program(folder.path(), &["check"]).output().unwrap());
    assert_eq!(seen.code, Some(2));
    assert!(seen.err.contains(".env"), "{}", seen.err);
}

/// What completion scripts and manual pages have to name: the flags of the program and of its commands.
fn flags_and_commands() -> (Vec<String>, Vec<String>) {
    let mut command = help::command();
    command.build();
    let commands = || {
        command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
    };
    let flags = std::iter::once(&command)
        .chain(commands())
        .flat_map(clap::Command::get_arguments)
        .filter_map(|arg| arg.get_long().map(str::to_owned))
        .collect();
    (
        flags,
        commands().map(|sub| sub.get_name().to_owned()).collect(),
    )
}

#[test]
fn completions_name_all_flags_and_commands() {
    let (flags, commands) = flags_and_commands();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let seen = alone(&["completions", shell]);
        assert_eq!(seen.code, Some(0), "{}", seen.err);
        for name in flags.iter().chain(&commands) {
            assert!(seen.out.contains(name.as_str()), "{shell} lacks {name}");
        }
    }
    // Values: choices and files.
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            alone(&["completions", shell]).out.contains("standard"),
            "{shell}"
        );
    }
    assert!(alone(&["completions", "zsh"]).out.contains("FILE:_files"));
}

/// On Windows `bash` may be a stub that wants a Linux to be installed.
#[cfg(unix)]
#[test]
fn shells_can_read_their_scripts() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder.path().join(shell);
        fs::write(&script, alone(&["completions", shell]).out).unwrap();
        match Command::new(shell).arg("-n").arg(&script).output() {
            Ok(read) => assert!(read.status.success(), "{shell}: {read:?}"),
            Err(_) => eprintln!("{shell} is not on this machine: its script was not read"),
        }
    }
}

#[cfg(unix)]
#[test]
fn fish_completes_values_and_arguments() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("list.csv"), "").unwrap();
    let script = alone(&["completions", "fish"]).out;
    assert!(
        script.contains("or begin; set -e cmd[-1]; argparse"),
        "{script}"
    );
    let cases = [
        ("brandintel --depth ", vec!["deep", "quick", "standard"]),
        ("brandintel --workers 8 --brands ", vec!["list.csv"]),
        ("brandintel man ch", vec!["check"]),
        ("brandintel completions z", vec!["zsh"]),
    ];
    for (typed, wanted) in cases {
        let ask = format!("{script}\ncomplete -C '{typed}'");
        let mut fish = Command::new("fish");
        fish.current_dir(folder.path())
            .args(["--no-config", "-c", &ask]);
        let Ok(seen) = fish.output() else {
            return eprintln!("fish is not on this machine: it was not asked");
        };
        let seen = String::from_utf8(seen.stdout).unwrap();
        let mut seen: Vec<&str> = seen.lines().filter_map(|l| l.split('\t').next()).collect();
        seen.sort_unstable();
        assert_eq!(seen, wanted, "{typed}");
    }
}

#[test]
fn there_is_a_manual_page_of_the_program_and_of_each_command() {
    let (_, commands) = flags_and_commands();
    let whole = alone(&["man"]).out;
    for section in [
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "EXAMPLES",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
    ] {
        let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
        assert!(heading.iter().any(|h| whole.contains(h)), "{section}");
    }
    for setting in ["TAVILY_API_KEY", "GOOGLE_SHEET_TAB", "NO_COLOR"] {
        assert!(whole.contains(setting), "{setting}");
    }
    let mut pages = vec![whole];
    for command in &commands {
        let page = alone(&["man", command]);
        assert_eq!(page.code, Some(0), "{command}: {}", page.err);
        let title = format!("brandintel\\-{command}");
        assert!(page.out.contains(&title), "{command}: {}", page.out);
        pages.push(page.out);
    }
    if cfg!(target_os = "linux") {
        read_by_man_and_mandoc(&pages);
    }
}

/// Other systems have other versions of both.
fn read_by_man_and_mandoc(pages: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.1");
    for page in pages {
        fs::write(&file, page).unwrap();
        let checks: [(&str, &[&str]); 2] = [
            ("mandoc", &["-T", "lint", "-W", "warning"]),
            ("man", &["--warnings", "-E", "UTF-8", "-l"]),
        ];
        for (checker, args) in checks {
            let Ok(checked) = Command::new(checker).args(args).arg(&file).output() else {
                continue;
            };
            // What mandoc says of a page it says on standard output, man on standard error.
            let said = match checker {
                "mandoc" => checked.stdout,
                _ => checked.stderr,
            };
            let said = String::from_utf8_lossy(&said);
            // The date of a page would have to be that of a release.
            let bad = said.lines().find(|line| !line.contains("missing date"));
            assert_eq!(bad, None, "{checker}");
        }
    }
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let escape = '\u{1b}';
    assert!(!rehearse(&[]).out.contains(escape));
    let forced = rehearse(&[("CLICOLOR_FORCE", "1")]).out;
    assert!(forced.contains("\u{1b}[32m✓\u{1b}[0m"), "{forced}");
    assert!(forced.contains("\u{1b}[1m[TOTALS]\u{1b}[0m"), "{forced}");
    let neither = rehearse(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!neither.out.contains(escape));
    assert!(!alone(&["-h"]).out.contains(escape));
    assert!(
        alone_with(&["-h"], &[("CLICOLOR_FORCE", "1")])
            .out
            .contains(escape)
    );
}

#[test]
fn json_and_logs_have_no_colours() {
    let desk = Desk::with_list(&list_of(2));
    let mut run = desk.command(&["--google-sheets"]);
    run.env("CLICOLOR_FORCE", "1");
    assert_eq!(ended(run.output().unwrap()).code, Some(0));
    for (path, bytes) in common::files(&desk.path("logs")) {
        assert!(!bytes.contains(&0x1b), "{}", path.display());
    }
    let mut status = desk.command(&["status", "--json"]);
    status.env("CLICOLOR_FORCE", "1").env("LC_ALL", "C");
    let json = ended(status.output().unwrap()).out;
    assert!(
        serde_json::from_str::<serde_json::Value>(&json).is_ok(),
        "{json}"
    );
}

/// A Windows console gets UTF-16, whatever the locale is.
#[cfg(unix)]
#[test]
fn without_utf_8_signs_are_ascii_and_persian_stays() {
    let seen = rehearse(&[("LC_ALL", "C")]).out;
    assert!(seen.contains("  ok Success: 2 (100.0%)"), "{seen}");
    assert!(seen.contains("برند شماره 1"), "{seen}");
    let foreign: String = seen
        .chars()
        .filter(|c| !c.is_ascii() && !c.is_alphabetic())
        .collect();
    assert_eq!(foreign, "");
    assert!(
        rehearse(&[("LC_ALL", ""), ("LANG", "fa_IR.UTF-8")])
            .out
            .contains("✓ Success: 2")
    );
}

#[test]
fn a_closed_pipe_ends_nothing_and_is_no_error() {
    let desk = Desk::with_list(&list_of(3));
    for args in [
        &["--google-sheets"][..],
        &["status"],
        &["--help"],
        &["man"],
        &["completions", "fish"],
    ] {
        let mut command = desk.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        drop(running.stdout.take());
        let seen = running.wait_with_output().unwrap();
        assert_eq!(seen.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&seen.stderr), "", "{args:?}");
    }
    assert_eq!(desk.registry().len(), 3);
}

/// A rehearsal on a terminal with so many columns.
#[cfg(target_os = "linux")]
fn on_a_terminal(columns: usize) -> String {
    let desk = Desk::with_list(&list_of(2));
    let program = assert_cmd::cargo::cargo_bin!("brandintel");
    let typed = format!(
        "stty rows 30 cols {columns}; exec '{}' --google-sheets",
        program.display()
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
    // The settings of the desk, for a terminal in between.
    let command = desk.command(&[]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.current_dir(desk.folder.path()).env("TERM", "xterm");
    let seen = ended(script.stdin(Stdio::null()).output().unwrap());
    assert_eq!(seen.code, Some(0), "{}{}", seen.out, seen.err);
    seen.out
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_colours_and_a_bar_as_wide_as_it_is() {
    let wide = on_a_terminal(120);
    assert!(wide.contains("\u{1b}[1m[TOTALS]\u{1b}[0m"), "{wide}");
    assert!(wide.contains("Processing:   0%|"), "{wide}");
    assert!(wide.contains(&"=".repeat(60)));

    let narrow = on_a_terminal(40);
    assert!(narrow.contains("% 0/2 "), "{narrow}");
    assert!(!narrow.contains("Processing: "), "{narrow}");
    assert!(!narrow.contains(&"=".repeat(41)), "{narrow}");
}
