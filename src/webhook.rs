//! The webhook that the report of a run is posted to.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    error_kind::ErrorKind,
    event::Events,
    http::{
        call::{Body, CallError, Request, Service},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, Verdict},
        transport::Network,
    },
    store::paid::Paid,
    text::{self, secrets::Secrets},
};

/// The longest that one try may take, and all tries: a run that is done does not wait long for whoever reads of it.
const TIMEOUT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(15);

/// An address that JSON is posted to. Whoever knows it may post there too, so it is a secret; its host is not.
#[derive(Debug)]
pub struct Webhook {
    url: SecretString,
    host: String,
}

/// What is posted did not arrive.
#[derive(Debug, thiserror::Error)]
#[error("{host} did not take it: {why}")]
pub struct NotTaken {
    host: String,
    why: String,
}

impl Webhook {
    /// The webhook at this address.
    pub fn at(url: &Url) -> Self {
        Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            url: url.as_str().into(),
        }
    }

    /// Posts it, and tries again where it may help.
    pub async fn post(&self, json: String, client: reqwest::Client) -> Result<(), NotTaken> {
        let secrets = self.secrets();
        let not_taken = |why: &str| NotTaken {
            host: self.host.clone(),
            why: secrets.redact(why),
        };
        let posted = async {
            let (events, _nobody) = Events::channel();
            // It costs nothing, so nothing has to be remembered.
            let paid = Arc::new(Paid::in_memory(None, Timestamp::now())?);
            let caller = HttpClient::new(
                Network::new(client),
                paid,
                events,
                CancellationToken::new(),
                secrets.clone(),
                1.0,
            );
            let url = Url::parse(self.url.expose_secret()).map_err(anyhow::Error::from)?;
            let request = Request {
                body: Body::Json(json),
                timeout: TIMEOUT,
                patience: CallPatience::AtMost(PATIENCE),
                ..Request::free("report", Method::POST, url, HeaderMap::new())
            };
            caller
                .send(&service(), &request, Timestamp::MIN)
                .await
                .map(drop)
        };
        posted.await.map_err(|error: CallError| match error {
            CallError::Request { message, .. } | CallError::Run { message, .. } => {
                not_taken(&message)
            }
            other => not_taken(&other.to_string()),
        })
    }

    /// Its address and the parts of it that open it, in case that the service quotes them.
    fn secrets(&self) -> Secrets {
        let whole = self.url.expose_secret();
        let parts = whole
            .split(['/', '?', '&', '='])
            .filter(|part| part.len() >= 8 && *part != self.host && !part.contains(':'));
        let url = Url::parse(whole).ok();
        let sign_in = url
            .iter()
            .flat_map(|url| [Some(url.username()), url.password()]);
        let sign_in = sign_in.flatten().filter(|part| !part.is_empty());
        Secrets::new(
            [self.url.clone()]
                .into_iter()
                .chain(parts.chain(sign_in).map(SecretString::from)),
        )
    }
}

fn service() -> Service {
    Service {
        name: "the webhook",
        address: "--report-to",
        credential: String::new(),
        account: "".into(),
        gate: Arc::new(RateLimiter::new(60, 1.0)),
        classify,
        own_words: |_| None,
    }
}

/// Webhooks answer with whatever they like; only the status counts.
fn classify(reply: &Reply) -> Verdict {
    match reply.status {
        200..=299 => Verdict::Good,
        408 | 425 | 429 | 500..=599 => Verdict::Transient,
        _ => Verdict::Request(ErrorKind::Rejected),
    }
}

/// Whether this looks like an address that lacks its beginning, `hooks.example.com/services/…`, and not like a file.
pub fn is_without_scheme(text: &str) -> bool {
    let Some((host, _)) = text.split_once('/') else {
        return false;
    };
    let last = host.rsplit_once('.').map_or("", |(_, last)| last);
    last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic()) && !Path::new(host).exists()
}

/// Reads an address. What is wrong is said without the address.
///
/// # Errors
/// When it is none that can be posted to.
pub fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("the address is not a URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!(
            "an address that begins with {} cannot be posted to: it has to begin with https://",
            text::shorten(scheme, 20)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_lacks_its_beginning_is_no_file() {
        for address in [
            "hooks.slack.com/services/T0/B0/secret",
            "example.ir/webhook?token=1",
        ] {
            assert!(is_without_scheme(address), "{address}");
        }
        for file in [
            "report.json",
            "reports/night.json",
            "./out.d/r.json",
            "/var/run/r.json",
            "C:\\r.json",
        ] {
            assert!(!is_without_scheme(file), "{file}");
        }
    }
}
