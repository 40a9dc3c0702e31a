//! The choice of the tab that has the list, in a workbook or a spreadsheet.

use anyhow::bail;

use super::{find_header, is_filled};
use crate::text;

/// The tab that is taken for the list wherever it stands.
const INPUT: &str = "INPUT";

/// Cells of a tab without a header that are shown.
const CELLS_SHOWN: usize = 4;

/// Tabs that are looked into.
const LOOKED_INTO: usize = 40;

/// What tabs are called, and what they are.
#[derive(Clone, Debug, Default)]
pub struct ListTab {
    pub title: String,
    pub hidden: bool,
    /// A chart or something else that has no cells.
    pub without_cells: bool,
}

impl ListTab {
    /// Whether there is nothing to be said of it, and its title can be read without quotation marks.
    fn is_plain(&self) -> bool {
        let has_edges = self.title.trim() != self.title || self.title.contains(',');
        !self.hidden && !self.without_cells && !has_edges
    }

    /// The title, with what keeps it from being taken.
    fn shown(&self) -> String {
        let note = match (self.without_cells, self.hidden) {
            (true, _) => " (a chart)",
            (false, true) => " (hidden)",
            (false, false) => "",
        };
        format!("«{}»{note}", self.title)
    }
}

/// The tabs that may have the list.
#[derive(Debug, PartialEq, Eq)]
pub enum Candidates {
    /// It is this one.
    One(usize),
    /// It is the first of these that has a header.
    Some(Vec<usize>),
}

/// The tab that was asked for, `INPUT`, or those that people see; `opened` is the one that was open when the address was
/// copied, and comes first.
///
/// # Errors
/// When the tab that was asked for is not there, or none has cells.
pub fn candidates(
    tabs: &[ListTab],
    asked: Option<&str>,
    opened: Option<usize>,
    place: &str,
) -> anyhow::Result<Candidates> {
    if let Some(asked) = asked {
        let Some(found) = named(tabs, asked) else {
            bail!(
                "{place} has no tab «{asked}»: choose one of these with --tab or GOOGLE_SHEET_TAB: {}",
                all(tabs)
            );
        };
        if tabs[found].without_cells {
            bail!(
                "{place}: the tab {} has no cells: choose another one with --tab or GOOGLE_SHEET_TAB: {}",
                tabs[found].shown(),
                all(tabs)
            );
        }
        return Ok(Candidates::One(found));
    }
    let seen = |i: &usize| !tabs[*i].hidden && !tabs[*i].without_cells;
    let mut order: Vec<usize> = (0..tabs.len()).filter(seen).collect();
    let input = order
        .iter()
        .find(|i| text::key(&tabs[**i].title) == text::key(INPUT));
    if let Some(input) = input {
        return Ok(Candidates::One(*input));
    }
    if let Some(opened) = opened.filter(seen) {
        order.retain(|i| *i != opened);
        order.insert(0, opened);
    }
    order.truncate(LOOKED_INTO);
    match order[..] {
        [] if tabs.is_empty() => bail!(
            "{place} has no tab with cells: put the list into one, with a header such as “Brand Name”"
        ),
        [] => bail!(
            "{place} has no tab that is shown and has cells ({}): show the one with the list, or choose it with --tab",
            all(tabs)
        ),
        [only] => Ok(Candidates::One(only)),
        _ => Ok(Candidates::Some(order)),
    }
}

/// The tab with this title: as it is typed, else without blanks around it, else however it is spelled.
fn named(tabs: &[ListTab], asked: &str) -> Option<usize> {
    let find = |same: &dyn Fn(&str) -> bool| tabs.iter().position(|tab| same(&tab.title));
    let folded = |title: &str| text::fold(title);
    find(&|title| title == asked)
        .or_else(|| find(&|title| title.trim() == asked.trim()))
        .or_else(|| find(&|title| folded(title) == folded(asked)))
        .or_else(|| {
            find(&|title| text::key(title) == text::key(asked))
                .filter(|_| !text::key(asked).is_empty())
        })
}

