//! `cargo xtask docs`: what is written about metrics and flags, made from the exporters' own declarations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use exporter_core::{
    CatalogueRow, Exporter, Flag, all_in_one_flags, common_flags, own_catalogue, standalone_flags,
};

const NOTE: &str = "<!-- made by `cargo xtask docs`; edit the declarations instead -->\n";

/// Files below the repository's root and what they should hold.
pub fn files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for exporter in exporters::EXPORTERS.exporters {
        files.push((PathBuf::from(format!("docs/metrics/{}.md", exporter.name)), metrics(exporter)));
        files.push((PathBuf::from(format!("docs/flags/{}.md", exporter.name)), flags(exporter)));
    }
    files.push((PathBuf::from("docs/flags/common.md"), common()));
    files
}

/// Writes them.
pub fn write(root: &Path) -> Result<()> {
    for (path, text) in files() {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn metrics(exporter: &Exporter) -> String {
    let mut collectors: BTreeMap<&str, Vec<CatalogueRow>> = BTreeMap::new();
    for row in exporter.catalogue() {
        collectors.entry(row.collector).or_default().push(row);
    }
    collectors.entry("").or_default().extend(own_catalogue(&format!("{}-exporter", exporter.name)));
    let mut out = format!("{NOTE}# Metrics of {}-exporter\n\n{}\n", exporter.name, exporter.about);
    out.push_str("A name that ends in `*` is a prefix; the kernel, a server or a file gives the rest.\n");
    let on = (exporter.collectors)();
    for collector in &on {
        let rows = collectors.remove(collector.name).unwrap_or_default();
        let state = if collector.enabled { "on" } else { "off" };
        let _ = write!(out, "\n## {}\n\n{state} by default\n\n", collector.name);
        table(&rows, &mut out);
    }
    out.push_str("\n## About the exporter itself\n\n");
    table(&collectors.remove("").unwrap_or_default(), &mut out);
    out
}

fn table(rows: &[CatalogueRow], out: &mut String) {
    out.push_str("| family | type | labels | what |\n|---|---|---|---|\n");
    for row in rows {
        let star = if row.prefix { "*" } else { "" };
        let labels = row.labels.join(", ");
        let _ = writeln!(out, "| `{}{star}` | {} | {labels} | {} |", row.family, row.kind, cell(&row.help));
    }
}

fn flags(exporter: &Exporter) -> String {
    let name = exporter.name;
    let mut out = format!("{NOTE}# Flags of {name}-exporter\n\n");
    let _ = writeln!(
        out,
        "Each works on the command line (`--flag=value`), in the environment of the single exporter\n\
         (`{}_EXPORTER_FLAG`), and as a key of an instance in the config file of `exporters`. Flags that every program\n\
         has: [common.md](common.md). Each collector has `--collector.NAME` and `--no-collector.NAME`.\n",
        name.to_uppercase().replace('-', "_")
    );
    flag_table(&(exporter.flags)(), &mut out);
    let collectors: Vec<_> = (exporter.collectors)();
    let list = |on| {
        let names: Vec<_> = collectors.iter().filter(|c| c.enabled == on).map(|c| c.name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let _ = write!(out, "\nCollectors on by default: {}.\n\nOff: {}.\n", list(true), list(false));
    out
}

fn common() -> String {
    let mut out = format!("{NOTE}# Flags of every program\n\n");
    flag_table(&common_flags(), &mut out);
    out.push_str("\n## Of the programs of one exporter\n\n");
    flag_table(&standalone_flags(), &mut out);
    out.push_str(
        "\n`collector.disable-defaults` is a key of an instance in the config file of `exporters`, too.\n",
    );
    out.push_str("\n## Of `exporters`\n\n");
    flag_table(&all_in_one_flags(), &mut out);
    out
}

fn flag_table(flags: &[Flag], out: &mut String) {
    out.push_str("| flag | default | what |\n|---|---|---|\n");
    for flag in flags.iter().filter(|flag| !flag.is_hidden()) {
        let default = match flag.default() {
            "" => String::new(),
            text => format!("`{}`", cell(text)),
        };
        let _ = writeln!(out, "| `--{}` | {default} | {} |", flag.name(), cell(flag.help()));
    }
}

/// A text inside a table: a bar would end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
