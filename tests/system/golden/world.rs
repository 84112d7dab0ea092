//! A machine on which everything that the program prints is fixed: its memory, its users, its processes with
//! their PIDs, names, users and memory, and the directories of the program. What is measured lies behind
//! files that are mounted over those of /proc, so that no figure is the test machine's.

use crate::harness::hog::{Hog, RunningHog, next_pid};
use crate::harness::machine::binary;
use crate::harness::os;
use crate::harness::syslog::own_dev;
use crate::harness::trusted;
use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The PIDs of the program: as a command, and as the daemon.
const COMMAND_PID: u32 = 900;
const DAEMON_PID: u32 = 800;
const PROGRAM: &str = "memory-monitor";
/// Far above that of the program, whose own share is then 0.00% whatever it was built with.
const MEMINFO: &str = "MemTotal: 268435456 kB\nMemFree: 67108864 kB\nMemAvailable: 134217728 kB\n\
    SwapTotal: 8388608 kB\nSwapFree: 8388608 kB\n";
/// Nothing waits for memory.
const PRESSURE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
    full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
const SWAPS: &str = "Filename Type Size Used Priority\n/dev/sda2 partition 8388608 0 -2\n";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nalice:x:1001:4242::/:/bin/sh\n\
    bob:x:1002:4242::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
pub(super) const ALICE: u32 = 1001;
pub(super) const BOB: u32 = 1002;

/// One process of the world.
pub(super) struct Process {
    pid: u32,
    name: &'static str,
    exe: &'static str,
    user: u32,
    rss: f64,
    pss: f64,
    ignores_sigterm: bool,
    unit: &'static str,
    files: Vec<(&'static str, &'static str)>,
    is_kernel_thread: bool,
}

/// A process of root's with so many GB of resident memory, whose name is its executable's.
pub(super) fn process(pid: u32, name: &'static str, gb: f64) -> Process {
    Process {
        pid,
        name,
        exe: name,
        user: 0,
        rss: gb,
        pss: gb,
        ignores_sigterm: false,
        unit: "/",
        files: Vec::new(),
        is_kernel_thread: false,
    }
}

impl Process {
    pub(super) fn user(self, user: u32) -> Self {
        Self { user, ..self }
    }

    /// Of another executable than its name says.
    pub(super) fn exe(self, exe: &'static str) -> Self {
        Self { exe, ..self }
    }

    /// With so many GB when shared memory is divided among those who share it.
    pub(super) fn pss(self, pss: f64) -> Self {
        Self { pss, ..self }
    }

    pub(super) fn ignores_sigterm(self) -> Self {
        let ignores_sigterm = true;
        Self {
            ignores_sigterm,
            ..self
        }
    }

    /// In this control group.
    pub(super) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// With this text in a file of its directory in /proc.
    pub(super) fn file(mut self, name: &'static str, text: &'static str) -> Self {
        self.files.push((name, text));
        self
    }

    pub(super) fn kernel_thread(self) -> Self {
        let is_kernel_thread = true;
        Self {
            is_kernel_thread,
            ..self
        }
    }
}

pub(super) struct World {
    hogs: Vec<RunningHog>,
    mounted: Cell<u32>,
}

impl World {
    /// With these processes, the test itself as pid 1, and no other.
    pub(super) fn with(processes: &[Process]) -> Self {
        for directory in ["bin", "config.d", "run", "state", "log", "etc", "mounted"] {
            fs::create_dir(path(directory)).expect("a directory of ours");
        }
        for (original, copy) in [(Path::new("/proc/self/exe"), "hog"), (binary(), PROGRAM)] {
            trusted::copy(original, trusted::root(), copy);
        }
        // Nothing of this machine's: no configuration, no unit, no log, no /dev/log.
        fs::write(path("etc/passwd"), PASSWD).expect("a directory of ours");
        os::mount(&path("etc"), Path::new("/etc"), "", libc::MS_BIND, "");
        os::mount(&path("log"), Path::new("/var/log"), "", libc::MS_BIND, "");
        own_dev();
        fs::write("/proc/self/comm", "first").expect("a process may name itself");
        let mounted = Cell::new(0);
        let hogs = Vec::new();
        let mut world = Self { hogs, mounted };
        for (name, text) in [
            ("meminfo", MEMINFO),
            ("pressure/memory", PRESSURE),
            ("swaps", SWAPS),
            ("vmstat", "oom_kill 0\n"),
        ] {
            world.mount(&Path::new("/proc").join(name), text);
        }
        world.measure(1, 0.01, 0.01, "/");
        for process in processes {
            world.start(process);
        }
        world
    }

