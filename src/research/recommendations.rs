//! The checking and dating of the model's recommendations.

use super::grounding::Grounds;
use crate::report::{
    Advice, Bilingual, Channel, DatedOpportunity, DatedTiming, Dates, Insights, Occasion,
    Opportunity, PlannedChannel, Recommendations, RuleVerdict, Ruling,
};

/// Takes out what rests on nothing, fills in dates and rules, and makes the shares add up.
pub fn date_and_check(
    recommended: Recommendations,
    grounds: &mut Grounds,
    year: &[(Occasion, Dates)],
    rules: &[Ruling],
) -> Insights {
    let dates = |occasion: Occasion| {
        let mut occasions = year.iter();
        let found = occasions.find(|(of, _)| *of == occasion);
        found.map(|(_, dates)| dates.clone())
    };
    let summary = advice(recommended.executive_summary, grounds);
    let opportunities = recommended.opportunities.into_iter();
    let opportunities = opportunities.filter_map(|opportunity| {
        let opportunity = hold_opportunity(opportunity, grounds)?;
        let dates = opportunity.timing.and_then(dates);
        Some(DatedOpportunity {
            partner_in_evidence: true,
            dates,
            opportunity,
        })
    });
    let opportunities = opportunities.collect();
    let timing = recommended.campaign_timing.into_iter();
    let timing = timing.filter_map(|mut timing| {
        grounds.known(&mut timing.rests_on);
        let holds = grounds.hold(&mut timing.why, &timing.rests_on, true);
        let dates = dates(timing.occasion)?;
        holds.then_some(DatedTiming { timing, dates })
    });
    let campaign_timing = timing.collect();
    let metrics = advice(recommended.success_metrics, grounds);
    Insights {
        kind: "recommendations".into(),
        executive_summary: paragraph(&summary),
        opportunities,
        campaign_timing,
        competitive_strategy: advice(recommended.competitive_strategy, grounds),
        channels: channels(recommended.channels, grounds, rules),
        creative_direction: advice(recommended.creative_direction, grounds),
        success_metrics: metrics.into_iter().map(|advice| advice.text).collect(),
        taken_out: grounds.taken_out,
    }
}

fn advice(list: Vec<Advice>, grounds: &mut Grounds) -> Vec<Advice> {
    let hold = |mut advice: Advice| {
        grounds.known(&mut advice.rests_on);
        let holds = grounds.hold(&mut advice.text, &advice.rests_on, true);
        holds.then_some(advice)
    };
    list.into_iter().filter_map(hold).collect()
}

/// Sentences one after the other.
fn paragraph(sentences: &[Advice]) -> Bilingual {
    let join = |of: fn(&Bilingual) -> &Option<String>| {
        let texts: Vec<&str> = sentences
            .iter()
            .filter_map(|sentence| of(&sentence.text).as_deref())
            .map(str::trim)
            .collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    Bilingual {
        fa: join(|text| &text.fa),
        en: join(|text| &text.en),
    }
}

fn hold_opportunity(mut opportunity: Opportunity, grounds: &mut Grounds) -> Option<Opportunity> {
    grounds.known(&mut opportunity.rests_on);
    let rests_on = opportunity.rests_on.clone();
    if grounds.strict && (rests_on.is_empty() || !grounds.is_partner(&opportunity.partner)) {
        grounds.taken_out += 1;
        return None;
    }
    let sum = opportunity.budget_million_toman.take();
    opportunity.budget_million_toman =
        sum.filter(|_| !grounds.strict || grounds.has_sum(&rests_on));
    let Opportunity {
        concept,
        audience,
        budget_basis,
        reach,
        ..
    } = &mut opportunity;
    for text in [audience, budget_basis, reach] {
        grounds.hold(text, &rests_on, false);
    }
    grounds
        .hold(concept, &rests_on, false)
        .then_some(opportunity)
}

/// Channels with the rules about them; what may not be booked is left out, and its share goes to the others.
fn channels(
    channels: Vec<Channel>,
    grounds: &mut Grounds,
    rules: &[Ruling],
) -> Vec<PlannedChannel> {
    let planned = channels.into_iter().filter_map(|mut channel| {
        grounds.known(&mut channel.rests_on);
        grounds.hold(&mut channel.why, &channel.rests_on, false);
        let about: Vec<&Ruling> = rules
            .iter()
            .filter(|rule| rule.covers(channel.medium))
            .collect();
        let verdict = about.iter().map(|rule| rule.verdict).min();
        (verdict != Some(RuleVerdict::No)).then(|| PlannedChannel {
            name: channel.medium.name(),
            share: channel.share,
            why: channel.why,
            rests_on: channel.rests_on,
            verdict,
            rules: about.iter().map(|rule| rule.rule.clone()).collect(),
        })
    });
    add_up(planned.collect())
}

/// Whole percents that add up to 100, in proportion to what was given (largest remainders).
fn add_up(mut channels: Vec<PlannedChannel>) -> Vec<PlannedChannel> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_add_up_to_a_hundred(shares in proptest::collection::vec(0u32..1_000, 0..8)) {
            let channels: Vec<PlannedChannel> = shares.iter().map(|&share| PlannedChannel {
                name: Bilingual::default(), share, why: Bilingual::default(),
                rests_on: Vec::new(), verdict: None, rules: Vec::new(),
            }).collect();
            let sum: u32 = add_up(channels).iter().map(|c| c.share).sum();
            prop_assert_eq!(sum, if shares.iter().all(|&s| s == 0) { 0 } else { 100 });
        }
    }
}
