//! How near a night comes to the shortest time in which it can be done.
//!
//! `cargo bench` runs the library against the simulated services in simulated time: hours pass in seconds, and neither
//! the machine's speed nor its load plays a part. Latencies are lognormal and drawn from the brand and the stage, so
//! that every run and both peers meet the same ones. Then the program is run as a process of its own for what does
//! depend on the machine: memory, processor time, time to the first output.

#![allow(
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot go on says why, and counts thousands"
)]

mod bound;
mod latency;
mod peers;
mod process;

use std::{ffi::OsString, fmt::Write, fs, path::Path, sync::Arc, time::Duration};

use brandintel::{
    Rehearsal,
    sandbox::{Fault, Latency, Options, Sandbox},
};
use tokio::time::Instant;

use crate::{bound::lower_bound, latency::Drawn};

/// Requests a minute that a service takes.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Model requests.
    pub llm: u32,
    /// Search requests.
    pub search: u32,
}

const DEFAULT: Limits = Limits {
    llm: 60,
    search: 100,
};

/// More than anybody can send.
const NONE: Limits = Limits {
    llm: 1_000_000,
    search: 1_000_000,
};

/// One night.
struct Night {
    brands: usize,
    workers: usize,
    /// What the program was told.
    set: Limits,
    /// What the services take.
    real: Limits,
    /// Half of the brands name the same parent company.
    sisters: bool,
    /// The share of requests that services refuse with 429 without a reason.
    strays: f64,
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::env::set_current_dir(folder.path()).expect("the temporary folder");
    let has = |name: &str| std::env::args().any(|arg| arg == name);
    if has("strays") {
        heading();
        return with_strays(folder.path());
    }
    if !has("processes") {
        simulated(folder.path());
    }
    process::table(folder.path(), has("long"));
}

fn heading() {
    println!("Simulated time; limits in requests a minute to models and searches\n");
    println!(
        "{:<34} {:>6} {:>7} {:>11} {:>9} {:>9} {:>6} {:>5} {:>7} {:>8}",
        "runner",
        "brands",
        "workers",
        "limits",
        "wall",
        "bound",
        "ratio",
        "429s",
        "calls",
        "credits"
    );
}

/// Nights in which services refuse some requests without a reason.
fn with_strays(folder: &Path) {
    for strays in [0.01, 0.03, 0.05, 0.2] {
        let mut night = night(8, DEFAULT, DEFAULT);
        night.strays = strays;
        let name = format!("{:.0} % are refused without a reason", strays * 100.0);
        ours(folder, &name, &night);
    }
}

fn simulated(folder: &Path) {
    heading();
    let mut first = None;
    for set in [NONE, DEFAULT] {
        for workers in [1, 4, 8, 16] {
            let wall = ours(folder, "brandintel", &night(workers, set, set));
            if workers == 1 {
                first = Some(wall);
            }
            if let Some(first) = first.filter(|_| workers == 8) {
                println!("{:<34} {:.2} × faster than 1 worker", "", first / wall);
            }
        }
        peers::sequential(&night(1, set, set));
        peers::chunks(&night(8, set, set));
        peers::chunks(&night(16, set, set));
    }
    let half = Limits {
        llm: 30,
        search: 50,
    };
    ours(
        folder,
        "services take half of what is set",
        &night(8, DEFAULT, half),
    );
    with_strays(folder);
    let mut sisters = night(8, NONE, NONE);
    sisters.sisters = true;
    ours(folder, "half share a parent company", &sisters);
}

fn night(workers: usize, set: Limits, real: Limits) -> Night {
    Night {
        brands: 500,
        workers,
        set,
        real,
        sisters: false,
        strays: 0.0,
    }
}

/// Draws of latencies that each night is run with; the median counts.
const DRAWS: u64 = 5;

/// One run of a night.
struct Run {
    wall: Duration,
    bound: Duration,
    refused: u64,
    chats: u64,
    credits: u64,
}

impl Run {
    fn ratio(&self) -> f64 {
        self.wall.as_secs_f64() / self.bound.as_secs_f64()
    }
}

