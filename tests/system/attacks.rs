//! What other users do to stop the daemon, to keep a process alive, or to make the daemon lie.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::hostile::{self, DECOY, FORKS, HANGS, Hostile, LOSES, SHARES};
use crate::harness::machine::{Daemon, Machine, until};
use crate::harness::memory::Memory;
use crate::harness::os;
use crate::harness::processes::{self, highest_memory};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

pub(crate) const CASES: &[Case] = cases![
    a_held_lock_of_a_name_that_may_be_longer: [Needs::Users, Needs::Device],
    a_held_lock_of_a_plain_name: [Needs::Users, Needs::Device],
    a_held_lock_and_rules_by_arguments: [Needs::Users, Needs::Device],
    a_held_lock_and_the_share_of_memory: [Needs::Users, Needs::Device],
    arguments_that_never_come: [Needs::Users],
    decoys_do_not_shelter_the_largest: [Needs::Users],
    what_a_victim_forks_ends_with_it: [Needs::Users],
    a_forged_executable: [Needs::Users],
    a_forged_executable_in_a_shortage: [Needs::Users],
    stubborn_ones_and_few_descriptors,
    a_user_database_that_never_answers: [Needs::Users],
    many_processes_with_one_memory: [Needs::Users],
    a_start_beside_many_processes_with_one_memory: [Needs::Users],
];

const THEY: u32 = 4711;
/// What the kernel keeps of a name, and the entry that it may be the beginning of.
const FIFTEEN: &str = "fifteen-letters";
const ENTRY: &str = r#"["fifteen-letters-and-more"]"#;

/// A process that holds the lock of its memory, and the file system that keeps it waiting.
struct Hanging {
    hog: Hostile,
    server: u32,
}

impl Drop for Hanging {
    /// Without its file system it goes on, and ends.
    fn drop(&mut self) {
        os::signal(self.server, libc::SIGKILL);
    }
}

/// Starts one that waits for a page.
fn hang(machine: &Machine, name: &str) -> Hanging {
    let directory = machine.path("fuse");
    let target = directory.join("mnt");
    fs::create_dir_all(&target).expect("a directory of ours");
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).expect("ours");
    let device = machine.path("device");
    os::make_fuse(&device).expect("root makes devices");
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let words = [HANGS, name, "48", &path(&device), &path(&target)];
    let hog = hostile::start(THEY, &words);
    let server = fs::read_to_string(directory.join("mnt.server")).expect("its server");
    let server = server.parse().expect("a PID");
    let hanging = Hanging { hog, server };
    assert!(
        is_unreadable(hanging.hog.pid()),
        "this kernel waits for a page without the lock of the memory"
    );
    hanging
}

/// Whether a read of the arguments of this process does not end.
fn is_unreadable(pid: u32) -> bool {
    // The process may not be there yet where it is to hang.
    for _ in 0..20 {
        let mut reader = Command::new("cat");
        reader
            .arg(format!("/proc/{pid}/cmdline"))
            .stdout(Stdio::null());
        let mut reader = reader.spawn().expect("cat");
        thread::sleep(Duration::from_millis(200));
        if reader.try_wait().expect("a child of ours").is_none() {
            return true;
        }
    }
    false
}

