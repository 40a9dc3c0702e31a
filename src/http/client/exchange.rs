//! The exchange with a service: a request is sent once, and the reply is read.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::HttpClient;
use crate::http::{
    call::{Request, Service},
    exchanges::Exchange,
    json_body,
    response::{Reply, allowance, is_html, message, resets, retry_after, sent_on},
    transport::{BODY_LIMIT, Received, Unanswered},
};

/// However fast a rehearsal runs, a machine needs this long to answer.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How a file in a ZIP container begins, such as a workbook.
const ZIP: &[u8] = b"PK\x03\x04";

/// A reply as it is read.
pub(super) struct Replied {
    pub(super) reply: Reply,
    /// The body, as JSON where it can be read as that.
    pub(super) text: String,
    /// The body as it came, where that is something else.
    pub(super) raw: Option<String>,
    pub(super) headers: HeaderMap,
}

impl HttpClient {
    /// The exchange of an answer that was paid for, and may still turn out to be of no use to whoever reads it.
    pub(super) fn wire(
        &self,
        service: &Service,
        request: &Request,
        came: (u16, &HeaderMap, &str),
    ) -> Option<Arc<Exchange>> {
        let may_be_of_no_use = self.exchanges.are_kept() && request.price.is_some();
        may_be_of_no_use.then(|| {
            let exchange = Exchange::answered(service, request, &self.secrets, came);
            Arc::new(exchange)
        })
    }

    pub(super) fn keep(
        &self,
        service: &Service,
        request: &Request,
        came: (u16, &HeaderMap, &str),
        why: &str,
    ) {
        if self.exchanges.are_kept() {
            let exchange = Exchange::answered(service, request, &self.secrets, came);
            self.exchanges.keep(exchange.because(why));
        }
    }

    /// Sends once and reads the reply.
    pub(super) async fn exchange(
        &self,
        service: &Service,
        request: &Request,
    ) -> Result<Replied, Unanswered> {
        let timeout = request.timeout.div_f64(self.speed);
        let timeout = timeout.max(SHORTEST_TIMEOUT.min(request.timeout));
        let Received {
            status,
            headers,
            body,
            endless,
        } = self.transport.send(request.to_send(), timeout).await?;
        let asked = retry_after(&headers, Timestamp::now());
        let allowance = allowance(&headers, Timestamp::now());
        self.clock.compare(&headers, Timestamp::now());
        let (body, file) = match body.starts_with(ZIP) {
            true => (Vec::new(), body),
            false => (body, Vec::new()),
        };
        let mut text = self.secrets.redact(&String::from_utf8_lossy(&body));
        let mut raw = None;
        let mut json: Option<Value> = serde_json::from_str(&text).ok();
        if json.is_none()
            && let Some(read) = json_body::read(&text)
        {
            // A cached response has to be readable again.
            raw = Some(std::mem::replace(&mut text, read.to_string()));
            json = Some(read);
        }
        if let Some(json) = &mut json
            && text.contains('\\')
            && self.secrets.redact_json(json)
        {
            text = json.to_string();
            raw = None;
        }
        let asked = asked.or_else(|| {
            let seconds = json.as_ref()?.pointer("/error/availability/retry_after")?;
            Some(Duration::from_secs(seconds.as_u64()?))
        });
        let known = match (endless, sent_on(&headers)) {
            (true, _) => format!("status {status}: an answer of more than {BODY_LIMIT} bytes"),
            (false, Some(to)) if (300..400).contains(&status) => {
                format!("status {status}: unexpected redirect to {to}")
            }
            (false, _) => String::new(),
        };
        let resets = resets(&headers, json.as_ref(), Timestamp::now());
        let mut reply = Reply {
            status,
            retry_after: asked,
            allowance,
            message: known,
            resets,
            html: json.is_none() && is_html(&text),
            json,
            file,
            endless,
        };
        if reply.message.is_empty() {
            let said = message(reply.code(), reply.json.as_ref(), &text, service.own_words);
            // A text with JSON in it may have spelled a secret in another way.
            reply.message = self.secrets.redact(&said);
        }
        Ok(Replied {
            reply,
            text,
            raw,
            headers,
        })
    }
}
