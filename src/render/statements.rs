//! The statements of a report, one by one, for `chunks.jsonl`.

use std::collections::HashMap;

use super::view::{FactView, Tongue};
use crate::report::{DatedOpportunity, Fact, Field, Insights, Report, Status};

/// A statement that is not divided.
pub struct ReportStatement<'a> {
    pub text: String,
    pub sources: Vec<&'a str>,
}

/// Statements of one section and one status.
pub struct Group<'a> {
    pub section: &'static str,
    pub title: &'static str,
    pub status: &'static str,
    /// The status as it is read.
    pub label: &'static str,
    pub statements: Vec<ReportStatement<'a>>,
}

/// All statements of a report.
pub fn groups(t: Tongue, report: &Report) -> Vec<Group<'_>> {
    let mut groups = facts(t, report);
    let nothing = groups.is_empty();
    groups.extend(report.insights.as_ref().map(|i| insights(t, report, i)));
    groups.push(rules(t, report));
    groups.push(questions(t, report, nothing));
    groups.retain(|group| !group.statements.is_empty());
    groups
}

/// Facts by section and status, the products among them.
fn facts(t: Tongue, report: &Report) -> Vec<Group<'_>> {
    const ALL: [Status; 5] = [
        Status::Supported,
        Status::Inferred,
        Status::Conflicted,
        Status::Outdated,
        Status::Unverified,
    ];
    let sections = t.sections(report);
    let mut groups = Vec::new();
    let mut add = |section, title, status, statements| {
        let (_, label, status) = t.mark(status);
        groups.push(Group {
            section,
            title,
            status,
            label,
            statements,
        });
    };
    for section in &sections {
        for status in ALL {
            let class = t.mark(status).2;
            let facts = section.lines.iter().flat_map(|line| {
                let own = line.facts.iter().filter(move |fact| fact.class == class);
                own.map(|fact| view(report, line.label, fact))
            });
            add(section.code, section.title, status, facts.collect());
        }
    }
    for status in ALL {
        let facts = products(t, report, status);
        add(
            "products",
            t.pick("محصولات و خدمات", "Products and services"),
            status,
            facts,
        );
    }
    let disputes = report.quality.contradictions.iter().map(|c| {
        let (about, or) = (t.dispute(c), t.pick("یا", "or"));
        let [first, second] = [&c.first, &c.second].map(|fact| flat(&t.value(&fact.value)));
        let sources = cited(&c.first).chain(cited(&c.second)).collect();
        ReportStatement {
            text: format!("{}: {first} {or} {second}", flat(&about)),
            sources,
        }
    });
    add(
        "contradictions",
        t.pick("اختلاف منبع‌ها", "What sources disagree about"),
        Status::Conflicted,
        disputes.collect(),
    );
    groups.retain(|group| !group.statements.is_empty());
    groups
}

fn view<'a>(report: &'a Report, label: &str, fact: &FactView) -> ReportStatement<'a> {
    let as_of = match fact.as_of.as_str() {
        "" => String::new(),
        day => format!(" ({})", flat(day)),
    };
    // Views own their ids; the report's live longer.
    let sources = fact.citations.iter().filter_map(|citation| {
        let known = report.sources.iter().find(|s| s.id == citation.id);
        known.map(|source| source.id.as_str())
    });
    ReportStatement {
        text: format!("{label}: {}{as_of}", flat(&fact.value)),
        sources: sources.collect(),
    }
}

