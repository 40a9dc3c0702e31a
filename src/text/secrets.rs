//! The secrets: what must never be shown, and how it is removed from what services send back.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine,
    engine::{
        GeneralPurpose,
        general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    },
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in the place of a secret.
const REDACTED: &str = "[secret]";

/// Parts of a secret shorter than this are no secret; the lines of a private key are longer.
const SHORTEST_PART: usize = 16;

/// What is found of a secret in base64 has at least so many characters: shorter texts have it by chance.
const SHORTEST_BASE64: usize = 8;

/// What stays as it is where the rest is written with percent signs (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// As [`RESERVED`], for what browsers leave besides.
const RESERVED_IN_BROWSERS: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');

/// All secrets of a run: those of the settings, and tokens that services gave out since.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<RwLock<KnownSecret>>);

#[derive(Debug, Default)]
struct KnownSecret {
    forms: Vec<Spelling>,
    finder: Option<Finder>,
}

/// A way in which a secret, or a part of it, may be written.
#[derive(Debug)]
struct Spelling {
    text: SecretString,
    /// It is in base64, so what stands beside it in the same encoding belongs to it.
    spreads: bool,
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
        known.forms.extend(forms(secret.expose_secret()));
        // The longest first, where one secret is the beginning of another.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(known.forms.iter().map(|form| form.text.expose_secret()));
        known.finder = finder.ok().map(Finder);
    }

    /// A text without the secrets that stand in it.
    pub fn redact(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(Finder(finder)) = &known.finder else {
            return known.forms.iter().fold(text.to_owned(), |text, form| {
                text.replace(form.text.expose_secret(), REDACTED)
            });
        };
        let mut redacted = String::new();
        let mut done = 0;
        for found in finder.find_iter(text) {
            let (mut from, mut to) = (found.start(), found.end());
            if known.forms[found.pattern().as_usize()].spreads {
                (from, to) = spread(text, from, to);
            }
            if from >= done {
                redacted += &text[done..from];
                redacted += REDACTED;
            }
            done = done.max(to);
        }
        redacted + &text[done..]
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

/// The ways in which a secret may be written. One of several lines is a private key, which is never sent, so that nobody
/// can send it back in another form.
fn forms(secret: &str) -> Vec<Spelling> {
    let form = |spreads| {
        move |text: String| Spelling {
            text: text.into(),
            spreads,
        }
    };
    if secret.contains('\n') {
        let lines = secret.lines().filter(|line| line.len() >= SHORTEST_PART);
        return lines.map(str::to_owned).map(form(false)).collect();
    }
    let percent = |set| utf8_percent_encode(secret, set).to_string();
    let json = Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut texts = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        percent(RESERVED),
        percent(RESERVED_IN_BROWSERS),
        in_lower_case(&percent(RESERVED)),
        in_lower_case(&percent(RESERVED_IN_BROWSERS)),
        percent(RESERVED).replace("%20", "+"),
        html.replace('"', "&quot;"),
        html.replace('"', "&quot;").replace('\'', "&#39;"),
    ];
    let mut in_base64: Vec<String> = (0..3)
        .flat_map(|before| [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|e| inside(secret, before, e)))
        .filter(|text| text.len() >= SHORTEST_BASE64)
        .collect();
    for texts in [&mut texts, &mut in_base64] {
        texts.retain(|text| !text.is_empty());
        texts.sort();
        texts.dedup();
    }
    let plain = texts.into_iter().map(form(false));
    plain.chain(in_base64.into_iter().map(form(true))).collect()
}

/// The digits behind percent signs in lower case; the rest of a secret stays.
fn in_lower_case(percent: &str) -> String {
    let mut digits = 0;
    let lower = percent.chars().map(|c| {
        let is_digit = digits > 0;
        digits = if c == '%' { 2 } else { digits.max(1) - 1 };
        if is_digit { c.to_ascii_lowercase() } else { c }
    });
    lower.collect()
}

