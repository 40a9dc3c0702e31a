//! The workbook of all reports: the look and the limits of its sheets. Their contents are in `workbook_sheets`.

use std::{
    io::{Seek, Write},
    path::Path,
};

use rust_xlsxwriter::{DocProperties, Workbook, Worksheet};

use super::{
    owners_sheet,
    view::Tongue,
    workbook_sheets::{Cell, Column, MARGINS, SHEETS, SIMULATED, Sheet},
    workbook_style::{Formats, WARNING},
};
use crate::{ownership::Families, report::Report};

/// Excel's limit for a sheet.
const ROW_LIMIT: u32 = 1_048_576;

/// A4, as Excel counts paper.
const A4: u8 = 9;

/// The height of a line and the greatest height of a row, in points.
const LINE: u32 = 15;
const TALLEST: u32 = 409;

/// Rows of a sheet whose height is told, because each one told is kept in memory; of others the program that opens the
/// workbook finds it.
const MEASURED_ROWS: u32 = 5_000;

/// Room for the button of the filter, in characters.
const BUTTON: usize = 5;

/// The workbook, written report by report: what has been added is on disk and not in memory.
pub struct Book {
    workbook: Workbook,
    t: Tongue,
    /// Some report is of simulated services: every sheet says which.
    simulated: bool,
    formats: Formats,
    sheets: Vec<WorkbookProgress>,
    row_limit: u32,
}

/// How far a sheet is.
struct WorkbookProgress {
    /// Rows so far, the header among them.
    rows: u32,
    /// The longest line of each column, in characters.
    longest: Vec<usize>,
    /// Reports whose rows found no room.
    left_out: usize,
}

impl Book {
    /// A workbook without reports: sheets with frozen headers, ready to be printed. Until it is written, its rows wait
    /// in a folder that has room for it.
    pub fn new(t: Tongue, simulated: bool, folder: &Path) -> anyhow::Result<Self> {
        Self::with_row_limit(t, simulated, folder, ROW_LIMIT)
    }

    fn with_row_limit(
        t: Tongue,
        simulated: bool,
        folder: &Path,
        row_limit: u32,
    ) -> anyhow::Result<Self> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder)?;
        let mut book = Self {
            workbook,
            t,
            simulated,
            formats: Formats::new(t, simulated),
            sheets: Vec::new(),
            row_limit,
        };
        book.workbook.set_properties(&properties(t, simulated));
        for sheet in &SHEETS {
            let columns: Vec<&Column> = sheet.columns(simulated).collect();
            let page = book.workbook.add_worksheet_with_constant_memory()?;
            set_up(page, sheet, t, simulated)?;
            page.set_row_height(0, 2 * LINE + 4)?;
            for (number, column) in (0u16..).zip(&columns) {
                page.write_string_with_format(0, number, column.title(t), &book.formats.header)?;
            }
            book.sheets.push(WorkbookProgress {
                rows: 1,
                longest: vec![0; columns.len()],
                left_out: 0,
            });
        }
        Ok(book)
    }

    /// Adds what a report says to every sheet that has room for all of it.
    pub fn add(&mut self, report: &Report) -> anyhow::Result<()> {
        for (i, sheet) in SHEETS.iter().enumerate() {
            self.put(i, sheet.rows(self.t, report, self.simulated))?;
        }
        Ok(())
    }

    /// Adds what all reports together say of owners, to the last sheet.
    pub fn add_owners(&mut self, families: &Families) -> anyhow::Result<()> {
        for (edge, remark) in families.remarked() {
            let mut row = owners_sheet::row(self.t, edge, remark);
            if self.simulated {
                row.insert(1, Cell::text(self.t.pick("بله", "yes")));
            }
            self.put(SHEETS.len() - 1, vec![row])?;
        }
        Ok(())
    }

    fn put(&mut self, i: usize, rows: Vec<Vec<Cell>>) -> anyhow::Result<()> {
        let (sheet, progress) = (&SHEETS[i], &mut self.sheets[i]);
        // The last row is for the note that there is more.
        let room = self.row_limit.saturating_sub(progress.rows + 1) as usize;
        if progress.left_out > 0 || rows.len() > room {
            progress.left_out += 1;
            return Ok(());
        }
        let page = self.workbook.worksheet_from_index(i)?;
        for cells in rows {
            if progress.rows < MEASURED_ROWS {
                let columns = sheet.columns(self.simulated);
                measure(page, progress.rows, columns, &cells)?;
            }
            for (column, cell) in cells.into_iter().enumerate() {
                let longest = &mut progress.longest[column];
                *longest = (*longest).max(cell.length());
                let column = u16::try_from(column)?;
                self.formats.write(page, progress.rows, column, cell)?;
            }
            progress.rows += 1;
        }
        Ok(())
    }

    /// What the workbook has no room for.
    pub fn left_out(&self) -> Vec<String> {
        let full = SHEETS.iter().zip(&self.sheets);
        full.filter(|(_, progress)| progress.left_out > 0)
            .map(|(sheet, progress)| {
                format!(
                    "the sheet {:?} of brands.xlsx has no more rows: it lacks {} reports, whose own folders have \
                     everything",
                    sheet.name(self.t),
                    progress.left_out
                )
            })
            .collect()
    }

    /// Writes the file, with columns as wide as what stands in them and filters over all rows.
    pub fn save(mut self, file: impl Write + Seek + Send) -> anyhow::Result<()> {
        for (i, (sheet, progress)) in SHEETS.iter().zip(&self.sheets).enumerate() {
            let page = self.workbook.worksheet_from_index(i)?;
            let columns = sheet.columns(self.simulated);
            for (number, (column, longest)) in (0u16..).zip(columns.zip(&progress.longest)) {
                let title = column.title(self.t).chars().count() + BUTTON;
                let width = (longest + MARGINS).clamp(title.min(column.most), column.most);
                page.set_column_width(number, u32::try_from(width)?)?;
            }
            let last = u16::try_from(progress.longest.len())?.saturating_sub(1);
            page.autofilter(0, 0, progress.rows - 1, last)?;
            if progress.left_out > 0 {
                let more = self.t.more_reports(progress.left_out);
                let format = &self.formats.text[usize::from(!self.t.fa)];
                page.write_string_with_format(progress.rows, 0, &more, format)?;
            }
        }
        Ok(self.workbook.save_to_writer(file)?)
    }
}

