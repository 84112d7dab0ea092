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
            // Linux 5.4; SwapPss is older.
            let resident = parse::amount(text, b"Pss_Anon");
            let swapped = parse::amount(text, b"SwapPss").unwrap_or(Bytes::ZERO);
            let share = resident.map(|resident| resident.saturating_add(swapped));
            return Words {
                share,
                ..Words::default()
            };
        }
        let cut = self.cut.as_ref();
        Words {
            name: cut.and_then(|cut| name::complete(cut.as_bytes(), text)),
            cmdline: Some(name::joined(text)).filter(|cmdline| !cmdline.as_bytes().is_empty()),
            share: None,
        }
    }
}
