//! The portable backend: what the library sysinfo tells on any system, under the same names.
//!
//! Best effort: 27 names, no CPU time by mode, no inodes, no protocol counters, and a mount that hangs costs the whole
//! collector. On systems other than Linux it is the only one; on Linux `--backend=portable` is there to try and to test it.

use exporter_core::{BoxedSource, Collector, ConfigError, Flag, Settings, SourceSpec};
use sysinfo::{
    Components, Disks, InterfaceOperationalState, Networks, ProcessRefreshKind, ProcessesToUpdate, System,
};

use super::net::{self, DeviceFilter};
use super::{diskstats, filesystem, hwmon, loadavg, meminfo, processes, stat, time, uname};
use crate::context::Context;
use crate::source;

const BACKEND: &str = "backend";
const NATIVE: &str = "native";
const PORTABLE: &str = "portable";

pub(crate) const FLAGS: &[Flag] = &[Flag::value(
    BACKEND,
    if cfg!(target_os = "linux") { NATIVE } else { PORTABLE },
    "native reads the kernel's files; portable asks a library that knows other systems too, for far less.",
)];

/// A source: what it fills, and how it is made.
type Entry = (&'static [&'static Collector], fn(&Context) -> Result<BoxedSource, ConfigError>);

static TABLE: [Entry; 9] = [
    (&[&loadavg::LOADAVG], load),
    (&[&meminfo::MEMINFO], memory),
    (&[&filesystem::FILESYSTEM, &diskstats::DISKSTATS], disks),
    (&[&net::NETDEV, &net::NETCLASS], networks),
    (&[&stat::STAT], boot),
    (&[&uname::UNAME], names),
    (&[&time::TIME], now),
    (&[&hwmon::HWMON], temperatures),
    (&[&processes::PROCESSES], count),
];

/// Who is asked. Other systems have only one that can be.
pub(crate) enum Backend {
    Portable,
    #[cfg(target_os = "linux")]
    Native,
}

/// The backend that was chosen.
///
/// # Errors
/// One that there is not.
pub(crate) fn chosen(settings: &Settings) -> Result<Backend, ConfigError> {
    match settings.text(BACKEND) {
        PORTABLE => Ok(Backend::Portable),
        #[cfg(target_os = "linux")]
        NATIVE => Ok(Backend::Native),
        #[cfg(not(target_os = "linux"))]
        NATIVE => Err(ConfigError::new(format!("--{BACKEND}={NATIVE}: it is for Linux; leave the flag out"))),
        other => Err(ConfigError::new(format!("--{BACKEND}={other}: it is {NATIVE} or {PORTABLE}"))),
    }
}

/// Its sources with at least one collector switched on; all others are not there.
pub(crate) fn sources(context: &Context) -> Vec<SourceSpec> {
    let spec = |(collectors, make): &Entry| {
        let on: Vec<_> =
            collectors.iter().copied().filter(|collector| context.settings.enabled(collector)).collect();
        let (context, make) = (context.clone(), *make);
        (!on.is_empty()).then(|| SourceSpec::new(on, move || make(&context)))
    };
    TABLE.iter().filter_map(spec).collect()
}

fn failed(error: &sysinfo::Error) -> ConfigError {
    ConfigError::new(format!("--{BACKEND}={PORTABLE}: {error}"))
}

fn load(_: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::custom(|sink| {
        let load = System::load_average()?;
        sink.put(&loadavg::LOAD1, [], load.one);
        sink.put(&loadavg::LOAD5, [], load.five);
        sink.put(&loadavg::LOAD15, [], load.fifteen);
        Ok(())
    }))
}

fn memory(_: &Context) -> Result<BoxedSource, ConfigError> {
    let mut system = System::new().map_err(|error| failed(&error))?;
    Ok(source::custom(move |sink| {
        system.refresh_memory();
        for (name, bytes) in [
            ("MemTotal", system.total_memory()),
            ("MemFree", system.free_memory()),
            ("MemAvailable", system.available_memory()),
            ("SwapTotal", system.total_swap()),
            ("SwapFree", system.free_swap()),
        ] {
            sink.put_dynamic(&meminfo::BYTES, name.as_bytes(), [], bytes);
        }
        Ok(())
    }))
}