/// What is known of each product with this status, after the product's name.
fn products(t: Tongue, report: &Report, status: Status) -> Vec<ReportStatement<'_>> {
    let statements = report.facts.products.iter().filter_map(|product| {
        let name = product.product_name()?;
        let parts: Vec<(&str, &Fact)> = product
            .iter()
            .flat_map(|(field, facts)| facts.iter().map(move |fact| (field.each(t.fa), fact)))
            .filter(|(_, fact)| fact.status == status && !std::ptr::eq(*fact, name))
            .collect();
        // A name of another status only says whose price it is.
        if parts.is_empty() && name.status != status {
            return None;
        }
        let said = parts
            .iter()
            .map(|(label, fact)| format!("{label}: {}", flat(&t.value(&fact.value))));
        let said: Vec<String> = std::iter::once(flat(&t.value(&name.value)))
            .chain(said)
            .collect();
        let own_name = (name.status == status).then_some(name);
        let sources = own_name.into_iter().chain(parts.iter().map(|(_, f)| *f));
        Some(ReportStatement {
            text: format!(
                "{}: {}",
                Field::ProductNameFa.each(t.fa),
                said.join(t.pick("؛ ", "; "))
            ),
            sources: sources.flat_map(cited).collect(),
        })
    });
    statements.collect()
}

fn cited(fact: &Fact) -> impl Iterator<Item = &str> {
    fact.evidence
        .iter()
        .map(|citation| citation.source.as_str())
}

/// Recommendations with the sources of the facts that they rest on.
fn insights<'a>(t: Tongue, report: &'a Report, i: &'a Insights) -> Group<'a> {
    let grounds = StatementGrounds::of(report);
    let mut statements = Vec::new();
    let mut add = |label: &str, text: &str, rests_on: &[String]| {
        if !text.trim().is_empty() {
            statements.push(ReportStatement {
                text: format!("{label}: {}", flat(text)),
                sources: grounds.sources(rests_on),
            });
        }
    };
    add(
        t.pick("خلاصهٔ مدیریتی", "Executive summary"),
        &t.text(&i.executive_summary),
        &[],
    );
    for dated in &i.opportunities {
        let text = opportunity(t, dated);
        let label = t.pick("فرصت همکاری", "Cross-promotion");
        add(label, &text, &dated.opportunity.rests_on);
    }
    for timing in &i.campaign_timing {
        let text = format!(
            "{} ({}): {}",
            t.text(&timing.dates.name),
            t.dates(&timing.dates),
            t.text(&timing.timing.why)
        );
        let label = t.pick("زمان کارزار", "Campaign timing");
        add(label, &text, &timing.timing.rests_on);
    }
    for channel in &i.channels {
        let share = t.digits(&channel.share.to_string());
        let (name, why) = (t.text(&channel.name), t.text(&channel.why));
        let text = format!("{name}، {share}{}: {why}", t.percent());
        let text = if t.fa {
            text
        } else {
            text.replacen('،', ",", 1)
        };
        add(
            t.pick("رسانه و سهم بودجه", "Channel and share of budget"),
            &text,
            &channel.rests_on,
        );
    }
    let strategy = t.pick("راهبرد رقابتی", "Competitive strategy");
    for advice in &i.competitive_strategy {
        add(strategy, &t.text(&advice.text), &advice.rests_on);
    }
    let creative = t.pick("جهت خلاقه", "Creative direction");
    for advice in &i.creative_direction {
        add(creative, &t.text(&advice.text), &advice.rests_on);
    }
    for metric in &i.success_metrics {
        let label = t.pick("سنجهٔ موفقیت", "Success metric");
        add(label, &t.text(metric), &[]);
    }
    Group {
        section: "insights",
        title: t.pick("پیشنهادها", "Recommendations"),
        status: "recommendation",
        label: t.pick("پیشنهاد است، نه واقعیت", "a recommendation, not a fact"),
        statements,
    }
}

