//! A server before the simulated services that answers some requests itself and hands on all others.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::Desk;

/// What becomes of a request: an answer of the proxy's own, with status and JSON body, or the body that is handed on.
type Rewrite = Arc<dyn Fn(&str, &str) -> Result<String, (u16, String)> + Send + Sync>;

/// It ends when this is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Handing {
    to: SocketAddr,
    client: reqwest::Client,
    rewrite: Rewrite,
}

impl Proxy {
    /// Stands before the services of a desk. `answer` is given the path and the body of each request.
    pub fn before(
        desk: &Desk,
        answer: impl Fn(&str, &str) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        Self::rewriting(desk, move |path, body| match answer(path, body) {
            Some(own) => Err(own),
            None => Ok(body.to_owned()),
        })
    }

    /// Stands before the services of a desk, and hands on other bodies than it gets.
    pub fn rewriting(
        desk: &Desk,
        rewrite: impl Fn(&str, &str) -> Result<String, (u16, String)> + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let handing = Handing {
            to: desk.sandbox.address(),
            client: super::http::client(),
            rewrite: Arc::new(rewrite),
        };
        let routes = Router::new().fallback(hand_on).with_state(handing);
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// The address that `OPENROUTER_BASE_URL` has then.
    pub fn models(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// The address that `TAVILY_BASE_URL` has then.
    pub fn searches(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn hand_on(
    State(handing): State<Handing>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = String::from_utf8_lossy(&body);
    let body = match (handing.rewrite)(uri.path(), &text) {
        Ok(body) => body,
        Err((status, json)) => {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, [(CONTENT_TYPE, "application/json")], json).into_response();
        }
    };
    let mut request = handing
        .client
        .request(method, format!("http://{}{uri}", handing.to));
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    // The program may have been stopped, and with it the sandbox.
    let Ok(reply) = request.body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = reply.status();
    let kind = reply.headers().get(CONTENT_TYPE).cloned();
    let body = reply.bytes().await.unwrap_or_default();
    let mut response = (status, body).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
