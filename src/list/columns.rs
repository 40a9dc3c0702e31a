//! The columns of a list: which of them holds what, found by header, in English or Persian, in any order.

use std::fmt;

use anyhow::{anyhow, bail};

use super::own;
use crate::{
    brand::{
        Row,
        header::{MORE_NAMES, NAME, parts},
        row_options::TypedOptions,
        why_no_value,
    },
    sheets::client::column_letters,
    text,
};

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

const PRIORITY: [&str; 4] = ["Priority", "اولویت", "الویت", "ترتیب"];
const SKIP: [&str; 7] = [
    "Skip",
    "Ignore",
    "Exclude",
    "رد شود",
    "رد کردن",
    "نادیده",
    "نادیده گرفتن",
];
const DEPTH: [&str; 6] = [
    "Depth",
    "Research Depth",
    "عمق",
    "عمق پژوهش",
    "عمق تحقیق",
    "سطح پژوهش",
];
const NOTES: [&str; 8] = [
    "Notes",
    "Note",
    "Remarks",
    "Comments",
    "یادداشت",
    "یادداشت‌ها",
    "توضیحات",
    "ملاحظات",
];

/// From this likeness on, of 1, a header may be another one with a slip of the pen.
const ALIKE: f64 = 0.7;

/// Positions of the columns that are read, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    pub name: usize,
    pub website: Option<usize>,
    pub parent: Option<usize>,
    pub priority: Option<usize>,
    pub skip: Option<usize>,
    pub depth: Option<usize>,
    pub notes: Option<usize>,
}

impl Columns {
    /// Finds the columns in a row; `None` where it is no header. `place` and `row` say in messages where that is.
    pub fn find(header: &[String], place: &str, row: usize) -> anyhow::Result<Option<Self>> {
        let find = |names: &[&str]| find(header, names, place, row);
        // What a row asks for does not make it another brand: of two such columns the first one counts.
        let first = |names: &[&str]| positions(header, names).first().copied();
        let (name, likewise) = match find(&NAME)? {
            Some(name) => (name, false),
            None => match loosely(header, &NAME, &MORE_NAMES)
                .or_else(|| loosely(header, &MORE_NAMES, &NAME))
            {
                Some(name) => (name, true),
                None => return Ok(None),
            },
        };
        // A list that could be read before is read as before: another website would make all of its brands due.
        let find_too = |names: &[&str]| {
            let found = find(names)?;
            let loose = likewise.then(|| loosely(header, names, &[])).flatten();
            anyhow::Ok(found.or(loose.filter(|column| *column != name)))
        };
        Ok(Some(Self {
            name,
            website: find_too(&WEBSITE)?,
            parent: find_too(&PARENT)?,
            priority: first(&PRIORITY),
            skip: first(&SKIP),
            depth: first(&DEPTH),
            notes: first(&NOTES),
        }))
    }

    /// Whether the columns that tell brands apart are still where they were.
    pub fn tell_apart_as_in(&self, header: &[String]) -> bool {
        let first = |names: &[&str]| positions(header, names).first().copied();
        let found = if let Some(name) = first(&NAME) {
            Some((name, first(&WEBSITE)))
        } else {
            let found = Self::find(header, "", 0).ok().flatten();
            found.map(|found| (found.name, found.website))
        };
        found == Some((self.name, self.website))
    }

    /// How many columns are read.
    pub fn count(&self) -> usize {
        self.positions().len()
    }

    /// The error of a list without a header.
    pub fn missing(first: &[String], place: &str, row: usize) -> anyhow::Error {
        let found: Vec<String> = first
            .iter()
            .map(|cell| text::shorten(&text::clean(cell), 30))
            .filter(|cell| !cell.is_empty())
            .collect();
        let likest = first
            .iter()
            .enumerate()
            .filter_map(|(i, cell)| {
                Some((
                    i,
                    cell,
                    meant(cell, &NAME).or_else(|| meant(cell, &MORE_NAMES))?,
                ))
            })
            .max_by(|(.., one), (.., other)| one.1.total_cmp(&other.1));
        let no_value = first.iter().find_map(|cell| why_no_value(cell));
        let remedy = match (no_value, likest) {
            (Some(why), _) => why.to_owned(),
            (None, Some((i, cell, (name, _)))) => format!(
                "Did you mean column {} «{}»? Rename it to «{name}»",
                column_letters(i),
                text::shorten(&text::clean(cell), 30)
            ),
            (None, None) => format!(
                "Name the column «{}» or «{}», in the first row",
                NAME[0], NAME[4]
            ),
        };
        anyhow!(
            "{place}: no column for the brand's name. Row {row} has: {}. {remedy}",
            found.join(" | ")
        )
    }

