//! The writing of answers into `.env` without disturbing the rest.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use super::{
    find::find,
    is_ours,
    lines::{Variable, name_of, tidy},
    parse, read, sweep,
};
use crate::{config::variable, files::write_privately};

/// What some editors write at the beginning of UTF-8 files; it stays where the file is changed.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// The file that answers are put into.
#[derive(Debug)]
pub struct EnvFile {
    path: PathBuf,
    text: String,
    written: bool,
}

impl EnvFile {
    /// The nearest `.env` that has settings of this program, else the one of this folder.
    pub fn open() -> anyhow::Result<Self> {
        sweep();
        let here = env::current_dir()
            .context("the current folder cannot be found")?
            .join(".env");
        let path = find().unwrap_or_else(|| here.clone());
        let text = match path.is_file() {
            true => read(&path)?,
            false => String::new(),
        };
        let ours = |variable: &Variable| is_ours(&variable.name);
        if path != here && !parse(&text, &path.display().to_string())?.iter().any(ours) {
            return Ok(Self {
                path: here,
                text: String::new(),
                written: false,
            });
        }
        Ok(Self {
            path,
            text,
            written: false,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path as it is written into the file: what is in its folder is named from there, so that the folder can be moved.
    pub fn path_from_here(&self, path: &Path) -> String {
        let whole = |path: &Path| fs::canonicalize(path).ok();
        let folder = self.path.parent().and_then(whole);
        let inside = whole(path).zip(folder).and_then(|(file, folder)| {
            let inside = file.strip_prefix(folder).ok()?;
            Some(inside.display().to_string())
        });
        inside.unwrap_or_else(|| path.display().to_string())
    }

    /// Whether the variable that counts comes from this file.
    pub fn has(&self, name: &str) -> bool {
        let pairs = parse(&self.text, "").unwrap_or_default();
        let value = variable(name);
        pairs
            .iter()
            .any(|pair| pair.name == name && Some(tidy(&pair.value)) == value.as_deref())
    }

    /// Sets a variable; the whole file is replaced at once, and only its owner may read it. Returns whether it is the
    /// first that was set.
    pub fn put(&mut self, name: &str, value: &str) -> anyhow::Result<bool> {
        let before = match self.text.is_empty() {
            true => "# Settings of brandintel; .env.example explains all that there are.\n",
            false => &self.text,
        };
        self.text = with(before, name, value)?;
        // A link stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        write_privately(&path, self.text.as_bytes())?;
        Ok(!std::mem::replace(&mut self.written, true))
    }
}

/// A text with a variable set in it: in the place of the line that sets it, below the line that explains it, or at the
/// end. Every other line stays as it is.
///
/// # Errors
/// When the text is not one that variables can be read from, before or after.
fn with(text: &str, name: &str, value: &str) -> anyhow::Result<String> {
    let before = parse(text, ".env")?;
    let line = format!("{name}={}", quoted(value));
    // Editors on Windows begin files with a mark and end lines in their own way: both stay.
    let bare = text.trim_start_matches(BYTE_ORDER_MARK);
    let (mark, text) = text.split_at(text.len() - bare.len());
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = line + end;
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let unended = lines.last().is_some_and(|last| !last.ends_with('\n'));
    let last = match (unended, lines.pop()) {
        (true, Some(last)) => last.to_owned() + end,
        (_, last) => last.unwrap_or_default().to_owned(),
    };
    lines.push(&last);
    let sets = |line: &str| name_of(line).as_deref() == Some(name);
    let explains = |line: &str| line.strip_prefix('#').is_some_and(sets);
    if let Some(at) = lines.iter().position(|line| sets(line)) {
        lines[at] = &line;
    } else if let Some(at) = lines.iter().rposition(|line| explains(line)) {
        lines.insert(at + 1, &line);
    } else {
        lines.push(&line);
    }
    let changed = mark.to_owned() + &lines.concat();
    // A line may look like a variable and be a part of another's value.
    let rest = |pairs: &[Variable]| -> Vec<(String, String)> {
        let others = pairs.iter().filter(|other| other.name != name);
        others
            .map(|other| (other.name.clone(), other.value.clone()))
            .collect()
    };
    let after = parse(&changed, ".env")?;
    let set = after.iter().find(|other| other.name == name);
    ensure!(
        set.is_some_and(|set| set.value == value) && rest(&before) == rest(&after),
        "{name} cannot be put into .env without changing something else: write it by hand"
    );
    Ok(changed)
}

/// A value as `.env` has it, so that it is read as it is, by this program and by others.
pub fn quoted(value: &str) -> String {
    // In single quotes everything stands for itself, but for a backslash before the closing one.
    if !value.contains(['\'', '\\']) {
        return format!("'{value}'");
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '\\' | '"' | '$' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_value_is_read_back_and_the_rest_stays(
            value in "[^\\r\\p{Cc}]{0,40}",
            other in "[a-z0-9'\"$#\\\\ =]{0,20}",
            place in 0_usize..4,
        ) {
            let other = format!("OTHER={}", quoted(&other));
            let text = match place {
                0 => format!("# a comment\n{other}\n"),
                1 => format!("{other}\nKEY=\n# a comment\n"),
                2 => format!("export KEY='before'\n{other}\n"),
                _ => format!("#KEY=\n\n{other}"),
            };
            let changed = with(&text, "KEY", &value).unwrap();
            let pairs = parse(&changed, "").unwrap();
            prop_assert!(pairs.iter().any(|pair| pair.name == "KEY" && pair.value == value));
            prop_assert!(changed.lines().any(|line| line == other));
            let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).count();
            prop_assert_eq!(comments(&text), comments(&changed));
        }

        #[test]
        fn no_text_is_too_strange(text in "(KEY|#|=|'|\"|\n| |\\\\|\\$|x){0,12}", value in "[a-z']{0,5}") {
            if let Ok(changed) = with(&text, "KEY", &value) {
                let pairs = parse(&changed, "").unwrap();
                let set = pairs.iter().find(|pair| pair.name == "KEY");
                prop_assert_eq!(&set.unwrap().value, &value);
            }
        }
    }

    #[test]
    fn an_answer_stands_below_its_explanation_or_in_the_place_of_a_blank() {
        let text = "# The key.\nTAVILY_API_KEY=\n\n# The sheet.\n#GOOGLE_SHEET_ID=\n";
        let text = with(text, "TAVILY_API_KEY", "tvly-1").unwrap();
        let text = with(&text, "GOOGLE_SHEET_ID", "it's $5").unwrap();
        assert_eq!(
            text,
            "# The key.\nTAVILY_API_KEY='tvly-1'\n\n# The sheet.\n#GOOGLE_SHEET_ID=\nGOOGLE_SHEET_ID=\"it's \\$5\"\n"
        );
    }

    #[test]
    fn a_file_from_windows_stays_one() {
        let text = "\u{FEFF}TAVILY_API_KEY=\r\n# the end\r\nOTHER='a'";
        let text = with(text, "TAVILY_API_KEY", "tvly-1").unwrap();
        let text = with(&text, "KEY", "x").unwrap();
        assert_eq!(
            text,
            "\u{FEFF}TAVILY_API_KEY='tvly-1'\r\n# the end\r\nOTHER='a'\r\nKEY='x'\r\n"
        );
    }
}
