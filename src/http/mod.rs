//! The one way out: what happens to every outgoing call.

pub mod adaptive_rate;
pub mod advice;
pub mod call;
pub mod client;
pub mod clock;
mod confirmation;
pub mod error_text;
pub mod exchanges;
pub mod failures;
pub mod json_body;
pub mod obstacle;
mod outcome;
pub mod patience;
pub mod rate_limiter;
pub mod refusal;
pub mod response;
pub mod successes;
#[cfg(test)]
mod tests;
pub mod transport;

use std::time::Duration;

use url::Url;

/// The longest that one question before the run may take, and all tries of one that can be done without.
pub const PREFLIGHT_TIMEOUT: Duration = Duration::from_secs(4);
/// See [`PREFLIGHT_TIMEOUT`].
pub const PREFLIGHT_PATIENCE: Duration = Duration::from_millis(2_500);

/// An address below a base address.
pub fn join<'a>(base: &Url, path: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    // Base addresses are http or https, which always have a path.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}
