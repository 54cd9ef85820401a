//! What public dashboards and rules ask of a container exporter, family by family: it is on a page, or the reason why not
//! stands beside it.

use super::docker::Container;
use super::support::{Exporter, Page};
use super::usage::engines_disk;
use exporter_testkit::Result;

/// Family, who asks for it, and why it is not here.
const TABLE: &str = include_str!("../required.tsv");
/// With version 2, whose kernels count what those of version 1 do not.
const VERSION_2: &str = include_str!("../golden/version2.txt");

#[test]
fn what_dashboards_ask_for_is_served() -> Result {
    let limit = format!("--device-write-bps={}:1gb", engines_disk()?);
    let options = ["--memory=64m", "--memory-reservation=32m", "--cpus=0.5", &limit];
    let labels = [
        "--label=com.docker.compose.project=shop",
        "--label=com.docker.compose.service=web",
        "--label=com.docker.compose.project.working_dir=/srv/shop",
        "--label=org.label-schema.group=monitoring",
    ];
    let guest = Container::run(&[&options[..], &labels].concat(), "send 10 then write 1048576 then sleep")?;
    let mut exporter = Exporter::start(&["--mode=engine", "--compat-device-wide"])?;
    // Some ask for the disk's figures on each container, as the peer has them: there is a flag for it.
    let name = [("name", guest.name.as_str())];
    let page = exporter.until("what was written", |page| {
        page.all("container_fs_writes_bytes_total", &name).any(|bytes| bytes > 0.0)
    })?;
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [asked, who, scope, reason] = columns[..] else { panic!("not four columns: {line:?}") };
        assert!(!who.is_empty(), "{line:?}");
        let is_there = match scope {
            "container" => {
                is_on(&page, asked, &name)
                    || is_on(&Page(VERSION_2.to_owned()), asked, &[("name", "shop-web-1")])
            }
            "host" => is_on(&page, asked, &[("id", "/")]),
            "machine" => page.all(asked, &[]).next().is_some(),
            "label" => {
                page.0.lines().any(|line| line.contains(&guest.name) && line.contains(&format!("{asked}=\"")))
            }
            other => panic!("unknown scope {other:?}"),
        };
        if is_there != reason.is_empty() {
            wrong.push(format!("{asked} ({scope}): there {is_there}, reason {reason:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

fn is_on(page: &Page, family: &str, labels: &[(&str, &str)]) -> bool {
    page.all(family, labels).next().is_some()
}
