//! The tabs and cells of a workbook, which may be far larger than its file.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, anyhow, ensure};
use calamine::{
    Data, Dimensions, ExcelDateTime, Ods, Reader, Sheet, SheetType, SheetVisible, Xls, Xlsx,
};
use zip::ZipArchive;

use super::{
    Header, TOP, Table, find_header,
    tabs::{self, Candidates, ListTab},
};
use crate::{
    sheets::client::{GridRange, column_letters},
    text,
};

/// Cells of a workbook's tab at most, blank ones between others included: a Google Sheet has no more either.
const CELLS: usize = 10_000_000;

/// Bytes of all texts in a workbook, unpacked: a list of 100,000 brands has a quarter of it, and five times as much memory
/// is the most that they take when they are read.
const UNPACKED: u64 = 128 << 20;

/// Bytes of a cell that are kept: Excel allows 32,767 characters.
const CELL: usize = 100_000;

/// Merged cells that are named.
const MERGED_SHOWN: usize = 5;

/// What workbooks are read from.
trait WorkbookSource: Read + Seek {}
impl<T: Read + Seek> WorkbookSource for T {}

/// A workbook of any kind.
enum WorkbookFile {
    Xlsx(Box<Xlsx<Box<dyn WorkbookSource>>>),
    Xls(Box<Xls<Box<dyn WorkbookSource>>>),
    Ods(Box<Ods<Box<dyn WorkbookSource>>>),
}

/// Reads the list of a workbook: from the tab that was asked for, from `INPUT`, or from the first that has a header.
///
/// # Errors
/// When it is no workbook, is too large, or no tab has a list.
pub fn read(path: &Path, asked: Option<&str>, place: &str) -> anyhow::Result<Table> {
    let open = || {
        let file =
            File::open(path).with_context(|| format!("{place} cannot be read: is the path right?"));
        file.map(|file| -> Box<dyn WorkbookSource> { Box::new(BufReader::new(file)) })
    };
    let book = WorkbookFile::open(open, place)?;
    let named = |tab: &str, tabs: usize| match tabs {
        1 => place.to_owned(),
        _ => format!("{place}, tab «{tab}»"),
    };
    let (_, table) = book.list(asked, place, named)?;
    Ok(table)
}

/// Reads the list of a workbook that is in memory. Returns the tab's name too.
pub fn read_bytes(bytes: Vec<u8>, asked: Option<&str>) -> anyhow::Result<(String, Table)> {
    let place = "the spreadsheet";
    let bytes: Arc<[u8]> = bytes.into();
    let open = || -> anyhow::Result<Box<dyn WorkbookSource>> {
        Ok(Box::new(Cursor::new(Arc::clone(&bytes))))
    };
    WorkbookFile::open(open, place)
        .context("the exported spreadsheet cannot be read as a workbook")?
        .list(asked, place, |tab, _| format!("tab «{tab}»"))
}

impl WorkbookFile {
    /// Opens a workbook by its content, whatever its file is called.
    fn open(
        open: impl Fn() -> anyhow::Result<Box<dyn WorkbookSource>>,
        place: &str,
    ) -> anyhow::Result<Self> {
        let mut begin = [0; 4];
        let read = open()?
            .read(&mut begin)
            .with_context(|| format!("{place} cannot be read"))?;
        if !begin[..read].starts_with(b"PK") {
            let book = Xls::new(open()?).map_err(|_| not_a_workbook(place))?;
            return Ok(Self::Xls(Box::new(book)));
        }
        let mut archive = ZipArchive::new(open()?).map_err(|_| not_a_workbook(place))?;
        check_size(&mut archive, place)?;
        let is_ods = archive.index_for_name("content.xml").is_some();
        drop(archive);
        if is_ods {
            let book = Ods::new(open()?).map_err(|_| not_a_workbook(place))?;
            return Ok(Self::Ods(Box::new(book)));
        }
        let book = Xlsx::new(open()?).map_err(|_| not_a_workbook(place))?;
        Ok(Self::Xlsx(Box::new(book)))
    }

    fn tabs(&self) -> Vec<ListTab> {
        let sheets = match self {
            Self::Xlsx(book) => book.sheets_metadata(),
            Self::Xls(book) => book.sheets_metadata(),
            Self::Ods(book) => book.sheets_metadata(),
        };
        let tab = |sheet: &Sheet| ListTab {
            title: sheet.name.clone(),
            hidden: sheet.visible != SheetVisible::Visible,
            without_cells: sheet.typ != SheetType::WorkSheet,
        };
        sheets.iter().map(tab).collect()
    }

