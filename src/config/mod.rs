//! The settings: `.env`, environment and flags become one checked [`Settings`]; secrets are wrapped.

mod addresses;
pub mod caps;
pub mod certificates;
pub mod dotenv;
pub mod google;
pub mod keys;
mod model_terms;
pub mod options;
pub mod proxies;
pub mod tls;
pub mod working_folder;
pub mod zone;

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

pub use self::model_terms::{ModelTerms, PricesPerMillion, answer_time, model_terms};
use self::model_terms::{SECRET_HEADER, headers, prices};
use self::{
    addresses::{base_url, password_of},
    options::{RateOptions, ServiceOptions},
};
pub use self::{
    addresses::{is_open_line, openrouter_base, sheets_base, tavily_base},
    google::{service_account, sheet_id, tab_id},
};
use crate::{
    config::caps::Caps,
    money::Usd,
    text::{is_invisible, secrets::Secrets},
};

/// The settings that are no flags.
pub const NAMES: [&str; 16] = [
    "OPENROUTER_API_KEY",
    "OPENROUTER_BASE_URL",
    "OPENROUTER_HEADERS",
    "OPENROUTER_PRICES",
    "OPENROUTER_TIMEOUT",
    "TAVILY_API_KEY",
    "TAVILY_BASE_URL",
    "TAVILY_CREDIT_USD",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_API_KEY",
    "GOOGLE_SHEET_ID",
    "GOOGLE_SHEET_TAB",
    "GOOGLE_SHEETS_BASE_URL",
    "BRANDINTEL_REPORTS_URL",
    "BRANDINTEL_DAILY_BUDGET",
    "BRANDINTEL_MONTHLY_BUDGET",
];

/// Where the Google Sheets API answers, unless told otherwise.
const SHEETS_API: &str = "https://sheets.googleapis.com";

/// The model that is asked where none is set.
pub const DEFAULT_MODEL: &str = "google/gemini-3.1-flash-lite";

/// Everything that the services need to know.
#[derive(Debug)]
pub struct Settings {
    pub openrouter: Endpoint,
    /// Model slug, or several with commas between them: the next is asked when one cannot be.
    pub model: String,
    /// What the user has set about the models.
    pub terms: ModelTerms,
    pub tavily: Endpoint,
    /// US dollars for one search credit.
    pub credit_price: Usd,
    /// The spreadsheet, where a credential opens it.
    pub sheet: Option<Arc<SheetSettings>>,
    /// The spreadsheet, where none does: it is read as anyone with the link can.
    pub public_sheet: Option<PublicSheetSettings>,
    pub rates: Rates,
    /// What all runs and hosts together may spend in a day and in a month.
    pub caps: Caps,
    pub folders: Folders,
    /// Where colleagues find what is in the folder of reports; ends with a slash.
    pub reports_url: Option<Arc<Url>>,
    /// The services are simulated, and every artefact has to say so.
    pub simulated: bool,
    /// How many times faster than reality time passes.
    pub speed: f64,
}

/// The simulated services of a rehearsal: where they answer, and to which credentials.
#[derive(Clone, Debug)]
pub struct SimulatedServices {
    pub address: SocketAddr,
    pub openrouter_key: &'static str,
    pub tavily_key: &'static str,
    pub sheet_id: &'static str,
    /// The key file of a service account.
    pub service_account: serde_json::Value,
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
    /// The tab that was asked for; otherwise `INPUT`, or one with a header.
    pub tab: Option<String>,
    /// The tab that the address names.
    pub tab_id: Option<i64>,
    pub base: Url,
    pub access: SheetAccess,
}

/// Which spreadsheet that anyone with the link may view.
#[derive(Debug)]
pub struct PublicSheetSettings {
    pub id: String,
    /// The tab that was asked for; otherwise `INPUT`, or one with a header.
    pub tab: Option<String>,
    /// The tab that the address names, which an export does not tell.
    pub tab_id: Option<i64>,
    /// Where spreadsheets are exported.
    pub base: Url,
}

/// What opens the spreadsheet.
#[derive(Debug)]
pub enum SheetAccess {
    /// Reads and writes what is shared with its address.
    ServiceAccount(ServiceAccount),
    /// Reads public sheets.
    ApiKey(SecretString),
}

impl SheetAccess {
    /// What must never be shown of it.
    pub fn secret(&self) -> &SecretString {
        match self {
            Self::ApiKey(key) => key,
            Self::ServiceAccount(account) => &account.private_key,
        }
    }
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

impl Settings {
    /// Reads the settings of a run against real services; `tab` is the tab that a flag asks for.
    pub fn from_environment(
        options: &ServiceOptions,
        needs_sheet: bool,
        tab: Option<&str>,
    ) -> anyhow::Result<Self> {
        let (sheet, public_sheet) = match needs_sheet {
            true => sheet(tab)?,
            false => (None, None),
        };
        Ok(Self {
            openrouter: openrouter()?,
            model: model(options),
            terms: model_terms()?,
            tavily: tavily()?,
            credit_price: credit_price()?,
            sheet: sheet.map(Arc::new),
            public_sheet,
            rates: Rates::new(options.rates, 1.0),
            caps: caps::caps()?,
            folders: Folders::new(false),
            reports_url: reports_url()?.map(Arc::new),
            simulated: false,
            speed: 1.0,
        })
    }

