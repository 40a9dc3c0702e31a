//! The command `init`: asks for missing settings, tries each answer at once, and writes it into `.env`.

mod console;
mod sheet;
mod trial;

use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};

use self::{
    console::Console,
    trial::{Trials, Tried},
};
use crate::{
    config::{
        self,
        dotenv::EnvFile,
        hint,
        keys::{self, KeyKind},
        variable,
    },
    exit::{Exit, Failure, OrExit},
    list,
    runner::{
        self,
        preflight::{PreflightFinding, PreflightResult},
    },
    say,
};

/// What has been set up so far.
struct SetUp {
    console: Console,
    trials: Trials,
    file: EnvFile,
    /// What is still missing at the end.
    missing: Vec<&'static str>,
    /// The keys that their services took, by the names of their variables.
    good: Vec<(&'static str, SecretString)>,
}

/// Asks for what is missing, tries it, and writes it.
pub async fn init() -> Result<Exit, Failure> {
    let mut setup = SetUp {
        console: Console::open()?,
        trials: Trials::new()?,
        file: EnvFile::open().or_exit(Exit::Usage)?,
        missing: Vec::new(),
        good: Vec::new(),
    };
    say!(
        "This asks for what brandintel needs and keeps it in {}. What is set already stays; Enter alone leaves an answer for later.",
        setup.file.path().display()
    );
    say!(
        "\n1 of 3: OpenRouter, where language models are asked ({})",
        keys::OPENROUTER.from
    );
    setup.key("OPENROUTER_API_KEY", &keys::OPENROUTER).await?;
    say!(
        "\n2 of 3: Tavily, which searches the web ({})",
        keys::TAVILY.from
    );
    setup.key("TAVILY_API_KEY", &keys::TAVILY).await?;
    say!("\n3 of 3: the list of brands, a Google Sheet or a CSV or XLSX file");
    let from_file = setup.list().await?;
    setup.end(from_file).await
}

impl SetUp {
    /// One key: kept where it is set and good, else asked for until it is.
    async fn key(&mut self, name: &'static str, kind: &KeyKind) -> Result<(), Failure> {
        if let Some(key) = variable(name).map(SecretString::from)
            && self.keep_key(name, kind, &key).await?
        {
            return Ok(());
        }
        let question = format!(
            "{name} (not shown while you type, begins with {}): ",
            kind.begins
        );
        loop {
            let key = self.console.ask_secret(&question)?;
            if key.expose_secret().is_empty() {
                say!("– {name}: left for later");
                self.missing.push(name);
                return Ok(());
            }
            if self.accept(name, kind, &key).await? {
                return self.save(name, key.expose_secret());
            }
        }
    }

    /// Whether a key that is set stays.
    async fn keep_key(
        &mut self,
        name: &'static str,
        kind: &KeyKind,
        key: &SecretString,
    ) -> Result<bool, Failure> {
        say!("{name} is set ({})", hint(key));
        match self.try_key(name, kind, key).await? {
            Tried::Fine(words) => {
                say!("✅ {name}: {words}");
                self.good.push((name, key.clone()));
                Ok(true)
            }
            Tried::Unknown(words) => {
                say!("– {name}: it cannot be tried now: {words}");
                Ok(true)
            }
            Tried::Refused(words) => {
                say!("✗ {words}");
                Ok(!self.can_be_changed(name))
            }
        }
    }

    /// Whether another answer would count: what is set in the environment wins, so that is still missing.
    fn can_be_changed(&mut self, name: &'static str) -> bool {
        let here = self.file.has(name);
        if !here {
            say!("– {name} is set in the environment, which wins over .env: change it there");
            self.missing.push(name);
        }
        here
    }

    /// Whether a key that was typed is to be kept.
    async fn accept(
        &mut self,
        name: &'static str,
        kind: &KeyKind,
        key: &SecretString,
    ) -> Result<bool, Failure> {
        match self.try_key(name, kind, key).await? {
            Tried::Fine(words) => {
                say!("✅ {name}: {words}");
                self.good.push((name, key.clone()));
                Ok(true)
            }
            Tried::Refused(words) => {
                say!("✗ {words}");
                Ok(false)
            }
            Tried::Unknown(words) => {
                say!("– {name}: it cannot be tried now: {words}");
                self.console.ask_yes("Keep it all the same?")
            }
        }
    }

    async fn try_key(
        &self,
        name: &str,
        kind: &KeyKind,
        key: &SecretString,
    ) -> Result<Tried, Failure> {
        let of_models = *kind == keys::OPENROUTER;
        let shape = match of_models {
            true => {
                config::openrouter_base().and_then(|base| keys::check_model_key(name, key, &base))
            }
            false => keys::check(name, key, kind),
        };
        if let Err(error) = shape {
            return Ok(Tried::Refused(error.to_string()));
        }
        let tried = match of_models {
            true => self.trials.openrouter(key).await,
            false => self.trials.tavily(key).await,
        };
        tried.or_exit(Exit::Usage)
    }

