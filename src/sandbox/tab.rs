//! A tab of the simulated spreadsheet: its cells, the rows that people move about, and the tags that stand on rows.

use serde_json::{Value, json};

use super::a1;

const CELL_LIMIT: usize = 50_000;

/// A tab, as a person at another desk can change it. Rows are counted from 0.
#[derive(Clone, Debug)]
pub struct Tab {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) rows: Vec<Vec<Value>>,
    pub(super) columns: usize,
    pub(super) row_count: usize,
    pub(super) tags: Vec<SimulatedTag>,
    /// What was asked for when it was added, beside title and size.
    pub(super) properties: Value,
}

/// Developer metadata on a row.
#[derive(Clone, Debug)]
pub(super) struct SimulatedTag {
    pub id: i64,
    pub key: String,
    pub value: Option<String>,
    pub visibility: String,
    pub row: usize,
}

/// A rectangle of cells, counted from 0; ends are exclusive and may be open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub rows: (usize, Option<usize>),
    pub columns: (usize, Option<usize>),
}

impl Tab {
    /// The cells; changing them moves no tag.
    pub fn cells(&mut self) -> &mut Vec<Vec<Value>> {
        &mut self.rows
    }

    /// The title of the tab.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How many rows have tags.
    pub fn tags(&self) -> usize {
        self.tags.len()
    }

    /// Puts a row before another, which moves down with its tags.
    pub fn insert_row(&mut self, at: usize, cells: Vec<Value>) {
        self.rows.insert(at.min(self.rows.len()), cells);
        self.row_count += 1;
        for tag in self.tags.iter_mut().filter(|tag| tag.row >= at) {
            tag.row += 1;
        }
    }

    /// Takes a row out, with its tags.
    pub fn delete_row(&mut self, at: usize) {
        self.rows.remove(at);
        self.row_count -= 1;
        self.tags.retain(|tag| tag.row != at);
        for tag in self.tags.iter_mut().filter(|tag| tag.row > at) {
            tag.row -= 1;
        }
    }

    /// Sorts the rows below the header: the row that comes at place `i` is the one that was at `order[i]`. It is not
    /// documented whether tags move with rows that are sorted, so both can be tried.
    pub fn sort(&mut self, order: &[usize], tags_follow: bool) {
        let below: Vec<Vec<Value>> = order.iter().map(|&i| self.rows[i + 1].clone()).collect();
        self.rows.splice(1.., below);
        if tags_follow {
            for tag in &mut self.tags {
                let moved = order.iter().position(|&i| i + 1 == tag.row);
                tag.row = moved.map_or(tag.row, |place| place + 1);
            }
        }
    }

    /// Values as the service sends them: empty cells at the end of a row, and empty rows at the end, are left out.
    pub(super) fn read(&self, range: Range) -> Vec<Vec<String>> {
        let end = range.rows.1.unwrap_or(usize::MAX).min(self.rows.len());
        let mut values: Vec<Vec<String>> = (range.rows.0..end)
            .map(|r| {
                let row = &self.rows[r];
                let last = range.columns.1.unwrap_or(usize::MAX).min(row.len());
                let mut cells: Vec<String> = row
                    .get(range.columns.0..last)
                    .unwrap_or_default()
                    .iter()
                    .map(formatted)
                    .collect();
                while cells.last().is_some_and(String::is_empty) {
                    cells.pop();
                }
                cells
            })
            .collect();
        while values.last().is_some_and(Vec::is_empty) {
            values.pop();
        }
        values
    }

    /// A range as answers have it: open ends are where the grid ends.
    pub(super) fn written(&self, range: Range) -> String {
        let end = |end: Option<usize>, size: usize| end.unwrap_or(size).min(size);
        a1::written(
            &self.title,
            range.rows.0..end(range.rows.1, self.row_count),
            range.columns.0..end(range.columns.1, self.columns),
        )
    }

    /// The range of a whole row.
    pub(super) fn row(&self, row: usize) -> Range {
        Range {
            rows: (row, Some(row + 1)),
            columns: (0, Some(self.columns)),
        }
    }

    pub(super) fn check(&self, range: Range, values: &[Vec<Value>]) -> Result<(), String> {
        let (rows, columns) = (self.row_count, self.columns);
        let end =
            |(start, end): (usize, Option<usize>), size: usize| end.unwrap_or(size.max(start + 1));
        if end(range.rows, rows) > rows || end(range.columns, columns) > columns {
            return Err(format!(
                "exceeds grid limits. Max rows: {rows}, max columns: {columns}"
            ));
        }
        let width = end(range.columns, columns) - range.columns.0;
        let height = end(range.rows, rows) - range.rows.0;
        if values.len() > height || values.iter().any(|row| row.len() > width) {
            return Err("Requested writing within range, but tried writing outside of it".into());
        }
        if values
            .iter()
            .flatten()
            .any(|cell| cell.is_object() || cell.is_array())
        {
            return Err("Invalid values: a cell is a boolean, a text or a number".into());
        }
        let too_long = |cell: &Value| {
            cell.as_str()
                .is_some_and(|text| text.chars().count() > CELL_LIMIT)
        };
        if values.iter().flatten().any(too_long) {
            return Err(
                "Your input contains more than the maximum of 50000 characters in a single cell."
                    .into(),
            );
        }
        Ok(())
    }

