//! `.env`, key files, addresses and ids.

use std::fs;
#[cfg(unix)]
use std::process::Command;

use super::{check, says};
use crate::common::{Desk, ended, list_of};

#[test]
fn values_of_the_file_reach_the_program_as_they_were_written() {
    let desk = Desk::with_list(&list_of(2));
    let command = |env: &str, name: &str| {
        fs::write(desk.path(".env"), env).unwrap();
        let mut command = desk.command_alone(&["check", "--free"]);
        command.env("HOME", desk.folder.path());
        command.env_remove(name).env_remove("GOOGLE_SHEET_ID");
        ended(command.output().unwrap())
    };
    // A dollar and spaces in the name of a file.
    let name = "the list of $abc456 (new).csv";
    fs::copy(desk.path("list.csv"), desk.path(name)).unwrap();
    for value in [
        name.to_owned(),
        format!("'{name}'"),
        format!("\"{name}\""),
        format!("“{name}”"),
        format!("\u{202A}{name}\u{200F} # what is done every night"),
    ] {
        let seen = command(
            &format!("BRANDINTEL_BRANDS={value}\r\n"),
            "BRANDINTEL_BRANDS",
        );
        says(&seen, 0, &["2 rows below the header"]);
    }
    // On Unix a backslash may stand in a name, so what is read can be seen.
    if cfg!(unix) {
        let name = r"C:\Users\new\team\list.csv";
        fs::copy(desk.path("list.csv"), desk.path(name)).unwrap();
        for value in [name.to_owned(), format!("'{name}'"), format!("\"{name}\"")] {
            let seen = command(&format!("BRANDINTEL_BRANDS={value}\n"), "BRANDINTEL_BRANDS");
            says(&seen, 0, &["2 rows below the header"]);
        }
    }
    if cfg!(unix) {
        let seen = command("BRANDINTEL_BRANDS=~/list.csv\n", "BRANDINTEL_BRANDS");
        says(&seen, 0, &["2 rows below the header"]);
    }
    let key = desk.sandbox.tavily_key().to_owned();
    for value in [
        format!("\u{200F}{key}\u{200E}"),
        format!("{}\u{200B}{}", &key[..6], &key[6..]),
        format!("\u{A0}«{key}»"),
    ] {
        let env = format!(
            "TAVILY_API_KEY={value}\nTAVILY_API_KEY=tvly-another\nBRANDINTEL_BRANDS=list.csv\n"
        );
        let seen = command(&env, "TAVILY_API_KEY");
        let twice = "TAVILY_API_KEY is set in line 1 and otherwise in line 2: line 1 counts";
        says(&seen, 0, &["Tavily API key valid", twice]);
    }
    let env = "DB=x\nOPENROUTER_MODEL=google/gemini-${DB}\nBRANDINTEL_BRANDS=list.csv\n";
    says(&command(env, "DB"), 2, &["line 2: ${DB} stands for itself"]);
}

#[test]
fn ids_with_invisible_marks_are_read() {
    let desk = Desk::with_list(&list_of(2));
    let id = desk.sandbox.sheet_id();
    for id in [
        format!("\u{200F}{id}\u{200E}"),
        format!("\u{202B}https://docs.google.com/spreadsheets/d/\u{200B}{id}/edit\u{202C}"),
    ] {
        let mut command = desk.command_alone(&["--google-sheets", "--dry-run"]);
        command.env("GOOGLE_SHEET_ID", &id);
        let seen = ended(command.output().unwrap());
        says(&seen, 0, &["Found 2 brands in sheet"]);
    }
}

