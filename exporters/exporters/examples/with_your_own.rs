//! The all-in-one with one exporter more, by somebody else.
//!
//! ```sh
//! cargo run -p exporters --example with_your_own -- --config exporters.yml
//! ```

use exporter_core::{AllInOne, Exporter};
use std::process::ExitCode;

#[path = "../../../crates/exporter-core/examples/weather.rs"]
#[allow(dead_code, reason = "it is a program of its own, too")]
mod weather;

fn main() -> ExitCode {
    let exporters: Vec<&'static Exporter> =
        exporters::EXPORTERS.exporters.iter().copied().chain([&weather::EXPORTER]).collect();
    exporter_core::all_in_one(Box::leak(Box::new(AllInOne {
        program: "with-your-own",
        about: "All exporters, and the weather.",
        default_listen: exporters::EXPORTERS.default_listen,
        exporters: exporters.leak(),
        subcommands: exporters::EXPORTERS.subcommands,
    })))
}
