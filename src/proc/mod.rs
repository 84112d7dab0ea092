//! /proc -> [`Snapshot`]. Touches files below a given proc root, what /sys has of control groups and zram, and the
//! status of executables; nothing else: no configuration, no signals, no log. A process that is gone is normal and is
//! sorted out here; one that can't be read is reported as such, and never ends a scan.

mod blocking;
pub mod cgroup;
mod context;
mod error;
mod exe_link;
mod executable;
mod facts;
mod facts_reader;
mod glance;
mod largest;
mod member;
mod meminfo;
mod memory;
mod name;
mod package_manager;
mod parse;
mod process;
mod process_details;
mod procfile;
mod pss;
mod questions;
mod relatives;
mod root;
mod rule_inputs;
mod scan;
mod seen;
mod sharers;
mod sizes;
mod snapshot;
mod system_files;
mod system_parse;
#[cfg(test)]
mod tests;
mod thread;
pub mod unit;
mod walk;
mod watch;
mod words;
mod young;

pub use blocking::{Reader, Words};
pub use error::Error;
pub use executable::{Program, Standing};
pub use facts::{Facts, State};
pub use glance::Glance;
pub use largest::Largest;
pub use member::{Member, MemberFiles, Wanted};
pub use name::Name;
pub use parse::{Levels, SystemMemory};
pub use process::{Details, Process};
pub use process_details::ProcessDetails;
pub use procfile::Unreadable;
pub use questions::{NoQuestions, Questions, RuleFiles, RuleInput, RuleMatch, Text};
pub use root::ProcRoot;
pub use scan::Sampler;
pub use seen::Seen;
pub use sizes::{ProcessSize, Pss, Sizes};
pub use snapshot::{Snapshot, UnreadableProcesses};
pub use system_files::{KernelKills, OtherMemory, SystemFiles, SystemReading};
pub use unit::Unit;
pub use watch::{Ceiling, Watch, WatchedNow};

pub mod parsers {
    //! The parsers of single files, for property tests and fuzzing: bytes in, values out.
    pub use super::parse::{Stat, Status, levels, meminfo, stat, statm, status};
}
