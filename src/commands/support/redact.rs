//! The redaction of support files: secrets that are set now, and everything that looks like one.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    config::{self, variable},
    text::secrets::Secrets,
};

/// Settings that are secrets, or have some in them.
const SECRET: [&str; 6] = [
    "OPENROUTER_API_KEY",
    "TAVILY_API_KEY",
    "GOOGLE_API_KEY",
    "BRAVE_API_KEY",
    "SERPER_API_KEY",
    "EXA_API_KEY",
];

/// How keys, tokens and the like begin, whoever gave them out.
const SHAPES: [&str; 9] = [
    "sk-", "tvly-", "AIza", "ya29.", "eyJ", "Bearer ", "Basic ", "xoxb-", "ghp_",
];

/// Signs from which on such a word is a key, and not a word.
const LONG: usize = 16;

/// What is taken out.
pub struct Redaction(Secrets);

impl Redaction {
    /// All that is set now.
    pub fn of_settings() -> Self {
        let mut known: Vec<String> = SECRET.into_iter().filter_map(variable).collect();
        if let Some(headers) = variable("OPENROUTER_HEADERS") {
            let values = headers
                .split(';')
                .filter_map(|header| header.split_once(':'));
            known.extend(
                values
                    .map(|(_, value)| value.trim().to_owned())
                    .filter(|value| value.len() > 7),
            );
        }
        for name in [
            "BRANDINTEL_STATE",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            known.extend(variable(name).as_deref().and_then(password));
        }
        let webhook = variable("BRANDINTEL_REPORT_TO").filter(|to| to.contains("://"));
        known.extend(webhook.and_then(|to| Some(to.split_once("://")?.1.to_owned())));
        if let Some(account) = variable("GOOGLE_APPLICATION_CREDENTIALS")
            && let Ok(account) = config::service_account(account.as_ref())
        {
            known.push(account.private_key.expose_secret().to_owned());
            known.extend(account.private_key_id.filter(|id| id.len() >= LONG));
        }
        let encoded: Vec<String> = known.iter().map(|secret| STANDARD.encode(secret)).collect();
        let all = known.into_iter().chain(encoded).map(SecretString::from);
        Self(Secrets::new(all))
    }

    /// Takes them out of every text.
    pub fn clean(&self, file: &mut Value) {
        match file {
            Value::String(text) => *text = without_shapes(&self.0.redact(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.clean(field)),
            _ => {}
        }
    }
}

/// The password in an address.
fn password(address: &str) -> Option<String> {
    let (_, rest) = address.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

/// A text without whatever has the shape of a key.
fn without_shapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, shape)) = next_shape(rest) {
        let key = &rest[at + shape.len()..];
        let end = key.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.+/=".contains(c)));
        let end = end.unwrap_or(key.len());
        let is_word = rest[..at]
            .chars()
            .next_back()
            .is_some_and(char::is_alphanumeric);
        let is_key = !is_word
            && shape.len() + end >= LONG
            && key[..end]
                .chars()
                .any(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        clean.push_str(&rest[..at]);
        clean.push_str(if is_key { "[secret]" } else { shape });
        rest = if is_key { &key[end..] } else { key };
    }
    clean.push_str(rest);
    match clean.contains("PRIVATE KEY-----") {
        true => "[secret]".into(),
        false => clean,
    }
}

fn next_shape(text: &str) -> Option<(usize, &'static str)> {
    let found = SHAPES
        .iter()
        .filter_map(|shape| Some((text.find(shape)?, *shape)));
    found.min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_taken_out_and_words_stay() {
        for (text, clean) in [
            (
                "key sk-or-v1-0123456789abcdef, tvly-dev-ABCDEFGH12345.",
                "key [secret], [secret]",
            ),
            (
                "Authorization: Bearer abc.DEF123456789xyz\nnext",
                "Authorization: [secret]\nnext",
            ),
            ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.sig", "[secret]"),
            (
                "a task-manager-for-the-office2026-edition",
                "a task-manager-for-the-office2026-edition",
            ),
            ("Basic knowledge of Persian", "Basic knowledge of Persian"),
            ("-----BEGIN PRIVATE KEY-----\nabc", "[secret]"),
            ("کاله sk-", "کاله sk-"),
        ] {
            assert_eq!(without_shapes(text), clean, "{text}");
        }
    }

    #[test]
    fn passwords_stand_between_colon_and_at() {
        assert_eq!(password("postgres://me:w@rd@db/x").as_deref(), Some("w@rd"));
        assert_eq!(password("postgres://db/x"), None);
    }
}
