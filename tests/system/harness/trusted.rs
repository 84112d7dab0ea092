//! A directory that root alone can change, as are all above it, whatever the one is that these tests run in: the
//! programs believe what lies there.

use crate::harness::os;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The directory, which is this test's own and empty at first.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<&Path> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = Path::new("/opt");
        os::mount(Path::new("none"), root, "tmpfs", 0, "mode=755");
        root
    })
}

/// Another directory below [`root`], whose name nothing else has.
pub(crate) fn directory() -> PathBuf {
    let directory = tempfile::tempdir_in(root()).expect("a directory of ours");
    let open = Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), open).expect("a directory of ours");
    directory.keep()
}

/// A copy of `program` in `directory`, by this name, which any user may start.
pub(crate) fn copy(program: &Path, directory: &Path, name: &str) -> PathBuf {
    let copy = directory.join(name);
    fs::copy(program, &copy).expect("a directory of ours");
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("a file of ours");
    copy
}
