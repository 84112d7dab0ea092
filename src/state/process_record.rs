//! One process as everything outside of the program sees it: the fields of log records, the status file, the history
//! and `--json`. Pure but for the look-up of user names.

use crate::escape::{Escaped, unescaped};
use crate::policy::Exemption;
use crate::proc::{Name, Process};
use crate::quantities::{Bytes, Pid};
use crate::users::UserNames;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What is known of a process; what is not known is left out. Names are written as its [`Spelling`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessRecord {
    /// The PID; with the start time the identity of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Clock ticks since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    /// comm, completed from the arguments where it was cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The arguments joined by spaces, the first 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// The path of the executable, the first 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// The name of the real user, or the uid where no name is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The real uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The PID of its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// The systemd unit, or failing that the control group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Resident memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Proportional share, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pss_bytes: Option<u64>,
    /// Anonymous resident memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anon_bytes: Option<u64>,
    /// What was swapped out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<u64>,
}

/// How names, which are any bytes, become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Bytes that are not UTF-8 as `\xNN`, all else as it is: for programs, which quote it themselves.
    Plain,
    /// Quoted and escaped as in the text log: for what is printed as it is.
    #[default]
    Escaped,
}

impl Spelling {
    /// `bytes` as text.
    pub fn text(self, bytes: &[u8]) -> String {
        if self == Self::Escaped {
            return Escaped(bytes).to_string();
        }
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                // A String takes any text.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text
    }

    /// What a command prints: JSON for programs, or else text for people.
    pub fn of_output(is_json: bool) -> Self {
        if is_json { Self::Plain } else { Self::Escaped }
    }

    /// What was written escaped, into a file of ours, as plain text.
    pub fn unescape(text: &mut String) {
        *text = Self::Plain.text(&unescaped(text));
    }
}

impl ProcessRecord {
    /// All that was read of `process`.
    pub fn new(process: &Process, users: &mut UserNames, spelling: Spelling) -> Self {
        let facts = process.facts.as_ref().ok();
        let name = |name: &Option<Name>| name.as_ref().map(|name| spelling.text(name.as_bytes()));
        let details = &process.details;
        Self {
            pid: Some(process.pid.get()),
            start_time: facts.map(|facts| facts.start_time.0),
            name: facts.map(|facts| spelling.text(facts.name.as_bytes())),
            cmdline: name(&details.cmdline),
            exe: name(&details.exe),
            user: facts.map(|facts| spelling.text(users.name(facts.uid))),
            uid: facts.map(|facts| facts.uid.get()),
            parent: facts.and_then(|facts| facts.parent).map(Pid::get),
            unit: name(&details.unit.map(|unit| unit.name)),
            rss_bytes: facts.map(|_| process.rss.get()),
            pss_bytes: details.pss().map(Bytes::get),
            anon_bytes: details.anon.map(Bytes::get),
            swap_bytes: details.swap.map(Bytes::get),
        }
    }

    /// The same with the size, which is known even of a process that can't be read.
    pub fn shown(process: &Process, users: &mut UserNames, spelling: Spelling) -> Self {
        Self {
            rss_bytes: Some(process.rss.get()),
            ..Self::new(process, users, spelling)
        }
    }

    /// Makes plain what was written escaped.
    pub fn unescape(&mut self) {
        let Self {
            name,
            cmdline,
            exe,
            user,
            unit,
            ..
        } = self;
        for text in [name, cmdline, exe, user, unit] {
            text.iter_mut().for_each(Spelling::unescape);
        }
    }

    /// An amount of memory as text; `?` where it is not known.
    pub fn amount(bytes: Option<u64>) -> String {
        bytes.map_or("?".to_owned(), |bytes| Bytes::new(bytes).to_string())
    }

    /// The process of an exemption, of which no more is kept.
    pub fn of_exemption(exemption: &Exemption, spelling: Spelling) -> Self {
        Self {
            pid: Some(exemption.process.pid.get()),
            start_time: Some(exemption.process.start_time.0),
            name: Some(spelling.text(&exemption.name)),
            ..Self::default()
        }
    }

    /// Without what only its own user and root may read in /proc, or what may hold secrets: for files that every user
    /// may read.
    #[must_use]
    pub fn public(self) -> Self {
        Self {
            cmdline: None,
            exe: None,
            ..self
        }
    }
}
