//! The facts about program, machine and settings in a support file.

use std::{env, io::IsTerminal, thread};

use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    cli::help,
    config::{self, dotenv, hint, variable},
};

/// Settings of other programs that matter to this one.
const OTHERS: [&str; 12] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "TMPDIR",
    "TEMP",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Settings that name a row of the list.
const ROW: [&str; 3] = [
    "BRANDINTEL_BRAND",
    "BRANDINTEL_WEBSITE",
    "BRANDINTEL_PARENT",
];

/// The program.
pub fn program() -> Value {
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "debug": cfg!(debug_assertions),
        "otel": cfg!(feature = "otel"),
    })
}

/// The machine, as far as it matters.
pub fn system() -> Value {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    json!({
        "os": env::consts::OS,
        "arch": env::consts::ARCH,
        "release": release(),
        "processors": thread::available_parallelism().map(usize::from).ok(),
        "time_zone": TimeZone::system().iana_name(),
        "locale": locale,
        "terminal": std::io::stderr().is_terminal(),
    })
}

/// The name of the system with its version.
#[cfg(unix)]
fn release() -> Option<String> {
    let about = std::fs::read_to_string("/etc/os-release").ok()?;
    let name = about
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

/// Windows tells it to programs only through calls that are not safe.
#[cfg(not(unix))]
fn release() -> Option<String> {
    variable("OS")
}

/// The settings that are set, and what may be told of them. `without_row` leaves out what names a row of the list.
pub fn settings(without_row: bool) -> Value {
    let flags = help::command();
    let flags = flags.get_arguments().filter_map(clap::Arg::get_env);
    let flags = flags.map(|name| name.to_string_lossy().into_owned());
    let names = config::NAMES.iter().chain(&OTHERS);
    let names = names.map(ToString::to_string).chain(flags);
    let told: Map<String, Value> = names
        .filter_map(|name| {
            let value = variable(&name)?;
            let shown = match without_row && ROW.contains(&name.as_str()) {
                true => "set".to_owned(),
                false => shown(&name, &value),
            };
            Some((name, shown.into()))
        })
        .collect();
    json!({"file": dotenv::find(), "values": told})
}

/// What is told of a value. Addresses are told without what stands before an `@` and after a `?`.
fn shown(name: &str, value: &str) -> String {
    let is_secret = name.ends_with("_KEY")
        || ["OPENROUTER_HEADERS", "GOOGLE_SHEET_ID"].contains(&name)
        || name == "BRANDINTEL_REPORT_TO" && value.contains("://");
    if is_secret {
        return match name.ends_with("_KEY") || name == "GOOGLE_SHEET_ID" {
            true => format!("set ({})", hint(&SecretString::from(value.to_owned()))),
            false => "set".into(),
        };
    }
    if !value.contains("://") && !value.contains('@') {
        return value.to_owned();
    }
    let url = Url::parse(value).ok().filter(Url::has_host);
    let Some(url) = url else { return "set".into() };
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_told_without_its_secret() {
        for (name, value, told) in [
            (
                "OPENROUTER_API_KEY",
                "sk-or-v1-abcdefghijklmnop",
                "set (sk-or-v1...)",
            ),
            ("OPENROUTER_HEADERS", "x-key: abc", "set"),
            (
                "BRANDINTEL_STATE",
                "postgres://me:word@db.ir/brands?sslmode=require",
                "postgres://db.ir/brands",
            ),
            (
                "BRANDINTEL_REPORT_TO",
                "https://hooks.slack.com/services/T/B/x",
                "set",
            ),
            ("BRANDINTEL_REPORT_TO", "last.json", "last.json"),
            (
                "HTTPS_PROXY",
                "http://me:word@proxy.ir:3128",
                "http://proxy.ir:3128/",
            ),
            ("HTTPS_PROXY", "me:word@proxy", "set"),
            (
                "OPENROUTER_BASE_URL",
                "https://host.ir/v1?key=abc",
                "https://host.ir/v1",
            ),
            ("BRANDINTEL_WORKERS", "8", "8"),
        ] {
            assert_eq!(shown(name, value), told, "{name}={value}");
        }
    }
}
