//! What happened -> log file, terminal or journal, and syslog. May touch files and sockets; decides
//! nothing.

mod console;
pub mod escape;
mod file;
mod health;
mod line;
pub mod log;
mod syslog;

pub use console::{Console, ConsoleMode, Style};
pub use syslog::SyslogSockets;