#[test]
fn addresses_are_read_with_slashes_behind_them_and_named_with_a_page() {
    let desk = Desk::with_list(&list_of(1));
    let at = format!("http://{}", desk.sandbox.address());
    let (models, search) = (
        format!(" {at}/api/v1/// "),
        format!("\u{200F}{at}/\u{200E}"),
    );
    let slashes = [
        ("OPENROUTER_BASE_URL", &*models),
        ("TAVILY_BASE_URL", &search),
    ];
    says(&check(&desk, &slashes), 0, &[]);
    for (name, path, right) in [
        (
            "OPENROUTER_BASE_URL",
            "/api/v1/chat/completions/",
            "/api/v1",
        ),
        ("TAVILY_BASE_URL", "/search", ""),
        ("TAVILY_BASE_URL", "/extract/", ""),
        ("OPENROUTER_BASE_URL", "/api", "/api/v1"),
    ] {
        let seen = check(&desk, &[(name, &format!("{at}{path}"))]);
        says(&seen, 2, &[&format!("{name}={at}{right}")]);
    }
    let mut command = desk.command_alone(&["--google-sheets", "--dry-run"]);
    command.env("GOOGLE_SHEETS_BASE_URL", format!("{at}/v4/spreadsheets"));
    let named = format!("GOOGLE_SHEETS_BASE_URL={at}");
    says(&ended(command.output().unwrap()), 2, &[&named]);
    for bare in ["openrouter.ai/api/v1", "https:/", "me:hunter2@host:4000/v1"] {
        let seen = check(&desk, &[("OPENROUTER_BASE_URL", bare)]);
        says(
            &seen,
            2,
            &[
                "OPENROUTER_BASE_URL (",
                "such as https://openrouter.ai/api/v1",
            ],
        );
        assert!(!seen.out.contains("hunter2"), "{}", seen.out);
    }
}

#[test]
fn a_key_file_with_a_mark_signs_in() {
    let desk = Desk::with_list(&list_of(2));
    let account = fs::read_to_string(desk.path("account.json")).unwrap();
    let in_utf_16 = format!("\u{FEFF}{account}");
    let in_utf_16 = in_utf_16.encode_utf16().flat_map(u16::to_le_bytes);
    for bytes in [
        format!("\u{FEFF}{account}").into_bytes(),
        in_utf_16.collect(),
        account.replace("\\n", "\\\\n").into_bytes(),
        account.replace("\\n", "\n").into_bytes(),
    ] {
        fs::write(desk.path("account.json"), bytes).unwrap();
        let seen = desk.run_alone(&["--google-sheets", "--dry-run"]);
        says(&seen, 0, &["Found 2 brands in sheet"]);
    }
}

#[test]
fn a_file_of_a_folder_above_is_named_and_its_paths_go_out_from_there() {
    let desk = Desk::with_list(&list_of(2));
    let env = "BRANDINTEL_BRANDS=list.csv\nGOOGLE_APPLICATION_CREDENTIALS=account.json\n";
    fs::write(desk.path(".env"), env).unwrap();
    fs::create_dir(desk.path("client")).unwrap();
    let run = |args: &[&str]| {
        let mut command = desk.command_alone(args);
        command
            .current_dir(desk.path("client"))
            .env("USERPROFILE", desk.folder.path())
            .env_remove("GOOGLE_APPLICATION_CREDENTIALS");
        ended(command.output().unwrap())
    };
    let seen = run(&["--dry-run"]);
    says(&seen, 0, &["Found 2 brands in list"]);
    let named = seen
        .err
        .lines()
        .find(|line| line.contains("Settings are read from"));
    assert!(
        named.is_some_and(|line| line.contains(".env")),
        "{}",
        seen.err
    );
    assert!(
        !run(&["--dry-run", "--quiet"])
            .err
            .contains("Settings are read")
    );
    says(
        &run(&["check", "--google-sheets"]),
        0,
        &["can be written into the sheet"],
    );
}

#[cfg(unix)]
#[test]
fn a_file_of_a_folder_above_that_is_another_users_is_not_read() {
    let desk = Desk::with_list(&list_of(2));
    fs::write(desk.path(".env"), "BRANDINTEL_BRANDS=list.csv\n").unwrap();
    fs::create_dir(desk.path("client")).unwrap();
    let given = Command::new("chown")
        .arg("4321")
        .arg(desk.path(".env"))
        .output();
    if !given.unwrap().status.success() {
        return eprintln!("only root can give a file away: nothing was tried");
    }
    let mut command = desk.command_alone(&["--dry-run"]);
    command.current_dir(desk.path("client"));
    let seen = ended(command.output().unwrap());
    says(
        &seen,
        2,
        &[
            "is not read, because it is another user's",
            "nothing to research",
        ],
    );
    // In this folder it is what the user has put there.
    says(
        &desk.run_alone(&["--dry-run"]),
        0,
        &["Found 2 brands in list"],
    );
}
