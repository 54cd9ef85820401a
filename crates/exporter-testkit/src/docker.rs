//! A Docker daemon, and images made from this machine's programs: tests that need some do not depend on a registry.

mod compose;
mod guest;
mod root;

pub use compose::Compose;
pub use guest::{archive, guest};
pub use root::Root;

use std::process::Command;
use std::time::Duration;

use crate::{Error, Result, process};

/// Longest a single command may take; importing the largest image takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Tells images made here from those that bear the same tag for another reason.
const MARK: &str = "exporters.made-by-tests";

/// Runs the docker client.
pub fn run(args: &[&str]) -> Result<String> {
    process::run(Command::new("docker").args(args), LIMIT)
}

/// Fails, with the cure, unless a daemon answers.
pub fn daemon() -> Result {
    // Unlike `docker info`, this fails where only the client answers.
    run(&["version", "--format", "{{.Server.Version}}"]).map(drop).map_err(|error| {
        Error::new(format!(
            "this test needs a Docker daemon: `cargo xtask test`, run as root, starts one for its time; otherwise \
             start it (systemctl start docker) and be allowed to use it (group docker)\n{error}"
        ))
    })
}

/// Whose an image is.
enum Origin {
    Test,
    Foreign,
}

/// Nothing if there is no image with this tag.
fn origin(tag: &str) -> Result<Option<Origin>> {
    if run(&["image", "ls", "--quiet", tag])?.trim().is_empty() {
        return Ok(None);
    }
    let label = format!("{{{{index .Config.Labels {MARK:?}}}}}");
    let mark = run(&["image", "inspect", "--format", &label, tag])?;
    Ok(Some(if mark.trim() == "yes" { Origin::Test } else { Origin::Foreign }))
}

/// An image. If a test made it, dropping removes it again.
#[derive(Debug)]
pub struct Image {
    tag: String,
    made_here: bool,
}

impl Image {
    /// The image that has this tag, which is then never touched, or else what `make` imports.
    pub fn existing_or(tag: &str, make: impl FnOnce(&str) -> Result<Image>) -> Result<Image> {
        match origin(tag)? {
            Some(Origin::Foreign) => Ok(Image { tag: tag.to_owned(), made_here: false }),
            Some(Origin::Test) | None => make(tag),
        }
    }

    /// Removes it now if a test made it.
    pub fn remove(mut self) -> Result {
        if std::mem::take(&mut self.made_here) { self.untag() } else { Ok(()) }
    }

    fn untag(&self) -> Result {
        run(&["image", "rm", &self.tag]).map(drop)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.made_here {
            // A test that cares calls `remove`; here its own result must not be hidden.
            let _ = self.untag();
        }
    }
}