    /// The list; whether it is a file.
    async fn list(&mut self) -> Result<bool, Failure> {
        if let Some(id) = variable("GOOGLE_SHEET_ID") {
            say!("GOOGLE_SHEET_ID is set");
            if self.keep_sheet(&id).await? {
                return Ok(false);
            }
        }
        if let Some(path) = variable("BRANDINTEL_BRANDS").map(PathBuf::from) {
            say!("BRANDINTEL_BRANDS is set");
            if try_file(&path) {
                return Ok(true);
            }
        }
        loop {
            let answer = self.console.ask(
                "The sheet's address (https://docs.google.com/spreadsheets/d/…), or the file's path: ",
            )?;
            if answer.is_empty() {
                say!("– the list: left for later");
                self.missing.push(match variable("GOOGLE_SHEET_ID") {
                    Some(_) => sheet::WAY,
                    None => "GOOGLE_SHEET_ID, or a file for --brands",
                });
                return Ok(false);
            }
            if is_file(&answer) {
                let path = whole_path(&answer).or_exit(Exit::Usage)?;
                if try_file(&path) {
                    let path = self.file.path_from_here(&path);
                    self.save("BRANDINTEL_BRANDS", &path)?;
                    return Ok(true);
                }
                continue;
            }
            match config::sheet_id(&answer) {
                Ok(id) => {
                    self.save("GOOGLE_SHEET_ID", &id)?;
                    if !self.sheet(&id).await? {
                        self.missing.push(sheet::WAY);
                    }
                    return Ok(false);
                }
                Err(error) => say!("✗ {error}"),
            }
        }
    }

    fn save(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let first = self.file.put(name, value).or_exit(Exit::Machine)?;
        if first {
            let path = self.file.path().display();
            match cfg!(unix) {
                true => say!("  {name} is kept in {path}, which only you can read"),
                false => say!(
                    "  {name} is kept in {path}, which everybody can read who may read its folder"
                ),
            }
        } else {
            say!("  {name} is kept");
        }
        Ok(())
    }

    /// Asks what costs about a cent, the only proof that a batch would be answered. Returns the worst that came of it.
    async fn prove(&self) -> Result<Exit, Failure> {
        let good = |name| {
            let mut good = self.good.iter().rev();
            good.find_map(|(of, key)| (*of == name).then_some(key))
        };
        let keys = (good("OPENROUTER_API_KEY"), good("TAVILY_API_KEY"));
        let (Some(model_key), Some(search_key)) = keys else {
            say!("– not tried with a real question, because a key could not be tried");
            return Ok(Exit::Done);
        };
        say!(
            "\nAll is set. To prove it, {}.",
            runner::trial_calls::ABOUT_A_CENT
        );
        let mut worst = Exit::Done;
        for PreflightFinding { what, result } in self.trials.ask(model_key, search_key).await? {
            match result {
                Ok(PreflightResult::Fine(text)) => say!("✅ {what}: {text}"),
                Ok(PreflightResult::Doubt(text)) => say!("– {what}: {text}"),
                Err(failure) => {
                    say!("✗ {what}: {:#}", failure.error);
                    worst = failure.exit;
                }
            }
        }
        Ok(worst)
    }

    /// Says what to do next.
    async fn end(self, from_file: bool) -> Result<Exit, Failure> {
        if let Some(trouble) = self.trials.clock() {
            say!("✗ {trouble}");
        }
        if !self.missing.is_empty() {
            say!(
                "\nStill missing: {}. Run brandintel init again when you have it.",
                self.missing.join("; ")
            );
            return Ok(Exit::Usage);
        }
        let proved = self.prove().await?;
        if proved != Exit::Done {
            say!("\nWhat is set is kept. Mend what is refused and run brandintel check.");
            return Ok(proved);
        }
        // A file that was named is the list of every batch; a sheet has to be asked for.
        let list = if from_file { "" } else { " --google-sheets" };
        say!("\nNext:");
        say!(
            "  brandintel check                                    proves all of it, and says what a batch would cost"
        );
        say!("  brandintel{list} --workers 8 --limit 10   researches the first ten brands");
        Ok(Exit::Done)
    }
}

/// Says what a file has in it; whether it is a list.
fn try_file(path: &Path) -> bool {
    match list::file::read(path, None) {
        Ok(table) => {
            let rows = table.filled();
            say!("✅ {}: {}; {rows} rows", path.display(), table.mapping());
            true
        }
        Err(error) => {
            say!("✗ {error:#}");
            false
        }
    }
}

/// Whether an answer means a file and not a sheet.
fn is_file(answer: &str) -> bool {
    let extension = Path::new(answer).extension().and_then(|e| e.to_str());
    let known =
        extension.is_some_and(|e| list::file::EXTENSIONS.contains(&e.to_lowercase().as_str()));
    !answer.contains("://") && (known || Path::new(answer).is_file())
}

/// A path that means the same in every folder; `~` is the home folder, as shells have it.
fn whole_path(answer: &str) -> anyhow::Result<PathBuf> {
    let home = answer.strip_prefix("~/").or(answer.strip_prefix("~\\"));
    let path = match (home, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(answer),
    };
    std::path::absolute(&path).with_context(|| format!("{} is not a path", path.display()))
}
