//! The file `.env`: it is read into the environment, and answers are written into it without disturbing the rest.

mod change;
mod find;
mod lines;

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
};

pub use self::{
    change::EnvFile,
    find::find,
    lines::{tidy, unwrapped},
};
use self::{
    change::quoted,
    find::{is_above, is_own, nearest},
    lines::{Variable, variables},
};
use super::NAMES;
use crate::files;
use anyhow::{Context, bail};

/// How alike two names are, from 0 to 1, when one is a slip of the pen.
const ALIKE: f64 = 0.75;

/// Variables that hold the path of a file or folder to be read.
const PATHS: [&str; 4] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "BRANDINTEL_BRANDS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Beginnings of names that are this program's alone.
const OURS: [&str; 4] = ["BRANDINTEL_", "OPENROUTER_", "TAVILY_", "GOOGLE_SHEET"];

/// What a person should know of the file that was read.
#[derive(Debug, Default)]
pub struct LoadedEnv {
    pub warnings: Vec<String>,
    /// Where it is, if it is in a folder above this one.
    pub above: Option<PathBuf>,
}

/// Puts the variables of the nearest `.env` into the environment, where they are not set to something already, and takes
/// away what was copied along around those of this program that are. `flags` are the variables that stand for flags.
pub fn load(flags: &[String]) -> anyhow::Result<LoadedEnv> {
    let mut loaded = LoadedEnv::default();
    let known = known_names(flags);
    let mut fresh = tidied(&known);
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
            let names = pairs.iter().map(|variable| variable.name.as_str());
            warnings.extend(unread(names, &known));
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
fn tidied(known: &[String]) -> String {
    let of_libraries = ["TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    let known = known.iter().map(String::as_str).chain(of_libraries);
    let assignments = known.filter_map(|name| {
        let value = env::var(name).ok()?;
        let bare = tidy(&value);
        (!bare.is_empty() && bare != value).then(|| assignment(name, bare))
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

/// Removes what a kill has left beside the file, with the keys that were to go into it.
pub fn sweep() {
    let path = find().unwrap_or_else(|| PathBuf::from(".env"));
    let path = fs::canonicalize(&path).unwrap_or(path);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    files::sweep(folder.unwrap_or(Path::new(".")));
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

/// Warnings about unknown settings: misspelled or left over.
fn unread<'a>(
    names: impl Iterator<Item = &'a str>,
    known: &[String],
) -> impl Iterator<Item = String> {
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
            Some(nearest) => Some(format!("unknown setting {name}; did you mean {nearest}?")),
            None if OURS.iter().any(|ours| upper.starts_with(ours)) => Some(format!(
                "unknown setting {name}; .env.example lists all settings"
            )),
            None => None,
        }
    })
}

/// Every variable that is read: the settings that are no flags, and those of the flags.
pub fn known_names(flags: &[String]) -> Vec<String> {
    let settings = NAMES.iter().map(ToString::to_string);
    settings.chain(flags.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_named_and_what_belongs_to_others_is_not() {
        let known = known_names(&["BRANDINTEL_WORKERS".to_owned()]);
        let said = |name: &str| unread([name].into_iter(), &known).next();
        assert_eq!(
            said("OPENROUTER_APIKEY").unwrap(),
            "unknown setting OPENROUTER_APIKEY; did you mean OPENROUTER_API_KEY?"
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
