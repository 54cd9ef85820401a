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

/// The peer's flags for the address and the path, with one dash or two, become ours.
fn translated(arguments: Vec<OsString>) -> Vec<OsString> {
    let (mut ip, mut port, mut kept) = (None, None, Vec::new());
    for argument in arguments {
        let text = argument.to_str().unwrap_or_default();
        let flag = text.strip_prefix("--").or_else(|| text.strip_prefix('-').filter(|rest| rest.len() > 1));
        match flag.and_then(|flag| flag.split_once('=')) {
            Some(("listen_ip", value)) => ip = Some(value.to_owned()),
            Some(("port", value)) => port = Some(value.to_owned()),
            Some(("prometheus_endpoint", value)) => kept.push(format!("--web.telemetry-path={value}").into()),
            _ => match flag {
                Some(flag) => kept.push(format!("--{flag}").into()),
                None => kept.push(argument),
            },
        }
    }
    if ip.is_some() || port.is_some() {
        let (ip, port) =
            (ip.unwrap_or_default(), port.unwrap_or_else(|| crate::EXPORTER.default_port.to_string()));
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
            "x --web.telemetry-path=/m --docker_only"
        );
        assert_eq!(words("x --web.max-requests 5"), "x --web.max-requests 5");
    }
}
