//! A compose project of a test's own.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Image, run};
use crate::{Error, Result, process, tools, wait};

/// How long another run of the same test may keep us waiting: it and we must fit into the test runner's limit.
const TURN: Duration = Duration::from_secs(150);
const DOWN: Duration = Duration::from_secs(90);

/// What a project consists of, as the docker client calls it; containers first, since the others hang on them.
const KINDS: [&str; 3] = ["container", "network", "volume"];

/// A compose project; dropping takes it down with all it has, whatever state it is in.
#[derive(Debug)]
pub struct Compose {
    project: String,
    dir: PathBuf,
    environment: Vec<(String, String)>,
    // Removed after the containers, and before it is somebody else's turn.
    images: Vec<Image>,
    _turn: File,
}

impl Compose {
    /// The project of the `docker-compose.yml` in `dir`. A fixed name and one run at a time, so that what a killed run
    /// left behind is known to be nobody's, and is removed first.
    pub fn new(project: &str, dir: PathBuf, environment: &[(&str, &str)]) -> Result<Compose> {
        super::daemon()?;
        let path = std::env::temp_dir().join(format!("{project}.lock"));
        let turn = File::options().create(true).append(true).open(&path);
        let turn = turn.map_err(Error::context(path.display()))?;
        wait::until(&format!("the other user of project {project} to end"), TURN, || {
            turn.try_lock().map_err(|error| Error::new(error.to_string()))
        })?;
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let compose =
            Compose { project: project.to_owned(), dir, environment, images: Vec::new(), _turn: turn };
        if !compose.left()?.is_empty() {
            compose.down()?;
        }
        Ok(compose)
    }

    /// Keeps an image that its containers need.
    pub fn keep(&mut self, image: Image) {
        self.images.push(image);
    }

    /// Runs docker-compose on it.
    pub fn run(&self, args: &[&str], limit: Duration) -> Result<String> {
        let mut command = Command::new(tools::path("docker-compose")?);
        // What the caller's own environment says about other projects.
        for name in ["COMPOSE_FILE", "COMPOSE_ENV_FILES", "COMPOSE_PROFILES"] {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(["--ansi=never", "--progress=plain", "-p", &self.project, "-f", "docker-compose.yml"]);
        process::run(command.args(args).current_dir(&self.dir), limit)
    }

    /// The containers with their health, and the last of what each said: for the message of a test that failed.
    pub fn state(&self) -> String {
        let look = |args: &[&str]| self.run(args, DOWN).unwrap_or_else(|error| error.to_string());
        look(&["ps", "--all"]) + &look(&["logs", "--no-color", "--tail=15"])
    }

    /// The address of this machine in one of its networks.
    pub fn gateway(&self, network: &str) -> Result<String> {
        self.network(network, "{{range .IPAM.Config}}{{.Gateway}}{{end}}")
    }

    /// This machine's interface in one of its networks.
    pub fn bridge(&self, network: &str) -> Result<String> {
        Ok(format!("br-{:.12}", self.network(network, "{{.Id}}")?))
    }

    fn network(&self, name: &str, template: &str) -> Result<String> {
        let name = format!("{}_{name}", self.project);
        Ok(run(&["network", "inspect", "--format", template, &name])?.trim().to_owned())
    }

    /// Takes it down, and fails if that leaves anything behind.
    pub fn end(mut self) -> Result {
        self.down()?;
        let left = self.left()?;
        if !left.is_empty() {
            return Err(Error::new(format!("docker-compose down left behind: {}", left.join(", "))));
        }
        std::mem::take(&mut self.images).into_iter().try_for_each(Image::remove)
    }

    fn down(&self) -> Result {
        self.run(&["down", "--volumes", "--remove-orphans", "--timeout=5"], DOWN).map(drop)
    }

    /// What there is of it: `container ID`, `network ID`, `volume NAME`.
    fn left(&self) -> Result<Vec<String>> {
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let mut all = Vec::new();
        for kind in KINDS {
            let listing: &[&str] = if kind == "container" { &["--all"] } else { &[] };
            let list = run(&[&[kind, "ls", "--quiet", "--filter", &filter], listing].concat())?;
            all.extend(list.lines().map(|id| format!("{kind} {id}")));
        }
        Ok(all)
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        // Best effort: the test's own result must not be hidden by its clean-up.
        if self.left().map_or(true, |left| !left.is_empty()) {
            let _ = self.down();
        }
    }
}
