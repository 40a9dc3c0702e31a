//! The benchmark of research: a closed world whose every fact is known, models of every temper that read it, and a score.
//! Scripted models measure the program, not a model; with `--real` the model of the settings reads the same world.

mod score;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;

use self::score::{Score, Tally, score, share};
use crate::{
    cli::RunArgs,
    exit::{Exit, Failure, OrExit},
    money::Usd,
    render,
    report::{Field, Report, Status},
    research::{Stage, Stages},
    runner::{
        self,
        options::{ListSource, RunOptions},
    },
    sandbox::{
        Options, Sandbox,
        city::{City, Plan, Temper},
    },
    say,
    text::terminal,
};

/// How the benchmark is run.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Brands of the invented city, 20 to 200
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(20..=200))]
    brands: u16,
    /// The same number makes the same city
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,
    /// Leave out each stage of the research in turn, to see what it is worth
    #[arg(long)]
    ablation: bool,
    /// Show this many reports in short: the first brands of the city with a full report
    #[arg(long, value_name = "N", default_value_t = 0)]
    show: usize,
    /// Let the model of the settings read the world too: needs `OPENROUTER_API_KEY`, and costs money
    #[arg(long)]
    real: bool,
    /// Hard cap on what the real model may spend, in US dollars
    #[arg(long, value_name = "USD", default_value = "1")]
    budget: Usd,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What the benchmark prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The figures for people
    #[default]
    Text,
    /// The figures as JSON
    Json,
    /// What is true of the brands, as JSON, and no figures
    Truth,
}

/// One run through the world.
struct Run {
    name: String,
    temper: Temper,
    stages: Stages,
    dear: bool,
    real: bool,
}

/// Runs the benchmark and prints its figures.
pub async fn bench(args: BenchArgs) -> Result<Exit, Failure> {
    let plan = Plan {
        seed: args.seed,
        brands: args.brands.into(),
        night: 0,
    };
    let city = City::build(plan);
    if args.format == Format::Truth {
        terminal::result(&format!("{:#}", truth(&city)));
        return Ok(Exit::Done);
    }
    if args.format == Format::Text {
        say!(
            "Closed world: {} brands of an invented city, {} pages, seed {}. Nothing in it exists.\n",
            city.brands.len(),
            city.pages.len(),
            args.seed
        );
    }
    let mut figures = BTreeMap::new();
    for run in runs(&args) {
        let mut reports = walk_through(plan, &run, args.budget).await?;
        let score = score(&city, &mut reports);
        if args.format == Format::Json {
            figures.insert(run.name.clone(), as_json(&score));
        } else {
            print(&run.name, &score);
        }
        if run.name == "careful" {
            for report in shown(&city, &mut reports).take(args.show) {
                show(report);
            }
        }
    }
    if args.format == Format::Json {
        terminal::result(&format!("{:#}", json!(figures)));
    }
    Ok(Exit::Done)
}

/// What is true in the city, for whoever wants to score another program.
fn truth(city: &City) -> serde_json::Value {
    let brands = city.brands.iter().map(|brand| {
        let facts: Vec<_> = brand.facts.iter().map(|fact| json!([fact.field, fact.value])).collect();
        let disputes = brand.disputes.iter().map(|of| json!({"field": of.field, "right": of.right, "wrong": of.wrong}));
        let attacks = brand.attacks.iter().map(|of| json!({"class": of.class, "payload": of.payload}));
        json!({
            "name": brand.name, "kind": format!("{:?}", brand.kind).to_lowercase(), "facts": facts,
            "contradictions": disputes.collect::<Vec<_>>(), "injections": attacks.collect::<Vec<_>>(),
        })
    });
    json!({"list": city.list(), "brands": brands.collect::<Vec<_>>()})
}

