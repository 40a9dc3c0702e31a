//! The two free pages of a model server, `/key` and `/models`, as they are read before a run. A server that is not
//! OpenRouter may have neither, and a gateway may refuse them and answer questions all the same, so a refusal is only a
//! doubt.

use url::Url;

use super::{
    base_url,
    errors::call_failure,
    preflight::{PreflightFinding, PreflightResult},
};
use crate::{
    config::Settings,
    exit::{Exit, Failure},
    http::call::CallError,
    llm::{KeyInfo, Listing, OpenRouter, Step},
};

/// What the server's pages said.
pub struct ServerPages {
    pub key: Option<KeyInfo>,
    /// The server knows the key and lists the model.
    pub lists_model: bool,
    pub findings: Vec<PreflightFinding>,
}

/// A page that the server has, or its words instead of it.
enum PageAnswer<T> {
    Read(T),
    Refused(String),
}

impl ServerPages {
    fn failed(what: &'static str, failure: Failure) -> Self {
        Self {
            key: None,
            lists_model: false,
            findings: vec![PreflightFinding {
                what,
                result: Err(failure),
            }],
        }
    }
}

/// Asks the server of models for both pages. An address that cannot be right is not asked at all.
pub async fn ask(openrouter: &mut OpenRouter, settings: &Settings) -> ServerPages {
    let base = &settings.openrouter.base;
    if let Some(failure) = base_url::too_long(base) {
        return ServerPages::failed("OPENROUTER_BASE_URL", failure);
    }
    let key = openrouter.key().await;
    let key = match page(key, base) {
        Ok(key) => key,
        // A key that is refused says more than the list of models would.
        Err(failure) => return ServerPages::failed("OPENROUTER_API_KEY", failure),
    };
    let has_key = matches!(key, PageAnswer::Read(Some(_)));
    let listing = openrouter.look_up_model().await;
    let listing = page(listing, base);
    let has_price = openrouter.has_prices();
    let lists_model = has_key && matches!(listing, Ok(PageAnswer::Read(Listing::Listed)));
    let has_list = !matches!(
        listing,
        Ok(PageAnswer::Read(Listing::Missing { nearest: None, .. }))
    );
    let model = listing.and_then(|listing| match listing {
        PageAnswer::Read(listing) => {
            let said = of_model(&settings.model, &listing, has_price, has_key);
            // Where no schema was asked in yet, this is the step that the list says.
            said.map(|said| with_step(said, openrouter.step("")))
        }
        PageAnswer::Refused(words) => Ok(PreflightResult::Doubt(format!(
            "the list of models cannot be read, so the price of {} is unknown ({words})",
            settings.model
        ))),
    });
    let (key, of_key) = match key {
        PageAnswer::Read(Some(info)) => (
            Some(info),
            Ok(PreflightResult::Fine("OpenRouter API key valid".into())),
        ),
        PageAnswer::Read(None) => (None, without_key(base, has_list)),
        PageAnswer::Refused(words) => {
            let doubt = format!(
                "the key's page cannot be read, so the key is tried with the first call ({words})"
            );
            (None, Ok(PreflightResult::Doubt(doubt)))
        }
    };
    let finding = |what, result| PreflightFinding { what, result };
    ServerPages {
        key,
        lists_model,
        findings: vec![
            finding("OPENROUTER_API_KEY", of_key),
            finding("OPENROUTER_MODEL", model),
        ],
    }
}

/// What is said of a server that has no page of the key.
fn without_key(base: &Url, has_list: bool) -> Result<PreflightResult, Failure> {
    if let Some(failure) = base_url::not_openrouter(base) {
        return Err(failure);
    }
    match base_url::too_short(base) {
        Some(doubt) if !has_list => Ok(PreflightResult::Doubt(doubt)),
        _ => Ok(PreflightResult::Fine(
            "OpenRouter-compatible server; it has no /key, so the key is tried with the first call"
                .into(),
        )),
    }
}

/// Says what is asked for where a model takes no strict schema.
fn with_step(said: PreflightResult, step: Step) -> PreflightResult {
    match (said, step) {
        (said, Step::JsonSchema) => said,
        (PreflightResult::Fine(words), lower) => PreflightResult::Fine(format!(
            "{words}; it takes no strict JSON schema, so it is asked for answers as {lower}"
        )),
        (doubt, _) => doubt,
    }
}

fn page<T>(asked: Result<T, CallError>, base: &Url) -> Result<PageAnswer<T>, Failure> {
    match asked {
        Ok(page) => Ok(PageAnswer::Read(page)),
        Err(CallError::Request { message, .. }) => Ok(PageAnswer::Refused(message)),
        Err(error) => {
            let hint = base_url::web_page(base, &error.to_string());
            let failure = call_failure(error);
            Err(match hint {
                Some(hint) => Failure::new(failure.exit, format!("{:#}. {hint}", failure.error)),
                None => failure,
            })
        }
    }
}

/// What the list of models says of one. `is_openrouter`: the server lists all that it has. Presets have no place in the
/// list.
fn of_model(
    slug: &str,
    listing: &Listing,
    has_price: bool,
    is_openrouter: bool,
) -> Result<PreflightResult, Failure> {
    let fine = |words: String| Ok(PreflightResult::Fine(words));
    match listing {
        Listing::Listed if has_price => fine(format!("Model {slug}: listed with its prices")),
        Listing::Listed => fine(format!("Model {slug}: listed, its prices vary")),
        Listing::Missing {
            slug,
            nearest: Some(nearest),
        } if is_openrouter && !slug.starts_with('@') => Err(Failure::new(
            Exit::Usage,
            format!(
                "the server has no model {slug}: is {nearest} meant? Choose one with --model or OPENROUTER_MODEL; its page /models lists them"
            ),
        )),
        Listing::Missing {
            slug,
            nearest: Some(nearest),
        } if !slug.starts_with('@') => Ok(PreflightResult::Doubt(format!(
            "Model {slug}: the server does not list it, so its price is unknown; the name that is most like it is {nearest}"
        ))),
        Listing::Missing { slug, .. } => fine(format!(
            "Model {slug}: the server does not list it, so its price is unknown and its calls cost what the server says, if it says so"
        )),
    }
}
