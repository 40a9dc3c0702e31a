//! The command `open`: opens the portfolio or the page of a brand in the system's viewer.

use std::{
    env,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use crate::{
    cli::OpenArgs,
    config::Folders,
    exit::{Exit, Failure, OrExit},
    render,
    store::registry::{BrandStatus, Registry},
    text::{self, terminal},
};

/// How alike two names are, from 0 to 1, when one may be meant by the other; and how many of those are named.
const ALIKE: f64 = 0.8;
const SUGGESTED: usize = 3;

/// Opens a page and says where it is. Without a terminal, or where nothing can open it, it only says so.
pub fn open(args: &OpenArgs) -> Result<Exit, Failure> {
    let folders = Folders::new(args.folders.sandbox);
    let page = match &args.brand {
        Some(name) => page_of(&folders, name)?,
        None => folders.output.join("index.html"),
    };
    if !page.is_file() {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "{} is not there: a batch makes it, and brandintel export makes it anew of saved reports",
                page.display()
            ),
        ));
    }
    let page = std::path::absolute(page).or_exit(Exit::Machine)?;
    terminal::result_place(&page);
    if !std::io::stdout().is_terminal() {
        return Ok(Exit::Done);
    }
    if !has_screen() || open::that_detached(&page).is_err() {
        terminal::urgent("Nothing here can open it: open this file in a browser.");
    }
    Ok(Exit::Done)
}

/// Whether windows can be shown: on a server there are only text browsers, which would take the terminal over.
fn has_screen() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
            .into_iter()
            .any(is_set)
}

/// The page of the brand that somebody means by a name.
fn page_of(folders: &Folders, name: &str) -> Result<PathBuf, Failure> {
    let output = &folders.output;
    let has_page = |folder: &String| output.join(folder).join("report.html").is_file();
    let page = |folder: &String| output.join(folder).join("report.html");
    let wanted = text::key(name);
    let registry = Registry::peek(&folders.state).ok();
    let entries: Vec<_> = registry
        .iter()
        .flat_map(|(registry, _)| registry.entries().map(|(_, entry)| entry))
        .collect();
    let mut known: Vec<(String, String)> = entries
        .iter()
        .filter_map(|entry| Some((entry.brand.clone(), entry.folder()?)))
        .collect();
    let all = render::folders(output).or_exit(Exit::Machine)?;
    known.extend(all.into_iter().map(|folder| (folder.clone(), folder)));
    known.retain(|(_, folder)| has_page(folder));
    let mut found: Vec<String> = known
        .iter()
        .filter(|(name, _)| text::key(name) == wanted)
        .map(|(_, folder)| folder.clone())
        .collect();
    if found.is_empty() {
        found = render::named(output, |name| text::key(name) == wanted).or_exit(Exit::Machine)?;
        found.retain(has_page);
    }
    found.sort_unstable();
    found.dedup();
    match &found[..] {
        [folder] => Ok(page(folder)),
        // Who types the name of a folder means that.
        [..] if found.iter().any(|folder| folder == name) => Ok(page(&name.to_owned())),
        [] => {
            let failed = entries.iter().find(|entry| {
                entry.status == BrandStatus::Failed && text::key(&entry.brand) == wanted
            });
            let why = failed.and_then(|entry| entry.error.as_deref());
            Err(Failure::new(Exit::Usage, none(name, output, why, &known)))
        }
        several => {
            let several: Vec<String> = several.iter().map(|folder| format!("«{folder}»")).collect();
            Err(Failure::new(
                Exit::Usage,
                format!(
                    "several brands are called «{name}»: give the folder of one, {}",
                    several.join(" or ")
                ),
            ))
        }
    }
}

/// That a brand has no page, with what may help.
fn none(name: &str, output: &Path, why: Option<&str>, known: &[(String, String)]) -> String {
    if let Some(why) = why {
        return format!("«{name}» has no report: it failed ({why})");
    }
    let wanted = text::key(name);
    let alike = |other: &str| {
        let other = text::key(other);
        let within = !wanted.is_empty() && other.contains(&wanted);
        match within {
            true => 1.0,
            false => strsim::jaro_winkler(&other, &wanted),
        }
    };
    let mut close: Vec<(f64, &str)> = known
        .iter()
        .map(|(name, _)| (alike(name), name.as_str()))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    close.dedup_by(|a, b| text::key(a.1) == text::key(b.1));
    let close: Vec<String> = close
        .iter()
        .take(SUGGESTED)
        .map(|(_, name)| format!("«{name}»"))
        .collect();
    let hint = match close.is_empty() {
        true => "brandintel open shows all that there are".to_owned(),
        false => format!("did you mean {}?", close.join(" or ")),
    };
    format!(
        "there is no report of «{name}» in {}: {hint}",
        output.display()
    )
}