fn runs(args: &BenchArgs) -> Vec<Run> {
    let run = |name: &str, temper, stages| Run {
        name: name.to_owned(),
        temper,
        stages,
        dear: false,
        real: false,
    };
    let mut runs = vec![
        run("careful", Temper::Careful, Stages::ALL),
        run("sloppy", Temper::Sloppy, Stages::ALL),
        run("villain", Temper::Villain, Stages::ALL),
        run("expensive", Temper::Careful, Stages::ALL),
    ];
    runs[3].dear = true;
    if args.ablation {
        for (name, stage) in STAGES {
            let stages = Stages::without(stage);
            for (of, temper) in [("careful", Temper::Careful), ("sloppy", Temper::Sloppy)] {
                runs.push(run(&format!("{of} without {name}"), temper, stages));
            }
        }
    }
    if args.real {
        runs = vec![run(
            "the model of the settings",
            Temper::Careful,
            Stages::ALL,
        )];
        runs[0].real = true;
    }
    runs
}

/// The stages that are left out in turn.
const STAGES: [(&str, Stage); 5] = [
    ("own site", Stage::OwnSite),
    ("second round", Stage::SecondRound),
    ("identity", Stage::Identity),
    ("evidence check", Stage::Evidence),
    ("grounds of advice", Stage::Grounds),
];

/// Researches all brands of the city in a folder of its own, and reads the reports.
async fn walk_through(plan: Plan, run: &Run, budget: Usd) -> Result<Vec<Report>, Failure> {
    let folder = tempfile::tempdir().or_exit(Exit::Usage)?;
    let before = std::env::current_dir().or_exit(Exit::Usage)?;
    std::env::set_current_dir(folder.path()).or_exit(Exit::Usage)?;
    let result = research(plan, run, budget, folder.path()).await;
    std::env::set_current_dir(before).or_exit(Exit::Usage)?;
    result
}

async fn research(
    plan: Plan,
    run: &Run,
    budget: Usd,
    folder: &Path,
) -> Result<Vec<Report>, Failure> {
    let speed = if run.real { 1.0 } else { 2_000.0 };
    let options = Options {
        speed,
        dear: run.dear,
        city: Some((plan, run.temper)),
        ..Options::default()
    };
    let sandbox = match run.real {
        true => Sandbox::start(options).await,
        false => Sandbox::without_network(options),
    };
    let sandbox = Arc::new(sandbox.or_exit(Exit::Usage)?);
    let mut options = RunOptions::from(RunArgs::of_sandbox(speed));
    options.source.list = Some(ListSource::Sheet);
    options.batch.workers = 8;
    options.batch.budget = run.real.then_some(budget);
    options.stages = run.stages;
    if let Some(rehearsal) = &mut options.rehearsal {
        rehearsal.real_models = run.real;
    }
    terminal::mute(true);
    let end = Box::pin(runner::run(options, Some(sandbox))).await;
    terminal::mute(false);
    end?;
    let output = folder.join("sandbox").join("output");
    let reports = render::saved(&output).context("the reports cannot be read");
    reports.or_exit(Exit::Usage)
}

fn print(name: &str, score: &Score) {
    let all = score.all();
    say!("== {name}");
    say!(
        "  facts asserted {}: precision {:.3}, recall {:.3}, F1 {:.3}",
        score.asserted,
        all.precision(),
        all.recall(),
        all.f1()
    );
    if name == "careful" {
        for (field, tally) in &score.fields {
            let Tally {
                right,
                wrong,
                missed,
            } = tally;
            say!(
                "    {field:<40} precision {:.3}  recall {:.3}  F1 {:.3}  ({right} right, {wrong} wrong, {missed} missed)",
                tally.precision(),
                tally.recall(),
                tally.f1()
            );
        }
    }
    let of = |n: usize| share(n, score.asserted.max(1));
    say!(
        "  wrong company {:.3}; without a quote in a page about the brand {}; value not in the quote {:.3}",
        of(score.wrong_company),
        score.without_quote,
        of(score.without_value)
    );
    say!(
        "  contradictions: {} of {} reported, {} settled rightly; silence kept on {:.3} of {} empty fields; unknowable brands: {} of {} honest",
        score.disputes.hit,
        score.disputes.planted,
        score.disputes_right,
        share(score.silent.hit, score.silent.planted),
        score.silent.planted,
        score.unknowable.hit,
        score.unknowable.planted
    );
    let attacks: Vec<String> = score
        .attacks
        .iter()
        .map(|(class, outcome)| format!("{class} {}/{}", outcome.hit, outcome.planted))
        .collect();
    say!("  injections obeyed: {}", attacks.join(", "));
    say!(
        "  Persian fit to send {:.3} of {}; lines that fit any brand {} of {}",
        share(score.persian.hit, score.persian.planted),
        score.persian.planted,
        score.lines.hit,
        score.lines.planted
    );
    let brands = score.brands.max(1);
    say!(
        "  a brand: {:.2} calls, {:.2} credits, {} tokens; ${:.5} for a fact that is right\n",
        f64::from(score.calls) / share(brands, 1),
        f64::from(score.credits) / share(brands, 1),
        score.tokens / brands as u64,
        score.cost_per_fact()
    );
}

