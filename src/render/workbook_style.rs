//! The style of cells in the workbook, and which text Excel can hold.

use rust_xlsxwriter::{Color, ExcelDateTime, Format, FormatAlign, FormatBorder, Worksheet};

use super::{view::Tongue, workbook_sheets::Cell};

/// Excel's limit for a cell, in units of UTF-16.
pub const CELL_LIMIT: usize = 32_767;

/// The background of headers where some report is simulated: what is not true must not look like what is.
pub const WARNING: Color = Color::RGB(0x008A_1F11);

/// The formats of all cells.
pub struct Formats {
    pub header: Format,
    /// Text that reads from the right, and from the left.
    pub text: [Format; 2],
    empty: Format,
    count: Format,
    percent: Format,
    usd: Format,
    day: Format,
}

impl Formats {
    pub fn new(t: Tongue, simulated: bool) -> Self {
        let dark = match simulated {
            true => WARNING,
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

    /// Writes a cell.
    pub fn write(
        &self,
        page: &mut Worksheet,
        row: u32,
        column: u16,
        cell: Cell,
    ) -> anyhow::Result<()> {
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
    let signed = text.chars().map(|c| match c {
        '\u{590}'..='\u{65F}'
        | '\u{66E}'..='\u{6EF}'
        | '\u{6FA}'..='\u{8FF}'
        | '\u{FB1D}'..='\u{FDFF}'
        | '\u{FE70}'..='\u{FEFC}' => 1,
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{52F}' => -1,
        _ => 0,
    });
    signed.sum::<i64>() > 0
}

/// Text that Excel can keep: without control characters, and not longer than a cell.
pub fn fitting(text: &str) -> String {
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