/// The daemon goes on, kills others, and stops when it is told to.
fn is_well(machine: &Machine, mut daemon: Daemon) {
    let mut other = Hog::new().user(THEY).start();
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(5);
    let mut late = Hog::new().start();
    assert_eq!(late.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn a_held_lock_of_a_name_that_may_be_longer() {
    let machine = Machine::new().with("whitelist.names", ENTRY);
    let hanging = hang(&machine, FIFTEEN);
    let daemon = machine.launch(machine.command());
    is_well(&machine, daemon);
    // Doubt never kills: it may be what is whitelisted.
    let records = machine.log().records();
    let killed = format!("Killing process: PID={},", hanging.hog.pid());
    assert!(
        !records
            .iter()
            .any(|record| record.message.starts_with(&killed))
    );
    assert!(hanging.hog.is_alive());
}

fn a_held_lock_of_a_plain_name() {
    let machine = Machine::new()
        .with("whitelist.names", ENTRY)
        .with("settings.term_timeout", "0.5");
    let hanging = hang(&machine, "hog");
    let daemon = machine.launch(machine.command());
    let pid = format!(" PID={},", hanging.hog.pid());
    machine.log().wait_for_words(&["Killing process:", &pid]);
    machine
        .log()
        .wait_for_words(&["Escalating to SIGKILL:", &pid]);
    is_well(&machine, daemon);
    os::signal(hanging.server, libc::SIGKILL);
    until("the process is over", || !hanging.hog.is_alive());
}

/// What can't be read may be what a rule protects, and is nothing by which a rule gives it more.
fn a_held_lock_and_rules_by_arguments() {
    let machine = Machine::new();
    machine.drop_in(
        "10.toml",
        "[[rule]]\ncmdline = \"*precious*\"\naction = \"protect\"\n",
    );
    let hanging = hang(&machine, "hog");
    let daemon = machine.launch(machine.command());
    let pid = format!("PID={},", hanging.hog.pid());
    machine
        .log()
        .wait_for_words(&["cmdline", &pid, "no answer in time"]);
    is_well(&machine, daemon);
    assert!(hanging.hog.is_alive());
    machine.drop_in(
        "10.toml",
        "[[rule]]\ncmdline = \"*precious*\"\nram_gb_threshold = 100.0\n",
    );
    let daemon = machine.launch(machine.command());
    machine.log().wait_for_words(&["Killing process:", &pid]);
    is_well(&machine, daemon);
}

fn a_held_lock_and_the_share_of_memory() {
    let machine = Machine::new().with("thresholds.metric", "\"pss\"");
    let hanging = hang(&machine, "hog");
    let daemon = machine.launch(machine.command());
    let pid = format!("PID={},", hanging.hog.pid());
    machine.log().wait_for_words(&["Killing process:", &pid]);
    is_well(&machine, daemon);
}

fn arguments_that_never_come() {
    let machine = Machine::new().with("whitelist.names", ENTRY);
    // In the initial user namespace only root may let the kernel wait for a page, where a sysctl does not allow it to
    // all.
    let hog = hostile::start(0, &[LOSES, FIFTEEN, "48"]);
    let daemon = machine.launch(machine.command());
    is_well(&machine, daemon);
    drop(hog);
}

fn decoys_do_not_shelter_the_largest() {
    let machine = Machine::new()
        .with("settings.max_kills_per_minute", "30")
        .with("whitelist.users", "[\"root\"]");
    let start = |_| hostile::start(THEY, &[DECOY, "decoy", "16"]);
    let decoys: Vec<Hostile> = (0..81).map(start).collect();
    let mut hog = Hog::new().mib(40).user(THEY).start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    // The daemon's limit still holds for what is as small as the decoys are.
    machine.log().wait_for_scans(5);
    daemon.stop();
    let ended = decoys.iter().filter(|decoy| !decoy.is_alive());
    assert!(ended.count() <= 31);
}

fn what_a_victim_forks_ends_with_it() {
    for milliseconds in ["30", "500", "1500", "3000"] {
        let machine = Machine::new()
            .with("settings.term_timeout", "2")
            .with("whitelist.users", "[\"root\"]");
        let _first = hostile::start(THEY, &[FORKS, "forks", "48", milliseconds]);
        let mut daemon = machine.launch(machine.command());
        let log = machine.log();
        log.wait_for_words(&["Killing process:", "Name=forks"]);
        // Between two of them a look at /proc may miss both.
        let is_none = || processes::count("forks") == 0;
        let pause = || thread::sleep(Duration::from_millis(50));
        until("the last of them has ended", || {
            (0..5).all(|_| {
                pause();
                is_none()
            })
        });
        log.wait_for_scans(3);
        daemon.stop();
        let records = log.records();
        let ended = records
            .iter()
            .filter(|record| record.message.starts_with("Process ended:"));
        let claims = ended.filter(|record| record.message.contains("Freed="));
        // Their memory came back once, with the last, or with the last and its parent that were killed together.
        let claims: Vec<_> = claims.collect();
        assert!(claims.len() <= 2, "{milliseconds} ms: {claims:#?}");
    }
}

/// Protected by its executable, which any user may start.
const PROGRAM: &str = "/usr/bin/env";

fn machine_that_protects_a_program() -> Machine {
    let machine = Machine::new();
    let rule = format!("[[rule]]\nexe = \"{PROGRAM}\"\naction = \"protect\"\n");
    machine.drop_in("10.toml", &rule);
    machine
}

/// One that a user shows as that program in namespaces of its own.
fn forge(machine: &Machine) -> RunningHog {
    let copy = machine.path("program");
    fs::copy("/proc/self/exe", &copy).expect("a directory of ours");
    let script = format!("mount --bind {} {PROGRAM} && exec \"$@\"", copy.display());
    let namespaces = ["unshare", "--user", "--map-root-user", "--mount"];
    let words = namespaces
        .into_iter()
        .chain(["sh", "-c", &script, "sh", PROGRAM]);
    let hog = Hog::new().mib(80).user(THEY).by(words).start();
    let link = fs::read_link(format!("/proc/{}/exe", hog.pid())).expect("a child of ours");
    assert_eq!(link, Path::new(PROGRAM));
    hog
}

fn a_forged_executable() {
    let machine = machine_that_protects_a_program();
    let mut hog = forge(&machine);
    let mut daemon = machine.start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn a_forged_executable_in_a_shortage() {
    let memory = Memory::available(700);
    let machine = machine_that_protects_a_program()
        .with("thresholds.ram_gb_threshold", "100")
        .with("thresholds.check_interval", "3600")
        .with("system.action", "\"kill\"");
    let mut daemon = machine.start();
    // No scan has seen it.
    let mut hog = forge(&machine);
    memory.set_available(30);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    memory.set_available(700);
    daemon.stop();
}

fn stubborn_ones_and_few_descriptors() {
    let machine = Machine::new().with("settings.term_timeout", "0.3");
    let start = |_| Hog::new().mib(24).ignores_sigterm().start();
    let mut hogs: Vec<_> = (0..50).map(start).collect();
    let mut command = machine.command();
    os::with_descriptors(&mut command, 64);
    let mut daemon = machine.launch(command);
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    }
    daemon.stop();
}

/// A socket of nscd that takes questions and answers none.
fn hang_nscd() -> UnixListener {
    let directory = Path::new("/var/run/nscd");
    let run = Path::new("/var/run")
        .canonicalize()
        .expect("a directory of the system");
    os::mount(Path::new("none"), &run, "tmpfs", 0, "mode=755");
    fs::create_dir(directory).expect("a directory of ours");
    let listener = UnixListener::bind(directory.join("socket")).expect("a socket");
    let mode = Permissions::from_mode(0o666);
    fs::set_permissions(directory.join("socket"), mode).expect("ours");
    let server = listener.try_clone().expect("a copy");
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut client in server.incoming().flatten() {
            let mut question = [0; 64];
            let _ = client.read(&mut question);
            open.push(client);
        }
    });
    listener
}

