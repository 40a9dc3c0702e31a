//! The malformed bodies: truncated, HTML, endless.

use std::sync::LazyLock;

use axum::{
    Json,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde_json::json;

use super::fault::FaultKind;

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

/// Bytes of an answer without end.
const HUGE: usize = 20 << 20;

type BodyPart = Result<Bytes, std::io::Error>;

/// What stands in the place of an answer; `None` where a service has its own way of failing like that.
pub(super) fn spoiled(kind: &FaultKind) -> Option<Response> {
    Some(match kind {
        FaultKind::Html => html(),
        FaultKind::Redirect => (
            StatusCode::FOUND,
            [(header::LOCATION, "https://portal.example/login?next=secret")],
        )
            .into_response(),
        FaultKind::Blank => ([JSON], "").into_response(),
        FaultKind::Stranger => {
            Json(json!({"hello": "world", "items": [1, null, {"a": "b"}]})).into_response()
        }
        FaultKind::Cut => cut(),
        FaultKind::Drip => drip(),
        FaultKind::Huge => huge(),
        FaultKind::Bomb => bomb(),
        _ => return None,
    })
}

/// A proxy's page.
fn html() -> Response {
    let page = "<!DOCTYPE html><html><title>Bad gateway</title><body>upstream error</body></html>";
    ([(header::CONTENT_TYPE, "text/html")], page).into_response()
}

/// A body that ends in the middle.
pub(super) fn cut() -> Response {
    let parts: Vec<BodyPart> = vec![
        Ok(Bytes::from_static(b"{\"id\":\"gen-1\",\"resu")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    ([JSON], Body::from_stream(stream::iter(parts))).into_response()
}

/// A body that begins and never goes on.
fn drip() -> Response {
    let begin: BodyPart = Ok(Bytes::from_static(b"{\"id\":\"gen-1\","));
    let parts = stream::iter([begin]).chain(stream::pending());
    ([JSON], Body::from_stream(parts)).into_response()
}

/// A text that goes on and on.
fn huge() -> Response {
    const PART: Bytes = Bytes::from_static(&[b' '; 1 << 16]);
    let parts = stream::repeat_with(|| -> BodyPart { Ok(PART) }).take(HUGE / PART.len());
    ([JSON], Body::from_stream(parts)).into_response()
}

/// As many zeros, packed to a thousandth.
static BOMB: LazyLock<Bytes> = LazyLock::new(|| {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 16];
    for _ in 0..HUGE / zeros.len() {
        // Writing into memory does not fail.
        let _ = std::io::Write::write_all(&mut packed, &zeros);
    }
    packed.finish().unwrap_or_default().into()
});

fn bomb() -> Response {
    ([JSON, (header::CONTENT_ENCODING, "gzip")], BOMB.clone()).into_response()
}

/// An error that quotes what a service should keep to itself, as it is and with escapes.
pub(super) fn echo(headers: &HeaderMap) -> Response {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let credential = value("authorization")
        .or(value("x-goog-api-key"))
        .unwrap_or_default();
    let escaped = credential.chars().fold(String::new(), |text, c| {
        text + &format!("\\u{:04x}", u32::from(c))
    });
    let body = format!(
        "{{\"error\": {{\"code\": 500, \"message\": \"failed for {credential}\", \"again\": \"{escaped}\"}}, \"detail\": {{\"error\": \"failed for {escaped}\"}}}}"
    );
    (StatusCode::INTERNAL_SERVER_ERROR, [JSON], body).into_response()
}
