//! The workbook of all reports: how its sheets look, and what they have room for. What stands in them is in `sheets`.

use std::io::{Seek, Write};

use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet,
};

use super::{
    sheets::{Cell, Column, MARGINS, SHEETS, SIMULATED, Sheet},
    view::Tongue,
};
use crate::research::report::Report;

/// Excel's limit for a cell, in units of UTF-16.
const CELL_LIMIT: usize = 32_767;

/// Excel's limit for a sheet.
const ROW_LIMIT: u32 = 1_048_576;

/// A4, as Excel counts paper.
const A4: u8 = 9;

/// The height of a line and the greatest height of a row, in points.
const LINE: u32 = 15;
const TALLEST: u32 = 409;

/// Room for the button of the filter, in characters.
const BUTTON: usize = 5;

/// The workbook, written report by report: what has been added is on disk and not in memory.
pub struct Book {
    workbook: Workbook,
    t: Tongue,
    /// Some report is of simulated services: every sheet says which.
    simulated: bool,
    formats: Formats,
    sheets: Vec<Progress>,
    row_limit: u32,
}

/// How far a sheet is.
struct Progress {
    /// Rows so far, the header among them.
    rows: u32,
    /// The longest line of each column, in characters.
    longest: Vec<usize>,
    /// Reports whose rows found no room.
    left_out: usize,
}

struct Formats {
    header: Format,
    /// Text that reads from the right, and from the left.
    text: [Format; 2],
    empty: Format,
    count: Format,
    percent: Format,
    usd: Format,
    day: Format,
}

impl Book {
    /// A workbook without reports: sheets with frozen headers, ready to be printed.
    pub fn new(t: Tongue, simulated: bool) -> anyhow::Result<Self> {
        Self::with_row_limit(t, simulated, ROW_LIMIT)
    }

    fn with_row_limit(t: Tongue, simulated: bool, row_limit: u32) -> anyhow::Result<Self> {
        let mut book = Self {
            workbook: Workbook::new(),
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
            book.sheets.push(Progress {
                rows: 1,
                longest: vec![0; columns.len()],
                left_out: 0,
            });
        }
        Ok(book)
    }

    /// Adds what a report says to every sheet that has room for all of it.
    pub fn add(&mut self, report: &Report) -> anyhow::Result<()> {
        for (i, (sheet, progress)) in SHEETS.iter().zip(&mut self.sheets).enumerate() {
            let rows = sheet.rows(self.t, report, self.simulated);
            // The last row is for the note that there is more.
            let room = self.row_limit.saturating_sub(progress.rows + 1) as usize;
            if progress.left_out > 0 || rows.len() > room {
                progress.left_out += 1;
                continue;
            }
            let page = self.workbook.worksheet_from_index(i)?;
            for cells in rows {
                // Not every program finds the height of wrapped text by itself.
                let columns = sheet.columns(self.simulated);
                let lines = cells.iter().zip(columns);
                let lines = lines.map(|(cell, column)| cell.lines(column.most)).max();
                let height = u32::try_from(lines.unwrap_or(1))?.saturating_mul(LINE);
                page.set_row_height(progress.rows, height.min(TALLEST))?;
                for (column, cell) in cells.into_iter().enumerate() {
                    let longest = &mut progress.longest[column];
                    *longest = (*longest).max(cell.length());
                    let column = u16::try_from(column)?;
                    self.formats.write(page, progress.rows, column, cell)?;
                }
                progress.rows += 1;
            }
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

impl Formats {
    fn new(t: Tongue, simulated: bool) -> Self {
        // Reports that are not true must not look like those that are.
        let dark = match simulated {
            true => Color::RGB(0x008A_1F11),
            false => Color::RGB(0x001F_3A5F),
        };
        let font = t.pick("Tahoma", "Calibri");
        let size = if t.fa { 10 } else { 11 };
        // The start of a line is where the sheet starts; the order of words follows their script.
        let start = match t.fa {
            true => FormatAlign::Right,
            false => FormatAlign::Left,
        };
        let body = Format::new()
            .set_font_name(font)
            .set_font_size(size)
            .set_align(FormatAlign::Top)
            .set_indent(1)
            .set_border_bottom(FormatBorder::Thin)
            .set_border_bottom_color(Color::RGB(0x00D0_D4DA));
        let number = |format: &'static str| body.clone().set_num_format(format);
        Self {
            header: Format::new()
                .set_font_name(font)
                .set_font_size(size)
                .set_bold()
                .set_font_color(Color::White)
                .set_background_color(dark)
                .set_align(start)
                .set_align(FormatAlign::VerticalCenter)
                .set_indent(1)
                .set_text_wrap(),
            text: [2, 1].map(|direction| {
                let text = body.clone().set_align(start).set_text_wrap();
                text.set_reading_direction(direction)
            }),
            empty: body.clone(),
            // Numbers with Persian digits stay numbers.
            count: number(t.pick("[$-3000429]#,##0", "#,##0")).set_align(start),
            percent: number(t.pick("[$-3000429]0%", "0%")).set_align(start),
            usd: number(t.pick("[$-3000429]0.0000", "0.0000")).set_align(start),
            day: number("yyyy-mm-dd").set_align(start),
        }
    }

    fn write(&self, page: &mut Worksheet, row: u32, column: u16, cell: Cell) -> anyhow::Result<()> {
        match cell {
            // Always as text, never as a formula.
            Cell::Text(text) => page.write_string_with_format(
                row,
                column,
                fitting(&text),
                &self.text[usize::from(!from_right(&text))],
            )?,
            Cell::Count(count) => page.write_number_with_format(row, column, count, &self.count)?,
            Cell::Share(share) => {
                page.write_number_with_format(row, column, share, &self.percent)?
            }
            Cell::Usd(usd) => {
                page.write_number_with_format(row, column, usd.as_f64(), &self.usd)?
            }
            Cell::Day(day) => {
                let [month, date] = [day.month(), day.day()].map(i8::unsigned_abs);
                match ExcelDateTime::from_ymd(day.year().unsigned_abs(), month, date) {
                    Ok(excel) => page.write_datetime_with_format(row, column, &excel, &self.day)?,
                    // Excel knows no year before 1900.
                    Err(_) => {
                        page.write_string_with_format(row, column, day.to_string(), &self.text[1])?
                    }
                }
            }
            Cell::Empty => page.write_blank(row, column, &self.empty)?,
        };
        Ok(())
    }
}

/// Whether most of a text's letters read from the right: its first ones may be a number, or a name in other letters.
fn from_right(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let signed = letters.map(|c| match c {
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FEFC}' => 1,
        _ => -1,
    });
    signed.sum::<i64>() > 0
}

/// Text that Excel can keep: without control characters, and not longer than a cell.
fn fitting(text: &str) -> String {
    let mut kept = String::new();
    // LibreOffice puts a number that such a text begins with at its end, in spite of the direction of the cell.
    if from_right(text) && !text.starts_with(char::is_alphabetic) {
        kept.push('\u{200F}');
    }
    let mut units = kept.chars().count();
    for c in text.chars() {
        let c = match c {
            '\n' | '\t' => c,
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => ' ',
            c => c,
        };
        units += c.len_utf16();
        if units >= CELL_LIMIT {
            kept.push('…');
            break;
        }
        kept.push(c);
    }
    kept
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
        page.set_tab_color(Color::RGB(0x008A_1F11));
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
