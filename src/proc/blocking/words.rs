//! What the log says of a process beside what decided about it, from the helper's answers. Pure.

use super::super::name::{self, Name};
use super::super::parse;
use super::reader::Request;
use crate::quantities::{Bytes, ProcessKey};

/// What the log says of a process beside what decided about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// Its name, where the kernel had cut it and the arguments complete it.
    pub name: Option<Name>,
    /// Its arguments with spaces between them, cut at 255 bytes.
    pub cmdline: Option<Name>,
    /// Its anonymous memory, in RAM and in swap, with what it shares with others divided among them.
    pub share: Option<Bytes>,
    /// What of that is its own alone; None where most of it is shared.
    pub own: Option<Bytes>,
}

/// A process that was asked for words.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: ProcessKey,
    pub(super) request: Request,
    /// The number of the request.
    pub(super) number: u32,
    /// Its name where the kernel has cut it.
    pub(super) cut: Option<Name>,
    pub(super) words: Option<Words>,
}

impl Asked {
    pub(super) fn words_in(&self, text: &[u8]) -> Words {
        if self.request == Request::SmapsRollup {
            let share = share_in(text);
            return Words {
                share,
                own: share.and_then(|share| own_in(text, share)),
                ..Words::default()
            };
        }
        let cut = self.cut.as_ref();
        Words {
            name: cut.and_then(|cut| name::complete(cut.as_bytes(), text)),
            cmdline: Some(name::joined(text)).filter(|cmdline| !cmdline.as_bytes().is_empty()),
            ..Words::default()
        }
    }
}

/// The anonymous memory of a smaps_rollup, in RAM and in swap, with what is shared divided among those that share it.
fn share_in(text: &[u8]) -> Option<Bytes> {
    // Linux 5.4; SwapPss is older.
    let resident = parse::amount(text, b"Pss_Anon")?;
    Some(resident.saturating_add(amount(text, b"SwapPss")))
}

/// What of its anonymous memory no other process has, at least; None where that is less than half of it. The kernel
/// does not tell, but what is shared is in its `share` by half at most, and private memory is anonymous but for files.
fn own_in(text: &[u8], share: Bytes) -> Option<Bytes> {
    let all = parse::amount(text, b"Anonymous")?.saturating_add(amount(text, b"Swap"));
    let shared = all.saturating_sub(share);
    let by_share = share.saturating_sub(shared);
    let of_files = amount(text, b"Pss_File").saturating_add(amount(text, b"Pss_Shmem"));
    let by_private = amount(text, b"Private_Dirty").saturating_sub(of_files);
    let own = by_share.max(by_private).min(share);
    (own >= all.saturating_sub(own)).then_some(own)
}

fn amount(text: &[u8], key: &[u8]) -> Bytes {
    parse::amount(text, key).unwrap_or(Bytes::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a smaps_rollup, in kB: what is anonymous, its share of that, what is private and dirty, the files' share.
    fn freed(anonymous: u64, share: u64, private: u64, files: u64) -> Option<u64> {
        let text = format!(
            "Anonymous: {anonymous} kB\nPss_Anon: {share} kB\nPss_File: {files} kB\nPss_Shmem: 0 kB\n\
             Private_Dirty: {private} kB\nSwap: 0 kB\nSwapPss: 0 kB\n"
        );
        let share = share_in(text.as_bytes()).unwrap();
        own_in(text.as_bytes(), share).map(|own| own.get() >> 10)
    }

    #[test]
    fn what_is_shared_does_not_come_back() {
        // Of no other's, whatever it has of files.
        assert_eq!(freed(1000, 1000, 1000, 500), Some(1000));
        // One of nine that share all, less than half, or most of it.
        assert_eq!(freed(900, 100, 0, 5), None);
        assert_eq!(freed(1800, 1044, 950, 5), Some(945));
        assert_eq!(freed(990, 190, 90, 5), None);
        // A child that has just saved: half of it is its parent's.
        assert_eq!(freed(1000, 500, 0, 5), None);
        assert_eq!(freed(1000, 900, 800, 5), Some(800));
        // Memory that it shares with none now, but in a file.
        assert_eq!(freed(0, 0, 700, 700), Some(0));
    }
}
