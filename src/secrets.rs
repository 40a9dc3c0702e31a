//! What must never be shown, and how it is taken out of what services send back.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, MatchKind};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in the place of a secret.
const REDACTED: &str = "[secret]";

/// Parts of a secret shorter than this are no secret; the lines of a private key are longer.
const SHORTEST_PART: usize = 16;

/// All secrets of a run: those of the settings, and tokens that services gave out since.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    parts: Vec<SecretString>,
    finder: Option<Finder>,
}

/// Finds all of them in one pass: every answer of a service is looked through.
struct Finder(AhoCorasick);

impl fmt::Debug for Finder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Finder")
    }
}

impl Secrets {
    /// Secrets that are known from the start.
    pub fn new(known: impl IntoIterator<Item = SecretString>) -> Self {
        let secrets = Self::default();
        for secret in known {
            secrets.add(&secret);
        }
        secrets
    }

    /// Keeps one more secret from being shown, each of its lines for itself: a service that quotes a key of several
    /// lines may write the line breaks in any way.
    pub fn add(&self, secret: &SecretString) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let whole = secret.expose_secret();
        let lines = whole.lines().filter(|line| line.len() >= SHORTEST_PART);
        let parts: Vec<SecretString> = match whole.contains('\n') {
            true => lines.map(SecretString::from).collect(),
            false => vec![secret.clone()],
        };
        let parts = parts
            .into_iter()
            .filter(|part| !part.expose_secret().is_empty());
        known.parts.extend(parts);
        // The longest first, where one secret is the beginning of another.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(known.parts.iter().map(ExposeSecret::expose_secret));
        known.finder = finder.ok().map(Finder);
    }

    /// A text without the secrets that stand in it.
    pub fn redact(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Finder(finder)) = &known.finder else {
            return known.parts.iter().fold(text.to_owned(), |text, secret| {
                text.replace(secret.expose_secret(), REDACTED)
            });
        };
        finder.replace_all(text, &vec![REDACTED; finder.patterns_len()])
    }

    /// Takes the secrets out of every text in a JSON value, where they may have been written with escapes. Returns
    /// whether there were any.
    pub fn redact_json(&self, json: &mut Value) -> bool {
        match json {
            Value::String(text) => {
                let redacted = self.redact(text);
                let found = redacted != *text;
                *text = redacted;
                found
            }
            Value::Array(items) => items
                .iter_mut()
                .fold(false, |found, item| self.redact_json(item) | found),
            Value::Object(fields) => fields
                .values_mut()
                .fold(false, |found, field| self.redact_json(field) | found),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secrets = Secrets::new(["sk-or-v1-abcdefgh".into()]);
        secrets.add(&"ya29.a-token-that-came-later".into());
        secrets.add(&"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n".into());
        assert_eq!(
            secrets.redact("key sk-or-v1-abcdefgh, token ya29.a-token-that-came-later."),
            "key [secret], token [secret]."
        );
        let mut json: Value = serde_json::from_str(
            r#"{"error": ["sk\u002dor-v1-abcdefgh", "-----\\nMIIEvQIBADANBgkqhkiG\\n"]}"#,
        )
        .unwrap();
        assert!(secrets.redact_json(&mut json));
        assert_eq!(json, json!({"error": ["[secret]", "-----\\n[secret]\\n"]}));
        assert!(!secrets.redact_json(&mut json));
    }
}