    fn start(&mut self, process: &Process) {
        let exe = path("bin").join(process.exe);
        if !exe.exists() {
            fs::hard_link(path("hog"), &exe).expect("a directory of ours");
        }
        let mut hog = Hog::new().mib(1).comm(process.name).by([&exe]);
        if process.user != 0 {
            hog = hog.user(process.user);
        }
        if process.ignores_sigterm {
            hog = hog.ignores_sigterm();
        }
        let hog = hog.start_as(process.pid);
        if process.is_kernel_thread {
            hog.show_as_kernel_thread();
        }
        self.hogs.push(hog);
        self.measure(process.pid, process.rss, process.pss, process.unit);
        let directory = of_process(process.pid);
        for (name, text) in &process.files {
            self.mount(&directory.join(name), text);
        }
    }

    /// Lets /proc show this memory and this control group for a process.
    fn measure(&self, pid: u32, rss: f64, pss: f64, unit: &str) {
        let directory = of_process(pid);
        let (rss, pss) = (kib(rss), kib(pss));
        let pages = rss * 1024 / os::page_size();
        let statm = format!("{} {pages} 0 0 0 {pages} 0\n", pages * 2);
        let status = fs::read_to_string(directory.join("status")).expect("a child of ours");
        let mut fixed = String::new();
        for line in status.lines() {
            let kib = match line.split_once(':').map(|(key, _)| key) {
                Some("VmRSS" | "VmHWM" | "RssAnon") => rss,
                Some("RssFile" | "RssShmem" | "VmSwap") => 0,
                _ => {
                    writeln!(fixed, "{line}").expect("a String takes all");
                    continue;
                }
            };
            let (key, _) = line.split_once(':').expect("it has a key");
            writeln!(fixed, "{key}:\t{kib} kB").expect("a String takes all");
        }
        let rollup = format!(
            "00400000-7fff00000000 ---p 00000000 00:00 0 [rollup]\nRss: {rss} kB\nPss: {pss} kB\nSwap: 0 kB\n"
        );
        self.mount(&directory.join("statm"), &statm);
        self.mount(&directory.join("status"), &fixed);
        self.mount(&directory.join("smaps_rollup"), &rollup);
        self.mount(&directory.join("cgroup"), &format!("0::{unit}\n"));
    }

    /// Lets `target` have this text.
    fn mount(&self, target: &Path, text: &str) {
        self.mounted.set(self.mounted.get() + 1);
        let source = path("mounted").join(self.mounted.get().to_string());
        fs::write(&source, text).expect("a directory of ours");
        os::mount(&source, target, "", libc::MS_BIND, "");
    }

    /// The hog with this PID.
    pub(super) fn hog(&mut self, pid: u32) -> &mut RunningHog {
        let mut hogs = self.hogs.iter_mut();
        hogs.find(|hog| hog.pid() == pid).expect("a process of it")
    }
}

/// The program with these arguments, to be started at once.
pub(super) fn command(words: &[&str]) -> Command {
    next_pid(COMMAND_PID);
    program(words)
}

/// The same, as the daemon.
pub(super) fn daemon(words: &[&str]) -> Command {
    next_pid(DAEMON_PID);
    program(words)
}

fn program(words: &[&str]) -> Command {
    let mut command = Command::new(path(PROGRAM));
    command
        .args(words)
        .env("TZ", "UTC0")
        .env("STATE_DIRECTORY", path("state"))
        .env("RUNTIME_DIRECTORY", path("run"))
        .env_remove("NO_COLOR");
    command
}

/// A path of the world.
pub(super) fn path(name: &str) -> PathBuf {
    trusted::root().join(name)
}

fn of_process(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of the world, which fit"
)]
fn kib(gb: f64) -> u64 {
    (gb * 1024.0 * 1024.0) as u64
}
