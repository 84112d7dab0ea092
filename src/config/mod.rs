//! Configuration text -> [`Config`], valid by construction. May read the files of a configuration and the user
//! database; touches neither /proc nor signals nor the log.
//!
//! A configuration is made of layers: the built-in defaults, the file, then its drop-ins (`load`, `files`). Each is
//! parsed as far as it can be (`document`) and read key by key (`layer`) by the table of keys (`keys`), so that all that
//! is wrong with it is reported at once (`error`). A key is a row (`slot`); its value is read by `value`, stored in
//! `configuration`, `system`, `whitelist`, `rule` or `schedule`, and kept as it was written, with its location (`written`).

mod changes;
mod configuration;
mod document;
mod error;
mod files;
mod glob;
pub mod keys;
mod layer;
mod load;
mod pattern;
mod rule;
pub mod schedule;
mod slot;
mod system;
#[cfg(test)]
mod tests;
mod thresholds;
mod users;
mod value;
mod whitelist;
mod written;

pub use changes::Change;
pub use configuration::{Config, LogFormat, LogSettings, Notify, Origin};
pub use error::{Cause, Error, Location, Warning};
pub use load::{Loaded, NotifierConfig};
pub use pattern::{NamePattern, PatternError};
pub use rule::{Action, Matcher, Rule, UserMatcher};
pub use schedule::Schedule;
pub use system::{System, SystemAction, WhenShort};
pub use thresholds::Thresholds;
pub use users::UserLookup;
pub use whitelist::{User, UserMatch, Whitelist};
pub use written::{Entry, Item, Written};