    /// The columns of a header that are neither read nor the program's own, and for which they may have been meant.
    pub fn left_alone(&self, header: &[String]) -> Vec<String> {
        let read = self.positions();
        let own = own::columns(header);
        let unread = [
            (self.website, &WEBSITE[..]),
            (self.parent, &PARENT[..]),
            (self.priority, &PRIORITY[..]),
            (self.skip, &SKIP[..]),
            (self.depth, &DEPTH[..]),
            (self.notes, &NOTES[..]),
        ];
        let others = header.iter().enumerate().filter(|(i, cell)| {
            !read.contains(i) && !own.contains(&Some(*i)) && !text::clean(cell).is_empty()
        });
        others
            .map(|(i, cell)| {
                let shown = format!(
                    "{} «{}»",
                    column_letters(i),
                    text::shorten(&text::clean(cell), 30)
                );
                let same = |column: &&usize| text::key(&header[**column]) == text::key(cell);
                if let Some(first) = read.iter().find(same) {
                    return format!(
                        "{shown} (as column {}, which is read)",
                        column_letters(*first)
                    );
                }
                let unread = unread.iter().filter(|(column, _)| column.is_none());
                let meant = unread
                    .filter_map(|(_, names)| meant(cell, names))
                    .max_by(|one, other| one.1.total_cmp(&other.1));
                match meant {
                    Some((name, _)) => format!("{shown} (is it «{name}»? Then rename it)"),
                    None => shown,
                }
            })
            .collect()
    }

    /// What is read, and from where.
    fn read_columns(&self) -> impl Iterator<Item = (&'static str, Option<usize>)> {
        [
            ("name in column", Some(self.name)),
            ("website", self.website),
            ("parent company", self.parent),
            ("priority", self.priority),
            ("skip", self.skip),
            ("depth", self.depth),
            ("notes", self.notes),
        ]
        .into_iter()
    }

    /// Where the columns that are read are.
    pub fn positions(&self) -> Vec<usize> {
        let columns = self.read_columns();
        columns.filter_map(|(_, column)| column).collect()
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
            wishes: TypedOptions {
                priority: cell(self.priority),
                skip: cell(self.skip),
                depth: cell(self.depth),
                notes: cell(self.notes),
            },
        }
    }
}

