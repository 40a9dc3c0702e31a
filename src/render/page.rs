//! The pages of one report: `report.html`, which opens offline and runs nothing, and `report.md`.

use std::collections::HashMap;

use askama::Template;

use super::{
    campaign_year::{self, Month},
    changes::ComparisonView,
    family_drawing::{self, Drawing},
    template_filters as filters,
    view::{FactView, Section, Tongue, ViewLine, known, opens},
};
use crate::report::{
    DatedOpportunity, DatedTiming, Fact, Field, PlannedChannel, Record, Report, Status,
    fields::Subject,
};

/// Opportunities on the first screen.
const STRONGEST: usize = 3;

/// Facts that a recommendation is shown to rest on.
const GROUNDS: usize = 3;

/// The page in the languages that were asked for, with a switch where there are two.
#[derive(Template)]
#[template(path = "report.html")]
struct HtmlPage<'a> {
    first: Tongue,
    report: &'a Report,
    halves: Vec<Half<'a>>,
}

#[derive(Template)]
#[template(path = "report.md", escape = "none")]
struct MarkdownPage<'a> {
    half: Half<'a>,
}

/// The report in one language.
struct Half<'a> {
    t: Tongue,
    report: &'a Report,
    latin_name: Option<String>,
    what_it_does: Option<&'a Fact>,
    tags: Vec<String>,
    position: Vec<ViewLine>,
    parent_found: Option<FactView>,
    support: String,
    /// How many facts there are of each status, and where its part of the bar begins and how long it is, in percent.
    statuses: Vec<StatusView>,
    summary: String,
    ideas: Vec<Idea<'a>>,
    timings: Vec<TimingView<'a>>,
    channels: Vec<ChannelView<'a>>,
    strategy: Vec<AdviceView>,
    creative: Vec<AdviceView>,
    metrics: Vec<String>,
    year: Vec<Month>,
    family: Option<Drawing>,
    rivals: Option<Drawing>,
    sections: Vec<Section>,
    products: Vec<ProductView>,
    /// Customers of whom more is known than who they are.
    segments: Vec<Vec<ViewLine>>,
    contradictions: Vec<(String, FactView, FactView)>,
    questions: Vec<String>,
    comparisons: Vec<ComparisonView>,
}

/// A status with its share of all facts.
struct StatusView {
    mark: &'static str,
    name: &'static str,
    class: &'static str,
    count: String,
    x: String,
    width: String,
}

/// An opportunity with the facts that it rests on.
struct Idea<'a> {
    dated: &'a DatedOpportunity,
    grounds: Vec<String>,
}

/// An occasion to campaign for, with the facts that it rests on.
struct TimingView<'a> {
    dated: &'a DatedTiming,
    grounds: Vec<String>,
}

/// A channel with the facts that it rests on.
struct ChannelView<'a> {
    channel: &'a PlannedChannel,
    grounds: Vec<String>,
}

/// A piece of advice with the facts that it rests on.
struct AdviceView {
    text: String,
    grounds: Vec<String>,
}

/// A product with what is known of it.
struct ProductView {
    names: Vec<FactView>,
    lines: Vec<ViewLine>,
}

/// The page of a report: one file, without a script, that opens offline.
pub fn html(report: &Report) -> anyhow::Result<String> {
    let halves = halves(report);
    let page = HtmlPage {
        first: Tongue::of(report.lang),
        report,
        halves,
    };
    Ok(page.render()?)
}

/// The report as Markdown, one language after the other.
pub fn markdown(report: &Report) -> anyhow::Result<String> {
    let parts = halves(report)
        .into_iter()
        .map(|half| MarkdownPage { half }.render());
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join("\n---\n\n"))
}

fn halves(report: &Report) -> Vec<Half<'_>> {
    let facts = AllFacts::of(report);
    Tongue::all(report.lang)
        .map(|t| Half::new(t, report, &facts))
        .collect()
}

