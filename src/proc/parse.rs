//! The files of /proc as bytes -> values. None where the bytes have an unexpected format: comm is attacker-controlled,
//! so every parser must take any bytes. Formats: proc(5). Pure.

use crate::quantities::{Bytes, Pid, StartTime, Uid};

/// PF_KTHREAD of the kernel's include/linux/sched.h.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What this program needs of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'b> {
    /// At most 15 bytes, any but NUL.
    pub comm: &'b [u8],
    /// `R`, `S`, `D`, `Z`, `T`, `t`, ...
    pub state: u8,
    /// Field 6: the PID of its session's leader; None for one that is exiting, or where that is outside of the pid
    /// namespace.
    pub session: Option<Pid>,
    /// Whether the flags say that it is a thread of the kernel.
    pub is_kernel_thread: bool,
    /// Threads of the process, a leader that has exited included.
    pub threads: u64,
    /// Field 22.
    pub start_time: StartTime,
}

/// /proc/PID/stat. comm may hold anything, `)` and spaces included, so its end is the last `)`.
pub fn stat(text: &[u8]) -> Option<Stat<'_>> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?;
    let mut fields = words(text.get(close + 1..)?);
    // Field 3 comes first here.
    let state = match fields.next()? {
        [state] => *state,
        _ => return None,
    };
    let session = fields.nth(6 - 4)?;
    let session = number(session).and_then(|pid| Pid::new(u32::try_from(pid).ok()?));
    let flags = number(fields.nth(9 - 7)?)?;
    let threads = number(fields.nth(20 - 10)?)?;
    let start_time = StartTime(number(fields.nth(22 - 21)?)?);
    let is_kernel_thread = flags & KERNEL_THREAD != 0;
    Some(Stat {
        comm,
        state,
        session,
        is_kernel_thread,
        threads,
        start_time,
    })
}

/// /proc/PID/statm: the pages of the address space and those resident. Both are 0 of a process that
/// has no memory of its own: a kernel thread, a zombie, or one whose main thread has exited.
pub fn statm(text: &[u8]) -> Option<(u64, u64)> {
    let mut fields = words(text);
    Some((number(fields.next()?)?, number(fields.next()?)?))
}

/// What this program needs of /proc/PID/status; None where the kernel does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The real uid.
    pub uid: Option<Uid>,
    /// Its parent; None for pid 1, and where the parent is outside of the pid namespace.
    pub parent: Option<Pid>,
    /// RssAnon, since Linux 4.5: resident memory that no file backs.
    pub anonymous: Option<Bytes>,
    /// VmSwap: what of it was swapped out.
    pub swapped: Option<Bytes>,
    /// HugetlbPages: reserved huge pages, which no other figure counts.
    pub huge: Option<Bytes>,
}

impl Status {
    /// Takes in one line. The kernel escapes newlines in the name, which is in the first one.
    pub fn take(&mut self, line: &[u8]) {
        let Some(at) = line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = line.split_at(at);
        let value = value
            .get(1..)
            .and_then(|value| words(value).next())
            .and_then(number);
        let small = value.and_then(|value| u32::try_from(value).ok());
        match name {
            b"Uid" => self.uid = small.map(Uid::new),
            b"PPid" => self.parent = small.and_then(Pid::new),
            b"RssAnon" => self.anonymous = value.map(Bytes::from_kib),
            b"VmSwap" => self.swapped = value.map(Bytes::from_kib),
            b"HugetlbPages" => self.huge = value.map(Bytes::from_kib),
            _ => {}
        }
    }
}

/// A whole /proc/PID/status.
pub fn status(text: &[u8]) -> Status {
    let mut status = Status::default();
    lines(text).for_each(|line| status.take(line));
    status
}

/// An amount in kB that stands behind `name:` on a line of its own, as in status and smaps_rollup.
pub(super) fn amount(text: &[u8], name: &[u8]) -> Option<Bytes> {
    let value = lines(text).find_map(|line| line.strip_prefix(name)?.strip_prefix(b":"))?;
    number(words(value).next()?).map(Bytes::from_kib)
}

/// /proc/meminfo at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemMemory {
    /// MemTotal.
    pub total: Bytes,
    /// MemAvailable; None before Linux 3.14, which does not say.
    pub available: Option<Bytes>,
    /// SwapTotal; zero where the kernel has no swap.
    pub swap_total: Bytes,
    /// SwapFree; all of it where the kernel does not say.
    pub swap_free: Bytes,
    /// Reserved huge pages of the default size that are in use.
    pub huge_used: Bytes,
}