    pub(super) fn write(&mut self, range: Range, values: &[Vec<Value>]) -> usize {
        let mut written = 0;
        for (r, row) in values.iter().enumerate() {
            for (c, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
                let (r, c) = (range.rows.0 + r, range.columns.0 + c);
                if self.rows.len() <= r {
                    self.rows.resize(r + 1, Vec::new());
                }
                if self.rows[r].len() <= c {
                    self.rows[r].resize(c + 1, json!(""));
                }
                self.rows[r][c] = cell.clone();
                written += 1;
            }
        }
        written
    }
}

/// A cell as it is shown.
pub(super) fn formatted(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string().to_uppercase(),
        other => other.to_string(),
    }
}

/// Reads `'INPUT'!A1:B2`, `INPUT!A:C`, `'INPUT'!1:1` or `'INPUT'`: the title of the tab, and what is meant in it.
pub(super) fn parse_range(text: &str) -> Option<(String, Range)> {
    let (tab, cells) = text
        .rsplit_once('!')
        .map_or((text, None), |(tab, cells)| (tab, Some(cells)));
    let title = tab
        .strip_prefix('\'')
        .and_then(|tab| tab.strip_suffix('\''))
        .unwrap_or(tab)
        .replace("''", "'");
    let Some(cells) = cells else {
        let all = Range {
            rows: (0, None),
            columns: (0, None),
        };
        return Some((title, all));
    };
    let (first, last) = cells.split_once(':').unwrap_or((cells, cells));
    let ((c0, r0), (c1, r1)) = (parse_cell(first)?, parse_cell(last)?);
    let range = Range {
        rows: (r0.unwrap_or(0), r1.map(|r| r + 1)),
        columns: (c0.unwrap_or(0), c1.map(|c| c + 1)),
    };
    Some((title, range))
}

/// The letters of a column, counted from 0.
pub(super) fn letters(column: usize) -> String {
    let before = match column / 26 {
        0 => String::new(),
        more => letters(more - 1),
    };
    ('A'..='Z')
        .nth(column % 26)
        .map_or(before.clone(), |letter| format!("{before}{letter}"))
}

/// Column and row, counted from 0; either may be missing, not both.
fn parse_cell(text: &str) -> Option<(Option<usize>, Option<usize>)> {
    let digits = text
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(text.len());
    let (letters, number) = text.split_at(digits);
    let mut column = None;
    for letter in letters.bytes() {
        let value = usize::from(letter.is_ascii_uppercase().then(|| letter - b'A' + 1)?);
        column = Some(column.map_or(value, |c: usize| c * 26 + value));
    }
    let row = match number {
        "" => None,
        number => Some(number.parse::<usize>().ok()?.checked_sub(1)?),
    };
    (column.is_some() || row.is_some()).then_some((column.map(|c| c - 1), row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_service_reads_them() {
        let range = |rows, columns| Some(("INPUT".to_owned(), Range { rows, columns }));
        assert_eq!(
            parse_range("'INPUT'!B2:D5"),
            range((1, Some(5)), (1, Some(4)))
        );
        assert_eq!(parse_range("INPUT!A:AA"), range((0, None), (0, Some(27))));
        assert_eq!(parse_range("'INPUT'!1:1"), range((0, Some(1)), (0, None)));
        assert_eq!(parse_range("'INPUT'"), range((0, None), (0, None)));
        for bad in ["'INPUT'!", "'INPUT'!A0", "'INPUT'!a1"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn tags_move_with_rows_that_are_put_in_or_taken_out() {
        let tag = |id, row| SimulatedTag {
            id,
            key: "k".into(),
            value: None,
            visibility: "PROJECT".into(),
            row,
        };
        let mut tab = Tab {
            id: 0,
            title: "INPUT".into(),
            rows: ["h", "a", "b", "c"].map(|cell| vec![json!(cell)]).to_vec(),
            columns: 3,
            row_count: 9,
            tags: vec![tag(1, 1), tag(2, 2), tag(3, 3)],
            properties: Value::Null,
        };
        tab.insert_row(2, vec![json!("new")]);
        tab.delete_row(1);
        tab.sort(&[2, 0, 1], true);
        let at: Vec<(i64, String)> = tab
            .tags
            .iter()
            .map(|tag| (tag.id, formatted(&tab.rows[tag.row][0])))
            .collect();
        assert_eq!(at, [(2, "b".to_owned()), (3, "c".to_owned())]);
    }
}
