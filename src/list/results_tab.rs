//! The results tab: one row a brand with its key findings, updated in place. Its rows are found by their key, so they
//! may be sorted; columns that people add at the right, and rows of brands that left the list, stay as they are.

use std::collections::HashMap;

use anyhow::ensure;
use serde_json::{Value, json};

use super::own::{Outcome, Target};
use crate::{
    cli::Lang,
    render::Findings,
    services::sheets::{Cells, Place, TabProperties, a1, column_letters},
    text,
};

/// Headers in Persian and English.
pub const HEADERS: [(&str, &str); 16] = [
    ("برند", "Brand"),
    ("وضعیت", "Status"),
    ("شرکت مادر", "Parent company"),
    ("شرکت مادرِ فهرست", "Parent in the list"),
    ("صنعت", "Industry"),
    ("جایگاه در بازار", "Market position"),
    ("چه تغییر کرد", "What changed"),
    ("فرصت ۱", "Opportunity 1"),
    ("فرصت ۲", "Opportunity 2"),
    ("فرصت ۳", "Opportunity 3"),
    ("نکته‌های دارای منبع", "Facts supported"),
    ("گزارش", "Report"),
    ("هزینه (دلار)", "Cost (USD)"),
    ("زمان", "Time"),
    ("یادداشت", "Note"),
    ("کلید", "Key"),
];
const NAME: usize = 0;
const STATUS: usize = 1;
const TIME: usize = 13;
const NOTE: usize = 14;
const KEY: usize = HEADERS.len() - 1;

/// Rows that a tab has at first, and that are added when it is full.
pub const ROOM: usize = 1_000;

/// A row of the tab.
type Line = [Value; HEADERS.len()];

/// The results tab of a spreadsheet.
#[derive(Debug)]
pub struct ResultsTab {
    pub title: String,
    lang: Lang,
    /// `None` where it has to be added.
    pub tab: Option<TabProperties>,
    /// Rows by key, and the first row below all of them.
    rows: HashMap<String, Vec<usize>>,
    free: usize,
    /// Whether the header is there.
    titled: bool,
    /// What this run has written, by key.
    written: HashMap<String, Line>,
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
            rows: HashMap::new(),
            free: 2,
            titled: false,
            written: HashMap::new(),
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
            (self.free, self.titled) = (2, false);
            self.rows.clear();
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
        self.free = names.len().max(keys.len()).max(1) + 1;
        self.rows.clear();
        for (i, row) in keys.iter().enumerate().skip(1) {
            if let Some(key) = row.first().filter(|key| !key.is_empty()) {
                self.rows.entry(key.clone()).or_default().push(i + 1);
            }
        }
        Ok(())
    }

    /// Whether a brand has no row.
    pub fn lacks(&self, target: &Target) -> bool {
        matches!(target, Target::Brand(key) if !self.rows.contains_key(key.as_str()))
    }

    /// The last row that is written to, and the cells: those of new results, and of earlier ones that did not stay
    /// because somebody sorted the tab while they were written.
    pub fn cells(&self, results: &[(Target, Outcome)]) -> (usize, Vec<Cells>) {
        let title = self.tab.as_ref().map_or(&self.title, |tab| &tab.title);
        let mut free = self.free;
        let mut cells = Vec::new();
        let mut put = |row: usize, line: &[Value]| {
            let last = column_letters(HEADERS.len() - 1);
            cells.push(Cells {
                place: Place::Range(a1(title, &format!("A{row}:{last}{row}"))),
                row: line.to_vec(),
            });
        };
        let fresh = Self::lines(results);
        let mut append = |key: &String, line: &Line, put: &mut dyn FnMut(usize, &[Value])| {
            let mut line = line.clone();
            if line[NAME].is_null() {
                line[NAME] = json!(key);
            }
            put(free, &line);
            free += 1;
        };
        for (key, line) in &fresh {
            match self.rows.get(key).map(Vec::as_slice) {
                Some([row, ..]) => put(*row, line),
                _ => append(key, line, &mut put),
            }
        }
        for (key, line) in &self.written {
            let rows = self.rows.get(key).map(Vec::as_slice).unwrap_or_default();
            if rows.len() > 1 {
                // One of them was another brand's, which gets a row again with its next result.
                let is_fresh = fresh.iter().any(|(fresh, _)| fresh == key);
                rows[..1]
                    .iter()
                    .filter(|_| !is_fresh)
                    .for_each(|row| put(*row, line));
                rows[1..]
                    .iter()
                    .for_each(|row| put(*row, &HEADERS.map(|_| json!(""))));
            } else if rows.is_empty() && fresh.iter().all(|(fresh, _)| fresh != key) {
                append(key, line, &mut put);
            }
        }
        let last = free.saturating_sub(1);
        if !self.titled {
            let header = HEADERS.map(|(fa, en)| json!(if self.lang.persian() { fa } else { en }));
            let last = column_letters(HEADERS.len() - 1);
            cells.push(Cells {
                place: Place::Range(a1(title, &format!("A1:{last}1"))),
                row: header.to_vec(),
            });
        }
        (last, cells)
    }

    /// Remembers what was written.
    pub fn wrote(&mut self, results: &[(Target, Outcome)]) {
        self.written.extend(Self::lines(results));
    }

    /// The rows that results make; `null` leaves a cell as it is.
    fn lines(results: &[(Target, Outcome)]) -> Vec<(String, Line)> {
        let line = |(target, outcome): &(Target, Outcome)| {
            let Target::Brand(key) = target else {
                return None;
            };
            let outcome = match outcome {
                Outcome::ForResultsTab(outcome) => outcome,
                outcome => outcome,
            };
            let mut line = match outcome {
                Outcome::Done {
                    status,
                    report,
                    cost,
                    time,
                    note,
                    changes,
                    findings: Some(findings),
                } => {
                    let Findings {
                        brand,
                        parent,
                        verdict,
                        industry,
                        position,
                        opportunities: [first, second, third],
                        support,
                    } = &**findings;
                    let texts = [
                        brand, status, parent, verdict, industry, position, changes, first, second,
                        third, support, report,
                    ]
                    .map(|text| json!(text));
                    let mut line = HEADERS.map(|_| Value::Null);
                    line[..texts.len()].clone_from_slice(&texts);
                    line[texts.len()] = json!(cost);
                    line[TIME] = json!(time);
                    line[NOTE] = json!(note);
                    line
                }
                Outcome::Failed { status, time, note } => {
                    // The rest tells of the last success.
                    let mut line = HEADERS.map(|_| Value::Null);
                    line[STATUS] = json!(status);
                    line[TIME] = json!(time);
                    line[NOTE] = json!(note);
                    line
                }
                Outcome::Done { .. }
                | Outcome::InProgress { .. }
                | Outcome::PutBack
                | Outcome::ForResultsTab(_) => {
                    return None;
                }
            };
            line[KEY] = json!(key.as_str());
            Some((key.as_str().to_owned(), line))
        };
        results.iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::BrandKey;

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

    #[test]
    fn a_tab_of_somebody_else_is_not_written_to() {
        let mut foreign = read(&[]);
        foreign[0][0][4] = "Phone".into();
        let error = tab().meet(&foreign).unwrap_err().to_string();
        assert!(error.contains("«Phone» in column E"), "{error}");
    }
}
