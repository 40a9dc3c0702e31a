//! The file `.env`: read into the environment, and answers put into it without disturbing the rest.

mod lines;

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::{Command, CommandFactory};

use self::lines::{Variable, name_of, variables};
pub use self::lines::{tidy, unwrapped};
use super::NAMES;
use crate::{cli::Cli, state::write_privately};

/// How alike two names are, from 0 to 1, when one is a slip of the pen.
const ALIKE: f64 = 0.75;

/// What some editors write at the beginning of UTF-8 files; it stays where the file is changed.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Variables that hold the path of a file or folder to be read.
const PATHS: [&str; 4] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "BRANDINTEL_BRANDS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Beginnings of names that are this program's alone.
const OURS: [&str; 4] = ["BRANDINTEL_", "OPENROUTER_", "TAVILY_", "GOOGLE_SHEET"];

/// The nearest `.env`: of this folder, or of one above it where that file is this user's own.
pub fn find() -> Option<PathBuf> {
    nearest().filter(|file| !is_above(file) || is_own(file))
}

fn nearest() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    let mut files = here.ancestors().map(|folder| folder.join(".env"));
    files.find(|file| file.is_file())
}

/// Whether a file is in a folder above this one: its settings surprise who has forgotten it.
fn is_above(file: &Path) -> bool {
    env::current_dir().is_ok_and(|here| file.parent() != Some(&here))
}

/// Whether a file belongs to this user, and so does the link that leads to it: in a folder above, such as `/tmp`, anybody
/// may have left one that sends keys elsewhere.
#[cfg(unix)]
fn is_own(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::geteuid().as_raw();
    [fs::metadata(file), fs::symlink_metadata(file)]
        .iter()
        .all(|found| found.as_ref().is_ok_and(|found| found.uid() == user))
}

/// Whether a file is in the user's own profile, where others cannot write: Windows tells owners by unsafe code alone.
#[cfg(windows)]
fn is_own(file: &Path) -> bool {
    let profile = env::var_os("USERPROFILE").map(PathBuf::from);
    let whole = |path: &Path| fs::canonicalize(path).ok();
    match (profile.as_deref().and_then(whole), whole(file)) {
        (Some(profile), Some(file)) => file.starts_with(profile),
        _ => false,
    }
}

/// What a person should know of the file that was read.
#[derive(Debug, Default)]
pub struct Loaded {
    pub warnings: Vec<String>,
    /// Where it is, if it is in a folder above this one.
    pub above: Option<PathBuf>,
}

/// Puts the variables of the nearest `.env` into the environment, where they are not set to something already, and takes
/// away what was copied along around those of this program that are.
pub fn load() -> anyhow::Result<Loaded> {
    let mut loaded = Loaded::default();
    let mut fresh = tidied();
    match nearest() {
        None => {}
        Some(path) if is_above(&path) && !is_own(&path) => loaded.warnings.push(format!(
            "{} is not read, because it is another user's: copy it into this folder, or start the program as its owner",
            path.display()
        )),
        Some(path) => {
            let place = path.display().to_string();
            let pairs = parse(&read(&path)?, &place)?;
            let folder = path.parent().filter(|_| is_above(&path));
            let (set, mut warnings) = first_of_each(&pairs);
            for (name, value) in set {
                fresh += &assignment(name, &from(folder, name, value));
            }
            warnings.extend(unread(pairs.iter().map(|variable| variable.name.as_str())));
            loaded.warnings = warnings
                .iter()
                .map(|warning| format!("{place}: {warning}"))
                .collect();
            loaded.above = folder.map(|_| path.clone());
        }
    }
    dotenvy::from_read_override(fresh.as_bytes()).context(".env cannot be used")?;
    Ok(loaded)
}

fn assignment(name: &str, value: &str) -> String {
    format!("{name}={}\n", quoted(value))
}

