//! Instances on ports of their own, where scrape configs made for the peers find them.

use super::support::{Exporters, LIMIT, command};
use exporter_testkit::{fixture, http, ports, wait};

fn config(instances: &[(&str, &str)]) -> String {
    let instances =
        instances.iter().map(|(name, listen)| format!("    - {{name: {name}, listen: '{listen}'}}\n"));
    format!("exporters:\n  node:\n{}", instances.collect::<String>())
}

fn names(address: &str) -> Option<String> {
    let page = http::get(&format!("http://{address}/metrics"), &[]).ok()?;
    (page.status == 200).then(|| page.text())
}

#[test]
fn a_port_of_its_own_has_the_peers_paths_and_follows_reloads() {
    let (one, two) = (ports::free().unwrap(), ports::free().unwrap());
    let dir = fixture::tree(&[("exporters.yml", config(&[("a", &one.address())]))]).unwrap();
    let file = format!("--config.file={}", dir.path().join("exporters.yml").display());
    let exporters = Exporters::start(&[&file, "--web.enable-lifecycle"]);
    let reload = || http::post(&format!("http://{}/-/reload", exporters.address()), &[], b"").unwrap();

    let page = names(&one.address()).unwrap();
    assert!(
        page.contains("\nnode_load1 ") && !page.contains("promhttp_"),
        "the instance's page, not the program's"
    );
    assert_eq!(http::get(&format!("http://{}/-/healthy", one.address()), &[]).unwrap().status, 200);
    assert!(exporters.get("/node/a/metrics").contains("\nnode_load1 "), "the shared port stays");
    assert!(exporters.get("/metrics").contains("\npromhttp_"), "the program's own page is where it was");

    // The port goes to another instance, and a second one opens.
    dir.write("exporters.yml", config(&[("b", &one.address()), ("c", &two.address())])).unwrap();
    assert_eq!(reload().status, 200);
    assert!(names(&one.address()).is_some() && names(&two.address()).is_some());

    dir.write("exporters.yml", config(&[("c", &two.address())])).unwrap();
    assert_eq!(reload().status, 200);
    wait::until("the port to be closed", LIMIT, || match std::net::TcpStream::connect(one.address()) {
        Err(_) => Ok(()),
        Ok(_) => Err(exporter_testkit::Error::new("still open")),
    })
    .unwrap();
    assert!(names(&two.address()).is_some());
}

/// A scraper keeps its connection; it must not go on as if the instance were there, least of all with another's page.
#[test]
fn a_kept_connection_ends_with_its_port() {
    let own = ports::free().unwrap();
    let with = |listen: &str| format!("exporters: {{node: [{{name: a{listen}}}, {{name: b}}]}}");
    for gone in [with(""), "exporters: {node: [{name: b}]}".to_owned()] {
        let listening = with(&format!(", listen: '{}'", own.address()));
        let dir = fixture::tree(&[("exporters.yml", listening)]).unwrap();
        let file = format!("--config.file={}", dir.path().join("exporters.yml").display());
        let exporters = Exporters::start(&[&file, "--web.enable-lifecycle"]);
        let request = http::request("GET", &own.address(), "/metrics", &[], b"");
        let mut kept = http::Connection::open(&own.address(), LIMIT).unwrap();
        assert!(kept.send(&request, LIMIT).unwrap().text().contains("\nnode_load1 "));
        dir.write("exporters.yml", gone).unwrap();
        http::post(&format!("http://{}/-/reload", exporters.address()), &[], b"").unwrap();
        let answer = kept.send(&request, LIMIT).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (404, Some("close")), "{}", answer.text());
    }
}

#[test]
fn a_port_that_is_taken_is_named_and_changes_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let own = ports::free().unwrap();
    let dir = fixture::tree(&[("exporters.yml", config(&[("a", &own.address())]))]).unwrap();
    let file = format!("--config.file={}", dir.path().join("exporters.yml").display());
    let exporters = Exporters::start(&[&file, "--web.enable-lifecycle"]);
    dir.write("exporters.yml", config(&[("a", &taken)])).unwrap();
    let answer = http::post(&format!("http://{}/-/reload", exporters.address()), &[], b"").unwrap();
    assert!(answer.status == 500 && answer.text().contains(&taken), "{}", answer.text());
    assert!(names(&own.address()).is_some());

    // At the start it is one line, and the end.
    let output = command().args([&file, "--web.listen-address=127.0.0.1:0"]).output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    let last = line.lines().last().unwrap();
    assert!(
        output.status.code() == Some(1)
            && last.contains("node \"a\": cannot listen on")
            && last.contains(&taken),
        "{line}"
    );

    dir.write("exporters.yml", config(&[("a", "127.0.0.1:1"), ("b", "127.0.0.1:1")])).unwrap();
    let output = command().args(["check-config", &file]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("two instances listen on 127.0.0.1:1"));
}
