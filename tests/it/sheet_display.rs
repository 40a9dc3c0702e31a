//! What people see of a run in their sheet, beside the results in their rows.

use crate::common::{self, Desk};

const TAB: &str = "نتایج";
const RUN: [&str; 3] = ["--google-sheets", "--results-tab", TAB];

/// The cell of the results tab under a header, in the row of a brand.
fn result(desk: &Desk, brand: &str, header: &str) -> String {
    let rows = desk.sandbox.rows_of(TAB);
    let column = rows[0].iter().position(|cell| cell == header).unwrap();
    let row = rows.iter().find(|row| row[0] == brand);
    row.unwrap_or_else(|| panic!("{brand} has no row: {rows:#?}"))[column].clone()
}

#[test]
fn optional_columns_say_what_comes_first_what_is_left_out_and_how_much_is_asked() {
    let list = "اولویت,Brand,رد شود,عمق,Phone,Notes\n\
                ,یک,,,1,\n,دو,بله,,2,\n۵,سه,,quick,3,برای نوروز\n9,چهار,,ژرف,4,\nabc,پنج,,,5,\n";
    let desk = Desk::with_list(list);
    let ended = desk.run(&["--google-sheets", "--verbose"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let mapping = "name in column B, website none, parent company none, priority A, skip C, depth D, notes F; \
                   left alone: E «Phone»";
    assert!(ended.out.contains(mapping), "{}", ended.out);
    assert!(ended.out.contains("Skipped on request: 1"), "{}", ended.out);
    for remark in ["row 5: the depth «ژرف»", "row 6: the priority «abc»"] {
        assert!(ended.out.contains(remark), "{}", ended.out);
    }
    // One worker takes them as they come.
    let mut done: Vec<(String, String)> = desk
        .registry()
        .into_iter()
        .map(|(name, entry)| (entry["updated_at"].as_str().unwrap().to_owned(), name))
        .collect();
    done.sort();
    let names: Vec<&str> = done.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["چهار", "سه", "یک", "پنج"]);
    let row = &desk.sandbox.rows()[2];
    assert_eq!(row[..6], ["", "دو", "بله", "", "2", ""]);
    assert!(row[6..].iter().all(String::is_empty), "{row:?}");
    let credits = |name: &str| {
        desk.json(&format!("output/{name}/brand_report.json"))["cost"]["search_credits"]
            .as_u64()
            .unwrap()
    };
    assert!(credits("سه") < credits("یک"));
    // Notes and wishes do not make a brand a changed one.
    desk.sandbox.edit_rows(|rows| {
        rows[1][5] = "دیگر".into();
        rows[1][0] = "3".into();
    });
    let again = desk.run(&["--google-sheets"]);
    assert!(
        again.out.contains("Skipped (unchanged): 4"),
        "{}",
        again.out
    );
}

#[test]
fn headers_that_are_missing_or_doubled_are_told_with_a_proposal_before_anything_is_spent() {
    for (list, words) in [
        (
            "Website,Brnd Name\nk.ir,کاله\n",
            "Did you mean column B «Brnd Name»? Rename it to «Brand Name»",
        ),
        (
            "Brand,Website,Brand\nکاله,k.ir,x\n",
            "«Brand» twice, in the columns A and C",
        ),
    ] {
        let desk = Desk::with_list(list);
        let ended = desk.run(&["--google-sheets"]);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        assert!(ended.err.contains(words), "{}", ended.err);
        assert_eq!(desk.sandbox.counts(), (0, 0, 0));
    }
}

#[test]
fn the_results_tab_has_one_row_a_brand_and_is_updated_in_place() {
    let desk = Desk::with_list(&common::list_of(12));
    let ended = desk.run(&[&RUN[..], &["--chunk-size", "4", "--workers", "4"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let rows = desk.sandbox.rows_of(TAB);
    assert_eq!(rows.len(), 13, "{rows:#?}");
    assert_eq!(rows[0][0], "برند");
    let status = result(&desk, "برند شماره 7", "وضعیت");
    assert!(status.starts_with(['✓', '⚠']), "{status}");
    let report = result(&desk, "برند شماره 7", "گزارش");
    assert!(report.contains("/برند شماره 7/"), "{report}");
    assert!(!result(&desk, "برند شماره 7", "صنعت").is_empty());
    // One brand is researched again, because its row has changed.
    let (_, _, writes) = desk.sandbox.counts();
    desk.sandbox
        .edit_rows(|rows| rows[7][2] = "شرکت دیگر".into());
    let again = desk.run(&RUN);
    assert!(
        again.out.contains("Brands to process: 1/12"),
        "{}",
        again.out
    );
    assert_eq!(desk.sandbox.rows_of(TAB).len(), 13);
    assert!(desk.sandbox.counts().2 > writes);
    // Nothing to do, nothing to write.
    let writes = desk.sandbox.counts().2;
    assert_eq!(desk.run(&RUN).code, Some(0));
    assert_eq!(desk.sandbox.counts().2, writes);
}

#[test]
fn results_of_earlier_nights_come_into_a_new_results_tab_for_nothing() {
    let desk = Desk::with_list(&common::list_of(3));
    assert_eq!(desk.run(&["--google-sheets"]).code, Some(0));
    let (models, searches, _) = desk.sandbox.counts();
    desk.sandbox.edit_rows(|rows| {
        let note = rows[0].iter().position(|cell| cell == "brandintel note");
        rows[1][note.unwrap()] = "با مشتری صحبت شد".into();
    });
    let ended = desk.run(&[&RUN[..], &["--lang", "en"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.sandbox.rows_of(TAB).len(), 4);
    assert!(result(&desk, "برند شماره 2", "Report").contains("/برند شماره 2/"));
    assert_eq!(
        (desk.sandbox.counts().0, desk.sandbox.counts().1),
        (models, searches)
    );
    assert_eq!(
        desk.cell("برند شماره 1", "brandintel note"),
        "با مشتری صحبت شد"
    );
}

#[test]
fn the_tab_of_the_list_or_one_with_other_headers_is_no_results_tab() {
    let desk = Desk::with_list(&common::list_of(2));
    let ended = desk.run(&["--google-sheets", "--results-tab", "input"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.err.contains("is the tab with the list"),
        "{}",
        ended.err
    );
    assert_eq!(desk.sandbox.counts(), (0, 0, 0));
}

#[test]
fn a_dry_run_prints_the_cells_and_writes_none() {
    let desk = Desk::with_list(&common::list_of(30));
    let before = desk.sandbox.rows();
    let ended = desk.run(&[&RUN[..], &["--dry-run"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    for line in [
        "'INPUT'!D2: «در حال پردازش»",
        "'INPUT'!D1: «brandintel status»",
        "more",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
    assert_eq!(desk.sandbox.rows(), before);
    assert!(desk.sandbox.rows_of(TAB).is_empty());
    assert_eq!(desk.sandbox.tags(), 0);
}

#[test]
fn results_for_a_tab_whose_columns_are_elsewhere_are_named_and_can_be_had_for_nothing() {
    let desk = Desk::with_list(&common::list_of(2));
    let english = [&RUN[..], &["--lang", "en"]].concat();
    assert_eq!(desk.run(&english).code, Some(0));
    let swap = || {
        let swapped = desk.sandbox.edit_rows_of(TAB, |rows| {
            for row in rows.iter_mut().filter(|row| !row.is_empty()) {
                row.swap(1, 2);
            }
        });
        assert!(swapped, "there is no tab");
    };
    let models = desk.sandbox.counts().0;
    desk.sandbox.allow_models(models);
    let mut command = desk.command(&[&english[..], &["--force"]].concat());
    let running = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    desk.wait_for_models(models + 1);
    swap();
    let before = desk.sandbox.rows_of(TAB);
    desk.sandbox.allow_models(u64::MAX);
    let ended = common::ended(running.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(desk.sandbox.rows_of(TAB), before);
    let told = format!("{}{}", ended.out, ended.err);
    assert!(told.contains("the results of 2 brands"), "{told}");
    // As the message says.
    swap();
    desk.sandbox.edit_rows_of(TAB, |rows| rows.truncate(1));
    let models = desk.sandbox.counts().0;
    assert_eq!(desk.run(&english).code, Some(0));
    assert!(result(&desk, "برند شماره 2", "Report").contains("/برند شماره 2/"));
    assert_eq!(desk.sandbox.counts().0, models);
}

#[test]
fn a_sheet_that_takes_no_results_ends_the_run_before_anything_is_spent() {
    // It is read, and then every write is wrong.
    let desk = Desk::with_list(&common::list_of(2));
    desk.sandbox.protect_cells();
    let ended = desk.run(&["--google-sheets"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    for words in [
        "tab «INPUT»",
        "status 400",
        "«brandintel …» columns are protected",
    ] {
        assert!(ended.err.contains(words), "{words}: {}", ended.err);
    }
    assert_eq!(desk.sandbox.counts().0, 0);
}

#[test]
fn of_two_columns_for_notes_the_first_counts() {
    let desk = Desk::with_list("Brand,Notes,Notes\nکاله,برای نوروز,x\n");
    let ended = desk.run(&["--google-sheets", "--dry-run"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let mapping = "notes B; left alone: C «Notes» (as column B, which is read)";
    assert!(ended.out.contains(mapping), "{}", ended.out);
}
