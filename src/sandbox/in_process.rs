//! The transport into services that are simulated in this process, so that the time of a run can be simulated too.

use std::time::Duration;

use axum::{Router, body::Body};
use futures::future::BoxFuture;
use reqwest::Request;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::http::transport::{BODY_LIMIT, Received, Transport, Unanswered};

/// Requests go to these services, whatever their address.
#[derive(Debug)]
pub(super) struct InProcess(pub(super) Router);

impl Transport for InProcess {
    fn send(
        &self,
        request: Request,
        time: Duration,
    ) -> BoxFuture<'_, Result<Received, Unanswered>> {
        let services = self.0.clone();
        Box::pin(async move {
            let answer = timeout(time, answer(services, request)).await;
            answer.unwrap_or_else(|_| Err(Unanswered::too_late()))
        })
    }
}

async fn answer(mut services: Router, request: Request) -> Result<Received, Unanswered> {
    let request = axum::http::Request::<reqwest::Body>::try_from(request);
    let request = request.map_err(|error| Unanswered::lost(error.to_string()))?;
    let request = request.map(|body| {
        let bytes = body.as_bytes().unwrap_or_default();
        Body::from(bytes.to_vec())
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
        body: body
            .map_err(|error| Unanswered::lost(error.to_string()))?
            .into(),
        endless: false,
    })
}
