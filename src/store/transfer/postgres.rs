//! The move between a state folder and a PostgreSQL database.

use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use tokio_postgres::Transaction;

use super::{
    Done, MoveObstacle,
    embedded::{self, Embedded},
    tables::{ANSWERS, FENCE, JOBS, READINGS, RUNS, SPENDING, StoreTable},
};
use crate::store::{
    StateFolder, StoreError, moved_note,
    postgres::{Address, moving},
    report_copy::PutReport,
};

/// Tables that both sides have, in the order in which they are copied: the first says what the others belong to.
const TABLES: [&StoreTable; 6] = [&FENCE, &ANSWERS, &SPENDING, &JOBS, &READINGS, &RUNS];

const UNSURE: &str =
    "whether the move was completed is not known: run the same command again, which finishes it";

const GIVE_UP: &str =
    "Name an empty database, or give up what is there with: DROP SCHEMA brandintel CASCADE";

/// Moves what is in a state folder, and the reports in the output folder beside it, into a shared store.
pub async fn to_shared(state: &Path, address: &Address) -> anyhow::Result<Done> {
    let now = Timestamp::now();
    let nothing = || MoveObstacle::Nothing(state.display().to_string());
    if !state.exists() {
        return Err(nothing().into());
    }
    let folder = StateFolder::take(state)?;
    let begun_before = moved_note::note(state);
    let is_noted = begun_before.is_some();
    if !embedded::is_there(&folder) {
        return Err(begun_before.map_or_else(|| nothing().into(), Into::into));
    }
    let mut from = Embedded::open(&folder, now)?;
    if from.holding()?.is_empty() {
        return Err(nothing().into());
    }
    let mut client = moving::target(address).await?;
    let there = moving::alone(&mut client, address).await?;
    let holding = moving::holding(&there).await?;
    if is_noted && moving::fence(&there).await? == Some(from.fence()?) {
        // All of it had arrived when the move was cut off.
        let notes = from.take_notes();
        let aside = from.set_aside(now)?;
        return Ok(Done {
            holding,
            notes,
            aside,
        });
    }
    if !holding.is_empty() {
        return Err(MoveObstacle::NotEmpty {
            place: address.to_string(),
            holding,
            remedy: GIVE_UP.into(),
        }
        .into());
    }
    moving::clear(&there).await?;
    moved_note::put(&folder, &address.to_string())?;
    if let Err(error) = give(&mut from, &there).await {
        if !is_noted {
            moved_note::clear(&folder)?;
        }
        return Err(error);
    }
    let holding = moving::holding(&there).await?;
    there.commit().await.context(UNSURE)?;
    let notes = from.take_notes();
    let aside = from.set_aside(now)?;
    Ok(Done {
        holding,
        notes,
        aside,
    })
}

async fn give(from: &mut Embedded<'_>, there: &Transaction<'_>) -> anyhow::Result<()> {
    for table in TABLES {
        table.give(from.db(), there).await?;
    }
    from.give_registry(there).await?;
    Ok(moving::complete(there).await?)
}

/// Moves what is in a shared store into a state folder, and its reports into the output folder beside it.
pub async fn to_folder(address: &Address, state: &Path, put: PutReport) -> anyhow::Result<Done> {
    let now = Timestamp::now();
    let nothing = || MoveObstacle::Nothing(address.to_string());
    let (mut client, moved_to) = moving::source(address).await?.ok_or_else(nothing)?;
    let here = here(state)?;
    let note = moved_note::note(state);
    if let Some(to) = moved_to {
        let cut_off = to == here && note.is_some_and(|note| note.to == address.to_string());
        return if cut_off {
            finish(state, now)
        } else {
            Err(StoreError::Moved(to).at(address).into())
        };
    }
    let noted = note.is_some();
    let there = moving::alone(&mut client, address).await?;
    let holding = moving::holding(&there).await?;
    if holding.is_empty() {
        return Err(nothing().into());
    }
    let folder = StateFolder::take(state)?;
    let aside = make_room(&folder, &there, noted, now).await?;
    if !noted {
        moved_note::put(&folder, &address.to_string())?;
    }
    let mut into = Embedded::open(&folder, now)?;
    if let Err(error) = take(&mut into, &there, put).await {
        into.give_up()?;
        if !noted {
            moved_note::clear(&folder)?;
        }
        return Err(error);
    }
    moving::leave(&there, &here).await?;
    there.commit().await.context(UNSURE)?;
    moved_note::clear(&folder)?;
    Ok(Done {
        holding,
        notes: into.take_notes(),
        aside,
    })
}

async fn take(
    into: &mut Embedded<'_>,
    there: &Transaction<'_>,
    put: PutReport,
) -> anyhow::Result<()> {
    moving::end_left(there).await?;
    for table in TABLES {
        // On disk before the next is copied.
        let copying = into.db().unchecked_transaction()?;
        table.take(there, &copying).await?;
        copying.commit()?;
    }
    into.complete(there, put).await
}

/// Sets aside what is no obstacle in the folder: what has nothing in it, and what a move that was cut off has left.
async fn make_room(
    folder: &StateFolder,
    there: &Transaction<'_>,
    noted: bool,
    now: Timestamp,
) -> anyhow::Result<Vec<PathBuf>> {
    if !embedded::is_there(folder) {
        return Ok(Vec::new());
    }
    let before = Embedded::open(folder, now)?;
    let holding = before.holding()?;
    let left = noted && moving::fence(there).await? == Some(before.fence()?);
    if holding.is_empty() || left {
        return before.set_aside(now);
    }
    let files = embedded::FILES.map(|name| folder.file(name).display().to_string());
    Err(MoveObstacle::NotEmpty {
        place: folder.path().display().to_string(),
        holding,
        remedy: format!("Name another folder, or move {} away", files.join(", ")),
    }
    .into())
}

/// The name of a folder in a store that has been moved there.
fn here(state: &Path) -> anyhow::Result<String> {
    let host = gethostname::gethostname();
    let state = std::path::absolute(state)?;
    Ok(format!("{} of {}", state.display(), host.to_string_lossy()))
}

/// All of it had arrived when the move was cut off: that is noted in the folder too.
fn finish(state: &Path, now: Timestamp) -> anyhow::Result<Done> {
    let folder = StateFolder::take(state)?;
    let holding = Embedded::open(&folder, now)?.holding()?;
    moved_note::clear(&folder)?;
    Ok(Done {
        holding,
        notes: Vec::new(),
        aside: Vec::new(),
    })
}