fn opportunity(t: Tongue, proposed: &DatedOpportunity) -> String {
    let o = &proposed.opportunity;
    let million = t.pick("میلیون تومان", "million toman");
    let budget = o
        .budget_million_toman
        .map(|sum| format!("{} {million}", t.digits(&sum.to_string())));
    let dates = proposed.dates.as_ref();
    let when = dates.map(|dates| format!("{} ({})", t.text(&dates.name), t.dates(dates)));
    let labelled = [
        (t.pick("همکار", "partner"), Some(o.partner.clone())),
        (t.pick("ایده", "concept"), Some(t.text(&o.concept))),
        (t.pick("مخاطب", "audience"), Some(t.text(&o.audience))),
        (t.pick("بودجه", "budget"), budget),
        (t.pick("دسترسی", "reach"), Some(t.text(&o.reach))),
        (t.pick("مناسبت", "occasion"), when),
        (
            t.pick("رزرو تا", "book by"),
            dates.map(|dates| t.book_by(dates)),
        ),
        (
            t.pick("اولویت", "priority"),
            Some(t.level(&o.priority).to_owned()),
        ),
        (
            t.pick("دشواری", "difficulty"),
            Some(t.level(&o.difficulty).to_owned()),
        ),
    ];
    let said = labelled.into_iter().filter_map(|(label, text)| {
        let text = text.filter(|text| !text.is_empty())?;
        Some(format!("{label}: {text}"))
    });
    said.collect::<Vec<_>>().join(t.pick("؛ ", "; "))
}

/// The sources of facts, by the paths of the facts.
struct StatementGrounds<'a>(HashMap<String, Vec<&'a str>>);

impl<'a> StatementGrounds<'a> {
    fn of(report: &'a Report) -> Self {
        let ids: HashMap<&str, &str> = report
            .sources
            .iter()
            .map(|source| (source.id.as_str(), source.id.as_str()))
            .collect();
        let mut grounds = HashMap::new();
        for (path, fact) in report.facts.iter() {
            let cited = fact.evidence.iter();
            let cited = cited.filter_map(|c| ids.get(c.source.as_str()).copied());
            grounds.insert(path.to_string(), cited.collect());
        }
        Self(grounds)
    }

    fn sources(&self, rests_on: &[String]) -> Vec<&'a str> {
        let known = rests_on.iter().filter_map(|path| self.0.get(path));
        known.flatten().copied().collect()
    }
}

/// Rules of advertising.
fn rules(t: Tongue, report: &Report) -> Group<'_> {
    let statements = report.regulations.iter().map(|rule| ReportStatement {
        text: format!(
            "{}: {} ({})",
            t.verdict(&rule.verdict),
            flat(&t.text(&rule.text)),
            t.as_of(rule)
        ),
        sources: rule.source.as_deref().into_iter().collect(),
    });
    Group {
        section: "regulations",
        title: t.pick("مقررات تبلیغ", "Rules of advertising"),
        status: "rule",
        label: t.pick("مشاورهٔ حقوقی نیست", "no legal advice"),
        statements: statements.collect(),
    }
}

/// What is not known; all of it where nothing was found.
fn questions(t: Tongue, report: &Report, nothing: bool) -> Group<'_> {
    let statement = |text: String| ReportStatement {
        text,
        sources: Vec::new(),
    };
    let questions = report.quality.questions.iter();
    let questions = questions.map(|question| statement(flat(&t.text(question))));
    if nothing {
        let text = t.pick(
            "دربارهٔ این برند چیزی پیدا نشد؛ دربارهٔ آن هیچ نکته‌ای دانسته نیست.",
            "Nothing was found about this brand: no fact about it is known.",
        );
        return Group {
            section: "quality",
            title: t.pick("پشتوانهٔ گزارش", "Coverage of the report"),
            status: "nothing_found",
            label: t.pick("بدون نکته", "without facts"),
            statements: vec![statement(text.to_owned())],
        };
    }
    Group {
        section: "quality",
        title: t.pick("از کارفرما بپرسید", "To ask the client"),
        status: "question",
        label: t.pick("دانسته نیست", "not known"),
        statements: questions.collect(),
    }
}

/// Text in one line, without characters that are not seen but change how it is read.
pub fn flat(text: &str) -> String {
    let seen = |c: &char| !matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    let plain: String = text
        .chars()
        .filter(seen)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
