//! How the outside world is spoken to: one file a service, and one way out for all of them.

pub mod body;
pub mod call;
pub mod caller;
pub mod clock;
mod doubts;
pub mod exchanges;
pub mod failures;
pub mod gate;
pub mod google;
pub mod llm;
pub mod network;
mod outcome;
pub mod pace;
pub mod patience;
pub mod public_sheet;
pub mod refusal;
pub mod remedy;
pub mod reply;
pub mod sheets;
pub mod successes;
pub mod tags;
pub mod tavily;
#[cfg(test)]
mod tests;
pub mod webhook;
pub mod words;

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
