//! The command `status`: the state of all brands, the last runs and what they spent, and what to do about errors.

mod overview;
mod show;
mod spent;

use std::path::Path;

use console::Term;

use self::overview::Overview;
use crate::{
    cli::StatusArgs,
    config::Folders,
    exit::{Exit, Failure, OrExit},
    ownership, render,
    runner::store_failure,
    say,
    store::not_started::NotStarted,
    text::terminal,
};

/// Shows the registry and the last runs at a glance, or who owns whom.
pub async fn status(args: StatusArgs) -> Result<Exit, Failure> {
    let folders = Folders::new(args.folders.sandbox);
    let location = args.shared.location(args.folders.sandbox);
    let location = location.or_exit(Exit::Usage)?;
    let is_shared = !location.is_folder();
    if args.spent {
        return spent::show(location, args.by.unwrap_or_default(), args.json).await;
    }
    if args.graph {
        if is_shared && !args.json {
            say!(
                "Of the reports in {}: brandintel export brings those of other hosts.",
                folders.output.display()
            );
        }
        return graph(&folders.output, args.json);
    }
    let store = location.store().await.map_err(read_failure)?;
    let overview = Overview::of(&*store).await;
    let (mut overview, problems) = overview.map_err(read_failure)?;
    // It lies beside the state, wherever that is.
    overview.add_not_started(NotStarted::peek(&folders.state));
    for problem in problems {
        terminal::warning(&problem);
    }
    if args.json {
        let json = serde_json::to_string_pretty(&overview).or_exit(Exit::Machine)?;
        terminal::result(&json);
        return Ok(Exit::Done);
    }
    // What goes into a pipe or a file is not cut.
    let size = Term::stdout().size_checked();
    let width = size.map_or(usize::MAX, |(_, columns)| columns.into());
    say!("{}", show::text(&overview, width).trim_end());
    if overview.last_run.is_none()
        && !is_shared
        && !args.folders.sandbox
        && Folders::new(true).state.exists()
    {
        say!("  There was a rehearsal: brandintel status --sandbox shows it.");
    }
    Ok(Exit::Done)
}

/// A state that cannot be shown: nothing is lost by it, so that what this machine has is the user's matter.
fn read_failure(error: anyhow::Error) -> Failure {
    let mut failure = store_failure(error);
    if failure.exit == Exit::Machine {
        failure.exit = Exit::Usage;
    }
    failure
}

/// Shows who owns whom.
fn graph(folder: &Path, json: bool) -> Result<Exit, Failure> {
    let (ownership, problems) = render::ownership(folder).or_exit(Exit::Machine)?;
    for problem in problems {
        terminal::warning(&problem);
    }
    let families = ownership::families(ownership);
    match json {
        true => terminal::result(&format!("{:#}", ownership::as_json(&families))),
        false => say!("{}", ownership::as_tree(&families).trim_end()),
    }
    Ok(Exit::Done)
}
