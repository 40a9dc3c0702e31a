//! The advice about a failure, as far as its cause and the words of a service tell.

use super::{call::CallError, clock::SET_IT, failures::Cause, obstacle::Obstacle};
use crate::config::proxies;

/// What to do about an obstacle; `{address}` is the setting that holds the address.
fn of_obstacle(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Expired => {
            "The certificate is out of date: check this machine's clock, and whether a proxy or a page to sign in at stands between"
        }
        Obstacle::Untrusted => {
            "This machine does not trust the certificate: where a proxy opens TLS, add its root certificate to those of the system (on Linux, SSL_CERT_FILE can name it); else check the address in {address}"
        }
        Obstacle::Name => {
            "DNS lookup failed: check the network, its DNS and the host name in {address}"
        }
        Obstacle::Proxy => {
            "The proxy does not let the request through: check its address, name and password in HTTPS_PROXY, or name the host in NO_PROXY"
        }
        Obstacle::NoTls => {
            "What answers there does not speak TLS: write http:// for a server on this machine, and check the address in {address} and HTTPS_PROXY"
        }
    }
}

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

/// What to do when a service stayed unavailable, for this reason.
pub fn of_outage(cause: Cause, address: &str) -> String {
    // The variables that name a proxy, or the first where there is none that could.
    let set = proxies::names().join(" or ");
    let remedy = remedy_of(cause, address);
    match set.is_empty() {
        true => remedy,
        false => remedy.replace("HTTPS_PROXY", &set),
    }
}

fn remedy_of(cause: Cause, address: &str) -> String {
    match cause {
        Cause::Unreached(Some(obstacle)) => of_obstacle(obstacle).replace("{address}", address),
        Cause::TimedOut if address == "OPENROUTER_BASE_URL" => format!(
            "Check the network, the address in {address}, and a proxy (HTTPS_PROXY); where the model writes slowly, give it more time with OPENROUTER_TIMEOUT or choose a faster --model. Nothing that was paid for is lost"
        ),
        Cause::Unreached(None) => format!(
            "Check the network, the address in {address}, and a proxy (HTTPS_PROXY), then run again: nothing that was paid for is lost"
        ),
        Cause::Reply(_) | Cause::Lost | Cause::TimedOut => OF_SERVICE.to_owned(),
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
    fn what_a_reply_says_of_networks_is_the_services_own_trouble() {
        let said = |cause| of_outage(cause, "TAVILY_BASE_URL");
        assert!(said(Cause::Reply(502)).contains("status page"));
        let ours = Cause::Unreached(Some(Obstacle::Proxy));
        assert!(said(ours).contains("NO_PROXY"));
    }
}
