//! The export of spans to an OpenTelemetry collector, configured by the standard variables. Without an address in
//! `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is built and nothing is sent; a failed export never disturbs a run.

use std::{
    env,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::{
    http::transport::{self, Network, Transport},
    text::terminal,
};

/// The longest that one batch of spans may take on its way.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that the end of a run waits for spans to be sent.
const FLUSH: Duration = Duration::from_secs(5);

/// What this process exports with, once it does.
static EXPORT: OnceLock<Export> = OnceLock::new();

struct Export {
    provider: SdkTracerProvider,
    trouble: Arc<Mutex<Option<String>>>,
}

/// Sends batches in the runtime of the run, because the thread that makes them has none.
#[derive(Debug)]
struct Client {
    network: Arc<Network>,
    runtime: Handle,
    /// Why a batch was lost first.
    trouble: Arc<Mutex<Option<String>>>,
}

/// The layer that exports spans; `None` where the user asked for none.
pub fn layer<S>() -> Option<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if !is_wanted() || EXPORT.get().is_some() {
        return None;
    }
    // The error would quote the address, and an address may hold a password.
    let export = Export::new().ok()?;
    let tracer = export.provider.tracer(env!("CARGO_PKG_NAME"));
    let _ = EXPORT.set(export);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false);
    Some(layer)
}

/// Why no spans are exported although the user asked for them.
pub fn problem() -> Option<&'static str> {
    (is_wanted() && EXPORT.get().is_none()).then_some(
        "no spans are exported: OTEL_EXPORTER_OTLP_ENDPOINT has to be an address such as \
         http://localhost:4318, and OTEL_EXPORTER_OTLP_PROTOCOL, where it is set, http/protobuf or http/json",
    )
}

/// Sends what is left, and says whether something was lost.
pub async fn finish() {
    let Some(export) = EXPORT.get() else {
        return;
    };
    // It blocks, while this thread has to go on sending.
    let provider = export.provider.clone();
    let flushing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH));
    let unsent = match flushing.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let mut trouble = lock(&export.trouble);
    if let Some(why) = trouble.take().or(unsent) {
        terminal::warning(&format!(
            "not all spans reached the collector of OpenTelemetry: {why}. The run is not affected"
        ));
    }
}

fn is_wanted() -> bool {
    let is = |name: &str, value: &str| {
        env::var(name).is_ok_and(|v| v.trim().eq_ignore_ascii_case(value))
    };
    let is_set = |name: &str| env::var(name).is_ok_and(|value| !value.trim().is_empty());
    (is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

impl Export {
    fn new() -> anyhow::Result<Self> {
        let trouble = Arc::default();
        let client = Client {
            network: Network::new(
                transport::client(false, Policy::none()).map_err(|failure| failure.error)?,
            ),
            runtime: Handle::try_current()?,
            trouble: Arc::clone(&trouble),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource())
            .build();
        Ok(Self { provider, trouble })
    }
}

/// Who it is that exports: the name that the user gave, or else that of the program.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&"service.name".into());
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return named;
    }
    Resource::builder()
        .with_service_name(env!("CARGO_PKG_NAME"))
        .build()
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let network = self.network.clone();
        let url = parts.uri.to_string().parse()?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.into());
        let sent = self
            .runtime
            .spawn(async move { network.send(request, TIMEOUT).await });
        let trouble = |why: String| {
            lock(&self.trouble).get_or_insert(why.clone());
            HttpError::from(why)
        };
        let received = sent.await.map_err(|error| trouble(error.to_string()))?;
        let received = received.map_err(|unanswered| trouble(unanswered.why))?;
        if received.status >= 400 {
            return Err(trouble(format!("status {}", received.status)));
        }
        let response = Response::builder().status(received.status);
        Ok(response.body(received.body.into())?)
    }
}

fn lock(trouble: &Mutex<Option<String>>) -> std::sync::MutexGuard<'_, Option<String>> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner)
}
