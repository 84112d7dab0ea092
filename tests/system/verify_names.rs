//! Which processes a name protects: real ones called "guard", by every way to have that name.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::log_lines::Record;
use crate::harness::machine::{Daemon, Machine, binary};
use crate::harness::os;
use crate::harness::trusted;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    root_alone_can_change_it: [Needs::Users],
    others_can_change_it: [Needs::Users],
    deleted_or_replaced: [Needs::Users],
    other_mount_namespace: [Needs::Users],
    scripts: [Needs::Users],
    memory_file: [Needs::Users],
    dead_leader: [Needs::Users],
    unreadable_link_protects_and_warns: [Needs::Users],
    without_it_another_name_is_a_warning_once: [Needs::Users],
    explained: [Needs::Users],
];

const USER: u32 = 65534;

/// A directory below [`trusted::root`] with these permissions.
fn directory(name: &str, mode: u32) -> PathBuf {
    let directory = trusted::root().join(name);
    fs::create_dir_all(&directory).expect("a directory of ours");
    fs::set_permissions(&directory, Permissions::from_mode(mode)).expect("a directory of ours");
    directory
}

/// A copy of this executable, which is called "guard".
fn guard_in(directory: &Path) -> PathBuf {
    trusted::copy(Path::new("/proc/self/exe"), directory, "guard")
}

fn hog() -> Hog {
    Hog::new().comm("guard").user(USER)
}

fn start(guard: &Path) -> RunningHog {
    hog().by([guard]).start()
}

/// With a daemon that protects "guard" where the executable confirms the name.
fn machine() -> Machine {
    Machine::new()
        .with("whitelist.names", r#"["guard"]"#)
        .with("whitelist.verify_names", "true")
}

fn record_of(machine: &Machine, start: &str) -> Record {
    let is_it = |record: &Record| record.message.starts_with(start);
    machine.log().wait_for_any(start, is_it)
}

/// It is protected, which is logged at this level and for this reason.
fn is_protected(machine: &Machine, hog: &RunningHog, level: &str, reason: &str) {
    let record = record_of(machine, &format!("Protected process: PID={}, ", hog.pid()));
    let reason = format!("Reason: whitelist.names has guard, {reason}");
    assert!(
        record.level == level && record.message.ends_with(&reason),
        "{record:?} is not {level}, {reason}"
    );
    machine.log().wait_for_scans(2);
    assert!(hog.is_alive(), "{reason}");
}

/// It is killed, and why its name did not protect it is logged.
fn is_killed(machine: &Machine, hog: &mut RunningHog, reason: &str) {
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM), "{reason}");
    let record = record_of(machine, &format!("Reason: PID={} is over ", hog.pid()));
    let reason = format!("; whitelist.names has its name, {reason}");
    assert!(
        record.message.ends_with(&reason),
        "{record:?} is not {reason}"
    );
}

fn root_alone_can_change_it() {
    let machine = machine();
    let guard = guard_in(&directory("bin", 0o755));
    let (by_user, by_root) = (start(&guard), Hog::new().comm("guard").by([&guard]).start());
    // What it was started by is not what it is called by the kernel.
    let link = trusted::root().join("bin/other");
    symlink(&guard, &link).expect("a directory of ours");
    let by_link = start(&link);
    let mut daemon = machine.start();
    for hog in [&by_user, &by_root, &by_link] {
        is_protected(&machine, hog, "INFO", "verified by /opt/bin/guard");
    }
    daemon.stop();
}

fn others_can_change_it() {
    let machine = machine();
    let mut killed = Vec::new();
    let renamed = fs::read_link("/proc/self/exe").expect("ours");
    let renamed = format!("but its executable is {}", renamed.display());
    killed.push((hog().start(), renamed.clone()));
    killed.push((hog().argv0("/usr/sbin/guard").start(), renamed));
    for (name, mode) in [("sticky", 0o1777), ("group", 0o775), ("others", 0o757)] {
        let guard = guard_in(&directory(name, mode));
        let below = guard_in(&directory(&format!("{name}/bin"), 0o755));
        for guard in [guard, below] {
            let reason = format!("but others than root can change /opt/{name}");
            killed.push((start(&guard), reason));
        }
    }
    let theirs = directory("theirs", 0o755);
    chown(&theirs, Some(USER), None).expect("root");
    let reason = "but others than root can change /opt/theirs".to_owned();
    killed.push((start(&guard_in(&theirs)), reason));
    let guard = guard_in(&directory("file", 0o755));
    fs::set_permissions(&guard, Permissions::from_mode(0o775)).expect("root");
    let reason = "but others than root can change /opt/file/guard".to_owned();
    killed.push((start(&guard), reason.clone()));
    let guard = guard_in(&directory("own", 0o755));
    chown(&guard, Some(USER), None).expect("root");
    killed.push((start(&guard), reason.replace("file", "own")));
    let mut daemon = machine.start();
    for (hog, reason) in &mut killed {
        is_killed(&machine, hog, reason);
    }
    daemon.stop();
}

