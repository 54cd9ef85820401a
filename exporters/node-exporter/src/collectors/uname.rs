//! The kernel's and the host's names, by uname(2).

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;

pub(crate) static UNAME: Collector =
    Collector { name: "uname", enabled: true, families: &[INFO.desc()], dynamic: &[] };

pub(super) static INFO: Family<6> = Family::info(
    "node_uname_info",
    "Names of the kernel and the host.",
    &["domainname", "machine", "nodename", "release", "sysname", "version"],
);

pub(crate) fn source(_: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::custom(|sink| {
        let uname = rustix::system::uname();
        let labels = [
            #[cfg(target_os = "linux")]
            uname.domainname(),
            #[cfg(not(target_os = "linux"))]
            c"",
            uname.machine(),
            uname.nodename(),
            uname.release(),
            uname.sysname(),
            uname.version(),
        ]
        .map(std::ffi::CStr::to_bytes);
        sink.put(&INFO, labels.each_ref().map(|label| label as _), true);
        Ok(())
    }))
}
