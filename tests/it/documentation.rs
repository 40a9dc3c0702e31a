//! The documents say what the program does: settings, flags, exit codes, and every command of README and `docs/`.

mod guides;

use std::{collections::BTreeSet, fs};

use brandintel::{cli::Cli, exit::Exit};
use clap::CommandFactory;

fn document(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn every_variable_is_explained_in_the_example() {
    let example = document(".env.example");
    let explained: BTreeSet<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name)
        .collect();
    let command = Cli::command();
    let mut known: BTreeSet<String> = command
        .get_arguments()
        .filter_map(|arg| arg.get_env())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let settings = document("src/config/mod.rs");
    let quoted = settings.split('"').filter(|text| {
        ["OPENROUTER_", "TAVILY_", "GOOGLE_", "BRANDINTEL_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    });
    known.extend(quoted.map(str::to_owned));
    // What is not this program's alone.
    let network = ["proxies", "certificates", "zone"];
    let network: Vec<String> = network
        .map(|name| document(&format!("src/config/{name}.rs")))
        .into();
    let is_read = |name: &str| {
        let quoted = format!("\"{name}\"");
        network.iter().any(|source| source.contains(&quoted))
    };
    for name in &known {
        assert!(
            explained.contains(name.as_str()),
            "{name} is not in .env.example"
        );
    }
    for name in &explained {
        assert!(
            known.contains(*name) || is_read(name),
            "{name} is in .env.example, but nothing reads it"
        );
    }
}

#[test]
fn every_flag_and_command_is_in_the_readme() {
    let readme = document("README.md");
    let command = Cli::command();
    for flag in command
        .get_arguments()
        .filter_map(|arg| arg.get_long())
        .filter(|f| !["help", "version"].contains(f))
    {
        assert!(
            readme.contains(&format!("--{flag}")),
            "--{flag} is not in the README"
        );
    }
    for name in command.get_subcommands().map(clap::Command::get_name) {
        assert!(
            readme.contains(&format!("brandintel {name}")),
            "{name} is not in the README"
        );
    }
}

/// The command lines of a ready-made file, each as the arguments of the program.
fn commands_in(text: &str) -> Vec<Vec<String>> {
    let commands = text.lines().filter_map(|line| {
        let at = line.find("brandintel --")?;
        Some(line[at..].split_whitespace().map(str::to_owned).collect())
    });
    commands.collect()
}

#[test]
fn ready_made_files_have_commands_that_the_program_takes() {
    for name in [
        "contrib/brandintel.cron",
        "contrib/brandintel.service",
        "contrib/Containerfile",
    ] {
        let commands = commands_in(&document(name));
        assert!(!commands.is_empty(), "{name} runs nothing");
        for arguments in &commands {
            let read = Cli::read(arguments.iter().map(Into::into));
            assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn hosts_of_the_compose_file_run_a_batch_with_a_state_they_share() {
    let file = document("contrib/compose.yaml");
    let after = |name: &str| {
        let line = file.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} is missing")).trim()
    };
    let command = after("command:").split_whitespace();
    let state = after("BRANDINTEL_STATE:").replace("${POSTGRES_PASSWORD:?set it in .env}", "abc");
    let database = url::Url::parse(&state).unwrap();
    assert_eq!(database.username(), after("POSTGRES_USER:"));
    assert_eq!(database.path()[1..], *after("POSTGRES_DB:"));
    assert!(file.contains(&format!("\n  {}:\n", database.host_str().unwrap())));
    let arguments = ["brandintel", "--state", &state];
    Cli::read(arguments.into_iter().chain(command).map(Into::into)).unwrap();
    let night = document("contrib/brandintel.cron");
    assert!(
        night.contains(after("command:")),
        "another night than cron's"
    );
    let image = document("contrib/Containerfile");
    assert!(image.contains("WORKDIR /brands") && file.contains("./one:/brands"));
}

#[test]
fn the_container_gets_every_file_that_the_sources_include() {
    let containerfile = document("contrib/Containerfile");
    let mut folders = vec![format!("{}/src", env!("CARGO_MANIFEST_DIR")).into()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                let source = source.split("#[cfg(test)]").next().unwrap();
                for rest in source.split("include_str!(\"../").skip(1) {
                    let file = rest.split('"').next().unwrap();
                    let copied = file.rsplit('/').next().unwrap();
                    let beside = path.parent().unwrap().parent().unwrap().join(file);
                    let outside =
                        !beside.starts_with(format!("{}/src", env!("CARGO_MANIFEST_DIR")));
                    assert!(!outside || containerfile.contains(copied), "{file}");
                }
            }
        }
    }
}

#[test]
fn every_exit_code_is_in_the_readme() {
    let readme = document("README.md");
    let by_signal = [Exit::Interrupted, Exit::Terminated];
    for code in Exit::ALL
        .into_iter()
        .filter(|code| !by_signal.contains(code))
    {
        assert!(
            readme.contains(&format!("\n| {} |", code as u8)),
            "{code:?}"
        );
    }
    assert!(readme.contains(&format!(
        "| {} / {} |",
        Exit::Interrupted as u8,
        Exit::Terminated as u8
    )));
}

#[test]
fn the_example_can_be_copied_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), document(".env.example")).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("brandintel");
    let output = std::process::Command::new(program)
        .current_dir(folder.path())
        .args([
            "--google-sheets",
            "--sandbox",
            "--sandbox-speed",
            "10000",
            "--limit",
            "1",
            "--dry-run",
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn nothing_in_the_example_is_taken_for_a_slip_of_the_pen() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = document(".env.example")
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| format!("{name}="))
        .collect();
    fs::write(folder.path().join(".env"), names.join("\n")).unwrap();
    let program = assert_cmd::cargo::cargo_bin!("brandintel");
    let output = std::process::Command::new(program)
        .current_dir(folder.path())
        .arg("status")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("unknown setting"), "{said}");
}
