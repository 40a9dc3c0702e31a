//! The identity of brands: when two rows are the same brand, and whether a row has changed.

mod dates;
pub mod header;
mod names;
mod namesakes;
mod no_brand;
mod platforms;
pub mod row_options;

use self::namesakes::unite;
pub use self::no_brand::why_no_value;

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    brand::row_options::{RowOptions, TypedOptions},
    text,
};

/// Longest name that is taken for a name, in characters.
const NAME_LIMIT: usize = 120;

/// Longest website or parent company, in characters.
const CELL_LIMIT: usize = 500;

/// The identity of a brand: its name without what spelling varies in, and where its website is, if two brands of one list
/// share a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrandKey(Arc<str>);

impl fmt::Display for BrandKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BrandKey {
    /// A key as it was written down.
    pub fn stored(key: String) -> Self {
        Self(key.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_namesake(name: &str, place: &str) -> Self {
        Self(format!("{name}@{place}").into())
    }

    /// This key for a list whose brand of that name is another one than the brand that has the key already.
    pub fn in_list(&self, list: &ListMark) -> Self {
        Self(format!("{}{}", self.0, list.0).into())
    }

    /// The name in it: without the place of a website, and without what looks like the mark of a list.
    pub fn name(&self) -> &str {
        let name = self.0.split('@').next().unwrap_or_default();
        match name.rsplit_once(MARK) {
            Some((name, hash)) if hash.len() == MARK_HASH => name,
            _ => name,
        }
    }
}

/// The mark of a list begins with this, and ends with a hash of this length.
const MARK: char = '#';
const MARK_HASH: usize = 8;

/// What the keys of a list end with, where those without it are another list's.
#[derive(Clone, Debug)]
pub struct ListMark(String);

impl ListMark {
    /// The mark of this list.
    pub fn of(list: &str) -> Self {
        let hash = blake3::hash(list.as_bytes()).to_hex();
        Self(format!("{MARK}{}", &hash[..MARK_HASH]))
    }

    /// The mark as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A row of the list as somebody typed it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Row number as the spreadsheet counts: the header is usually row 1.
    pub number: usize,
    /// The cell under the brand header.
    pub name: String,
    /// The cell under the website header; empty where there is none.
    pub website: String,
    /// The cell under the parent company header; empty where there is none.
    pub parent: String,
    /// The cells under the optional headers.
    pub wishes: TypedOptions,
}

impl Row {
    /// Whether nobody typed anything into the columns that are read.
    pub fn is_empty(&self) -> bool {
        [&self.name, &self.website, &self.parent]
            .iter()
            .all(|cell| text::clean(cell).is_empty())
    }
}

/// One brand to research, from one row or several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Brand {
    /// Its identity in the registry.
    pub key: BrandKey,
    /// The name as given, cleaned of invisible marks.
    pub name: String,
    /// Its own site.
    pub website: Option<Url>,
    /// The parent company that the list claims.
    pub parent: Option<String>,
    /// The rows it stands in.
    pub rows: Vec<usize>,
    /// What the list asks for besides; no part of the fingerprint.
    pub wishes: RowOptions,
    /// What version 0.1 made of its rows, where that was something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
}

/// The identity that version 0.1 gave a row: what it has paid for is not paid for again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Former {
    /// The key of the name.
    name: String,
    hash: String,
}

impl Brand {
    /// A fingerprint of what was typed (name, website, parent, normalised): while it stays, the brand is unchanged.
    pub fn input_hash(&self) -> String {
        let parent = self.parent.as_deref().map(text::key);
        fingerprint(
            &names::key(&self.name),
            self.website.as_ref(),
            parent.as_deref(),
        )
    }

    /// Whether this is the fingerprint of what was typed, as any version has made it.
    pub fn has_hash(&self, hash: &str, now: &str) -> bool {
        hash == now || self.former.iter().any(|former| former.hash == hash)
    }

    /// The keys that this brand may have had, when other brands of its name were in the list or were not.
    pub fn possible_keys(&self) -> Vec<BrandKey> {
        let name = names::key(&self.name);
        let mut keys = vec![BrandKey::stored(name.clone())];
        let names = std::iter::once(&name).chain(self.former.iter().map(|former| &former.name));
        for (i, name) in names.enumerate() {
            if i > 0 {
                keys.push(BrandKey::stored(name.clone()));
            }
            if let Some(website) = &self.website {
                let place = platforms::place(website);
                let host = host(website);
                keys.extend((place != host).then(|| BrandKey::of_namesake(name, &place)));
                keys.push(BrandKey::of_namesake(name, &host));
            }
        }
        keys
    }

