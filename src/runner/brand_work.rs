//! The work on one brand: it is researched, and its report is saved.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    errors::{BrandError, RunError},
    writable,
};
use crate::{
    event::Events,
    render,
    research::{Assignment, Research, Researched},
    span,
    store::{paid::unpack, report_copy, sqlite::DatabaseFault},
};

/// A report that is saved.
pub struct Saved {
    pub researched: Researched,
    /// Deflated for other hosts, with its hash.
    pub report: Option<(Vec<u8>, Vec<u8>)>,
}

/// What is needed for one brand.
pub struct BrandWork {
    pub research: Arc<Research>,
    /// The folder of all reports.
    pub output: PathBuf,
    /// The brand's folder below it.
    pub folder: String,
    pub assignment: Assignment,
    /// Its last report from another host, deflated.
    pub last_report: Option<Vec<u8>>,
    /// Whether other hosts get the report.
    pub shared: bool,
    pub events: Events,
}

impl BrandWork {
    pub async fn run(self) -> Result<Saved, BrandError> {
        let Self {
            research,
            output,
            folder,
            assignment,
            last_report,
            shared,
            events,
        } = self;
        let folder = output.join(folder);
        if let Some(report) = last_report {
            let folder = folder.clone();
            let bring = move || render::bring(&folder, &unpack(&report)?);
            in_folder(&output, bring).await?;
        }
        let mut researched = research.run(&assignment).await?;
        let saved = in_folder(&output, move || {
            let problems = render::save(&folder, &mut researched)?;
            let report = shared.then(|| report_copy::carry(&folder)).transpose()?;
            Ok((Saved { researched, report }, problems))
        });
        let (saved, problems) = span::measure(span::stage("save"), saved).await?;
        for problem in problems {
            events.warn(problem);
        }
        Ok(saved)
    }
}

/// Works in the folder of a brand, beside everything else. What goes wrong there is the brand's own matter as long as the
/// disk has room and others can be written beside it.
async fn in_folder<T: Send + 'static>(
    output: &Path,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, BrandError> {
    let error = match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => error,
        Err(panic) => return Err(BrandError::bug(&panic)),
    };
    let output = output.to_owned();
    let others = tokio::task::spawn_blocking(move || writable::prove(&output)).await;
    if DatabaseFault::of(&error) == Some(DatabaseFault::Unwritable) || !matches!(others, Ok(Ok(())))
    {
        return Err(RunError::Machine(error).into());
    }
    Err(BrandError::files(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;

    #[tokio::test]
    async fn what_goes_wrong_in_one_folder_is_the_brands_own() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("output");
        let kind = async |work: fn() -> anyhow::Result<()>| match in_folder(&output, work).await {
            Err(BrandError::Failed { kind, .. }) => Some(kind),
            Err(BrandError::Run(_)) => None,
            other => unreachable!("{other:?}"),
        };
        let refused = || anyhow::bail!("products.csv is open in another program");
        let full = || Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        assert_eq!(kind(refused).await, Some(ErrorKind::Files));
        assert_eq!(kind(|| unreachable!("a bug")).await, Some(ErrorKind::Bug));
        assert_eq!(kind(full).await, None, "it meets all");
        std::fs::remove_dir(&output).unwrap();
        std::fs::write(&output, "a file in the place of all folders").unwrap();
        assert_eq!(kind(refused).await, None, "it meets all");
    }
}
