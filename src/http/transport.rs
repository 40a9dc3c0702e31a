//! How a request reaches its service: over HTTP, or straight into simulated services of this process, so that the time
//! of a run can be simulated too.

use std::time::Duration;

use axum::{Router, body::Body as SimulatedBody};
use reqwest::{RequestBuilder, header::HeaderMap};
use tokio::time::{Instant, timeout_at};
use tower_service::Service as _;

use super::response::describe;

/// Larger bodies are no answer to anything that is asked. It bounds what a compressed bomb can unfold to.
pub const BODY_LIMIT: usize = 16 << 20;

/// How long a byte shows that an answer is still being worked on.
const SIGN_OF_LIFE: Duration = Duration::from_mins(1);

/// The way to the services.
#[derive(Clone, Debug)]
pub struct Network {
    http: reqwest::Client,
    simulated: Option<Router>,
}

/// What came back.
#[derive(Debug)]
pub struct Received {
    pub status: u16,
    pub headers: HeaderMap,
    /// Empty where it would be too long.
    pub body: Vec<u8>,
    /// It was not read to its end, because no answer is that long.
    pub endless: bool,
}

/// Why nothing came back.
#[derive(Debug)]
pub struct Unanswered {
    pub why: String,
    /// Whether the request may have reached the service.
    pub sent: bool,
    /// No answer came in the time that it may take.
    pub timed_out: bool,
}

impl Network {
    /// Requests go out over HTTP.
    pub fn http(client: reqwest::Client) -> Self {
        Self {
            http: client,
            simulated: None,
        }
    }

    /// Requests go to these services, whatever their address.
    pub fn simulated(client: reqwest::Client, services: Router) -> Self {
        Self {
            http: client,
            simulated: Some(services),
        }
    }

    /// A request to be sent with [`Self::send`].
    pub fn request(&self, method: reqwest::Method, url: reqwest::Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request once and reads what comes back.
    pub async fn send(
        &self,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<Received, Unanswered> {
        match &self.simulated {
            None => over_http(request, timeout).await,
            Some(services) => {
                let answer = tokio::time::timeout(timeout, in_process(services.clone(), request));
                answer.await.unwrap_or_else(|_| Err(too_late()))
            }
        }
    }
}

/// Reads an answer as it comes. Services that think for long send blank or comment lines meanwhile: as long as they do, they
/// are waited for, up to twice the time. So no answer has to be streamed, which would leave half of it paid for after a
/// crash.
async fn over_http(request: RequestBuilder, timeout: Duration) -> Result<Received, Unanswered> {
    let begun = Instant::now();
    let until = begun + timeout;
    let sent = timeout_at(until, request.send()).await;
    let mut response = sent.map_err(|_| too_late())?.map_err(unanswered)?;
    let mut received = Received {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body: Vec::new(),
        endless: false,
    };
    let mut until = until;
    loop {
        let chunk = timeout_at(until, response.chunk()).await;
        let Some(chunk) = chunk.map_err(|_| too_late())?.map_err(unanswered)? else {
            return Ok(received);
        };
        if received.body.len() + chunk.len() > BODY_LIMIT {
            received.body = Vec::new();
            received.endless = true;
            return Ok(received);
        }
        received.body.extend_from_slice(&chunk);
        until = extended(until, begun, timeout, Instant::now());
    }
}

/// How long an answer is waited for after something of it has come now.
fn extended(until: Instant, begun: Instant, timeout: Duration, now: Instant) -> Instant {
    match timeout > SIGN_OF_LIFE {
        true => until.max(now + SIGN_OF_LIFE).min(begun + 2 * timeout),
        // What costs nothing is not waited for longer.
        false => until,
    }
}

async fn in_process(mut services: Router, request: RequestBuilder) -> Result<Received, Unanswered> {
    let request = request.build().map_err(unanswered)?;
    let request = axum::http::Request::<reqwest::Body>::try_from(request).map_err(unanswered)?;
    let request = request.map(|body| {
        let bytes = body.as_bytes().unwrap_or_default();
        SimulatedBody::from(bytes.to_vec())
    });
    let response = match services.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, BODY_LIMIT).await;
    Ok(Received {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.map_err(|error| lost(&error.to_string()))?.into(),
        endless: false,
    })
}

fn lost(why: &str) -> Unanswered {
    Unanswered {
        why: why.to_owned(),
        sent: true,
        timed_out: false,
    }
}

fn too_late() -> Unanswered {
    Unanswered {
        timed_out: true,
        ..lost("no answer in time")
    }
}

fn unanswered(error: reqwest::Error) -> Unanswered {
    Unanswered {
        timed_out: error.is_timeout() && !error.is_connect(),
        sent: !error.is_connect() && !error.is_builder(),
        why: describe(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_give_an_answer_up_to_twice_its_time() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let timeout = Duration::from_mins(5);
        assert_eq!(
            extended(at(300), begun, timeout, at(10)),
            at(300),
            "there is time enough"
        );
        assert_eq!(extended(at(300), begun, timeout, at(290)), at(350));
        assert_eq!(
            extended(at(590), begun, timeout, at(580)),
            at(600),
            "and no more"
        );
        let short = Duration::from_secs(4);
        assert_eq!(extended(at(4), begun, short, at(3)), at(4));
    }
}
