//! The options of the simulated services.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Fault, SchemaRules, World};

/// How the simulated services behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// Loopback port; 0 takes a free one.
    pub port: u16,
    /// How many times faster than reality the services answer.
    pub speed: f64,
    /// Model requests a minute; `None` for any number.
    pub llm_limit: Option<u32>,
    /// Search requests a minute.
    pub search_limit: Option<u32>,
    /// Sheet reads a minute, and as many writes.
    pub sheets_limit: Option<u32>,
    /// How many of them pass at once; `None` for a tenth of a minute's.
    pub burst: Option<u32>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Bill each model call a random amount up to the most that its request allows.
    pub dear: bool,
    /// What the provider behind the models refuses in a schema.
    pub schema_rules: SchemaRules,
    /// Draws the latency of a model or search request from its body, instead of a lognormal one from chance.
    pub latency: Option<Latency>,
    /// Another world than the one that is built in.
    pub world: Option<Arc<dyn World>>,
    /// A file of `brandintel support`, whose failed requests fail again.
    pub replay: Option<PathBuf>,
    /// The spreadsheet, as a CSV file, instead of the list of the world.
    pub list: Option<PathBuf>,
}

/// Draws the latency of a request from its body, in simulated time.
#[derive(Clone)]
pub struct Latency(pub(super) Arc<dyn Fn(&str) -> Duration + Send + Sync>);

impl Latency {
    /// Latencies that this function draws.
    pub fn new(draw: impl Fn(&str) -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }
}

impl std::fmt::Debug for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Latency")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            speed: 10.0,
            llm_limit: None,
            search_limit: None,
            sheets_limit: None,
            burst: None,
            faults: Vec::new(),
            dear: false,
            schema_rules: SchemaRules::default(),
            latency: None,
            world: None,
            replay: None,
            list: None,
        }
    }
}
