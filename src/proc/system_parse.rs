//! The files about the machine as a whole as bytes -> values. None where the bytes have an unexpected format. Pure.

use super::parse::{lines, number, words};
use crate::quantities::Bytes;
use std::time::Duration;

/// The total of the line "full" of /proc/pressure/memory: how long all work has waited since boot.
pub(super) fn full_stall(pressure: &[u8]) -> Option<Duration> {
    let full = lines(pressure).find_map(|line| line.strip_prefix(b"full "))?;
    let total = words(full).find_map(|word| word.strip_prefix(b"total="))?;
    number(total).map(Duration::from_micros)
}

/// How much the cache of ZFS has above its minimum, in arcstats: `NAME TYPE VALUE` a line.
pub(super) fn arc_excess(arcstats: &[u8]) -> Option<Bytes> {
    let value = |name: &[u8]| {
        let mut own = lines(arcstats).map(words);
        own.find_map(|mut words| {
            (words.next()? == name).then_some(())?;
            number(words.nth(1)?).map(Bytes::new)
        })
    };
    Some(value(b"size")?.saturating_sub(value(b"c_min")?))
}

/// One line of /proc/swaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swap {
    /// What is not in use.
    pub(super) free: Bytes,
    /// The number of its zram device; None where it is on something else.
    pub(super) zram: Option<u64>,
}

/// /proc/swaps: a line of titles, then `FILE TYPE SIZE USED PRIORITY` in KiB. A space in a file's name is escaped.
pub(super) fn swaps(text: &[u8]) -> impl Iterator<Item = Swap> {
    lines(text).skip(1).filter_map(|line| {
        let mut words = words(line);
        let name = words.next()?.strip_prefix(b"/dev/zram");
        let size = Bytes::from_kib(number(words.nth(1)?)?);
        let used = Bytes::from_kib(number(words.next()?)?);
        Some(Swap {
            free: size.saturating_sub(used),
            zram: name.and_then(number),
        })
    })
}

/// mm_stat of a zram device: the bytes that were stored, and the memory that they take with all that comes with them.
pub(super) fn zram(mm_stat: &[u8]) -> Option<(u64, u64)> {
    let mut words = words(mm_stat);
    Some((number(words.next()?)?, number(words.nth(1)?)?))
}

/// oom_kill of /proc/vmstat; None before Linux 4.13.
pub(super) fn oom_kills(vmstat: &[u8]) -> Option<u64> {
    let value = lines(vmstat).find_map(|line| line.strip_prefix(b"oom_kill "))?;
    number(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_taken(text in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = (full_stall(&text), arc_excess(&text), oom_kills(&text));
            let _ = (swaps(&text).count(), zram(&text));
        }
    }
}