/// Makes a row as high as its longest text: some programs do not where they take a workbook for
/// Excel's own.
fn measure(
    page: &mut Worksheet,
    row: u32,
    columns: impl Iterator<Item = &'static Column>,
    cells: &[Cell],
) -> anyhow::Result<()> {
    let lines = cells.iter().zip(columns);
    let lines = lines.map(|(cell, column)| cell.lines(column.most)).max();
    if let Some(lines @ 2..) = lines {
        let height = u32::try_from(lines)?.saturating_mul(LINE);
        page.set_row_height(row, height.min(TALLEST))?;
    }
    Ok(())
}

/// How a sheet lies on the screen and on paper.
fn set_up(page: &mut Worksheet, sheet: &Sheet, t: Tongue, simulated: bool) -> anyhow::Result<()> {
    page.set_name(sheet.name(t))?
        .set_right_to_left(t.fa)
        .set_freeze_panes(1, 1)?
        .set_landscape()
        .set_paper_size(A4)
        .set_margins(0.4, 0.4, 0.7, 0.6, 0.3, 0.3)
        .set_print_fit_to_pages(1, 0)
        .set_repeat_rows(0, 0)?;
    let warning = match simulated {
        true => format!(" — {}", SIMULATED.own(t)),
        false => String::new(),
    };
    page.set_header(format!("&C{}{warning}", sheet.name(t)))
        .set_footer("&C&P / &N");
    if simulated {
        page.set_tab_color(WARNING);
    }
    Ok(())
}