/// A package upgrade puts another file in the place of the one that runs.
fn deleted_or_replaced() {
    let machine = machine();
    let replaced = guard_in(&directory("replaced", 0o755));
    let removed = guard_in(&directory("removed/bin", 0o755));
    let theirs = directory("theirs", 0o755);
    let of_user = guard_in(&theirs);
    let protected = [start(&replaced), start(&removed)];
    let mut killed = start(&of_user);
    fs::copy("/bin/true", trusted::root().join("replaced/new")).expect("a directory of ours");
    fs::rename(trusted::root().join("replaced/new"), &replaced).expect("a directory of ours");
    fs::remove_dir_all(trusted::root().join("removed")).expect("a directory of ours");
    chown(&theirs, Some(USER), None).expect("root");
    fs::remove_file(&of_user).expect("a directory of ours");
    let mut daemon = machine.start();
    for (hog, path) in protected.iter().zip([&replaced, &removed]) {
        let reason = format!("verified by {}", path.display());
        is_protected(&machine, hog, "INFO", &reason);
    }
    is_killed(
        &machine,
        &mut killed,
        "but others than root can change /opt/theirs",
    );
    daemon.stop();
}

/// Started in a mount namespace of its own, as a container's or a service's processes are.
fn inside(guard: &Path, options: &[&str], prepare: &str) -> Hog {
    let script = format!("set -e; {prepare}; exec \"$@\"");
    let mut words = vec!["unshare", "--mount"];
    words.extend(options);
    words.extend(["--", "sh", "-c", &script, "sh"]);
    let guard = guard.to_str().expect("UTF-8");
    words.push(guard);
    Hog::new().comm("guard").by(words)
}

fn other_mount_namespace() {
    let machine = machine();
    let guard = guard_in(&directory("bin", 0o755));
    guard_in(&directory("another", 0o755));
    let over_it = "mount --bind /opt/another/guard /opt/bin/guard";
    let service = inside(&guard, &[], "true").start();
    let mut container = inside(&guard, &[], over_it).start();
    let mut only_there = inside(
        Path::new("/opt/new/guard"),
        &[],
        "mount -t tmpfs -o mode=755 none /opt; \
         mkdir /opt/new; cp /proc/1/exe /opt/new/guard; chmod 755 /opt/new /opt/new/guard",
    )
    .start();
    let user = ["--user", "--map-root-user"];
    let mut of_user = inside(&guard, &user, over_it).user(USER).start();
    let gone = "mount -t tmpfs -o mode=755 none /opt/gone; cp /proc/1/exe /opt/gone/guard; \
                chmod 755 /opt/gone/guard";
    directory("gone", 0o755);
    let upgraded = inside(Path::new("/opt/gone/guard"), &[], gone).start();
    fs::remove_file(format!("/proc/{}/root/opt/gone/guard", upgraded.pid())).expect("root");
    // What a user's own namespaces show is the user's, whatever was there.
    let guard = guard_in(&directory("old", 0o755));
    let mut old_of_user = inside(&guard, &user, "true").user(USER).start();
    fs::remove_file(&guard).expect("a directory of ours");
    let mut daemon = machine.start();
    is_protected(&machine, &service, "INFO", "verified by /opt/bin/guard");
    let foreign = "but /opt/bin/guard is not this machine's file";
    is_killed(&machine, &mut container, foreign);
    is_killed(&machine, &mut only_there, &foreign.replace("bin", "new"));
    let forgeable = "but it runs in a user namespace of a user, where its executable can be forged";
    for hog in [&mut of_user, &mut old_of_user] {
        is_killed(&machine, hog, forgeable);
    }
    is_protected(
        &machine,
        &upgraded,
        "WARNING",
        "but /opt/gone/guard can't be verified: deleted, in another mount namespace",
    );
    daemon.stop();
}

/// A script of bash, which holds memory and answers as a hog does.
fn script_in(directory: &Path, name: &str, start: &str) -> PathBuf {
    let script = directory.join(name);
    let text = format!("{start}\nprintf -v memory '%60000000s' ''\necho ready\nread -r line\n");
    fs::write(&script, text).expect("a directory of ours");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("a file of ours");
    script
}

