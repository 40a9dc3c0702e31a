//! The guides: README, CONTRIBUTING and the pages in `docs/`. Every command in them is run, or held against the parser.

use std::{collections::BTreeSet, ffi::OsString, fs, path::Path};

use brandintel::{cli::Cli, exit::Exit};
use clap::CommandFactory;

use super::document;
#[cfg(unix)]
use crate::common::{self, Desk};

/// What people read: the README, how to contribute, and the pages for operators.
fn guides() -> Vec<String> {
    let docs = fs::read_dir(format!("{}/docs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let pages = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = pages.filter(|name| Path::new(name).extension().is_some_and(|it| it == "md"));
    let mut guides: Vec<String> = pages.map(|name| format!("docs/{name}")).collect();
    guides.extend(["README.md".to_owned(), "CONTRIBUTING.md".to_owned()]);
    guides.sort();
    guides
}

/// The info string of a block whose commands are run.
const RUN: &str = "sh";
/// Of blocks that need a network, a person or other programs: their commands are held against the parser.
const PARSED: [&str; 3] = ["sh parse-only", "cron parse-only", "powershell parse-only"];
/// Of blocks without commands of the program.
const OTHER: [&str; 3] = ["text", "json", "rust"];

/// A fenced block of a guide.
struct Block {
    /// Where it begins, as `README.md:30`.
    place: String,
    kind: String,
    text: String,
}

/// The fenced blocks of a guide, and the text around them.
fn blocks(name: &str, document: &str) -> (Vec<Block>, String) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut around = String::new();
    let mut inside = false;
    for (at, line) in document.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), inside) {
            (Some(kind), false) => blocks.push(Block {
                place: format!("{name}:{}", at + 1),
                kind: kind.to_owned(),
                text: String::new(),
            }),
            (None, true) => blocks.last_mut().unwrap().text += &format!("{}\n", line.trim_start()),
            (None, false) => around += &format!("{line}\n"),
            (Some(_), true) => {}
        }
        inside ^= line.trim_start().starts_with("```");
    }
    assert!(!inside, "{name}: a block has no end");
    (blocks, around)
}

/// The words of each command in a line of a shell, without its comment.
fn words(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '&' | '|' | ';' | '>' | '<') => {
                commands.last_mut().unwrap().extend(word.take());
                commands.push(Vec::new());
            }
            (None, c) if c.is_whitespace() => commands.last_mut().unwrap().extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    commands
}

/// The arguments that the program gets from a command: by its name, by cargo, in a container or from a scheduler.
fn arguments(command: &[String]) -> Option<Vec<String>> {
    let is_program = |word: &String| word == "brandintel";
    let at = match command.first()?.as_str() {
        "brandintel" => 0,
        "cargo" if command.get(1)? == "run" => command.iter().position(|word| word == "--")?,
        "docker" | "podman" if command.get(1)? == "run" => command.iter().rposition(is_program)?,
        _ => {
            let argument = command.iter().position(|word| word == "-Argument")?;
            let given = words(command.get(argument + 1)?);
            return given.into_iter().next();
        }
    };
    Some(command[at + 1..].to_vec())
}

/// The arguments of each command of the program in a line.
fn program_calls(line: &str) -> Vec<Vec<String>> {
    let commands = words(line);
    commands.iter().filter_map(|it| arguments(it)).collect()
}

/// What the parser says against these arguments.
fn refused(arguments: &[String]) -> Option<String> {
    let all = std::iter::once("brandintel").chain(arguments.iter().map(String::as_str));
    match Cli::read(all.map(OsString::from)) {
        Err(error) if error.use_stderr() => Some(error.to_string()),
        // Help and version are what was asked for.
        Ok(_) | Err(_) => None,
    }
}

/// How often a line seems to call the program, by its name before a flag or a command.
fn seeming_calls(line: &str) -> usize {
    let command = Cli::command();
    let names: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let line = line.split(" #").next().unwrap_or_default();
    let after = line.split("brandintel ").skip(1);
    let is_call = |rest: &&str| {
        let word = rest.split_whitespace().next().unwrap_or_default();
        word.starts_with('-') || names.contains(&word)
    };
    after.filter(is_call).count()
}