/// /proc/meminfo.
pub fn meminfo(text: &[u8]) -> Option<SystemMemory> {
    let total = amount(text, b"MemTotal").filter(|&total| total > Bytes::ZERO)?;
    let swap_total = amount(text, b"SwapTotal").unwrap_or(Bytes::ZERO);
    // These are numbers of pages, the size of which is in kB.
    let pages = |name| amount(text, name).map_or(0, |pages| pages.get() / 1024);
    let used = pages(b"HugePages_Total").saturating_sub(pages(b"HugePages_Free"));
    let page = amount(text, b"Hugepagesize").unwrap_or(Bytes::ZERO);
    Some(SystemMemory {
        huge_used: Bytes::new(page.get().saturating_mul(used)),
        total,
        available: amount(text, b"MemAvailable"),
        swap_total,
        swap_free: amount(text, b"SwapFree").unwrap_or(swap_total),
    })
}

/// A line of /proc/PID/cgroup: the path of the process in the unified hierarchy, or in systemd's own of older machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CgroupPath<'b> {
    Unified(&'b [u8]),
    Systemd(&'b [u8]),
}

/// None for a line of another hierarchy.
pub(super) fn cgroup_path(line: &[u8]) -> Option<CgroupPath<'_>> {
    const SYSTEMD: &[u8] = b":name=systemd:";
    if let Some(path) = line.strip_prefix(b"0::") {
        return Some(CgroupPath::Unified(path));
    }
    let mut parts = line.windows(SYSTEMD.len());
    let at = parts.position(|part| part == SYSTEMD)?;
    line.get(at + SYSTEMD.len()..).map(CgroupPath::Systemd)
}

/// What a tick needs of /proc/meminfo. None where the kernel does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// The memory that processes have in their address spaces, AnonPages + Mapped. It grows by what one of them grows
    /// by, unless others had that mapped already.
    pub occupied: Option<Bytes>,
    /// What is available to them, MemAvailable + SwapFree. It shrinks by what one of them grows by, even if that is
    /// swapped out at once.
    pub available: Option<Bytes>,
    /// MemAvailable alone.
    pub available_memory: Option<Bytes>,
    /// MemTotal.
    pub total: Option<Bytes>,
    /// SwapFree.
    pub swap_free: Option<Bytes>,
}

/// The levels of /proc/meminfo, in one pass: it is read at every tick.
pub fn levels(meminfo: &[u8]) -> Levels {
    const NAMES: [&[u8]; 5] = [
        b"AnonPages",
        b"Mapped",
        b"MemAvailable",
        b"SwapFree",
        b"MemTotal",
    ];
    let mut found = [None; NAMES.len()];
    for line in lines(meminfo) {
        for (name, found) in NAMES.iter().zip(&mut found) {
            let value = line
                .strip_prefix(*name)
                .and_then(|rest| rest.strip_prefix(b":"));
            if let Some(value) = value {
                *found = words(value).next().and_then(number).map(Bytes::from_kib);
            }
        }
    }
    let [anonymous, mapped, available, swap_free, total] = found;
    let swap = swap_free.unwrap_or(Bytes::ZERO);
    Levels {
        occupied: anonymous
            .zip(mapped)
            .map(|(anonymous, mapped)| anonymous.saturating_add(mapped)),
        available: available.map(|available| available.saturating_add(swap)),
        available_memory: available,
        total,
        swap_free,
    }
}

