//! The lines of `.env` as people write them. Nothing is expanded in a value: `$` and backslashes stand for themselves
//! wherever possible, because values are passwords and Windows paths.

use crate::text::is_invisible;

/// What word processors and keyboards put in the place of quotation marks: double ones, and single ones.
const QUOTES: [&[char]; 2] = [
    &['"', '“', '”', '„', '‟', '«', '»'],
    &['\'', '‘', '’', '‚', '‛', '`', '´'],
];

/// What a key in PEM begins with; such a value has line breaks, however they are written.
const PEM: &str = "-----BEGIN";

/// A variable that the file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// Where it stands, counted from 1.
    pub line: usize,
}

/// The variables in a text, in its order.
///
/// # Errors
/// The number of the first line that sets no variable and is no comment either.
pub fn variables(text: &str) -> Result<Vec<Variable>, usize> {
    let text = text.replace("\r\n", "\n");
    let mut found = Vec::new();
    let (mut rest, mut line) = (text.as_str(), 1);
    while !rest.is_empty() {
        let first = first_line(rest);
        let mut length = first.len();
        let bare = tidy(first);
        if !bare.is_empty() && !bare.starts_with('#') {
            let name = name_of(first).ok_or(line)?;
            let behind = first.find('=').map_or(first.len(), |at| at + 1);
            let (value, read) = value_of(&rest[behind..]).ok_or(line)?;
            length = behind + read;
            found.push(Variable { name, value, line });
        }
        line += rest[..length].matches('\n').count() + 1;
        rest = rest.get(length + 1..).unwrap_or_default();
    }
    Ok(found)
}

/// The name of the variable that a line sets, with `export` before it or not.
pub fn name_of(line: &str) -> Option<String> {
    let (before, _) = line.split_once('=')?;
    let before = tidy(before);
    let name = match before.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => tidy(rest),
        _ => before,
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && name.chars().all(fits)).then(|| name.to_owned())
}

/// A text without white space and invisible marks around it, as they come along when it is copied from a chat or page.
pub fn tidy(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

fn first_line(text: &str) -> &str {
    text.split_once('\n').map_or(text, |(line, _)| line)
}

/// The value behind a sign of equality, and how many bytes it takes up to the end of its last line.
fn value_of(text: &str) -> Option<(String, usize)> {
    let line = first_line(text);
    let begin = line.len() - line.trim_start_matches(is_blank).len();
    let quoted = match line[begin..].chars().next() {
        Some('\'') => text[begin + 1..].find('\'').map(|end| {
            let content = &text[begin + 1..][..end];
            (content.to_owned(), begin + 1 + end + 1)
        }),
        Some('"') => closing(&text[begin + 1..]).map(|end| {
            let content = &text[begin + 1..][..end];
            (unescaped(content), begin + 1 + end + 1)
        }),
        _ => return Some((pem(plain(&line[begin..])), line.len())),
    };
    if let Some((value, end)) = quoted {
        let behind = first_line(&text[end..]);
        if is_over(behind) {
            return Some((pem(value), end + behind.len()));
        }
    }
    // A word processor may have turned the second mark alone.
    let whole = without_comment(&line[begin..]);
    unwrapped(whole).map(|value| (pem(value.to_owned()), line.len()))
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// Whether nothing that counts stands behind a closing quotation mark.
fn is_over(behind: &str) -> bool {
    let behind = tidy(behind);
    behind.is_empty() || behind == ";" || behind.starts_with('#')
}

/// A value without quotation marks of `.env`.
fn plain(text: &str) -> String {
    let text = without_comment(text);
    unwrapped(text).unwrap_or(text).to_owned()
}

/// A `#` begins a comment where white space is before it, or nothing: addresses have it inside.
fn without_comment(text: &str) -> &str {
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        if c == '#' && is_blank(before) {
            return tidy(&text[..at]);
        }
        before = c;
    }
    tidy(text)
}

/// What stands between two quotation marks of one kind, of whichever shape.
pub fn unwrapped(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|marks| {
        let inner = text.strip_prefix(*marks)?.strip_suffix(*marks)?;
        (!inner.contains(*marks)).then(|| tidy(inner))
    })
}

/// Where the mark stands that closes a value in double quotation marks.
fn closing(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some(at),
            '\\' => match chars.next() {
                // The path of a folder may end with a backslash.
                Some((mark, '"'))
                    if is_windows_path(text) && is_over(first_line(&text[mark + 1..])) =>
                {
                    return Some(mark);
                }
                _ => {}
            },
            _ => {}
        }
    }
    None
}

fn is_windows_path(text: &str) -> bool {
    let mut chars = text.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && chars.next() == Some('\\');
    drive || text.starts_with("\\\\")
}

/// The content of double quotation marks. Where each backslash stands before a sign that needs one, they are taken away;
/// where another stands, as in `C:\new`, nobody has thought of that, and all of them are meant.
fn unescaped(content: &str) -> String {
    let escapes = |c: char| matches!(c, '\\' | '"' | '$' | '`' | '\'');
    let mut value = String::new();
    let mut all_escape = true;
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next() {
            Some(next) if escapes(next) => value.push(next),
            _ => all_escape = false,
        }
    }
    match all_escape {
        true => value,
        false => content.replace("\\\"", "\""),
    }
}