    /// Takes in another row of the same brand. Of different cells the same one is taken whatever the order of the rows.
    fn merge(&mut self, row: Self) {
        self.rows.extend(row.rows);
        self.wishes.merge(row.wishes);
        self.former.extend(row.former);
        self.former.sort();
        self.former.dedup();
        self.website = [self.website.take(), row.website]
            .into_iter()
            .flatten()
            .min();
        self.parent = [self.parent.take(), row.parent].into_iter().flatten().min();
    }

    /// The host of its website without `www.`.
    pub fn host(&self) -> Option<String> {
        self.website.as_ref().map(host)
    }
}

/// A row that names no brand, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Row number as the spreadsheet counts.
    pub number: usize,
    /// What stands in the name cell, shortened.
    pub name: String,
    /// What is wrong and how to mend it.
    pub reason: String,
    /// A brand may be missing by it; not where the row adds up others or repeats the header.
    pub brand_missing: bool,
}

/// The brands of a list, each once, in the order of their first rows.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What can be researched.
    pub brands: Vec<Brand>,
    /// Rows that name no brand.
    pub rejected: Vec<RejectedRow>,
    /// What the user should know but need not mend.
    pub notes: Vec<String>,
}

/// Makes brands of rows: duplicates become one brand, rows that name none are set aside with the reason. Which rows are
/// a brand, and its key, do not depend on the order of the rows.
pub fn gather(rows: impl IntoIterator<Item: Borrow<Row>>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut named = Vec::new();
    for row in rows {
        match read(row.borrow(), &mut gathered.notes) {
            Some(Ok(brand)) => named.push(brand),
            Some(Err(rejected)) => gathered.rejected.push(rejected),
            None => {}
        }
    }
    gathered.brands = unite(named, &mut gathered.notes);
    gathered
}

/// The brand that a row names, as if there were no other row; `None` for an empty one.
pub fn read(row: &Row, notes: &mut Vec<String>) -> Option<Result<Brand, RejectedRow>> {
    (!row.is_empty()).then(|| read_row(row, notes))
}

fn read_row(row: &Row, notes: &mut Vec<String>) -> Result<Brand, RejectedRow> {
    let named =
        names::read(&without_logins(&row.name), &row.website).map_err(|reason| RejectedRow {
            number: row.number,
            name: text::shorten(&without_logins(&text::clean(&row.name)), 40),
            brand_missing: !no_brand::belongs_to_lists(&text::clean(&row.name)),
            reason,
        })?;
    for (what, cell) in [("website", &row.website), ("parent company", &row.parent)] {
        // Without it the row would be another one, and paid for again when it is there.
        if no_brand::is_loading_cell(&text::clean(cell)) {
            return Err(RejectedRow {
                number: row.number,
                name: text::shorten(&text::clean(&row.name), 40),
                brand_missing: true,
                reason: format!(
                    "its {what} was still loading when the list was read: run again when the sheet shows it"
                ),
            });
        }
    }
    let mut note = |note: &str| notes.push(format!("row {}: {note}", row.number));
    let website = read_website(&row.website).unwrap_or_else(|reason| {
        note(&format!("{reason}; researched without it"));
        None
    });
    let parent = read_parent(&row.parent).unwrap_or_else(|reason| {
        note(&format!("{reason}; researched without it"));
        None
    });
    let former = former(row, &named, website.as_ref());
    // «Booking.com» beside its own website is no slip.
    let is_told = named.by_address && (website.is_none() || named.name != text::clean(&row.name));
    let website = website.or(named.website);
    if is_told {
        let at = website
            .as_ref()
            .map_or_else(String::new, |at| format!(" with the website {at}"));
        let name = &named.name;
        note(&format!(
            "an address stands where the brand name should be: researched as «{name}»{at}"
        ));
    }
    Ok(Brand {
        key: named.key,
        name: named.name,
        website,
        parent,
        rows: vec![row.number],
        wishes: RowOptions::read(&row.wishes, row.number, notes),
        former,
    })
}

