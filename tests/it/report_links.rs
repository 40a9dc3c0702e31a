//! Finding the reports again: `open`, links on terminals, links in the sheet, and what stays on the screen.

use std::fs;

use crate::common::{self, Desk, Ended, ended, list_of};

/// The one line that a command prints, as a path of the desk's folder.
fn path_of(desk: &Desk, seen: &Ended) -> String {
    assert_eq!(seen.code, Some(0), "{seen:#?}");
    assert_eq!(seen.err, "");
    let folder = desk.folder.path().canonicalize().unwrap();
    let path = std::path::Path::new(seen.out.trim_end()).canonicalize();
    let path = path.unwrap();
    let path = path.strip_prefix(folder).unwrap();
    path.to_string_lossy().replace('\\', "/")
}

#[test]
fn open_says_where_the_portfolio_and_a_page_are_however_the_brand_is_typed() {
    let desk = Desk::with_list("Brand,Website\nکاله,https://www.kalleh.com\nدیجی‌کالا,\nMihan,\n");
    let nothing = desk.run(&["open"]);
    assert_eq!(nothing.code, Some(2), "{nothing:#?}");
    assert!(
        nothing.err.contains("index.html is not there"),
        "{nothing:#?}"
    );
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    assert_eq!(path_of(&desk, &desk.run(&["open"])), "output/index.html");
    for (typed, folder) in [
        ("کاله", "کاله"),
        ("كاله", "کاله"),
        (" كالـه ", "کاله"),
        ("ديجي كالا", "دیجی‌کالا"),
        ("دیجیکالا", "دیجی‌کالا"),
        ("MIHAN", "Mihan"),
    ] {
        let seen = desk.run(&["open", typed]);
        assert_eq!(
            path_of(&desk, &seen),
            format!("output/{folder}/report.html")
        );
    }
    // The state may be on another machine, or gone.
    fs::rename(desk.path("state"), desk.path("state-elsewhere")).unwrap();
    let seen = desk.run(&["open", "كاله"]);
    assert_eq!(path_of(&desk, &seen), "output/کاله/report.html");
    let near = desk.run(&["open", "Mihn"]);
    assert_eq!(near.code, Some(2), "{near:#?}");
    assert!(
        near.err.contains("there is no report of «Mihn»"),
        "{near:#?}"
    );
    assert!(near.err.contains("did you mean «Mihan»?"), "{near:#?}");
    let far = desk.run(&["open", "خودرو"]);
    assert!(far.err.contains("brandintel open shows all"), "{far:#?}");
}

#[test]
fn open_says_why_a_brand_has_no_page_and_which_brands_have_one_name() {
    let desk = Desk::with_faults("Brand,Website\nکاله,\n", &["llm:moderation"]);
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(1));
    let failed = desk.run_alone(&["open", "كاله"]);
    assert_eq!(failed.code, Some(2), "{failed:#?}");
    assert!(
        failed
            .err
            .contains("«كاله» has no report: it failed (OpenRouter"),
        "{failed:#?}"
    );

    let desk = Desk::with_list("Brand,Website\nآوا,https://ava.ir\nآوا,https://ava-music.ir\n");
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    assert_eq!(desk.registry().len(), 2);
    let several = desk.run_alone(&["open", "آوا"]);
    if several.code == Some(0) {
        // One of them has the plain name as its folder: who types that means it.
        assert_eq!(path_of(&desk, &several), "output/آوا/report.html");
    } else {
        assert!(
            several.err.contains("give the folder of one, «"),
            "{several:#?}"
        );
    }
}

