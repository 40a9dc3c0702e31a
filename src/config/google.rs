//! The settings for Google: the spreadsheet's id, and the file of a service account.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use url::Url;

use super::{ServiceAccount, dotenv, keys, visible};

/// What is copied for the address of a spreadsheet, and what it is.
const OTHERS: [(&str, &str); 6] = [
    ("/document/", "a Google document"),
    ("/forms/", "a Google form"),
    ("/presentation/", "a Google presentation"),
    ("/drive/", "a folder in Google Drive"),
    ("/folders/", "a folder in Google Drive"),
    ("/file/d/", "a file in Google Drive"),
];

/// Finds the id in a spreadsheet's URL, or takes the text for the id.
pub fn sheet_id(text: &str) -> anyhow::Result<String> {
    let text = visible(text);
    let text = text.trim();
    keys::check_no_key("GOOGLE_SHEET_ID", text, "the address of the spreadsheet")?;
    if let Some((_, what)) = OTHERS.iter().find(|(part, _)| text.contains(part)) {
        bail!(
            "GOOGLE_SHEET_ID is the address of {what}, not of a spreadsheet: open the spreadsheet and copy its address, https://docs.google.com/spreadsheets/d/…/edit; a file can be read with --brands"
        );
    }
    let id = match text.split_once("/spreadsheets/") {
        Some((_, path)) => {
            let path = path
                .strip_prefix("u/")
                .map_or(path, |rest| rest.split_once('/').map_or("", |(_, p)| p));
            ensure!(
                !path.starts_with("d/e/"),
                "GOOGLE_SHEET_ID is a link made by “Publish to the web”, which cannot be read as a spreadsheet: copy the address of the spreadsheet itself, https://docs.google.com/spreadsheets/d/…/edit"
            );
            path.strip_prefix("d/").unwrap_or_default()
        }
        None => text,
    };
    let id: String = id
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    ensure!(
        id.len() >= 8 && (text.contains("/spreadsheets/") || id.len() == text.len()),
        "GOOGLE_SHEET_ID ({}) is neither a spreadsheet's id nor its URL: copy the address of the spreadsheet, https://docs.google.com/spreadsheets/d/…/edit",
        crate::text::shorten(text, 60)
    );
    Ok(id)
}

/// The id of the tab that a spreadsheet's address names, as `#gid=123`.
pub fn tab_id(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("gid=")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Reads a service-account file.
pub fn service_account(path: &Path) -> anyhow::Result<ServiceAccount> {
    keys::check_no_key(
        "GOOGLE_APPLICATION_CREDENTIALS",
        &path.to_string_lossy(),
        "the path of the JSON file",
    )?;
    let place = || format!("GOOGLE_APPLICATION_CREDENTIALS ({})", path.display());
    let bytes = std::fs::read(path)
        .with_context(|| format!("{} cannot be read: is the path right?", place()))?;
    let text = decoded(&bytes).unwrap_or_default();
    let text = dotenv::tidy(&text);
    let mut file: serde_json::Value = serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&with_escaped_breaks(text)))
        // The parser's message may quote the file, which is a secret.
        .map_err(|_| {
            anyhow::anyhow!(
                "{} is not JSON: download the key again from the Google Cloud console",
                place()
            )
        })?;
    // Who copies a key by hand may write its line breaks as a backslash and an n once more.
    if let Some(key) = file["private_key"]
        .as_str()
        .filter(|key| key.contains("\\n"))
    {
        file["private_key"] = key.replace("\\r", "").replace("\\n", "\n").into();
    }
    if file["type"] != "service_account" {
        let what = match file["type"].as_str() {
            Some(kind) => format!("a file of type “{kind}”"),
            None if file["installed"].is_object() || file["web"].is_object() => {
                "an OAuth client".to_owned()
            }
            None => "something else".to_owned(),
        };
        bail!(
            "{} is {what}, not the key of a service account: in the Google Cloud console open IAM & Admin → Service Accounts → Keys → Add key → JSON",
            place()
        );
    }
    let account: ServiceAccount = serde_json::from_value(file).map_err(|_| {
        anyhow::anyhow!(
            "{} lacks client_email, private_key or token_uri: download the key again from the Google Cloud console",
            place()
        )
    })?;
    let uri = &account.token_uri;
    ensure!(
        uri.scheme() == "https" || is_loopback(uri),
        "{}: token_uri {uri} must use https (http is allowed for this machine only)",
        place()
    );
    Ok(account)
}

