//! The addresses of the services, as the user has set them.

use anyhow::{Context, bail, ensure};
use secrecy::SecretString;
use url::Url;

use super::{SHEETS_API, google, variable, visible};

/// The length from which on a password in an address is kept from being shown in answers, in bytes.
const SHORTEST_PASSWORD: usize = 8;

/// Where models are asked.
pub fn openrouter_base() -> anyhow::Result<Url> {
    base_url("OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1")
}

/// Where the web is searched.
pub fn tavily_base() -> anyhow::Result<Url> {
    let base = base_url("TAVILY_BASE_URL", "https://api.tavily.com")?;
    without_page("TAVILY_BASE_URL", base, &["/search", "/extract", "/usage"])
}

/// Where the Google Sheets API answers.
pub fn sheets_base() -> anyhow::Result<Url> {
    let base = base_url("GOOGLE_SHEETS_BASE_URL", SHEETS_API)?;
    without_page("GOOGLE_SHEETS_BASE_URL", base, &["/v4/spreadsheets", "/v4"])
}

/// The address in a variable, or the usual one.
pub fn base_url(name: &str, default: &str) -> anyhow::Result<Url> {
    let text = variable(name).map_or_else(|| default.into(), |text| visible(&text));
    // What stands before an @ may be a password.
    let shown = text.rsplit('@').next().unwrap_or_default();
    let url = Url::parse(text.trim_end_matches('/'))
        .with_context(|| format!("{name} ({shown}) is not a URL such as {default}"))?;
    ensure!(
        matches!(url.scheme(), "http" | "https") && url.has_host(),
        "{name} ({shown}) has to start with https:// (or http:// on this machine): such as {default}"
    );
    Ok(url)
}

/// An address that does not end with one of the pages that the program asks for below it.
fn without_page(name: &str, base: Url, pages: &[&str]) -> anyhow::Result<Url> {
    let path = base.path().trim_end_matches('/');
    let Some((page, rest)) = pages
        .iter()
        .find_map(|page| Some((*page, path.strip_suffix(page)?)))
    else {
        return Ok(base);
    };
    let mut cut = base.clone();
    cut.set_path(rest);
    // A password is not shown.
    let _ = cut.set_username("");
    let _ = cut.set_password(None);
    bail!(
        "{name} ends with {page}, which the program adds itself: write {name}={}",
        cut.as_str().trim_end_matches('/')
    )
}

/// Whether an address is set that others on the way can listen to.
pub fn is_open_line(name: &str) -> bool {
    let url = variable(name).and_then(|text| Url::parse(&text).ok());
    url.is_some_and(|url| url.scheme() == "http" && !google::is_loopback(&url))
}

/// The password in an address, as it was before it was written with percent signs; shorter ones may be words that answers
/// have.
pub fn password_of(url: &Url) -> Option<SecretString> {
    let password = percent_encoding::percent_decode_str(url.password()?);
    let password = password.decode_utf8_lossy();
    (password.len() >= SHORTEST_PASSWORD).then(|| password.into_owned().into())
}
