//! The memory of the machine as this test's /proc shows it: files of the test behind /proc/meminfo and others, so that
//! a machine can be short of memory without one that is.

use crate::harness::hog::RunningHog;
use crate::harness::os;
use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// In MiB: 4% of it are 41, and 32 are worth a kill.
const TOTAL: u64 = 1024;

/// The machine's memory, 1 GiB of it.
pub(crate) struct Memory {
    directory: PathBuf,
}

impl Memory {
    /// With so many MiB available, no swap, and nothing that waits for memory.
    pub(crate) fn available(mib: u64) -> Self {
        let directory = std::env::temp_dir().join("memory");
        fs::create_dir(&directory).expect("a directory of ours");
        let memory = Self { directory };
        memory.set_available(mib);
        memory.set_stalled(Duration::ZERO);
        memory.set_kernel_kills(0);
        memory.write("swaps", "Filename Type Size Used Priority\n");
        for (file, shown) in [
            ("meminfo", "/proc/meminfo"),
            ("pressure", "/proc/pressure/memory"),
            ("swaps", "/proc/swaps"),
            ("vmstat", "/proc/vmstat"),
        ] {
            let source = memory.directory.join(file);
            os::mount(&source, shown.as_ref(), "", libc::MS_BIND, "");
        }
        memory
    }

    /// From now on so many MiB are available.
    pub(crate) fn set_available(&self, mib: u64) {
        let text = format!(
            "MemTotal: {} kB\nMemFree: {} kB\nMemAvailable: {} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n\
             AnonPages: 1 kB\nMapped: 1 kB\nShmem: 2048 kB\nSUnreclaim: 1024 kB\n",
            TOTAL << 10,
            mib << 10,
            mib << 10,
        );
        self.write("meminfo", &text);
    }

    /// When this process ends so many MiB are available at once, as where its memory was what was missing; on loaded
    /// processors too, so that no second one has to be killed.
    pub(crate) fn is_freed_by(&self, hog: &RunningHog, mib: u64) -> JoinHandle<()> {
        let (pid, directory) = (hog.pid(), self.directory.clone());
        thread::spawn(move || {
            os::raise_priority();
            os::wait_for_end_of(pid);
            Self { directory }.set_available(mib);
        })
    }

    /// For so long all work has waited for memory since boot.
    pub(crate) fn set_stalled(&self, time: Duration) {
        let text = format!(
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
             full avg10=0.00 avg60=0.00 avg300=0.00 total={}\n",
            time.as_micros()
        );
        self.write("pressure", &text);
    }

    /// The kernel's OOM killer has killed so many processes since boot.
    pub(crate) fn set_kernel_kills(&self, count: u32) {
        self.write("vmstat", &format!("nr_free_pages 1\noom_kill {count}\n"));
    }

    /// In place, as the mount is of the file that is there. A reader may see nothing of it in between.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).expect("a directory of ours");
    }
}
