//! Recommendations as the model gave them, checked and dated by the program.

use std::collections::HashSet;

use super::{
    calendar::Occasion,
    report::{
        Advice, Bilingual, Channel, DatedOpportunity, DatedTiming, Dates, Insights, Recommendations,
    },
};
use crate::{cli::Lang, text};

/// Takes off what rests on nothing, fills in dates, and makes the shares add up. `facts` are paths and values.
pub fn date_and_check(
    recommended: Recommendations,
    facts: &[(String, String)],
    year: &[(Occasion, Dates)],
    lang: Lang,
) -> Insights {
    let paths: HashSet<&str> = facts.iter().map(|(path, _)| path.as_str()).collect();
    let known = |rests_on: &mut Vec<String>| rests_on.retain(|path| paths.contains(path.as_str()));
    let dates = |occasion: Occasion| {
        year.iter()
            .find(|(o, _)| *o == occasion)
            .map(|(_, dates)| dates.clone())
    };
    let advice = |list: Vec<Advice>| -> Vec<Advice> {
        list.into_iter()
            .map(|mut advice| {
                known(&mut advice.rests_on);
                only(&mut advice.text, lang);
                advice
            })
            .filter(|advice| !advice.text.is_empty())
            .collect()
    };
    let mut executive_summary = recommended.executive_summary;
    only(&mut executive_summary, lang);
    Insights {
        kind: "recommendations".into(),
        executive_summary,
        opportunities: recommended
            .opportunities
            .into_iter()
            .map(|mut opportunity| {
                known(&mut opportunity.rests_on);
                for text in [
                    &mut opportunity.concept,
                    &mut opportunity.audience,
                    &mut opportunity.budget_basis,
                    &mut opportunity.reach,
                ] {
                    only(text, lang);
                }
                DatedOpportunity {
                    partner_in_evidence: is_named(&opportunity.partner, facts),
                    dates: opportunity.timing.and_then(dates),
                    opportunity,
                }
            })
            .collect(),
        campaign_timing: recommended
            .campaign_timing
            .into_iter()
            .filter_map(|mut timing| {
                known(&mut timing.rests_on);
                only(&mut timing.why, lang);
                Some(DatedTiming {
                    dates: dates(timing.occasion)?,
                    timing,
                })
            })
            .collect(),
        competitive_strategy: advice(recommended.competitive_strategy),
        channels: add_up(recommended.channels),
        creative_direction: advice(recommended.creative_direction),
        success_metrics: recommended.success_metrics,
    }
}

/// Whether a fact names this company. A fact about the brand itself may name it in a longer value.
fn is_named(partner: &str, facts: &[(String, String)]) -> bool {
    let words = text::words(partner);
    let key = text::key(partner);
    !key.is_empty()
        && facts
            .iter()
            .any(|(_, value)| text::key(value) == key || text::words(value).contains(&words))
}

/// Whole percents that add up to 100, in proportion to what was given (largest remainders).
fn add_up(mut channels: Vec<Channel>) -> Vec<Channel> {
    channels.retain(|channel| channel.share > 0);
    let total: u64 = channels
        .iter()
        .map(|channel| u64::from(channel.share))
        .sum();
    if total == 0 || total == 100 {
        return channels;
    }
    let exact: Vec<(u64, u64)> = channels
        .iter()
        .map(|channel| {
            (
                u64::from(channel.share) * 100 / total,
                u64::from(channel.share) * 100 % total,
            )
        })
        .collect();
    let mut left = 100 - exact.iter().map(|(whole, _)| whole).sum::<u64>();
    let mut order: Vec<usize> = (0..channels.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(exact[i].1));
    for (channel, (whole, _)) in channels.iter_mut().zip(&exact) {
        channel.share = u32::try_from(*whole).unwrap_or(100);
    }
    for i in order {
        if left == 0 {
            break;
        }
        channels[i].share += 1;
        left -= 1;
    }
    channels
}

/// Keeps the languages that were asked for; blank texts are none.
fn only(text: &mut Bilingual, lang: Lang) {
    let keep = |text: &mut Option<String>, asked: bool| {
        *text = text.take().filter(|text| asked && !text.trim().is_empty());
    };
    keep(&mut text.fa, lang.persian());
    keep(&mut text.en, lang.english());
}

impl Bilingual {
    /// Whether there is no text in any language.
    pub fn is_empty(&self) -> bool {
        self.fa.is_none() && self.en.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_partner_has_to_be_named_by_a_fact() {
        let facts = [(
            "relationships.affiliates.0".to_owned(),
            "گروه اسنپ".to_owned(),
        )];
        assert!(is_named("گروه اسنپ", &facts));
        assert!(is_named("اسنپ", &facts));
        assert!(!is_named("سنپ", &facts));
        assert!(!is_named("تپسی", &facts));
        assert!(!is_named("", &facts));
    }

    proptest! {
        #[test]
        fn shares_add_up_to_a_hundred(shares in proptest::collection::vec(0u32..1_000, 0..8)) {
            let channels: Vec<Channel> = shares.iter().map(|&share| Channel {
                name: Bilingual::default(), share, why: Bilingual::default(),
            }).collect();
            let sum: u32 = add_up(channels).iter().map(|c| c.share).sum();
            prop_assert_eq!(sum, if shares.iter().all(|&s| s == 0) { 0 } else { 100 });
        }
    }
}
