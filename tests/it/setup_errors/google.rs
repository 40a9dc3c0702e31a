//! The credentials of Google, and what it says of them.

use std::fs;

use super::{desk_with, keep, one, row, table};
use crate::common::{Desk, list_of, servers};

#[test]
fn credentials_that_are_no_service_account() {
    let desk = Desk::with_list(&list_of(2));
    let account = fs::read_to_string(desk.path("account.json")).unwrap();
    let without = |field: &str| {
        let mut file: serde_json::Value = serde_json::from_str(&account).unwrap();
        file.as_object_mut().unwrap().remove(field);
        file.to_string()
    };
    let mut broken: serde_json::Value = serde_json::from_str(&account).unwrap();
    broken["private_key"] =
        "-----BEGIN PRIVATE KEY-----\nabcdefgh\n-----END PRIVATE KEY-----\n".into();
    let mut open: serde_json::Value = serde_json::from_str(&account).unwrap();
    open["token_uri"] = "http://oauth2.example.com/token".into();
    for (file, text) in [
        (
            "client.json",
            r#"{"installed": {"client_id": "x", "client_secret": "abcdefgh"}}"#.to_owned(),
        ),
        (
            "user.json",
            r#"{"type": "authorized_user", "refresh_token": "abcdefgh"}"#.to_owned(),
        ),
        ("no-key.json", without("private_key")),
        ("broken.json", broken.to_string()),
        ("open.json", open.to_string()),
    ] {
        fs::write(desk.path(file), text).unwrap();
    }
    let name = "GOOGLE_APPLICATION_CREDENTIALS";
    let again = "Keys → Add key → JSON";
    let content = r#"{"type": "service_account", "private_key": "abcdefgh"}"#;
    let mut table = table(
        &desk,
        &[
            one(
                "not JSON",
                (name, "list.csv"),
                2,
                &[name, "is not JSON", "download the key again"],
            ),
            one(
                "an OAuth client",
                (name, "client.json"),
                2,
                &["is an OAuth client", again],
            ),
            one(
                "a personal sign-in",
                (name, "user.json"),
                2,
                &["“authorized_user”", again],
            ),
            one(
                "without its key",
                (name, "no-key.json"),
                2,
                &["lacks client_email, private_key", "download the key again"],
            ),
            one(
                "a key that was cut",
                (name, "broken.json"),
                3,
                &["private_key in the file", "Download the key again"],
            ),
            one(
                "a token address that is open",
                (name, "open.json"),
                2,
                &["token_uri", "must use https"],
            ),
            one(
                "the file's content",
                (name, content),
                2,
                &["holds the content of a file: put the path"],
            ),
        ],
    );
    let missing = desk_with(&desk, name, "nowhere.json");
    row(
        &desk,
        "no such file",
        missing,
        2,
        &["nowhere.json", "is the path right?"],
    );
    table += "(no such file: what the system says of it)\n";
    keep("credentials", &table);
}

#[test]
fn what_google_says_is_told_with_what_to_do() {
    let desk = Desk::with_list(&list_of(2));
    let mut printed = String::new();
    for (what, status, message, code, says) in [
        (
            "sheet not shared",
            403,
            "The caller does not have permission",
            3,
            &["share the sheet with brandintel@sandbox", "as Editor"][..],
        ),
        (
            "API not enabled",
            403,
            "Google Sheets API has not been used in project 42 before or it is disabled.",
            3,
            &["Enable the Google Sheets API", "sheets.googleapis.com"],
        ),
        (
            "key for other APIs",
            403,
            "Requests to this API sheets method google.apps.sheets.v4.SpreadsheetsService.GetSpreadsheet are blocked.",
            3,
            &["GOOGLE_API_KEY may not be used", "apis/credentials"],
        ),
        (
            "an Excel file shown in Sheets",
            400,
            "This operation is not supported for this document",
            2,
            &["Save as Google Sheets", "--brands"],
        ),
    ] {
        let body = format!(r#"{{"error": {{"code": {status}, "message": "{message}"}}}}"#);
        let at = servers::plain(
            &format!("HTTP/1.1 {status} X\r\ncontent-type: application/json"),
            &body,
        );
        let command = desk_with(&desk, "GOOGLE_SHEETS_BASE_URL", &format!("http://{at}"));
        printed += &row(&desk, what, command, code, says);
    }
    let now = jiff::Timestamp::now();
    let short = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let hours = jiff::SignedDuration::from_hours(2);
    for (what, words, server_time, says) in [
        (
            "key deleted",
            "Invalid JWT Signature.",
            now,
            &["Invalid JWT Signature", "make a new key"][..],
        ),
        (
            "account deleted",
            "Invalid grant: account not found",
            now,
            &["account not found", "was deleted", "make another"],
        ),
        (
            "clock two hours ahead",
            short,
            now - hours,
            &[
                "this machine's clock is 2 hours ahead",
                "timedatectl",
                "Windows",
            ],
        ),
        (
            "clock two hours behind",
            short,
            now + hours,
            &["this machine's clock is", "behind"],
        ),
    ] {
        let date = server_time.strftime("%a, %d %b %Y %H:%M:%S GMT");
        let body = format!(r#"{{"error": "invalid_grant", "error_description": "{words}"}}"#);
        let head =
            format!("HTTP/1.1 400 Bad Request\r\ndate: {date}\r\ncontent-type: application/json");
        let at = servers::plain(&head, &body);
        let mut account = desk.json("account.json");
        account["token_uri"] = format!("http://{at}/token").into();
        fs::write(desk.path("elsewhere.json"), account.to_string()).unwrap();
        let command = desk_with(&desk, "GOOGLE_APPLICATION_CREDENTIALS", "elsewhere.json");
        let row = row(&desk, what, command, 3, says);
        if !what.starts_with("clock") {
            printed += &row;
        }
    }
    desk.sandbox.refuse_writes();
    let says = ["results", "does not have permission", "as Editor"];
    let check = desk.command(&["check"]);
    printed += &row(&desk, "sheet shared to be read alone", check, 3, &says);
    keep("google", &printed);
}
