//! Settings as people write them, and machines as they are found, through the real binary.
#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use common::{Desk, Ended, ended, files, list_of};

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

/// A SOCKS5 proxy with a password that leads every name to one address, and what it was asked for.
struct Socks {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    fn before(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming() {
                let told = Arc::clone(&told);
                thread::spawn(move || serve_socks(client.unwrap(), to, &told));
            }
        });
        Self { address, asked }
    }
}

/// RFC 1928 and 1929, as far as a client goes that asks to be connected.
fn serve_socks(mut client: TcpStream, to: SocketAddr, told: &Mutex<Vec<String>>) -> Option<()> {
    let mut answer = client.try_clone().ok()?;
    let mut from_client = client.try_clone().ok()?;
    let mut read = |count: usize| {
        let mut bytes = vec![0; count];
        client.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = read(2)?[1];
    read(methods.into())?;
    answer.write_all(&[5, 2]).ok()?;
    let name = read(2)?[1];
    let user = read(name.into())?;
    let length = read(1)?[0];
    let password = read(length.into())?;
    let is_right = user == b"me" && password == b"hunter2 & co";
    answer.write_all(&[1, u8::from(!is_right)]).ok()?;
    let head = read(4)?;
    let host = match head[3] {
        1 => read(4)?
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join("."),
        3 => {
            let length = read(1)?[0];
            String::from_utf8(read(length.into())?).ok()?
        }
        _ => return None,
    };
    read(2)?;
    told.lock().unwrap().push(host);
    let mut server = TcpStream::connect(to).ok()?;
    answer.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    let mut to_server = server.try_clone().ok()?;
    thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    std::io::copy(&mut server, &mut answer).ok().map(drop)
}

#[test]
fn a_socks_proxy_carries_every_request_and_looks_names_up() {
    let desk = Desk::with_list(&list_of(2));
    let socks = Socks::before(desk.sandbox.address());
    let at = format!("me:hunter2%20%26%20co@{}", socks.address);
    for (name, scheme) in [
        ("ALL_PROXY", "socks5h"),
        ("all_proxy", "socks"),
        ("HTTP_PROXY", "socks5h"),
    ] {
        let mut command = desk.command_alone(&["--brands", "list.csv", "--force"]);
        command
            .env(name, format!("{scheme}://{at}"))
            .env("OPENROUTER_BASE_URL", "http://models.invalid/api/v1")
            .env("TAVILY_BASE_URL", "http://search.invalid");
        says(&ended(command.output().unwrap()), 0, &["Success: 2"]);
        let mut asked = std::mem::take(&mut *socks.asked.lock().unwrap());
        asked.sort();
        asked.dedup();
        assert_eq!(asked, ["models.invalid", "search.invalid"], "{name}");
    }
    // With socks5 this machine looks names up; an address needs none.
    let proxy = format!("socks5://{at}");
    let seen = check(&desk, &[("ALL_PROXY", &proxy)]);
    let place = format!(
        "ALL_PROXY is set: all other requests go through {} (socks5)",
        socks.address
    );
    says(&seen, 0, &[&place]);
    assert!(!seen.out.contains("hunter2") && !seen.err.contains("hunter2"));
    let asked = std::mem::take(&mut *socks.asked.lock().unwrap());
    assert!(
        !asked.is_empty() && asked.iter().all(|host| host == "127.0.0.1"),
        "{asked:?}"
    );
}

#[test]
fn a_proxy_that_is_none_is_named() {
    let desk = Desk::with_list(&list_of(1));
    for (name, value) in [
        ("HTTPS_PROXY", "127.0.0.1:99999"),
        ("HTTPS_PROXY", "http//x"),
        ("ALL_PROXY", "vmess://127.0.0.1:1080"),
        ("http_proxy", "ftp://127.0.0.1:21"),
        ("HTTPS_PROXY", "http://me:hunter2@proxy:99999"),
        ("all_proxy", "socks5://me:hunt#er2@proxy:1080"),
    ] {
        let seen = check(&desk, &[(name, value)]);
        says(
            &seen,
            2,
            &[&format!("{name}"), "is not the address of a proxy"],
        );
        let mut command = desk.command_alone(&["--brands", "list.csv"]);
        let seen = ended(command.env(name, value).output().unwrap());
        says(&seen, 2, &[name, "is not the address of a proxy"]);
        let all = format!("{}{}", seen.out, seen.err);
        assert!(
            !all.contains("hunter2") && !all.contains("hunt#er2"),
            "{all}"
        );
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
}

#[test]
fn no_proxy_speaks_to_its_hosts_directly_as_curl_does() {
    let desk = Desk::with_list(&list_of(1));
    // Nothing listens there.
    let proxy = "http://me:hunter2@127.0.0.1:1";
    for (name, hosts) in [
        ("NO_PROXY", "*"),
        ("no_proxy", " * "),
        ("NO_PROXY", "example.com, *"),
        ("NO_PROXY", "127.0.0.1"),
        ("NO_PROXY", "localhost 127.0.0.0/8"),
    ] {
        for variable in ["ALL_PROXY", "HTTP_PROXY", "http_proxy"] {
            let seen = check(&desk, &[(variable, proxy), (name, hosts)]);
            says(&seen, 0, &["NO_PROXY is"]);
        }
    }
    let seen = check(&desk, &[("HTTP_PROXY", proxy)]);
    says(
        &seen,
        6,
        &["HTTP_PROXY is set: requests to http:// addresses go through 127.0.0.1:1"],
    );
    assert!(!seen.out.contains("hunter2"));
    assert!(seen.out.contains("a proxy (HTTP_PROXY)"), "{}", seen.out);
}

/// Where this program's own TLS reads them.
#[cfg(target_os = "linux")]
#[test]
fn certificates_that_are_not_there_are_named() {
    let desk = Desk::with_list(&list_of(1));
    let pem = fs::read("tests/fixtures/tls/self_signed.pem").unwrap();
    let der: Vec<u8> = [0x30, 0x82, 0x03, 0x01]
        .iter()
        .copied()
        .chain(std::iter::repeat_n(7, 64))
        .collect();
    fs::write(desk.path("empty.pem"), "").unwrap();
    fs::write(desk.path("ca.crt"), der).unwrap();
    fs::write(desk.path("own.pem"), pem).unwrap();
    fs::create_dir(desk.path("certs")).unwrap();
    for (name, path, words) in [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "cannot be read"),
        ("SSL_CERT_FILE", "certs", "cannot be read"),
        ("SSL_CERT_FILE", "empty.pem", "is empty"),
        ("SSL_CERT_FILE", "list.csv", "has no certificate in PEM"),
        (
            "SSL_CERT_FILE",
            "ca.crt",
            "openssl x509 -inform der -in ca.crt",
        ),
        ("SSL_CERT_DIR", "/nonexistent", "cannot be read"),
        ("SSL_CERT_DIR", "certs", "has no certificate in PEM"),
    ] {
        for args in [
            &["check", "--brands", "list.csv"][..],
            &["--brands", "list.csv"],
        ] {
            let mut command = desk.command_alone(args);
            command
                .env_remove("SSL_CERT_FILE")
                .env_remove("SSL_CERT_DIR");
            let seen = ended(command.env(name, path).output().unwrap());
            says(&seen, 2, &[&format!("{name} ({path}) "), words]);
        }
    }
    assert_eq!(desk.sandbox.arrived(), [0, 0, 0]);
    says(&check(&desk, &[("SSL_CERT_FILE", "own.pem")]), 0, &[]);
}

#[test]
fn an_unknown_time_zone_is_named_and_no_deadline_goes_by_it() {
    let desk = Desk::with_list(&list_of(1));
    let run = |zone: &str, args: &[&str]| {
        let mut command = desk.command_alone(args);
        ended(command.env("TZ", zone).output().unwrap())
    };
    let deadline = ["--brands", "list.csv", "--deadline", "۰۶:۰۰"];
    let spaced = run("Asia/Tehran ", &["--brands", "list.csv", "--dry-run"]);
    let has_zones = std::path::Path::new("/usr/share/zoneinfo/Asia/Tehran").exists();
    assert!(!has_zones || !spaced.err.contains("TZ"), "{}", spaced.err);
    for zone in ["Asia/Teheran", "IRST", "Tehran/Asia", "+03:30"] {
        let named = format!("TZ ({zone}) is no time zone that this machine knows");
        says(&run(zone, &deadline), 2, &["--deadline", &named]);
        says(
            &run(zone, &["check", "--deadline=06:00"]),
            2,
            &["deadline", &named],
        );
        let seen = run(zone, &["--brands", "list.csv", "--dry-run"]);
        says(&seen, 0, &["[WARNING]", &named, "times are UTC"]);
        says(&run(zone, &["check", "--free"]), 0, &[&named]);
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    let dry = ["--brands", "list.csv", "--dry-run", "--deadline=06:00"];
    for (zone, words) in [
        ("<+0330>-3:30", "06:00 +03:30"),
        ("UTC", "06:00 +00:00 (UTC)"),
    ] {
        let seen = run(zone, &dry);
        let printed = seen
            .out
            .lines()
            .find(|line| line.starts_with("  Deadline: 20"));
        assert!(
            printed.is_some_and(|line| line.ends_with(words)),
            "{seen:#?}"
        );
        assert!(!seen.err.contains("TZ"), "{}", seen.err);
    }
}

#[test]
fn without_a_folder_for_temporary_files_everything_is_made() {
    let desk = Desk::with_list(&list_of(3));
    let nowhere = |args: &[&str]| {
        let mut command = desk.command_alone(args);
        for name in ["TMPDIR", "TEMP", "TMP"] {
            command.env(name, desk.path("nowhere"));
        }
        ended(command.output().unwrap())
    };
    says(
        &nowhere(&["--brands", "list.csv", "--workers", "2"]),
        0,
        &["Success: 3"],
    );
    for file in ["index.html", "brands.xlsx", "changes.html"] {
        let path = desk.path("output").join(file);
        assert!(path.is_file(), "{file}");
        fs::remove_file(path).unwrap();
    }
    says(&nowhere(&["export"]), 0, &[]);
    assert!(desk.path("output/brands.xlsx").is_file());
    let left = files(&desk.path("output"));
    let strange = left.iter().find(|(path, _)| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    });
    assert_eq!(strange, None);
}

#[cfg(target_os = "linux")]
#[test]
fn too_few_open_files_are_said_before_anything_is_paid_for() {
    let desk = Desk::with_list(&list_of(2));
    for args in [
        &["--brands", "list.csv"][..],
        &["check", "--brands", "list.csv"],
    ] {
        for limit in [30, 20, 9, 7] {
            let mut limited = after(&format!("ulimit -n {limit}"), &desk.command_alone(args));
            let seen = ended(limited.output().unwrap());
            says(&seen, 8, &["too many open files", "raise ulimit -n"]);
            assert!(!seen.err.contains("disk full"), "{seen:#?}");
        }
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    // The program raises what may be raised by itself.
    let seen = after(
        "ulimit -S -n 30",
        &desk.command_alone(&["--brands", "list.csv"]),
    );
    says(&ended({ seen }.output().unwrap()), 0, &["Success: 2"]);
}

#[test]
fn a_folder_that_was_moved_goes_on_where_it_was() {
    let desk = Desk::with_list(&list_of(3));
    let here = desk.path("before");
    fs::create_dir(&here).unwrap();
    for file in ["list.csv", "account.json"] {
        fs::copy(desk.path(file), here.join(file)).unwrap();
    }
    fs::write(here.join(".env"), "BRANDINTEL_BRANDS=list.csv\n").unwrap();
    let run = |folder: &str, args: &[&str]| {
        let mut command = desk.command_alone(args);
        ended(command.current_dir(desk.path(folder)).output().unwrap())
    };
    says(&run("before", &["--limit", "1"]), 0, &["Success: 1"]);
    let mut killed = desk.command_alone(&["--workers", "1"]);
    killed.current_dir(&here);
    let calls = desk.sandbox.arrived().iter().sum::<u64>();
    assert!(desk.kill_at_request(killed, calls + 8));
    fs::rename(&here, desk.path("after")).unwrap();
    let seen = run("after", &["--workers", "2"]);
    says(&seen, 0, &["Spent before the interruption"]);
    says(&run("after", &[]), 0, &["all 3 brands are unchanged"]);
    says(&run("after", &["export"]), 0, &[]);
}

#[test]
fn a_login_in_a_website_cell_reaches_nobody() {
    let login = "night-editor:hunter2-pass";
    let list = format!(
        "Brand Name,Website,Parent Company\n\
         کاله,https://{login}@kalleh.com/fa,https://{login}@solico.ir\n\
         میهن,{login}@mihan.ir,\n\
         پاک,ftp://{login}@pak.ir,\n\
         https://{login}@x.ir,,\n"
    );
    let desk = Desk::with_list(&list);
    let sent = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&sent);
    let proxy = common::proxy::Proxy::before(&desk, move |path, body| {
        *told.lock().unwrap() += &format!("{path} {body}\n");
        None
    });
    for args in [
        &["--google-sheets", "-v"][..],
        &["--google-sheets", "--dry-run"],
        &["check"],
    ] {
        let mut command = desk.command_alone(args);
        command
            .env("OPENROUTER_BASE_URL", proxy.models())
            .env("TAVILY_BASE_URL", proxy.searches());
        let seen = ended(command.output().unwrap());
        assert!(matches!(seen.code, Some(0 | 1)), "{seen:#?}");
        let all = format!("{}{}", seen.out, seen.err);
        assert!(
            !all.contains("hunter2") && !all.contains("night-editor"),
            "{all}"
        );
    }
    assert!(sent.lock().unwrap().contains("kalleh.com"));
    assert!(!sent.lock().unwrap().contains("hunter2"));
    for (path, bytes) in files(desk.folder.path()) {
        let text = String::from_utf8_lossy(&bytes);
        let is_list = path.ends_with("list.csv");
        assert!(is_list || !text.contains("hunter2"), "{}", path.display());
    }
    for row in desk.sandbox.rows() {
        let own = row.iter().skip(3);
        assert!(own.clone().all(|cell| !cell.contains("hunter2")), "{row:?}");
    }
}

#[test]
fn a_key_that_comes_back_in_base64_shows_nowhere() {
    let desk = Desk::with_list(&list_of(2));
    let key = desk.sandbox.openrouter_key().to_owned();
    let forms: Vec<String> = ["", "u:", "us:", "usr:"]
        .iter()
        .flat_map(|user| {
            let text = format!("{user}{key}");
            [
                BASE64_STANDARD.encode(&text),
                BASE64_STANDARD_NO_PAD.encode(&text),
                BASE64_URL_SAFE.encode(&text),
                BASE64_URL_SAFE_NO_PAD.encode(&text),
            ]
        })
        .collect();
    let said = serde_json::json!({"error": {"code": 400, "message": format!("no such user: Basic {}", forms.join(" or "))}});
    let said = said.to_string();
    let proxy = common::proxy::Proxy::before(&desk, move |path, _| {
        path.ends_with("/chat/completions")
            .then(|| (400, said.clone()))
    });
    let mut command = desk.command_alone(&["--brands", "list.csv", "-v"]);
    command.env("OPENROUTER_BASE_URL", proxy.models());
    let seen = ended(command.output().unwrap());
    assert!(seen.err.contains("Basic [secret]"), "{seen:#?}");
    let mut written = format!("{}{}", seen.out, seen.err);
    for (_, bytes) in files(desk.folder.path()) {
        written += &String::from_utf8_lossy(&bytes);
    }
    for form in &forms {
        let middle = &form[8..24];
        assert!(!written.contains(middle), "{middle}");
    }
}

#[test]
fn another_folder_is_worked_in_with_its_own_settings() {
    let desk = Desk::with_list(&list_of(2));
    let away = tempfile::tempdir().unwrap();
    fs::write(desk.path(".env"), "BRANDINTEL_BRANDS=list.csv\n").unwrap();
    let run = |args: &[&str], folder: Option<&str>| {
        let mut command = desk.command_alone(args);
        command.current_dir(away.path());
        if let Some(folder) = folder {
            command.env("BRANDINTEL_FOLDER", folder);
        }
        ended(command.output().unwrap())
    };
    let there = desk.folder.path().display().to_string();
    says(&run(&["-C", &there], None), 0, &["Success: 2"]);
    assert!(desk.path("output/index.html").is_file());
    says(&run(&["-C", &there, "status"], None), 0, &["2"]);
    says(
        &run(&["check", "--free", "-C", &there], None),
        0,
        &["2 rows"],
    );
    let unchanged = "all 2 brands are unchanged";
    says(
        &run(&[&format!("-qC{there}"), "-v"], None),
        2,
        &["exclude each other"],
    );
    says(&run(&[], Some(&there)), 0, &[unchanged]);
    fs::write(
        away.path().join(".env"),
        format!("BRANDINTEL_FOLDER={there}\nBRANDINTEL_BRANDS=list.csv\n"),
    )
    .unwrap();
    says(&run(&[], None), 0, &[unchanged]);
    says(
        &run(&["-C", "nowhere"], None),
        2,
        &["-C nowhere", "cannot be entered"],
    );
    says(&run(&["-C"], None), 2, &["-C <DIR>"]);
    assert_eq!(
        fs::read_dir(away.path()).unwrap().count(),
        1,
        "nothing is left there"
    );
}
