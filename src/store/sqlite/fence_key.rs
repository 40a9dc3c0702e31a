//! The key of the fences around text from the web. Prompts have it in them, so without it no answer of a model is found
//! again: a copy of it stands beside the database.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OptionalExtension};

use crate::files::{folder_of, write_privately};

/// The copy: the key and what proves that it is whole.
const COPY: &str = "fence";

/// Bits in which a damaged key may differ from its copy; those of two databases differ in half of them.
const DAMAGED: u32 = 16;

type Key = [u8; 32];

/// Makes the key where there is none, and mends one that is damaged.
pub fn make(db: &Connection, database: Option<&Path>) -> anyhow::Result<()> {
    let copy = database.and_then(read);
    let select = "SELECT key FROM fence WHERE length(key) = 32";
    let kept: Option<Key> = db.query_row(select, [], |row| row.get(0)).optional()?;
    let key = match (kept, copy) {
        (Some(kept), Some(copy)) if distance(&kept, &copy) > DAMAGED => kept,
        (_, Some(copy)) => copy,
        (Some(kept), None) => kept,
        (None, None) => {
            let mut key = [0; 32];
            let none = |_| anyhow::anyhow!("the operating system's random number generator failed");
            SystemRandom::new().fill(&mut key).map_err(none)?;
            key
        }
    };
    if kept != Some(key) {
        db.execute(
            "INSERT OR REPLACE INTO fence (id, key) VALUES (1, ?1)",
            [key],
        )?;
    }
    match database {
        Some(database) if copy != Some(key) => write(database, &key),
        _ => Ok(()),
    }
}

/// Removes the copy of a database that goes away.
pub fn forget(database: &Path) {
    // Where there is none, or it stays, the database's own key counts.
    let _ = fs::remove_file(place(database));
}

fn place(database: &Path) -> PathBuf {
    folder_of(database).join(COPY)
}

fn distance(one: &Key, other: &Key) -> u32 {
    let bits = one.iter().zip(other);
    bits.map(|(one, other)| (one ^ other).count_ones()).sum()
}

fn read(database: &Path) -> Option<Key> {
    let text = fs::read_to_string(place(database)).ok()?;
    let (key, proof) = text.trim().split_once(' ')?;
    let key = *blake3::Hash::from_hex(key).ok()?.as_bytes();
    (proof == blake3::hash(&key).to_hex().as_str()).then_some(key)
}

fn write(database: &Path, key: &Key) -> anyhow::Result<()> {
    let proof = blake3::hash(key).to_hex();
    let key = blake3::Hash::from_bytes(*key).to_hex();
    write_privately(&place(database), format!("{key} {proof}\n").as_bytes())
}
