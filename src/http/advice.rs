//! The advice about a failure, as far as its message tells.

use super::call::CallError;
use crate::{config::proxies, http::clock::SET_IT};

/// What services and the network say, and what to do then; the first that fits counts. `{address}` is the setting that
/// holds the address.
const NETWORK: [(&[&str], &str); 5] = [
    (
        &[
            "certificate has expired",
            "certificate expired",
            "Expired",
            "not valid yet",
            "NotValidYet",
        ],
        "The certificate is out of date: check this machine's clock, and whether a proxy or a page to sign in at stands between",
    ),
    (
        &["UnknownIssuer", "certificate", "self-signed", "self signed"],
        "This machine does not trust the certificate: where a proxy opens TLS, add its root certificate to those of the system (on Linux, SSL_CERT_FILE can name it); else check the address in {address}",
    ),
    (
        &["dns error", "failed to lookup", "resolve"],
        "The name cannot be looked up: Check the network and its DNS, and the address in {address}",
    ),
    (
        &["tunnel", "proxy"],
        "The proxy does not let the request through: check its address, name and password in HTTPS_PROXY, or name the host in NO_PROXY",
    ),
    (
        &[
            "InvalidContentType",
            "invalid message",
            "wrong version number",
        ],
        "What answers there does not speak TLS: write http:// for a server on this machine, and check the address in {address} and HTTPS_PROXY",
    ),
];

/// What to do where something answered, or nothing is known.
const OF_SERVICE: &str = "Check the network, a proxy (HTTPS_PROXY) and the service's status page, then run again: nothing that was paid for is lost";

/// What Google says of a sheet, and what to do then.
const SHEET: [(&str, &str); 3] = [
    (
        "not supported for this document",
        "It is an Excel file that is only shown in Google Sheets: open it there, choose File → Save as Google Sheets, and put the new sheet's address into GOOGLE_SHEET_ID; or download the file and read it with --brands",
    ),
    (
        "has not been used in project",
        "Enable the Google Sheets API at https://console.cloud.google.com/apis/library/sheets.googleapis.com in the project of the credential, wait a minute, and run again",
    ),
    (
        "are blocked",
        "GOOGLE_API_KEY may not be used for the Google Sheets API: allow it under https://console.cloud.google.com/apis/credentials",
    ),
];

/// Whether an error of the network says that something else answers in the service's place: with a certificate that is not
/// trusted, or without TLS.
pub fn is_of_another(why: &str) -> bool {
    let [expired, unknown, _, _, no_tls] = &NETWORK;
    [expired, unknown, no_tls]
        .iter()
        .any(|(words, _)| words.iter().any(|word| why.contains(word)))
}

/// What to do when a service stayed unavailable, for this reason.
pub fn of_outage(why: &str, address: &str) -> String {
    // The variables that name a proxy, or the first where there is none that could.
    let set = proxies::names().join(" or ");
    let remedy = remedy_of(why, address);
    match set.is_empty() {
        true => remedy,
        false => remedy.replace("HTTPS_PROXY", &set),
    }
}

fn remedy_of(why: &str, address: &str) -> String {
    // The words of a reply are the service's own, and may be of its network.
    if why.starts_with("status ") {
        return OF_SERVICE.to_owned();
    }
    let known = NETWORK
        .iter()
        .find(|(words, _)| words.iter().any(|word| why.contains(word)));
    match known {
        Some((_, remedy)) => remedy.replace("{address}", address),
        None if why.contains("no answer in time") && address == "OPENROUTER_BASE_URL" => format!(
            "Check the network, the address in {address}, and a proxy (HTTPS_PROXY); where the model writes slowly, give it more time with OPENROUTER_TIMEOUT or choose a faster --model. Nothing that was paid for is lost"
        ),
        None if why.contains("cannot be reached") => format!(
            "Check the network, the address in {address}, and a proxy (HTTPS_PROXY), then run again: nothing that was paid for is lost"
        ),
        None => OF_SERVICE.to_owned(),
    }
}

/// A failure of a sheet with what to do about it, where its words tell more than its status.
pub fn of_sheet(error: CallError) -> CallError {
    with(error, |message| {
        let known = SHEET.iter().find(|(words, _)| message.contains(words));
        known.map(|(_, remedy)| (*remedy).to_owned())
    })
}

/// A failure of signing in to Google, as [`of_sheet`]; `clock` is what is wrong with this machine's clock.
pub fn of_sign_in(error: CallError, clock: Option<String>) -> CallError {
    with(error, |message| {
        if let Some(clock) = clock {
            Some(format!("Signing in needs the right time, and {clock}"))
        } else if message.contains("short-lived token") || message.contains("iat and exp") {
            Some(format!("This machine's clock is wrong: {SET_IT}"))
        } else if message.contains("private_key in the file") {
            Some("Download the key again, or make a new one, in the Google Cloud console under IAM & Admin → Service Accounts → Keys, and name its file in GOOGLE_APPLICATION_CREDENTIALS".to_owned())
        } else if message.contains("account not found") {
            Some("The service account was deleted: make another in the Google Cloud console under IAM & Admin → Service Accounts, download its key (JSON), name the file in GOOGLE_APPLICATION_CREDENTIALS, and share the sheet with the new address".to_owned())
        } else if message.contains("disabled") {
            Some("The service account was disabled: enable it in the Google Cloud console under IAM & Admin → Service Accounts".to_owned())
        } else {
            None
        }
    })
}

fn with(error: CallError, find: impl FnOnce(&str) -> Option<String>) -> CallError {
    match error {
        CallError::Run {
            exit,
            status,
            service,
            message,
            remedy,
        } => CallError::Run {
            exit,
            status,
            service,
            remedy: find(&message).unwrap_or(remedy),
            message,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_in_the_services_place_is_told_from_an_outage() {
        for (why, another) in [
            ("invalid peer certificate: UnknownIssuer", true),
            ("invalid peer certificate: Expired", true),
            ("received corrupt message of type InvalidContentType", true),
            ("tcp connect error: Connection refused", false),
            ("dns error: failed to lookup address information", false),
            ("tunnel error: unsuccessful", false),
        ] {
            assert_eq!(is_of_another(why), another, "{why}");
        }
    }

    #[test]
    fn what_a_reply_says_of_networks_is_the_services_own_trouble() {
        let said = |why| of_outage(why, "TAVILY_BASE_URL");
        for reply in [
            "status 502: an upstream proxy error",
            "status 503: the certificate of the upstream cannot be resolved",
            "status 500: the database cannot be reached",
        ] {
            assert!(said(reply).contains("status page"), "{reply}");
        }
        let ours = "api.tavily.com cannot be reached: tunnel error: unsuccessful";
        assert!(said(ours).contains("NO_PROXY"));
    }
}