/// What version 0.1 made of a row, where that was something else.
fn former(row: &Row, named: &names::Named, website: Option<&Url>) -> Vec<Former> {
    let typed = text::clean(&without_logins(&row.name));
    let parent = read_former_parent(&without_logins(&row.parent));
    let former_name = text::former_key(&typed);
    let former_parent = parent.as_deref().and_then(text::former_key);
    let is_parent_now = parent
        .as_deref()
        .is_none_or(|parent| !no_brand::is_error(parent));
    if former_name.is_none() && former_parent.is_none() && !named.by_address && is_parent_now {
        return Vec::new();
    }
    let name = former_name.unwrap_or_else(|| text::key(&typed));
    let parent = former_parent.or_else(|| parent.as_deref().map(text::key));
    let hash = fingerprint(&name, website, parent.as_deref());
    vec![Former { name, hash }]
}

fn fingerprint(name: &str, website: Option<&Url>, parent: Option<&str>) -> String {
    let website = website.map(|url| {
        let path = url.path().trim_end_matches('/');
        format!("{}{path}?{}", host(url), url.query().unwrap_or_default())
    });
    let typed = serde_json::json!([name, website, parent]);
    blake3::hash(typed.to_string().as_bytes()).to_hex()[..16].to_owned()
}

/// Reads the cell of the parent company; `Ok(None)` where it says that there is none.
fn read_parent(cell: &str) -> Result<Option<String>, String> {
    let parent = read_former_parent(&without_logins(cell));
    match parent {
        Some(parent) if no_brand::is_error(&parent) => Err(format!(
            "«{}» is no parent company",
            text::shorten(&parent, 40)
        )),
        parent => Ok(parent),
    }
}

/// A text in which addresses have no user and password any more.
fn without_logins(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        kept += before;
        let end = |c: char| matches!(c, '/' | '?' | '#') || c.is_whitespace();
        let authority = &address[..address.find(end).unwrap_or(address.len())];
        rest = &address[authority.rfind('@').map_or(0, |at| at + 1)..];
    }
    kept + rest
}

/// The parent company as version 0.1 has read it.
fn read_former_parent(cell: &str) -> Option<String> {
    let parent = text::clean(cell);
    (!is_blank(&parent)).then(|| text::shorten(&parent, CELL_LIMIT))
}

/// Reads an address with or without its scheme; `Ok(None)` where the cell says that there is none.
pub fn read_website(cell: &str) -> Result<Option<Url>, String> {
    let mut typed = text::clean(cell);
    // In a Persian domain a half-space is a letter; in all others it came along from a chat.
    if typed.chars().all(|c| c.is_ascii() || c == text::HALF_SPACE) {
        typed.retain(|c| c != text::HALF_SPACE);
    }
    if is_blank(&typed) {
        return Ok(None);
    }
    // What stands before an @ may be a password.
    let shown = typed.rsplit('@').next().unwrap_or_default();
    let wrong = || format!("«{}» is not a web address", text::shorten(shown, 60));
    if typed.chars().count() > CELL_LIMIT || typed.contains(' ') {
        return Err(wrong());
    }
    let address = if typed.contains("://") {
        typed.clone()
    } else {
        format!("https://{typed}")
    };
    let mut url = Url::parse(&address).map_err(|_| wrong())?;
    // A login is nobody's business: not the model's, the search's, the log's or the reader's.
    if url.set_username("").is_ok() {
        let _ = url.set_password(None);
    }
    let names_a_host = url.domain().is_some_and(|domain| {
        domain
            .trim_end_matches('.')
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && !rest.is_empty())
    });
    if matches!(url.scheme(), "http" | "https") && names_a_host {
        Ok(Some(url))
    } else {
        Err(wrong())
    }
}

/// The host without `www.`; it is lower case and, for a Persian domain, in its ASCII form.
pub fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    // `www.ir` is a host of its own, and not all of Iran.
    let bare = host.strip_prefix("www.").filter(|bare| bare.contains('.'));
    bare.unwrap_or(host).to_owned()
}

