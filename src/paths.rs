//! The paths of what is installed and kept, and of the journal. What a configuration names is not here, nor what one
//! module alone reads of the system. Pure.

/// The configuration file where no other one is named; its drop-ins are in `config.d` beside it.
pub const CONFIG: &str = "/etc/memory-monitor/config.toml";

/// Standard input, where a configuration is read from it.
pub const STDIN: &str = "/dev/stdin";

/// What the daemon keeps while it runs, unless `RUNTIME_DIRECTORY` names another directory: status, exemptions, the
/// notifier's socket.
pub const RUNTIME_DIRECTORY: &str = "/run/memory-monitor";

/// What the daemon keeps over restarts, unless `STATE_DIRECTORY` names another directory: the history.
pub const STATE_DIRECTORY: &str = "/var/lib/memory-monitor";

/// Where the notifier listens, unless `MEMORY_MONITOR_NOTIFY_SOCKET` names another socket.
pub const NOTIFIER_SOCKET: &str = "/run/memory-monitor/notify.sock";

/// The notifier, a program of its own; in a source tree it is beside the program that starts it, by the other name.
pub const NOTIFIER: &str = "/usr/libexec/memory-monitor/notify";
/// The notifier as Cargo builds it.
pub const BUILT_NOTIFIER: &str = "memory-monitor-notify";

/// Where the journal takes records with fields, systemd-journald.service(8).
pub const JOURNAL_SOCKET: &str = "/run/systemd/journal/socket";
