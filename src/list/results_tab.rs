//! The results tab: one row a brand with its key findings, updated in place. Its rows are found by their key, so they
//! may be sorted; columns that people add at the right, and rows of brands that left the list, stay as they are.

mod line;
mod rows;

pub use self::line::{Findings, HEADERS};

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use serde_json::{Value, json};

use self::{
    line::{KEY, NAME, ResultLine, alone, is_whole, lay_over, lines},
    rows::ResultRows,
};
use super::own::{Outcome, Target};
use crate::{
    sheets::client::{Cells, Place, TabProperties, a1, column_letters},
    text::{self, lang::Lang},
};

/// Rows that a tab has at first, and that are added when it is full.
pub const ROOM: usize = 1_000;

/// Whether a row is the header of such a tab.
pub fn is_header(row: &[String]) -> bool {
    let is = |cell: &String, (fa, en): &(&str, &str)| {
        let cell = text::key(cell);
        cell == text::key(fa) || cell == text::key(en)
    };
    row.len() >= HEADERS.len()
        && row
            .iter()
            .zip(&HEADERS)
            .all(|(cell, names)| is(cell, names))
}

/// The results tab of a spreadsheet.
#[derive(Debug)]
pub struct ResultsTab {
    pub title: String,
    lang: Lang,
    /// `None` where it has to be added.
    pub tab: Option<TabProperties>,
    rows: ResultRows,
    /// Whether the header is there.
    titled: bool,
    /// What this run has written, by key.
    written: BTreeMap<String, ResultLine>,
    /// What could not be written yet, because the columns are elsewhere.
    waiting: BTreeMap<String, ResultLine>,
}

impl ResultsTab {
    /// The tab with this title, which may be among these.
    pub fn new(
        title: &str,
        lang: Lang,
        tabs: &[TabProperties],
        list: &TabProperties,
    ) -> anyhow::Result<Self> {
        // Google takes titles that differ in letter case alone for the same.
        let same = |tab: &&TabProperties| tab.title.to_lowercase() == title.to_lowercase();
        let tab = tabs.iter().find(same).cloned();
        ensure!(
            tab.as_ref().is_none_or(|tab| tab.sheet_id != list.sheet_id),
            "--results-tab: «{title}» is the tab with the list; name another one, which is added where it is missing"
        );
        Ok(Self {
            title: title.to_owned(),
            lang,
            tab,
            rows: ResultRows::default(),
            titled: false,
            written: BTreeMap::new(),
            waiting: BTreeMap::new(),
        })
    }

    /// What the tab looks like when it is added.
    pub fn properties(&self) -> Value {
        json!({
            "title": self.title,
            "rightToLeft": self.lang.persian(),
            "gridProperties": {"rowCount": ROOM, "columnCount": HEADERS.len(), "frozenRowCount": 1},
        })
    }

    /// The ranges to be read before a write; none where the tab is not there yet.
    pub fn ranges(&self) -> Vec<String> {
        let Some(tab) = &self.tab else {
            return Vec::new();
        };
        let column = |column| {
            let letters = column_letters(column);
            format!("{letters}:{letters}")
        };
        ["1:1".to_owned(), column(NAME), column(KEY)]
            .map(|range| a1(&tab.title, &range))
            .to_vec()
    }

    /// Takes note of where the rows are, from the values of [`ranges`](Self::ranges).
    pub fn meet(&mut self, read: &[Vec<Vec<String>>]) -> anyhow::Result<()> {
        let [header, names, keys] = read else {
            self.titled = false;
            self.rows.meet(&[], &[]);
            return Ok(());
        };
        let header = header.first().map(Vec::as_slice).unwrap_or_default();
        self.titled = header.iter().any(|cell| !text::clean(cell).is_empty());
        let is = |i: usize, (fa, en): (&str, &str)| {
            let cell = header
                .get(i)
                .map(|cell| text::key(cell))
                .unwrap_or_default();
            cell == text::key(fa) || cell == text::key(en)
        };
        let foreign = HEADERS
            .into_iter()
            .enumerate()
            .find(|(i, names)| !is(*i, *names));
        if let Some((i, (fa, en))) = foreign.filter(|_| self.titled) {
            anyhow::bail!(
                "--results-tab: row 1 of the tab «{}» has «{}» in column {} where «{en}» or «{fa}» should be: \
                 name a tab that is not there yet, or move the columns back",
                self.title,
                header.get(i).map(String::as_str).unwrap_or_default(),
                column_letters(i)
            );
        }
        self.rows.meet(names, keys);
        Ok(())
    }

    /// Whether a brand has no row.
    pub fn lacks(&self, target: &Target) -> bool {
        matches!(target, Target::Brand(key) if self.rows.of(key.as_str()).next().is_none())
    }

