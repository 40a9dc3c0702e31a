//! What the user set: `.env`, environment and flags become one checked [`Settings`]; secrets are wrapped.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::{cli::ServiceArgs, money::Usd, sandbox::Sandbox, secrets::Secrets};

const DEFAULT_MODEL: &str = "google/gemini-3.1-flash-lite";

/// Everything that the services need to know.
#[derive(Debug)]
pub struct Settings {
    pub openrouter: Endpoint,
    /// Model slug.
    pub model: String,
    pub tavily: Endpoint,
    /// US dollars for one search credit.
    pub credit_price: Usd,
    pub sheet: Option<SheetSettings>,
    pub rates: Rates,
    pub folders: Folders,
    /// The services are simulated, and every artefact has to say so.
    pub simulated: bool,
}

/// Where a service answers and with which key.
#[derive(Debug)]
pub struct Endpoint {
    pub base: Url,
    pub key: SecretString,
}

/// Which spreadsheet, and how it may be entered.
#[derive(Debug)]
pub struct SheetSettings {
    pub id: String,
    /// The tab that was asked for; otherwise `INPUT` or the first.
    pub tab: Option<String>,
    pub base: Url,
    pub access: SheetAccess,
}

/// What opens the spreadsheet.
#[derive(Debug)]
pub enum SheetAccess {
    /// Reads and writes what is shared with its address.
    ServiceAccount(ServiceAccount),
    /// Reads public sheets.
    ApiKey(SecretString),
}

/// The parts of a service-account file that signing in needs.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceAccount {
    pub client_email: String,
    pub private_key: SecretString,
    pub private_key_id: Option<String>,
    pub token_uri: Url,
}

/// Requests allowed per minute.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub llm: u32,
    pub search: u32,
    pub sheets: u32,
}

/// Where the program keeps its files.
#[derive(Clone, Debug)]
pub struct Folders {
    pub state: PathBuf,
    pub logs: PathBuf,
    pub output: PathBuf,
}

impl Folders {
    /// The folders of real runs, or those of rehearsals.
    pub fn new(sandbox: bool) -> Self {
        let base = Path::new(if sandbox { "sandbox" } else { "" });
        Self {
            state: base.join("state"),
            logs: base.join("logs"),
            output: base.join("output"),
        }
    }
}

/// Puts the variables of the nearest `.env` into the environment, where they are not set already.
pub fn load_dotenv() -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The error quotes the line, and a line of `.env` may hold a key: name only where it stands.
        Err(dotenvy::Error::LineParse(_, at)) => {
            bail!(
                ".env has a line that is not NAME=value (at character {at} of that line): quote values that have spaces or quotation marks"
            )
        }
        Err(error) => Err(error).context(".env cannot be read"),
    }
}

impl Settings {
    /// Reads the settings of a run against real services.
    pub fn from_environment(args: &ServiceArgs, needs_sheet: bool) -> anyhow::Result<Self> {
        Ok(Self {
            openrouter: openrouter()?,
            model: args.model.clone().unwrap_or_else(|| DEFAULT_MODEL.into()),
            tavily: Endpoint {
                base: base_url("TAVILY_BASE_URL", "https://api.tavily.com")?,
                key: required_key("TAVILY_API_KEY", "https://app.tavily.com")?,
            },
            credit_price: variable("TAVILY_CREDIT_USD")
                .map_or_else(|| "0.008".parse(), |price| price.parse())
                .context("TAVILY_CREDIT_USD")?,
            sheet: if needs_sheet { Some(sheet()?) } else { None },
            rates: Rates::new(args, 1.0),
            folders: Folders::new(false),
            simulated: false,
        })
    }

    /// The settings of a rehearsal whose models are real ones.
    pub fn with_real_models(mut self, args: &ServiceArgs) -> anyhow::Result<Self> {
        self.openrouter = openrouter()?;
        self.rates.llm = Rates::new(args, 1.0).llm;
        // Real services are spoken to over TLS, and bill.
        self.simulated = false;
        Ok(self)
    }