/// A whole file that holds one integer, as /proc/PID/oom_score_adj does.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// Decimal digits only: no sign, no overflow.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Decimal digits that are a PID.
pub(super) fn pid(digits: &[u8]) -> Option<Pid> {
    Pid::new(u32::try_from(number(digits)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: &str = "S 1 2 3 4 5 4194560 7 8 9 10 11 12 13 14 15 16 3 18 987654 20 21 22";

    #[test]
    fn stat_takes_the_last_parenthesis() {
        let text = format!("42 (a) S 1 (b)\n) {REST}\n");
        let stat = stat(text.as_bytes()).unwrap();
        assert_eq!(stat.comm, b"a) S 1 (b)\n");
        assert_eq!((stat.state, stat.threads), (b'S', 3));
        assert_eq!(stat.session, Pid::new(3));
        assert_eq!(stat.start_time, StartTime(987_654));
        assert!(!stat.is_kernel_thread);
    }

    #[test]
    fn stat_of_this_process_agrees_with_procfs() {
        let text = std::fs::read("/proc/self/stat").unwrap();
        let ours = stat(&text).unwrap();
        let theirs = procfs::process::Process::myself().unwrap().stat().unwrap();
        assert_eq!(ours.comm, theirs.comm.as_bytes());
        assert_eq!(ours.start_time, StartTime(theirs.starttime));
        let session = u32::try_from(theirs.session).unwrap();
        assert_eq!(ours.session, Pid::new(session));
    }

    #[test]
    fn kernel_threads_are_known_by_their_flag() {
        let text = REST.replace("4194560", "69238880");
        assert!(
            stat(format!("2 (sh) {text}").as_bytes())
                .unwrap()
                .is_kernel_thread
        );
    }

    #[test]
    fn an_unexpected_format_is_no_value() {
        for text in [
            "",
            "1",
            "1 (x)",
            "1 (x) S 1 2",
            "1 )x( S",
            "1 (x) SS 1 2 3 4 5 6 7 8 9",
        ] {
            assert_eq!(stat(text.as_bytes()), None, "{text}");
        }
        for text in ["", "1", "1 x", "-1 2", "1 99999999999999999999", "1 +2"] {
            assert_eq!(statm(text.as_bytes()), None, "{text}");
        }
        for text in ["", "Uid:", "Uid:\t-1", "Uid:\t4294967296\t0", "xUid:\t1"] {
            assert_eq!(status(text.as_bytes()).uid, None, "{text}");
        }
        for text in [
            "",
            "MemTotal: 0 kB",
            "MemTotal:",
            "MemAvailable: 1 kB",
            "MemTotalX: 1 kB",
        ] {
            assert_eq!(meminfo(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn values_have_their_units() {
        assert_eq!(statm(b"100 25 3 4 5 6 7\n"), Some((100, 25)));
        let text = b"Name:\tUid:\\n0\nPPid:\t3\nUid:\t7\t0\t0\t0\nHugetlbPages:\t 2048 kB\n";
        let expected = Status {
            uid: Some(Uid::new(7)),
            parent: Pid::new(3),
            huge: Some(Bytes::new(2 << 20)),
            ..Status::default()
        };
        assert_eq!(status(text), expected);
        let meminfo = meminfo(
            b"MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\nSwapTotal: 9 kB\nSwapFree: 2 kB\n\
              HugePages_Total: 5\nHugePages_Free: 2\nHugepagesize: 2048 kB\n",
        );
        let expected = SystemMemory {
            total: Bytes::new(2 << 20),
            available: Some(Bytes::new(1 << 20)),
            swap_total: Bytes::from_kib(9),
            swap_free: Bytes::from_kib(2),
            huge_used: Bytes::new(6 << 20),
        };
        assert_eq!(meminfo, Some(expected));
        assert_eq!(integer(b"-1000\n"), Some(-1000));
        let text = b"MemTotal: 9 kB\nAnonPages:    3 kB\nMapped:  2 kB\nShmem: 1 kB\n";
        let expected = Levels {
            occupied: Some(Bytes::from_kib(5)),
            total: Some(Bytes::from_kib(9)),
            ..Levels::default()
        };
        assert_eq!(levels(text), expected);
        let text = b"MemAvailable: 7 kB\nSwapFree:  4 kB\nAnonPages: 3 kB\n";
        let expected = Levels {
            occupied: None,
            available: Some(Bytes::from_kib(11)),
            available_memory: Some(Bytes::from_kib(7)),
            total: None,
            swap_free: Some(Bytes::from_kib(4)),
        };
        assert_eq!(levels(text), expected);
        assert_eq!(
            levels(b"MemAvailable 7 kB\nSwapFree: x\n"),
            Levels::default()
        );
        let rollup = b"1000-2000 ---p 0 0 0 [rollup]\nPss_Dirty: 9 kB\nPss:  4 kB\n";
        assert_eq!(amount(rollup, b"Pss"), Some(Bytes::from_kib(4)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(text in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = (stat(&text), statm(&text), status(&text), meminfo(&text));
            let _ = (levels(&text), integer(&text));
        }

        #[test]
        fn any_comm_is_read_back(
            comm in proptest::collection::vec(1..=255_u8, 0..=15),
            flags in any::<u32>(),
            threads in any::<u32>(),
            start_time in any::<u64>(),
        ) {
            let mut text = b"17 (".to_vec();
            text.extend(&comm);
            text.extend(format!(
                ") R 1 2 3 4 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 {start_time} 1 2"
            ).bytes());
            let stat = stat(&text).unwrap();
            prop_assert_eq!(stat.comm, comm);
            prop_assert_eq!(stat.threads, u64::from(threads));
            prop_assert_eq!(stat.start_time, StartTime(start_time));
            prop_assert_eq!(stat.is_kernel_thread, flags & 0x0020_0000 != 0);
        }
    }
}
