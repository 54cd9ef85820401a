//! A program that runs as long as its value.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Pid;
pub use rustix::process::Signal;

use crate::fixture::TempDir;
use crate::{Error, Result, http, wait};

/// How long a program may take to end after TERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How much of its output a message quotes.
const TAIL_LINES: usize = 15;

/// A running program. Its output goes to files, so it can never block on a full pipe. Dropping ends it: TERM first,
/// KILL after a while, always by its process id.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: TempDir,
}

impl Process {
    /// Starts it, without standard input.
    pub fn spawn(command: &mut Command) -> Result<Process> {
        let name = PathBuf::from(command.get_program())
            .file_name()
            .map_or_else(|| "program".to_owned(), |name| name.to_string_lossy().into_owned());
        let output = TempDir::new()?;
        let file = |stream: &str| std::fs::File::create(output.path().join(stream));
        let child = command
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?)
            .spawn()
            .map_err(Error::context(format!("cannot start {}", command.get_program().display())))?;
        Ok(Process { name, child, output })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Waits for a complete line on standard error that contains `part`, and returns it.
    pub fn wait_stderr_line(&mut self, part: &str, limit: Duration) -> Result<String> {
        let path = self.output.path().join("stderr");
        self.until(&format!("a line with {part:?} on standard error"), limit, || {
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let line = complete.lines().find(|line| line.contains(part));
            line.map(str::to_owned).ok_or_else(|| Error::new("no such line"))
        })
    }

    /// Waits until this address answers 200.
    pub fn wait_http(&mut self, url: &str, limit: Duration) -> Result<http::Response> {
        self.until(&format!("200 from {url}"), limit, || http::get(url, &[])?.expect_status(200))
    }

    /// Waits for `ready` as [`wait::until`] does, but fails at once when the program ends meanwhile.
    pub fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let outcome = wait::until(what, limit, || {
            if let Some(status) = self.child.try_wait()? {
                // One more look: what we wait for may have happened just before the end.
                return Ok(
                    ready().map_err(|_| Error::new(format!("{} ended ({status}) before {what}", self.name)))
                );
            }
            ready().map(Ok)
        });
        outcome.and_then(|inner| inner).map_err(|error| Error::new(format!("{error}{}", self.tail())))
    }

    /// Its exit status, once it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it ends by itself.
    pub fn wait_exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        wait::until(&format!("{name} to end"), limit, || {
            self.child.try_wait()?.ok_or_else(|| Error::new("still running"))
        })
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) -> Result {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)
            .map_err(Error::context(format!("cannot signal {}", self.name)))
    }

    /// Ends it: TERM, and KILL if that does not help in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        // A child that was waited for has no process id any more; somebody else may have it by now.
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        self.wait_exit(GRACE).or_else(|_| {
            self.child.kill()?;
            Ok(self.child.wait()?)
        })
    }

    fn read(&self, stream: &str) -> String {
        let bytes = std::fs::read(self.output.path().join(stream)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tail(&self) -> String {
        let mut text = String::new();
        for stream in ["stdout", "stderr"] {
            let all = self.read(stream);
            let lines: Vec<&str> = all.lines().collect();
            if !lines.is_empty() {
                let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
                text += &format!("\n{} {stream} ends with:\n  {last}", self.name);
            }
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Best effort: the test's own result must not be hidden by its clean-up.
        let _ = self.stop();
    }
}

/// Runs a program to its end and returns its standard output; its failing is an error with all it said.
pub fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let mut process = Process::spawn(command)?;
    let status = process.wait_exit(limit).map_err(|e| Error::new(format!("{e}{}", process.tail())))?;
    if !status.success() {
        let (stdout, stderr) = (process.stdout(), process.stderr());
        return Err(Error::new(format!("{} failed ({status}):\n{stdout}{stderr}", process.name)));
    }
    Ok(process.stdout())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::LONG;

    fn shell(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    fn alive(pid: u32) -> bool {
        std::path::Path::new(&format!("/proc/{pid}")).exists()
    }

    #[test]
    fn waits_for_a_line() {
        let mut process = shell("echo one >&2; echo listening on 1234 >&2; exec sleep 60");
        assert_eq!(process.wait_stderr_line("listening", LONG).unwrap(), "listening on 1234");
    }

    #[test]
    fn an_early_end_fails_at_once_and_quotes_the_output() {
        let begin = std::time::Instant::now();
        let text = shell("echo no such flag >&2; exit 2").wait_stderr_line("listening", LONG).unwrap_err();
        assert!(begin.elapsed() < LONG / 2);
        assert!(text.to_string().contains("no such flag"), "{text}");
    }

    #[test]
    fn drop_ends_it() {
        let process = shell("exec sleep 60");
        let pid = process.pid();
        assert!(alive(pid));
        drop(process);
        assert!(!alive(pid));
    }

    #[test]
    fn stop_lets_it_say_goodbye() {
        let mut process = shell("trap 'exit 7' TERM; echo up >&2; while :; do sleep 0.05; done");
        process.wait_stderr_line("up", LONG).unwrap();
        assert_eq!(process.stop().unwrap().code(), Some(7));
    }

    #[test]
    fn run_returns_output_or_everything_said() {
        assert_eq!(run(Command::new("sh").args(["-c", "echo hi"]), LONG).unwrap(), "hi\n");
        let text = run(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]), LONG).unwrap_err();
        assert!(text.to_string().contains("out\nerr"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Process::spawn(&mut Command::new("/no/such/program")).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"));
    }
}
