//! The questions about the sheet: what is set is tried, and a service account is asked for only where it is needed or
//! wanted.

use std::path::Path;

use secrecy::SecretString;

use super::{SetUp, trial::Tried, whole_path};
use crate::{
    config::{self, SheetAccess, SheetSettings, hint, keys, variable},
    exit::{Exit, Failure, OrExit},
    say,
};

const ABOUT_ACCOUNTS: &str = "
A service account is a Google user of the program's own; its key is a JSON file.
  1. Open https://console.cloud.google.com, make a project, and enable the Google Sheets API in it.
  2. Under IAM & Admin → Service Accounts, choose Create service account; it needs no roles.
  3. Open the account, choose Keys → Add key → Create new key → JSON, and keep the file where others cannot read it.
  4. Share the sheet with the account's address as Editor: init prints it next.";

/// What is missing where nothing opens the sheet.
pub const WAY: &str =
    "a way to read the sheet (share it with the service account, or with anyone who has the link)";

/// What became of sharing the sheet with a service account.
#[derive(Clone, Copy, PartialEq)]
enum SharingState {
    /// The sheet can be read, or nobody can tell now.
    Read,
    /// It cannot yet; the account is to be kept all the same.
    NotRead,
    /// The file is none of a service account.
    NoAccount,
}

impl SetUp {
    /// Whether a sheet that is set stays.
    pub(super) async fn keep_sheet(&mut self, id: &str) -> Result<bool, Failure> {
        if let Err(error) = config::sheet_id(id) {
            say!("✗ {error}");
        } else if self.sheet(id).await? {
            return Ok(true);
        }
        Ok(!self.can_be_changed("GOOGLE_SHEET_ID"))
    }

    /// How the sheet is entered: with what is set, without anything, or with a service account. Returns whether it can
    /// be read, as far as anybody can tell now.
    pub(super) async fn sheet(&mut self, id: &str) -> Result<bool, Failure> {
        if let Some(path) = variable("GOOGLE_APPLICATION_CREDENTIALS") {
            say!("GOOGLE_APPLICATION_CREDENTIALS is set ({path})");
            return match self.share(id, Path::new(&path)).await? {
                SharingState::Read => Ok(true),
                SharingState::NotRead => Ok(false),
                SharingState::NoAccount => self.account(id, false).await,
            };
        }
        if let Some(key) = variable("GOOGLE_API_KEY").map(SecretString::from) {
            say!("GOOGLE_API_KEY is set ({})", hint(&key));
            let sheet = sheet(id, SheetAccess::ApiKey(key)).or_exit(Exit::Usage)?;
            let tried = self.trials.sheet(&sheet).await.or_exit(Exit::Usage)?;
            tell(&tried);
            return match tried {
                Tried::Refused(_) => self.account(id, false).await,
                Tried::Fine(_) | Tried::Unknown(_) => Ok(true),
            };
        }
        let public = config::public_sheet(id, None).or_exit(Exit::Usage)?;
        let tried = self.trials.public_sheet(&public).await?;
        let read = !matches!(tried, Tried::Refused(_));
        match tried {
            Tried::Fine(found) => {
                say!("✅ anyone with the link can read the sheet: {found}");
                say!(
                    "It can be used as it is. With a service account, results are written back into it too."
                );
            }
            Tried::Refused(words) => {
                say!("– the sheet is not open to everybody, or not a list ({words})");
                say!(
                    "With a service account it can stay private, and results are written back into it."
                );
            }
            Tried::Unknown(words) => say!("– the sheet cannot be tried now: {words}"),
        }
        self.account(id, read).await
    }

    /// Asks for the file of a service account until it is one. Returns whether the sheet can be read; without an account
    /// that is as it was `before`.
    async fn account(&mut self, id: &str, before: bool) -> Result<bool, Failure> {
        say!("{ABOUT_ACCOUNTS}");
        let mut id = id.to_owned();
        loop {
            let answer = self
                .console
                .ask("Path of the JSON file (Enter: without a service account): ")?;
            if answer.is_empty() {
                say!("– service account: none for now");
                return Ok(before);
            }
            if let Some(other) = self.another_sheet(&answer)? {
                id = other;
                continue;
            }
            if let Err(error) = keys::check_no_key(
                "GOOGLE_APPLICATION_CREDENTIALS",
                &answer,
                "the path of the JSON file",
            ) {
                say!("✗ {error}");
                continue;
            }
            let path = whole_path(&answer).or_exit(Exit::Usage)?;
            let shared = self.share(&id, &path).await?;
            if shared != SharingState::NoAccount {
                let path = self.file.path_from_here(&path);
                self.save("GOOGLE_APPLICATION_CREDENTIALS", &path)?;
                return Ok(shared == SharingState::Read);
            }
        }
    }

    /// Prints the address to share the sheet with, and tries until the sheet can be read or that is left for later.
    async fn share(&mut self, id: &str, path: &Path) -> Result<SharingState, Failure> {
        let account = match config::service_account(path) {
            Ok(account) => account,
            Err(error) => {
                say!("✗ {error:#}");
                return Ok(SharingState::NoAccount);
            }
        };
        say!(
            "\nShare the sheet (Share, at its top right) as Editor with:\n\n  {}\n",
            account.client_email
        );
        let access = SheetAccess::ServiceAccount(account);
        let mut sheet = sheet(id, access).or_exit(Exit::Usage)?;
        let mut question = "Enter when it is shared: ";
        let mut left = SharingState::NotRead;
        loop {
            let answer = self.console.ask(question)?;
            if let Some(other) = self.another_sheet(&answer)? {
                sheet.id = other;
            } else if answer.to_lowercase().starts_with('s') {
                return Ok(left);
            }
            let tried = self.trials.sheet(&sheet).await.or_exit(Exit::Usage)?;
            tell(&tried);
            left = match tried {
                Tried::Fine(_) => return Ok(SharingState::Read),
                // Nobody can tell, so it may be kept untried.
                Tried::Unknown(_) => SharingState::Read,
                Tried::Refused(_) => SharingState::NotRead,
            };
            question = "Enter to try again, s to go on without, or the address of another sheet: ";
        }
    }

    /// The id of the sheet, where an answer is the address of one: a slip in the address is seen only when it is tried.
    fn another_sheet(&mut self, answer: &str) -> Result<Option<String>, Failure> {
        if !answer.contains("/spreadsheets/") {
            return Ok(None);
        }
        match config::sheet_id(answer) {
            Ok(id) => {
                self.save("GOOGLE_SHEET_ID", &id)?;
                Ok(Some(id))
            }
            Err(error) => {
                say!("✗ {error}");
                Ok(None)
            }
        }
    }
}

fn tell(tried: &Tried) {
    match tried {
        Tried::Fine(found) => say!("✅ the sheet can be used: {found}"),
        Tried::Refused(words) => say!("✗ the sheet cannot be used: {words}"),
        Tried::Unknown(words) => say!("– the sheet cannot be tried now: {words}"),
    }
}

fn sheet(id: &str, access: SheetAccess) -> anyhow::Result<SheetSettings> {
    Ok(SheetSettings {
        id: config::sheet_id(id)?,
        tab: config::sheet_tab(None),
        tab_id: config::tab_id(id),
        base: config::sheets_base()?,
        access,
    })
}
