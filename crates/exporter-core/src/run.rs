//! Programs: one exporter with its peer's flags, or several in one process.

use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Exit;
use crate::exporter::Exporter;
use crate::http::{App, serve};
use crate::plan::{self, AllInOne, Plan, Subcommand};

/// Threads for calls that block: the workers', stuck ones included, and the resolver's.
const BLOCKING_THREADS: usize = 64;
/// An idle worker thread lives over any usual scrape interval.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(120);

/// Runs one exporter as a program of its own, with its peer's flags and port.
pub fn standalone(exporter: &'static Exporter, program: &'static str) -> ExitCode {
    standalone_with(exporter, program, &[])
}

/// The same with subcommands of its own.
pub fn standalone_with(
    exporter: &'static Exporter,
    program: &'static str,
    subcommands: &'static [Subcommand],
) -> ExitCode {
    end(program, plan::standalone(exporter, program, subcommands, std::env::args_os()).and_then(execute))
}

/// Runs several exporters in one process, as a config file says or as they discover themselves.
pub fn all_in_one(program: &'static AllInOne) -> ExitCode {
    end(program.program, plan::all_in_one(program, std::env::args_os()).and_then(execute))
}

fn end(program: &str, result: Result<(), Exit>) -> ExitCode {
    let (code, line) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Exit::Printed(text)) => {
            // A reader that has gone away (`| head`) is no failure.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(Exit::Usage(line)) => (2, line),
        Err(Exit::Failed(line)) => (1, line),
    };
    let _ = writeln!(std::io::stderr(), "{program}: {line}");
    ExitCode::from(code)
}

fn execute(plan: Plan) -> Result<(), Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(THREAD_KEEP_ALIVE)
        .build()
        .map_err(|error| Exit::Failed(format!("starting the runtime: {error}")))?;
    let result = runtime.block_on(run(plan));
    // Not waiting for threads that hang in a system call.
    runtime.shutdown_background();
    result
}

async fn run(plan: Plan) -> Result<(), Exit> {
    let mut listeners = Vec::new();
    for address in &plan.listen {
        let listener = listen(address).await.map_err(|error| {
            Exit::Failed(format!(
                "cannot listen on {address}: {error}; choose another with --web.listen-address"
            ))
        })?;
        listeners.push(listener);
    }
    let shutdown = shutdown().map_err(|error| Exit::Failed(format!("signal handlers: {error}")))?;
    for listener in &listeners {
        announce(&plan.app, listener);
    }
    serve(plan.app, listeners, shutdown).await;
    Ok(())
}

/// `:9100` is all addresses of both families, as in Go.
async fn listen(address: &str) -> std::io::Result<TcpListener> {
    match address.strip_prefix(':') {
        // A machine without IPv6 has no `[::]`.
        Some(port) => match TcpListener::bind(format!("[::]:{port}")).await {
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                TcpListener::bind(format!("0.0.0.0:{port}")).await
            }
            bound => bound,
        },
        None => TcpListener::bind(address).await,
    }
}

fn announce(app: &App, listener: &TcpListener) {
    let Ok(address) = listener.local_addr() else { return };
    let address = match address.ip() {
        ip if ip.is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => address.to_string(),
    };
    tracing::info!(url = format!("http://{address}/"), "listening");
    for instance in app.instances() {
        let url = format!("http://{address}{}", instance.path);
        let collectors = instance.registry.collectors().count();
        tracing::info!(
            exporter = instance.exporter.name,
            instance = instance.name,
            url,
            collectors,
            "serving"
        );
    }
}

/// Ends at SIGTERM or SIGINT; a second one ends the process at once.
fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        wait(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        tokio::spawn(async move {
            wait(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    })
}

async fn wait(terminate: &mut tokio::signal::unix::Signal, interrupt: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
