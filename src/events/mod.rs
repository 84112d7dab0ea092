//! Events -> log, notifier, metrics, history and status. A new event is one variant of [`Event`], one arm of its
//! `describe`, and what emits it. May touch the files and sockets of its sinks; decides nothing.

mod audience;
mod describe;
mod description;
mod event;
#[cfg(test)]
mod golden;
mod group;
mod group_name;
#[cfg(test)]
mod messages;
mod metrics;
pub mod notifier_test;
mod record;
mod reporter;
pub mod sinks;
mod system;
mod text;

pub use event::Event;
pub use group::{GroupEvent, GroupNote};
pub use group_name::{GroupMemory, GroupName};
pub use metrics::{GroupGauge, Metrics, Scan};
pub use record::{ProcessRecord, Record, Spelling};
pub use reporter::Reporter;
pub use system::{Reason, SystemEvent, Whereabouts};
pub(crate) use text::MemoryInUse;
pub use text::Own;
