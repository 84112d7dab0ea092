//! What says whether the machine as a whole is short of memory, through files that stay open: /proc/meminfo (10 us a
//! read), /proc/pressure/memory (3 us), /proc/swaps (1 us), the figures of ZFS and of zram; and how often the kernel
//! has killed, by /proc/vmstat. Touches these files; no heap allocation once each swap was seen.

use super::parse::{self, Levels};
use super::{Error, ProcRoot, system_parse};
use crate::quantities::Bytes;
use crate::sys::fs;
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// Where the kernel shows its block devices, zram among them.
const BLOCK: &str = "/sys/block";

/// Where the figures of ZFS are, below the proc root.
const ARC: &CStr = c"spl/kstat/zfs/arcstats";

/// A zram device that holds less says nothing of how well it compresses what comes.
const FILLED: u64 = 1 << 20;

/// What is assumed of such a device: half of a page is gained.
const UNKNOWN_GAIN: f64 = 0.5;

/// So many zram devices are read at once.
const DEVICES: usize = 8;

/// The open files.
#[derive(Debug)]
pub struct SystemFiles {
    meminfo: OwnedFd,
    pressure: Result<OwnedFd, io::Error>,
    /// What it said when it was read last.
    stalled: Option<Duration>,
    swaps: Option<OwnedFd>,
    arc: Option<OwnedFd>,
    block: Option<OwnedFd>,
    /// The mm_stat of zram devices by their numbers.
    zram: Vec<(u64, OwnedFd)>,
}

/// What they say at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemReading {
    /// Of /proc/meminfo.
    pub levels: Levels,
    /// MemAvailable, and what ZFS gives back; None before Linux 3.14, which does not say.
    pub available: Option<Bytes>,
    /// The same, and free swap for what it gains.
    pub left: Option<Bytes>,
    /// How long all work has waited for memory since boot; None where the kernel does not say.
    pub stalled: Option<Duration>,
}

/// Where memory is that no process can be killed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherMemory {
    /// Shared memory and tmpfs.
    pub shared: Bytes,
    /// The kernel's own: what it can't give back, its stacks and page tables.
    pub kernel: Bytes,
}

impl SystemFiles {
    /// Of this proc root.
    ///
    /// # Errors
    /// Where meminfo can't be opened; the others are optional.
    pub fn open(root: &ProcRoot) -> Result<Self, Error> {
        let block = fs::open_directory(Path::new(BLOCK)).ok();
        Self::with_block(root, block)
    }

    /// The same with the block devices in another directory.
    pub(crate) fn with_block(root: &ProcRoot, block: Option<OwnedFd>) -> Result<Self, Error> {
        let open = |name| fs::open_file_at(root.as_fd(), name);
        let meminfo = open(c"meminfo").map_err(|source| Error::Read {
            path: root.path_of("meminfo"),
            source,
        })?;
        // Where PSI is switched off the file is there, and can't be read.
        let pressure = open(c"pressure/memory").and_then(|file| {
            fs::read_again(file.as_fd(), &mut [0; 256])?;
            Ok(file)
        });
        Ok(Self {
            meminfo,
            pressure,
            stalled: None,
            swaps: open(c"swaps").ok(),
            arc: open(ARC).ok(),
            block,
            zram: Vec::with_capacity(DEVICES),
        })
    }

    /// Why the kernel does not say how long work waits for memory; None where it does.
    pub fn pressure_error(&self) -> Option<&io::Error> {
        self.pressure.as_ref().err()
    }

    /// Reads all of them.
    pub fn read(&mut self) -> SystemReading {
        let text = self.pressure.as_ref().ok();
        let mut buffer = [0; 256];
        let text = text.and_then(|file| read_whole(file, &mut buffer));
        self.stalled = text.and_then(system_parse::full_stall);
        self.read_levels()
    }

    /// The same with the stall time as it was read last.
    pub fn read_levels(&mut self) -> SystemReading {
        let mut buffer = [0; 8192];
        let levels = read_whole(&self.meminfo, &mut buffer);
        let levels = levels.map_or_else(Levels::default, parse::levels);
        let arc = self.arc_excess(&mut buffer);
        let swap = match levels.swap_free {
            Some(free) if free > Bytes::ZERO => self.swap_gain(free, &mut buffer),
            _ => Bytes::ZERO,
        };
        let available = levels
            .available_memory
            .map(|memory| memory.saturating_add(arc));
        SystemReading {
            levels,
            available,
            left: available.map(|available| available.saturating_add(swap)),
            stalled: self.stalled,
        }
    }

