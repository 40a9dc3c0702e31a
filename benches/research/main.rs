//! The benchmark of research: a closed world whose every fact is known, models of every temper that read it, and a score.
//! Scripted models measure the program, not a model. It fails where a score is below its bounds.
//!
//! ```text
//! cargo bench --bench research -- --ablation
//! cargo bench --bench research -- --serve 4170
//! ```
//!
//! With `--serve` another program, or another model, can be tried on the same world; `--format truth` prints what is true in
//! it.

#![allow(
    clippy::cast_precision_loss,
    reason = "a benchmark counts thousands, far below 2^52"
)]

mod bounds;
mod city;
mod reports;
mod score;

use std::{collections::BTreeMap, ffi::OsString, process::ExitCode, sync::Arc};

use anyhow::{Context, ensure};
use brandintel::{
    Rehearsal, Stage,
    exit::Exit,
    sandbox::{Options, Sandbox},
};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use self::{
    bounds::shortfalls,
    city::{City, Plan, Scene, Temper},
    score::{Score, Tally, score, share},
};

/// Measure the research in a closed world of invented brands.
#[derive(Debug, Parser)]
struct Args {
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
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Serve the city on this loopback port instead, 0 for a free one, and print the settings that lead to it
    #[arg(long, value_name = "PORT")]
    serve: Option<u16>,
    /// Cargo gives this to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
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
    without: Option<Stage>,
    dear: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let plan = Plan {
        seed: args.seed,
        brands: args.brands.into(),
        night: 0,
    };
    if let Some(port) = args.serve {
        return serve(plan, port);
    }
    let city = City::build(plan);
    match args.format {
        Format::Truth => {
            println!("{:#}", truth(&city));
            return Ok(ExitCode::SUCCESS);
        }
        Format::Text => println!(
            "Closed world: {} brands of an invented city, {} pages, seed {}. Nothing in it exists.\n",
            city.brands.len(),
            city.pages.len(),
            args.seed
        ),
        Format::Json => {}
    }
    let (mut figures, mut short) = (BTreeMap::new(), Vec::new());
    for run in runs(args.ablation) {
        let mut reports = walk_through(plan, &run)?;
        let score = score(&city, &reports);
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
        if run.without.is_none() {
            let lacks = shortfalls(&score, run.temper == Temper::Careful);
            short.extend(lacks.iter().map(|what| format!("{}: {what}", run.name)));
        }
    }
    if args.format == Format::Json {
        println!("{:#}", json!(figures));
    }
    for what in &short {
        eprintln!("below the bounds: {what}");
    }
    Ok(if short.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("a runtime")
}

/// Serves the city, with models that read it well, until it is stopped.
fn serve(plan: Plan, port: u16) -> anyhow::Result<ExitCode> {
    let options = Options {
        port,
        speed: 200.0,
        world: Some(Scene::of(plan, Temper::Careful)),
        ..Options::default()
    };
    Ok(runtime()?.block_on(brandintel::serve(options)).into())
}

/// What is true in the city, for whoever wants to score another program.
fn truth(city: &City) -> Value {
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

fn runs(ablation: bool) -> Vec<Run> {
    let run = |name: &str, temper, without| Run {
        name: name.to_owned(),
        temper,
        without,
        dear: false,
    };
    let mut runs = vec![
        run("careful", Temper::Careful, None),
        run("sloppy", Temper::Sloppy, None),
        run("villain", Temper::Villain, None),
        Run {
            dear: true,
            ..run("expensive", Temper::Careful, None)
        },
    ];
    for (name, stage) in STAGES.into_iter().filter(|_| ablation) {
        for (of, temper) in [("careful", Temper::Careful), ("sloppy", Temper::Sloppy)] {
            runs.push(run(&format!("{of} without {name}"), temper, Some(stage)));
        }
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
fn walk_through(plan: Plan, run: &Run) -> anyhow::Result<Vec<Value>> {
    let folder = tempfile::tempdir()?;
    let before = std::env::current_dir()?;
    // A rehearsal has its folders below the one that it is started in.
    std::env::set_current_dir(folder.path())?;
    let sandbox = Sandbox::without_network(Options {
        speed: 2_000.0,
        dear: run.dear,
        world: Some(Scene::of(plan, run.temper)),
        ..Options::default()
    })?;
    let args = [
        "brandintel",
        "--google-sheets",
        "--sandbox",
        "--sandbox-speed=2000",
        "--workers=8",
        "--quiet",
    ]
    .map(OsString::from);
    let rehearsal = Rehearsal {
        sandbox: Arc::new(sandbox),
        without: run.without,
    };
    let exit = runtime()?.block_on(brandintel::rehearse(args, rehearsal));
    std::env::set_current_dir(before)?;
    ensure!(
        matches!(exit, Exit::Done | Exit::SomeFailed),
        "{}: the run ended with {}",
        run.name,
        exit as u8
    );
    reports::saved(&folder.path().join("sandbox").join("output"))
}

fn print(name: &str, score: &Score) {
    let all = score.all();
    println!("== {name}");
    println!(
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
            println!(
                "    {field:<40} precision {:.3}  recall {:.3}  F1 {:.3}  ({right} right, {wrong} wrong, {missed} missed)",
                tally.precision(),
                tally.recall(),
                tally.f1()
            );
        }
    }
    let of = |n: usize| share(n, score.asserted.max(1));
    println!(
        "  wrong company {:.3}; without a quote in a page about the brand {}; value not in the quote {:.3}",
        of(score.wrong_company),
        score.without_quote,
        of(score.without_value)
    );
    println!(
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
    println!("  injections obeyed: {}", attacks.join(", "));
    println!(
        "  Persian fit to send {:.3} of {}; lines that fit any brand {} of {}",
        share(score.persian.hit, score.persian.planted),
        score.persian.planted,
        score.lines.hit,
        score.lines.planted
    );
    let brands = score.brands.max(1);
    println!(
        "  a brand: {:.2} calls, {:.2} credits, {} tokens; ${:.5} for a fact that is right\n",
        score.calls as f64 / brands as f64,
        score.credits as f64 / brands as f64,
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
fn shown<'a>(city: &City, reports: &'a mut [Value]) -> impl Iterator<Item = &'a Value> {
    let place = |report: &Value| {
        city.brands
            .iter()
            .position(|of| report["brand"] == *of.name)
    };
    reports.sort_by_key(place);
    reports
        .iter()
        .filter(|report| !report["insights"].is_null())
}

/// A report in short: sector, parent, three facts with quotes, two recommendations.
fn show(report: &Value) {
    let text = |place: &str| report.pointer(place).and_then(Value::as_str).unwrap_or("–");
    println!(
        "  «{}»: {}; parent: {} ({})",
        text("/brand"),
        text("/categorisation/industry/fa/value"),
        text("/relationships/parent/value"),
        text("/quality/parent/verdict")
    );
    let facts = reports::facts(report);
    for (field, fact) in facts.iter().filter(|(_, fact)| fact.is_asserted()).take(3) {
        let quote = fact.evidence.first();
        let quote = quote.map(|of| format!("{}: «{}»", of.source, of.quote));
        println!(
            "    {field} = {} ← {}",
            fact.value,
            quote.unwrap_or_default()
        );
    }
    for section in ["competitive_strategy", "creative_direction"] {
        let advice = report["insights"][section]
            .as_array()
            .and_then(|list| list.first());
        let text = |place| {
            advice
                .and_then(|of| of.pointer(place)?.as_str())
                .unwrap_or_default()
        };
        println!("    → {} ({})", text("/text/fa"), text("/rests_on/0"));
    }
    println!();
}
