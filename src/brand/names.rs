//! The reading of name cells: a name, or a web address that has to be read as one.

use url::Url;

use super::{BrandKey, CELL_LIMIT, NAME_LIMIT, no_brand, platforms, read_website};
use crate::text;

/// What a name cell says.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The name, cleaned of invisible marks and of what lists leave around names.
    pub name: String,
    pub key: BrandKey,
    /// The address that stood in the name's place.
    pub website: Option<Url>,
    /// Whether the cell holds an address or a handle.
    pub by_address: bool,
}

/// Reads a name cell; `website` is the cell beside it, which may bear out a name that does not look like one.
///
/// # Errors
/// What is wrong with the cell, and how to mend it.
pub fn read(cell: &str, website: &str) -> Result<Named, String> {
    let typed = text::clean(cell);
    if typed.is_empty() {
        return Err("there is a website or parent company but no brand name: type the name, or clear the row".into());
    }
    let owns = |key: &str| {
        let website = read_website(website).ok().flatten();
        website.is_some_and(|website| bears(&website, key))
    };
    let bare = text::bare(&typed);
    let key = text::key(bare);
    if let Some(reason) = no_brand::reason(bare, &key, owns) {
        return Err(reason);
    }
    let named = match address(bare)? {
        Some(named) => {
            let beside = read_website(website).ok().flatten();
            let at = beside.as_ref().or(named.website.as_ref());
            let owns = |key: &str| at.is_some_and(|at| bears(at, key));
            let key = text::key(&named.name);
            if let Some(reason) = no_brand::reason(&named.name, &key, owns) {
                return Err(reason);
            }
            named
        }
        // A host that no address can be made of is a name all the same.
        None if bare.contains('.') => of_name(bare, self::key(bare), None, false)?,
        None => of_name(bare, key, None, false)?,
    };
    let length = named.name.chars().count();
    if length > NAME_LIMIT {
        return Err(format!(
            "the name has {length} characters; a brand name has at most {NAME_LIMIT}: shorten it"
        ));
    }
    Ok(named)
}

fn of_name(
    name: &str,
    key: String,
    website: Option<Url>,
    by_address: bool,
) -> Result<Named, String> {
    if !key.chars().any(char::is_alphanumeric) {
        return Err("there is no letter or digit in the name: type the name".into());
    }
    Ok(Named {
        name: name.to_owned(),
        key: BrandKey::stored(key),
        website,
        by_address,
    })
}

/// The identity of a name, in which `digikala.com` is `digikala`.
pub fn key(name: &str) -> String {
    match domain(name) {
        Some(host) => text::key(label(host)),
        None => text::key(name),
    }
}

/// Whether a website's own label is this key, or begins with it.
fn bears(website: &Url, key: &str) -> bool {
    if platforms::is_shared(website) || !key.is_ascii() {
        return false;
    }
    let host = super::host(website);
    let label = text::key(label(&host));
    let mut parts = label_parts(&host);
    label == key || key.len() >= 4 && label.starts_with(key) || parts.any(|part| part == key)
}

fn label_parts(host: &str) -> impl Iterator<Item = &str> {
    label(host).split('-')
}

/// An address or a handle as a name.
fn address(typed: &str) -> Result<Option<Named>, String> {
    if !typed.contains(['.', '@', ':']) {
        return Ok(None);
    }
    if let Some(handle) = typed.strip_prefix('@').filter(|handle| is_handle(handle)) {
        let name = spoken(handle);
        return of_name(&name, key(&name), None, true).map(Some);
    }
    let is_url = typed.contains("://") || typed.to_lowercase().starts_with("www.");
    // `t.me/nik` has a label that is too short for the name of a company.
    let is_page = || {
        let url = typed
            .contains('/')
            .then(|| read_website(typed).ok().flatten());
        url.flatten().is_some_and(|url| platforms::is_shared(&url))
    };
    let is_address = is_url || domain(typed).is_some() || is_page();
    let Some(host) = host_of(typed).filter(|_| is_address) else {
        return Ok(None);
    };
    let url = match read_website(typed) {
        Ok(Some(url)) if typed.chars().count() <= CELL_LIMIT => url,
        _ if is_url => {
            return Err(
                "an address that is no website stands where a brand name should be: type the name"
                    .into(),
            );
        }
        _ => return Ok(None),
    };
    if let Some(page) = platforms::page(&url) {
        let name = spoken(&page);
        return of_name(&name, key(&name), Some(url), true).map(Some);
    }
    let is_bare = host.len() == typed.len();
    // «Booking.com» is what people call it.
    let name = if is_bare { typed } else { label(host) };
    of_name(name, key(name), Some(url), true).map(Some)
}

/// Whether all of it can be the name of an account.
fn is_handle(handle: &str) -> bool {
    let of_one = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | text::HALF_SPACE);
    handle.chars().all(of_one) && handle.chars().any(char::is_alphanumeric)
}

