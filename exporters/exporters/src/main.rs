//! All exporters in one process.

mod thresholds;

fn main() {
    // Renders nothing yet: the subcommand comes with the binary.
    let _ = thresholds::render;
}
