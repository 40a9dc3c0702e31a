//! The commands other than the batch.

mod check;
mod init;
mod move_state;
mod no_arguments;
mod open;
pub mod rehearsal;
pub mod status;
mod support;

use std::io::Write;

use serde_json::json;

pub use self::{
    check::check, init::init, move_state::move_state, no_arguments::nothing_asked, open::open,
    support::support,
};
use crate::{
    cli::{ExportArgs, SandboxArgs, completions, man_page},
    config::Folders,
    exit::{Exit, Failure, OrExit},
    files::write_atomically,
    render,
    runner::{self, store_failure},
    sandbox::{Options, Sandbox},
    say,
    text::terminal,
};

/// Rebuilds everything that is made of saved reports; where hosts share a store, those of all hosts are brought first.
pub async fn export(args: ExportArgs) -> Result<Exit, Failure> {
    let Folders { output, .. } = Folders::new(args.folders.sandbox);
    let location = args.shared.location(args.folders.sandbox);
    let store = location.or_exit(Exit::Usage)?.store().await;
    let store = store.map_err(store_failure)?;
    let read = runner::portfolio_data::read(&*store, &output).await;
    let (background, problems) = read.map_err(store_failure)?;
    for problem in &problems {
        terminal::warning(problem);
    }
    let (count, unreadable) = render::export(&output, &background).or_exit(Exit::Machine)?;
    for problem in &unreadable {
        terminal::warning(problem);
    }
    if args.json {
        let problems: Vec<&String> = problems.iter().chain(&unreadable).collect();
        let all = json!({"reports": count, "output": output, "problems": problems});
        terminal::result(&format!("{all:#}"));
    } else {
        terminal::place(&format!("{count} reports rendered below "), &output);
    }
    Ok(if unreadable.is_empty() {
        Exit::Done
    } else {
        Exit::SomeFailed
    })
}

/// Serves the simulated services as the flags say.
pub async fn sandbox(args: SandboxArgs) -> Result<Exit, Failure> {
    let options = Options {
        port: args.port,
        speed: args.speed,
        llm_limit: args.llm_limit,
        search_limit: args.search_limit,
        sheets_limit: args.sheets_limit,
        burst: args.burst,
        faults: args.fault,
        dear: args.dear,
        schema_rules: args.schema_rules,
        list: args.list,
        replay: args.replay,
        latency: None,
        world: None,
    };
    serve(options).await
}

/// Serves simulated services until the program is stopped, and prints the settings that lead to them.
pub async fn serve(options: Options) -> Result<Exit, Failure> {
    let sandbox = Sandbox::start(options).await.or_exit(Exit::Usage)?;
    // The lines are for whichever folder the program is tried in.
    let folder = std::path::absolute("sandbox").or_exit(Exit::Machine)?;
    let account = folder.join("service-account.json");
    let file = serde_json::to_vec_pretty(&sandbox.service_account()).or_exit(Exit::Machine)?;
    write_atomically(&account, &file).or_exit(Exit::Machine)?;
    let at = sandbox.address();
    say!(
        "# Simulated services on http://{at}; stop with Ctrl-C. Put these lines into .env to use them:"
    );
    say!("OPENROUTER_BASE_URL=http://{at}/api/v1");
    say!("OPENROUTER_API_KEY={}", sandbox.openrouter_key());
    say!("TAVILY_BASE_URL=http://{at}");
    say!("TAVILY_API_KEY={}", sandbox.tavily_key());
    say!("GOOGLE_SHEETS_BASE_URL=http://{at}");
    say!("GOOGLE_SHEET_ID={}", sandbox.sheet_id());
    say!("GOOGLE_APPLICATION_CREDENTIALS={}", account.display());
    say!(
        "# or, to read only: GOOGLE_API_KEY={}",
        sandbox.google_key()
    );
    let exit = runner::shutdown::Signals::listen().next().await;
    Ok(if exit == Exit::Interrupted {
        Exit::Done
    } else {
        exit
    })
}

/// Prints the completion script of a shell.
pub fn print_completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    print_bytes(completions::script(shell).as_bytes())
}

/// Prints the manual page of the program or of a command.
pub fn print_manual(of: Option<&str>) -> Result<Exit, Failure> {
    print_bytes(&man_page::page(of).or_exit(Exit::Machine)?)
}

fn print_bytes(bytes: &[u8]) -> Result<Exit, Failure> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).or_exit(Exit::Machine)
        }
        _ => Ok(Exit::Done),
    }
}
