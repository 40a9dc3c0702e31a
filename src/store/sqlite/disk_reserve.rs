//! A full disk: room that is laid up for the answers in flight, and answers that are kept beside the database where even
//! that is not enough.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::{Call, ledger::keep};
use crate::{
    files::{folder_of, set_aside, set_aside_name, write_atomically},
    store::paid::{CachedResponse, RequestHash, pack},
};

/// The file that takes up the room.
const RESERVE: &str = "reserve";

/// Bytes of it: sixteen brands with all of their searches in flight, as they are kept, with the pages around them.
const BYTES: u64 = 8 << 20;

/// How the names of answers beside the database begin and end.
const BEGINS: &str = "answer-";
const ENDS: &str = ".json";

/// Takes up room beside the database; noise, because some disks need no room for what says nothing.
pub fn lay_up(database: &Path) -> io::Result<()> {
    let path = folder_of(database).join(RESERVE);
    if fs::metadata(&path).is_ok_and(|file| file.len() == BYTES) {
        return Ok(());
    }
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u64(..).to_ne_bytes())
        .take(1 << 17)
        .flatten()
        .collect();
    let fill = || -> io::Result<()> {
        let mut file = File::create(&path)?;
        for _ in 0..BYTES / noise.len() as u64 {
            file.write_all(&noise)?;
        }
        Ok(())
    };
    fill().inspect_err(|_| {
        let _ = fs::remove_file(&path);
    })
}

/// Gives the room back; whether there was any.
pub fn release(database: &Path) -> bool {
    fs::remove_file(folder_of(database).join(RESERVE)).is_ok()
}

/// An answer that is kept in a file of its own.
#[derive(Debug, Serialize, Deserialize)]
pub struct Beside {
    pub call: Call,
    /// The hash of the request.
    pub hash: RequestHash,
    pub kept: CachedResponse,
    pub usable: bool,
}

impl Beside {
    /// Writes it beside the database. When this returns, it is on disk.
    pub fn put(&self, database: &Path) -> anyhow::Result<()> {
        let name = blake3::Hash::from_bytes(self.hash).to_hex();
        let packed = BASE64_STANDARD.encode(pack(&serde_json::to_vec(self)?)?);
        let path = folder_of(database).join(format!("{BEGINS}{name}{ENDS}"));
        write_atomically(&path, format!("{packed}\n").as_bytes())
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let packed = BASE64_STANDARD.decode(fs::read_to_string(path)?.trim())?;
        let json = crate::store::paid::unpack(&packed)?;
        Ok(serde_json::from_str(&json)?)
    }
}

/// Takes the answers beside the database into it. One that cannot be read is set aside, and the texts say so.
pub fn take_in(db: &Connection, database: &Path) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    for path in beside(database) {
        match Beside::read(&path) {
            Ok(answer) => {
                let body = pack(answer.kept.body.as_bytes())?;
                let all = db.unchecked_transaction()?;
                keep(
                    &all,
                    &answer.call,
                    answer.hash,
                    &answer.kept,
                    &body,
                    answer.usable,
                )?;
                all.commit()?;
                fs::remove_file(&path)
                    .with_context(|| format!("{} cannot be removed", path.display()))?;
            }
            Err(error) => {
                let aside = set_aside_name(&path, Timestamp::now());
                set_aside(&path, &aside)?;
                notes.push(format!(
                    "{} was damaged ({error:#}). It is now {}; the answer in it is asked for again",
                    path.display(),
                    aside.display()
                ));
            }
        }
    }
    Ok(notes)
}

fn beside(database: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder_of(database)).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_answer = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(BEGINS) && name.ends_with(ENDS))
    };
    paths.filter(is_answer).collect()
}
