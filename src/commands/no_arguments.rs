//! The answer to a start without arguments: it suggests next steps, and costs nothing.

use crate::{
    cli::RunArgs,
    config,
    exit::{Exit, Failure},
};

const NEXT: &str = "
  To rehearse, without keys:  brandintel --google-sheets --sandbox --workers 8 --limit 20
  To set up keys and sheet:   brandintel init
  All flags and commands:     brandintel -h";

/// No list was named.
pub fn nothing_named() -> Failure {
    Failure::new(
        Exit::Usage,
        format!(
            "nothing to research was named: give --google-sheets, --brands FILE or --brand NAME\n{NEXT}"
        ),
    )
}

/// Nothing was asked for on the command line. A list that is set in `.env` is no wish to pay for it now.
pub fn nothing_asked(run: &RunArgs) -> Failure {
    let source = &run.source;
    let (from, list) = match (&source.brands, &source.brand) {
        (Some(path), _) => (
            format!("the file {} (BRANDINTEL_BRANDS)", path.display()),
            "--workers 8",
        ),
        (None, Some(_)) => ("the brand in BRANDINTEL_BRAND".into(), "--workers 1"),
        (None, None) if source.google_sheets => (
            "the Google Sheet (BRANDINTEL_GOOGLE_SHEETS)".into(),
            "--workers 8",
        ),
        (None, None) if config::sheet_is_set() => (
            "the Google Sheet (GOOGLE_SHEET_ID)".into(),
            "--google-sheets --workers 8",
        ),
        (None, None) => return nothing_named(),
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
