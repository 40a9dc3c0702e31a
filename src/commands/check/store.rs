//! The checks of the state.

use std::sync::Arc;

use super::CheckReport;
use crate::{
    exit::{Exit, OrExit},
    runner::{options::RunOptions, store_failure},
    store::{
        Store,
        engine::{Finding, Said},
    },
};

/// Proves the state, and returns it where it can be read.
pub async fn prove_store(report: &mut CheckReport, run: &RunOptions) -> Option<Arc<dyn Store>> {
    let location = run.location();
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
