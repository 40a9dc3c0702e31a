//! The list of a run: it is read from the sheet, a file, or the flags.

use std::collections::HashMap;

use super::{
    errors::list_failure,
    options::{ListSource, RunOptions},
    preflight::Connections,
};
use crate::{
    brand::Row,
    exit::{Exit, Failure, OrExit},
    list::{self, Table, own::Shown, sheet::SheetList},
};

/// A list that was read.
pub struct Loaded {
    /// Where it is, and which column is taken for what; `None` for a brand that was named by a flag.
    pub from: Option<(String, String)>,
    pub rows: Vec<Row>,
    /// What stands in the program's own cells of the sheet, by row.
    pub shown: HashMap<usize, Shown>,
    /// What the user should know of the list as a whole.
    pub notes: Vec<String>,
}

impl Loaded {
    fn of(place: String, table: Table) -> Self {
        Self {
            from: Some((place, table.mapping())),
            rows: table.rows,
            shown: HashMap::new(),
            notes: table.notes,
        }
    }
}

/// Reads the list, and the tab of results where one is kept. Nothing is written and nothing is said.
pub async fn load(options: &RunOptions, connections: &mut Connections) -> Result<Loaded, Failure> {
    if let Some((place, table)) = connections.public_list.take() {
        return Ok(Loaded::of(place, table));
    }
    if let Some(sheet) = &mut connections.sheet {
        let title = options.batch.results_tab.as_ref();
        if let Some(title) = title.filter(|_| sheet.can_write()) {
            let kept = sheet.keep_results(title, options.batch.lang).await;
            kept.map_err(list_failure)?;
        }
        let (table, shown) = sheet.load().await.map_err(list_failure)?;
        return Ok(Loaded {
            shown,
            ..Loaded::of(sheet.place(), table)
        });
    }
    let row = match options.source.list()? {
        ListSource::File(path) => {
            let tab = options.source.tab.as_deref();
            let table = list::file::read(path, tab).or_exit(Exit::Usage)?;
            let place = match &table.tab {
                Some(tab) => format!("{}, tab «{tab}»", path.display()),
                None => path.display().to_string(),
            };
            return Ok(Loaded::of(place, table));
        }
        ListSource::Sheet => return Err(Failure::new(Exit::Usage, "the sheet was not opened")),
        ListSource::Brand {
            name,
            website,
            parent,
        } => Row {
            number: 1,
            name: name.clone(),
            website: website.clone().unwrap_or_default(),
            parent: parent.clone().unwrap_or_default(),
            ..Row::default()
        },
    };
    Ok(Loaded {
        from: None,
        rows: vec![row],
        shown: HashMap::new(),
        notes: Vec::new(),
    })
}

/// What is said of a tab of results that nothing can be written into.
pub fn without_results_tab(
    options: &RunOptions,
    connections: &Connections,
) -> Option<&'static str> {
    let sheet = connections.sheet.as_ref();
    let kept = sheet.is_some_and(SheetList::can_write);
    (options.batch.results_tab.is_some() && !kept).then_some(
        "--results-tab needs a sheet that a service account may write to; this list has none",
    )
}
