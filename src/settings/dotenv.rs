//! The file `.env`: read into the environment, and answers put into it without disturbing the rest.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::{Command, CommandFactory};

use super::NAMES;
use crate::{
    cli::Cli,
    state::{self, write_privately},
};

/// How alike two names are, from 0 to 1, when one is a slip of the pen.
const ALIKE: f64 = 0.75;

/// What some editors write at the beginning of UTF-8 files.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Beginnings of names that are this program's alone.
const OURS: [&str; 4] = ["BRANDINTEL_", "OPENROUTER_", "TAVILY_", "GOOGLE_SHEET"];

/// The nearest `.env`: of this folder or of one above it.
pub fn find() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    let mut files = here.ancestors().map(|folder| folder.join(".env"));
    files.find(|file| file.is_file())
}

/// Puts the variables of the nearest `.env` into the environment, where they are not set to something already. Returns
/// what a person should know of it.
pub fn load() -> anyhow::Result<Vec<String>> {
    let Some(path) = find() else {
        return Ok(Vec::new());
    };
    let pairs = parse(&read(&path)?, &path.display().to_string())?;
    let mut fresh = String::new();
    let mut taken = HashSet::new();
    for (name, value) in &pairs {
        let blank = env::var_os(name).is_none_or(|value| value.to_string_lossy().trim().is_empty());
        if blank && !value.trim().is_empty() && taken.insert(name) {
            fresh += &format!("{name}={}\n", quoted(value));
        }
    }
    dotenvy::from_read_override(fresh.as_bytes()).context(".env cannot be used")?;
    Ok(unread(pairs.iter().map(|(name, _)| name.as_str()))
        .map(|warning| format!("{}: {warning}", path.display()))
        .collect())
}

/// Removes what a kill has left beside the file, with the keys that were to go into it.
pub fn sweep() {
    let path = find().unwrap_or_else(|| PathBuf::from(".env"));
    let path = fs::canonicalize(&path).unwrap_or(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    state::sweep(folder.unwrap_or(Path::new(".")));
}

/// The text of the file.
fn read(path: &Path) -> anyhow::Result<String> {
    let place = path.display();
    let bytes = fs::read(path)
        .with_context(|| format!("{place} cannot be read: may this account read it?"))?;
    let Ok(text) = String::from_utf8(bytes) else {
        bail!("{place} is not UTF-8: save it again as UTF-8 (in Notepad under Save as → Encoding)");
    };
    Ok(text)
}

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
        let ours = |(name, _): &(String, String)| is_ours(name);
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

    /// Whether the variable that counts comes from this file.
    pub fn has(&self, name: &str) -> bool {
        let pairs = parse(&self.text, "").unwrap_or_default();
        let value = super::variable(name);
        pairs
            .iter()
            .any(|(other, set)| other == name && Some(set.trim()) == value.as_deref())
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

fn is_ours(name: &str) -> bool {
    NAMES.contains(&name) || OURS.iter().any(|ours| name.starts_with(ours))
}

/// The variables in a text, in its order.
fn parse(text: &str, place: &str) -> anyhow::Result<Vec<(String, String)>> {
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    let pairs: Result<_, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
    pairs.map_err(|error| {
        // The error quotes the line, and a line of `.env` may hold a key: name only where it stands.
        let line = match &error {
            dotenvy::Error::LineParse(bad, _) => bad.lines().next().and_then(|first| {
                text.lines().position(|line| line.trim_end().ends_with(first.trim_end()))
            }),
            _ => None,
        };
        let at = line.map_or_else(String::new, |line| format!(" (line {})", line + 1));
        anyhow::anyhow!(
            "{place} has a line that is not NAME=value{at}: quote values that have spaces or quotation marks, as in NAME='two words'"
        )
    })
}

/// What is said of names that nothing reads: a slip of the pen, or something left over.
fn unread<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    let known = known_names();
    names.filter_map(move |name| {
        let upper = name.to_uppercase();
        if known.iter().any(|known| known == name) {
            return None;
        }
        let likeness = |known: &String| {
            let plain = |name: &str| name.replace('_', "");
            strsim::normalized_damerau_levenshtein(&plain(&upper), &plain(known))
        };
        let nearest = known
            .iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|known| likeness(known) >= ALIKE);
        match nearest {
            Some(nearest) => Some(format!("nothing reads {name}: is {nearest} meant?")),
            None if OURS.iter().any(|ours| upper.starts_with(ours)) => Some(format!(
                "nothing reads {name}: .env.example has the names that there are"
            )),
            None => None,
        }
    })
}