fn disks(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut disks = Disks::new().map_err(|error| failed(&error))?;
    let (mut points, mut types) = filesystem::filters(&context.settings)?;
    let mut devices = diskstats::filter(&context.settings)?;
    Ok(source::custom(move |sink| {
        disks.refresh(true);
        sink.collector(&filesystem::FILESYSTEM, |sink| {
            for disk in disks.iter() {
                let [device, kind] =
                    [disk.name(), disk.file_system()].map(|text| text.to_string_lossy().into_owned());
                let point = disk.mount_point().to_string_lossy().into_owned();
                if !points.selects(point.as_bytes()) || !types.selects(kind.as_bytes()) {
                    continue;
                }
                for (family, value) in [
                    (&filesystem::SIZE, disk.total_space()),
                    (&filesystem::AVAIL, disk.available_space()),
                    (&filesystem::READONLY, disk.is_read_only().into()),
                    (&filesystem::DEVICE_ERROR, 0),
                ] {
                    sink.put(family, [&device, &"", &kind, &point], value);
                }
            }
            Ok(())
        });
        sink.collector(&diskstats::DISKSTATS, |sink| {
            let mut seen = Vec::new();
            for disk in disks.iter() {
                let name = disk.name().to_string_lossy();
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                // One device may be mounted twice.
                if !devices.selects(name.as_bytes()) || seen.contains(&name) {
                    continue;
                }
                let usage = disk.usage();
                sink.put(&diskstats::READ_BYTES, [&name], usage.total_read_bytes);
                sink.put(&diskstats::WRITTEN_BYTES, [&name], usage.total_written_bytes);
                seen.push(name);
            }
            Ok(())
        });
        Ok(())
    }))
}

fn networks(context: &Context) -> Result<BoxedSource, ConfigError> {
    let mut networks = Networks::new().map_err(|error| failed(&error))?;
    let mut filter = DeviceFilter::new(context, net::filter(&context.settings)?)?;
    Ok(source::custom(move |sink| {
        networks.refresh(true);
        let named = networks.iter().map(|(name, data)| (name.to_string_lossy().into_owned(), data));
        let mut all: Vec<_> = named.filter(|(name, _)| filter.selects(name)).collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        sink.collector(&net::NETDEV, |sink| {
            for (name, data) in &all {
                for (family, value) in [
                    (&net::RECEIVE_BYTES, data.total_received()),
                    (&net::RECEIVE_PACKETS, data.total_packets_received()),
                    (&net::RECEIVE_ERRS, data.total_errors_on_received()),
                    (&net::TRANSMIT_BYTES, data.total_transmitted()),
                    (&net::TRANSMIT_PACKETS, data.total_packets_transmitted()),
                    (&net::TRANSMIT_ERRS, data.total_errors_on_transmitted()),
                ] {
                    sink.put(family, [name], value);
                }
            }
            Ok(())
        });
        sink.collector(&net::NETCLASS, |sink| {
            for (name, data) in &all {
                sink.put(&net::MTU, [name], data.mtu());
                sink.put(&net::UP, [name], data.operational_state() == InterfaceOperationalState::Up);
            }
            Ok(())
        });
        Ok(())
    }))
}

fn boot(_: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::custom(|sink| {
        sink.put(&stat::BOOT_TIME, [], System::boot_time()?);
        Ok(())
    }))
}

fn names(_: &Context) -> Result<BoxedSource, ConfigError> {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "freebsd" => "FreeBSD",
        "windows" => "Windows",
        other => other,
    };
    Ok(source::custom(move |sink| {
        let (machine, host) = (System::cpu_arch(), System::host_name().unwrap_or_default());
        let (release, version) =
            (System::kernel_version().unwrap_or_default(), System::os_version().unwrap_or_default());
        sink.put(&uname::INFO, [&"", &machine, &host, &release, &system, &version], true);
        Ok(())
    }))
}

fn now(_: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::custom(|sink| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        sink.put(&time::NOW, [], now.as_secs_f64());
        Ok(())
    }))
}

fn temperatures(_: &Context) -> Result<BoxedSource, ConfigError> {
    let mut components = Components::new().map_err(|error| failed(&error))?;
    Ok(source::custom(move |sink| {
        components.refresh(true);
        let mut any = false;
        for component in components.iter() {
            if let Some(celsius) = component.temperature() {
                let sensor = component.id().unwrap_or_default();
                sink.put_dynamic(
                    &hwmon::GAUGE,
                    b"temp_celsius",
                    [&component.label(), &sensor],
                    f64::from(celsius),
                );
                any = true;
            }
        }
        if any { Ok(()) } else { Err(exporter_core::CollectError::no_data("no sensors")) }
    }))
}

fn count(_: &Context) -> Result<BoxedSource, ConfigError> {
    let mut system = System::new().map_err(|error| failed(&error))?;
    Ok(source::custom(move |sink| {
        // Threads, which are processes to this library, are not asked for.
        let nothing = ProcessRefreshKind::nothing();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, nothing);
        sink.put(&processes::PIDS, [], system.processes().len() as u64);
        Ok(())
    }))
}
