//! The shapes of keys: a key in the wrong setting is reported before it is sent to anyone.

use anyhow::ensure;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A kind of key.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyKind {
    /// Whose key it is.
    pub of: &'static str,
    /// How such keys begin.
    pub begins: &'static str,
    /// Where one is made.
    pub from: &'static str,
}

/// A key of OpenRouter.
pub const OPENROUTER: KeyKind = KeyKind {
    of: "OpenRouter",
    begins: "sk-or-",
    from: "https://openrouter.ai/settings/keys",
};

/// A key of Tavily.
pub const TAVILY: KeyKind = KeyKind {
    of: "Tavily",
    begins: "tvly-",
    from: "https://app.tavily.com",
};

/// An API key of Google.
pub const GOOGLE: KeyKind = KeyKind {
    of: "Google",
    begins: "AIza",
    from: "https://console.cloud.google.com/apis/credentials",
};

/// Keys of services that are not asked, but that people have in their hands too; the longer beginnings first.
const STRANGERS: [KeyKind; 3] = [
    KeyKind {
        of: "Anthropic",
        begins: "sk-ant-",
        from: "",
    },
    KeyKind {
        of: "OpenAI or a service like it",
        begins: "sk-",
        from: "",
    },
    KeyKind {
        of: "Google that ends within the hour (a token)",
        begins: "ya29.",
        from: "",
    },
];

/// Whose key this is, as far as its beginning tells.
fn kind(key: &SecretString) -> Option<&'static KeyKind> {
    [&OPENROUTER, &TAVILY, &GOOGLE]
        .into_iter()
        .chain(&STRANGERS)
        .find(|kind| key.expose_secret().starts_with(kind.begins))
}

/// Checks that what is no secret, such as an address or a path, is none: errors would show it. `instead` is what belongs
/// there.
pub fn check_no_key(name: &str, text: &str, instead: &str) -> anyhow::Result<()> {
    let text = text.trim();
    ensure!(
        !text.starts_with(['{', '-']),
        "{name} holds the content of a file: put {instead} there"
    );
    match kind(&text.into()) {
        Some(kind) => anyhow::bail!(
            "{name} holds a key of {} ({}…): put {instead} there",
            kind.of,
            kind.begins
        ),
        None => Ok(()),
    }
}

/// Checks that a key is no other service's, and that it was copied whole.
pub fn check(name: &str, key: &SecretString, expected: &KeyKind) -> anyhow::Result<()> {
    check_characters(name, key)?;
    match kind(key) {
        Some(other) if other != expected => wrong(name, other, expected),
        _ => Ok(()),
    }
}

/// As [`check`], for the key of a server of models: one of the user's own takes keys of any kind but Tavily's.
pub fn check_model_key(name: &str, key: &SecretString, server: &Url) -> anyhow::Result<()> {
    if server.host_str() == Some("openrouter.ai") {
        return check(name, key, &OPENROUTER);
    }
    check_characters(name, key)?;
    match kind(key) {
        Some(other) if *other == TAVILY => wrong(name, other, &OPENROUTER),
        _ => Ok(()),
    }
}

fn wrong(name: &str, other: &KeyKind, expected: &KeyKind) -> anyhow::Result<()> {
    let KeyKind { of, begins, from } = expected;
    anyhow::bail!(
        "{name} holds a key of {} ({}…): a key of {of} begins with {begins} and comes from {from}",
        other.of,
        other.begins
    )
}

fn check_characters(name: &str, key: &SecretString) -> anyhow::Result<()> {
    let key = key.expose_secret();
    ensure!(
        key.chars()
            .all(|c| c.is_ascii_graphic() && !"\"'`<>\\".contains(c)),
        "{name} has a character that no key has (a space, a line break or a quotation mark?): copy it again"
    );
    ensure!(
        !key.contains("..."),
        "{name} is a shortened key, as lists of keys show it: keys are shown whole only when they are made, so make a new one"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_wrong_place_is_named_without_showing_it() {
        let own: Url = "http://127.0.0.1:8000/v1".parse().unwrap();
        let openrouter: Url = "https://openrouter.ai/api/v1".parse().unwrap();
        let model = |key: &str, server| check_model_key("KEY", &key.into(), server);
        for (result, words) in [
            (
                model("tvly-abcdefgh", &openrouter),
                "a key of Tavily (tvly-…)",
            ),
            (model("tvly-abcdefgh", &own), "a key of Tavily"),
            (model("sk-ant-abcdefgh", &openrouter), "Anthropic"),
            (model("sk-proj-abcdefgh", &openrouter), "begins with sk-or-"),
            (model("sk-or-v1-ab...efgh", &openrouter), "shortened"),
            (model("\"sk-or-v1-abcdefgh\"", &own), "quotation mark"),
            (check("KEY", &"sk-or-v1-abcdefgh".into(), &TAVILY), "tvly-"),
            (check("KEY", &"ya29.abcdefgh".into(), &GOOGLE), "token"),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
            assert!(!error.contains("abcdefgh"), "{error}");
        }
        for good in ["sk-or-v1-abcdefgh", "a-key-of-another-shape"] {
            model(good, &openrouter).unwrap();
        }
        for good in [
            "sk-proj-abcdefgh",
            "sk-ant-abcdefgh",
            "AIzaabcdefgh",
            "none",
        ] {
            model(good, &own).unwrap();
        }
    }
}