    /// The last row that is written to, and the cells: those of new results, and of earlier ones that did not stay
    /// because somebody sorted the tab while they were written.
    pub fn cells(&self, results: &[(Target, Outcome)]) -> (usize, Vec<Cells>) {
        let title = self.tab.as_ref().map_or(&self.title, |tab| &tab.title);
        let last_column = column_letters(HEADERS.len() - 1);
        let cells = |row: usize, line: ResultLine| Cells {
            place: Place::Range(a1(title, &format!("A{row}:{last_column}{row}"))),
            row: line.to_vec(),
        };
        let placed = self.placed(&self.fresh(results));
        let last = placed.keys().copied().max().unwrap_or(0);
        let mut all: Vec<Cells> = placed
            .into_iter()
            .map(|(row, line)| cells(row, line))
            .collect();
        if !self.titled {
            let persian = self.lang.persian();
            let header = HEADERS.map(|(fa, en)| json!(if persian { fa } else { en }));
            all.push(cells(1, header));
        }
        (last.max(self.rows.free - 1), all)
    }

    /// New results, with those that wait.
    fn fresh(&self, results: &[(Target, Outcome)]) -> BTreeMap<String, ResultLine> {
        let mut fresh = self.waiting.clone();
        lay_over(&mut fresh, lines(results));
        fresh
    }

    /// What each row gets: new results, and earlier ones that do not stand where they should. A row with a key that
    /// another brand's result has put there is cleared; that brand gets a row again with its next result.
    fn placed(&self, fresh: &BTreeMap<String, ResultLine>) -> BTreeMap<usize, ResultLine> {
        let stands = |key: &str, line: &ResultLine| match is_whole(line) {
            true => self.rows.of(key).count() == 1,
            false => self.rows.is_at_home(key),
        };
        let astray = self
            .written
            .iter()
            .filter(|(key, line)| !fresh.contains_key(*key) && !stands(key, line));
        let due: Vec<(&String, &ResultLine)> = fresh.iter().chain(astray).collect();
        let mut placed = BTreeMap::new();
        let mut without = Vec::new();
        for (key, line) in &due {
            let findings = self.rows.with_findings_of(key);
            match findings.filter(|row| !placed.contains_key(row)) {
                Some(row) => drop(placed.insert(row, (*line).clone())),
                None => without.push((*key, *line)),
            }
        }
        let mut free = self.rows.free;
        for (key, line) in without {
            let place = self.rows.of(key).find(|row| !placed.contains_key(row));
            let row = place.unwrap_or_else(|| {
                free += 1;
                free - 1
            });
            placed.insert(row, alone(key, line));
        }
        let keys: BTreeSet<&String> = due.iter().map(|(key, _)| *key).collect();
        for row in keys.into_iter().flat_map(|key| self.rows.of(key)) {
            placed
                .entry(row)
                .or_insert_with(|| HEADERS.map(|_| json!("")));
        }
        placed
    }

    /// Remembers what was written.
    pub fn wrote(&mut self, results: &[(Target, Outcome)]) {
        let fresh = self.fresh(results);
        self.waiting.clear();
        lay_over(&mut self.written, fresh);
    }

    /// Keeps results for a time when the columns are back where they belong.
    pub fn wait(&mut self, results: &[(Target, Outcome)]) {
        self.waiting = self.fresh(results);
    }

    /// Brands whose results wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{line::STATUS, *};
    use crate::{brand::BrandKey, list::results_tab::Findings};

    fn done(key: &str) -> (Target, Outcome) {
        let findings = Findings {
            brand: key.to_uppercase(),
            ..Findings::default()
        };
        let outcome = Outcome::Done {
            status: "✓".into(),
            report: format!("{key}.html"),
            cost: 0.05,
            time: String::new(),
            note: String::new(),
            changes: String::new(),
            findings: Some(Box::new(findings)),
        };
        (Target::Brand(BrandKey::stored(key.into())), outcome)
    }

    fn tab() -> ResultsTab {
        let tab = |id, title: &str| TabProperties {
            sheet_id: id,
            title: title.into(),
            ..TabProperties::default()
        };
        let tabs = [tab(0, "INPUT"), tab(1, "R")];
        ResultsTab::new("r", Lang::En, &tabs, &tabs[0]).unwrap()
    }

    /// What a look reads of a tab with these keys below its header.
    fn read(keys: &[&str]) -> Vec<Vec<Vec<String>>> {
        let header = HEADERS.map(|(_, en)| en.to_owned()).to_vec();
        let column = |first: &str| {
            let cells = std::iter::once(first).chain(keys.iter().copied());
            cells.map(|cell| vec![cell.to_owned()]).collect()
        };
        vec![vec![header], column("Brand"), column("Key")]
    }

    /// The rows that are written, with the key that each gets.
    fn written(tab: &ResultsTab, results: &[(Target, Outcome)]) -> Vec<(String, String)> {
        let (_, cells) = tab.cells(results);
        let mut written: Vec<(String, String)> = cells
            .into_iter()
            .map(|cells| {
                let Place::Range(range) = cells.place else {
                    panic!("rows of this tab have no tags");
                };
                (range, cells.row[KEY].as_str().unwrap().to_owned())
            })
            .collect();
        written.sort();
        written
    }

    fn at(row: usize, key: &str) -> (String, String) {
        (format!("'R'!A{row}:P{row}"), key.to_owned())
    }