#[test]
fn the_report_cell_is_an_address_where_one_is_set_and_as_plain_text() {
    let desk = Desk::with_list("Brand\nدیجی‌کالا\n\"B (2), C's\"\n");
    let cell = |name: &str| desk.cell(name, "brandintel report");
    assert_eq!(desk.run(&["--google-sheets", "-q"]).code, Some(0));
    assert_eq!(cell("دیجی‌کالا"), "output/دیجی‌کالا/report.html");
    // The setting comes later: rows that are done get the address too, and nothing is bought.
    let paid = desk.sandbox.arrived();
    let run = |url: &str| {
        let mut command = desk.command(&["--google-sheets", "-q"]);
        ended(command.env("BRANDINTEL_REPORTS_URL", url).output().unwrap())
    };
    let encoded = "%D8%AF%DB%8C%D8%AC%DB%8C%E2%80%8C%DA%A9%D8%A7%D9%84%D8%A7";
    for (url, base) in [
        ("https://reports.example", "https://reports.example/"),
        ("http://files.example/a/b/", "http://files.example/a/b/"),
        (
            "https://files.example/a/index.html",
            "https://files.example/a/",
        ),
    ] {
        let seen = run(url);
        assert_eq!((seen.code, seen.err.as_str()), (Some(0), ""), "{seen:#?}");
        assert_eq!(cell("دیجی‌کالا"), format!("{base}{encoded}/report.html"));
        let other = cell("B (2), C's");
        let odd = |c: char| !c.is_ascii_alphanumeric() && !"-._~:/%".contains(c);
        assert!(other.starts_with(base) && !other.contains(odd), "{other}");
    }
    let arrived = desk.sandbox.arrived();
    assert_eq!((arrived[0], arrived[1]), (paid[0], paid[1]));
    // A new brand and one that is done again get it at once.
    desk.sandbox
        .edit_rows(|rows| rows.push(vec!["میهن".into()]));
    assert_eq!(run("https://reports.example").code, Some(0));
    assert!(
        cell("میهن").starts_with("https://reports.example/%D9%85"),
        "{}",
        cell("میهن")
    );
}

#[test]
fn what_a_person_puts_into_the_report_cell_during_a_run_stays_although_the_address_is_new() {
    let desk = Desk::with_list("Brand\nکاله\nمیهن\nپگاه\n");
    assert_eq!(
        desk.run(&["--google-sheets", "--limit", "2", "-q"]).code,
        Some(0)
    );
    desk.sandbox.allow_models(desk.sandbox.arrived()[0]);
    let mut command = desk.command(&["--google-sheets", "-q"]);
    command.env("BRANDINTEL_REPORTS_URL", "https://reports.example");
    let running = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    desk.wait_for_models(desk.sandbox.arrived()[0] + 1);
    desk.sandbox.edit_rows(|rows| {
        let column = rows[0]
            .iter()
            .position(|cell| cell == "brandintel report")
            .unwrap();
        rows[1][column] = "see my mail".into();
    });
    desk.sandbox.allow_models(u64::MAX);
    let seen = ended(running.wait_with_output().unwrap());
    assert_eq!(seen.code, Some(0), "{seen:#?}");
    assert_eq!(desk.cell("کاله", "brandintel report"), "see my mail");
    for name in ["میهن", "پگاه"] {
        let cell = desk.cell(name, "brandintel report");
        assert!(cell.starts_with("https://reports.example/"), "{cell}");
    }
}

#[test]
fn an_address_that_would_show_a_password_or_leads_nowhere_is_refused() {
    let desk = Desk::with_list(&list_of(1));
    for url in [
        "https://u:0123456789@reports.example",
        "output",
        "ftp://x/",
        "https://x/?a=b",
    ] {
        let mut command = desk.command(&["--google-sheets", "-q"]);
        let seen = ended(command.env("BRANDINTEL_REPORTS_URL", url).output().unwrap());
        assert_eq!(seen.code, Some(2), "{url}");
        assert!(seen.err.contains("BRANDINTEL_REPORTS_URL"), "{seen:#?}");
    }
}

#[cfg(target_os = "linux")]
mod on_a_terminal {
    use std::process::{Command, Stdio};

    use super::*;