    /// Finds the tab with the list, and reads it. `named` is what messages call a tab of so many.
    fn list(
        mut self,
        asked: Option<&str>,
        place: &str,
        named: impl Fn(&str, usize) -> String,
    ) -> anyhow::Result<(String, Table)> {
        let tabs = self.tabs();
        let (tab, note) = match tabs::candidates(&tabs, asked, None, place)? {
            Candidates::One(tab) => (tab, None),
            Candidates::Some(some) => {
                let top = |tab: &usize| self.cells(&tabs[*tab].title, TOP, place);
                let tops: Vec<_> = some.iter().map(top).collect::<anyhow::Result<_>>()?;
                tabs::choose(&tabs, &some, &tops, place)?
            }
        };
        let title = tabs[tab].title.clone();
        let place = named(&title, tabs.len());
        let cells = self.cells(&title, usize::MAX, &place)?;
        let header = find_header(&cells, &place).map_err(|error| match tabs.len() {
            1 => error,
            _ => anyhow!(
                "{error}. Its tabs are {}; --tab chooses one",
                tabs::all(&tabs)
            ),
        })?;
        let merged = merged_note(&self.merged(&title), &header, &cells);
        let mut table = Table::below(&header, cells);
        table.tab = (tabs.len() > 1).then(|| title.clone());
        table.notes.extend(note);
        table.notes.extend(merged);
        Ok((title, table))
    }

    /// The cells of a tab in so many rows from the first on.
    fn cells(&mut self, tab: &str, rows: usize, place: &str) -> anyhow::Result<Vec<Vec<String>>> {
        match self {
            Self::Xlsx(book) => cells_of_xlsx(book, tab, rows, place),
            Self::Xls(book) => cells(&mut **book, tab, place),
            Self::Ods(book) => cells(&mut **book, tab, place),
        }
    }

    /// The merged cells of a tab, as far as this kind of workbook tells.
    fn merged(&mut self, tab: &str) -> Vec<Merged> {
        let merged = match self {
            Self::Xlsx(book) => book.merge_cells_by_sheet_name(tab).unwrap_or_default(),
            Self::Xls(book) => book.merge_cells_by_sheet_name(tab).unwrap_or_default(),
            Self::Ods(_) => Vec::new(),
        };
        merged.iter().map(Merged::of).collect()
    }
}

// The reader's own words are of ZIP containers, which nobody has asked for.
fn not_a_workbook(place: &str) -> anyhow::Error {
    anyhow!(
        "{place} cannot be read as a workbook: open it in Excel, take off its password where it has one, and save it again as .xlsx"
    )
}

/// Unpacks every text once and keeps nothing: what a file says of its own size need not be true.
fn check_size<R: Read + Seek>(archive: &mut ZipArchive<R>, place: &str) -> anyhow::Result<()> {
    let mut left = UNPACKED;
    for i in 0..archive.len() {
        let part = archive.by_index(i).map_err(|_| not_a_workbook(place))?;
        let name = part
            .name()
            .map_err(|_| not_a_workbook(place))?
            .to_lowercase();
        // Pictures are not looked at.
        if ![".xml", ".rels", ".bin"]
            .iter()
            .any(|ending| name.ends_with(ending))
        {
            continue;
        }
        let unpacked = io::copy(&mut part.take(left + 1), &mut io::sink());
        let unpacked = unpacked.map_err(|_| not_a_workbook(place))?;
        ensure!(
            unpacked <= left,
            "{place} is far larger than its file: more than {} MB when it is unpacked. Delete the tabs, rows and columns beyond the list and save it again, or save the list as CSV",
            UNPACKED >> 20
        );
        left -= unpacked;
    }
    Ok(())
}

/// The cells of a tab, one by one: a single stray cell in the last corner makes a tab of 17,000,000,000 cells.
fn cells_of_xlsx<F: Read + Seek>(
    book: &mut Xlsx<F>,
    tab: &str,
    rows: usize,
    place: &str,
) -> anyhow::Result<Vec<Vec<String>>> {
    let bad = || unreadable(tab, place);
    let mut reader = book.worksheet_cells_reader(tab).with_context(bad)?;
    let (mut cells, mut width): (Vec<Vec<String>>, usize) = (Vec::new(), 0);
    while let Some((cell, style)) = reader.next_cell_with_style_id().with_context(bad)? {
        let value = Data::from(cell.get_value().clone());
        if value == Data::Empty {
            continue;
        }
        let (row, column) = cell.get_position();
        let (row, column) = (row as usize, column as usize);
        if row >= rows {
            break;
        }
        width = width.max(column + 1);
        let height = cells.len().max(row + 1);
        check_cells(height, width, tab, place)?;
        let format = reader.styles().get(style);
        let format = format.and_then(|style| style.number_format.as_ref());
        let format = format.map_or("", |format| format.format_code.as_str());
        cells.resize_with(height, Vec::new);
        let cells = &mut cells[row];
        cells.resize(cells.len().max(column + 1), String::new());
        cells[column] = in_format(&value, format).unwrap_or_else(|| shown(&value));
    }
    Ok(cells)
}

