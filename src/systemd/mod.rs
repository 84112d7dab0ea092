//! systemd: what the daemon tells it ([`Service`], the protocol of sd_notify(3)), and what commands ask it about units
//! ([`Unit`], by systemctl(1)). The daemon runs no program and so asks nothing.

mod service;
mod unit;

pub use service::Service;
pub use unit::{Unit, Unknown, sandbox};
