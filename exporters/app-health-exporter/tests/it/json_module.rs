//! json_exporter's own example configuration, as far as it goes without time stamps.

use crate::bad_server::BadServer;
use crate::support::Prober;
use exporter_testkit::Result;
use std::time::Duration;

const BODY: &str = r#"{"counter": 1234, "values": [
  {"id": "id-A", "count": 1, "some_boolean": true, "state": "ACTIVE"},
  {"id": "id-B", "count": 2, "some_boolean": true, "state": "INACTIVE"},
  {"id": "id-C", "count": 3, "some_boolean": false, "state": "ACTIVE"}], "location": "mars", "nothing": null}"#;

#[test]
fn values_and_objects() -> Result {
    let server = BadServer::start(|client| {
        client.head();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
        client.send(head.as_bytes());
    })?;
    let prober = Prober::new(
        r#"modules:
  default:
    headers: {X-Dummy: my-test-header}
    metrics:
      - name: example_global_value
        path: '{ .counter }'
        help: Example of a top-level global value scrape in the json
        labels: {environment: beta, location: 'planet-{.location}'}
      - name: example_value
        type: object
        help: Example of sub-level value scrapes from a json
        path: '{.values[?(@.state == "ACTIVE")]}'
        labels: {environment: beta, id: '{.id}'}
        values: {active: 1, count: '{.count}', boolean: '{.some_boolean}'}
      - {name: example_nothing, path: '{.nothing}', valuetype: gauge}
"#,
    )?;
    let page = prober.probe(&server.address(), "default", Duration::from_secs(10));
    for (series, value) in [
        (r#"example_global_value{environment="beta",location="planet-mars"}"#, 1234.0),
        (r#"example_value_active{environment="beta",id="id-A"}"#, 1.0),
        (r#"example_value_count{environment="beta",id="id-C"}"#, 3.0),
        (r#"example_value_boolean{environment="beta",id="id-C"}"#, 0.0),
        ("probe_success", 1.0),
    ] {
        assert_eq!(page.value(series), value, "{}", page.text);
    }
    assert!(page.value("example_nothing").is_nan());
    assert!(page.text.contains("# TYPE example_value_count untyped"), "{}", page.text);
    Ok(())
}
