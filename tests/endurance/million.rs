//! A million brands, nearly all of them unchanged, with their registry in a database that hosts share: one host decides
//! what is due, and takes no more time and memory for it than a small machine has.
//!
//! `BRANDINTEL_TEST_STATE` names a server where databases may be made, as `postgres://user:password@host/database`, and
//! `BRANDINTEL_TEST_PROGRAM` a program as users have it: the one that is built with the tests is several times slower.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufWriter, Cursor, Write},
    path::Path,
    pin::pin,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use futures_util::SinkExt;
use serde_json::json;
use tokio_postgres::NoTls;

use crate::common::{Desk, ended, list_of, shared::Database};

const BRANDS: usize = 1_000_000;
const PARENTS: usize = 5_000;

/// Of so many brands one row has changed since its report, and one brand is new.
const CHANGES: usize = 2_000;

/// Rows at the end: other spellings of brands above, and other brands with names from above.
const DOUBLES: usize = 1_000;
const NAMESAKES: usize = 500;

const LONGEST: Duration = Duration::from_mins(1);
const LONGEST_OF_TESTS: Duration = Duration::from_mins(10);
const MOST_KB: u64 = 200_000;

const FIRST: [&str; 8] = [
    "شرکت",
    "کارخانه",
    "صنایع",
    "فروشگاه",
    "گروه",
    "بازرگانی",
    "خدمات",
    "چاپ",
];
const SECOND: [&str; 8] = [
    "آفتاب",
    "بهار",
    "پارس",
    "کوهستان",
    "دریا",
    "ایرانیان",
    "یاس",
    "گلستان",
];

/// What is typed into a row.
struct Typed {
    name: String,
    website: String,
    parent: String,
}

fn typed(brand: usize) -> Typed {
    let (first, second) = (FIRST[brand % 8], SECOND[brand / 8 % 8]);
    Typed {
        name: format!("{first} {second} {brand}"),
        website: match brand % 10 {
            0 => String::new(),
            _ => format!("https://www.brand{brand}.ir/fa"),
        },
        parent: match brand % 3 {
            0 => String::new(),
            _ => format!("هلدینگ {}", brand % PARENTS),
        },
    }
}

/// The key and the fingerprint of a brand, as the program makes them of its row.
fn known(brand: usize) -> (String, String) {
    let Typed { name, parent, .. } = typed(brand);
    let key = name.replace(' ', "");
    let website = (!brand.is_multiple_of(10)).then(|| format!("brand{brand}.ir/fa?"));
    let parent = (!parent.is_empty()).then(|| parent.replace(' ', ""));
    let typed = json!([key, website, parent]).to_string();
    let hash = blake3::hash(typed.as_bytes()).to_hex();
    (key, hash[..16].to_owned())
}

fn write_list(path: &Path) {
    let mut list = BufWriter::new(File::create(path).unwrap());
    writeln!(list, "نام برند,وب‌سایت,شرکت مادر,تلفن").unwrap();
    let mut line = |name: &str, website: &str, parent: &str| {
        writeln!(list, "{name},{website},{parent},021-1234567").unwrap();
    };
    for brand in 0..BRANDS {
        let Typed {
            name,
            website,
            parent,
        } = typed(brand);
        line(&name, &website, &parent);
    }
    for brand in (7..).step_by(10).take(DOUBLES) {
        let Typed {
            name,
            website,
            parent,
        } = typed(brand);
        line(&name.replace('ی', "ي").replace('ک', "ك"), &website, &parent);
    }
    for brand in (9..).step_by(10).take(NAMESAKES) {
        let Typed { name, .. } = typed(brand);
        line(&name, &format!("namesake{brand}.com"), "");
    }
}

