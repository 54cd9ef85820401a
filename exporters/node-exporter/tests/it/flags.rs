//! node_exporter's command line is ours.

use exporter_core::Settings;
use node_exporter::EXPORTER;

/// The flags of node_exporter 1.11.1 that are about collectors and paths.
pub(crate) const PEER: &str = include_str!("../golden/peer-flags.txt");

#[test]
fn every_flag_of_the_peer_is_accepted() {
    let flags = (EXPORTER.flags)();
    let collectors = (EXPORTER.collectors)();
    assert!(PEER.lines().count() > 140);
    for flag in PEER.lines() {
        let given = |value: &str| Settings::new(&flags, &collectors, [(flag.to_owned(), value.to_owned())]);
        // A switch takes nothing else, a value takes this too.
        given("true").unwrap_or_else(|error| panic!("--{flag}: {error}"));
    }
}

#[test]
fn no_flag_and_no_collector_is_declared_twice() {
    let flags = (EXPORTER.flags)();
    let collectors = (EXPORTER.collectors)();
    for collector in &collectors {
        // A collector's switch and an accepted flag of the same name would shadow each other.
        let switch = format!("collector.{}", collector.name);
        let settings = Settings::new(&flags, &[], [(switch.clone(), "true".to_owned())]);
        assert!(settings.is_err(), "{switch} is declared as a flag too");
    }
    let mut names: Vec<&str> = collectors.iter().map(|collector| collector.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}

#[test]
fn families_belong_to_one_collector() {
    let mut names: Vec<&str> = (EXPORTER.collectors)()
        .iter()
        .flat_map(|collector| collector.families)
        .map(|family| family.name)
        .collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    // Of these the peer has two sources as well; ours never run together.
    assert_eq!(twice, ["node_cpu_frequency_hertz"]);
}

#[test]
fn a_path_that_is_no_directory_is_refused_by_name() {
    for flag in ["path.procfs", "path.sysfs", "path.rootfs"] {
        for path in ["/nowhere/at/all", "/proc/stat"] {
            let given = [(flag.to_owned(), path.to_owned())];
            let settings = Settings::new(&(EXPORTER.flags)(), &[], given).unwrap();
            let error = (EXPORTER.sources)(&settings).unwrap_err().to_string();
            assert!(error.contains(&format!("--{flag}={path}")) && !error.contains('\n'), "{error}");
        }
    }
}
