//! A hundred runs with sixteen workers, random costs up to the most that a call may cost, lost answers and crashes: what
//! the services billed is the judge.

use brandintel::sandbox::Options;

use super::{in_parallel, times};
use crate::common::{Desk, list_of};

const BRANDS: usize = 90;
const CREDIT_USD: f64 = 0.008;

/// US dollars that the services billed.
fn billed(desk: &Desk) -> f64 {
    let (_, credits, _) = desk.sandbox.counts();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred credits")]
    let credits = credits as f64;
    desk.sandbox.billed_usd() + credits * CREDIT_USD
}

/// One run, gone on with where it is killed. Returns which part of its budget was used.
fn try_budget(run: usize) -> f64 {
    let (crashes, loses) = (run % 3 == 1, run % 3 == 2);
    let faults = match loses {
        true => &["llm:lost:0.05", "search:lost:0.03", "llm:cut:0.05"][..],
        false => &[],
    };
    let desk = Desk::with_options(
        &list_of(BRANDS),
        Options {
            dear: true,
            faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
            ..Options::default()
        },
    );
    let budget = f64::from(fastrand::u32(220..=340)) / 100.0;
    let cap = format!("{budget:.2}");
    let args = ["--brands", "list.csv", "--workers", "16", "--budget", &cap];
    for _ in 0..if crashes { 2 } else { 0 } {
        let so_far: u64 = desk.sandbox.arrived().iter().sum();
        let moment = so_far + fastrand::u64(1..120);
        let killed = desk.kill_at_request(desk.command(&args), moment);
        // So few requests come to less than the smallest budget.
        assert!(killed);
        assert!(billed(&desk) <= budget + 1e-9, "over budget after a crash");
    }
    let ended = desk.run(&args);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let billed = billed(&desk);
    assert!(billed <= budget + 1e-9, "run {run}: {billed} of {budget}");
    let used = (billed + desk.held_usd()) / budget;
    assert!(used >= 0.9, "run {run}: only {used:.3} of {budget} used");
    used
}

#[test]
#[ignore = "takes minutes: .ci/run"]
fn a_hundred_budgets_are_kept_and_used() {
    let runs = times("BRANDINTEL_TEST_BUDGETS", 100);
    let least = in_parallel(3, (0..runs).collect(), try_budget)
        .into_iter()
        .fold(1.0, f64::min);
    println!(
        "{runs} budgets kept; the least used one to {:.1} %",
        least * 100.0
    );
}
