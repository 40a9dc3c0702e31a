//! What depends on the machine: the program as a process of its own, against services in another process that answer
//! hundreds of times faster than real ones.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{host, list_of, name};

const PROGRAM: &str = env!("CARGO_BIN_EXE_brandintel");

/// What a process took.
#[derive(Default)]
struct Taken {
    wall: Duration,
    /// Largest resident memory, in kilobytes.
    peak_kb: u64,
    /// Milliseconds of the processor.
    cpu_ms: f64,
}

/// Prints what nights of the program take of this machine. Long nights take minutes. `BRANDINTEL_BENCH_STATE` is the URL of an
/// empty PostgreSQL database for a night with the shared store.
pub fn table(folder: &Path, long: bool) {
    println!(
        "\nThe program as a process of its own, 16 workers, no limits, services in another process\n"
    );
    println!(
        "{:<34} {:>7} {:>9} {:>9} {:>14}",
        "night", "brands", "wall", "memory", "CPU a brand"
    );
    for brands in [500].into_iter().chain(long.then_some(20_000)) {
        let desk = Desk::new(folder, brands);
        Desk::print("everything is new", brands, &desk.night());
    }
    // What hosts share costs beside the line above: an empty PostgreSQL database.
    if let Ok(state) = std::env::var("BRANDINTEL_BENCH_STATE") {
        let desk = Desk::new(&folder.join("shared"), 500);
        let night = watch(desk.command().args(["--state", &state]));
        Desk::print("everything is new, shared store", 500, &night);
    }
    let desk = Desk::new(folder, 100_000);
    desk.pretend_done(100_000);
    Desk::print("nothing has changed", 100_000, &desk.night());
    println!(
        "  of which reading the list and the registry, and planning: {:.2} s",
        desk.planning().as_secs_f64()
    );
    let first: Vec<Duration> = (0..20).map(|_| first_output(&desk)).collect();
    exports(folder);
    println!(
        "\nFirst output after {:.1} ms (median of 20 runs)",
        1e3 * median(first)
    );
    let size = fs::metadata(PROGRAM).expect("the program").len();
    println!("The program has {:.1} MB", size as f64 / 1e6);
}

/// Prints what it takes to render saved reports again, and whether the memory for it grows with their number.
fn exports(folder: &Path) {
    println!("\nAll is rendered again from saved reports\n");
    let few = export(folder, 1_000);
    let many = export(folder, 10_000);
    println!(
        "  memory for 10,000 reports is {:.2} × that for 1,000",
        many.peak_kb as f64 / few.peak_kb.max(1) as f64
    );
}

/// Renders copies of one report under other names.
fn export(folder: &Path, reports: usize) -> Taken {
    let folder = folder.join(format!("export-{reports}"));
    let text = include_str!("../../tests/fixtures/brand_report.json");
    let mut report: serde_json::Value = serde_json::from_str(text).expect("a report");
    for number in 0..reports {
        let name = name(number);
        let brand = folder.join("output").join(&name);
        fs::create_dir_all(&brand).expect("a folder");
        report["brand"] = json!(name);
        fs::write(brand.join("brand_report.json"), report.to_string()).expect("a report");
    }
    let taken = watch(
        Command::new(PROGRAM)
            .arg("export")
            .current_dir(&folder)
            .stdout(Stdio::null()),
    );
    Desk::print(&format!("export of {reports} reports"), reports, &taken);
    println!(
        "  {:.2} s for 1,000 reports",
        taken.wall.as_secs_f64() * 1e3 / reports as f64
    );
    taken
}