    /// Everything that is wrong with the settings of a run, and not the first thing alone.
    pub fn problems(needs_sheet: bool) -> Vec<anyhow::Error> {
        let parts = [
            openrouter().err(),
            prices().err(),
            headers().err(),
            answer_time().err(),
            tavily().err(),
            credit_price().err(),
            reports_url().err(),
            caps::caps().err(),
            if needs_sheet { sheet(None).err() } else { None },
        ];
        let network = proxies::problems()
            .into_iter()
            .chain(certificates::problems());
        parts.into_iter().flatten().chain(network).collect()
    }

    /// The spreadsheet's id and the tab that was asked for, however it is read.
    pub fn spreadsheet(&self) -> Option<(&str, Option<&str>)> {
        let sheet = self.sheet.as_ref().map(|s| (&*s.id, s.tab.as_deref()));
        let public = self.public_sheet.as_ref();
        sheet.or_else(|| public.map(|s| (&*s.id, s.tab.as_deref())))
    }

    /// The settings of a rehearsal, which runs so many times faster than reality: every address and key is the sandbox's own.
    pub fn for_sandbox(
        options: &ServiceOptions,
        speed: f64,
        simulated: &SimulatedServices,
    ) -> anyhow::Result<Self> {
        let at = |path: &str| Url::parse(&format!("http://{}{path}", simulated.address));
        Ok(Self {
            openrouter: Endpoint {
                base: at("/api/v1")?,
                key: simulated.openrouter_key.into(),
            },
            model: options
                .model
                .clone()
                .unwrap_or_else(|| DEFAULT_MODEL.into()),
            terms: ModelTerms::default(),
            tavily: Endpoint {
                base: at("")?,
                key: simulated.tavily_key.into(),
            },
            credit_price: "0.008".parse()?,
            sheet: Some(Arc::new(SheetSettings {
                id: simulated.sheet_id.into(),
                tab: None,
                tab_id: None,
                base: at("")?,
                access: SheetAccess::ServiceAccount(serde_json::from_value(
                    simulated.service_account.clone(),
                )?),
            })),
            public_sheet: None,
            rates: Rates::new(options.rates, speed),
            caps: caps::caps()?,
            folders: Folders::new(true),
            reports_url: None,
            simulated: true,
            speed,
        })
    }

    /// The texts that must never be shown.
    pub fn secrets(&self) -> Secrets {
        let of_sheet = self.sheet.as_ref().map(|sheet| sheet.access.secret());
        let keys = [&self.openrouter.key, &self.tavily.key];
        let headers = self.terms.headers.values();
        // Short values, such as the name of a provider, are words that answers may have.
        let headers = headers
            .filter_map(|value| value.to_str().ok())
            .filter(|value| value.len() >= SECRET_HEADER)
            .map(|value| SecretString::from(value.to_owned()));
        let keys = keys.into_iter().chain(of_sheet).cloned();
        let bases = [&self.openrouter.base, &self.tavily.base].map(password_of);
        let bases = bases.into_iter().flatten();
        Secrets::new(keys.chain(headers).chain(bases).chain(proxies::secrets()))
    }
}

fn openrouter() -> anyhow::Result<Endpoint> {
    let base = openrouter_base()?;
    let key = required_key("OPENROUTER_API_KEY", &keys::OPENROUTER)?;
    keys::check_model_key("OPENROUTER_API_KEY", &key, &base)?;
    Ok(Endpoint { base, key })
}

/// The models that were asked for; a Persian comma stands between them too.
fn model(options: &ServiceOptions) -> String {
    match &options.model {
        Some(slugs) => visible(slugs).replace('،', ","),
        None => DEFAULT_MODEL.into(),
    }
}

fn tavily() -> anyhow::Result<Endpoint> {
    let key = required_key("TAVILY_API_KEY", &keys::TAVILY)?;
    keys::check("TAVILY_API_KEY", &key, &keys::TAVILY)?;
    Ok(Endpoint {
        base: tavily_base()?,
        key,
    })
}

/// US dollars for one search credit.
pub fn credit_price() -> anyhow::Result<Usd> {
    let price = variable("TAVILY_CREDIT_USD").unwrap_or_else(|| "0.008".into());
    price
        .parse()
        .with_context(|| format!("TAVILY_CREDIT_USD ({price}): write US dollars, such as 0.008"))
}

impl Rates {
    /// The limits that were set, or the default ones: 60, 100 and 60 a minute, times the speed of a rehearsal.
    fn new(options: RateOptions, speed: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number, rounded and bounded"
        )]
        let default = |rpm: f64| (rpm * speed.max(1.0)).round().min(1e6) as u32;
        Self {
            llm: options.llm.unwrap_or_else(|| default(60.0)),
            search: options.search.unwrap_or_else(|| default(100.0)),
            sheets: options.sheets.unwrap_or_else(|| default(60.0)),
        }
    }
}

