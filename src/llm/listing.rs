//! The free pages of a server about its models and the key.

use serde::Deserialize;
use serde_json::Value;

use super::{request::Form, usage::Prices};

/// The state of a key.
#[derive(Debug, Deserialize)]
pub struct KeyInfo {
    /// US dollars that the key may still spend; `None` without a limit.
    pub limit_remaining: Option<f64>,
    /// US dollars that the key has spent, ever.
    pub usage: Option<f64>,
}

/// Whether a server lists the models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    Listed,
    Missing {
        /// The model that is not listed.
        slug: String,
        /// The slug that is most like it; `None` where the server lists no models.
        nearest: Option<String>,
    },
}

/// The list of models of a server.
pub(super) struct Models(Vec<Value>);

impl Models {
    /// The models on a page; none where it is no such page.
    pub fn read(page: &Value) -> Self {
        let models = page.get("data").and_then(Value::as_array);
        Self(models.cloned().unwrap_or_default())
    }

    /// What is listed of a model.
    pub fn find(&self, slug: &str) -> Option<&Value> {
        let named = |name: &str| {
            self.0
                .iter()
                .find(|model| model["id"] == name || model["canonical_slug"] == name)
        };
        named(slug).or_else(|| named(plain(slug)))
    }

    /// The slug that is most like one that is not listed.
    pub fn nearest(&self, slug: &str) -> Option<String> {
        let slug = plain(slug);
        let likeness = |other: &str| strsim::normalized_damerau_levenshtein(slug, other);
        let slugs = self.0.iter().filter_map(|model| model["id"].as_str());
        slugs
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
            .map(str::to_owned)
    }
}

/// `:nitro` and the like are variants of a listed model.
fn plain(slug: &str) -> &str {
    slug.split(':').next().unwrap_or_default()
}

/// Prices and form of a listed model.
pub(super) fn terms(listed: &Value) -> (Option<Prices>, Form) {
    let prices = Prices::read(&listed["pricing"]);
    (prices, Form::of_listed(listed, prices.is_some()))
}