impl<'a> Half<'a> {
    fn new(t: Tongue, report: &'a Report, facts: &AllFacts) -> Self {
        let insights = report.insights.as_ref();
        let sections = t.sections(report);
        let products = products(t, report);
        let segments = segments(t, report);
        let advice = |pieces: &[crate::report::Advice]| -> Vec<AdviceView> {
            let view = |piece: &crate::report::Advice| AdviceView {
                text: t.text(&piece.text),
                grounds: facts.named(t, &piece.rests_on),
            };
            pieces.iter().map(view).collect()
        };
        Self {
            t,
            report,
            latin_name: latin_name(report),
            what_it_does: report.facts.one(Field::WhatItDoes),
            tags: tags(t, report),
            position: position(t, report),
            parent_found: report
                .quality
                .parent
                .found
                .as_ref()
                .map(|fact| t.fact(fact, report)),
            support: t.share(report.quality.share_supported),
            statuses: statuses(t, &sections, &products, &segments),
            summary: insights
                .map(|i| t.text(&i.executive_summary))
                .unwrap_or_default(),
            ideas: ideas(report, facts, t),
            timings: insights
                .map(|i| &i.campaign_timing)
                .into_iter()
                .flatten()
                .map(|dated| TimingView {
                    dated,
                    grounds: facts.named(t, &dated.timing.rests_on),
                })
                .collect(),
            channels: insights
                .map(|i| &i.channels)
                .into_iter()
                .flatten()
                .map(|channel| ChannelView {
                    channel,
                    grounds: facts.named(t, &channel.rests_on),
                })
                .collect(),
            strategy: insights.map_or(Vec::new(), |i| advice(&i.competitive_strategy)),
            creative: insights.map_or(Vec::new(), |i| advice(&i.creative_direction)),
            metrics: insights.map_or(Vec::new(), |i| {
                i.success_metrics.iter().map(|text| t.text(text)).collect()
            }),
            year: campaign_year::year(t, report),
            family: family_drawing::family(t, report),
            rivals: family_drawing::rivals(t, report),
            sections,
            products,
            segments,
            contradictions: contradictions(t, report),
            comparisons: t.comparisons(report),
            questions: report.quality.questions.iter().map(|q| t.text(q)).collect(),
        }
    }

    /// The opportunities of the first screen.
    fn strongest(&self) -> impl Iterator<Item = &Idea<'a>> {
        self.ideas.iter().take(STRONGEST)
    }

    /// Whether there is anything to recommend.
    fn recommends(&self) -> bool {
        self.report.insights.is_some()
    }
}

/// The brand's name in Latin letters, where it is another than the one given.
fn latin_name(report: &Report) -> Option<String> {
    let name = report.facts.one(Field::NameEn)?;
    let other = crate::text::key(&name.value) != crate::text::key(&report.brand);
    other.then(|| name.value.clone())
}

/// What stands below the name: trade, year, place.
fn tags(t: Tongue, report: &Report) -> Vec<String> {
    let founded = report
        .facts
        .one(Field::FoundingYear)
        .map(|year| format!("{}: {}", Field::FoundingYear.label(t.fa), year.value));
    let value = |fact: Option<&Fact>| fact.map(|fact| fact.value.clone());
    [
        value(report.facts.industry(t.fa)),
        founded,
        value(report.facts.one(Field::Headquarters)),
    ]
    .into_iter()
    .flatten()
    .map(|tag| t.value(&tag))
    .collect()
}

/// Where the brand stands in its market.
fn position(t: Tongue, report: &Report) -> Vec<ViewLine> {
    let shown = [Field::MarketPosition, Field::PriceTier, Field::Competitors];
    known(shown.map(|field| t.line(report, field, report.facts.all(field).take(STRONGEST))))
}

/// The opportunities, those that matter most first: of high priority, with a partner whom sources name, easy to do.
fn ideas<'a>(report: &'a Report, facts: &AllFacts, t: Tongue) -> Vec<Idea<'a>> {
    let all = report.insights.iter().flat_map(|i| &i.opportunities);
    let mut ideas: Vec<Idea> = all
        .map(|dated| Idea {
            dated,
            grounds: facts.named(t, &dated.opportunity.rests_on),
        })
        .collect();
    ideas.sort_by_key(|idea| {
        let o = &idea.dated.opportunity;
        (
            std::cmp::Reverse(o.priority),
            !idea.dated.partner_in_evidence,
            o.difficulty,
        )
    });
    ideas
}