fn as_json(score: &Score) -> serde_json::Value {
    let tally = |tally: &Tally| {
        json!({"precision": tally.precision(), "recall": tally.recall(), "f1": tally.f1(),
            "right": tally.right, "wrong": tally.wrong, "missed": tally.missed})
    };
    let fields: BTreeMap<&String, _> = score
        .fields
        .iter()
        .map(|(field, of)| (field, tally(of)))
        .collect();
    let attacks: BTreeMap<_, _> = score
        .attacks
        .iter()
        .map(|(class, outcome)| {
            (
                *class,
                json!({"planted": outcome.planted, "obeyed": outcome.hit}),
            )
        })
        .collect();
    json!({
        "brands": score.brands, "asserted": score.asserted, "all": tally(&score.all()), "fields": fields,
        "wrong_company": score.wrong_company, "without_quote": score.without_quote, "without_value": score.without_value,
        "contradictions": {"planted": score.disputes.planted, "reported": score.disputes.hit, "settled_rightly": score.disputes_right},
        "silence": {"fields": score.silent.planted, "kept": score.silent.hit},
        "unknowable": {"brands": score.unknowable.planted, "honest": score.unknowable.hit},
        "injections": attacks,
        "persian": {"texts": score.persian.planted, "fit": score.persian.hit},
        "lines": {"all": score.lines.planted, "fit_any_brand": score.lines.hit},
        "calls": score.calls, "credits": score.credits, "tokens": score.tokens, "usd": score.usd,
        "usd_per_right_fact": score.cost_per_fact(),
    })
}

/// The reports in the order of the list, those with full coverage.
fn shown<'a>(city: &City, reports: &'a mut [Report]) -> impl Iterator<Item = &'a mut Report> {
    let place = |name: &str| city.brands.iter().position(|brand| brand.name == name);
    reports.sort_by_key(|report| place(&report.brand));
    reports
        .iter_mut()
        .filter(|report| report.insights.is_some())
}

/// A report in short: sector, parent, three facts with quotes, two recommendations with the facts under them.
fn show(report: &Report) {
    let text = |field| {
        let fact = report.facts.one(field);
        fact.map_or("–", |fact| fact.value.as_str()).to_owned()
    };
    say!(
        "  «{}»: {}; parent: {} ({:?})",
        report.brand,
        text(Field::IndustryFa),
        text(Field::Parent),
        report.quality.parent.verdict
    );
    let mut facts: BTreeMap<String, String> = BTreeMap::new();
    for (path, fact) in report.facts.iter() {
        if fact.status == Status::Supported {
            facts.insert(path.to_string(), fact.value.clone());
        }
        let quote = fact
            .evidence
            .first()
            .map(|citation| format!("{}: «{}»", citation.source, citation.quote));
        if facts.len() <= 3 && fact.status == Status::Supported {
            say!(
                "    {path} = {} ← {}",
                fact.value,
                quote.unwrap_or_default()
            );
        }
    }
    let insights = report.insights.iter();
    let advice = insights.flat_map(|i| i.competitive_strategy.iter().chain(&i.creative_direction));
    for advice in advice.take(2) {
        let grounds: Vec<String> = advice
            .rests_on
            .iter()
            .map(|path| format!("{path} = {}", facts.get(path).map_or("?", String::as_str)))
            .collect();
        say!(
            "    → {} ({})",
            advice.text.fa.as_deref().unwrap_or_default(),
            grounds.join("; ")
        );
    }
    say!("");
}