fn a_user_database_that_never_answers() {
    const NOBODY: u32 = 65534;
    let _listener = hang_nscd();
    let mut machine = Machine::new();
    let first = Hog::new().user(NOBODY).start();
    let mut daemon = machine.launch(machine.command());
    let log = machine.log();
    let number = |pid: u32| format!("PID={pid}, Name=hog, User=65534,");
    // The C library waits for nscd for 5 s, and the daemon does not wait for the C library.
    log.wait_for_words(&["Killing process:", &number(first.pid())]);
    // Then it asks the files, and the name is there.
    until("the name is known", || {
        let late = Hog::new().user(NOBODY).start();
        let pid = late.pid();
        let record = log.wait_for_words(&["Killing process:", &format!("PID={pid},")]);
        record.message.contains("User=nobody,")
    });
    // A reload waits for 3 s, and says what it could not find out.
    machine.set("whitelist.users", "[\"daemon\"]");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    log.wait_for_words(&["user \"daemon\" can't be looked up", "no answer in time"]);
    let mut last = Hog::new().start();
    assert_eq!(last.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn a_start_beside_many_processes_with_one_memory() {
    const COUNT: usize = 2000;
    let _alone = processes::be_alone_with_thousands();
    let machine = Machine::new().with("whitelist.users", "[\"root\"]");
    let mut daemon = machine.start();
    let alone = highest_memory(daemon.pid());
    daemon.stop();
    let count = COUNT.to_string();
    let first = hostile::start(THEY, &[SHARES, "shares", "48", &count]);
    let mut daemon = machine.start();
    until("all have ended", || processes::count("shares") == 0);
    let beside = highest_memory(daemon.pid());
    daemon.stop();
    drop(first);
    // Less than a KiB for each.
    assert!(beside < alone + 2048, "{alone} KiB, {beside} KiB");
}

fn many_processes_with_one_memory() {
    const COUNT: usize = 2000;
    let _alone = processes::be_alone_with_thousands();
    let machine = Machine::new().with("whitelist.users", "[\"root\"]");
    let mut daemon = machine.start();
    let before = highest_memory(daemon.pid());
    let count = COUNT.to_string();
    // Stopped meanwhile, so that it finds all of them at once.
    daemon.pause();
    let first = hostile::start(THEY, &[SHARES, "shares", "48", &count]);
    daemon.resume();
    until("all have ended", || processes::count("shares") == 0);
    machine.log().wait_for_scans(3);
    let after = highest_memory(daemon.pid());
    daemon.stop();
    drop(first);
    // Less than a KiB for each.
    assert!(after < before + 2048, "from {before} KiB to {after} KiB");
    let log = machine.log();
    let records = log.records();
    // On loaded processors some have not ended when the first one has, and are killed by a later scan: again as one.
    let kills = log.count_of("Killing process:");
    assert!((1..=10).contains(&kills), "{records:#?}");
    for scan in records.split(|record| record.message.starts_with("Scan complete")) {
        let kills = scan
            .iter()
            .filter(|record| record.message.starts_with("Killing process:"));
        assert!(kills.count() <= 1, "{scan:#?}");
    }
    assert_eq!(log.count_of("Process ended:"), kills, "{records:#?}");
    let more = format!("And {COUNT} more processes: share their memory");
    assert_eq!(log.count_of(&more), 1, "{records:#?}");
}