    #[test]
    fn rows_are_found_by_their_key_and_new_ones_come_below() {
        let mut tab = tab();
        tab.meet(&read(&["b", "", "a"])).unwrap();
        let results = [done("a"), done("c"), done("d")];
        assert_eq!(
            written(&tab, &results),
            [at(4, "a"), at(5, "c"), at(6, "d")]
        );
        tab.meet(&[vec![], vec![], vec![]]).unwrap();
        assert_eq!(written(&tab, &results[..1]), [at(1, "Key"), at(2, "a")]);
    }

    #[test]
    fn a_tab_that_was_sorted_while_it_was_written_to_is_mended() {
        let mut tab = tab();
        let results = [done("a"), done("b")];
        tab.wrote(&results);
        // The result of `a` hit the row of `b`.
        tab.meet(&read(&["a", "a"])).unwrap();
        assert_eq!(written(&tab, &[]), [at(2, "a"), at(3, ""), at(4, "b")]);
        tab.meet(&read(&["b", "a"])).unwrap();
        assert_eq!(written(&tab, &[]), []);
    }

    fn failed(key: &str) -> (Target, Outcome) {
        let outcome = Outcome::Failed {
            status: "✗".into(),
            time: String::new(),
            note: String::new(),
        };
        (Target::Brand(BrandKey::stored(key.into())), outcome)
    }

    /// A look at rows with these names and keys.
    fn read_named(rows: &[(&str, &str)]) -> Vec<Vec<Vec<String>>> {
        let mut read = read(&rows.iter().map(|(_, key)| *key).collect::<Vec<_>>());
        for (i, (name, _)) in rows.iter().enumerate() {
            read[1][i + 1][0] = (*name).to_owned();
        }
        read
    }

    #[test]
    fn findings_never_come_under_the_key_of_another_brand() {
        let names = |tab: &ResultsTab| -> Vec<(usize, String, Value, Value)> {
            let placed = tab.placed(&BTreeMap::new()).into_iter();
            let key = |line: &ResultLine| line[KEY].as_str().unwrap().to_owned();
            placed
                .map(|(row, line)| (row, key(&line), line[NAME].clone(), line[4].clone()))
                .collect()
        };
        let start = [("A", "a"), ("B", "b")];
        let cleared = |row| (row, String::new(), json!(""), json!(""));
        let kept = |row, key: &str| (row, key.to_owned(), Value::Null, Value::Null);
        let bare = |row, key: &str| (row, key.to_owned(), json!(key), json!(""));
        // The failure of `a` hit the row of `b`, which stands first by now.
        let mut tab = tab();
        tab.meet(&read_named(&start)).unwrap();
        tab.wrote(&[failed("a")]);
        tab.meet(&read_named(&[("B", "a"), ("A", "a")])).unwrap();
        assert_eq!(names(&tab), [cleared(2), kept(3, "a")]);
        // Two failures hit each other's rows.
        tab.wrote(&[failed("b")]);
        tab.meet(&read_named(&[("B", "a"), ("A", "b")])).unwrap();
        assert_eq!(names(&tab), [kept(2, "b"), kept(3, "a")]);
        // The result of `c` has overwritten the row of `a`, whose failure stands beside what `c` had before.
        tab.wrote(&[done("c")]);
        tab.meet(&read_named(&[("C", "c"), ("B", "b"), ("C", "a")]))
            .unwrap();
        assert_eq!(names(&tab), [bare(4, "a")]);
        tab.meet(&read_named(&[("C", "c"), ("B", "b"), ("a", "a")]))
            .unwrap();
        assert_eq!(names(&tab), []);
        // Which of the two rows is whose cannot be told by the name.
        let namesakes = [("D", "d@x.ir"), ("D", "d@y.ir")];
        tab.meet(&read_named(&namesakes)).unwrap();
        tab.written.clear();
        tab.wrote(&[failed("d@x.ir")]);
        assert_eq!(names(&tab), []);
        tab.meet(&read_named(&[("D", "d@x.ir"), ("D", "d@x.ir")]))
            .unwrap();
        assert_eq!(names(&tab), [bare(2, "d@x.ir"), cleared(3)]);
    }

    #[test]
    fn what_waits_comes_with_the_next_results() {
        let mut tab = tab();
        tab.meet(&read(&["a"])).unwrap();
        tab.wait(&[done("a")]);
        tab.wait(&[failed("a")]);
        assert_eq!(tab.waiting(), 1);
        let line = tab.fresh(&[]).remove("a").unwrap();
        assert_eq!((&line[STATUS], &line[NAME]), (&json!("✗"), &json!("A")));
        assert_eq!(written(&tab, &[done("b")]), [at(2, "a"), at(3, "b")]);
        tab.wrote(&[done("b")]);
        assert_eq!(tab.waiting(), 0);
        tab.meet(&read(&["a", "b"])).unwrap();
        assert_eq!(written(&tab, &[]), []);
    }

    #[test]
    fn a_tab_of_somebody_else_is_not_written_to() {
        let mut foreign = read(&[]);
        foreign[0][0][4] = "Phone".into();
        let error = tab().meet(&foreign).unwrap_err().to_string();
        assert!(error.contains("«Phone» in column E"), "{error}");
    }
}