/// A key in PEM with its line breaks, which people also write as a backslash and an n.
fn pem(value: String) -> String {
    match value.contains(PEM) {
        true => value.replace("\\r", "").replace("\\n", "\n"),
        false => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of the only variable in a text.
    fn value(text: &str) -> String {
        let read = variables(&format!("KEY={text}\nNEXT=1\n"));
        let read = read.unwrap_or_else(|line| panic!("{text}: line {line}"));
        assert_eq!(read.len(), 2, "{text}: {read:?}");
        assert_eq!(read[1].value, "1", "{text}");
        read[0].value.clone()
    }

    #[test]
    fn a_dollar_stands_for_itself() {
        for (text, read) in [
            ("sk-or-v1-ab$abc456", "sk-or-v1-ab$abc456"),
            ("pa$$w0rd", "pa$$w0rd"),
            ("'pa$HOME'", "pa$HOME"),
            ("\"pa$HOME$\"", "pa$HOME$"),
            ("\"pa\\$HOME\"", "pa$HOME"),
            (
                "postgres://n:${PATH}@db/x # night",
                "postgres://n:${PATH}@db/x",
            ),
            ("$", "$"),
        ] {
            assert_eq!(value(text), read, "{text}");
        }
    }

    #[test]
    fn a_path_of_windows_is_read_however_it_is_quoted() {
        let path = r"C:\Users\new\team\key.json";
        for text in [
            path.to_owned(),
            format!("'{path}'"),
            format!("\"{path}\""),
            format!("\"{}\"", path.replace('\\', "\\\\")),
            format!(" “{path}” "),
            format!("\u{202A}{path}"),
        ] {
            assert_eq!(value(&text), path, "{text}");
        }
        for path in [
            r"\\server\team\new\key.json",
            r"\\server\c$\new.json",
            r"keys\new\team.json",
            r"C:\Program Files\team (new)\key.json",
            r"C:\certs\",
        ] {
            assert_eq!(value(path), path, "{path}");
            assert_eq!(value(&format!("'{path}'")), path);
            assert_eq!(value(&format!("\"{path}\" # where it is")), path);
        }
    }

    #[test]
    fn a_key_in_pem_has_its_line_breaks_in_every_writing() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIE+/=\n-----END PRIVATE KEY-----\n";
        let in_one_line = key.replace('\n', "\\n");
        for text in [
            format!("\"{key}\""),
            format!("'{key}'"),
            format!("\"{in_one_line}\""),
            format!("'{in_one_line}'"),
            in_one_line,
            format!("\"{}\"", key.replace('\n', "\\r\\n")),
        ] {
            assert_eq!(value(&text), key, "{text}");
        }
        let windows = key.replace('\n', "\r\n");
        assert_eq!(value(&format!("\"{windows}\"")), key);
    }

    #[test]
    fn what_people_put_around_a_value_is_no_part_of_it() {
        for text in [
            "tvly-1",
            " tvly-1 ",
            "tvly-1\r",
            "tvly-1 # the key",
            "\u{A0}tvly-1\u{A0}",
            "\u{200F}tvly-1\u{200E}",
            "'tvly-1'  # the key",
            "\"tvly-1\";",
            "“tvly-1”",
            "„tvly-1“ # the key",
            "«tvly-1»",
            "‘tvly-1’",
            "`tvly-1`",
            "\"tvly-1”",
            "“tvly-1\"",
            "\u{200F}\"tvly-1\"\u{200F}",
        ] {
            assert_eq!(value(text), "tvly-1", "{text:?}");
        }
        for text in ["", "# a comment", " # a comment", "''", "\"\"", "“”"] {
            assert_eq!(value(text), "", "{text:?}");
        }
        for kept in [
            "two words",
            "Ali's tab",
            "a#b",
            "https://docs.google.com/spreadsheets/d/x/edit#gid=0",
            "«الف» و «ب»",
            "می‌خرم",
            "a=b",
        ] {
            assert_eq!(value(kept), kept);
        }
    }

    #[test]
    fn names_are_found_in_every_dress() {
        for line in [
            "KEY=1",
            "export KEY=1",
            "  KEY = 1",
            "export\tKEY =1",
            "\u{FEFF}KEY=1",
            "\u{200F}KEY\u{200E}=1",
        ] {
            let read = variables(line).unwrap();
            assert_eq!((&*read[0].name, &*read[0].value), ("KEY", "1"), "{line:?}");
        }
        let text = "# first\n\nA='x\ny'\nexport B=2\n";
        let lines: Vec<usize> = variables(text).unwrap().iter().map(|v| v.line).collect();
        assert_eq!(lines, [3, 5]);
    }

    #[test]
    fn a_line_that_sets_nothing_is_counted() {
        for (text, line) in [
            ("A=1\ntvly-key\n", 2),
            ("A=1\nB='open\nC=2\n", 2),
            ("A=1\n\nB=\"open\nC=2", 3),
            ("A='one' two\n", 1),
            ("A B=1\n", 1),
            ("=1", 1),
            ("A='x\ny'\nz\n", 3),
        ] {
            assert_eq!(variables(text), Err(line), "{text:?}");
        }
    }
}