    /// The settings of a rehearsal: every address and key is the sandbox's own.
    pub fn for_sandbox(args: &ServiceArgs, sandbox: &Sandbox) -> anyhow::Result<Self> {
        let at = |path: &str| Url::parse(&format!("http://{}{path}", sandbox.address()));
        Ok(Self {
            openrouter: Endpoint {
                base: at("/api/v1")?,
                key: sandbox.openrouter_key().into(),
            },
            model: args.model.clone().unwrap_or_else(|| DEFAULT_MODEL.into()),
            tavily: Endpoint {
                base: at("")?,
                key: sandbox.tavily_key().into(),
            },
            credit_price: "0.008".parse()?,
            sheet: Some(SheetSettings {
                id: sandbox.sheet_id().into(),
                tab: None,
                base: at("")?,
                access: SheetAccess::ServiceAccount(serde_json::from_value(
                    sandbox.service_account(),
                )?),
            }),
            rates: Rates::new(args, args.sandbox_speed),
            folders: Folders::new(true),
            simulated: true,
        })
    }

    /// The texts that must never be shown.
    pub fn secrets(&self) -> Secrets {
        let of_sheet = self.sheet.as_ref().map(|sheet| match &sheet.access {
            SheetAccess::ApiKey(key) => key,
            SheetAccess::ServiceAccount(account) => &account.private_key,
        });
        let keys = [&self.openrouter.key, &self.tavily.key];
        Secrets::new(keys.into_iter().chain(of_sheet).cloned())
    }
}

fn openrouter() -> anyhow::Result<Endpoint> {
    Ok(Endpoint {
        base: base_url("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1")?,
        key: required_key("OPENROUTER_API_KEY", "https://openrouter.ai/keys")?,
    })
}

impl Rates {
    /// The limits that were set, or the default ones: 60, 100 and 60 a minute, times the speed of a rehearsal.
    fn new(args: &ServiceArgs, speed: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, rounded and bounded"
        )]
        let default = |rpm: f64| (rpm * speed.max(1.0)).round().min(1e6) as u32;
        Self {
            llm: args.llm_rpm.unwrap_or_else(|| default(60.0)),
            search: args.search_rpm.unwrap_or_else(|| default(100.0)),
            sheets: args.sheets_rpm.unwrap_or_else(|| default(60.0)),
        }
    }
}

/// At most the first eight characters of a secret, and never more than a third of it.
pub fn hint(secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let shown = (secret.chars().count() / 3).min(8);
    format!("{}...", secret.chars().take(shown).collect::<String>())
}

/// Finds the id in a spreadsheet's URL, or takes the text for the id.
pub fn sheet_id(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    let id = match text.split_once("/spreadsheets/") {
        Some((_, path)) => {
            let path = path
                .strip_prefix("u/")
                .map_or(path, |rest| rest.split_once('/').map_or("", |(_, p)| p));
            ensure!(
                !path.starts_with("d/e/"),
                "GOOGLE_SHEET_ID is a link made by “Publish to the web”, which cannot be read as a spreadsheet: copy the address of the spreadsheet itself, https://docs.google.com/spreadsheets/d/…/edit"
            );
            path.strip_prefix("d/").unwrap_or_default()
        }
        None => text,
    };
    let id: String = id
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    ensure!(
        id.len() >= 8 && (text.contains("/spreadsheets/") || id.len() == text.len()),
        "GOOGLE_SHEET_ID ({}) is neither a spreadsheet's id nor its URL: copy the address of the spreadsheet, https://docs.google.com/spreadsheets/d/…/edit",
        crate::text::shorten(text, 60)
    );
    Ok(id)
}

/// Whether the user has named a spreadsheet.
pub fn sheet_is_set() -> bool {
    variable("GOOGLE_SHEET_ID").is_some()
}

