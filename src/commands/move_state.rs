//! The command `move`: moves all state from the state folder into a shared store, or back.

use std::io;

use anyhow::{anyhow, bail};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    cli::MoveArgs,
    config::Folders,
    exit::{Exit, Failure, OrExit},
    render,
    runner::store_failure,
    say,
    store::{
        Location, LockError,
        transfer::{Done, MoveObstacle},
    },
    text::terminal,
};

/// Moves all of it, or nothing.
pub async fn move_state(args: MoveArgs) -> Result<Exit, Failure> {
    let (from, to) = way(&args).or_exit(Exit::Usage)?;
    if from.is_folder() {
        say!("Moving {from} and its reports into {to} …");
        tell(from.move_to(&to, render::bring).await.map_err(failure)?);
        say!("From now on give its URL to --state (BRANDINTEL_STATE), on every host.");
    } else {
        say!("Moving {from} with its reports into {to} …");
        tell(from.move_to(&to, render::bring).await.map_err(failure)?);
        say!("From now on leave --state (BRANDINTEL_STATE) out, and work on this host alone.");
    }
    Ok(Exit::Done)
}

fn tell(done: Done) {
    for note in done.notes {
        terminal::warning(&note);
    }
    say!("Moved: {}.", done.holding);
    for aside in done.aside {
        say!("What was there before is kept as {}.", aside.display());
    }
}

fn failure(error: anyhow::Error) -> Failure {
    let held = matches!(error.downcast_ref(), Some(LockError::Held { .. }));
    let busy = matches!(error.downcast_ref(), Some(MoveObstacle::Busy { .. }));
    if held || busy {
        let exit = Exit::Locked;
        return Failure { exit, error };
    }
    let mut failure = store_failure(error);
    // Without a cause in the machine it is the command that has to change: it names an empty place, or one in use.
    let machine = failure
        .error
        .chain()
        .any(<dyn std::error::Error>::is::<io::Error>);
    if failure.exit == Exit::Machine && !machine {
        failure.exit = Exit::Usage;
    }
    failure
}

/// From where to where; one of them is a folder.
fn way(args: &MoveArgs) -> anyhow::Result<(Location, Location)> {
    let from = location("--from", args.from.as_ref())?;
    let to = location("--to", args.to.as_ref())?;
    let (from, to) = match (from, to) {
        (None, None) => bail!(
            "nothing to move was named\n\n  \
             Into a database:  brandintel move --to postgres://user:password@host/database\n  \
             Back from it:     brandintel move --from postgres://user:password@host/database"
        ),
        (Some(from), None) => {
            let to = other(&from, args)?;
            (from, to)
        }
        (None, Some(to)) => (other(&to, args)?, to),
        (Some(from), Some(to)) => (from, to),
    };
    match (from.is_folder(), to.is_folder()) {
        (true, true) => bail!(
            "both places are folders: a folder is moved like any other, while nothing runs in it"
        ),
        (false, false) => {
            bail!("both places are databases: use pg_dump and pg_restore, while no host is at work")
        }
        _ => Ok((from, to)),
    }
}

/// The place that is meant where the other alone is named: the usual folder, or the usual database.
fn other(named: &Location, args: &MoveArgs) -> anyhow::Result<Location> {
    if !named.is_folder() {
        return Ok(Location::Folder(Folders::new(false).state));
    }
    let missing =
        || anyhow!("which database? Name it with --from or --to, or set BRANDINTEL_STATE");
    let location = args.shared.location(false)?;
    match location.is_folder() {
        true => Err(missing()),
        false => Ok(location),
    }
}

fn location(flag: &str, named: Option<&SecretString>) -> anyhow::Result<Option<Location>> {
    // What may be a password is not repeated.
    let Some(text) = named.map(|text| text.expose_secret().trim()) else {
        return Ok(None);
    };
    if text.contains("://") {
        let database = Location::database(text).map_err(|why| anyhow!("{flag}: {why}"))?;
        return Ok(Some(database));
    }
    if text.is_empty()
        || ["host=", "dbname=", "password="]
            .iter()
            .any(|word| text.contains(word))
    {
        bail!(
            "{flag}: name a state folder, or a database as postgres://user:password@host/database"
        );
    }
    Ok(Some(Location::Folder(text.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::StateArgs;

    fn args(from: Option<&str>, to: Option<&str>, state: Option<&str>) -> MoveArgs {
        MoveArgs {
            from: from.map(Into::into),
            to: to.map(Into::into),
            shared: StateArgs {
                state: state.map(Into::into),
            },
        }
    }

    #[test]
    fn one_place_is_a_folder_and_the_other_a_database() {
        const URL: &str = "postgres://night:s3cr3tpassword@db/agency";
        let shown = |from, to, state| {
            way(&args(from, to, state)).map(|(from, to)| format!("{from} > {to}"))
        };
        let to_shared = |folder: &str| format!("{folder} > postgres://night@db/agency");
        let to_folder = |folder: &str| format!("postgres://night@db/agency > {folder}");
        assert_eq!(shown(None, Some(URL), None).unwrap(), to_shared("state"));
        assert_eq!(shown(Some(URL), None, None).unwrap(), to_folder("state"));
        assert_eq!(shown(Some("x"), Some(URL), None).unwrap(), to_shared("x"));
        assert_eq!(shown(Some("x"), None, Some(URL)).unwrap(), to_shared("x"));
        assert_eq!(shown(None, Some("x"), Some(URL)).unwrap(), to_folder("x"));
        for (from, to, state, said) in [
            (None, None, Some(URL), "nothing to move was named"),
            (Some("x"), Some("y"), None, "both places are folders"),
            (Some(URL), Some(URL), None, "pg_dump"),
            (Some("x"), None, None, "BRANDINTEL_STATE"),
            (Some("mysql://u:s3cr3t@h/d"), None, None, "--from: mysql"),
            (None, Some("host=db password=s3cr3t"), None, "--to: name"),
        ] {
            let error = shown(from, to, state).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("s3cr3t"), "{error}");
        }
    }
}