/// The command of a code span as somebody would type it: choices and placeholders are filled in.
fn as_typed(span: &str) -> String {
    let words = span.replace("\\|", "|");
    let words = words.split(' ').filter(|word| !word.starts_with('['));
    let words = words.map(|word| match word {
        "SHELL" => "bash",
        _ => word.split('|').next().unwrap_or_default(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What is in single backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_block_of_a_guide_is_run_or_parsed_or_has_no_command() {
    for name in guides() {
        for block in blocks(&name, &document(&name)).0 {
            let Block { place, kind, text } = block;
            let has_commands = kind == RUN || PARSED.contains(&kind.as_str());
            assert!(
                has_commands || OTHER.contains(&kind.as_str()),
                "{place}: «{kind}» is none of {RUN:?}, {PARSED:?} and {OTHER:?}"
            );
            let calls: usize = text.lines().map(|line| program_calls(line).len()).sum();
            assert_eq!(
                calls > 0,
                has_commands,
                "{place}: a {kind} block with {calls} commands"
            );
        }
    }
}

#[test]
fn every_command_in_a_guide_is_accepted_by_the_parser() {
    let mut seen = 0;
    for name in guides() {
        let (blocks, around) = blocks(&name, &document(&name));
        let broken = around
            .lines()
            .find(|line| line.matches('`').count() % 2 == 1);
        assert_eq!(broken, None, "{name}: a code span goes over a line break");
        for Block { place, text, .. } in blocks {
            for line in text.lines() {
                let calls = program_calls(line);
                let powershell = line.contains("-Argument");
                assert!(
                    powershell
                        || calls.len()
                            == seeming_calls(line) + usize::from(line.starts_with("cargo run")),
                    "{place}: a command is overlooked: {line}"
                );
                for arguments in calls {
                    assert_eq!(refused(&arguments), None, "{place}: {line}");
                    seen += 1;
                }
            }
        }
        for span in spans(&around).filter(|span| span.starts_with("brandintel ")) {
            let calls = program_calls(&as_typed(span));
            assert_eq!(calls.len(), 1, "{name}: `{span}`");
            assert_eq!(refused(&calls[0]), None, "{name}: `{span}`");
            seen += 1;
        }
    }
    assert!(seen > 80, "only {seen} commands were found");
}

#[test]
fn every_flag_named_in_a_guide_exists() {
    // Those of cargo and of the benchmarks.
    let mut known: BTreeSet<String> = [
        "--features",
        "--release",
        "--path",
        "--test",
        "--locked",
        "--bench",
        "--ablation",
        "--serve",
    ]
    .map(str::to_owned)
    .into();
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let flags =
        commands.flat_map(|command| command.get_arguments().filter_map(|arg| arg.get_long()));
    known.extend(flags.map(|flag| format!("--{flag}")));
    known.extend(["--help", "--version"].map(str::to_owned));
    for name in guides() {
        let (_, around) = blocks(&name, &document(&name));
        for word in spans(&around).flat_map(str::split_whitespace) {
            let flag = word.split(['=', '/', ',']).next().unwrap_or_default();
            let is_flag = flag.starts_with("--") && flag.len() > 2;
            assert!(!is_flag || known.contains(flag), "{name}: `{flag}`");
        }
    }
}

/// Runs a block of a shell in the folder of a desk. Windows has no such shell; commands are parsed there.
#[cfg(unix)]
fn run_block(desk: &Desk, block: &Block) -> Result<(), String> {
    let mut shell = std::process::Command::new("sh");
    // The settings of the desk, for a shell in between.
    for (name, value) in desk.command(&[]).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = std::env::var("PATH").unwrap();
    let shell = shell
        .args(["-eu", "-c", &block.text])
        .current_dir(desk.folder.path())
        .env("PATH", format!("{}:{path}", desk.path("bin").display()))
        .env("HOME", desk.folder.path())
        .env("BRANDINTEL_SANDBOX_SPEED", "100000");
    let ended = common::ended(shell.output().unwrap());
    match ended.code {
        Some(0) => Ok(()),
        _ => Err(format!("{}: {ended:#?}", block.place)),
    }
}

/// A desk with the program and a stand-in for `cargo run` in its folder `bin`, the lists that guides name, and a first run.
#[cfg(unix)]
fn desk_for_guides() -> Desk {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::with_list(
        "Brand Name,Website\nکاله,https://kalleh.com\nمیهن,https://mihan.example\n",
    );
    fs::create_dir(desk.path("bin")).unwrap();
    symlink(common::binary(), desk.path("bin/brandintel")).unwrap();
    let cargo = "#!/bin/sh\nset -e\n[ \"$1\" = run ]\nuntil [ \"$1\" = -- ]; do shift; done\nshift\nexec brandintel \"$@\"\n";
    fs::write(desk.path("bin/cargo"), cargo).unwrap();
    fs::set_permissions(desk.path("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet().set_name("INPUT").unwrap();
    sheet.write(0, 0, "نام برند").unwrap();
    sheet.write(1, 0, "کاله").unwrap();
    workbook.save(desk.path("list.xlsx")).unwrap();
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    desk
}

#[cfg(unix)]
#[test]
fn every_runnable_block_of_a_guide_succeeds() {
    let failures = std::thread::scope(|scope| {
        let run = |name: String| {
            let blocks = blocks(&name, &document(&name)).0;
            let runnable: Vec<Block> = blocks
                .into_iter()
                .filter(|block| block.kind == RUN)
                .collect();
            if runnable.is_empty() {
                return Vec::new();
            }
            let desk = desk_for_guides();
            let ended = runnable.iter().map(|block| run_block(&desk, block));
            ended.filter_map(Result::err).collect()
        };
        let running: Vec<_> = guides()
            .into_iter()
            .map(|name| scope.spawn(move || run(name)))
            .collect();
        let ended = running.into_iter().flat_map(|it| it.join().unwrap());
        ended.collect::<Vec<String>>()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[cfg(unix)]
#[test]
fn a_wrong_command_in_a_guide_is_noticed() {
    let wrong = "```sh\nbrandintel status --jsn\n```\n```sh\nbrandintel open nobody\n```\n";
    let (blocks, _) = blocks("wrong.md", wrong);
    assert!(refused(&program_calls(&blocks[0].text)[0]).is_some());
    let desk = desk_for_guides();
    for block in &blocks {
        let failure = run_block(&desk, block).unwrap_err();
        assert!(failure.contains(&block.place), "{failure}");
    }
}

#[test]
fn every_exit_code_has_a_remedy_among_the_troubles() {
    let troubles = document("docs/troubleshooting.md");
    for code in Exit::ALL {
        let code = code as u8;
        let headings = [
            format!("\n## {code}: "),
            format!("\n## {code} and "),
            format!(" and {code}: "),
        ];
        assert!(headings.iter().any(|it| troubles.contains(it)), "{code}");
    }
}

/// The anchor that a heading gets on GitHub.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_in_guides_lead_to_files_and_headings_that_exist() {
    for name in guides() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        for link in blocks(&name, &document(&name)).1.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => folder.clone(),
                path => folder.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{name}: {link}");
            if !wanted.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| anchor(line.trim_start_matches('#')));
                assert!(anchors.any(|it| it == wanted), "{name}: {link}");
            }
        }
    }
}

#[test]
fn the_readme_has_at_most_180_lines_and_pictures_at_most_200_kilobytes() {
    assert!(document("README.md").lines().count() <= 180);
    for picture in fs::read_dir(format!("{}/docs/images", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let picture = picture.unwrap();
        let bytes = picture.metadata().unwrap().len();
        assert!(
            bytes <= 200_000,
            "{}: {bytes} bytes",
            picture.path().display()
        );
    }
}

#[test]
fn every_path_in_contributing_exists() {
    let (_, around) = blocks("CONTRIBUTING.md", &document("CONTRIBUTING.md"));
    let is_ours = |span: &&str| {
        let folders = ["src/", "tests/", "docs/", "benches/", "fuzz/", ".ci/"];
        folders.iter().any(|folder| span.starts_with(folder)) && !span.contains('<')
    };
    let missing: Vec<&str> = spans(&around)
        .filter(is_ours)
        .filter(|path| !Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists())
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
