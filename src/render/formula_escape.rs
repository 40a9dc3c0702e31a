//! The escaping of cells, so that no spreadsheet runs them as a formula.

/// Whether a spreadsheet may take what begins so for a formula (OWASP, “CSV Injection”), typed in any width.
fn begins_formula(c: char) -> bool {
    matches!(
        c,
        '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫'
    )
}

/// Whether a careless importer may begin a cell after this: another separator than the comma, or a line within quotes.
fn ends_cell(c: char) -> bool {
    matches!(
        c,
        ',' | ';' | '\t' | '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Whether a formula may hide behind this: nothing is seen of it, or importers strip it.
fn covers(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | '`' | '«' | '»' | '‘'..='‟' | '‹' | '›' | '＂' | '＇')
        // Invisible: soft hyphen, marks of direction, zero-width characters, variation selectors.
        || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{FEFF}')
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}')
}

/// Text with an apostrophe, which spreadsheets read as “this is text”, wherever a formula could begin.
pub fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len() + 1);
    // OWASP counts tabs and ends of lines at the beginning among what begins a formula.
    if text.starts_with(['\t', '\r', '\n']) {
        inert.push('\'');
    }
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ends_cell).map_or(rest.len(), |at| {
            at + rest[at..].chars().next().map_or(1, char::len_utf8)
        });
        let (cell, after) = rest.split_at(end);
        if cell.trim_start_matches(covers).starts_with(begins_formula) {
            inert.push('\'');
        }
        inert.push_str(cell);
        rest = after;
    }
    inert
}

/// Whether anything in a cell could be taken for a formula, however it is cut into cells.
#[cfg(test)]
pub fn runs(cell: &str) -> bool {
    cell.split(ends_cell).any(|part| {
        part.trim_start_matches(|c| c != '\'' && covers(c))
            .starts_with(begins_formula)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 21] = [
        "=cmd|' /C calc'!A0",
        " =HYPERLINK(\"x\")",
        "+98",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\tx",
        "\r=1",
        "\n=1",
        "x\n=1",
        "x\r\n \"=1",
        "x;=1;y",
        "x, @y",
        "\"=1",
        "«=1»",
        "\u{FEFF}=1",
        "\u{200B}\u{202E}=1",
        "\u{A0}=1",
        "＝1",
        "\0=1",
        "'=1",
    ];

    #[test]
    fn no_cell_is_a_formula() {
        for text in HOSTILE {
            assert!(!runs(&inert(text)), "{text:?}: {:?}", inert(text));
            assert!(inert(text).contains('\''), "{text:?}");
        }
        for text in ["کاله = خوب", "a-b", "x@y.ir", "۱۲ - ۱۵", "", "s1 s2"] {
            assert_eq!(inert(text), text);
        }
    }
}
