//! Configuration text -> [`Config`], valid by construction. May read the files of a configuration, ask whether there is
//! a directory for those that it names and where the paths of executables lead, and ask the user database; touches
//! neither /proc nor signals nor the log.
//!
//! A configuration is made of layers: the built-in defaults, the file, then its drop-ins (`load`, `files`). Each is
//! parsed as far as it can be (`document`, `hints`) and read key by key (`layer`) by the table of keys (`keys`), so
//! that all that is wrong with it is reported at once (`error`), and so is all that has no effect (`no_effect`,
//! `suspect`). A key is a row (`slot`, of a list `items`); its value is read by `value`, stored in `configuration`,
//! `system`, `whitelist`, `rule`, `group` or `schedule`, and kept as it was written, with its location (`written`).
//! `typed` knows what people write instead of a value.

mod changes;
mod configuration;
mod document;
mod dry_run;
mod error;
mod files;
mod glob;
mod group;
mod hints;
mod items;
pub mod keys;
mod layer;
mod load;
mod no_effect;
mod pattern;
mod rule;
pub mod schedule;
mod shown;
mod slot;
mod suspect;
mod system;
#[cfg(test)]
mod tests;
mod this_machine;
mod thresholds;
mod typed;
mod users;
mod value;
mod warning;
mod whitelist;
mod written;

pub use changes::Change;
pub use configuration::{Config, LogFormat, LogSettings, Notify, Origin, Sources};
pub use dry_run::DryRun;
pub use error::{Cause, Error, Location};
pub use files::LoadedFile;
pub use group::{Group, GroupAction, GroupBy, GroupKill};
pub use load::{Loaded, NotifierConfig};
pub use pattern::{NamePattern, PatternError};
pub use rule::{Action, Matcher, Rule, UserMatcher};
pub use schedule::Schedule;
pub use suspect::perhaps_meant;
pub use system::{System, SystemAction, WhenShort};
pub use this_machine::{built_in, idle_thresholds};
pub use thresholds::Thresholds;
pub use users::{UserList, UserLookup};
pub use warning::Warning;
pub use whitelist::{User, UserMatch, Whitelist};
pub use written::{Entry, Item, Written};
