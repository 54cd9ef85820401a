//! What the kernel says about weaknesses of the CPUs, from `/sys/devices/system/cpu/vulnerabilities`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::{Reader, names};
use crate::source;

pub(crate) static CPU_VULNERABILITIES: Collector =
    Collector { name: "cpu_vulnerabilities", enabled: false, families: &[INFO.desc()], dynamic: &[] };

static INFO: Family<3> = Family::info(
    "node_cpu_vulnerabilities_info",
    "Whether the CPUs have a weakness, and what is done about it.",
    &["codename", "mitigation", "state"],
);

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let directory = context.sys("devices/system/cpu/vulnerabilities");
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let names = names(&directory)?.ok_or_else(|| CollectError::no_data("the kernel says nothing"))?;
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            if let Some(text) = reader.text(&directory.join(&name)) {
                let (state, mitigation) = parse(&text);
                sink.put(&INFO, [&name, &mitigation, &state], true);
            }
        }
        Ok(())
    }))
}

/// State and mitigation. What begins otherwise (`KVM: Mitigation: VMX disabled`) is not known to the peer either.
fn parse(text: &str) -> (&'static str, &str) {
    for (start, state) in [("Vulnerable", "vulnerable"), ("Mitigation", "mitigation")] {
        if let Some(rest) = text.strip_prefix(start) {
            return (state, rest.strip_prefix(": ").unwrap_or(rest));
        }
    }
    if text == "Not affected" { ("not affected", "") } else { ("unknown", text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kernels_say() {
        for (text, expected) in [
            ("Not affected", ("not affected", "")),
            ("Vulnerable", ("vulnerable", "")),
            ("Vulnerable: No microcode", ("vulnerable", "No microcode")),
            ("Mitigation: PTI", ("mitigation", "PTI")),
            ("KVM: Mitigation: VMX disabled", ("unknown", "KVM: Mitigation: VMX disabled")),
            ("Unknown: No mitigations", ("unknown", "Unknown: No mitigations")),
            ("", ("unknown", "")),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
