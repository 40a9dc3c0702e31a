//! Networks, certificates, folders and the environment.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

use super::{desk_with, keep, one, row, table};
use crate::common::{self, Desk, list_of, servers};

#[test]
fn networks_that_do_not_let_us_through() {
    let desk = Desk::with_list(&list_of(1));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let page = servers::plain(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html",
        "<html>Welcome to the hotel</html>",
    );
    let proxy = servers::plain("HTTP/1.1 407 Proxy Authentication Required", "");
    let base = "OPENROUTER_BASE_URL";
    // What the system says of a connection differs from system to system, so that there is no snapshot.
    table(
        &desk,
        &[
            one(
                "no scheme",
                (base, "openrouter.ai"),
                2,
                &[base, "such as https://openrouter.ai/api/v1"],
            ),
            one(
                "nobody listens",
                (base, format!("http://{free}")),
                6,
                &[
                    "127.0.0.1 cannot be reached",
                    "the address in OPENROUTER_BASE_URL",
                ],
            ),
            one(
                "no such name",
                (base, "https://openrouter.invalid/api/v1"),
                6,
                &["openrouter.invalid cannot be reached", base],
            ),
            one(
                "a hotel's page",
                (base, format!("http://{page}")),
                6,
                &["an HTML page instead of JSON", "Check the network"],
            ),
            one(
                "a proxy that is not there",
                ("HTTPS_PROXY", format!("http://me:hunter2@{free}")),
                6,
                &["OpenRouter", "HTTPS_PROXY"],
            )
            .and(base, "https://openrouter.invalid/api/v1"),
            one(
                "a proxy that wants a password",
                ("HTTPS_PROXY", format!("http://me:hunter2@{proxy}")),
                6,
                &["The proxy does not let", "HTTPS_PROXY"],
            )
            .and(base, "https://openrouter.invalid/api/v1"),
            one(
                "no TLS there",
                (base, format!("https://{page}")),
                6,
                &["does not speak TLS", "http:// for a server on this machine"],
            ),
        ],
    );
    let noted = desk_with(&desk, "HTTPS_PROXY", "http://me:hunter2@proxy.example:3128")
        .output()
        .unwrap();
    let noted = common::ended(noted);
    assert!(
        noted
            .out
            .contains("HTTPS_PROXY is set: requests go through proxy.example:3128"),
        "{noted:#?}"
    );
    assert!(!noted.out.contains("hunter2"));
}

/// Where certificates are looked at by this program's own TLS, what is said of them is the same everywhere.
#[cfg(target_os = "linux")]
#[test]
fn certificates_that_do_not_hold() {
    let desk = Desk::with_list(&list_of(1));
    let base = "OPENROUTER_BASE_URL";
    let expired = servers::tls("expired.pem");
    let own = servers::tls("self_signed.pem");
    table(
        &desk,
        &[
            one(
                "expired",
                (base, format!("https://localhost:{}", expired.port())),
                6,
                &["The certificate is out of date", "clock", "proxy"],
            ),
            one(
                "self-signed",
                (base, format!("https://localhost:{}", own.port())),
                6,
                &["does not trust the certificate", "SSL_CERT_FILE", base],
            ),
        ],
    );
}

#[test]
fn folders_and_files_that_are_in_the_way() {
    let desk = Desk::with_list(&list_of(1));
    let mut printed = String::new();
    let newer = r#"{"schema_version": 99, "brands": {}}"#;
    fs::create_dir(desk.path("state")).unwrap();
    fs::write(desk.path("state/registry.json"), newer).unwrap();
    printed += &row(
        &desk,
        "state of a newer program",
        desk.command(&["check"]),
        2,
        &["version 99"],
    );
    fs::remove_dir_all(desk.path("state")).unwrap();
    fs::remove_dir_all(desk.path("output")).unwrap();
    fs::write(desk.path("output"), "a file").unwrap();
    row(
        &desk,
        "folder that cannot be written",
        desk.command(&["check"]),
        8,
        &["folder output", "cannot be written", "read-only"],
    );
    fs::remove_file(desk.path("output")).unwrap();
    fs::write(desk.path(".env"), "TAVILY_API_KEY='tvly-abcdefgh\n").unwrap();
    printed += &row(
        &desk,
        ".env with a bad line",
        desk.command(&["check"]),
        2,
        &[
            ".env has a line that is not NAME=value (line 1)",
            "quote values",
        ],
    );
    fs::write(desk.path(".env"), "tvly-abcdefgh\n").unwrap();
    printed += &row(
        &desk,
        ".env with a key alone",
        desk.command(&["check"]),
        2,
        &[
            ".env has a line that is not NAME=value (line 1)",
            "NAME=value",
        ],
    );
    fs::write(desk.path(".env"), b"\xFF\xFEA\0=\0").unwrap();
    printed += &row(
        &desk,
        ".env in UTF-16",
        desk.command(&["check"]),
        2,
        &["is not UTF-8", "Notepad"],
    );
    fs::write(
        desk.path(".env"),
        "TAVILY_KEY=tvly-abcdefgh\nBRANDINTEL_WORKER=8\n",
    )
    .unwrap();
    let mut command = desk.command(&["check"]);
    command.env("TAVILY_API_KEY", "");
    let says = [
        "unknown setting TAVILY_KEY; did you mean TAVILY_API_KEY?",
        "did you mean BRANDINTEL_WORKERS?",
    ];
    printed += &row(&desk, ".env with slips of the pen", command, 2, &says);
    keep("files", &printed);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_found_before_the_night() {
    let desk = Desk::with_list(&list_of(1));
    let program = desk.command(&["check"]);
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(desk.folder.path());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    row(
        &desk,
        "full disk",
        limited,
        8,
        &["folder state", "is the disk full"],
    );
}

#[test]
fn a_run_that_holds_the_state_folder_is_named() {
    let desk = Desk::with_list(&list_of(2));
    desk.sandbox.allow_models(0);
    let mut first = desk.command(&["--google-sheets"]);
    let mut first = first.stdout(Stdio::null()).spawn().unwrap();
    desk.wait_for_models(1);
    row(
        &desk,
        "held",
        desk.command(&["--google-sheets"]),
        5,
        &["another run holds the folder", "wait until it ends"],
    );
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(first.wait().unwrap().code(), Some(0));
}

#[test]
fn a_blank_variable_is_as_good_as_none() {
    let desk = Desk::with_list(&list_of(3));
    fs::write(
        desk.path(".env"),
        "BRANDINTEL_LIMIT=2\nBRANDINTEL_BUDGET=\n",
    )
    .unwrap();
    let mut command = desk.command(&["--google-sheets", "--dry-run"]);
    for name in [
        "WORKERS",
        "BUDGET",
        "LIMIT",
        "MAX_AGE",
        "DEPTH",
        "LANG",
        "BRANDS",
        "FORCE",
        "SANDBOX_FAULT",
    ] {
        command.env(format!("BRANDINTEL_{name}"), " ");
    }
    command.env("OPENROUTER_MODEL", "");
    let ended = common::ended(command.output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for words in [
        "Workers: 1 parallel",
        "Budget limit: Unlimited",
        "Brands to process: 2/2",
    ] {
        assert!(ended.out.contains(words), "{words}: {}", ended.out);
    }
}
