//! What may be spent in a day and in a month, as it is set.

use anyhow::Context;

use super::variable;
use crate::{
    money::Usd,
    store::caps::{Caps, DAILY, MONTHLY},
};

/// The caps that are set.
///
/// # Errors
/// When one of them is not an amount of US dollars.
pub fn caps() -> anyhow::Result<Caps> {
    Ok(Caps {
        day: amount(DAILY)?,
        month: amount(MONTHLY)?,
    })
}

fn amount(name: &str) -> anyhow::Result<Option<Usd>> {
    let read = |text: String| {
        let amount = text.parse::<Usd>();
        amount.with_context(|| format!("{name} ({text}): write US dollars, such as 5"))
    };
    variable(name).map(read).transpose()
}
