//! Root's package managers are protected, by their executables: real processes with those of this machine.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::Machine;
use crate::harness::memory::Memory;
use crate::harness::os;
use crate::harness::trusted;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) const CASES: &[Case] = cases![
    by_their_executables: [Needs::Users],
    with_a_name_that_is_cut,
    shown_by_the_commands,
    while_memory_is_short,
];

const USER: u32 = 65534;
const REASON: &str = "root's package managers are always protected";

/// This test's own /usr/bin, with what its processes need of it still there.
fn own_usr_bin() -> &'static Path {
    let bin = Path::new("/usr/bin");
    let kept = ["bash", "sh", "dash", "unshare", "mount"];
    for program in kept {
        let original = bin.join(program);
        if let Ok(original) = original.canonicalize() {
            trusted::copy(&original, trusted::root(), program);
        }
    }
    os::mount(Path::new("none"), bin, "tmpfs", 0, "mode=755");
    for program in kept {
        let copy = trusted::root().join(program);
        if copy.is_file() {
            trusted::copy(&copy, bin, program);
        }
    }
    bin
}

fn own(name: &str) -> PathBuf {
    trusted::copy(Path::new("/proc/self/exe"), Path::new("/usr/bin"), name)
}

/// A script that holds memory and answers as a hog does; its interpreter is called python3.
fn script(path: &str) -> PathBuf {
    let interpreter = Path::new("/usr/bin/python3");
    if !interpreter.exists() {
        trusted::copy(Path::new("/usr/bin/bash"), Path::new("/usr/bin"), "python3");
    }
    let text = "#!/usr/bin/python3\nprintf -v memory '%60000000s' ''\necho ready\nread -r line\n";
    fs::write(path, text).expect("a directory of ours");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("a file of ours");
    path.into()
}

fn is_protected(machine: &Machine, hog: &RunningHog) {
    let start = format!("Protected process: PID={},", hog.pid());
    machine.log().wait_for_words(&[&start, REASON]);
    assert!(hog.is_alive());
}

fn by_their_executables() {
    let machine = Machine::new();
    own_usr_bin();
    let (dpkg, dnf) = (own("dpkg"), script("/usr/bin/dnf"));
    let other = trusted::copy(Path::new("/proc/self/exe"), trusted::root(), "dpkg");
    let container = "mount --bind /opt/another /usr/bin/rpm; exec \"$@\"";
    own("rpm");
    trusted::copy(Path::new("/proc/self/exe"), trusted::root(), "another");
    let inside = ["unshare", "--mount", "sh", "-c", container, "sh"];
    let inside = inside.into_iter().chain(["/usr/bin/rpm"]);
    let of = |words: &Path| Hog::new().by([words]);
    let protected = [of(&dpkg).start(), of(&dnf).start()];
    let mut killed = [
        of(&dpkg).user(USER).start(),
        of(&dnf).user(USER).start(),
        // Only called so.
        Hog::new().comm("dpkg").start(),
        of(&other).start(),
        of(&script("/opt/dnf")).start(),
        // The file of a container.
        Hog::new().by(inside).start(),
    ];
    let mut daemon = machine.start();
    for hog in &protected {
        is_protected(&machine, hog);
    }
    for hog in &mut killed {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM), "{}", hog.pid());
    }
    machine.log().wait_for_scans(5);
    for hog in &protected {
        assert!(hog.is_alive());
    }
    daemon.stop();
}

/// Its file is replaced by its own upgrade, too.
fn with_a_name_that_is_cut() {
    let machine = Machine::new();
    own_usr_bin();
    let upgraded = own("apt-get");
    let hogs = [
        Hog::new()
            .by([script("/usr/bin/unattended-upgrade")])
            .start(),
        Hog::new().by([&upgraded]).start(),
    ];
    fs::remove_file(&upgraded).expect("a directory of ours");
    let mut daemon = machine.start();
    for hog in &hogs {
        is_protected(&machine, hog);
    }
    daemon.stop();
}

fn shown_by_the_commands() {
    let machine = Machine::new();
    own_usr_bin();
    let hog = Hog::new().by([own("dpkg")]).start();
    let pid = hog.pid().to_string();
    let said = machine.run(&["explain", &pid]);
    let is_it = |line: &str| line.contains("root's package manager ") && line.ends_with(REASON);
    assert!(said.out.lines().any(is_it), "{said:?}");
    let said = machine.run(&["scan"]);
    let is_it = |line: &str| line.contains(&pid) && line.contains(REASON);
    assert!(said.out.lines().any(is_it), "{said:?}");
    assert!(
        !machine
            .run(&["scan", "--over"])
            .out
            .contains(&format!("PID {pid},"))
    );
}

/// The arguments of a script are not read then: its name and its interpreter decide.
fn while_memory_is_short() {
    let memory = Memory::available(700);
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "100")
        .with("thresholds.check_interval", "3600")
        .with("system.action", "\"kill\"");
    own_usr_bin();
    let protected = [
        Hog::new().by([own("dpkg")]).mib(200).start(),
        Hog::new()
            .by([script("/usr/bin/unattended-upgrade")])
            .start(),
    ];
    let mut killed = Hog::new().start();
    let mut daemon = machine.start();
    memory.set_available(10);
    assert_eq!(killed.ended_by(), Some(libc::SIGTERM));
    // No other one is found, and the next scan begins with what is left.
    machine.log().wait_for_words(&["Process ended: "]);
    std::thread::sleep(std::time::Duration::from_secs(1));
    for hog in &protected {
        assert!(hog.is_alive());
    }
    memory.set_available(700);
    daemon.stop();
}
