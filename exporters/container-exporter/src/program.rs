//! The program: `meta`, or serving with a command line that the peer's users know.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

const PROGRAM: &str = "container-exporter";

/// Runs what the arguments (the first is the program) ask for.
pub fn program(arguments: Vec<OsString>) -> ExitCode {
    if arguments.get(1).is_none_or(|first| first != "meta") {
        return exporter_core::standalone_with(&crate::EXPORTER, PROGRAM, translated(arguments));
    }
    let own: Vec<String> = arguments.iter().skip(2).map(|one| one.to_string_lossy().into_owned()).collect();
    match crate::meta(&own) {
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{PROGRAM}: {error}");
            ExitCode::from(2)
        }
    }
}

/// The peer's flags for the address and the path become ours, and its ways of writing: one dash or two, a value behind a
/// space too, `=true` and `=false` behind what is a switch here.
fn translated(arguments: Vec<OsString>) -> Vec<OsString> {
    let flags = crate::options::flags();
    let is_switch = |name: &str| flags.iter().any(|flag| flag.is_switch() && flag.name() == name);
    let (mut ip, mut port, mut prefix, mut path, mut kept) = (None, None, None, None, Vec::new());
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        let flag = text.strip_prefix("--").or_else(|| text.strip_prefix('-'));
        let Some(flag) = flag.filter(|flag| !["", "h", "V"].contains(flag)) else {
            kept.push(argument);
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let mut value_of = || value.clone().or_else(|| rest.next()?.into_string().ok());
        match (name, value.as_deref()) {
            ("listen_ip", _) => ip = value_of(),
            ("port", _) => port = value_of(),
            ("prometheus_endpoint", _) => path = value_of(),
            ("url_base_prefix", _) => prefix = value_of(),
            (name, Some("true" | "1")) if is_switch(name) => kept.push(format!("--{name}").into()),
            (name, Some("false" | "0")) if is_switch(name) => kept.push(format!("--no-{name}").into()),
            _ => kept.push(format!("--{flag}").into()),
        }
    }
    if prefix.is_some() || path.is_some() {
        let (prefix, path) = (prefix.unwrap_or_default(), path.unwrap_or_else(|| "/metrics".to_owned()));
        kept.push(format!("--web.telemetry-path={}{path}", prefix.trim_end_matches('/')).into());
    }
    if ip.is_some() || port.is_some() {
        let port = port.unwrap_or_else(|| crate::EXPORTER.default_port.to_string());
        let ip = match ip.unwrap_or_default() {
            six if six.contains(':') && !six.starts_with('[') => format!("[{six}]"),
            ip => ip,
        };
        kept.push(format!("--web.listen-address={ip}:{port}").into());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_address_flags_are_taken() {
        let line = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let words = |text: &str| translated(line(text)).join(" ".as_ref()).into_string().unwrap();
        assert_eq!(words("x -port=9 --mode=auto"), "x --mode=auto --web.listen-address=:9");
        assert_eq!(words("x --listen_ip=127.0.0.1"), "x --web.listen-address=127.0.0.1:8080");
        assert_eq!(
            words("x -prometheus_endpoint=/m -docker_only"),
            "x --docker_only --web.telemetry-path=/m"
        );
        assert_eq!(words("x --web.max-requests 5"), "x --web.max-requests 5");
        assert_eq!(words("x -h --url_base_prefix=/c/"), "x -h --web.telemetry-path=/c/metrics");
        assert_eq!(words("x --port 9 -listen_ip ::1 -v=2"), "x --v=2 --web.listen-address=[::1]:9");
        assert_eq!(
            words("x --docker_only=true -store_container_labels=false -storage_duration 2m"),
            "x --docker_only --no-store_container_labels --storage_duration 2m"
        );
    }
}
