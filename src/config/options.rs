//! The options of the services: what a user asked for, however it was typed. `cli` fills them, in one place.

/// Which models are asked, and how often the services are.
#[derive(Clone, Debug, Default)]
pub struct ServiceOptions {
    /// The model, or several with commas between them; `None` for the usual one.
    pub model: Option<String>,
    pub rates: RateOptions,
}

/// Requests allowed per minute, where they are not the usual ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateOptions {
    pub llm: Option<u32>,
    pub search: Option<u32>,
    pub sheets: Option<u32>,
}