/// What base64 makes of a secret behind so many other bytes, such as a name and a colon: the characters that hang on the
/// secret alone.
fn inside(secret: &str, before: usize, engine: &GeneralPurpose) -> String {
    let mut bytes = vec![0; before];
    bytes.extend(secret.bytes());
    let encoded = engine.encode(&bytes);
    let from = (before * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    encoded[from..to.max(from)].to_owned()
}

/// All of a text in base64, a part of which stands from here to there.
fn spread(text: &str, from: usize, to: usize) -> (usize, usize) {
    let belongs = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_=".contains(b);
    let bytes = text.as_bytes();
    let before = bytes[..from].iter().rev().take_while(|b| belongs(b));
    let mut begin = from - before.count();
    // The letter behind a backslash is an escape of JSON, which would not be JSON without it.
    if begin > 0 && bytes[begin - 1] == b'\\' {
        let escape = if bytes[begin] == b'u' { 5 } else { 1 };
        begin = from.min(begin + escape);
    }
    let behind = bytes[to..].iter().take_while(|b| belongs(b));
    (begin, to + behind.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;
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

    proptest! {
        /// Whatever stands around it, and in whichever alphabet: no three bytes of it can be read back.
        #[test]
        fn a_secret_in_base64_is_taken_out_whole(
            secret in "[!-~]{12,60}",
            before in "[ -~]{0,9}",
            after in "[ -~]{0,9}",
            padded in any::<bool>(),
            url_safe in any::<bool>(),
            json in any::<bool>(),
        ) {
            let secrets = Secrets::new([secret.as_str().into()]);
            let engine = match (padded, url_safe) {
                (true, false) => &STANDARD,
                (true, true) => &URL_SAFE,
                (false, false) => &STANDARD_NO_PAD,
                (false, true) => &URL_SAFE_NO_PAD,
            };
            let encoded = engine.encode(format!("{before}{secret}{after}"));
            let text = match json {
                true => serde_json::json!({"said": format!("Basic\n{encoded}\tما")}).to_string(),
                false => format!("Authorization: Basic {encoded}, and no more"),
            };
            let redacted = secrets.redact(&text);
            let said: String = match json {
                true => serde_json::from_str::<Value>(&redacted).unwrap()["said"].as_str().unwrap().to_owned(),
                false => redacted.clone(),
            };
            prop_assert!(said.contains("Basic") && said.contains(REDACTED), "{}", redacted);
            prop_assert!(!redacted.contains(&encoded[encoded.len() / 2..]), "{}", redacted);
            prop_assert!(redacted.len() <= text.len() + REDACTED.len());
            let left = redacted.replace(REDACTED, "").len();
            prop_assert_eq!(left, text.len() - encoded.len(), "{}", redacted);
        }
    }

    #[test]
    fn a_secret_is_found_in_the_forms_of_addresses_and_pages() {
        let secret = r#"p@ss/w"rd+<1>&'x y'="#;
        let secrets = Secrets::new([secret.into()]);
        for form in [
            secret,
            r#"p@ss\/w\"rd+<1>&'x y'="#,
            r#"p@ss/w\"rd+<1>&'x y'="#,
            "p%40ss%2Fw%22rd%2B%3C1%3E%26%27x%20y%27%3D",
            "p%40ss%2fw%22rd%2b%3c1%3e%26%27x%20y%27%3d",
            "p%40ss%2Fw%22rd%2B%3C1%3E%26'x%20y'%3D",
            "p%40ss%2Fw%22rd%2B%3C1%3E%26%27x+y%27%3D",
            "p@ss/w&quot;rd+&lt;1&gt;&amp;'x y'=",
            "p@ss/w&quot;rd+&lt;1&gt;&amp;&#39;x y&#39;=",
        ] {
            assert_eq!(
                secrets.redact(&format!("a {form} b")),
                "a [secret] b",
                "{form}"
            );
        }
    }
}
