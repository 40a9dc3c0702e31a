//! Signals and kills: an interrupted run winds down, the next one resumes it, and nothing is paid for twice.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use crate::common::{Desk, list_of};

fn signal(name: &str, process: &Child) {
    let sent = std::process::Command::new("kill")
        .args([name, &process.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits until the program says that it winds down.
fn wait_for_stop(running: &mut Child) {
    let said = BufReader::new(running.stderr.take().unwrap());
    let mut lines = said.lines().map(Result::unwrap);
    assert!(
        lines.any(|line| line.contains("[STOP]")),
        "it did not say that it stops"
    );
}

#[test]
fn interrupted_runs_end_well_and_go_on() {
    let mut signals = vec![("-INT", 130), ("-TERM", 143)];
    if cfg!(target_os = "linux") {
        // Elsewhere it is heeded on a terminal alone, which a test does not have.
        signals.push(("-HUP", 143));
    }
    for (name, code) in signals {
        let desk = Desk::with_list(&list_of(12));
        // Four answers, and then each of the three workers waits for one.
        desk.sandbox.allow_models(4);
        let mut command = desk.command(&["--google-sheets", "--workers", "3"]);
        let mut running = command.stderr(Stdio::piped()).spawn().unwrap();
        desk.wait_for_models(7);
        signal(name, &running);
        wait_for_stop(&mut running);
        desk.sandbox.allow_models(u64::MAX);
        assert_eq!(running.wait().unwrap().code(), Some(code));
        assert_eq!(desk.checkpoint()["status"], "interrupted");
        for row in desk.sandbox.rows().iter().skip(1) {
            assert!(
                row.get(3)
                    .is_none_or(|status| !status.contains("در حال پردازش")),
                "{row:?}"
            );
        }
        // What was done by then is told.
        let told = desk.sandbox.rows();
        let told = told.iter().skip(1).filter_map(|row| row.get(3));
        let told = told.filter(|status| status.starts_with(['✓', '⚠'])).count();
        assert_eq!(told, desk.registry().len());
        let next = desk.run(&["--google-sheets", "--workers", "8"]);
        assert_eq!(next.code, Some(0), "{next:#?}");
        assert!(
            next.out.contains("Spent before the interruption"),
            "{}",
            next.out
        );
        assert_eq!(desk.registry().len(), 12);
        let (chats, credits, _) = desk.sandbox.counts();
        assert!(
            chats <= 24 && credits <= 72,
            "paid twice: {chats} calls, {credits} credits"
        );
    }
}

#[test]
fn an_interrupt_after_more_than_a_second_leaves_at_once() {
    let desk = Desk::with_list(&list_of(3));
    desk.sandbox.allow_models(0);
    let mut command = desk.command(&["--google-sheets"]);
    let mut running = command.stderr(Stdio::piped()).spawn().unwrap();
    desk.wait_for_models(1);
    signal("-INT", &running);
    wait_for_stop(&mut running);
    // Nothing is answered, so only a second signal ends it.
    while running.try_wait().unwrap().is_none() {
        let _ = std::process::Command::new("kill")
            .args(["-INT", &running.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(desk.checkpoint()["status"], "running");
}

#[test]
fn two_signals_at_once_are_one_and_the_run_ends_with_its_summary() {
    let desk = Desk::with_list(&list_of(3));
    desk.sandbox.allow_models(0);
    let mut command = desk.command(&["--google-sheets"]);
    command.stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().unwrap();
    desk.wait_for_models(1);
    // Two kinds, because a system may make one of two of a kind.
    let both = format!("kill -INT {0}; kill -TERM {0}", running.id());
    let sent = std::process::Command::new("sh")
        .args(["-c", &both])
        .status();
    assert!(sent.unwrap().success());
    wait_for_stop(&mut running);
    desk.sandbox.allow_models(u64::MAX);
    let ended = running.wait_with_output().unwrap();
    assert!(matches!(ended.status.code(), Some(130 | 143)), "{ended:?}");
    let out = String::from_utf8(ended.stdout).unwrap();
    assert!(out.contains("[TOTALS]"), "{out}");
    assert_eq!(desk.checkpoint()["status"], "interrupted");
}

/// Whoever starts a run with `nohup` wants it to outlive the terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_hang_up_that_is_ignored_ends_nothing() {
    let desk = Desk::with_list(&list_of(2));
    desk.sandbox.allow_models(0);
    let program = desk.command(&["--google-sheets"]);
    let mut ignoring = std::process::Command::new("sh");
    ignoring
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(desk.folder.path())
        .stdout(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => ignoring.env(name, value),
            None => ignoring.env_remove(name),
        };
    }
    let mut running = ignoring.spawn().unwrap();
    desk.wait_for_models(1);
    signal("-HUP", &running);
    desk.sandbox.allow_models(u64::MAX);
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert_eq!(desk.registry().len(), 2);
}

#[test]
fn a_killed_run_loses_nothing_and_pays_nothing_twice() {
    let desk = Desk::with_list(&list_of(12));
    let mut arrived = 0;
    for answered in [3, 5, 7] {
        // The other model calls are lost before they are answered.
        desk.sandbox.allow_models(arrived + answered);
        let mut running = desk
            .command(&["--google-sheets", "--workers", "4"])
            .spawn()
            .unwrap();
        arrived += answered + 4;
        desk.wait_for_models(arrived);
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(desk.checkpoint()["status"], "running");
    }
    desk.sandbox.allow_models(u64::MAX);
    let ended = desk.run(&["--google-sheets", "--workers", "4"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        desk.registry()
            .values()
            .all(|entry| entry["status"] == "success")
    );
    assert_eq!(desk.registry().len(), 12);
    let (chats, credits, _) = desk.sandbox.counts();
    assert!(
        chats <= 24 && credits <= 72,
        "{chats} calls, {credits} credits"
    );
    for i in 1..=12 {
        let cell = desk.cell(&format!("برند شماره {i}"), "brandintel status");
        assert!(cell.starts_with(['✓', '⚠']), "{i}: {cell}");
    }
}
