//! The ranges that Google Sheets writes in its answers: `INPUT!A2:D5`, `'D3'!A1`.

use std::ops::Range;

use super::tab::letters;

/// A rectangle of cells, counted from 0, in a tab.
pub(super) fn written(title: &str, rows: Range<usize>, columns: Range<usize>) -> String {
    let cell = |row: usize, column: usize| format!("{}{}", letters(column), row + 1);
    let first = cell(rows.start, columns.start);
    let last = cell(rows.end.max(1) - 1, columns.end.max(1) - 1);
    let title = quoted(title);
    match first == last {
        true => format!("{title}!{first}"),
        false => format!("{title}!{first}:{last}"),
    }
}

/// Quotes stand only where a name would be taken for something else without them.
fn quoted(title: &str) -> String {
    let plain = title.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let leading = title.chars().take_while(char::is_ascii_alphabetic).count();
    let digits = title[leading..].chars().all(|c| c.is_ascii_digit());
    let like_a_cell = digits && leading <= 3 || leading == 0;
    match plain && !like_a_cell {
        true => title.to_owned(),
        false => format!("'{}'", title.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_the_service_writes_them() {
        for (title, rows, columns, due) in [
            ("Sheet1", 0..4, 0..4, "Sheet1!A1:D4"),
            ("D3", 0..1, 0..1, "'D3'!A1"),
            ("🌵 1", 0..10, 1..2, "'🌵 1'!B1:B10"),
            ("Jon's", 1..2, 26..28, "'Jon''s'!AA2:AB2"),
            ("INPUT", 0..1_000, 0..4, "INPUT!A1:D1000"),
        ] {
            assert_eq!(written(title, rows, columns), due);
        }
    }
}
