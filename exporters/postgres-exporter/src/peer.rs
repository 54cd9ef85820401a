//! What postgres_exporter's environment has and ours names otherwise.

use std::ffi::OsString;

/// Our command line, with the peer's variable for the path of the page, which is the program's and not an exporter's flag.
pub fn arguments(
    given: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<OsString> {
    const PATH: &str = "--web.telemetry-path";
    let mut all: Vec<OsString> = given.into_iter().collect();
    let is_subcommand = all.get(1).is_some_and(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let is_given = all.iter().any(|argument| argument.as_encoded_bytes().starts_with(PATH.as_bytes()));
    let path = variable("PG_EXPORTER_WEB_TELEMETRY_PATH").filter(|path| !path.is_empty());
    if let Some(path) = path.filter(|_| !is_given && !is_subcommand) {
        all.push(format!("{PATH}={path}").into());
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peers_variable() {
        for (given, path, expected) in [
            ("x", "/m", "x --web.telemetry-path=/m"),
            ("x --log.level=debug", "", "x --log.level=debug"),
            ("x --web.telemetry-path /own", "/m", "x --web.telemetry-path /own"),
            ("x check-config f", "/m", "x check-config f"),
        ] {
            let arguments = super::arguments(given.split(' ').map(Into::into), |_| Some(path.to_owned()));
            let shown: Vec<_> = arguments.iter().map(|argument| argument.to_str().unwrap()).collect();
            assert_eq!(shown.join(" "), expected);
        }
    }
}
