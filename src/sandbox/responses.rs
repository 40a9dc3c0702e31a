//! The responses that all simulated services share: refusals and errors, in each service's own form.

use std::time::Duration;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::SimulatedService;

/// The error body that each service has for a status.
pub(super) fn refusal(service: SimulatedService, status: u16) -> Response {
    let message = match status {
        401 => "Missing or invalid credentials",
        402 => "Insufficient credits. Add more using https://openrouter.ai/credits",
        403 => "The caller does not have permission",
        429 => "Rate limit exceeded",
        432 => "This request exceeds your plan's set usage limit",
        503 => "Service temporarily unavailable",
        _ => "Internal Server Error",
    };
    error(service, status, message)
}

pub(super) fn error(service: SimulatedService, status: u16, message: &str) -> Response {
    let body = match service {
        SimulatedService::Llm => json!({"error": {"code": status, "message": message}}),
        SimulatedService::Search => json!({"detail": {"error": message}}),
        SimulatedService::Sheets => {
            json!({"error": {"code": status, "message": message, "status": google_status(status)}})
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

pub(super) fn google_status(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

/// 429; Google's has been seen without `Retry-After`.
pub(super) fn too_many(service: SimulatedService, wait: Duration) -> Response {
    let mut response = refusal(service, 429);
    if service != SimulatedService::Sheets {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.max(1).into());
    }
    response
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}