fn properties(t: Tongue, simulated: bool) -> DocProperties {
    let title = t.pick("گزارش برندها", "Brand reports");
    let properties = DocProperties::new()
        .set_title(title)
        .set_author("brandintel");
    match simulated {
        true => properties
            .set_subject(SIMULATED.own(t))
            .set_comment(SIMULATED.own(t))
            .set_keywords("simulated"),
        false => properties,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use calamine::{Data, Range, Reader, Xlsx};

    use super::*;
    use crate::report::Field;
    use crate::{
        ownership,
        render::{
            sample,
            workbook_style::{CELL_LIMIT, fitting},
        },
    };

    fn saved(book: Book) -> Cursor<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        book.save(&mut file).unwrap();
        file
    }

    fn sheets(book: Book) -> Vec<Range<Data>> {
        let mut read: Xlsx<_> = Xlsx::new(saved(book)).unwrap();
        for name in read.sheet_names() {
            assert!(read.worksheet_formula(&name).unwrap().is_empty(), "{name}");
        }
        read.worksheets()
            .into_iter()
            .map(|(_, range)| range)
            .collect()
    }

    fn part(file: Cursor<Vec<u8>>, name: &str) -> String {
        let mut parts = zip::ZipArchive::new(file).unwrap();
        let mut text = String::new();
        parts
            .by_name(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn numbers_are_numbers_and_days_are_days() {
        let report = sample::report();
        let mut book = Book::new(Tongue { fa: true }, false, &std::env::temp_dir()).unwrap();
        book.add(&report).unwrap();
        let sheets = sheets(book);
        let at = |title: &str| {
            let header = sheets[0].rows().next().unwrap();
            header.iter().position(|cell| cell == title).unwrap()
        };
        let row = sheets[0].rows().nth(1).unwrap();
        assert_eq!(row[0], Data::String(report.brand.clone()));
        let count = Data::Float(f64::from(u32::try_from(report.quality.facts).unwrap()));
        assert_eq!(row[at("نکته‌ها")], count);
        assert_eq!(
            row[at("سهم با سند")],
            Data::Float(report.quality.share_supported.unwrap())
        );
        assert_eq!(
            row[at("هزینه (دلار)")],
            Data::Float(report.cost.usd.as_f64())
        );
        assert!(matches!(row[at("تاریخ میلادی")], Data::DateTime(_)));
        assert_eq!(sheets[4].height(), report.sources.len() + 1);
    }

    /// Families in which the report's brand has an owner.
    fn with_an_owner(report: &Report) -> Families {
        let mut report = report.clone();
        report
            .facts
            .brand
            .set(Field::Parent, [sample::fact("گلرنگ")]);
        let mut ownership = ownership::Ownership::default();
        ownership.add(&report);
        ownership::families(ownership)
    }

    #[test]
    fn the_last_sheet_says_who_owns_whom() {
        let report = sample::report();
        let mut book = Book::new(Tongue { fa: true }, false, &std::env::temp_dir()).unwrap();
        book.add(&report).unwrap();
        book.add_owners(&with_an_owner(&report)).unwrap();
        let sheets = sheets(book);
        let rows: Vec<String> = sheets[5].rows().map(|row| format!("{row:?}")).collect();
        let due = |row: &&String| row.contains("متعلق به") && row.contains("گلرنگ");
        assert!(rows.iter().any(|row| due(&row)), "{rows:?}");
    }

    #[test]
    fn a_simulated_report_says_so_in_every_sheet() {
        let mut report = sample::report();
        report.simulated = true;
        let mut book = Book::new(Tongue { fa: true }, true, &std::env::temp_dir()).unwrap();
        book.add(&report).unwrap();
        book.add_owners(&with_an_owner(&report)).unwrap();
        let file = saved(book);
        for number in 1..=SHEETS.len() {
            let sheet = part(file.clone(), &format!("xl/worksheets/sheet{number}.xml"));
            for said in [
                "rightToLeft=\"1\"",
                "<t>بله</t>",
                "واقعی نیست",
                "fitToHeight=\"0\"",
            ] {
                assert!(sheet.contains(said), "{number}: {said}");
            }
        }
        assert!(part(file, "docProps/core.xml").contains("simulated"));
    }

    #[test]
    fn hostile_text_stays_text_and_fits() {
        let astral = "𝒳".repeat(20_000);
        let long = "w".repeat(100_000);
        for text in [
            "=1+1",
            "\0\u{7}\u{FFFE}x",
            "_x0041_",
            "</t><f>1+1</f>",
            "\u{202E}x",
            &astral,
            &long,
        ] {
            let mut report = sample::report();
            report.brand = text.to_owned();
            report.facts.products[0].set(Field::ProductCategory, [sample::fact(text)]);
            let mut book = Book::new(Tongue { fa: false }, false, &std::env::temp_dir()).unwrap();
            book.add(&report).unwrap();
            let Data::String(read) = sheets(book)[0].get((1, 0)).unwrap().clone() else {
                panic!("{text:.9} is no text");
            };
            assert!(read.encode_utf16().count() <= CELL_LIMIT);
            assert_eq!(
                read.trim_end_matches('…').trim(),
                &fitting(text).trim_end_matches('…').trim().to_owned()
            );
        }
    }

    #[test]
    fn a_full_sheet_says_what_it_lacks() {
        let report = sample::report();
        let rows = u32::try_from(report.sources.len()).unwrap();
        // The header, two reports, and the note.
        let limit = 1 + 2 * rows + 1;
        let mut book =
            Book::with_row_limit(Tongue { fa: false }, false, &std::env::temp_dir(), limit)
                .unwrap();
        for _ in 0..5 {
            book.add(&report).unwrap();
        }
        let left_out = book.left_out();
        assert!(
            left_out
                .iter()
                .any(|line| line.contains("\"Sources\"") && line.contains("3 reports")),
            "{left_out:?}"
        );
        let sheets = sheets(book);
        assert_eq!(sheets[4].height(), limit as usize);
        let note = sheets[4].get((limit as usize - 1, 0)).unwrap().to_string();
        assert!(note.starts_with("3 more reports"), "{note}");
        assert_eq!(sheets[0].height(), 6);
    }

    #[test]
    fn a_number_before_persian_words_stays_before_them() {
        assert_eq!(fitting("۲۲ بهمن"), "\u{200F}۲۲ بهمن");
        for text in [
            "Galaxy S24",
            "2026-11-24",
            "کاله",
            "۱۴۰۵/۰۹/۰۳",
            "Snapp گروه",
        ] {
            assert_eq!(fitting(text), text);
        }
    }
}