/// What people type for "nothing".
fn is_blank(cell: &str) -> bool {
    matches!(
        text::fold(cell).as_str(),
        "" | "-" | "--" | "—" | "–" | "ندارد" | "نامشخص" | "n/a" | "na" | "none" | "null" | "?"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn row(number: usize, name: &str, website: &str, parent: &str) -> Row {
        Row {
            number,
            name: name.into(),
            website: website.into(),
            parent: parent.into(),
            ..Row::default()
        }
    }

    #[test]
    fn spellings_and_repeats_are_one_brand() {
        let gathered = gather(&[
            row(2, "دیجی‌کالا", "", ""),
            row(3, "", "", ""),
            row(4, "ديجي كالا", "https://www.digikala.com/", "گروه دیجی‌کالا"),
            row(5, "دیجیکالا", "digikala.com", ""),
        ]);
        assert_eq!(gathered.brands.len(), 1);
        let brand = &gathered.brands[0];
        assert_eq!(brand.rows, [2, 4, 5]);
        assert_eq!(brand.host().as_deref(), Some("digikala.com"));
        assert_eq!(brand.parent.as_deref(), Some("گروه دیجی‌کالا"));
        assert!(gathered.rejected.is_empty());
    }

    #[test]
    fn namesakes_with_other_websites_are_brands_of_their_own() {
        let gathered = gather(&[
            row(2, "آسمان", "https://www.iaa.ir", ""),
            row(3, "آسمان", "https://asemanbook.ir", ""),
            row(4, "آسمان", "", ""),
            row(5, "آسمان", "iaa.ir/about", ""),
        ]);
        let brands: Vec<_> = gathered
            .brands
            .iter()
            .map(|brand| (brand.key.as_str(), brand.rows.as_slice()))
            .collect();
        assert_eq!(
            brands,
            [
                ("آسمان@iaa.ir", &[2, 5][..]),
                ("آسمان@asemanbook.ir", &[3]),
                ("آسمان", &[4])
            ]
        );
        assert_eq!(gathered.notes.len(), 2, "{:?}", gathered.notes);
        assert!(
            gathered.notes[1].contains("row 5 as row 2"),
            "{:?}",
            gathered.notes
        );
    }

    #[test]
    fn rows_that_name_no_brand_say_why() {
        let long = "ک".repeat(10_000);
        let gathered = gather(&[
            row(2, "=IMPORTXML(\"http://x\")", "", ""),
            row(3, &long, "", ""),
            row(4, "---", "", ""),
            row(5, "", "https://x.ir", ""),
            row(6, "#REF!", "", ""),
        ]);
        assert!(gathered.brands.is_empty());
        let reasons: Vec<_> = gathered
            .rejected
            .iter()
            .map(|r| r.reason.as_str())
            .collect();
        assert!(reasons[0].contains("formula"));
        assert!(reasons[1].contains("10000 characters"));
        assert!(reasons[2].contains("no letter"));
        assert!(reasons[3].contains("no brand name"));
        assert!(reasons[4].contains("#REF!"));
        assert!(gathered.rejected[1].name.chars().count() <= 40);
    }

    #[test]
    fn a_bad_website_costs_only_the_website() {
        let gathered = gather(&[
            row(2, "کاله", "kalleh", ""),
            row(3, "میهن", "javascript:alert(1)", ""),
        ]);
        assert_eq!(gathered.brands.len(), 2);
        assert!(gathered.brands.iter().all(|b| b.website.is_none()));
        assert_eq!(gathered.notes.len(), 2);
    }

    #[test]
    fn a_login_in_a_cell_is_no_part_of_what_is_read() {
        let gathered = gather(&[
            row(
                2,
                "کاله",
                "https://me:hunter2@kalleh.com/fa",
                "ftp://me:hunter2@x.ir",
            ),
            row(3, "میهن", "me:hunter2@mihan.ir", ""),
            row(4, "پاک", "ftp://me:hunter2@pak.ir", ""),
            row(5, "هراز", "https://me:hunt er2@haraz.ir", ""),
            row(6, "https://me:hunter2@x.ir", "", ""),
        ]);
        let told = format!("{gathered:?}");
        assert!(!told.contains("hunt"), "{told}");
        let websites: Vec<_> = gathered.brands.iter().map(Brand::host).collect();
        assert_eq!(websites[0].as_deref(), Some("kalleh.com"));
        assert_eq!(websites[1].as_deref(), Some("mihan.ir"));
        // Two websites that are none, and an address in a name's place.
        assert_eq!(gathered.notes.len(), 3, "{:?}", gathered.notes);
    }

    #[test]
    fn an_address_from_a_chat_is_read_without_its_marks() {
        for cell in [
            "\u{200F}https://kalleh.com/\u{200E}",
            "https://kal\u{200C}leh.com/",
            "\u{2067}kalleh.com\u{2069}\u{200B}",
        ] {
            let read = read_website(cell).unwrap().unwrap();
            assert_eq!(read.as_str(), "https://kalleh.com/", "{cell:?}");
        }
    }

    #[test]
    fn only_what_was_typed_changes_the_hash() {
        let hash = |name: &str, site: &str, parent: &str| {
            gather(&[row(2, name, site, parent)]).brands[0].input_hash()
        };
        let first = hash("کاله", "https://www.kalleh.com", "سولیکو");
        assert_eq!(first, hash("كاله", "kalleh.com/", "سوليكو"));
        assert_ne!(first, hash("کاله", "kalleh.com/", ""));
        assert_ne!(first, hash("کاله", "kalleh.ir", "سولیکو"));
    }

    proptest! {
        /// Odd cells too: each row is one brand's or is set aside, whatever the order, and whoever copies what is shown
        /// of a brand into the list has not changed it.
        #[test]
        fn what_is_shown_of_a_brand_is_that_brand(
            rows in proptest::collection::vec((
                "(|@|https://|www\\.|\\*|\\(|«|\")(|a|b|نیک|true|total|n/a|booking|t\\.me/|instagram\\.com/|1402|#REF!|=|50%|mar-24)(|a|b)(|\\.com|\\.ir|/x|\\)|»|\"|،|™|!| \\(r\\)|/05/01|:12|¬|\u{3164})",
                "(|a\\.ir|total\\.com|instagram\\.com|instagram\\.com/x|instagram\\.com/y|Loading\\.\\.\\.)",
            ), 0..6),
        ) {
            let rows: Vec<Row> = rows.iter().enumerate().map(|(i, (n, w))| row(i + 2, n, w, "")).collect();
            let gathered = gather(&rows);
            let mut seen: Vec<usize> = gathered.brands.iter().flat_map(|b| b.rows.clone())
                .chain(gathered.rejected.iter().map(|r| r.number)).collect();
            seen.sort_unstable();
            let filled: Vec<usize> = rows.iter().filter(|r| !r.is_empty()).map(|r| r.number).collect();
            prop_assert_eq!(seen, filled);
            let identities = |brands: &[Brand]| -> BTreeSet<_> {
                brands.iter().map(|b| (b.key.clone(), b.input_hash(), b.rows.iter().copied().collect::<BTreeSet<_>>())).collect()
            };
            let reversed: Vec<Row> = rows.iter().rev().cloned().collect();
            prop_assert_eq!(identities(&gathered.brands), identities(&gather(&reversed).brands));
            for brand in &gathered.brands {
                prop_assert!(brand.possible_keys().contains(&brand.key), "{brand:?}");
                let website = brand.website.as_ref().map_or("", Url::as_str);
                let again = gather([row(2, &brand.name, website, "")]);
                prop_assert_eq!(again.brands.len(), 1, "{:?} {:?}", brand, again.rejected);
                prop_assert_eq!(again.brands[0].input_hash(), brand.input_hash(), "{:?}", brand);
            }
        }
    }

    proptest! {
        /// Somebody sorts the sheet: the same rows are the same brands, with the same fingerprints.
        #[test]
        fn the_order_of_the_rows_does_not_matter(
            rows in proptest::collection::vec(("[aب]", "(|a\\.ir|b\\.ir|b\\.ir/x)", "(|p|q)"), 0..8),
            seed in any::<u64>(),
        ) {
            let rows: Vec<Row> = rows.iter().enumerate().map(|(i, (n, w, p))| row(i + 2, n, w, p)).collect();
            let mut sorted = rows.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut sorted);
            let brands = |rows: &[Row]| -> BTreeSet<_> {
                let gathered = gather(rows);
                gathered.brands.iter().map(|brand| {
                    let rows: BTreeSet<usize> = brand.rows.iter().copied().collect();
                    (brand.key.clone(), brand.input_hash(), rows)
                }).collect()
            };
            prop_assert_eq!(brands(&rows), brands(&sorted));
        }

        #[test]
        fn every_row_ends_somewhere(names in proptest::collection::vec("\\PC{0,12}", 0..30)) {
            let rows: Vec<Row> = names.iter().enumerate().map(|(i, n)| row(i + 2, n, "", "")).collect();
            let gathered = gather(&rows);
            let mut seen: Vec<usize> = gathered.brands.iter().flat_map(|b| b.rows.clone())
                .chain(gathered.rejected.iter().map(|r| r.number)).collect();
            seen.sort_unstable();
            let expected: Vec<usize> = rows.iter().filter(|r| !r.is_empty()).map(|r| r.number).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
