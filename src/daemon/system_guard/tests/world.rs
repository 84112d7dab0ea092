//! A machine as a directory of files that are written anew for each sample, so that they are read as those of the
//! kernel are.

use super::recording::{Recorded, Sample};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

/// Above any PID that Linux gives (2^22): whatever is done to such a process, none has this PID.
const FIRST_PID: u32 = 5_000_000;

/// A zram device; sizes in KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zram {
    pub(super) size: u64,
    pub(super) used: u64,
    /// The memory that 100 KiB in it take.
    pub(super) percent: u64,
}

/// The files.
pub(super) struct World {
    directory: TempDir,
    total: u64,
    /// What is there, and was written last.
    shown: BTreeMap<u32, Recorded>,
    texts: HashMap<&'static str, String>,
}

impl World {
    /// With so many KiB of memory.
    pub(super) fn new(total: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for part in ["proc/pressure", "block/zram0"] {
            fs::create_dir_all(directory.path().join(part)).unwrap();
        }
        Self {
            directory,
            total,
            shown: BTreeMap::new(),
            texts: HashMap::new(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes a file if it differs.
    fn renew(&mut self, name: &'static str, text: String) {
        if self.texts.get(name) != Some(&text) {
            self.write(name, &text);
            self.texts.insert(name, text);
        }
    }

    /// Writes what differs. `boot` is how long the machine had been up at the start, in seconds.
    pub(super) fn show(&mut self, sample: &Sample, zram: Option<Zram>, boot: u64) {
        let mut meminfo = String::new();
        let (size, used) = zram.map_or((0, 0), |zram| (zram.size, zram.used));
        for (name, kib) in [
            ("MemTotal", self.total),
            ("MemFree", sample.free),
            ("MemAvailable", sample.available),
            ("Buffers", 0),
            ("Cached", sample.cached),
            ("SwapTotal", size),
            ("SwapFree", size - used),
            ("AnonPages", sample.anon),
            ("Mapped", sample.mapped),
            ("Shmem", sample.shmem),
        ] {
            writeln!(meminfo, "{:<15} {kib:>8} kB", format!("{name}:")).unwrap();
        }
        self.renew("proc/meminfo", meminfo);
        let line =
            |kind, total| format!("{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={total}\n");
        let pressure = line("some", sample.some) + &line("full", sample.full);
        self.renew("proc/pressure/memory", pressure);
        let kills = format!(
            "nr_free_pages {}\noom_kill {}\n",
            sample.free / 4,
            sample.oom_kills
        );
        self.renew("proc/vmstat", kills);
        let mut swaps = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned();
        if let Some(Zram {
            size,
            used,
            percent,
        }) = zram
        {
            writeln!(swaps, "/dev/zram0\tpartition\t{size}\t{used}\t100").unwrap();
            let (stored, taken) = (used << 10, (used << 10) * percent / 100);
            let statistics = format!("{stored} {taken} {taken} 0 {taken} 0 0 0 0\n");
            self.renew("block/zram0/mm_stat", statistics);
        }
        self.renew("proc/swaps", swaps);
        let gone = self.shown.keys();
        for number in gone.filter(|number| !sample.processes.contains_key(number)) {
            fs::remove_dir_all(self.path(&directory_of(*number))).unwrap();
        }
        for (number, process) in &sample.processes {
            if self.shown.get(number) != Some(process) {
                self.show_process(*number, process, boot);
            }
        }
        if self.shown != sample.processes {
            self.shown.clone_from(&sample.processes);
        }
    }

    fn show_process(&self, number: u32, process: &Recorded, boot: u64) {
        let (directory, pid) = (directory_of(number), FIRST_PID + number);
        let Recorded {
            name,
            rss,
            anon,
            swap,
            began,
        } = process;
        let pages = rss / 4;
        // Those that were there before are as old as half of the time since boot.
        let start = if *began == 0 {
            boot * 50
        } else {
            boot * 100 + began / 10
        };
        if fs::create_dir(self.path(&directory)).is_ok() {
            let exe = self.path(&format!("{directory}/exe"));
            symlink(format!("/usr/bin/{name}"), exe).unwrap();
            self.write(&format!("{directory}/cmdline"), &format!("{name}\0"));
            self.write(&format!("{directory}/oom_score_adj"), "0\n");
            let group = "0::/user.slice/user-1000.slice/session-1.scope\n";
            self.write(&format!("{directory}/cgroup"), group);
        }
        let text = format!(
            "{pid} ({name}) S 1 {pid} {pid} 0 -1 4194560 120 0 3 0 40 12 0 0 20 0 1 0 {start} 4294967296 {pages} \
             18446744073709551615 1 1 0 0 0 0 0 4096 16384 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        self.write(&format!("{directory}/stat"), &text);
        let statm = format!("{} {pages} {} 10 0 1024 0\n", pages * 2, (rss - anon) / 4);
        self.write(&format!("{directory}/statm"), &statm);
        let status = format!(
            "Name:\t{name}\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t1\n\
             Uid:\t1000\t1000\t1000\t1000\nVmRSS:\t{rss} kB\nRssAnon:\t{anon} kB\nRssFile:\t{} kB\nRssShmem:\t0 kB\n\
             VmSwap:\t{swap} kB\nThreads:\t1\n",
            rss - anon
        );
        self.write(&format!("{directory}/status"), &status);
    }
}

fn directory_of(number: u32) -> String {
    format!("proc/{}", FIRST_PID + number)
}

pub(super) fn pid_of(number: u32) -> u32 {
    FIRST_PID + number
}

/// The number of the process with this PID.
pub(super) fn number_of(pid: u32) -> u32 {
    pid - FIRST_PID
}
