//! Harm to a database of paid answers, and what a run may pay again after it.

use std::fs;

use super::{Desk, Ended, list_of};

/// The size of the database's pages.
pub const PAGE: usize = 4_096;

/// The kinds of pages that hold no answers: those of indices, and those that lead to others.
const WITHOUT_ANSWERS: [u8; 3] = [2, 5, 10];

/// Answers that were paid for, as they lie in the database.
pub struct PaidFor {
    pub desk: Desk,
    pub database: Vec<u8>,
    /// The other files of the state folder, but the registry.
    beside: Vec<(std::path::PathBuf, Vec<u8>)>,
    answers: Vec<([u8; 32], Vec<u8>)>,
}

/// How a run with a damaged database ended.
#[derive(Debug)]
pub struct After {
    pub ended: Ended,
    /// Answers that were paid for again.
    pub paid: u64,
}

impl PaidFor {
    /// The answers for so many brands.
    pub fn of(brands: usize) -> Self {
        let desk = Desk::with_list(&list_of(brands));
        let ended = desk.run_alone(&ARGS);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let path = desk.path("state/paid.sqlite3");
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut query = db.prepare("SELECT hash, body FROM response").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let answers = rows.unwrap().map(Result::unwrap).collect();
        drop(query);
        drop(db);
        let database = fs::read(&path).unwrap();
        assert_eq!(database.len() % PAGE, 0);
        let beside = super::files(&desk.path("state"))
            .into_iter()
            .filter(|(path, _)| {
                path.ends_with("fence") || path.ends_with("checkpoint_latest.json")
            });
        Self {
            beside: beside.collect(),
            desk,
            database,
            answers,
        }
    }

    /// How many pages the database has.
    pub fn pages(&self) -> usize {
        self.database.len() / PAGE
    }

    /// How many answers there are.
    pub fn answers(&self) -> u64 {
        self.answers.len() as u64
    }

    /// How many answers lie in a page, counted from 0, as a whole or in part.
    pub fn answers_in(&self, page: usize) -> u64 {
        let bytes = &self.database[page * PAGE..(page + 1) * PAGE];
        let has = |part: &[u8], whole: &[u8]| whole.windows(part.len()).any(|w| w == part);
        let lies_here = |(hash, body): &&([u8; 32], Vec<u8>)| {
            has(&bytes[4..12], body) || (!WITHOUT_ANSWERS.contains(&bytes[0]) && has(hash, bytes))
        };
        self.answers.iter().filter(lies_here).count() as u64
    }

    /// Runs with this database and neither a registry nor reports, so that all answers are needed.
    pub fn run_with(&self, database: &[u8]) -> After {
        for folder in ["state", "output"] {
            fs::remove_dir_all(self.desk.path(folder)).unwrap();
        }
        fs::create_dir(self.desk.path("state")).unwrap();
        fs::write(self.desk.path("state/paid.sqlite3"), database).unwrap();
        for (path, bytes) in &self.beside {
            fs::write(path, bytes).unwrap();
        }
        self.run()
    }

    /// Runs with what is there.
    pub fn run(&self) -> After {
        let paid = || {
            let [models, searches, _] = self.desk.sandbox.arrived();
            models + searches
        };
        let before = paid();
        let ended = self.desk.run_alone(&ARGS);
        After {
            ended,
            paid: paid() - before,
        }
    }

    /// A run with this database does all brands, says what was set aside, and pays for `most` answers at most.
    pub fn assert_heals(&self, what: &str, database: &[u8], most: u64) {
        let After { ended, paid } = self.run_with(database);
        assert!(matches!(ended.code, Some(0 | 1)), "{what}: {ended:#?}");
        assert!(
            paid <= most,
            "{what}: paid {paid}, {most} at most: {ended:#?}"
        );
        let said = ended.err.contains(".broken-") || ended.err.contains("cannot be read");
        assert!(paid == 0 || said, "{what}: nothing is said: {ended:#?}");
        // From then on nothing is wrong.
        let again = self.run();
        assert_eq!(again.ended.code, ended.code, "{what}: {again:#?}");
        assert!(!again.ended.err.contains("damaged"), "{what}: {again:#?}");
        assert!(
            ended.code == Some(1) || again.paid == 0,
            "{what}: {again:#?}"
        );
    }

    /// The page is filled with zeros.
    pub fn zero(&self, page: usize) {
        let mut database = self.database.clone();
        database[page * PAGE..(page + 1) * PAGE].fill(0);
        let what = format!("page {page} of {}", self.pages());
        self.assert_heals(&what, &database, self.answers_in(page));
    }

    /// A bit is flipped.
    pub fn flip(&self, byte: usize, bit: u8) {
        let mut database = self.database.clone();
        database[byte] ^= 1 << bit;
        let what = format!("bit {bit} of byte {byte}");
        self.assert_heals(&what, &database, self.answers_in(byte / PAGE));
    }

    /// The file is cut.
    pub fn cut(&self, bytes: usize) {
        let pages = bytes / PAGE..self.pages();
        let most = pages.map(|page| self.answers_in(page)).sum();
        let what = format!("cut at {bytes}");
        self.assert_heals(&what, &self.database[..bytes], most);
    }
}

const ARGS: [&str; 4] = ["--brands", "list.csv", "--workers", "4"];
