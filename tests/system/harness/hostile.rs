//! Processes that do not wish the daemon well: [`start`] starts one, [`run`] is what it does.

use crate::harness::hog::GROUP;
use crate::harness::machine::LIMIT;
use crate::harness::os;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The first argument of this executable when it is to be such a process.
pub(crate) const WORD: &str = "--hostile";
const READY: &str = "ready\n";
const MIB: usize = 1 << 20;

/// Kills its process when it is dropped.
pub(crate) struct Hostile(pub(crate) Child);

impl Hostile {
    /// Its PID.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether a thread of it is left.
    pub(crate) fn is_alive(&self) -> bool {
        !os::is_over(self.pid())
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        // Its end is not waited for: that may be what it prevents.
        let _ = self.0.kill();
    }
}

/// Starts one of the user `uid` with these words: a role, and what that needs. Returns when it does what it is to do.
pub(crate) fn start(uid: u32, words: &[&str]) -> Hostile {
    let mut command = Command::new("/proc/self/exe");
    command.arg(WORD).args(words).uid(uid).gid(GROUP);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("a process starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert!(line == READY || words[0] == FORKS, "{words:?}: {line:?}");
    Hostile(child)
}

/// Maps memory of a file three times: `NAME MIB`.
pub(crate) const DECOY: &str = "decoy";
/// Is continued by a child after so many milliseconds, again and again, and ignores SIGTERM: `NAME MIB MILLISECONDS`.
pub(crate) const FORKS: &str = "forks";
/// Has its memory together with so many other processes: `NAME MIB COUNT`.
pub(crate) const SHARES: &str = "shares";
/// Has its memory together with so many copies of it, which share it by fork(2): `NAME MIB COUNT`. Where a path follows
/// it makes them as soon as there is a file.
pub(crate) const COPIES: &str = "copies";
/// Starts a copy of it every few milliseconds, each with memory of its own: `NAME MIB COUNT`.
pub(crate) const STORM: &str = "storm";
/// Waits for a page of a FUSE file system that never comes: `NAME MIB DEVICE DIRECTORY`.
pub(crate) const HANGS: &str = "hangs";
/// The file system of that.
const SERVES: &str = "serves";
/// Takes so much new memory again and again, with a limit below that: `NAME MIB`.
const THRASHES: &str = "thrashes";
/// Has arguments that can't be read: `NAME MIB`.
pub(crate) const LOSES: &str = "loses";

/// Its life: `ROLE NAME MIB ...`.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) {
    let words: Vec<OsString> = arguments.collect();
    let word = |at: usize| {
        words
            .get(at)
            .and_then(|word| word.to_str())
            .unwrap_or_default()
    };
    let number = |at: usize| word(at).parse::<usize>().expect("a number");
    if word(0) == SERVES {
        let device = File::from(
            std::io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .expect("a device"),
        );
        return os::serve_fuse(device);
    }
    name(word(1));
    match word(0) {
        DECOY => {
            os::map_times(number(2) * MIB, 3);
            ready_for_ever(&[]);
        }
        FORKS => {
            os::ignore_sigterm();
            let memory = vec![b'm'; number(2) * MIB];
            ready();
            for _ in 0..LIMIT.as_millis() {
                thread::sleep(Duration::from_millis(number(3) as u64));
                std::hint::black_box(&memory);
                os::go_on_as_child();
            }
        }
        SHARES => {
            let memory = vec![b'm'; number(2) * MIB];
            os::clone_with_memory(number(3));
            ready_for_ever(&memory);
        }
        COPIES => {
            let memory = vec![b'm'; number(2) * MIB];
            let signal = words.get(4).map(Path::new);
            if let Some(signal) = signal {
                os::rehearse_fork();
                ready();
                let mut has_forked = false;
                // It goes on as before, so that what it has resident stays as it is.
                loop {
                    let is_due = signal.exists() && !has_forked;
                    has_forked |= is_due;
                    if is_due && os::fork_copies(number(3)) {
                        wait_for_ever(&memory);
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            }
            if os::fork_copies(number(3)) {
                wait_for_ever(&memory);
            }
            ready_for_ever(&memory);
        }
        STORM => {
            // A session is of this namespace, as a login's is of the machine.
            os::lead_session();
            ready();
            for _ in 0..number(3) {
                if os::fork_copies(1) {
                    wait_for_ever(&vec![b'm'; number(2) * MIB]);
                }
                thread::sleep(Duration::from_millis(2));
            }
            wait_for_ever(&[]);
        }
        HANGS => {
            let memory = vec![b'm'; number(2) * MIB];
            let file = mount_fuse(Path::new(word(3)), Path::new(word(4)));
            ready();
            write_to_lock();
            thread::sleep(Duration::from_millis(50));
            os::fault_on(&file);
            drop(memory);
        }
        THRASHES => {
            write_to_lock();
            ready();
            loop {
                os::populate(number(2) * MIB);
            }
        }
        LOSES => {
            let memory = vec![b'm'; number(2) * MIB];
            match os::lose_arguments() {
                Ok(_kept) => ready_for_ever(&memory),
                Err(error) => eprintln!("userfaultfd: {error}"),
            }
        }
        role => panic!("no role: {role}"),
    }
}

fn name(comm: &str) {
    fs::write("/proc/self/comm", comm).expect("a process may name itself");
}

/// What waits for a page reads under the lock of the memory. From now on a writer waits behind it, and keeps all other
/// readers out.
fn write_to_lock() {
    thread::spawn(|| {
        loop {
            // The C library does not ask the kernel for each.
            os::populate(MIB);
            thread::sleep(Duration::from_millis(10));
        }
    });
}

fn ready() {
    let mut stdout = std::io::stdout();
    stdout.write_all(READY.as_bytes()).expect("the test reads");
    stdout.flush().expect("the test reads");
}

fn ready_for_ever(memory: &[u8]) {
    ready();
    wait_for_ever(memory);
}

fn wait_for_ever(memory: &[u8]) -> ! {
    loop {
        std::hint::black_box(memory);
        thread::sleep(LIMIT);
    }
}

#[allow(
    clippy::zombie_processes,
    reason = "the test ends it, and this process with it"
)]
/// Mounts a file system in a user namespace of its own, answered by another process; returns its file.
fn mount_fuse(device: &Path, directory: &Path) -> File {
    // A file system of a user namespace wants a device that was opened there.
    os::own_user_namespace();
    let device = File::options()
        .read(true)
        .write(true)
        .open(device)
        .expect("a device of the test");
    let data = format!(
        "fd={},rootmode=40000,user_id=0,group_id=0",
        device.as_raw_fd()
    );
    os::mount(Path::new("none"), directory, "fuse", 0, &data);
    let mut server = Command::new("/proc/self/exe");
    server
        .arg(WORD)
        .arg(OsStr::new(SERVES))
        .stdin(Stdio::from(device))
        .stdout(Stdio::null());
    let server = server.spawn().expect("the file system starts");
    // Its PID, for the test to end it.
    fs::write(directory.with_extension("server"), server.id().to_string()).expect("the test's");
    File::open(directory.join("file")).expect("the file system answers")
}