/// Name, website and parent company are told in any case, the others where there are such columns.
impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (what, column)) in self.read_columns().enumerate() {
            let column = match (column, i) {
                (Some(column), _) => column_letters(column),
                (None, 0..3) => "none".to_owned(),
                (None, _) => continue,
            };
            write!(f, "{}{what} {column}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// The column under the first of these headers that there is; the same header twice is an error.
fn find(
    header: &[String],
    names: &[&str],
    place: &str,
    row: usize,
) -> anyhow::Result<Option<usize>> {
    let at = positions(header, names);
    if let [first, second, ..] = at[..] {
        bail!(
            "{place}: row {row} has the header «{}» twice, in the columns {} and {}: rename the column that is not meant",
            text::clean(&header[first]),
            column_letters(first),
            column_letters(second)
        );
    }
    Ok(at.first().copied())
}

/// The columns under the first of these headers that there is.
fn positions(header: &[String], names: &[&str]) -> Vec<usize> {
    // As version 0.1 has read them: what it left alone it would leave alone today.
    let key = |cell: &String| text::former_key(cell).unwrap_or_else(|| text::key(cell));
    let keys: Vec<String> = header.iter().map(key).collect();
    let under = |name: &&str| {
        let key = text::key(name);
        let at: Vec<usize> = (0..keys.len()).filter(|&i| keys[i] == key).collect();
        (!at.is_empty()).then_some(at)
    };
    names.iter().find_map(under).unwrap_or_default()
}

/// The column whose header is one of these with something beside it, as in «نام برند (فارسی)» or `Brand / نام برند`; `beside`
/// are others that may stand with them.
fn loosely(header: &[String], names: &[&str], beside: &[&str]) -> Option<usize> {
    let cells: Vec<Vec<String>> = header.iter().map(|cell| parts(cell)).collect();
    let keys: Vec<String> = names
        .iter()
        .chain(beside)
        .map(|name| text::key(name))
        .collect();
    let is_of_them =
        |parts: &Vec<String>| !parts.is_empty() && parts.iter().all(|part| keys.contains(part));
    keys[..names.len()].iter().find_map(|key| {
        cells
            .iter()
            .position(|parts| parts.contains(key) && is_of_them(parts))
    })
}

/// The header for which this one may have been meant, and how alike they are.
fn meant(cell: &str, names: &[&'static str]) -> Option<(&'static str, f64)> {
    let cell = text::key(cell);
    let likeness = |name: &&'static str| {
        let likeness = strsim::normalized_damerau_levenshtein(&cell, &text::key(name));
        (*name, likeness)
    };
    // Of headers that are as much alike, the last is taken: the first of the list.
    names
        .iter()
        .rev()
        .map(likeness)
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .max_by(|one, other| one.1.total_cmp(&other.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::header::heads_names;

    fn found(header: &[&str]) -> anyhow::Result<Columns> {
        let header: Vec<String> = header.iter().map(|&cell| cell.to_owned()).collect();
        Columns::find(&header, "the sheet", 1)?
            .ok_or_else(|| Columns::missing(&header, "the sheet", 1))
    }

    #[test]
    fn headers_are_found_in_any_order_and_language() {
        let columns = found(&["شرکت مادر", "تلفن", "نام برند", "وب سایت"]).unwrap();
        assert_eq!(
            columns,
            Columns {
                name: 2,
                website: Some(3),
                parent: Some(0),
                ..Columns::default()
            }
        );
        let columns = found(&["BRAND NAME ", "Phone"]).unwrap();
        assert_eq!(
            columns,
            Columns {
                name: 0,
                ..Columns::default()
            }
        );
        let columns = found(&["Company", "Brand"]).unwrap();
        assert_eq!(columns.name, 1);
    }

    #[test]
    fn headers_as_people_write_them_are_found() {
        for header in [
            "Company Name",
            "company_name",
            "نام شرکت",
            "Brand / نام برند",
            "نام برند (فارسی)",
            "Brand Name *",
            "نام برند:",
            "Brand\nنام برند",
            "*نام برند*",
            "[Brand]",
            "Brand Name (required)",
            "نام  برند",
            "BRAND | برند",
            "Brand - برند",
            "نام‌ برند",
            "العلامة التجارية",
            "brand-name",
            "brand.name",
            "«نام برند»",
        ] {
            assert_eq!(found(&["#", header]).unwrap().name, 1, "{header}");
            assert!(heads_names(header), "{header}");
        }
        for no_header in ["Brand Iran", "کاله / میهن", "(Brand)x", "گروه صنعتی", ""]
        {
            assert!(found(&[no_header]).is_err(), "{no_header}");
            assert!(!heads_names(no_header), "{no_header}");
        }
        let both = found(&[
            "نام برند (فارسی)",
            "نام برند (انگلیسی)",
            "وب‌سایت (رسمی)",
            "شرکت مادر / Parent",
        ])
        .unwrap();
        assert_eq!(
            (both.name, both.website, both.parent),
            (0, Some(2), Some(3))
        );
        // Read as before: another website would make all of its brands due.
        assert_eq!(
            found(&["Brand", "Website (official)"]).unwrap().website,
            None
        );
        assert_eq!(found(&["Company", "Brand (fa)"]).unwrap().name, 0);
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
        assert!(
            doubled.contains("«Website» twice, in the columns B and D"),
            "{doubled}"
        );
        let loading = found(&["Loading...", "x"]).unwrap_err().to_string();
        assert!(
            loading.contains("still loading") && loading.contains("run again"),
            "{loading}"
        );
        let error = found(&["#REF!"]).unwrap_err().to_string();
        assert!(error.contains("mend it"), "{error}");
        let near = found(&["Website", "Brnd Name"]).unwrap_err().to_string();
        assert!(
            near.contains("column B «Brnd Name»? Rename it to «Brand Name»"),
            "{near}"
        );
    }

    #[test]
    fn what_is_read_and_what_is_left_alone_is_told() {
        let header = [
            "اولویت",
            "Brand",
            "Phone",
            "Websit",
            "brandintel note",
            "Notes",
            "",
            "notes",
        ];
        let columns = found(&header).unwrap();
        assert_eq!(
            columns.to_string(),
            "name in column B, website none, parent company none, priority A, notes F"
        );
        assert_eq!(
            columns.left_alone(&header.map(str::to_owned)),
            [
                "C «Phone»",
                "D «Websit» (is it «Website»? Then rename it)",
                "H «notes» (as column F, which is read)"
            ]
        );
    }
}