/// Every variable that is read: the settings that are no flags, and those of the flags.
pub fn known_names() -> Vec<String> {
    let mut known: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    add_names(&Cli::command(), &mut known);
    known
}

fn add_names(command: &Command, known: &mut Vec<String>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    known.extend(names.map(|name| name.to_string_lossy().into_owned()));
    for command in command.get_subcommands() {
        add_names(command, known);
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
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        line.strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
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
    let rest = |pairs: &[(String, String)]| -> Vec<(String, String)> {
        let others = pairs.iter().filter(|(other, _)| other != name);
        others.cloned().collect()
    };
    let after = parse(&changed, ".env")?;
    let set = after.iter().find(|(other, _)| other == name);
    ensure!(
        set.is_some_and(|(_, read)| read == value) && rest(&before) == rest(&after),
        "{name} cannot be put into .env without changing something else: write it by hand"
    );
    Ok(changed)
}

/// A value as `.env` has it, so that it is read as it is.
fn quoted(value: &str) -> String {
    // In single quotes everything stands for itself, but for a backslash before the closing one.
    if !value.contains(['\'', '\\', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '\n' => quoted += "\\n",
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
            prop_assert!(pairs.contains(&("KEY".to_owned(), value)));
            prop_assert!(changed.lines().any(|line| line == other));
            let comments = |text: &str| text.lines().filter(|l| l.starts_with('#')).count();
            prop_assert_eq!(comments(&text), comments(&changed));
        }

        #[test]
        fn no_text_is_too_strange(text in "(KEY|#|=|'|\"|\n| |\\\\|\\$|x){0,12}", value in "[a-z']{0,5}") {
            if let Ok(changed) = with(&text, "KEY", &value) {
                let pairs = parse(&changed, "").unwrap();
                let set = pairs.iter().find(|(name, _)| name == "KEY");
                prop_assert_eq!(&set.unwrap().1, &value);
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

    #[test]
    fn a_slip_of_the_pen_is_named_and_what_belongs_to_others_is_not() {
        let said = |name: &str| unread([name].into_iter()).next();
        assert_eq!(
            said("OPENROUTER_APIKEY").unwrap(),
            "nothing reads OPENROUTER_APIKEY: is OPENROUTER_API_KEY meant?"
        );
        for (name, words) in [
            ("TAVILY_KEY", "TAVILY_API_KEY"),
            ("openrouter_api_key", "OPENROUTER_API_KEY"),
            ("GOOGLE_SHEETS_ID", "GOOGLE_SHEET_ID"),
            ("BRANDINTEL_WORKER", "BRANDINTEL_WORKERS"),
            ("BRANDINTEL_COLOUR_OF_HAIR", ".env.example"),
        ] {
            let said = said(name).unwrap_or_default();
            assert!(said.contains(words), "{name}: {said}");
        }
        for name in [
            "OPENAI_API_KEY",
            "DATABASE_URL",
            "HTTPS_PROXY",
            "GOOGLE_CLOUD_PROJECT",
        ] {
            assert_eq!(said(name), None, "{name}");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_alone() {
        for (text, line) in [
            ("A=1\ntvly-secret\n", "line 2"),
            ("A=1\nB='secret\nC=2\n", "line 2"),
            ("A=one secret\n", "line 1"),
        ] {
            let error = parse(text, ".env").unwrap_err().to_string();
            assert!(error.contains(line) && !error.contains("secret"), "{error}");
        }
    }
}