/// Assignments to variables that this program or a library reads and that have white space or invisible marks around their values.
fn tidied() -> String {
    let of_libraries = ["TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"].map(str::to_owned);
    let known = known_names().into_iter().chain(of_libraries);
    let assignments = known.filter_map(|name| {
        let value = env::var(&name).ok()?;
        let bare = tidy(&value);
        (!bare.is_empty() && bare != value).then(|| assignment(&name, bare))
    });
    assignments.collect()
}

/// The variables that count, and what is to be said of the others. Of several of one name the first that is not blank
/// counts, and the environment before all of them.
fn first_of_each(pairs: &[Variable]) -> (Vec<(&str, &str)>, Vec<String>) {
    let mut first: HashMap<&str, &Variable> = HashMap::new();
    let (mut set, mut warnings) = (Vec::new(), Vec::new());
    for variable in pairs.iter().filter(|pair| !tidy(&pair.value).is_empty()) {
        let Variable { name, value, line } = variable;
        if let Some(earlier) = first.get(name.as_str()) {
            if earlier.value != *value {
                warnings.push(format!(
                    "{name} is set in line {} and otherwise in line {line}: line {} counts, so take one out",
                    earlier.line, earlier.line
                ));
            }
            continue;
        }
        first.insert(name, variable);
        let blank = env::var_os(name).is_none_or(|value| tidy(&value.to_string_lossy()).is_empty());
        if blank {
            set.push((name.as_str(), value.as_str()));
            warnings.extend(unreplaced(variable, pairs));
        }
    }
    (set, warnings)
}

/// What is said of a value that has the name of another variable to be replaced, as shells do.
fn unreplaced(variable: &Variable, pairs: &[Variable]) -> Option<String> {
    let (_, rest) = variable.value.split_once("${")?;
    let (other, _) = rest.split_once('}')?;
    // What is no variable may be a part of a password.
    pairs.iter().find(|pair| pair.name == other)?;
    Some(format!(
        "line {}: ${{{other}}} stands for itself, because no variable is replaced in a value: write out what is meant",
        variable.line
    ))
}

/// A path as it is from here: `~` is the home folder, as shells have it, and where the file is in a folder above, the path
/// goes out from there too.
fn from(folder: Option<&Path>, name: &str, value: &str) -> String {
    if !PATHS.contains(&name) {
        return value.to_owned();
    }
    let home = value.strip_prefix("~/").or(value.strip_prefix("~\\"));
    if let (Some(rest), Some(home)) = (home, env::home_dir()) {
        return home.join(rest).display().to_string();
    }
    let is_from_here = Path::new(value).is_absolute() || Path::new(value).exists();
    let there = folder.map(|folder| folder.join(value));
    match there.filter(|there| !is_from_here && there.exists()) {
        Some(there) => there.display().to_string(),
        None => value.to_owned(),
    }
}

/// The text of the file.
fn read(path: &Path) -> anyhow::Result<String> {
    let place = path.display();
    let bytes = fs::read(path)
        .with_context(|| format!("{place} cannot be read: may this account read it?"))?;
    // Half of the bytes of UTF-16 are zero, and they are no characters of a value in any case.
    let text = String::from_utf8(bytes).ok();
    let Some(text) = text.filter(|text| !text.contains('\0')) else {
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
        let value = super::variable(name);
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

fn is_ours(name: &str) -> bool {
    NAMES.contains(&name) || OURS.iter().any(|ours| name.starts_with(ours))
}

/// The variables in a text, in its order.
fn parse(text: &str, place: &str) -> anyhow::Result<Vec<Variable>> {
    // A line of `.env` may hold a key: only its number is named.
    variables(text).map_err(|line| {
        anyhow::anyhow!(
            "{place} has a line that is not NAME=value (line {line}): quote values that have spaces or quotation marks, as in NAME='two words'"
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
fn quoted(value: &str) -> String {
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
            ("A='one' secret\n", "line 1"),
        ] {
            let error = parse(text, ".env").unwrap_err().to_string();
            assert!(error.contains(line) && !error.contains("secret"), "{error}");
        }
    }
}