/// At most the first eight characters of a secret, and never more than a third of it.
pub fn hint(secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let shown = (secret.chars().count() / 3).min(8);
    format!("{}...", secret.chars().take(shown).collect::<String>())
}

/// Whether the user has named a spreadsheet.
pub fn sheet_is_set() -> bool {
    variable("GOOGLE_SHEET_ID").is_some()
}

fn sheet(
    tab: Option<&str>,
) -> anyhow::Result<(Option<SheetSettings>, Option<PublicSheetSettings>)> {
    let id = variable("GOOGLE_SHEET_ID").context(
        "GOOGLE_SHEET_ID is not set: put the spreadsheet's id or URL into .env (brandintel init asks for it), or read a file with --brands, or rehearse with --sandbox",
    )?;
    let account = variable("GOOGLE_APPLICATION_CREDENTIALS").map(PathBuf::from);
    let access = match (account, variable("GOOGLE_API_KEY")) {
        (Some(path), _) => SheetAccess::ServiceAccount(service_account(&path)?),
        (None, Some(key)) => {
            let key = visible(&key).into();
            keys::check("GOOGLE_API_KEY", &key, &keys::GOOGLE)?;
            SheetAccess::ApiKey(key)
        }
        (None, None) => return Ok((None, Some(public_sheet(&id, tab)?))),
    };
    let sheet = SheetSettings {
        id: sheet_id(&id)?,
        tab: sheet_tab(tab),
        tab_id: google::tab_id(&id),
        base: sheets_base()?,
        access,
    };
    Ok((Some(sheet), None))
}

/// The settings of a spreadsheet that no credential opens.
pub fn public_sheet(id: &str, tab: Option<&str>) -> anyhow::Result<PublicSheetSettings> {
    let docs = "https://docs.google.com";
    let base = base_url("GOOGLE_SHEETS_BASE_URL", docs)?;
    Ok(PublicSheetSettings {
        id: sheet_id(id)?,
        tab: sheet_tab(tab),
        tab_id: google::tab_id(id),
        // The API's own host exports nothing.
        base: match base.as_str().trim_end_matches('/') == SHEETS_API {
            true => Url::parse(docs)?,
            false => base,
        },
    })
}

/// The tab of the spreadsheet that was asked for, by a flag or a setting. Blanks around it stay: titles may have them.
pub fn sheet_tab(asked: Option<&str>) -> Option<String> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let asked = asked.map(str::to_owned);
    asked
        .or_else(|| set("BRANDINTEL_TAB"))
        .or_else(|| set("GOOGLE_SHEET_TAB"))
}

/// Where colleagues find what is in the folder of reports. It is written into the sheet, so it may hold no password.
fn reports_url() -> anyhow::Result<Option<Url>> {
    let Some(text) = variable("BRANDINTEL_REPORTS_URL") else {
        return Ok(None);
    };
    let name = "BRANDINTEL_REPORTS_URL";
    let url = Url::parse(&text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    let mut url = url.with_context(|| {
        format!(
            "{name}: write the address at which colleagues open the folder output/, such as https://reports.agency.ir/brands/"
        )
    })?;
    anyhow::ensure!(
        url.password().is_none() && url.username().is_empty(),
        "{name} has a user name or a password in it, which everybody who opens the sheet would read: leave them out"
    );
    url.set_fragment(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty();
    }
    // The address of the portfolio names the same folder.
    let is_page = url.path().ends_with("/index.html");
    if let Ok(mut path) = url.path_segments_mut() {
        if is_page {
            path.pop();
        }
        path.push("");
    }
    Ok(Some(url))
}

fn required_key(name: &str, kind: &keys::KeyKind) -> anyhow::Result<SecretString> {
    let key = variable(name).with_context(|| {
        format!(
            "{name} is not set: run brandintel init, or put {name}=… into .env (a key comes from {}), or rehearse with --sandbox",
            kind.from
        )
    })?;
    Ok(visible(&key).into())
}

/// A variable that is set and not blank, without what was copied along around it.
pub fn variable(name: &str) -> Option<String> {
    env::var(name)
        .ok()
        .map(|value| dotenv::tidy(&value).to_owned())
        .filter(|value| !value.is_empty())
}

/// A key, id or address without invisible marks, which chats and pages from right to left put around and into what is
/// copied: they have no meaning in it.
fn visible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_never_shows_a_short_secret() {
        assert_eq!(hint(&"sk-or-v1-an-example-of-a-key".into()), "sk-or-v1...");
        assert_eq!(hint(&"12345678".into()), "12...");
    }
}
