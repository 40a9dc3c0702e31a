//! The program with another server of models in the place of `OpenRouter`: what a night must be there with the right
//! settings, and how a wrong one must end.

use std::process::Command;

use serde_json::Value;

use crate::common::{Desk, Ended, ended, list_of};

/// A model that the simulated services know.
pub const MODEL: &str = "google/gemini-3.1-flash-lite";

/// A key that the program sends. Its digits are looked for in all that is printed.
pub const KEY: &str = "sk-peers-0123456789";

const NIGHT: [&str; 5] = [
    "--google-sheets",
    "--workers",
    "8",
    "--report-to",
    "night.json",
];

/// What the program is told of a server of models.
#[derive(Clone, Debug)]
pub struct ModelServer {
    /// `OPENROUTER_BASE_URL`.
    pub base: String,
    /// `OPENROUTER_API_KEY`.
    pub key: String,
    /// `OPENROUTER_MODEL`.
    pub model: String,
}

impl ModelServer {
    pub fn new(base: impl Into<String>, model: &str) -> Self {
        Self {
            base: base.into(),
            key: KEY.into(),
            model: model.into(),
        }
    }

    pub fn with_key(mut self, key: &str) -> Self {
        self.key = key.into();
        self
    }

    /// The program with this server, and all else from a desk.
    pub fn command(&self, desk: &Desk, args: &[&str]) -> Command {
        let mut command = desk.command(args);
        command
            .env("OPENROUTER_BASE_URL", &self.base)
            .env("OPENROUTER_API_KEY", &self.key)
            .env("OPENROUTER_MODEL", &self.model);
        command
    }

    pub fn run(&self, desk: &Desk, args: &[&str]) -> Ended {
        ended(self.command(desk, args).output().unwrap())
    }

    pub fn night(&self, desk: &Desk) -> Ended {
        self.run(desk, &NIGHT)
    }
}

/// A desk whose list has ten brands.
pub fn ten_brands() -> Desk {
    Desk::with_list(&list_of(10))
}

/// A night that went well for all brands of a list.
pub fn assert_all_succeeded(desk: &Desk, night: &Ended, brands: usize) {
    assert_eq!(night.code, Some(0), "{night:#?}");
    let registry = desk.registry();
    assert_eq!(registry.len(), brands, "{night:#?}");
    for (brand, entry) in &registry {
        assert_eq!(entry["status"], "success", "{brand}: {entry}");
    }
}

/// The facts of each brand: what a gateway must not change.
pub fn facts(desk: &Desk) -> Vec<(String, Value)> {
    let brand = |(brand, entry): (&String, &Value)| {
        let report = desk.json(entry["report"].as_str().unwrap());
        let sections = ["identity", "relationships", "categorisation", "products"];
        let facts = sections.map(|section| (section, report[section].clone()));
        let quality = &report["quality"];
        assert!(quality["facts_supported"].as_u64() > Some(5), "{quality}");
        (brand.clone(), Value::from_iter(facts))
    };
    desk.registry().iter().map(brand).collect()
}

/// A night of ten brands through a server in front of the simulated model has the facts, and takes the searches, of a night
/// without it.
pub fn assert_night_as_without(server: &ModelServer, desk: &Desk) {
    let check = server.run(desk, &["check"]);
    assert_eq!(check.code, Some(0), "{check:#?}");
    let of_check = desk.sandbox.counts().1;
    let night = server.night(desk);
    assert_all_succeeded(desk, &night, 10);

    let without = ten_brands();
    let direct = without.run(&NIGHT);
    assert_all_succeeded(&without, &direct, 10);
    assert_eq!(facts(desk), facts(&without));
    let credits = desk.sandbox.counts().1 - of_check;
    assert_eq!(credits, without.sandbox.counts().1);
    let told = night.out.contains(&format!("({credits} search credits)"));
    assert!(told, "{}", night.out);
}

/// A wrong setting.
pub struct Wrong {
    /// What is wrong.
    pub what: &'static str,
    pub server: ModelServer,
    /// With which of the documented codes both `check` and a run may end.
    pub codes: &'static [i32],
    /// What both must say, each of them.
    pub says: &'static [&'static str],
}

/// Codes for a setting of which the contract does not say whether it is wrong usage, refused, or not to be had.
pub const REFUSED: &[i32] = &[2, 3, 6];

impl Wrong {
    /// Where `check` or a run does not end as it must: both name the cause, and no more search credits than these are bought.
    fn amiss(&self, credits: u64) -> Vec<String> {
        let desk = ten_brands();
        let check = self.server.run(&desk, &["check"]);
        let mut amiss = self.amiss_in("check", &check);
        let of_check = desk.sandbox.counts().1;
        // One real question to the search.
        if of_check > 2 {
            amiss.push(format!("check bought {of_check} search credits"));
        }
        let night = self.server.night(&desk);
        amiss.extend(self.amiss_in("a run", &night));
        let bought = desk.sandbox.counts().1 - of_check;
        if bought > credits {
            amiss.push(format!("a run bought {bought} search credits"));
        }
        let on_record = desk.registry().len();
        if on_record > 0 {
            amiss.push(format!("a run put {on_record} brands on record"));
        }
        if !amiss.is_empty() {
            amiss.push(format!("check: {check:#?}\nrun: {night:#?}"));
        }
        amiss
    }

    fn amiss_in(&self, command: &str, ended: &Ended) -> Vec<String> {
        let mut amiss = Vec::new();
        if !ended.code.is_some_and(|code| self.codes.contains(&code)) {
            let code = ended.code;
            amiss.push(format!(
                "{command} ends with {code:?}, not {:?}",
                self.codes
            ));
        }
        let text = format!("{}{}", ended.out, ended.err);
        for due in self.says {
            if !text.contains(due) {
                amiss.push(format!("{command} does not say {due:?}"));
            }
        }
        amiss
    }
}

/// Search credits that one brand takes where all is right.
fn credits_of_a_brand() -> u64 {
    let desk = Desk::with_list(&list_of(1));
    assert_all_succeeded(&desk, &desk.run(&NIGHT), 1);
    desk.sandbox.counts().1
}

/// Fails with all that is amiss in all cases: `check` and a run name the cause, and one brand's searches are paid for at most.
pub fn assert_told(cases: &[Wrong]) {
    let credits = credits_of_a_brand();
    let mut amiss = Vec::new();
    for case in cases {
        for problem in case.amiss(credits) {
            amiss.push(format!("{}: {problem}", case.what));
        }
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}
