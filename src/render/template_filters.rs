//! The filters of the templates: Markdown and addresses. HTML is escaped by default.
#![expect(
    clippy::inline_always,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the macro of the template engine asks for these forms"
)]

use std::fmt::Display;

use askama::{Result, Values, filter_fn};

/// Text in Markdown: characters that would become markup are escaped, and lines stay whole.
#[filter_fn]
pub fn md(text: impl Display, _: &dyn Values) -> Result<String> {
    let mut escaped = String::new();
    for c in text.to_string().chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    Ok(escaped)
}

/// An address in angle brackets, which end at the first bracket or white space.
#[filter_fn]
pub fn address(url: impl Display, _: &dyn Values) -> Result<String> {
    let unsafe_here = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>');
    Ok(url.to_string().replace(unsafe_here, "%20"))
}

/// A folder's name in an address.
#[filter_fn]
pub fn path(text: impl Display, _: &dyn Values) -> Result<String> {
    let mut url = url::Url::parse("http://x/").map_err(askama::Error::custom)?;
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().push(&text.to_string());
    }
    Ok(format!(".{}", url.path()))
}
