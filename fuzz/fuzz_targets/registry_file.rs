//! The target of the registry's file and its journal: whatever a crash or a hand left of them, what is read is read again.

#![no_main]

use std::{fs, sync::Arc};

use brandintel::{
    fuzzing::{
        brand::BrandKey,
        store::{
            StateFolder,
            registry::{self, Entry, Registry},
        },
    },
    money::Usd,
};
use brandintel_fuzz::NOW;

libfuzzer_sys::fuzz_target!(|data: &[u8]| registry_file(data));

/// The registry and its journal after [`MARK`], as a crash or a hand may have left them.
fn registry_file(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (json, journal) = match data.windows(MARK.len()).position(|part| part == MARK) {
        Some(at) => (&data[..at], Some(&data[at + MARK.len()..])),
        None => (data, None),
    };
    // Nothing before the mark: there is no registry yet.
    if !json.is_empty() || journal.is_none() {
        fs::write(folder.path().join("registry.json"), json).expect("a file");
    }
    if let Some(journal) = journal {
        fs::write(folder.path().join("registry.journal.jsonl"), journal).expect("a file");
    }
    let state = StateFolder::take(folder.path()).expect("a folder of its own");

    let peeked = Registry::peek(folder.path());
    let opened = Registry::open(&state, NOW);
    assert_eq!(peeked.is_ok(), opened.is_ok());
    let (Ok((peeked, damage)), Ok((opened, note))) = (peeked, opened) else {
        return;
    };
    assert_eq!(damage.is_some(), note.is_some());
    assert_eq!(entries(&peeked), entries(&opened));
    let (mut again, note) = Registry::open(&state, NOW).expect("a registry that was mended");
    assert_eq!(note, None, "what was mended is whole");
    assert_eq!(entries(&again), entries(&opened));

    // What is recorded is there after a restart, and takes nothing from the others.
    let key = BrandKey::stored("recorded".into());
    let entry = Entry {
        brand: "کاله".into(),
        list: "list".into(),
        input_hash: "00".into(),
        status: registry::BrandStatus::Success,
        attempts: 1,
        run_id: "r".into(),
        updated_at: NOW,
        cost_usd: Usd::ZERO,
        report: None,
        thin: Some(false),
        choices: None,
        changes: None,
        error_kind: Default::default(),
        error: None,
    };
    again
        .record([(key.clone(), entry.clone())])
        .expect("on disk");
    let (restarted, note) = Registry::open(&state, NOW).expect("a registry that was written");
    assert_eq!(note, None);
    assert_eq!(restarted.get(&key), Some(&Arc::new(entry)));
    assert_eq!(entries(&restarted), entries(&again));
}

/// What stands between the registry and its journal in an input.
const MARK: &[u8] = b"\n=== journal ===\n";

fn entries(registry: &Registry) -> Vec<(&BrandKey, &Arc<Entry>)> {
    registry.entries().collect()
}
