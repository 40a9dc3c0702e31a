//! A night that failed becomes one file without secrets, and the simulated services play it back: the same goes wrong.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
};

use crate::common::{self, Desk, Ended, ended, list_of, program, proxy::Proxy, read_json};
use brandintel::sandbox::Options;
use serde_json::{Value, json};

const NIGHT: [&str; 4] = ["--brands", "list.csv", "--workers", "2"];

/// Writes the file at this desk and reads it.
fn support(desk: &Desk, args: &[&str]) -> (PathBuf, String) {
    let all = [&["support", "--to", "fault.json"], args].concat();
    let ended = desk.run(&all);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let path = desk.path("fault.json");
    (path.clone(), fs::read_to_string(path).unwrap())
}

/// A desk whose services answer as in a file.
fn replaying(list: &str, file: PathBuf) -> Desk {
    let replay = Some(file);
    Desk::with_options(
        list,
        Options {
            replay,
            ..Options::default()
        },
    )
}

/// How each brand ended: its status, the kind of its error and the words, or nothing.
fn ends(desk: &Desk) -> Vec<(String, Value, Value, Value)> {
    let registry = desk.registry();
    let entries = registry.iter().map(|(key, entry)| {
        let [status, kind, error] =
            ["status", "error_kind", "error"].map(|name| entry[name].clone());
        (key.clone(), status, kind, error)
    });
    entries.collect()
}

/// The night at a desk whose models are behind a proxy with this rule, and the same night played back from its file.
fn there_and_here(
    answer: impl Fn(&str, &str) -> Option<(u16, String)> + Send + Sync + 'static,
    night: &[&str],
) -> [(Desk, Ended); 2] {
    let there = Desk::with_list(&list_of(4));
    let proxy = Proxy::before(&there, answer);
    let mut command = there.command(night);
    command
        .env("OPENROUTER_BASE_URL", proxy.models())
        .env("TAVILY_BASE_URL", proxy.searches());
    let first = ended(command.output().unwrap());
    let (file, _) = support(&there, &[]);
    let here = replaying(&list_of(4), file);
    let second = here.run(night);
    [(there, first), (here, second)]
}

fn is_chat_about(path: &str, body: &str, brand: &str) -> bool {
    path.ends_with("/chat/completions") && body.contains(brand)
}

#[test]
fn a_refusal_that_nobody_foresaw_is_played_back_and_the_same_brand_fails_with_the_same_words() {
    let [(there, first), (here, second)] = there_and_here(
        |path, body| {
            let odd = json!({"error": {"code": "E-77", "message": "this tenant's moon is in the wrong phase"}});
            is_chat_about(path, body, "برند شماره 3").then(|| (418, odd.to_string()))
        },
        &NIGHT,
    );
    assert_eq!(first.code, Some(1), "{first:#?}");
    let failed = ends(&there);
    let failed: Vec<_> = failed.iter().filter(|end| end.1 == "failed").collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert!(
        failed[0].3.as_str().unwrap().contains("moon"),
        "{failed:#?}"
    );
    assert_eq!((second.code, ends(&here)), (Some(1), ends(&there)));
}

#[test]
fn an_answer_that_cannot_be_read_is_played_back_too() {
    let [(there, first), (here, second)] = there_and_here(
        |path, body| {
            let content = "I would rather speak of the weather: {\"sky\": \"blue\"";
            let odd = json!({"id": "x", "object": "chat.completion", "model": "m", "usage": {"prompt_tokens": 9,
                "completion_tokens": 9, "cost": 0.0001}, "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": content}}]});
            is_chat_about(path, body, "برند شماره 2").then(|| (200, odd.to_string()))
        },
        &NIGHT,
    );
    assert_eq!(first.code, Some(1), "{first:#?}");
    let errors = ends(&there);
    assert!(
        errors.iter().any(|end| end.2 == "bad_answer"),
        "{errors:#?}"
    );
    assert_eq!((second.code, ends(&here)), (Some(1), ends(&there)));
}

