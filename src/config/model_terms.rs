//! The terms of model servers: prices, headers and the time of an answer, as the user has set them.

use std::time::Duration;

use anyhow::bail;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{variable, visible};
use crate::{money::Usd, text::number};

/// Prices of tokens, in US dollars for a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PricesPerMillion {
    pub prompt: Usd,
    pub completion: Usd,
}

/// What the user has set about the models of a server.
#[derive(Clone, Debug, Default)]
pub struct ModelTerms {
    /// For models whose server lists no prices.
    pub prices: Option<PricesPerMillion>,
    /// The longest that one answer may take, whatever its length.
    pub answer_time: Option<Duration>,
    /// Sent with every request besides the key, as gateways want it. They may hold keys of their own.
    pub headers: HeaderMap,
}

/// The length from which on the value of a header may be a key, in bytes.
pub(super) const SECRET_HEADER: usize = 16;

/// What is set about the models of a server.
pub fn model_terms() -> anyhow::Result<ModelTerms> {
    Ok(ModelTerms {
        prices: prices()?,
        answer_time: answer_time()?,
        headers: headers()?,
    })
}

pub(super) fn prices() -> anyhow::Result<Option<PricesPerMillion>> {
    let Some(text) = variable("OPENROUTER_PRICES") else {
        return Ok(None);
    };
    let amounts: Option<Vec<Usd>> = text
        .split([',', '،'])
        .map(|amount| amount.trim().parse().ok())
        .collect();
    match amounts.as_deref() {
        Some([prompt, completion]) => Ok(Some(PricesPerMillion {
            prompt: *prompt,
            completion: *completion,
        })),
        _ => bail!(
            "OPENROUTER_PRICES ({text}): write US dollars for a million tokens in and out with a comma between them, such as 0.25,1.5; 0,0 for a free server"
        ),
    }
}

/// Headers that a gateway wants with every request, as `name: value; name: value`. Debug output does not show their values.
pub(super) fn headers() -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let text = visible(&variable("OPENROUTER_HEADERS").unwrap_or_default());
    for header in text.split(';').filter(|header| !header.trim().is_empty()) {
        let parsed = header.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        // The text itself is not shown: it may hold a key.
        let Some((name, value)) = parsed else {
            bail!(
                "OPENROUTER_HEADERS: write names and values of headers, as x-portkey-provider: openai; x-team: night"
            );
        };
        if matches!(name.as_str(), "authorization" | "content-type" | "host") {
            bail!("OPENROUTER_HEADERS: the program sends {name} itself; leave it out");
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// The longest that one answer of a model may take; `None` where it depends on its length.
pub fn answer_time() -> anyhow::Result<Option<Duration>> {
    let Some(text) = variable("OPENROUTER_TIMEOUT") else {
        return Ok(None);
    };
    match number(&text).parse::<u64>() {
        Ok(seconds @ 5..=86_400) => Ok(Some(Duration::from_secs(seconds))),
        _ => bail!("OPENROUTER_TIMEOUT ({text}): write whole seconds from 5 to 86400, such as 600"),
    }
}
