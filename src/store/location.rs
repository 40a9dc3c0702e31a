//! The location of the state: a folder, or a database that hosts share. A new state engine is chosen here.

use std::{fmt, path::PathBuf, sync::Arc};

use super::{
    StateFolder,
    engine::{Begin, Begun, Store},
    moved_note,
    report_copy::PutReport,
    sqlite,
    transfer::Done,
};
#[cfg(feature = "postgres")]
use super::{postgres, transfer};

/// Where the state is.
#[derive(Clone, Debug)]
pub enum Location {
    /// In a folder of this host.
    Folder(PathBuf),
    /// In a PostgreSQL database.
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Address>),
}

impl Location {
    /// The database at this URL.
    ///
    /// # Errors
    /// What is wrong with the URL, which may hold a password and is not repeated.
    #[cfg(feature = "postgres")]
    pub fn database(url: &str) -> Result<Self, String> {
        Ok(Self::Postgres(Box::new(url.parse()?)))
    }

    /// The database at this URL.
    ///
    /// # Errors
    /// Always: this build of the program speaks to none.
    #[cfg(not(feature = "postgres"))]
    pub fn database(_url: &str) -> Result<Self, String> {
        Err("this build of brandintel has no PostgreSQL: install a released brandintel, or build it with cargo install --features postgres".into())
    }

    /// Whether it is a folder of this host.
    pub fn is_folder(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// Where the state of a folder has gone, where it is not there any more.
    pub fn moved(&self) -> Option<moved_note::Moved> {
        match self {
            Self::Folder(state) => moved_note::note(state),
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => None,
        }
    }

    /// Moves all of it to a place of the other kind, or nothing.
    ///
    /// # Errors
    /// Where there is nothing to move, the place is not empty or in use, or something cannot be read or written.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(unused_variables, reason = "nothing is moved then")
    )]
    pub async fn move_to(&self, to: &Self, put: PutReport) -> anyhow::Result<Done> {
        match (self, to) {
            #[cfg(feature = "postgres")]
            (Self::Folder(state), Self::Postgres(address)) => {
                transfer::to_shared(state, address).await
            }
            #[cfg(feature = "postgres")]
            (Self::Postgres(address), Self::Folder(state)) => {
                transfer::to_folder(address, state, put).await
            }
            _ => anyhow::bail!("a state is moved from a folder into a database, or back"),
        }
    }

    /// The state, to be read.
    ///
    /// # Errors
    /// Where a database cannot be reached.
    pub async fn store(self) -> anyhow::Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Folder(state) => Arc::new(sqlite::Folder::new(state)),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => Arc::new(postgres::PostgresStore::open(*address).await?),
        })
    }

    /// Begins a dry run, which reads the state and pays for nothing.
    ///
    /// # Errors
    /// Where a database cannot be reached.
    pub async fn rehearse(self, begin: &Begin<'_>) -> anyhow::Result<Begun> {
        let ledger = sqlite::SqliteLedger::in_memory(begin.budget, begin.now, begin.force)?;
        Ok(Begun {
            run_id: begin.run_id.to_owned(),
            ledger: Arc::new(ledger),
            run: None,
            store: self.store().await?,
            notes: Vec::new(),
        })
    }

    /// Begins a run; it holds the state folder of this host, wherever the state is.
    ///
    /// # Errors
    /// Where the state cannot be read or written.
    pub async fn begin(self, state: Arc<StateFolder>, begin: &Begin<'_>) -> anyhow::Result<Begun> {
        match self {
            Self::Folder(_) => sqlite::begin(state, begin),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => postgres::begin(*address, &state, begin).await,
        }
    }
}

/// Without a password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(state) => state.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => address.fmt(f),
        }
    }
}
