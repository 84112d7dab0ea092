//! Which processes are younger than a scan. The kernel gives PIDs in ascending order, begins again at the end, says
//! which one was last (0.4 us), and lists processes from a PID on (1 us): so the young ones are found at a cost that
//! does not grow with those that were there before. Touches one file below the proc root.

use super::{ProcRoot, parse};
use crate::quantities::Pid;
use crate::sys::fs;
use std::os::fd::{AsFd, OwnedFd};

/// The file that says which PID was given last. Not /proc/loadavg where this one exists: in a container lxcfs may show
/// another one there.
#[derive(Debug)]
pub(super) struct LastPid(Option<OwnedFd>);

impl LastPid {
    pub(super) fn open(root: &ProcRoot) -> Self {
        let files = [c"sys/kernel/ns_last_pid", c"loadavg"];
        let mut opened = files
            .iter()
            .map(|file| fs::open_file_at(root.as_fd(), file));
        Self(opened.find_map(Result::ok))
    }

    /// None where the kernel does not say.
    pub(super) fn read(&self) -> Option<u32> {
        let mut buffer = [0; 128];
        let text = fs::read_again(self.0.as_ref()?.as_fd(), &mut buffer).ok()?;
        let last = parse::words(text).last()?;
        std::str::from_utf8(last).ok()?.parse().ok()
    }
}

/// The PIDs that were given since a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Young {
    /// The last one before the scan.
    after: u32,
    last: u32,
    has_wrapped: bool,
    /// They can't be told from the others.
    is_any: bool,
}

impl Young {
    /// A scan begins, and this PID was given last; None where that is not known.
    pub(super) fn since(last: Option<u32>) -> Self {
        Self {
            after: last.unwrap_or(0),
            last: last.unwrap_or(0),
            has_wrapped: false,
            is_any: last.is_none(),
        }
    }

    /// This PID was given last by now.
    pub(super) fn extend(&mut self, last: Option<u32>) {
        let Some(last) = last else {
            self.is_any = true;
            return;
        };
        if last < self.last {
            self.is_any |= self.has_wrapped;
            self.has_wrapped = true;
        }
        self.last = last;
        self.is_any |= self.has_wrapped && last >= self.after;
    }

    /// Whether a process with this PID may be young.
    pub(super) fn contains(&self, pid: Pid) -> bool {
        let pid = pid.get();
        self.is_any || pid > self.after || (self.has_wrapped && pid <= self.last)
    }

    /// The first and the last PID of each range that has them all. The first one is open: what is given meanwhile is
    /// young as well.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let first = if self.is_any {
            0
        } else {
            self.after.saturating_add(1)
        };
        let wrapped = self.has_wrapped && !self.is_any;
        [Some((first, u32::MAX)), wrapped.then_some((0, self.last))]
            .into_iter()
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_young(young: &Young, pid: u32) -> bool {
        let by_range = young
            .ranges()
            .any(|(first, last)| (first..=last).contains(&pid));
        assert_eq!(young.contains(Pid::new(pid).unwrap()), by_range, "{pid}");
        by_range
    }

    #[test]
    fn the_young_have_the_pids_that_were_given_since() {
        let mut young = Young::since(Some(1_000));
        assert!(!is_young(&young, 1_000) && is_young(&young, 1_001));
        young.extend(Some(2_000));
        assert!(!is_young(&young, 300) && is_young(&young, 2_000));
        // After the largest one comes the first one again.
        young.extend(Some(400));
        assert!(is_young(&young, 300) && is_young(&young, 400) && is_young(&young, 30_000));
        assert!(!is_young(&young, 401) && !is_young(&young, 1_000));
        young.extend(Some(999));
        assert!(!is_young(&young, 1_000));
        // All PIDs were given: a young process may have any of them.
        young.extend(Some(1_000));
        assert!(is_young(&young, 1_000) && is_young(&young, 1));
    }

    #[test]
    fn all_are_young_where_that_is_not_known() {
        let mut young = Young::since(Some(1_000));
        young.extend(Some(50));
        young.extend(Some(40));
        assert!(is_young(&young, 1_000));
        assert!(is_young(&Young::since(None), 7));
        let mut young = Young::since(Some(1_000));
        young.extend(None);
        assert!(is_young(&young, 7));
    }
}
