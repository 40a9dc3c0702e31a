//! The export of a spreadsheet that anyone with the link may view, as a workbook and without credentials.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap, redirect};
use url::Url;

use crate::{
    config::PublicSheetSettings,
    http::{
        call::{CallError, Request, Service},
        client::HttpClient,
        patience::CallPatience,
        rate_limiter::RateLimiter,
        response::{Reply, ServiceFailure, Verdict, usual_verdict},
    },
};

/// Times that an export may be sent on.
const HOPS: usize = 5;

/// Where Google hands out what it exports.
const EXPORTS: &str = ".googleusercontent.com";

/// One public spreadsheet.
#[derive(Debug)]
pub struct PublicSheet {
    caller: HttpClient,
    service: Service,
    url: Url,
}

impl PublicSheet {
    /// The spreadsheet of these settings; `caller` has to follow [`redirects`].
    pub fn new(caller: HttpClient, gate: Arc<RateLimiter>, settings: &PublicSheetSettings) -> Self {
        let path = ["spreadsheets", "d", &settings.id, "export"];
        let mut url = crate::http::join(&settings.base, path);
        url.query_pairs_mut().append_pair("format", "xlsx");
        Self {
            caller,
            service: Service {
                name: "Google Sheets",
                address: "GOOGLE_SHEETS_BASE_URL",
                credential: "Without a credential only a sheet can be read that anyone with the link may view. Check GOOGLE_SHEET_ID; then either open the sheet, choose Share → General access → Anyone with the link, or set GOOGLE_APPLICATION_CREDENTIALS to a service-account file and share the sheet with its address (brandintel init explains it)".into(),
                account: "https://docs.google.com".into(),
                gate,
                classify,
                own_words: |_| None,
            },
            url,
        }
    }

    /// The spreadsheet as the bytes of an XLSX file.
    pub async fn workbook(&self) -> Result<Vec<u8>, CallError> {
        let what = "export of the sheet";
        let mut request = Request::free(what, Method::GET, self.url.clone(), HeaderMap::new());
        request.patience = CallPatience::Start;
        let answer = self.caller.send(&self.service, &request, Timestamp::MIN);
        match answer.await {
            Ok(answer) => Ok(answer.file),
            Err(error) => Err(said_of_a_file(error)),
        }
    }
}

/// What was asked for was never JSON.
fn said_of_a_file(mut error: CallError) -> CallError {
    if let CallError::Run { message, .. } | CallError::Request { message, .. } = &mut error {
        *message = message.replace("instead of JSON", "instead of the sheet");
    }
    error
}

/// Exports are handed out elsewhere: what is sent on to there is followed, and nothing else.
pub fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let known = attempt.previous().len() < HOPS
            && attempt
                .previous()
                .last()
                .is_some_and(|from| may_lead(from, attempt.url()));
        match known {
            true => attempt.follow(),
            false => attempt.stop(),
        }
    })
}

/// Whether an export may be sent on from one address to another.
fn may_lead(from: &Url, to: &Url) -> bool {
    let exported = |url: &Url| {
        url.scheme() == "https" && url.host_str().is_some_and(|host| host.ends_with(EXPORTS))
    };
    to.origin() == from.origin() || exported(to)
}

fn classify(reply: &Reply) -> Verdict {
    let to_sign_in = reply.message.contains("://accounts.google.com");
    match reply.status {
        _ if reply.endless => Verdict::Run(ServiceFailure::TooLarge),
        200 if !reply.file.is_empty() => Verdict::Good,
        // A page to sign in at, or one that says that there is nothing.
        300..=399 if to_sign_in => Verdict::Run(ServiceFailure::Refused),
        400 | 401 | 403 | 404 | 410 => Verdict::Run(ServiceFailure::Refused),
        200 if reply.message.contains("HTML") => Verdict::Run(ServiceFailure::Refused),
        200 => Verdict::Transient,
        _ => usual_verdict(reply),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_followed_to_where_google_hands_it_out_and_nowhere_else() {
        let docs = "https://docs.google.com/spreadsheets/d/x/export?format=xlsx";
        for (to, follows) in [
            ("https://doc-0s-sheets.googleusercontent.com/export/x", true),
            ("https://docs.google.com/spreadsheets/u/0/d/x/export", true),
            ("http://doc-0s-sheets.googleusercontent.com/export/x", false),
            ("https://accounts.google.com/ServiceLogin", false),
            ("https://googleusercontent.com.example.com/x", false),
            ("https://evilgoogleusercontent.com/x", false),
            ("http://docs.google.com/x", false),
            ("http://169.254.169.254/latest", false),
        ] {
            let (from, to) = (Url::parse(docs).unwrap(), Url::parse(to).unwrap());
            assert_eq!(may_lead(&from, &to), follows, "{to}");
        }
    }
}
