//! Servers of several versions that the tests run: unpacked from Debian's suites with the C library of that suite, and
//! started by that library's own loader. So they run on any distribution, nothing is installed, no service starts.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::fetch;
use crate::say::say;
use crate::shell;

/// What is unpacked together, into one root.
struct Suite {
    name: &'static str,
    packages: &'static [&'static str],
    programs: &'static [Program],
}

/// A program in it, and our name for it.
struct Program {
    path: &'static str,
    /// What it is told it was started as: Redis' checker is its server under another name, and comes in a package that
    /// brings no service.
    argv0: &'static str,
    name: &'static str,
}

const SUITES: [Suite; 2] = [
    Suite {
        name: "bookworm",
        packages: &[
            "pgbouncer",
            "redis-tools",
            "libatomic1",
            "libaudit1",
            "libc-ares2",
            "libc6",
            "libcap-ng0",
            "libcap2",
            "libcrypt1",
            "libevent-2.1-7",
            "libgcc-s1",
            "libgcrypt20",
            "libgpg-error0",
            "libjemalloc2",
            "liblz4-1",
            "liblzf1",
            "liblzma5",
            "libpam0g",
            "libssl3",
            "libstdc++6",
            "libsystemd0",
            "libzstd1",
        ],
        programs: &[
            Program { path: "usr/sbin/pgbouncer", argv0: "pgbouncer", name: "pgbouncer" },
            Program { path: "usr/bin/redis-check-rdb", argv0: "redis-server", name: "redis-server-7" },
        ],
    },
    Suite {
        name: "sid",
        packages: &[
            "redis-tools",
            "valkey-tools",
            "libatomic1",
            "libc6",
            "libcap2",
            "libgcc-s1",
            "libjemalloc2",
            "liblzf1",
            "libssl3t64",
            "libstdc++6",
            "libsystemd0",
            "libzstd1",
            "zlib1g",
        ],
        programs: &[
            Program { path: "usr/bin/redis-check-rdb", argv0: "redis-server", name: "redis-server-8" },
            Program { path: "usr/bin/valkey-check-rdb", argv0: "valkey-server", name: "valkey-server" },
        ],
    },
];

/// Where a suite's loader may be, by its age.
const LOADERS: [&str; 2] = ["lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"];

/// Where its libraries are.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/// Fetches what is missing into `tools/servers` and puts starters into `tools/bin`.
pub(super) fn run(tools: &Path) -> Result<()> {
    for suite in &SUITES {
        let dir = tools.join("servers").join(suite.name);
        let stamp = dir.join("done");
        let wanted = suite.packages.join("\n");
        let is_done = || std::fs::read_to_string(&stamp).is_ok_and(|done| done == wanted);
        if is_done() {
            continue;
        }
        if shell::find("apt-get").is_none() || shell::find("dpkg").is_none() {
            let names: Vec<_> = suite.programs.iter().map(|program| program.name).collect();
            bail!("this system has no apt-get; put servers on PATH as: {}", names.join(", "));
        }
        std::fs::create_dir_all(&dir)?;
        let lock = File::create(dir.join("lock"))?;
        lock.lock()?;
        if !is_done() {
            say(format!("setup: fetching servers from Debian {} into target/tools", suite.name));
            suite.fetch(tools, &dir)?;
            std::fs::write(&stamp, wanted)?;
        }
    }
    Ok(())
}

impl Suite {
    fn fetch(&self, tools: &Path, dir: &Path) -> Result<()> {
        let root = dir.join("root");
        for deb in fetch::download(&dir.join("apt"), self.name, self.packages)? {
            shell::run(Command::new("dpkg").arg("-x").arg(&deb).arg(&root))?;
            std::fs::remove_file(&deb)?;
        }
        let bin = tools.join("bin");
        std::fs::create_dir_all(&bin)?;
        for program in self.programs {
            let starter = bin.join(program.name);
            std::fs::write(&starter, program.starter(self.name))?;
            std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755))?;
            if !shell::succeeds(Command::new(&starter).arg("--version")) {
                bail!("{} was fetched but does not run here: {}", program.name, starter.display());
            }
        }
        Ok(())
    }
}

impl Program {
    /// A script that becomes the program (same process id). Paths are relative to itself, so that the folder can move.
    fn starter(&self, suite: &str) -> String {
        let libraries = LIBRARIES.map(|dir| format!("$root/{dir}")).join(":");
        format!(
            "#!/bin/sh\n\
             here=$(dirname \"$(readlink -f \"$0\")\")\n\
             root=$here/../servers/{suite}/root\n\
             for loader in {}; do\n  \
               [ -e \"$root/$loader\" ] && exec \"$root/$loader\" --argv0 {} --library-path \"{libraries}\" \"$root/{}\" \"$@\"\n\
             done\n\
             echo \"no loader below $root: remove target/tools/servers and run cargo xtask setup\" >&2\n\
             exit 1\n",
            LOADERS.join(" "),
            self.argv0,
            self.path,
        )
    }
}
