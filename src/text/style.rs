//! The style of a line on a terminal: modest colours, characters that the terminal has, no control sequences from
//! outside.

use std::sync::LazyLock;

use anstyle::{AnsiColor, Style};

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const CARE: Style = AnsiColor::Yellow.on_default();

/// Names and messages of services come from elsewhere: what would steer the terminal is taken out of them. Half-spaces
/// stay, direction marks stay.
pub fn tame(text: &str) -> String {
    text.chars()
        .filter(|&c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}

/// Colours the tags, marks and the word error; Persian and all else stays as it is.
pub fn painted(text: &str) -> String {
    let mut painted = String::with_capacity(text.len() + 32);
    for line in text.split_inclusive('\n') {
        let (begin, rest) = begin(line);
        painted.push_str(&begin);
        for c in rest.chars() {
            match mark(c) {
                Some(style) => painted += &format!("{style}{c}{style:#}"),
                None => painted.push(c),
            }
        }
    }
    painted
}

/// A line's beginning in its colour, and the rest.
fn begin(line: &str) -> (String, &str) {
    if let Some(rest) = line.strip_prefix("error:") {
        let style = BAD.bold();
        return (format!("{style}error:{style:#}"), rest);
    }
    if let Some(rest) = line.strip_prefix("  tip:") {
        return (format!("  {GOOD}tip:{GOOD:#}"), rest);
    }
    let Some((tag, rest)) = line
        .strip_prefix('[')
        .and_then(|line| line.split_once(']'))
        .filter(|(tag, _)| tag.starts_with(|c: char| c.is_ascii_uppercase()))
    else {
        return (String::new(), line);
    };
    let style = match tag {
        "WARNING" | "STOP" | "WAITING" => CARE.bold(),
        _ => BOLD,
    };
    (format!("{style}[{tag}]{style:#}"), rest)
}

fn mark(c: char) -> Option<Style> {
    match c {
        '✓' | '✅' => Some(GOOD),
        '✗' => Some(BAD),
        '⚠' => Some(CARE),
        _ => None,
    }
}

/// Replaces the program's own signs by ASCII. Letters stay, Persian ones too: they are what the user wrote.
pub fn in_ascii(text: &str) -> String {
    let text = text.replace("💰 ", "").replace("⚡ ", "");
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '✓' | '✅' => ascii.push_str("ok"),
            '✗' | '×' => ascii.push('x'),
            '⚠' => ascii.push('!'),
            '↩' => ascii.push_str("<-"),
            '…' => ascii.push_str("..."),
            '–' | '—' | '·' | '─' => ascii.push('-'),
            '│' | '├' => ascii.push('|'),
            '└' => ascii.push('`'),
            '●' => ascii.push('*'),
            '█' | '▌' => ascii.push('#'),
            '≈' => ascii.push('~'),
            '≠' => ascii.push_str("!="),
            '→' => ascii.push_str("->"),
            '“' | '”' | '«' | '»' => ascii.push('"'),
            '‘' | '’' => ascii.push('\''),
            c => ascii.push(c),
        }
    }
    ascii
}

/// Whether the terminal shows UTF-8. Where no locale is set, as under cron and in containers, what reads the output
/// does; Windows consoles get UTF-16 from the standard library, whatever their code page.
pub fn is_utf8() -> bool {
    static UTF8: LazyLock<bool> =
        LazyLock::new(|| cfg!(windows) || is_utf8_locale(|name| std::env::var(name).ok()));
    *UTF8
}

/// The first variable that is set decides, as in POSIX.
fn is_utf8_locale(get: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| get(name))
        .find(|locale| !locale.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_marks_and_errors_have_colour_and_the_text_stays_the_same() {
        let text = "[TOTALS]\n  ✓ Success: 3 | ✗ Failed: 0\n[WARNING] [x] کاله\nerror: no\n[کاله] [1, 2]\n";
        let seen = painted(text);
        assert_eq!(anstream::adapter::strip_str(&seen).to_string(), text);
        assert!(seen.contains("\u{1b}[1m[TOTALS]\u{1b}[0m"), "{seen:?}");
        assert!(seen.contains("\u{1b}[32m✓\u{1b}[0m"), "{seen:?}");
        assert!(seen.ends_with("[کاله] [1, 2]\n"), "{seen:?}");
    }

    #[test]
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(
            tame("a\u{1b}]0;title\u{7}\u{9b}2J\r\nنیم\u{200c}فاصله\tb"),
            "a]0;title2J\nنیم\u{200c}فاصله\tb"
        );
    }

    #[test]
    fn ascii_replaces_signs_and_leaves_letters() {
        assert_eq!(
            in_ascii("✓ Success: 1 | ✗ Failed: 0 | 💰 Cost: $1.25 · 5.0× کاله…"),
            "ok Success: 1 | x Failed: 0 | Cost: $1.25 - 5.0x کاله..."
        );
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let locale = |set: &'static [(&str, &str)]| {
            is_utf8_locale(|name| {
                let found = set.iter().find(|(n, _)| *n == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[]));
        assert!(locale(&[("LANG", "fa_IR.UTF-8")]));
        assert!(locale(&[
            ("LC_ALL", ""),
            ("LC_CTYPE", "C.utf8"),
            ("LANG", "C")
        ]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!locale(&[("LANG", "fa_IR.ISO-8859-6")]));
    }
}