    /// A command on a terminal of 120 columns, with these variables.
    fn run(desk: &Desk, typed: &str, env: &[(&str, &str)]) -> Ended {
        let program = common::binary();
        let typed = format!(
            "stty rows 30 cols 120; exec '{}' {typed}",
            program.display()
        );
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
        // The settings of the desk, for a terminal in between.
        let command = desk.command_alone(&[]);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        script.current_dir(desk.folder.path()).env("TERM", "xterm");
        for name in ["CI", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"] {
            script.env_remove(name);
        }
        script.envs(env.iter().copied());
        ended(script.stdin(Stdio::null()).output().unwrap())
    }

    #[test]
    fn paths_are_links_unless_the_terminal_is_dumb_or_colours_are_not_wanted() {
        let desk = Desk::with_list(&list_of(2));
        let link = "\u{1b}]8;;file://";
        let seen = run(&desk, "--google-sheets", &[]);
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        let (_, rest) = seen.out.split_once("  Reports: ").unwrap();
        assert!(rest.starts_with(link), "{rest:?}");
        let (address, shown) = rest.split_once("\u{1b}\\").unwrap();
        assert!(address.ends_with("/output/index.html"), "{address:?}");
        assert!(
            shown.starts_with("output/index.html\u{1b}]8;;\u{1b}\\"),
            "{shown:?}"
        );
        for env in [
            &[("TERM", "dumb")][..],
            &[("TERM", "dumb"), ("CI", "true")],
            &[("NO_COLOR", "1")],
            &[("CLICOLOR", "0")],
            &[("TERM", "linux")],
        ] {
            let seen = run(&desk, "--google-sheets", env);
            assert_eq!(seen.code, Some(0), "{seen:#?}");
            assert!(!seen.out.contains("]8;;"), "{env:?}: {:?}", seen.out);
            assert!(seen.out.contains("  Reports: output/index.html"), "{env:?}");
        }
        let piped = desk
            .command_alone(&["--google-sheets"])
            .env("CLICOLOR_FORCE", "1")
            .output();
        assert!(!ended(piped.unwrap()).out.contains("]8;;"));
    }

    #[test]
    fn the_last_state_of_the_bar_stays_on_the_screen() {
        let desk = Desk::with_list(&list_of(2));
        let seen = run(&desk, "--google-sheets", &[("NO_COLOR", "1")]);
        let (before, _) = seen
            .out
            .split_once("PARALLEL BATCH PROCESSING SUMMARY")
            .unwrap();
        let last = before
            .lines()
            .rev()
            .map(str::trim_end)
            .find(|line| !line.is_empty() && !line.starts_with("==="));
        let last = last.unwrap();
        assert!(
            last.contains("Processing: 100%|████████████████████| 2/2 ["),
            "{last:?}"
        );
        assert!(last.contains("✓ 2 ✗ 0 💰 $"), "{last:?}");
    }

    #[test]
    fn open_hands_the_page_to_the_opener_of_the_system_where_there_is_one() {
        use std::os::unix::fs::PermissionsExt;
        let desk = Desk::with_list("Brand\nکاله\n");
        assert_eq!(desk.run_alone(&["--google-sheets", "-q"]).code, Some(0));
        let page = desk
            .folder
            .path()
            .canonicalize()
            .unwrap()
            .join("output/کاله/report.html");
        let told = desk.path("told");
        assert!(
            Command::new("mkfifo")
                .arg(&told)
                .status()
                .unwrap()
                .success()
        );
        let bin = desk.path("bin");
        fs::create_dir(&bin).unwrap();
        let opener = bin.join("xdg-open");
        fs::write(
            &opener,
            format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", told.display()),
        )
        .unwrap();
        fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let seen = run(&desk, "open كاله", &[("DISPLAY", ":0"), ("PATH", &path)]);
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        assert_eq!(fs::read_to_string(&told).unwrap(), page.to_str().unwrap());
        assert!(
            !seen.out.contains("open this file in a browser"),
            "{seen:#?}"
        );
        // A server has no screen.
        let seen = run(&desk, "open كاله", &[("PATH", &path)]);
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        assert!(seen.out.contains("report.html"), "{seen:#?}");
        assert!(
            seen.out.contains("open this file in a browser"),
            "{seen:#?}"
        );
    }
}
