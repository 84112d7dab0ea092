//! Whether a process is root's package manager: killed at work, it leaves packages half installed. Touches the
//! process's directory and, by stat(2), the file that its executable is. No heap allocation.

use super::ProcRoot;
use super::blocking::Arguments;
use super::exe_link::read_exe;
use super::executable::{self, Standing};
use super::name::{FULL_COMM, base_name};
use super::procfile::BUFFER;
use crate::quantities::Uid;
use crate::sys::process::ProcessDirectory;

/// Package managers that are programs.
const PROGRAMS: [&[u8]; 13] = [
    b"/usr/bin/apt",
    b"/usr/bin/apt-get",
    b"/usr/bin/aptitude",
    b"/usr/bin/dnf5",
    b"/usr/bin/dnf5daemon-server",
    b"/usr/sbin/dnf5daemon-server",
    b"/usr/bin/dpkg",
    b"/usr/bin/dpkg-deb",
    b"/usr/bin/microdnf",
    b"/usr/bin/rpm",
    b"/usr/bin/zypper",
    b"/usr/libexec/packagekitd",
    b"/usr/lib/packagekit/packagekitd",
];

/// Package managers that Python interprets.
const SCRIPTS: [&[u8]; 7] = [
    b"/usr/bin/dnf",
    b"/usr/bin/dnf-3",
    b"/usr/bin/dnf4",
    b"/usr/bin/dnf-automatic",
    b"/usr/bin/unattended-upgrade",
    b"/usr/bin/unattended-upgrades",
    b"/usr/bin/yum",
];

/// The beginnings of the names of the interpreters.
const INTERPRETERS: [&[u8]; 2] = [b"python", b"platform-python"];

/// Whether this process, a user's `uid` with the name `comm`, is one. Of a script that needs its `arguments`; without
/// them, and where an executable can't be read, its name decides, since doubt protects.
pub(super) fn is_of_root(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    uid: Uid,
    comm: &[u8],
    arguments: Option<&mut Arguments<'_>>,
) -> bool {
    if uid != Uid::ROOT {
        return false;
    }
    let mut exe = [0; BUFFER];
    let Ok(exe) = read_exe(directory, &mut exe) else {
        return is_name(comm, &PROGRAMS);
    };
    let is_program = is_one_of(exe, &PROGRAMS);
    if !is_program && !is_interpreter(exe) {
        return false;
    }
    let arguments = arguments.filter(|_| !is_program);
    let arguments = arguments.and_then(|arguments| arguments.get().is_ok().then_some(arguments));
    let program = match arguments {
        Some(arguments) => {
            let is_script = |path: &[u8]| is_one_of(path, &SCRIPTS);
            executable::read_as(root, directory, is_script, arguments)
        }
        None if is_program || is_name(comm, &SCRIPTS) => {
            executable::read_exe_of(root, directory, exe)
        }
        None => return false,
    };
    // What has another executable is certainly none; one that can't be verified may be one.
    program.is_ok_and(|program| match program.standing {
        Standing::RootAlone | Standing::Vanished => true,
        Standing::Unknown(_) => is_program,
        _ => false,
    })
}

/// Whether a path is that of one of these files. Looks at a byte of each, so that all of them are in memory once one
/// path was compared.
fn is_one_of(path: &[u8], files: &[&[u8]]) -> bool {
    let is_it = |file: &&[u8]| file.last() == path.last() && *file == path;
    files.iter().any(is_it)
}

fn is_interpreter(exe: &[u8]) -> bool {
    let name = base_name(exe);
    INTERPRETERS.iter().any(|start| name.starts_with(start))
}

/// Whether a process called `comm`, which the kernel has cut, may be one of these files.
fn is_name(comm: &[u8], files: &[&[u8]]) -> bool {
    files.iter().any(|file| {
        let name = base_name(file);
        comm == name.get(..FULL_COMM).unwrap_or(name)
    })
}

/// Does what is done to a process that may be one, so that the code is in memory when there is little left.
pub(super) fn rehearse(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    exe: &[u8],
    arguments: &mut Arguments<'_>,
) {
    let is_script = |path: &[u8]| is_one_of(path, &SCRIPTS) || is_name(path, &SCRIPTS);
    // No result matters.
    let _ = executable::read_as(root, directory, is_script, arguments);
    let _ = executable::read_exe_of(root, directory, exe);
    std::hint::black_box(is_interpreter(exe));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_cut() {
        for (comm, expected) in [
            ("dpkg", false),
            ("dnf", true),
            ("unattended-upgr", true),
            ("unattended-upg", false),
            ("yummy", false),
        ] {
            assert_eq!(is_name(comm.as_bytes(), &SCRIPTS), expected, "{comm}");
        }
    }
}
