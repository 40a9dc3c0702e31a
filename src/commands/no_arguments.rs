//! The answer to a start without arguments: it suggests next steps, and costs nothing.

use crate::{
    config,
    exit::{Exit, Failure},
    runner::options::{ListSource, RunOptions, nothing_named},
};

/// Nothing was asked for on the command line. A list that is set in `.env` is no wish to pay for it now.
pub fn nothing_asked(run: &RunOptions) -> Failure {
    let (from, list) = match &run.source.list {
        Some(ListSource::File(path)) => (
            format!("the file {} (BRANDINTEL_BRANDS)", path.display()),
            "--workers 8",
        ),
        Some(ListSource::Brand { .. }) => ("the brand in BRANDINTEL_BRAND".into(), "--workers 1"),
        Some(ListSource::Sheet) => (
            "the Google Sheet (BRANDINTEL_GOOGLE_SHEETS)".into(),
            "--workers 8",
        ),
        None if config::sheet_is_set() => (
            "the Google Sheet (GOOGLE_SHEET_ID)".into(),
            "--google-sheets --workers 8",
        ),
        None => return nothing_named(),
    };
    Failure::new(
        Exit::Usage,
        format!(
            "without arguments nothing is run and nothing is paid for. The list is {from}\n
  Is all in order, and what will it cost?  brandintel check
  What would be done?                      brandintel {list} --dry-run
  The first ten brands:                    brandintel {list} --limit 10
  All that are due:                        brandintel {list}
  Another list:                            --google-sheets, --brands FILE or --brand NAME
  All flags and commands:                  brandintel -h"
        ),
    )
}
