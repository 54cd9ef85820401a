//! Programs: one exporter with its peer's flags, or several in one process.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Exit;
use crate::exporter::Exporter;
use crate::http::{App, Listener, serve};
use crate::memory;
use crate::notify;
use crate::plan::{self, AllInOne, Plan};

/// Threads for calls that block: reloads, password checks, the resolver. Sources have threads of their own. They are made
/// when needed, and none who uses them may hold more than a few: see [`crate::Lookups`].
const BLOCKING_THREADS: usize = 512;
/// An idle one lives over any usual scrape interval.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(120);

/// Runs one exporter as a program of its own, with its peer's flags and port.
pub fn standalone(exporter: &'static Exporter, program: &'static str) -> ExitCode {
    standalone_with(exporter, program, std::env::args_os())
}

/// The same with other arguments (the first is the program), for a peer whose command line is not like ours.
pub fn standalone_with(
    exporter: &'static Exporter,
    program: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    end(program, plan::standalone(exporter, program, None, arguments).and_then(execute))
}

/// The same, and its reloads are told under its peer's name too.
pub fn standalone_for(
    exporter: &'static Exporter,
    program: &'static str,
    peer: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    end(program, plan::standalone(exporter, program, Some(peer), arguments).and_then(execute))
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
    // What the user gave stands in it, line feeds included.
    let line = line.replace(char::is_control, " ");
    let _ = writeln!(std::io::stderr(), "{program}: {line}");
    ExitCode::from(code)
}

fn execute(plan: Plan) -> Result<(), Exit> {
    memory::share_one_heap();
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
    let listeners = listeners(&plan).await?;
    plan.app.open_ports().await.map_err(|error| Exit::Failed(error.to_string()))?;
    let shutdown = shutdown().map_err(|error| Exit::Failed(format!("signal handlers: {error}")))?;
    let hangup =
        signal(SignalKind::hangup()).map_err(|error| Exit::Failed(format!("signal handlers: {error}")))?;
    // A closed standard output is no reason not to serve.
    let _ = std::io::stdout().write_all(plan.greeting.as_bytes());
    for listener in &listeners {
        announce(&plan.app, listener);
    }
    let reloads = tokio::spawn(reload_at_hangup(plan.app.clone(), hangup));
    notify::tell("READY=1");
    memory::give_back();
    serve(plan.app, listeners, async {
        shutdown.await;
        notify::tell("STOPPING=1");
    })
    .await;
    reloads.abort();
    Ok(())
}

async fn listeners(plan: &Plan) -> Result<Vec<Listener>, Exit> {
    if plan.systemd_socket {
        return Listener::inherited().map_err(|error| Exit::Failed(format!("--web.systemd-socket: {error}")));
    }
    let mut listeners = Vec::new();
    for address in &plan.listen {
        listeners.push(Listener::bind(address).await.map_err(|error| {
            Exit::Failed(format!(
                "cannot listen on {address}: {error}; choose another HOST:PORT (or :PORT) with --web.listen-address"
            ))
        })?);
    }
    Ok(listeners)
}

fn announce(app: &App, listener: &Listener) {
    let at = if listener.is_unix() { listener.to_string() } else { format!("{}://{listener}", app.scheme()) };
    let separator = if listener.is_unix() { " " } else { "" };
    // What it is bound to may be more than the URL on this machine.
    tracing::info!(address = listener.bound(), url = format!("{at}{separator}/"), "listening");
    if app.instances().iter().next().is_none() {
        tracing::warn!("nothing to serve: no instance is named under `exporters` in --config.file");
    }
    for instance in app.instances().iter() {
        let url = format!("{at}{separator}{}", instance.path);
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

/// The handler is set before the server says that it is ready: a signal without one would end the process.
async fn reload_at_hangup(app: Arc<App>, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        // The result is logged and counted.
        let _ = app.clone().reload().await;
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
