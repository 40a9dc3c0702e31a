//! The transport of requests: over the network, or into services that a rehearsal simulates in this process.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context;
use futures::future::BoxFuture;
use reqwest::{Request, header::HeaderMap, redirect};
use tokio::time::{Instant, timeout_at};

use super::{
    obstacle::{Obstacle, SystemNames},
    response::describe,
};

use crate::{
    config::{certificates, proxies, tls},
    exit::{Exit, Failure, OrExit},
};

/// Larger bodies are no answer to anything that is asked. It bounds what a compressed bomb can unfold to.
pub const BODY_LIMIT: usize = 16 << 20;

/// How long a byte shows that an answer is still being worked on.
const SIGN_OF_LIFE: Duration = Duration::from_mins(1);

/// The way by which requests reach a service.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request once, and reads what comes back within this time.
    fn send(
        &self,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Received, Unanswered>>;
}

/// The network.
#[derive(Debug)]
pub struct Network(reqwest::Client);

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
    /// What stood between, where that is known.
    pub obstacle: Option<Obstacle>,
}

impl Network {
    /// Requests go out as this client sends them.
    pub fn new(client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self(client))
    }
}

impl Transport for Network {
    fn send(
        &self,
        request: Request,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Received, Unanswered>> {
        Box::pin(over_http(&self.0, request, timeout))
    }
}

impl Unanswered {
    /// The request may have arrived, but its answer was lost.
    pub fn lost(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            sent: true,
            timed_out: false,
            obstacle: None,
        }
    }

    /// No answer came in the time that it may take.
    pub fn too_late() -> Self {
        Self {
            timed_out: true,
            ..Self::lost("no answer in time")
        }
    }
}

/// The longest wait for a connection: without a network a run ends in seconds.
const CONNECT: Duration = Duration::from_secs(2);

/// The client for requests to services. Redirects are followed only where the policy says so.
///
/// # Errors
/// Where the certificates or proxies of the settings cannot be used.
pub fn client(simulated: bool, redirects: redirect::Policy) -> Result<reqwest::Client, Failure> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("brandintel/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        // Every request is sent by one place, which counts and retries it.
        .redirect(redirects)
        .retry(reqwest::retry::never())
        .dns_resolver(SystemNames);
    let (builder, tls) = if simulated {
        // The sandbox is on this machine, without TLS: neither a proxy nor certificates are needed.
        (builder.no_proxy(), tls::trusting_none())
    } else {
        if let Some(problem) = certificates::problems().into_iter().next() {
            return Err(problem).or_exit(Exit::Usage);
        }
        let builder = proxies::set(builder).or_exit(Exit::Usage)?;
        (builder, tls::trusting_the_system())
    };
    tls.map_err(anyhow::Error::from)
        .and_then(|tls| Ok(builder.tls_backend_preconfigured(tls).build()?))
        .context("HTTPS cannot be used: are the certificates of the system there (on Debian the package ca-certificates)?")
        .or_exit(Exit::Machine)
}

/// Reads an answer as it comes. Services that think for long send blank or comment lines meanwhile: as long as they do, they
/// are waited for, up to twice the time. So no answer has to be streamed, which would leave half of it paid for after a
/// crash.
async fn over_http(
    client: &reqwest::Client,
    request: Request,
    timeout: Duration,
) -> Result<Received, Unanswered> {
    let begun = Instant::now();
    let until = begun + timeout;
    let sent = timeout_at(until, client.execute(request)).await;
    let mut response = sent
        .map_err(|_| Unanswered::too_late())?
        .map_err(unanswered)?;
    let mut received = Received {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body: Vec::new(),
        endless: false,
    };
    let mut until = until;
    loop {
        let chunk = timeout_at(until, response.chunk()).await;
        let Some(chunk) = chunk
            .map_err(|_| Unanswered::too_late())?
            .map_err(unanswered)?
        else {
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

fn unanswered(error: reqwest::Error) -> Unanswered {
    let error = error.without_url();
    Unanswered {
        timed_out: error.is_timeout() && !error.is_connect(),
        sent: !error.is_connect() && !error.is_builder(),
        obstacle: Obstacle::of(&error),
        why: describe(&error),
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
