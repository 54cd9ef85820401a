//! The kernel's merging of equal pages, from `/sys/kernel/mm/ksm`.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::read::Reader;
use crate::source;

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $file:literal $help:literal)*) => {
        $(static $ident: Family<0> = Family::$kind(concat!("node_ksmd_", $name), $help, &[]);)*
        /// Each with its file.
        static FILES: [(&Family<0>, &str); 9] = [$((&$ident, $file)),*];
        pub(crate) static KSMD: Collector =
            Collector { name: "ksmd", enabled: false, families: &[$($ident.desc()),*], dynamic: &[] };
    };
}
families! {
    FULL_SCANS counter "full_scans_total" "full_scans" "Times that all areas were scanned."
    ACROSS_NODES gauge "merge_across_nodes" "merge_across_nodes" "Whether pages of different nodes may be merged."
    SHARED gauge "pages_shared" "pages_shared" "Pages that are shared."
    SHARING gauge "pages_sharing" "pages_sharing" "Places that share them: how much is saved."
    TO_SCAN gauge "pages_to_scan" "pages_to_scan" "Pages to scan before going to sleep."
    UNSHARED gauge "pages_unshared" "pages_unshared" "Pages that are checked again and again, without an equal."
    VOLATILE gauge "pages_volatile" "pages_volatile" "Pages that change too fast."
    RUN gauge "run" "run" "Whether it runs: 0 no, 1 yes, 2 no and nothing is shared any more."
    SLEEP gauge "sleep_seconds" "sleep_millisecs" "How long it sleeps between scans."
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let paths = FILES.map(|(family, file)| (family, context.sys("kernel/mm/ksm").join(file)));
    let mut reader = Reader::new();
    Ok(source::custom(move |sink| {
        let mut any = false;
        for (family, path) in &paths {
            let Some(value) = reader.integer(path) else { continue };
            any = true;
            if std::ptr::eq(*family, &SLEEP) {
                sink.put(family, [], value as f64 / 1000.0);
            } else {
                sink.put(family, [], value);
            }
        }
        if any { Ok(()) } else { Err(CollectError::no_data("the kernel merges no pages")) }
    }))
}