/// The tab of these candidates that has the list, by the cells at the top of each, and what is to be said of it.
///
/// # Errors
/// When none of them has a header; all tabs are named.
pub fn choose(
    tabs: &[ListTab],
    candidates: &[usize],
    tops: &[Vec<Vec<String>>],
    place: &str,
) -> anyhow::Result<(usize, Option<String>)> {
    let with_list: Vec<usize> = candidates
        .iter()
        .zip(tops)
        .filter(|(_, top)| find_header(top, place).is_ok() && !is_ours(top))
        .map(|(i, _)| *i)
        .collect();
    let Some((&first, others)) = with_list.split_first() else {
        let looked = candidates
            .iter()
            .zip(tops)
            .map(|(i, top)| format!("{} has {}", tabs[*i].shown(), beginning(top)));
        let passed = (0..tabs.len()).filter(|i| !candidates.contains(i));
        let passed = passed.map(|i| format!("{} was passed over", tabs[i].shown()));
        bail!(
            "{place}: no tab has a column for the brand's name: {}. Name the column «Brand Name» or «نام برند», in the first row; --tab or GOOGLE_SHEET_TAB chooses the tab",
            looked.chain(passed).collect::<Vec<_>>().join("; ")
        );
    };
    let shown = |tabs_at: &[usize]| {
        let shown: Vec<String> = tabs_at.iter().map(|i| tabs[*i].shown()).collect();
        shown.join(", ")
    };
    let note = match others {
        [] => None,
        others => Some(format!(
            "the list is read from the tab {}; these have one too: {} (--tab or GOOGLE_SHEET_TAB chooses another one)",
            tabs[first].shown(),
            shown(others)
        )),
    };
    Ok((first, note))
}

/// Whether it is a tab that the program keeps its findings in.
fn is_ours(top: &[Vec<String>]) -> bool {
    let header = top.first().map(Vec::as_slice).unwrap_or_default();
    super::results_tab::is_header(header)
}

/// The titles of all tabs.
pub fn all(tabs: &[ListTab]) -> String {
    let shown = tabs.iter().map(|tab| match tab.is_plain() {
        true => tab.title.clone(),
        false => tab.shown(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// The first row with anything in it.
fn beginning(top: &[Vec<String>]) -> String {
    let Some((i, row)) = top.iter().enumerate().find(|(_, row)| is_filled(row)) else {
        return "nothing at its top".into();
    };
    let cells = row.iter().map(|cell| text::shorten(&text::clean(cell), 30));
    let cells: Vec<String> = cells
        .filter(|cell| !cell.is_empty())
        .take(CELLS_SHOWN)
        .collect();
    format!("{} in row {}", cells.join(" | "), i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tabs(titles: &[&str]) -> Vec<ListTab> {
        let tab = |title: &&str| ListTab {
            title: title.trim_start_matches(['!', '%']).to_owned(),
            hidden: title.starts_with('!'),
            without_cells: title.starts_with('%'),
        };
        titles.iter().map(tab).collect()
    }

    #[test]
    fn the_tab_that_is_asked_for_is_found_however_it_is_spelled() {
        let tabs = tabs(&["قدیمی", "برندها ", "يكم", "Brands 1404", "!Old", "%Chart"]);
        for (asked, found) in [
            ("برندها ", 1),
            ("برندها", 1),
            ("یکم", 2),
            ("brands 1404", 3),
            (" Brands  ۱۴۰۴", 3),
            ("Old", 4),
        ] {
            let candidates = candidates(&tabs, Some(asked), None, "x").unwrap();
            assert_eq!(candidates, Candidates::One(found), "{asked}");
        }
        for asked in ["Chart", "Brands", ""] {
            let error = candidates(&tabs, Some(asked), None, "x")
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("«برندها »") && error.contains("«Old» (hidden)"),
                "{error}"
            );
        }
    }

    #[test]
    fn input_in_any_case_is_the_list_and_what_nobody_sees_is_passed_over() {
        for (titles, expected) in [
            (&["old", "Input"][..], Candidates::One(1)),
            (&["old", "INPUT "], Candidates::One(1)),
            (&["old", "!INPUT"], Candidates::One(0)),
            (&["%Chart", "data"], Candidates::One(1)),
            (&["%Chart", "!x", "a", "b"], Candidates::Some(vec![2, 3])),
        ] {
            assert_eq!(
                candidates(&tabs(titles), None, None, "x").unwrap(),
                expected,
                "{titles:?}"
            );
        }
        let opened = candidates(&tabs(&["a", "b"]), None, Some(1), "x").unwrap();
        assert_eq!(opened, Candidates::Some(vec![1, 0]));
        assert!(candidates(&tabs(&["!a", "%b"]), None, None, "x").is_err());
    }
}
