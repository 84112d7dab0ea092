//! The decision: configuration + what was read + what was done before -> what to do. Pure: touches its arguments only,
//! no I/O, no clock, no log. The daemon and every command call the same functions.

mod criteria;
mod decision;
pub mod early_scan;
mod exemptions;
pub mod groups;
mod ledger;
mod lineage;
mod noted;
mod protections;
mod restart_loop;
mod rules;
mod sustained;
pub mod system_guard;
#[cfg(test)]
mod tests;
mod verdict;
mod victim;
mod workers;

pub use criteria::{Criteria, Policy};
pub use decision::Decision;
pub use early_scan::{Extent, Tick};
pub use exemptions::{Exemption, Exemptions};
pub use ledger::Ledger;
pub use noted::Reported;
pub use protections::{BuiltIn, Protection, ProtectionTest, ShownProtection, built_in};
pub use restart_loop::{QUIET, RestartLoop, RestartLoops, is_restart};
pub use rules::{NamedBy, name_of};
pub use sustained::OverSince;
pub use verdict::{Breach, Delay, OverGroup, Threshold, Times, Verdict};
pub use victim::{Due, Kill, Repeated, Stage, Victim};
pub use workers::Workers;
