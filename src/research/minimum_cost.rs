//! The minimum cost of one brand.

use super::stages::{ANALYST_TOKENS, STRATEGIST_TOKENS};
use crate::{brand::row_options::Depth, llm::OpenRouter, money::Usd};

/// Bytes of what the analyst and the strategist usually read.
const ANALYST_BYTES: usize = 40_000;
const STRATEGIST_BYTES: usize = 16_000;

/// Tokens of the analyst's usual question and answer.
const ANALYST_USES: (u64, u64) = (12_000, 2_500);

/// The most that is set aside for a brand at one time, with what it has cost until then, in US dollars and whole cents: with less it
/// cannot be done, although it may cost less in the end. Without prices, what the searches cost.
pub fn least(model: &OpenRouter, credit: Usd, depth: Depth) -> Usd {
    let searches = credit.times(depth.credits().into());
    let analyst = model.worst_case("analyst", ANALYST_BYTES, ANALYST_TOKENS);
    let strategist = model.worst_case("strategist", STRATEGIST_BYTES, STRATEGIST_TOKENS);
    let (tokens_in, tokens_out) = ANALYST_USES;
    let prices = model.model().prices;
    let analysed = prices.map_or(Usd::ZERO, |prices| prices.expected(tokens_in, tokens_out));
    let least = searches + analyst.max(analysed + strategist);
    least.up_to_cents()
}