#[test]
fn a_key_that_is_refused_at_the_start_is_played_back() {
    let [(_, first), (_, second)] = there_and_here(
        |path, _| {
            let odd =
                json!({"error": {"code": 401, "message": "Your seat was given to somebody else"}});
            path.ends_with("/key").then(|| (401, odd.to_string()))
        },
        &NIGHT,
    );
    assert_eq!(first.code, Some(3), "{first:#?}");
    assert!(first.err.contains("somebody else"), "{first:#?}");
    assert_eq!((second.code, second.err), (first.code, first.err));
}

#[test]
fn whatever_a_service_does_for_ever_it_does_again_when_it_is_played_back() {
    for fault in [
        "llm:402",
        "llm:400",
        "llm:redirect",
        "llm:length",
        "search:401",
        "search:432",
        "sheets:403",
        "sheets:404",
    ] {
        let night = ["--google-sheets", "--workers", "2"];
        let there = Desk::with_faults(&list_of(3), &[fault]);
        let first = there.run(&night);
        assert!(
            first.code.is_some_and(|code| code > 0),
            "{fault}: {first:#?}"
        );
        let (file, _) = support(&there, &[]);
        let here = replaying(&list_of(3), file);
        let second = here.run(&night);
        // Where two services answer at once, their order may differ.
        assert_eq!(
            (second.code, ends(&here)),
            (first.code, ends(&there)),
            "{fault}: {second:#?}"
        );
        let why = |ended: &Ended| {
            ended
                .err
                .lines()
                .find(|line| line.starts_with("error:"))
                .map(str::to_owned)
        };
        assert_eq!(why(&second), why(&first), "{fault}");
    }
}

#[test]
fn what_went_well_in_the_end_goes_well_when_it_is_played_back() {
    let there = Desk::with_faults(&list_of(3), &["search:503:2x", "llm:cut:1x", "llm:html:1x"]);
    assert_eq!(there.run(&NIGHT).code, Some(0));
    let (file, _) = support(&there, &[]);
    let calls = read_json(&file)["exchanges"].as_array().unwrap().clone();
    assert!(calls.len() >= 3, "{calls:#?}");
    assert!(
        calls.iter().all(|call| call["then"] == "answered"),
        "{calls:#?}"
    );
    let here = replaying(&list_of(3), file);
    let again = here.run(&[&NIGHT[..], &["--verbose"]].concat());
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert_eq!(here.registry().len(), 3);
    let log = common::files(&here.path("logs"));
    let log = log
        .iter()
        .find(|(path, _)| path.to_string_lossy().contains("batch_"));
    let log = String::from_utf8_lossy(&log.unwrap().1).into_owned();
    assert!(
        log.contains("status 503"),
        "the hiccup was played back: {log}"
    );
}

#[test]
fn the_sandbox_command_plays_a_file_back_and_names_one_that_is_none() {
    let there = Desk::with_faults(&list_of(1), &["llm:moderation"]);
    there.run(&NIGHT);
    support(&there, &[]);
    let mut command = program(
        there.folder.path(),
        &[
            "sandbox",
            "--port",
            "0",
            "--speed",
            "1000",
            "--replay",
            "fault.json",
        ],
    );
    let mut served = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(served.stdout.take().unwrap()).lines();
    let settings: Vec<(String, String)> = lines
        .by_ref()
        .map(Result::unwrap)
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            (!name.starts_with('#')).then(|| (name.to_owned(), value.to_owned()))
        })
        .take(7)
        .collect();
    let here = Desk::with_list(&list_of(1));
    let mut command = here.command(&NIGHT);
    command.envs(settings);
    let again = ended(command.output().unwrap());
    served.kill().unwrap();
    served.wait().unwrap();
    assert_eq!(
        (again.code, ends(&here)),
        (Some(1), ends(&there)),
        "{again:#?}"
    );

    for (name, words) in [
        ("list.csv", "no file of brandintel support"),
        ("none.json", "path right"),
    ] {
        let args = ["sandbox", "--port", "0", "--replay", name];
        let ended = ended(program(there.folder.path(), &args).output().unwrap());
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.err.contains(words), "{ended:#?}");
    }
}

