//! Hiccups of services through the real binary: what they mend within minutes costs time, not the night.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::common::{Desk, Ended, ended, list_of, proxy::Proxy};

const BRANDS: usize = 8;
const MODEL: &str = "/chat/completions";
const SEARCH: &str = "/search";
const AFTER_MODELS: usize = 9;
const AFTER_SEARCHES: usize = 20;

/// A refusal in the words of the services, or something else that stands on the way to them.
fn refusal(status: u16) -> (u16, String) {
    let body = match status {
        302 => String::new(),
        402 => r#"{"error":{"code":402,"message":"Insufficient credits"}}"#.to_owned(),
        451 => "<html>Not here</html>".to_owned(),
        status => format!(r#"{{"error":{{"code":{status},"message":"odd"}}}}"#),
    };
    (status, body)
}

/// Sends all requests of a desk through a proxy.
fn through(desk: &Desk, proxy: &Proxy, args: &[&str]) -> Command {
    let mut command = desk.command(args);
    command
        .env("OPENROUTER_BASE_URL", proxy.models())
        .env("TAVILY_BASE_URL", proxy.searches())
        .env("GOOGLE_SHEETS_BASE_URL", proxy.searches());
    command
}

/// A night in which the requests to an address with these numbers, counted from 0, are refused.
fn night_with(
    path: &'static str,
    status: u16,
    strikes: impl Fn(usize) -> bool + Send + Sync + 'static,
) -> (Desk, Ended) {
    let desk = Desk::with_list(&list_of(BRANDS));
    let (count, struck) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let strikes_once = Arc::clone(&struck);
    let proxy = Proxy::before(&desk, move |at, _| {
        let strikes = at.ends_with(path) && strikes(count.fetch_add(1, Ordering::SeqCst));
        strikes_once.fetch_or(strikes, Ordering::SeqCst);
        strikes.then(|| refusal(status))
    });
    let args = ["--google-sheets", "--workers", "4"];
    let ended = ended(through(&desk, &proxy, &args).output().unwrap());
    assert!(
        struck.load(Ordering::SeqCst),
        "{path} was not asked so often"
    );
    (desk, ended)
}

#[test]
fn one_odd_refusal_after_good_answers_does_not_end_the_night() {
    // By then more requests have come than can be in flight together, so some were answered.
    let nights: Vec<_> = [(MODEL, AFTER_MODELS), (SEARCH, AFTER_SEARCHES)]
        .into_iter()
        .flat_map(|(path, odd)| {
            [302, 401, 402, 403, 404, 405, 451].map(|status| (path, status, odd))
        })
        .collect();
    std::thread::scope(|scope| {
        for (path, status, odd) in nights {
            scope.spawn(move || {
                let (desk, ended) = night_with(path, status, move |request| request == odd);
                assert_eq!(ended.code, Some(0), "{path} {status}: {ended:#?}");
                let done = desk.registry().len();
                assert_eq!(done, BRANDS, "{path} {status}: {ended:#?}");
            });
        }
    });
}

#[test]
fn a_key_that_is_revoked_in_the_middle_of_a_night_ends_it() {
    for (path, from) in [(MODEL, AFTER_MODELS), (SEARCH, AFTER_SEARCHES)] {
        let (desk, ended) = night_with(path, 401, move |request| request >= from);
        assert_eq!(ended.code, Some(3), "{path}: {ended:#?}");
        let entries = desk.registry();
        assert!(entries.len() < BRANDS);
        assert!(entries.values().all(|entry| entry["status"] == "success"));
    }
}

#[test]
fn one_429_in_eight_is_lived_with() {
    let desk = Desk::with_list(&list_of(BRANDS));
    let refused = AtomicUsize::new(0);
    let proxy = Proxy::before(&desk, move |at, _| {
        let strikes = at.ends_with(SEARCH) && refused.fetch_add(1, Ordering::SeqCst) % 8 == 5;
        strikes.then(|| {
            (
                429,
                r#"{"detail":{"error":"Rate limit exceeded"}}"#.to_owned(),
            )
        })
    });
    let args = ["--google-sheets", "--workers", "4"];
    let ended = ended(through(&desk, &proxy, &args).output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.registry().len(), BRANDS);
}

#[test]
fn services_that_are_away_at_the_start_are_waited_for() {
    for status in [429, 502, 503] {
        let desk = Desk::with_list(&list_of(2));
        let asked = Mutex::new(BTreeMap::<String, usize>::new());
        let proxy = Proxy::before(&desk, move |at, _| {
            let of_the_start = ["/key", "/models", "/usage"];
            let is_struck =
                at.starts_with("/v4/") || of_the_start.iter().any(|end| at.ends_with(end));
            if !is_struck || at.contains(':') {
                return None;
            }
            let mut asked = asked.lock().unwrap();
            let times = asked.entry(at.to_owned()).or_default();
            *times += 1;
            (*times <= 2).then(|| refusal(status))
        });
        let ended = ended(
            through(&desk, &proxy, &["--google-sheets"])
                .output()
                .unwrap(),
        );
        assert_eq!(ended.code, Some(0), "{status}: {ended:#?}");
        let waited_for: &[&str] = match status {
            // Tavily's page of usage may be asked a few times an hour only, and a run does not depend on it.
            429 => &["OpenRouter", "Google Sheets"],
            _ => &["OpenRouter", "Tavily", "Google Sheets"],
        };
        for service in waited_for {
            let told = format!("{service} does not answer and is waited for");
            assert!(ended.out.contains(&told), "{status}, {service}: {ended:#?}");
        }
        assert_eq!(desk.registry().len(), 2);
    }
}

#[test]
fn who_looks_on_or_has_a_deadline_is_not_kept_waiting() {
    let desk = Desk::with_list(&list_of(2));
    let proxy = Proxy::before(&desk, |at, _| at.ends_with("/usage").then(|| refusal(503)));
    for args in [
        &["--google-sheets", "--dry-run"][..],
        &["--google-sheets", "--max-time", "2s"],
        &["check", "--google-sheets"],
    ] {
        let ended = ended(through(&desk, &proxy, args).output().unwrap());
        assert_eq!(ended.code, Some(6), "{args:?}: {ended:#?}");
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains("TAVILY_API_KEY"), "{args:?}: {ended:#?}");
    }
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
}

#[test]
fn a_refusal_at_the_start_ends_at_once() {
    let desk = Desk::with_list(&list_of(2));
    for status in [401, 403] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let proxy = Proxy::before(&desk, move |at, _| {
            let is_asked = at.ends_with("/usage");
            counted.fetch_add(usize::from(is_asked), Ordering::SeqCst);
            is_asked.then(|| refusal(status))
        });
        let ended = ended(
            through(&desk, &proxy, &["--google-sheets"])
                .output()
                .unwrap(),
        );
        assert_eq!(ended.code, Some(3), "{status}: {ended:#?}");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn what_answers_in_a_services_place_at_the_start_is_told_and_ends_the_run() {
    let desk = Desk::with_list(&list_of(2));
    let proxy = Proxy::before(&desk, |at, _| {
        at.ends_with("/usage")
            .then(|| (200, "<html>Welcome to the hotel</html>".to_owned()))
    });
    let ended = ended(
        through(&desk, &proxy, &["--google-sheets"])
            .output()
            .unwrap(),
    );
    assert_eq!(ended.code, Some(6), "{ended:#?}");
    assert!(
        ended.err.contains("an HTML page instead of JSON"),
        "{ended:#?}"
    );
}