/// The text of a file as editors on Windows save it too: UTF-8 with a mark at its beginning, and UTF-16.
fn decoded(bytes: &[u8]) -> Option<String> {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units)
            .collect::<Result<String, _>>()
            .ok()
    };
    match bytes {
        [0xFF, 0xFE, text @ ..] => utf_16(text, u16::from_le_bytes),
        [0xFE, 0xFF, text @ ..] => utf_16(text, u16::from_be_bytes),
        [b'{', 0, ..] => utf_16(bytes, u16::from_le_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// JSON whose strings have line breaks, as a key has them that was pasted by hand, with those breaks escaped.
fn with_escaped_breaks(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 64);
    let (mut in_string, mut after_backslash) = (false, false);
    for c in json.chars() {
        match c {
            '\n' if in_string => escaped += "\\n",
            '\r' if in_string => {}
            _ => escaped.push(c),
        }
        in_string ^= c == '"' && !after_backslash;
        after_backslash = c == '\\' && !after_backslash;
    }
    escaped
}

/// Whether an address is on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_sheet_is_named_by_id_or_url() {
        let id = "1ieRgnZ296CcvWYi5GY21vAxIzU93-_9kHAdMdDNzkaQ";
        for text in [
            id.to_owned(),
            format!("https://docs.google.com/spreadsheets/d/{id}/edit#gid=0"),
            format!("https://docs.google.com/spreadsheets/u/1/d/{id}/edit"),
            format!("docs.google.com/spreadsheets/d/{id}"),
        ] {
            assert_eq!(sheet_id(&text).unwrap(), id, "{text}");
        }
        for bad in [
            "",
            "https://docs.google.com/document/d/1ieRgnZ296CcvWYi5GY21vAxIzU93/edit",
            "https://docs.google.com/spreadsheets/d/e/2PACX-1vQ/pub?output=csv",
            "my sheet",
        ] {
            assert!(sheet_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_tab_of_an_address_is_known() {
        for (text, id) in [
            (
                "https://docs.google.com/spreadsheets/d/1ieRgnZ296/edit#gid=0",
                Some(0),
            ),
            (
                "https://docs.google.com/spreadsheets/d/1ieRgnZ296/edit?gid=77#gid=77",
                Some(77),
            ),
            (
                "https://docs.google.com/spreadsheets/d/1ieRgnZ296/edit?usp=sharing",
                None,
            ),
            ("1ieRgnZ296", None),
        ] {
            assert_eq!(tab_id(text), id, "{text}");
        }
    }

    #[test]
    fn an_id_is_read_with_the_marks_that_chats_put_into_it() {
        let id = "1ieRgnZ296CcvWYi5GY21vAxIzU93-_9kHAdMdDNzkaQ";
        for text in [
            format!("\u{200F}{id}\u{200E}\u{200B}"),
            format!("{}\u{200B}{}", &id[..9], &id[9..]),
            format!("\u{202B}https://docs.google.com/spreadsheets/d/\u{200E}{id}/edit\u{202C}"),
            format!("\u{FEFF}{id}\u{A0}"),
            format!("\u{2066}{id}\u{2069}\n"),
        ] {
            assert_eq!(sheet_id(&text).unwrap(), id, "{text:?}");
        }
    }

    #[test]
    fn the_key_file_is_read_as_editors_and_people_leave_it() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        let file = |key: &str| {
            format!(
                r#"{{"type": "service_account", "client_email": "a@b.iam.gserviceaccount.com", "private_key": "{key}", "token_uri": "https://oauth2.googleapis.com/token"}}"#
            )
        };
        let text = file(&key.replace('\n', "\\n"));
        let marked = |text: &str| format!("\u{FEFF}{text}");
        let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let little = |text: &str| units(text).iter().flat_map(|u| u.to_le_bytes()).collect();
        let big: Vec<u8> = units(&marked(&text))
            .iter()
            .flat_map(|u| u.to_be_bytes())
            .collect();
        let files: [(&str, Vec<u8>); 9] = [
            ("as downloaded", text.clone().into()),
            ("with a mark", marked(&text).into()),
            ("UTF-16", little(&marked(&text))),
            ("UTF-16, most significant first", big),
            ("UTF-16 without a mark", little(&text)),
            ("escaped twice", file(&key.replace('\n', "\\\\n")).into()),
            ("with line breaks", file(key).into()),
            ("of Windows", file(&key.replace('\n', "\r\n")).into()),
            ("from a chat", format!("\u{200F}{text}\u{200E}\r\n").into()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("account.json");
        for (what, bytes) in files {
            std::fs::write(&path, bytes).unwrap();
            let account = service_account(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(account.private_key.expose_secret(), key, "{what}");
        }
    }

    #[test]
    fn a_token_is_asked_for_over_https_or_on_this_machine() {
        for (url, loopback) in [
            ("http://127.0.0.1:8080/token", true),
            ("http://localhost/token", true),
            ("http://[::1]:1/token", true),
            ("http://127.0.0.1.example.com/token", false),
            ("http://10.0.0.1/token", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
