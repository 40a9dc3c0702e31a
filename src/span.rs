//! The spans of a run: one for each brand, each stage of its research and each call, with cost and wait.
//!
//! Nobody reads them but the structured log and, where it was built in, a collector of OpenTelemetry.

use std::{fmt::Display, time::Duration};

use tokio::time::Instant;
use tracing::{
    Instrument, Span, debug_span,
    field::{Empty, display},
};

use crate::money::Usd;

/// What some work took, besides time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// US dollars.
    pub usd: Usd,
    /// Search credits.
    pub credits: u32,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// How long it waited for the turns of its calls.
    pub waited: Duration,
}

/// A span of this name and these fields, which say what it is, with room for what will be measured.
macro_rules! measured {
    ($name:literal, $($fields:tt)+) => {
        debug_span!(
            $name,
            $($fields)+,
            cost_usd = Empty,
            credits = Empty,
            tokens_in = Empty,
            tokens_out = Empty,
            wait_s = Empty,
            took_s = Empty,
            error = Empty,
            otel.status_code = Empty
        )
    };
}

/// The work on a brand, from taking it up until its end is on record.
pub fn brand(brand: &str, run_id: &str) -> Span {
    measured!("brand", run_id, brand)
}

/// A stage of the research of a brand.
pub fn stage(stage: &'static str) -> Span {
    measured!("stage", stage, otel.name = stage)
}

/// A call, with all its tries; `model` is the one that is asked.
pub fn call(service: &'static str, what: &str, model: Option<&str>) -> Span {
    measured!(
        "call",
        service,
        what,
        model,
        otel.name = service,
        otel.kind = "client",
        replayed = Empty,
        retries = Empty
    )
}

/// Does work within a span, and puts down how long it took and whether it went well.
pub async fn measure<T, E: Display>(
    span: Span,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let begun = Instant::now();
    let result = work.instrument(span.clone()).await;
    took(&span, begun.elapsed());
    if let Err(error) = &result {
        failed(&span, error);
    }
    result
}

/// Computes something within a span, and puts down how long it took.
pub fn compute<T>(span: Span, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let span = span.entered();
    let result = work();
    took(&span, begun.elapsed());
    result
}

/// Puts down how long the work of a span took.
pub fn took(span: &Span, time: Duration) {
    span.record("took_s", seconds(time));
}

/// Puts down why the work of a span failed.
pub fn failed(span: &Span, why: &impl Display) {
    span.record("error", display(why));
    span.record("otel.status_code", "ERROR");
}

impl Spent {
    /// Puts down what the work of a span took; figures that are nothing are left out.
    pub fn record(&self, span: &Span) {
        if span.is_disabled() {
            return;
        }
        span.record("cost_usd", self.usd.as_f64());
        for (name, count) in [
            ("credits", self.credits.into()),
            ("tokens_in", self.tokens_in),
            ("tokens_out", self.tokens_out),
        ] {
            if count > 0 {
                span.record(name, count);
            }
        }
        span.record("wait_s", seconds(self.waited));
    }
}

/// Seconds to the millisecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