fn check_cells(height: usize, width: usize, tab: &str, place: &str) -> anyhow::Result<()> {
    ensure!(
        height.saturating_mul(width) <= CELLS,
        "{place}: tab {tab} reaches to row {height} and column {}, which are more than {CELLS} cells: delete the rows and columns beyond the list, which may have a stray cell, and save it again",
        column_letters(width.saturating_sub(1))
    );
    Ok(())
}

fn cells<F: Read + Seek, B: Reader<F, Error: std::error::Error + Send + Sync + 'static>>(
    book: &mut B,
    tab: &str,
    place: &str,
) -> anyhow::Result<Vec<Vec<String>>> {
    let range = book
        .worksheet_range(tab)
        .with_context(|| unreadable(tab, place))?;
    // The range begins at the first cell that is used; row numbers are those of the file.
    let (top, left) = range.start().unwrap_or((0, 0));
    let (top, left) = (top as usize, left as usize);
    check_cells(top + range.height(), left + range.width(), tab, place)?;
    let mut cells = vec![Vec::new(); top];
    cells.extend(range.rows().map(|row| {
        let mut cells = vec![String::new(); left];
        cells.extend(row.iter().map(shown));
        cells
    }));
    Ok(cells)
}

fn unreadable(tab: &str, place: &str) -> String {
    format!("{place}: tab {tab} cannot be read: open the file and save it again as .xlsx")
}

/// A cell as a person sees it.
fn shown(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text[..text.floor_char_boundary(CELL)].to_owned(),
        Data::DateTime(at) => date(*at),
        Data::Bool(true) => "TRUE".into(),
        Data::Bool(false) => "FALSE".into(),
        other => other.to_string(),
    }
}

/// A number in a format that makes another text of it: a percentage, or zeros before it.
fn in_format(cell: &Data, format: &str) -> Option<String> {
    let number = match cell {
        Data::Float(number) => *number,
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers in cells are 64-bit floats"
        )]
        Data::Int(number) => *number as f64,
        _ => return None,
    };
    let code = format.split(';').next().unwrap_or_default();
    if let Some(of_percent) = code.strip_suffix('%') {
        let decimals = of_percent
            .split_once('.')
            .map_or(0, |(_, zeros)| zeros.len());
        return Some(format!("{:.decimals$}%", number * 100.0));
    }
    let zeros = code.len();
    let is_padded = zeros > 1 && zeros <= 20 && code.chars().all(|c| c == '0');
    is_padded.then(|| format!("{number:0zeros$.0}"))
}

/// A date, a time or both, in the order of the standard.
fn date(at: ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    let seconds = match second {
        0 => String::new(),
        second => format!(":{second:02}"),
    };
    if at.is_duration() {
        let hours = (at.as_f64() * 24.0 + 1e-6).floor();
        return format!("{hours:.0}:{minute:02}{seconds}");
    }
    let day = format!("{year:04}-{month:02}-{day:02}");
    let time = format!("{hour:02}:{minute:02}{seconds}");
    match (at.as_f64() < 1.0, at.as_f64().fract() == 0.0) {
        (true, _) => time,
        (false, true) => day,
        (false, false) => format!("{day} {time}"),
    }
}

/// Cells that are one; rows and columns counted from 0, the last ones included.
#[derive(Clone, Copy, Debug)]
pub struct Merged {
    pub rows: (usize, usize),
    pub columns: (usize, usize),
}

impl Merged {
    /// The same as the service of sheets says it.
    pub fn of_range(of: &GridRange) -> Self {
        let last = |end: Option<usize>| end.map_or(usize::MAX, |end| end.saturating_sub(1));
        Self {
            rows: (of.top, last(of.bottom)),
            columns: (of.left, last(of.right)),
        }
    }

    fn of(of: &Dimensions) -> Self {
        Self {
            rows: (of.start.0 as usize, of.end.0 as usize),
            columns: (of.start.1 as usize, of.end.1 as usize),
        }
    }
}

/// What is said of merged cells below the header, in columns that are read: all but the first of them are empty.
pub fn merged_note(merged: &[Merged], header: &Header, cells: &[Vec<String>]) -> Option<String> {
    let read = header.columns.positions();
    let mut told = merged.iter().filter_map(|merged| {
        let (first, last) = merged.rows;
        let column = read
            .iter()
            .find(|column| (merged.columns.0..=merged.columns.1).contains(*column))?;
        let is_below = first >= header.last && last > first;
        is_below.then(|| {
            let letters = column_letters(*column);
            let text = cells.get(first).and_then(|row| row.get(merged.columns.0));
            let text = text::shorten(&text::clean(text.map_or("", String::as_str)), 30);
            format!(
                "{letters}{}:{letters}{} («{text}»)",
                first + 1,
                last.saturating_add(1)
            )
        })
    });
    let named: Vec<String> = told.by_ref().take(MERGED_SHOWN).collect();
    let more = match told.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty()).then(|| {
        format!(
            "merged cells count for their first row alone: {}{more}. Unmerge them and write the text into each row",
            named.join(", ")
        )
    })
}