    /// What no process can be killed for.
    pub fn other_memory(&self) -> OtherMemory {
        let mut buffer = [0; 8192];
        let Some(text) = read_lines(&self.meminfo, &mut buffer) else {
            return OtherMemory::default();
        };
        let amount = |name| parse::amount(text, name).unwrap_or(Bytes::ZERO);
        let kernel = ["SUnreclaim", "KernelStack", "PageTables", "Percpu"];
        let kernel = kernel.iter().map(|name| amount(name.as_bytes()));
        OtherMemory {
            shared: amount(b"Shmem"),
            kernel: kernel.fold(Bytes::ZERO, Bytes::saturating_add),
        }
    }

    /// The cache of ZFS is not in MemAvailable, and shrinks to its minimum when memory is needed.
    fn arc_excess(&self, buffer: &mut [u8]) -> Bytes {
        let text = self.arc.as_ref();
        let text = text.and_then(|file| read_lines(file, buffer));
        text.and_then(system_parse::arc_excess)
            .unwrap_or(Bytes::ZERO)
    }

    /// What the free swap gains: all of a page on a disk, on zram what compressing it gains. `free` is all of it.
    fn swap_gain(&mut self, free: Bytes, buffer: &mut [u8]) -> Bytes {
        let text = self.swaps.as_ref();
        let text = text.and_then(|file| read_whole(file, buffer));
        let Some(text) = text else { return free };
        let mut gained = Bytes::ZERO;
        for swap in system_parse::swaps(text) {
            let gain = swap.zram.map_or(1.0, |number| {
                let file = zram_file(&mut self.zram, self.block.as_ref(), number);
                let mut buffer = [0; 256];
                let text = file.and_then(|file| read_whole(file, &mut buffer));
                text.and_then(system_parse::zram).map_or(UNKNOWN_GAIN, gain)
            });
            gained = gained.saturating_add(swap.free.part(gain));
        }
        gained.min(free)
    }
}

/// The text of a file; None where it fills the buffer, as something may be missing then.
fn read_whole<'b>(file: &OwnedFd, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let size = buffer.len();
    let text = fs::read_again(file.as_fd(), buffer).ok();
    text.filter(|text| text.len() < size)
}

/// The lines of a file, as far as they are in the buffer as a whole: of a number that is cut nothing is known.
fn read_lines<'b>(file: &OwnedFd, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let text = fs::read_again(file.as_fd(), buffer).ok()?;
    let end = text.iter().rposition(|&byte| byte == b'\n');
    text.get(..end.map_or(0, |end| end + 1))
}

/// The open mm_stat of a zram device; None where it can't be opened.
fn zram_file<'z>(
    known: &'z mut Vec<(u64, OwnedFd)>,
    block: Option<&OwnedFd>,
    number: u64,
) -> Option<&'z OwnedFd> {
    if let Some(index) = known.iter().position(|(known, _)| *known == number) {
        return known.get(index).map(|(_, file)| file);
    }
    if known.len() >= DEVICES {
        return None;
    }
    let mut path = [0; 64];
    write!(path.as_mut_slice(), "zram{number}/mm_stat").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let file = fs::open_file_at(block?.as_fd(), path).ok()?;
    known.push((number, file));
    known.last().map(|(_, file)| file)
}

/// What is gained where so much was stored in so much memory.
#[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
fn gain((stored, used): (u64, u64)) -> f64 {
    if stored < FILLED {
        return UNKNOWN_GAIN;
    }
    (1.0 - used as f64 / stored as f64).clamp(0.0, 1.0)
}

/// How often the kernel's OOM killer has killed, in the machine or in a control group.
#[derive(Debug)]
pub struct KernelKills {
    vmstat: Option<OwnedFd>,
    before: Option<u64>,
}

impl KernelKills {
    /// From now on. Counts nothing where the kernel does not say (before Linux 4.13).
    pub fn new(root: &ProcRoot) -> Self {
        let mut kills = Self {
            vmstat: fs::open_file_at(root.as_fd(), c"vmstat").ok(),
            before: None,
        };
        kills.take();
        kills
    }

    /// How many there were since the last call.
    pub fn take(&mut self) -> u64 {
        let mut buffer = [0; 16 * 1024];
        let text = self.vmstat.as_ref();
        let text = text.and_then(|file| read_lines(file, &mut buffer));
        let Some(kills) = text.and_then(system_parse::oom_kills) else {
            return 0;
        };
        let before = self.before.replace(kills).unwrap_or(kills);
        kills.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests;
