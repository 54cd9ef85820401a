//! What an image holds: programs of this machine with the libraries they load.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tar::{Builder, EntryType, Header};

use super::{Image, LIMIT, MARK, Origin};
use crate::fixture::TempDir;
use crate::{Error, Result, process};

/// The user that upstream's images run as.
const NOBODY: u64 = 65534;

/// A root file system in the making. Owners and modes are set here, so it does not matter who runs the test.
pub struct Root {
    tar: Builder<File>,
    dir: TempDir,
    libraries: BTreeSet<PathBuf>,
}

impl Root {
    /// With a user nobody and a /tmp.
    pub fn new() -> Result<Root> {
        let dir = TempDir::new()?;
        let tar = Builder::new(File::create(dir.path().join("root.tar"))?);
        let mut root = Root { tar, dir, libraries: BTreeSet::new() };
        root.file("/etc/passwd", 0o644, b"root:x:0:0::/:\nnobody:x:65534:65534::/:\n")?;
        root.file("/etc/group", 0o644, b"root:x:0:\nnobody:x:65534:\n")?;
        root.folder("/tmp", 0, 0o1777)?;
        Ok(root)
    }

    /// This program of the machine, and the libraries it needs where it will look for them.
    pub fn program(&mut self, source: &Path, target: &str) -> Result {
        self.copy(source, target, 0o755)?;
        for library in libraries(source)? {
            if self.libraries.insert(library.clone()) {
                self.copy(&library, &library.to_string_lossy(), 0o755)?;
            }
        }
        Ok(())
    }

    /// A folder that nobody may write to.
    pub fn folder_of_nobody(&mut self, target: &str) -> Result {
        self.folder(target, NOBODY, 0o755)
    }

    /// A folder of the machine with all files in it, at the same place.
    pub fn tree(&mut self, folder: &Path) -> Result {
        for entry in std::fs::read_dir(folder).map_err(Error::context(folder.display()))? {
            let path = entry?.path();
            // Links lead to other packages' files here and there; those are not needed.
            let kind = path.symlink_metadata()?.file_type();
            if kind.is_dir() {
                self.tree(&path)?;
            } else if kind.is_file() {
                self.copy(&path, &path.to_string_lossy(), 0o644)?;
            }
        }
        Ok(())
    }

    /// Makes the image; an image of this tag that no test made is an error. `changes` are Dockerfile instructions: `ENTRYPOINT ["/bin/x"]`.
    pub fn import(self, tag: &str, changes: &[&str]) -> Result<Image> {
        match super::origin(tag)? {
            None => {}
            // Left behind by a test that was killed, so perhaps of another version.
            Some(Origin::Test) => Image { tag: tag.to_owned(), made_here: true }.remove()?,
            Some(Origin::Foreign) => {
                return Err(Error::new(format!("no test made the image {tag}: give it another tag")));
            }
        }
        drop(self.tar.into_inner()?);
        let mut command = Command::new("docker");
        command.args(["import", "--change", &format!("LABEL {MARK}=yes")]);
        for change in changes {
            command.args(["--change", change]);
        }
        process::run(command.arg(self.dir.path().join("root.tar")).arg(tag), LIMIT)?;
        Ok(Image { tag: tag.to_owned(), made_here: true })
    }

    fn file(&mut self, target: &str, mode: u32, content: &[u8]) -> Result {
        self.entry(target, EntryType::Regular, 0, mode, content.len() as u64, content)
    }

    fn folder(&mut self, target: &str, owner: u64, mode: u32) -> Result {
        self.entry(target, EntryType::Directory, owner, mode, 0, io::empty())
    }

    fn copy(&mut self, source: &Path, target: &str, mode: u32) -> Result {
        let context = || format!("cannot put {} into an image", source.display());
        let file = File::open(source).map_err(Error::context(context()))?;
        let size = file.metadata()?.len();
        self.entry(target, EntryType::Regular, 0, mode, size, file)
    }

    fn entry(
        &mut self,
        target: &str,
        kind: EntryType,
        owner: u64,
        mode: u32,
        size: u64,
        content: impl io::Read,
    ) -> Result {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mode(mode);
        header.set_size(size);
        self.tar
            .append_data(&mut header, target.trim_start_matches('/'), content)
            .map_err(Error::context(target))
    }
}

/// The loader and the libraries the program names, at the paths it will look for; none if it is static.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    match process::run(Command::new("ldd").arg(program), LIMIT) {
        Ok(list) => parse(&list).map_err(Error::context(program.display())),
        Err(error) if error.to_string().contains("not a dynamic executable") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Lines of ldd: `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)`, and for what the kernel brings `NAME (ADDRESS)`.
fn parse(list: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in list.lines() {
        let place = line.split_once("=>").map_or(line, |(_, place)| place).trim();
        if place.starts_with("not found") {
            return Err(Error::new(format!("a library is missing: {}", line.trim())));
        }
        if place.starts_with('/') {
            paths.push(PathBuf::from(place.rsplit_once(" (").map_or(place, |(path, _)| path)));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ldd_prints() {
        let list = "\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let expected = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(parse(list).unwrap(), expected.map(PathBuf::from));
        assert_eq!(parse("\tstatically linked\n").unwrap(), [] as [PathBuf; 0]);
        let text = parse("\tlibx.so.1 => not found\n").unwrap_err().to_string();
        assert!(text.contains("libx.so.1"), "{text}");
    }

    #[test]
    fn a_program_comes_with_its_libraries_and_owners() {
        let mut root = Root::new().unwrap();
        root.program(&std::env::current_exe().unwrap(), "/bin/test").unwrap();
        root.folder_of_nobody("/data").unwrap();
        root.tar.finish().unwrap();
        let tar = root.dir.path().join("root.tar");
        let list = process::run(Command::new("tar").args(["-tvf"]).arg(tar), LIMIT).unwrap();
        let line = |end: &str| list.lines().find(|line| line.ends_with(end)).unwrap_or("").to_owned();
        assert!(line(" bin/test").starts_with("-rwxr-xr-x 0/0 "), "{list}");
        assert!(line(" data").starts_with("drwxr-xr-x 65534/65534 "), "{list}");
        assert!(line(" tmp").starts_with("drwxrwxrwt 0/0 "), "{list}");
        assert!(list.contains("libc.so.6"), "{list}");
    }
}