fn scripts() {
    let machine = machine();
    let (bin, theirs) = (directory("bin", 0o755), directory("theirs", 0o755));
    fs::copy("/bin/bash", theirs.join("bash")).expect("a directory of ours");
    chown(&theirs, Some(USER), None).expect("root");
    let ours = script_in(&bin, "guard", "#!/bin/bash");
    let with_option = script_in(&directory("option", 0o755), "guard", "#!/bin/bash -p");
    let their = script_in(&theirs, "guard", "#!/bin/bash");
    let renamed = script_in(&theirs, "other", "#!/bin/bash\nprintf guard >/proc/$$/comm");
    let link = directory("link", 0o755).join("guard");
    symlink(&their, &link).expect("a directory of ours");
    let interpreter = script_in(
        &directory("interpreter", 0o755),
        "guard",
        "#!/opt/theirs/bash",
    );
    let go_there = ["sh", "-c", "cd /opt/bin && exec ./guard", "sh"];
    let protected = [
        (start(&ours), "/opt/bin/guard"),
        (start(&with_option), "/opt/option/guard"),
        (hog().by(go_there).start(), "/opt/bin/./guard"),
    ];
    let theirs = "but others than root can change /opt/theirs";
    let bash = fs::canonicalize("/bin/bash").expect("bash is there");
    let bash = format!("but its executable is {}", bash.display());
    let mut killed = [
        (start(&their), theirs),
        (start(&renamed), &bash),
        (start(&link), theirs),
        (start(&interpreter), theirs),
    ];
    let mut daemon = machine.start();
    for (hog, path) in &protected {
        is_protected(&machine, hog, "INFO", &format!("verified by {path}"));
    }
    for (hog, reason) in &mut killed {
        is_killed(&machine, hog, reason);
    }
    daemon.stop();
}

fn memory_file() {
    let machine = machine();
    let this = fs::read("/proc/self/exe").expect("ours");
    let file = os::memory_file("guard", &this);
    let mut hog = start(&file);
    let mut daemon = machine.start();
    let reason = "but its executable is no file: \"/memfd:guard (deleted)\"";
    is_killed(&machine, &mut hog, reason);
    daemon.stop();
}

/// Without its main thread a process has no exe of its own, but its other threads have.
fn dead_leader() {
    let machine = machine();
    let guard = guard_in(&directory("bin", 0o755));
    let mut killed = hog().leader_exits().start();
    let protected = hog().by([&guard]).leader_exits().start();
    let mut daemon = machine.start();
    let renamed = fs::read_link("/proc/self/exe").expect("ours");
    let renamed = format!("but its executable is {}", renamed.display());
    is_killed(&machine, &mut killed, &renamed);
    is_protected(&machine, &protected, "INFO", "verified by /opt/bin/guard");
    daemon.stop();
}

fn without_ptrace(machine: &Machine) -> Daemon {
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-sys_ptrace", "--"])
        .arg(binary());
    machine.launch(machine.given(command))
}

fn unreadable_link_protects_and_warns() {
    let machine = machine();
    let hog = hog().start();
    let mut daemon = without_ptrace(&machine);
    is_protected(
        &machine,
        &hog,
        "WARNING",
        "but its executable can't be verified: exe: Permission denied (os error 13)",
    );
    daemon.stop();
}

fn without_it_another_name_is_a_warning_once() {
    let mut machine = machine().with("whitelist.verify_names", "false");
    let (thief, real) = (hog().start(), start(&guard_in(&directory("bin", 0o755))));
    let mut daemon = machine.start();
    let renamed = fs::read_link("/proc/self/exe").expect("ours");
    let renamed = format!("but its executable is {}", renamed.display());
    is_protected(&machine, &thief, "WARNING", &renamed);
    let record = record_of(
        &machine,
        &format!("Protected process: PID={}, ", real.pid()),
    );
    let plain = "Reason: whitelist.names has guard";
    assert!(
        record.level == "INFO" && record.message.ends_with(plain),
        "{record:?}"
    );
    // It is below its threshold for a while, and over it again: the warning is not news.
    for gb in ["4", "0.02"] {
        machine.set("thresholds.ram_gb_threshold", gb);
        machine.write_config();
        daemon.signal(libc::SIGHUP);
        let changed = format!("-> {gb}");
        machine
            .log()
            .wait_for_words(&["ram_gb_threshold", &changed]);
        machine.log().wait_for_scans(3);
    }
    daemon.stop();
    let said = |hog: &RunningHog| {
        let start = format!("Protected process: PID={}, ", hog.pid());
        let records = machine.log().records();
        let said = records
            .iter()
            .filter(|record| record.message.starts_with(&start));
        said.count()
    };
    assert_eq!((said(&thief), said(&real)), (1, 2));
    assert!(thief.is_alive());
}

fn explained() {
    let machine = machine();
    let (thief, real) = (hog().start(), start(&guard_in(&directory("bin", 0o755))));
    for (hog, shown) in [
        (
            &thief,
            "no   its name is in the list, but its executable is ",
        ),
        (
            &real,
            "yes  whitelist.names has guard, verified by /opt/bin/guard\n",
        ),
    ] {
        let pid = hog.pid().to_string();
        let seen = machine.run(&["explain", &pid]);
        let text = seen.out;
        assert!(
            text.contains(&format!("whitelist.names          {shown}")),
            "{text}"
        );
        assert!(hog.is_alive());
    }
}
