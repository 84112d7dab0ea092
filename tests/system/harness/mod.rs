//! What the cases are written with: the namespaces they run in, the processes that use memory, the
//! daemon and its configuration, and its log.

pub(crate) mod clock;
pub(crate) mod confine;
pub(crate) mod files;
pub(crate) mod group;
pub(crate) mod hog;
pub(crate) mod hostile;
pub(crate) mod installed;
pub(crate) mod lines;
pub(crate) mod log_lines;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod os;
pub(crate) mod processes;
pub(crate) mod syslog;
pub(crate) mod terminal;
pub(crate) mod trusted;
