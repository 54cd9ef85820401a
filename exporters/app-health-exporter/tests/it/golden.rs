//! Names and labels of the pages, as they are promised.

use crate::certs::Certs;
use crate::nginx::Nginx;
use crate::support::{Page, Prober};
use exporter_testkit::{Result, golden};
use std::time::Duration;

/// The page with `…` for what each run makes anew: the values and the fingerprint.
fn shape(page: &Page) -> String {
    let lines = page.text.lines().map(|line| match line.strip_prefix('#') {
        Some(_) => line.to_owned(),
        None => {
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            match series.split_once("fingerprint_sha256=\"") {
                Some((before, after)) => {
                    format!("{before}fingerprint_sha256=\"…{}", &after[after.find('"').unwrap_or(0)..])
                }
                None => series.to_owned(),
            }
        }
    });
    lines.map(|line| if line.starts_with('#') { line + "\n" } else { line + " …\n" }).collect()
}

#[test]
fn an_https_probe() -> Result {
    let certs = Certs::new()?;
    let nginx = Nginx::start(Some(&certs))?;
    let prober = Prober::new(&format!(
        "modules: {{a: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {}}}}}}}}}",
        certs.path("ca.pem").display()
    ))?;
    let page = prober.probe(&nginx.https("good", "/"), "a", Duration::from_secs(10));
    golden::check(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/probe-https.txt"), shape(&page))
}
