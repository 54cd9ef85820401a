//! `cargo xtask catalogue`: every family our exporters declare, as a table.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use exporter_core::{CatalogueRow, Exporter, own_catalogue};
use exposition::Format;
use exposition::parse::parse;

use crate::contract::{Row, to_tsv};

/// What stands for the program itself in the first column.
const OWN: &str = "exporters";

/// The families of all exporters: those that are declared, and those of declared prefixes that golden pages show.
pub fn rows(root: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for exporter in exporters::EXPORTERS.exporters {
        let declared = exporter.catalogue();
        rows.extend(declared.iter().map(|declared| row(exporter.name, declared)));
        rows.extend(seen(root, exporter, &declared)?);
        // What only the single program says of itself.
        let program = format!("{}-exporter", exporter.name);
        let prefix = format!("{}_", program.replace('-', "_"));
        let own = own_catalogue(&program).into_iter().filter(|own| own.family.starts_with(&prefix));
        rows.extend(own.map(|declared| row(exporter.name, &declared)));
    }
    rows.extend(own_catalogue(exporters::EXPORTERS.program).iter().map(|declared| row(OWN, declared)));
    Ok(rows)
}

/// The table, with its header.
pub fn tsv(root: &Path) -> Result<String> {
    Ok(to_tsv(&rows(root)?))
}

fn row(exporter: &str, declared: &CatalogueRow) -> Row {
    let star = if declared.prefix { "*" } else { "" };
    Row {
        exporter: exporter.to_owned(),
        collector: declared.collector.to_owned(),
        family: format!("{}{star}", declared.family),
        kind: declared.kind.to_owned(),
        labels: declared.labels.clone(),
    }
}

/// Families on the exporter's golden pages that only a prefix declares.
fn seen(root: &Path, exporter: &Exporter, declared: &[CatalogueRow]) -> Result<Vec<Row>> {
    let folder = root.join(format!("exporters/{}-exporter/tests/golden", exporter.name));
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let named: BTreeSet<&str> =
        declared.iter().filter(|row| !row.prefix).map(|row| row.family.as_str()).collect();
    let mut found = BTreeSet::new();
    let mut rows = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        if !text.starts_with("# HELP ") {
            continue;
        }
        // What is different at each run is written so.
        let text = text.replace("{…}", "").replace('…', "0");
        let families = parse(&text, Format::Text).with_context(|| path.display().to_string())?;
        for family in families.iter().filter(|family| !named.contains(family.name)) {
            // The longest prefix names the collector.
            let prefixes = declared.iter().filter(|row| row.prefix && family.name.starts_with(&row.family));
            if let Some(prefix) = prefixes.max_by_key(|row| row.family.len())
                && found.insert(family.name.to_owned())
            {
                rows.push(Row {
                    exporter: exporter.name.to_owned(),
                    collector: prefix.collector.to_owned(),
                    family: family.name.to_owned(),
                    kind: family.kind.text().to_owned(),
                    labels: prefix.labels.clone(),
                });
            }
        }
    }
    Ok(rows)
}
