//! The proxies that the environment names, read as curl reads them: which requests use which proxy, and what is wrong
//! with the settings. Where none is named, the proxies of the operating system count.

use anyhow::{Context, ensure};
use reqwest::{ClientBuilder, NoProxy, Proxy};
use secrecy::SecretString;
use url::Url;

use super::{addresses::password_of, variable, visible};

/// The port of a SOCKS proxy that names none.
const SOCKS_PORT: u16 = 1080;

/// Which requests go through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requests {
    Https,
    Http,
    /// Those for which the others name none.
    Rest,
}

/// The variables, the more special ones first. Each is also read in lower case.
const VARIABLES: [(&str, &str, Requests); 3] = [
    ("HTTPS_PROXY", "https_proxy", Requests::Https),
    ("HTTP_PROXY", "http_proxy", Requests::Http),
    ("ALL_PROXY", "all_proxy", Requests::Rest),
];

/// A proxy that is set.
#[derive(Debug)]
struct NamedProxy {
    name: &'static str,
    requests: Requests,
    url: Url,
}

/// Sets the proxies of a client.
///
/// # Errors
/// When a variable names none that can be used; its password is not shown.
pub fn set(builder: ClientBuilder) -> anyhow::Result<ClientBuilder> {
    let exceptions = exceptions();
    if exceptions.contains(&"*".to_owned()) {
        return Ok(builder.no_proxy());
    }
    let mut builder = builder;
    for named in named() {
        let named = named?;
        let proxy = match named.requests {
            Requests::Https => Proxy::https(named.url),
            Requests::Http => Proxy::http(named.url),
            Requests::Rest => Proxy::all(named.url),
        };
        let proxy = proxy.with_context(|| format!("{} cannot be used", named.name))?;
        let exceptions = NoProxy::from_string(&exceptions.join(","));
        builder = builder.proxy(proxy.no_proxy(exceptions));
    }
    Ok(builder)
}

/// Everything that is wrong with them.
pub fn problems() -> Vec<anyhow::Error> {
    match exceptions().contains(&"*".to_owned()) {
        true => Vec::new(),
        false => named().filter_map(Result::err).collect(),
    }
}

/// What is said of each variable that counts, without passwords.
pub fn notes() -> Vec<String> {
    let exceptions = exceptions();
    let set: Vec<NamedProxy> = named().filter_map(Result::ok).collect();
    if exceptions.contains(&"*".to_owned()) {
        return vec!["NO_PROXY is *: no proxy is used, whatever else is set".into()];
    }
    let mut notes: Vec<String> = set.iter().map(NamedProxy::said).collect();
    if !exceptions.is_empty() {
        let hosts = exceptions.join(", ");
        notes.push(format!("NO_PROXY is set: {hosts} are spoken to directly"));
    }
    notes
}

/// The variables that name a proxy.
pub fn names() -> Vec<&'static str> {
    let set = named().filter_map(Result::ok);
    set.map(|named| named.name).collect()
}

/// The passwords of the proxies.
pub fn secrets() -> Vec<SecretString> {
    let set = named().filter_map(Result::ok);
    set.filter_map(|named| password_of(&named.url)).collect()
}

/// The hosts that are spoken to directly: with commas or blanks between them, as curl reads them, and `*.host` as well as
/// `.host`.
fn exceptions() -> Vec<String> {
    let set = variable("NO_PROXY").or_else(|| variable("no_proxy"));
    let set = visible(&set.unwrap_or_default());
    let hosts = set.split(|c: char| c == ',' || c.is_whitespace());
    hosts
        .filter(|host| !host.is_empty())
        .map(|host| match host.strip_prefix('*') {
            Some(domain) if domain.starts_with('.') => domain.to_owned(),
            _ => host.to_owned(),
        })
        .collect()
}

fn named() -> impl Iterator<Item = anyhow::Result<NamedProxy>> {
    VARIABLES.iter().filter_map(|&(upper, lower, requests)| {
        let (name, value) = [upper, lower]
            .into_iter()
            .find_map(|name| Some((name, variable(name)?)))?;
        Some(
            read(&visible(&value))
                .map(|url| NamedProxy {
                    name,
                    requests,
                    url,
                })
                .with_context(|| wrong(name, &value)),
        )
    })
}

fn wrong(name: &str, value: &str) -> String {
    // What stands before an @ may be a password, and so may all of it where the @ is missing.
    let shown = match value.contains('@') {
        true => String::new(),
        false => format!(" ({value})"),
    };
    format!(
        "{name}{shown} is not the address of a proxy: write http://host:port, https://host:port or socks5h://host:port, with user:password@ before the host where it wants them (signs other than letters and digits as %40 for @), or leave it blank"
    )
}

/// Reads an address; without a scheme it is that of an HTTP proxy.
fn read(value: &str) -> anyhow::Result<Url> {
    let value = match value.split_once("://") {
        None => format!("http://{value}"),
        // Desktops write it so; the name is left to the proxy, which may see hosts that this machine does not.
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("socks") => format!("socks5h://{rest}"),
        Some(_) => value.to_owned(),
    };
    let mut url = Url::parse(&value)?;
    let scheme = url.scheme().to_owned();
    let socks = scheme.starts_with("socks");
    ensure!(
        matches!(
            &*scheme,
            "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"
        ),
        "there are no proxies that speak {scheme}"
    );
    ensure!(
        url.has_host() && url.host_str() != Some(""),
        "it names no host"
    );
    ensure!(
        matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none(),
        "something stands behind the host"
    );
    if socks && url.port().is_none() {
        let _ = url.set_port(Some(SOCKS_PORT));
    }
    Ok(url)
}

impl NamedProxy {
    fn said(&self) -> String {
        let Self {
            name,
            requests,
            url,
        } = self;
        let port = url.port_or_known_default();
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let host = url.host_str().unwrap_or_default();
        let socks = match url.scheme() {
            "http" | "https" => String::new(),
            scheme => format!(" ({scheme})"),
        };
        let which = match requests {
            Requests::Https => "requests",
            Requests::Http => "requests to http:// addresses",
            Requests::Rest => "all other requests",
        };
        format!("{name} is set: {which} go through {host}{port}{socks}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (value, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            (
                "http://me:pa%40ss@proxy:3128/",
                "http://me:pa%40ss@proxy:3128/",
            ),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("SOCKS5H://127.0.0.1", "socks5h://127.0.0.1:1080"),
            ("socks://127.0.0.1:1080/", "socks5h://127.0.0.1:1080/"),
            ("https://proxy.example", "https://proxy.example/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
        ] {
            assert_eq!(read(value).unwrap().as_str(), url, "{value}");
        }
        for value in [
            "127.0.0.1:99999",
            "http//x",
            "http:/x:80",
            "ftp://proxy:21",
            "vmess://proxy:1",
            "http://",
            "socks5://",
            "http://proxy:80/path",
            "http://me:pa#ss@proxy:80",
            "http://pro xy:80",
            "8080",
            "direct",
        ] {
            let read = read(value);
            // One word may be the name of a host.
            assert!(read.is_err() || !value.contains(':'), "{value}: {read:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        let said = wrong("HTTPS_PROXY", "me:hunter2@proxy:99999");
        assert!(said.contains("HTTPS_PROXY") && !said.contains("hunter2"));
        assert!(wrong("ALL_PROXY", "http//x").contains("(http//x)"));
    }
}