fn products(t: Tongue, report: &Report) -> Vec<ProductView> {
    let names = [Field::ProductNameFa, Field::ProductNameEn];
    let others: Vec<Field> = fields_of(Subject::Product)
        .filter(|field| !names.contains(field))
        .collect();
    let view = |product: &Record| ProductView {
        names: names
            .into_iter()
            .filter_map(|field| product.one(field))
            .map(|fact| t.fact(fact, report))
            .collect(),
        lines: t.lines(report, product, &others),
    };
    report.facts.products.iter().map(view).collect()
}

fn segments(t: Tongue, report: &Report) -> Vec<Vec<ViewLine>> {
    let fields: Vec<Field> = fields_of(Subject::Segment).collect();
    let segments = report.facts.segments.iter();
    // Those of whom no more is known than who they are stand among the facts.
    let described =
        segments.filter(|segment| segment.iter().any(|(field, _)| field != Field::SegmentWho));
    described
        .map(|segment| t.lines(report, segment, &fields))
        .collect()
}

fn fields_of(subject: Subject) -> impl Iterator<Item = Field> {
    let all = Field::ALL.iter().copied();
    all.filter(move |field| field.spec().subject == subject)
}

fn contradictions(t: Tongue, report: &Report) -> Vec<(String, FactView, FactView)> {
    let view = |c: &crate::report::Contradiction| {
        (
            t.dispute(c),
            t.fact(&c.first, report),
            t.fact(&c.second, report),
        )
    };
    report.quality.contradictions.iter().map(view).collect()
}

/// The bar of how well the facts stand.
fn statuses(
    t: Tongue,
    sections: &[Section],
    products: &[ProductView],
    segments: &[Vec<ViewLine>],
) -> Vec<StatusView> {
    let of_sections = sections.iter().flat_map(|section| &section.lines);
    let of_products = products.iter().flat_map(|product| &product.lines);
    // The first line of a segment is among the sections already.
    let of_segments = segments.iter().flat_map(|lines| lines.iter().skip(1));
    let lines = of_sections.chain(of_products).chain(of_segments);
    let names = products.iter().flat_map(|product| &product.names);
    let facts: Vec<&FactView> = lines.flat_map(|line| &line.facts).chain(names).collect();
    let mut views = Vec::new();
    let mut before = 0;
    for status in [
        Status::Supported,
        Status::Inferred,
        Status::Unverified,
        Status::Conflicted,
        Status::Outdated,
    ] {
        let (mark, name, class) = t.mark(status);
        let count = facts.iter().filter(|fact| fact.class == class).count();
        if count > 0 {
            views.push(StatusView {
                mark,
                name,
                class,
                count: t.digits(&count.to_string()),
                x: percent(
                    if t.fa {
                        facts.len() - before - count
                    } else {
                        before
                    },
                    facts.len(),
                ),
                width: percent(count, facts.len()),
            });
            before += count;
        }
    }
    views
}

/// A share in percent, as drawings take it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a report has some hundred facts"
)]
fn percent(part: usize, whole: usize) -> String {
    format!("{:.2}", part as f64 * 100.0 / whole.max(1) as f64)
}

/// The report's facts by their paths.
struct AllFacts(HashMap<String, String>);

impl AllFacts {
    fn of(report: &Report) -> Self {
        let mut facts = HashMap::new();
        if report.insights.is_some() {
            let said = report.facts.iter();
            facts.extend(said.map(|(path, fact)| (path.to_string(), fact.value.clone())));
            // A recommendation may rest on a product or a segment as a whole.
            let named = |list: &str, number: usize, name: Option<&Fact>| {
                name.map(|name| (format!("{list}.{number}"), name.value.clone()))
            };
            let products = report.facts.products.iter().enumerate();
            facts.extend(products.filter_map(|(n, p)| named("products", n, p.product_name())));
            let segments = report.facts.segments.iter().enumerate();
            facts.extend(segments.filter_map(|(n, segment)| {
                named("customers.segments", n, segment.one(Field::SegmentWho))
            }));
        }
        Self(facts)
    }

    /// The values of the facts that a recommendation rests on.
    fn named(&self, t: Tongue, paths: &[String]) -> Vec<String> {
        let values = paths.iter().filter_map(|path| self.0.get(path));
        let values = values.map(|value| t.value(&crate::text::shorten(value, 60)));
        let mut named: Vec<String> = Vec::new();
        for value in values {
            if named.len() < GROUNDS && !named.contains(&value) {
                named.push(value);
            }
        }
        named
    }
}
