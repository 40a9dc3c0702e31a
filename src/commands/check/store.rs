<<<<<<< /tmp/tw.rs
//! The part of `check` that proves the state.
=======
//! The checks of the store that hosts share.
>>>>>>> /tmp/tm.rs

use std::sync::Arc;

use super::Report;
use crate::{
    cli::RunArgs,
    exit::{Exit, OrExit},
    runner::store_failure,
    store::{
        Store,
        engine::{Finding, Said},
    },
};

/// Proves the state, and returns it where it can be read.
pub async fn prove_store(report: &mut Report, run: &RunArgs) -> Option<Arc<dyn Store>> {
    let location = run.shared.location(run.services.sandbox);
    let proved = async {
        let store = location.or_exit(Exit::Usage)?.store().await;
        let store = store.map_err(store_failure)?;
        let findings = store.prove().await.map_err(store_failure)?;
        Ok((store, findings))
    };
    match proved.await {
        Ok((store, findings)) => {
            for Finding { part, said } in findings {
                match said {
                    Said::Fine(text) => report.add(part, Ok(text)),
                    Said::Note(text) => report.note(part, &text),
                    Said::Wrong(error) => report.add(part, Err(error).or_exit(Exit::Usage)),
                }
            }
            Some(store)
        }
        Err(failure) => {
            report.add("shared store", Err(failure));
            None
        }
    }
}
