//! The machine of this test with the files of the packages in their places: what lies there is seen by this test alone.

use crate::harness::machine::{binary, notifier};
use crate::harness::{os, trusted};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Files of the repository that a package installs, and where.
const FILES: [(&str, &str); 2] = [
    (
        "etc/memory-monitor/config.toml",
        "/etc/memory-monitor/config.toml",
    ),
    (
        "etc/logrotate.d/memory-monitor",
        "/etc/logrotate.d/memory-monitor",
    ),
];
const EXAMPLES: &str = "/usr/share/doc/memory-monitor/examples";

/// `sudo` asks for nothing here, and `systemctl reload` does what systemd does: it runs the commands of ExecReload=,
/// each only where the one before has succeeded.
const SUDO: &str = "#!/bin/sh\nexec \"$@\"\n";
const SYSTEMCTL: &str = r#"#!/bin/sh
[ "$*" = "reload memory-monitor" ] || exit 3
export MAINPID=$(cat /run/memory-monitor.pid)
sed -n 's/^ExecReload=//p' /usr/lib/systemd/system/memory-monitor.service | while read -r line; do
    sh -c "$line" </dev/null || exit 1
done
"#;

/// Installs them.
pub(crate) fn install() {
    for directory in ["/etc", "/usr", "/var", "/run"] {
        cover(Path::new(directory));
    }
    copy(binary(), "/usr/bin/memory-monitor", 0o755);
    copy(&notifier(), "/usr/libexec/memory-monitor/notify", 0o755);
    for (from, to) in FILES {
        copy(&source(from), to, 0o644);
    }
    copy(
        &unit(),
        "/usr/lib/systemd/system/memory-monitor.service",
        0o644,
    );
    for example in fs::read_dir(source("etc/examples")).expect("the repository") {
        let example = example.expect("an entry").path();
        let name = example.file_name().expect("a file").to_str();
        copy(
            &example,
            &format!("{EXAMPLES}/{}", name.expect("UTF-8")),
            0o644,
        );
    }
    for (name, script) in [("sudo", SUDO), ("systemctl", SYSTEMCTL)] {
        let path = Path::new("/usr/bin").join(name);
        let _ = fs::remove_file(&path);
        write(&path, script, 0o755);
    }
}

/// A file of the repository.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The unit of the service.
fn unit() -> PathBuf {
    let mut places = ["etc/systemd", "debian"].into_iter();
    let unit = places.find_map(|place| {
        let unit = source(place).join("memory-monitor.service");
        unit.is_file().then_some(unit)
    });
    unit.expect("the unit is in the repository")
}

/// Lets this test change what it sees in `directory`; no other process sees the change.
fn cover(directory: &Path) {
    let (upper, work) = (trusted::directory(), trusted::directory());
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        directory.display(),
        upper.display(),
        work.display()
    );
    os::mount(Path::new("overlay"), directory, "overlay", 0, &options);
}

fn copy(from: &Path, to: &str, mode: u32) {
    let contents = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    write(Path::new(to), contents, mode);
}

fn write(path: &Path, contents: impl AsRef<[u8]>, mode: u32) {
    let directory = path.parent().expect("an absolute path");
    fs::create_dir_all(directory).expect("a directory of ours");
    fs::write(path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a file of ours");
}
