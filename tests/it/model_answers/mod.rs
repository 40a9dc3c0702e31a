//! Answers, refusals and errors of models as real servers send them, through the real binary: a proxy in front of the simulated
//! services changes what they say.

mod blocked;
mod cut;
mod errors;
mod forms;
mod ladder;
mod list_of_models;
mod money;
mod proxy;

use std::process::Command;

use crate::common::{self, Desk, Ended};
use proxy::{Asked, Do, Proxy};

/// The program at this desk, with its models behind the proxy.
fn command(desk: &Desk, proxy: &Proxy, args: &[&str]) -> Command {
    let mut command = desk.command(args);
    command.env("OPENROUTER_BASE_URL", format!("http://{}/api/v1", proxy.at));
    command.env("BRANDINTEL_LANG", "en");
    command
}

fn run(desk: &Desk, proxy: &Proxy, args: &[&str]) -> Ended {
    common::ended(command(desk, proxy, args).output().unwrap())
}

/// A proxy with a rule for model calls; all else is passed on.
fn for_chats(desk: &Desk, rule: impl Fn(&Asked) -> Do + Send + Sync + 'static) -> Proxy {
    Proxy::before(desk.sandbox.address(), move |asked| match asked.is_chat() {
        true => rule(asked),
        false => Do::Pass,
    })
}

/// What went wrong with each brand, by the registry.
fn errors(desk: &Desk) -> Vec<String> {
    let registry = desk.registry();
    let errors = registry
        .values()
        .filter_map(|entry| entry["error"].as_str());
    errors.map(str::to_owned).collect()
}

fn succeeded(desk: &Desk) -> usize {
    let registry = desk.registry();
    registry
        .values()
        .filter(|entry| entry["status"] == "success")
        .count()
}

/// The lines that say what the program did about a model.
fn warnings(ended: &Ended) -> Vec<String> {
    let all = ended.out.lines().chain(ended.err.lines());
    let mut warnings: Vec<String> = all
        .filter(|line| line.contains("[WARNING]"))
        .map(str::to_owned)
        .collect();
    warnings.dedup();
    warnings
}