#[test]
fn the_file_has_no_secret_whatever_services_and_settings_hold() {
    let desk = Desk::with_faults(
        &list_of(3),
        &["llm:echo:3x", "search:echo:1x", "sheets:echo:1x"],
    );
    fs::write(
        desk.path(".env"),
        "OPENROUTER_HEADERS='x-gateway-key: gateway-0123456789'\nHTTPS_PROXY=http://me:pass-word-77@127.0.0.1:9\n",
    )
    .unwrap();
    let night = desk.run(&[
        "--google-sheets",
        "--workers",
        "2",
        "--report-to",
        "https://hooks.example/T0123456789",
    ]);
    assert!(night.code.is_some());
    let mut command = desk.command(&["support", "--to", "fault.json"]);
    command
        .env(
            "BRANDINTEL_REPORT_TO",
            "https://hooks.example/T0123456789/secret-path",
        )
        .env_remove("BRANDINTEL_STATE");
    let made = ended(command.output().unwrap());
    assert_eq!(made.code, Some(0), "{made:#?}");
    let text = fs::read_to_string(desk.path("fault.json")).unwrap();
    assert!(
        !read_json(&desk.path("fault.json"))["exchanges"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    for secret in [
        "0123456789",
        "pass-word-77",
        "secret-path",
        "PRIVATE KEY",
        "eyJhbGci",
        &base64_of(desk.sandbox.openrouter_key()),
    ] {
        assert!(!text.contains(secret), "{secret} is in it");
    }
    for words in [
        "sk-or-v1...",
        "\"version\"",
        "\"os\"",
        "برند شماره 1",
        "[secret]",
    ] {
        assert!(text.contains(words), "{words} is not in it: {text}");
    }
    // It is for people too, and what is kept meanwhile has no secrets either.
    assert!(text.lines().count() > 50);
    for (path, bytes) in common::files(&desk.path("logs")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("0123456789"), "{}", path.display());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let rights = fs::metadata(desk.path("fault.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(rights & 0o077, 0, "{rights:o}");
    }
}

fn base64_of(text: &str) -> String {
    use std::fmt::Write;
    // Six bits a sign, as RFC 4648 has them.
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for part in text.as_bytes().chunks(3).filter(|part| part.len() == 3) {
        let bits = u32::from(part[0]) << 16 | u32::from(part[1]) << 8 | u32::from(part[2]);
        for shift in [18, 12, 6, 0] {
            let sign = SIGNS[usize::try_from(bits >> shift & 63).unwrap()];
            write!(encoded, "{}", char::from(sign)).unwrap();
        }
    }
    encoded
}

#[test]
fn the_file_about_one_brand_has_nothing_of_the_other_rows() {
    let list = "Brand,Website,Parent\nکاله,https://kalleh.ir,سولیکو\nزرماکارون,https://zar.ir,گروه زر\nگلستان,https://golestan.ir,گروه گلستان\n";
    let desk = Desk::with_faults(list, &["llm:moderation", "sheets:503:1x"]);
    assert_eq!(desk.run(&["--google-sheets", "--verbose"]).code, Some(1));
    let (_, whole) = support(&desk, &[]);
    assert!(whole.contains("زرماکارون") && whole.contains("گلستان"));
    // Spelled as in a chat, with Arabic letters.
    let (_, one) = support(&desk, &["--brand", "كاله"]);
    for word in ["زرماکارون", "گلستان", "zar.ir", "golestan.ir", "گروه زر"] {
        assert!(!one.contains(word), "{word} is in it");
    }
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["registry"]["entries"][0]["brand"], "کاله");
    let calls = one["exchanges"].as_array().unwrap();
    assert!(
        calls.iter().any(|call| call["brand"] == "کاله"),
        "{calls:#?}"
    );
    let lines = one["log"]["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["brand"] == "کاله"));
}

#[test]
fn without_a_run_there_is_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let made = ended(program(folder.path(), &["support"]).output().unwrap());
    assert_eq!(made.code, Some(0), "{made:#?}");
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("brandintel-support-2"), "{names:?}");
}
