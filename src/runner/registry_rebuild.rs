//! The registry made anew of the reports, where it is gone: a report says what was asked for, and what came of it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    brand::{self, BrandKey, Row},
    error_kind::ErrorKind,
    render,
    report::{Coverage, Report},
    research::disambiguation,
    store::registry::{BrandStatus, Entry},
};

/// An entry for each brand that has a report in the output folder. Reports that cannot be read are left out.
pub fn entries(output: &Path, list: &Arc<str>) -> anyhow::Result<BTreeMap<BrandKey, Entry>> {
    let mut entries: BTreeMap<BrandKey, Entry> = BTreeMap::new();
    render::each_saved(output, &mut |folder, report| {
        let Some((keys, entry)) = entry(output, folder, report, list) else {
            return;
        };
        // Brands of one name have the names of their sites in their keys.
        let free = keys.iter().find(|key| !entries.contains_key(key));
        if let Some(key) = free.or_else(|| {
            keys.iter().find(|key| {
                let known = entries.get(key);
                known.is_some_and(|known| {
                    known.input_hash == entry.input_hash && known.updated_at < entry.updated_at
                })
            })
        }) {
            entries.insert(key.clone(), entry);
        }
    })?;
    Ok(entries)
}

fn entry(
    output: &Path,
    folder: &str,
    report: &Report,
    list: &Arc<str>,
) -> Option<(Vec<BrandKey>, Entry)> {
    let row = Row {
        name: report.brand.clone(),
        website: report.given.website.clone().unwrap_or_default(),
        parent: report.given.parent.clone().unwrap_or_default(),
        ..Row::default()
    };
    let brand = brand::read(&row, &mut Vec::new())?.ok()?;
    let path = output.join(folder).join("brand_report.json");
    let entry = Entry {
        brand: brand.name.clone(),
        list: Arc::clone(list),
        input_hash: brand.input_hash(),
        status: BrandStatus::Success,
        attempts: 1,
        run_id: report.run_id.as_str().into(),
        updated_at: report.generated_at,
        cost_usd: report.cost.usd,
        report: Some(path.to_string_lossy().replace('\\', "/")),
        thin: Some(report.quality.coverage != Coverage::Full),
        choices: disambiguation::choices(&report.quality.candidates),
        changes: None,
        error_kind: ErrorKind::default(),
        error: None,
    };
    Some((brand.possible_keys(), entry))
}
