//! Unix sockets, sockets of systemd, and what systemd is told.

use super::pki::Pki;
use super::program::{LIMIT, Weather, stations, weather};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::{Process, run};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

fn ask(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn on_socket(dir: &TempDir) -> (Command, PathBuf) {
    let socket = dir.path().join("weather.sock");
    let mut command = weather();
    command
        .arg(format!("--station.file={}", stations(dir, 3).display()))
        .arg(format!("--web.listen-address=unix:{}", socket.display()));
    (command, socket)
}

#[test]
fn a_unix_socket_is_there_while_the_server_is() {
    let dir = TempDir::new().unwrap();
    let (mut command, socket) = on_socket(&dir);
    // What a process that was killed has left.
    drop(UnixListener::bind(&socket).unwrap());
    let mut process = Process::spawn(&mut command).unwrap();
    process.wait_stderr_line("listening", LIMIT).unwrap();
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(ask(&socket).contains("station=\"station2\""));
    let health = run(weather().args(["health", &format!("unix:{}", socket.display())]), LIMIT);
    assert_eq!(health.unwrap(), "healthy\n");

    // A second one does not take it away.
    let mut second = Process::spawn(&mut command).unwrap();
    assert_eq!(second.wait_exit(LIMIT).unwrap().code(), Some(1));
    assert!(second.stderr().contains("another process listens there"), "{}", second.stderr());
    assert!(ask(&socket).starts_with("HTTP/1.1 200"));

    assert!(process.stop().unwrap().success());
    assert!(!socket.exists(), "removed at the end");
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["stations.txt"]);
}

#[test]
fn a_unix_socket_with_tls_is_healthy() {
    let dir = TempDir::new().unwrap();
    Pki::new().write(&dir);
    let web = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
    let web = dir.write("web.yml", web).unwrap();
    let (mut command, socket) = on_socket(&dir);
    let mut process = Process::spawn(command.arg(format!("--web.config.file={}", web.display()))).unwrap();
    process.wait_stderr_line("listening", LIMIT).unwrap();
    let health = run(weather().args(["health", &format!("unix:{}", socket.display())]), LIMIT);
    assert_eq!(health.unwrap(), "healthy\n");
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let (mut command, socket) = on_socket(&dir);
    std::fs::write(&socket, "precious").unwrap();
    let mut process = Process::spawn(&mut command).unwrap();
    assert_eq!(process.wait_exit(LIMIT).unwrap().code(), Some(1));
    assert!(process.stderr().contains("no socket"), "{}", process.stderr());
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "precious");
}

#[test]
fn a_socket_of_systemd() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("given.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let program = weather();
    // As systemd does it: the socket is file 3, and the variables name the process.
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(program.get_program()).arg("--web.systemd-socket");
    command.arg(format!("--station.file={}", stations(&dir, 3).display()));
    command.stdin(std::os::fd::OwnedFd::from(listener)).stdout(std::process::Stdio::null());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    // Connections wait in the socket from the beginning.
    let answer = ask(&socket);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.contains("station=\"station2\""), "{answer}");
    assert!(socket.exists(), "it is not ours to remove");
}

#[test]
fn without_a_socket_of_systemd_it_says_so() {
    let mut process = Process::spawn(weather().arg("--web.systemd-socket")).unwrap();
    assert_eq!(process.wait_exit(LIMIT).unwrap().code(), Some(1));
    assert!(process.stderr().contains("--web.systemd-socket: no sockets were given"), "{}", process.stderr());
}

#[test]
fn systemd_is_told() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(LIMIT)).unwrap();
    let mut server = Weather::start_with(3, |_, command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    let next = || {
        let mut state = [0; 64];
        let length = notified.recv(&mut state).unwrap();
        String::from_utf8_lossy(&state[..length]).into_owned()
    };
    assert_eq!(next(), "READY=1");
    server.scrape(&[]).unwrap().expect_status(200).unwrap();
    assert!(server.process.stop().unwrap().success());
    assert_eq!(next(), "STOPPING=1");
}