/// Runs a night in simulated time with several draws, prints the line of the median and returns its length in seconds.
fn ours(folder: &Path, name: &str, night: &Night) -> f64 {
    let mut runs: Vec<Run> = (0..DRAWS).map(|seed| run(folder, night, seed)).collect();
    runs.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    let Run {
        wall,
        bound,
        refused,
        chats,
        credits,
    } = runs[runs.len() / 2];
    print_line(name, night, wall, bound, refused, chats, credits);
    wall.as_secs_f64()
}

fn run(folder: &Path, night: &Night, seed: u64) -> Run {
    for place in ["sandbox/state", "sandbox/output", "sandbox/logs"] {
        let _ = fs::remove_dir_all(folder.join(place));
    }
    let list = folder.join("list.csv");
    fs::write(&list, list_of(night.brands, night.sisters)).expect("the list");
    let drawn = Arc::new(Drawn::new(seed));
    let latency = Latency::new({
        let drawn = Arc::clone(&drawn);
        move |body| drawn.of_request(body)
    });
    let limit = |real: u32| (real < NONE.llm).then_some(real);
    let options = Options {
        speed: 1.0,
        llm_limit: limit(night.real.llm),
        search_limit: limit(night.real.search),
        latency: Some(latency),
        faults: strays(night.strays),
        list: Some(list),
        ..Options::default()
    };
    let sandbox = Arc::new(Sandbox::without_network(options).expect("a sandbox"));
    let args = [
        "brandintel",
        "--google-sheets",
        "--sandbox",
        "--sandbox-speed=1",
        "--quiet",
        &format!("--workers={}", night.workers),
        &format!("--llm-rpm={}", night.set.llm),
        &format!("--search-rpm={}", night.set.search),
    ]
    .map(OsString::from);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let wall = runtime.block_on(async {
        let start = Instant::now();
        let rehearsal = Rehearsal {
            sandbox: Arc::clone(&sandbox),
            without: None,
        };
        let exit = brandintel::rehearse(args, rehearsal).await;
        assert_eq!(exit as u8, 0, "the night went wrong");
        start.elapsed()
    });
    let (chats, credits, _) = sandbox.counts();
    Run {
        wall,
        bound: lower_bound(&drawn, night, chats, drawn.searches()),
        refused: sandbox.refused(),
        chats,
        credits,
    }
}

/// Refusals of both services that have nothing to do with the rate.
fn strays(share: f64) -> Vec<Fault> {
    let of = |service: &str| format!("{service}:429:{share}").parse().expect("a fault");
    match share > 0.0 {
        true => ["llm", "search"].map(of).into(),
        false => Vec::new(),
    }
}

fn print_line(
    name: &str,
    night: &Night,
    wall: Duration,
    bound: Duration,
    refused: u64,
    chats: u64,
    credits: u64,
) {
    let a_brand = |count: u64| count as f64 / night.brands as f64;
    let limits = match night.real.llm {
        1_000_000 => "none".to_owned(),
        llm => format!("{llm}/{}", night.real.search),
    };
    println!(
        "{name:<34} {:>6} {:>7} {limits:>11} {:>7.0} s {:>7.0} s {:>6.3} {refused:>5} {:>7.2} {:>8.2}",
        night.brands,
        night.workers,
        wall.as_secs_f64(),
        bound.as_secs_f64(),
        wall.as_secs_f64() / bound.as_secs_f64(),
        a_brand(chats),
        a_brand(credits),
    );
}

/// A list of invented brands, all with a number by which their requests are known.
pub fn list_of(brands: usize, sisters: bool) -> String {
    let mut list = "Brand Name,Website,Parent Company\n".to_owned();
    for number in 0..brands {
        let parent = match sisters && number % 2 == 0 {
            true => "هلدینگ نمونه",
            false => "",
        };
        let (name, host) = (name(number), host(number));
        writeln!(list, "{name},https://{host},{parent}").expect("memory");
    }
    list
}

/// The name of an invented brand.
pub fn name(number: usize) -> String {
    format!("قهوه b{number:05}")
}

/// The host of its site.
pub fn host(number: usize) -> String {
    format!("b{number:05}.example.ir")
}
