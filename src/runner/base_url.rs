//! The checks of `OPENROUTER_BASE_URL` before and after the server is asked: an address that is one path too long or
//! too short is named at once, because every call of a run would fail.

use url::Url;

use crate::exit::{Exit, Failure};

const NAME: &str = "OPENROUTER_BASE_URL";

/// Pages below the base address that people copy together with it.
const PAGES: [&str; 6] = [
    "/chat/completions",
    "/completions",
    "/responses",
    "/embeddings",
    "/models",
    "/key",
];

/// The failure where the address ends with the path of one of the server's pages, which the program adds itself.
pub fn too_long(base: &Url) -> Option<Failure> {
    let path = base.path().trim_end_matches('/');
    let (page, rest) = PAGES
        .iter()
        .find_map(|page| Some((*page, path.strip_suffix(page)?)))?;
    let mut cut = base.clone();
    cut.set_path(rest);
    // An address can hold a password, which is not shown.
    let _ = cut.set_username("");
    let _ = cut.set_password(None);
    cut.set_query(None);
    let cut = cut.as_str().trim_end_matches('/');
    Some(Failure::new(
        Exit::Usage,
        format!("ends with {page}, which the program adds itself: write {NAME}={cut}"),
    ))
}

/// Whether the path names no version of the API, as most servers have it.
fn lacks_version(base: &Url) -> bool {
    let is_version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    };
    !base
        .path_segments()
        .is_some_and(|mut parts| parts.any(is_version))
}

/// The failure where the server has neither of its free pages although OpenRouter itself always has them.
pub fn not_openrouter(base: &Url) -> Option<Failure> {
    let host = base.host_str()?;
    (host == "openrouter.ai" || host.ends_with(".openrouter.ai")).then(|| {
        Failure::new(
            Exit::Usage,
            format!("OpenRouter does not answer at this address: write {NAME}=https://openrouter.ai/api/v1"),
        )
    })
}

/// What to ask the user where a server has neither `/key` nor `/models`.
pub fn too_short(base: &Url) -> Option<String> {
    lacks_version(base).then(|| {
        format!("the server has neither /key nor /models: is /v1 missing at the end of {NAME}?")
    })
}

/// What to ask the user besides where a web page stands in the place of an answer.
pub fn web_page(base: &Url, words: &str) -> Option<&'static str> {
    let is_page = words.contains("an HTML page instead of JSON");
    (is_page && lacks_version(base)).then_some(
        "Or is /v1 missing at the end of OPENROUTER_BASE_URL, as in https://openrouter.ai/api/v1?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_page_at_its_end_is_cut() {
        let cut = |base: &str| {
            let failure = too_long(&base.parse().unwrap())?;
            Some(failure.error.to_string().split('=').next_back()?.to_owned())
        };
        for end in ["/chat/completions", "/chat/completions/", "/models"] {
            assert_eq!(
                cut(&format!("https://openrouter.ai/api/v1{end}")).as_deref(),
                Some("https://openrouter.ai/api/v1")
            );
        }
        assert_eq!(
            cut("http://me:hunter2@host:4000/chat/completions").as_deref(),
            Some("http://host:4000")
        );
        assert_eq!(cut("https://openrouter.ai/api/v1"), None);
        assert_eq!(cut("http://host/donkey"), None);
    }

    #[test]
    fn an_address_without_a_version_is_doubted() {
        let doubted = |base: &str| too_short(&base.parse().unwrap()).is_some();
        assert!(doubted("http://host:8080") && doubted("http://host/api"));
        assert!(doubted("http://host/vendor"));
        assert!(!doubted("http://host/v1") && !doubted("http://host/v1beta/openai"));
    }
}