/// Runs a command; what it takes is read from the process while it runs.
fn watch(command: &mut Command) -> Taken {
    let start = Instant::now();
    let mut child = command.spawn().expect("the program");
    let mut taken = Taken::default();
    loop {
        read_proc(child.id(), &mut taken);
        if let Some(status) = child.try_wait().expect("the program") {
            assert!(status.success(), "it went wrong: {status}");
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    taken.wall = start.elapsed();
    taken
}

/// A folder with a list, and services beside it.
struct Desk {
    folder: PathBuf,
    list: PathBuf,
    services: Child,
    port: u16,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.services.kill();
        let _ = self.services.wait();
    }
}

impl Desk {
    fn new(folder: &Path, brands: usize) -> Self {
        let folder = folder.join(format!("process-{brands}"));
        fs::create_dir_all(&folder).expect("a folder");
        let list = folder.join("list.csv");
        fs::write(&list, list_of(brands, false)).expect("the list");
        let port = free_port();
        let services = Command::new(PROGRAM)
            .args(["sandbox", "--speed", "1000", "--port", &port.to_string()])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("the services");
        let desk = Self {
            folder,
            list,
            services,
            port,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        desk
    }

    fn command(&self) -> Command {
        let base = format!("http://127.0.0.1:{}", self.port);
        let mut command = Command::new(PROGRAM);
        command
            .arg("--brands")
            .arg(&self.list)
            .args(["--workers=16", "--llm-rpm=1000000", "--search-rpm=1000000"])
            .current_dir(&self.folder)
            .env("OPENROUTER_API_KEY", "sk-or-v1-sandbox-0123456789")
            .env("OPENROUTER_BASE_URL", format!("{base}/api/v1"))
            .env("TAVILY_API_KEY", "tvly-sandbox-0123456789")
            .env("TAVILY_BASE_URL", base)
            .stdout(Stdio::null());
        command
    }

    /// One night.
    fn night(&self) -> Taken {
        watch(&mut self.command())
    }

    /// A registry and reports as if nights before this one had done every brand of the list. If rows were compared in
    /// another way than here, the night would not find them unchanged and go wrong.
    fn pretend_done(&self, brands: usize) {
        let mut done = serde_json::Map::new();
        for number in 0..brands {
            let (name, host) = (name(number), host(number));
            let row = json!([name.replace(' ', ""), format!("{host}?"), null]);
            let hash = blake3::hash(row.to_string().as_bytes()).to_hex();
            let report = format!("output/{name}/brand_report.json");
            let path = self.folder.join(&report);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "").expect("a report");
            let entry = json!({
                "brand": name, "list": "an earlier list", "input_hash": hash[..16], "status": "success",
                "attempts": 1, "run_id": "20261101T000000Z-0000", "updated_at": "2026-11-01T00:00:00Z",
                "cost_usd": 0.05, "report": report, "error": null,
            });
            done.insert(name.replace(' ', ""), entry);
        }
        let registry = json!({"schema_version": 1, "folds": 1, "brands": done});
        fs::create_dir_all(self.folder.join("state")).expect("a folder");
        fs::write(
            self.folder.join("state/registry.json"),
            registry.to_string(),
        )
        .expect("a registry");
        let dry = self
            .command()
            .arg("--dry-run")
            .stdout(Stdio::piped())
            .output();
        let out = dry.expect("the program").stdout;
        let out = String::from_utf8_lossy(&out);
        assert!(
            out.contains(&format!("Skipped (unchanged): {brands}")),
            "{out}"
        );
    }

    /// Time from the last check of a service to the line that says how many brands are due.
    fn planning(&self) -> Duration {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut begun = Instant::now();
        let mut took = Duration::ZERO;
        for line in BufReader::new(child.stdout.take().expect("its output")).lines() {
            let line = line.expect("its output");
            if line.contains("PARALLEL BATCH MODE") {
                begun = Instant::now();
            } else if line.starts_with("Brands to process") {
                took = begun.elapsed();
            }
        }
        assert!(child.wait().expect("the program").success());
        took
    }

    fn print(name: &str, brands: usize, taken: &Taken) {
        let memory = match taken.peak_kb {
            0 => "?".to_owned(),
            kb => format!("{:.1} MB", kb as f64 / 1e3),
        };
        println!(
            "{name:<34} {brands:>7} {:>7.2} s {memory:>9} {:>11.2} ms",
            taken.wall.as_secs_f64(),
            taken.cpu_ms / brands as f64
        );
    }
}

/// Time until the program has printed its first line.
fn first_output(desk: &Desk) -> Duration {
    let start = Instant::now();
    let mut child = desk
        .command()
        .arg("--limit=1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut first = [0];
    let out = child.stdout.as_mut().expect("its output");
    out.read_exact(&mut first).expect("a first line");
    let took = start.elapsed();
    let _ = child.kill();
    let _ = child.wait();
    took
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("a port").port()
}

/// Reads memory and processor time of a process from Linux; elsewhere they stay unknown.
fn read_proc(id: u32, taken: &mut Taken) {
    /// Ticks of the clock that processor time is counted in, a second.
    const TICKS: f64 = 100.0;
    let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|kb| kb.trim().strip_suffix(" kB")?.parse().ok());
    taken.peak_kb = taken.peak_kb.max(peak.unwrap_or(0));
    // The name in brackets may hold anything; user and system time are the 12th and 13th fields after it.
    let stat = read("stat");
    let fields = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields.split_whitespace());
    let ticks: f64 = fields
        .into_iter()
        .flatten()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    taken.cpu_ms = taken.cpu_ms.max(ticks / TICKS * 1e3);
}
