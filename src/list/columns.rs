//! Which column holds what: found by header, in English or Persian, in any order.

use anyhow::{anyhow, ensure};

use crate::{brand::Row, text};

const NAME: [&str; 10] = [
    "Brand Name",
    "Brand",
    "Name",
    "Company",
    "نام برند",
    "برند",
    "نام",
    "اسم برند",
    "نام تجاری",
    "شرکت",
];
const WEBSITE: [&str; 10] = [
    "Website",
    "Web site",
    "URL",
    "Site",
    "Domain",
    "وب‌سایت",
    "سایت",
    "آدرس سایت",
    "آدرس وب‌سایت",
    "دامنه",
];
const PARENT: [&str; 9] = [
    "Parent Company",
    "Parent",
    "Holding",
    "Owner",
    "Group",
    "شرکت مادر",
    "هلدینگ",
    "مالک",
    "گروه",
];

/// Positions of the columns that are read, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    pub name: usize,
    pub website: Option<usize>,
    pub parent: Option<usize>,
}

impl Columns {
    /// Finds the columns in a row; `None` where it is no header. `place` and `row` say in messages where that is.
    pub fn find(header: &[String], place: &str, row: usize) -> anyhow::Result<Option<Self>> {
        let Some(name) = find(header, &NAME, place, row)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            website: find(header, &WEBSITE, place, row)?,
            parent: find(header, &PARENT, place, row)?,
        }))
    }

    /// The error of a list without a header.
    pub fn missing(first: &[String], place: &str, row: usize) -> anyhow::Error {
        let found: Vec<String> = first
            .iter()
            .map(|cell| text::shorten(&text::clean(cell), 30))
            .filter(|cell| !cell.is_empty())
            .collect();
        anyhow!(
            "{place}: no column for the brand's name. Row {row} has: {}. Name the column «{}» or «{}», in the first row",
            found.join(" | "),
            NAME[0],
            NAME[4]
        )
    }

    /// Reads a row of cells; missing ones are empty.
    pub fn read(&self, number: usize, mut cells: Vec<String>) -> Row {
        let mut cell = |column: Option<usize>| {
            column
                .and_then(|c| cells.get_mut(c))
                .map(std::mem::take)
                .unwrap_or_default()
        };
        Row {
            number,
            name: cell(Some(self.name)),
            website: cell(self.website),
            parent: cell(self.parent),
        }
    }
}

/// The column under the first of these headers that there is; the same header twice is an error.
fn find(
    header: &[String],
    names: &[&str],
    place: &str,
    row: usize,
) -> anyhow::Result<Option<usize>> {
    let keys: Vec<String> = header.iter().map(|cell| text::key(cell)).collect();
    for name in names {
        let mut at = (0..keys.len()).filter(|&i| keys[i] == text::key(name));
        if let Some(first) = at.next() {
            ensure!(
                at.next().is_none(),
                "{place}: row {row} has the header «{}» twice: rename the column that is not meant",
                text::clean(&header[first])
            );
            return Ok(Some(first));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &[&str]) -> anyhow::Result<Columns> {
        let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
        Columns::find(&header, "the sheet", 1)?
            .ok_or_else(|| Columns::missing(&header, "the sheet", 1))
    }

    #[test]
    fn headers_are_found_in_any_order_and_language() {
        let columns = found(&["شرکت مادر", "یادداشت", "نام برند", "وب سایت"]).unwrap();
        assert_eq!(
            columns,
            Columns {
                name: 2,
                website: Some(3),
                parent: Some(0)
            }
        );
        let columns = found(&["BRAND NAME ", "Phone"]).unwrap();
        assert_eq!(
            columns,
            Columns {
                name: 0,
                website: None,
                parent: None
            }
        );
        let columns = found(&["Company", "Brand"]).unwrap();
        assert_eq!(columns.name, 1);
    }

    #[test]
    fn a_missing_or_doubled_header_is_named() {
        let missing = found(&["کاله", "kalleh.com"]).unwrap_err().to_string();
        assert!(
            missing.contains("کاله | kalleh.com") && missing.contains("«Brand Name»"),
            "{missing}"
        );
        let doubled = found(&["Brand", "Website", "برند", "website"])
            .unwrap_err()
            .to_string();
        assert!(doubled.contains("«Website» twice"), "{doubled}");
    }
}