/// The name of an account as words.
fn spoken(handle: &str) -> String {
    let spaced = handle.replace(['.', '_'], " ");
    text::clean(spaced.trim())
}

/// The last labels of hosts that are taken for addresses where nothing else says so: `Dr.Oetker` is none.
const ENDINGS: [&str; 44] = [
    "ae",
    "agency",
    "ai",
    "app",
    "asia",
    "biz",
    "ca",
    "ch",
    "cloud",
    "cn",
    "co",
    "com",
    "de",
    "dev",
    "eu",
    "fm",
    "fr",
    "gov",
    "group",
    "info",
    "io",
    "ir",
    "market",
    "me",
    "mobi",
    "net",
    "nl",
    "online",
    "org",
    "ru",
    "se",
    "shop",
    "site",
    "store",
    "tech",
    "tr",
    "tv",
    "uk",
    "us",
    "vip",
    "website",
    "xyz",
    "ایران",
    "zone",
];

/// A name that is nothing but a host, such as `digikala.com`.
fn domain(name: &str) -> Option<&str> {
    if !name.contains('.') {
        return None;
    }
    let is_plain = !name.contains(|c: char| c.is_whitespace() || ",;()@".contains(c));
    let host = host_of(name).filter(|host| is_plain && !host.contains(':'))?;
    let (rest, ending) = host.rsplit_once('.')?;
    let ending = ending.to_lowercase();
    let whole = rest.split('.').all(|label| label.chars().count() >= 2);
    (whole && ENDINGS.contains(&ending.as_str())).then_some(host)
}

/// The host of an address as it is typed, without `www.`.
fn host_of(typed: &str) -> Option<&str> {
    let rest = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let bare = host.get(..4).filter(|www| www.eq_ignore_ascii_case("www."));
    let host = bare.map_or(host, |_| &host[4..]).trim_end_matches('.');
    (!host.is_empty()).then_some(host)
}

/// Labels before the last that belong to the ending, as in `co.uk`.
const BEFORE_ENDINGS: [&str; 8] = ["ac", "co", "com", "edu", "gov", "id", "net", "org"];

/// The label of a host that is its owner's: `digikala` of `shop.digikala.com`.
fn label(host: &str) -> &str {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [.., label, before, _] if BEFORE_ENDINGS.contains(&before.to_lowercase().as_str()) => label,
        [.., label, _] => label,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_the_name_cell_is_read_as_name_and_website() {
        for (cell, name, key, website) in [
            (
                "https://www.digikala.com",
                "digikala",
                "digikala",
                Some("https://www.digikala.com/"),
            ),
            (
                "digikala.com",
                "digikala.com",
                "digikala",
                Some("https://digikala.com/"),
            ),
            (
                "WWW.Digikala.com/",
                "Digikala",
                "digikala",
                Some("https://www.digikala.com/"),
            ),
            ("@digikala", "digikala", "digikala", None),
            (
                "Booking.com",
                "Booking.com",
                "booking",
                Some("https://booking.com/"),
            ),
            (
                "shop.kalleh.co.ir",
                "shop.kalleh.co.ir",
                "kalleh",
                Some("https://shop.kalleh.co.ir/"),
            ),
            (
                "https://instagram.com/nik_shoes/",
                "nik shoes",
                "nikshoes",
                Some("https://instagram.com/nik_shoes"),
            ),
            ("t.me/nik", "nik", "nik", Some("https://t.me/nik")),
        ] {
            let named = read(cell, "").unwrap();
            let address = named.website.as_ref().map(Url::as_str);
            assert_eq!(
                (named.name.as_str(), named.key.as_str(), address),
                (name, key, website),
                "{cell}"
            );
            assert!(named.by_address, "{cell}");
        }
    }

    #[test]
    fn names_with_dots_and_signs_are_names() {
        for name in [
            "Dr.Oetker",
            "Node.js",
            "E.ON",
            "St.Ives",
            "B.T.S",
            "L.L.Bean",
            "No.7",
            "خانه و کاشانه",
            "M.A.C",
            "Will.i.am",
            "7.5",
        ] {
            let named = read(name, "").unwrap();
            assert_eq!(
                (named.name.as_str(), named.website, named.by_address),
                (name, None, false)
            );
        }
        assert!(read("ftp://x.ir", "").is_err());
        assert!(read("https://null.ir", "").is_ok());
    }

    #[test]
    fn a_website_bears_out_a_name_that_looks_like_none() {
        for (name, website, is_brand) in [
            ("Total", "totalenergies.com", true),
            ("True", "https://www.true.th", true),
            ("NA", "na-fashion.ir", true),
            ("Nil", "nil.ir", true),
            ("NA", "banana.ir", false),
            ("TRUE", "e.com", false),
            ("N/A", "", false),
            ("None", "https://instagram.com/none", false),
            ("#REF!", "ref.ir", false),
        ] {
            assert_eq!(read(name, website).is_ok(), is_brand, "{name} {website}");
        }
    }
}