/// Puts entries into the registry, as if an earlier night had done all of these brands.
async fn fill(url: &str, list: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let copy = "COPY brandintel.registry (key, list, input_hash, status, updated_at, cost, folder, entry) FROM STDIN";
    let mut sink = pin!(client.copy_in::<_, Cursor<Vec<u8>>>(copy).await.unwrap());
    let mut lines = String::new();
    for brand in (0..BRANDS).filter(|brand| brand % CHANGES != 1) {
        let (key, mut hash) = known(brand);
        if brand.is_multiple_of(CHANGES) {
            hash = "0000000000000000".into();
        }
        let name = typed(brand).name;
        let entry = json!({
            "brand": name, "list": list, "input_hash": hash, "status": "success", "attempts": 1,
            "run_id": "20260101T000000Z-0000", "updated_at": "2026-01-01T00:00:00Z", "cost_usd": 0.0123,
            "report": format!("output/{name}/brand_report.json"), "thin": false, "error": null,
        });
        lines +=
            &format!("{key}\t{list}\t{hash}\tsuccess\t1767225600000\t0.0123\t{name}\t{entry}\n");
        if lines.len() > 1 << 20 {
            let part = std::mem::take(&mut lines).into_bytes();
            sink.send(Cursor::new(part)).await.unwrap();
        }
    }
    sink.send(Cursor::new(lines.into_bytes())).await.unwrap();
    sink.close().await.unwrap();
    client
        .batch_execute("ANALYZE brandintel.registry")
        .await
        .unwrap();
}

/// Runs a command. Returns what it printed, how long it took, and its largest resident memory in kilobytes.
fn measured(command: &Command, program: &OsStr, desk: &Desk) -> (String, Duration, u64) {
    let printed = desk.path("printed.txt");
    let mut measured = Command::new(program);
    measured
        .args(command.get_args())
        .current_dir(&desk.folder)
        .stdout(File::create(&printed).unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    let begun = Instant::now();
    let mut child = measured.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kb.unwrap_or(0));
        thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success());
    (fs::read_to_string(printed).unwrap(), begun.elapsed(), peak)
}

#[test]
#[ignore = "takes minutes and needs PostgreSQL: .ci/cluster/run"]
fn a_million_brands_are_planned_by_one_host_in_a_minute_and_200_mb() {
    let Ok(server) = std::env::var("BRANDINTEL_TEST_STATE") else {
        eprintln!("BRANDINTEL_TEST_STATE names no server: a million brands were not planned");
        return;
    };
    let desk = Desk::with_list(&list_of(1));
    let list = desk.path("list.csv");
    write_list(&list);
    // The first run makes the tables.
    let database = Database::on(&server);
    let mut first = desk.command(&["--brand", "کاله"]);
    let first = ended(
        first
            .env("BRANDINTEL_STATE", &database.url)
            .output()
            .unwrap(),
    );
    assert_eq!(first.code, Some(0), "{first:#?}");
    let id = format!("file:{}", list.canonicalize().unwrap().display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill(&database.url, &id));
    let mut command = desk.command(&["--brands", "list.csv", "--dry-run"]);
    command.env("BRANDINTEL_STATE", &database.url);
    let as_users_have_it = std::env::var_os("BRANDINTEL_TEST_PROGRAM");
    let (program, longest) = match &as_users_have_it {
        Some(program) => (program.as_os_str(), LONGEST),
        None => (command.get_program(), LONGEST_OF_TESTS),
    };
    let (printed, took, peak) = measured(&command, program, &desk);
    println!("planned in {took:.1?} and {} MB", peak / 1_000);
    let changed = BRANDS / CHANGES;
    let due = 2 * changed + NAMESAKES;
    for line in [
        format!(
            "Found {} brands in list ({} rows)",
            BRANDS + NAMESAKES,
            BRANDS + DOUBLES + NAMESAKES
        ),
        format!("Brands to process: {due}/{}", BRANDS + NAMESAKES),
        format!("Skipped (unchanged): {}", BRANDS + NAMESAKES - due),
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}");
    }
    assert!(peak < MOST_KB, "{peak} kB");
    assert!(took < longest, "{took:?}");
}
