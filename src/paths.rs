//! Every path that the programs use by themselves. What a configuration names is not here. Pure but for the environment
//! variables by which systemd and the tests name other directories.

/// The configuration file where no other one is named; its drop-ins are in `config.d` beside it.
pub const CONFIG: &str = "/etc/memory-monitor/config.toml";

/// What the daemon keeps while it runs, unless `RUNTIME_DIRECTORY` names another directory: status, exemptions, the
/// notifier's socket.
pub const RUNTIME_DIRECTORY: &str = "/run/memory-monitor";

/// What the daemon keeps over restarts, unless `STATE_DIRECTORY` names another directory: the history.
pub const STATE_DIRECTORY: &str = "/var/lib/memory-monitor";

/// Where the notifier listens, unless `MEMORY_MONITOR_NOTIFY_SOCKET` names another socket.
pub const NOTIFIER_SOCKET: &str = "/run/memory-monitor/notify.sock";

/// Where the journal takes records with fields, systemd-journald.service(8).
pub const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";