fn sheet() -> anyhow::Result<SheetSettings> {
    let id = variable("GOOGLE_SHEET_ID").context(
        "GOOGLE_SHEET_ID is not set: put the spreadsheet's id or URL into .env, or read a file with --brands, or rehearse with --sandbox",
    )?;
    let account = variable("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from);
    let access = match (account, variable("GOOGLE_API_KEY")) {
        (Some(path), _) => SheetAccess::ServiceAccount(service_account(&path)?),
        (None, Some(key)) => SheetAccess::ApiKey(key.into()),
        (None, None) => bail!(
            "nothing opens the sheet: set GOOGLE_APPLICATION_CREDENTIALS to a service-account file (reads and writes back), or GOOGLE_API_KEY (reads public sheets)"
        ),
    };
    Ok(SheetSettings {
        id: sheet_id(&id)?,
        tab: variable("GOOGLE_SHEET_TAB"),
        base: base_url("GOOGLE_SHEETS_BASE_URL", "https://sheets.googleapis.com")?,
        access,
    })
}

fn service_account(path: &Path) -> anyhow::Result<ServiceAccount> {
    let place = || format!("GOOGLE_APPLICATION_CREDENTIALS ({})", path.display());
    let bytes = std::fs::read(path)
        .with_context(|| format!("{} cannot be read: is the path right?", place()))?;
    let file: serde_json::Value = serde_json::from_slice(&bytes)
        // The parser's message may quote the file, which is a secret.
        .map_err(|_| {
            anyhow::anyhow!(
                "{} is not JSON: download the key again from the Google Cloud console",
                place()
            )
        })?;
    let kind = file["type"].as_str().unwrap_or("none");
    ensure!(
        kind == "service_account",
        "{} is a file of type “{kind}”, not “service_account”: in the Google Cloud console open IAM & Admin → Service Accounts → Keys → Add key → JSON",
        place()
    );
    let account: ServiceAccount = serde_json::from_value(file).map_err(|_| {
        anyhow::anyhow!(
            "{} lacks client_email, private_key or token_uri: download the key again",
            place()
        )
    })?;
    let uri = &account.token_uri;
    ensure!(
        uri.scheme() == "https" || is_loopback(uri),
        "{}: token_uri {uri} would send the signed request over an open line: it has to be https",
        place()
    );
    Ok(account)
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

fn base_url(name: &str, default: &str) -> anyhow::Result<Url> {
    let text = variable(name).unwrap_or_else(|| default.into());
    let url = Url::parse(text.trim_end_matches('/'))
        .with_context(|| format!("{name} ({text}) is not a URL such as {default}"))?;
    ensure!(
        matches!(url.scheme(), "http" | "https") && url.has_host(),
        "{name} ({text}) has to start with https:// (or http:// on this machine)"
    );
    Ok(url)
}

fn required_key(name: &str, where_from: &str) -> anyhow::Result<SecretString> {
    let key = variable(name).with_context(|| {
        format!("{name} is not set: put {name}=… into .env (a key comes from {where_from}), or rehearse with --sandbox")
    })?;
    ensure!(
        key.chars().all(|c| c.is_ascii_graphic()),
        "{name} has a character that no key has (a space, a line break or a quotation mark?): copy it again"
    );
    Ok(key.into())
}

/// A variable that is set and not blank.
fn variable(name: &str) -> Option<String> {
    env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_named_by_id_or_url() {
        let id = "1ieRgnZ296CcvWYi5GY21vAxIzU93-_9kHAdMdDNzkaQ";
        for text in [
            id.to_owned(),
            format!("https://docs.google.com/spreadsheets/d/{id}/edit#gid=0"),
            format!("https://docs.google.com/spreadsheets/u/1/d/{id}/edit"),
            format!("docs.google.com/spreadsheets/d/{id}"),
        ] {
            assert_eq!(sheet_id(&text).unwrap(), id, "{text}");
        }
        for bad in [
            "",
            "https://docs.google.com/document/d/1ieRgnZ296CcvWYi5GY21vAxIzU93/edit",
            "https://docs.google.com/spreadsheets/d/e/2PACX-1vQ/pub?output=csv",
            "my sheet",
        ] {
            assert!(sheet_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hint_never_shows_a_short_secret() {
        assert_eq!(hint(&"sk-or-v1-an-example-of-a-key".into()), "sk-or-v1...");
        assert_eq!(hint(&"12345678".into()), "12...");
    }

    #[test]
    fn a_token_is_asked_for_over_https_or_on_this_machine() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080/token", true),
            ("http://localhost/token", true),
            ("http://[::1]:1/token", true),
            ("http://127.0.0.1.example.com/token", false),
            ("http://10.0.0.1/token", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
