//! What the daemon tells systemd, by the protocol of sd_notify(3): a datagram to the socket named in the environment.
//! Without that socket nothing is sent and nothing fails.

use crate::quantities::Rounded;
use std::env;
use std::fmt::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The connection to the service manager, if there is one.
#[derive(Debug)]
pub struct Service {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
    message: String,
}

impl Service {
    /// Takes the socket and the watchdog interval from the environment.
    pub fn from_environment() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| {
            let address = match path.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&path),
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            socket.connect_addr(&address.ok()?).ok()?;
            Some(socket)
        });
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_for_us =
            number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|&time| is_for_us && time > 0);
        Self {
            socket,
            watchdog: watchdog.map(Duration::from_micros),
            message: String::new(),
        }
    }

    /// How often a watchdog notification is due: twice within the watchdog interval. None where systemd wants none.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.socket.as_ref()?;
        self.watchdog.map(|time| time / 2)
    }

    /// Tells the watchdog that the loop runs.
    pub fn watchdog(&self) {
        self.send("WATCHDOG=1");
    }

    /// The service is up, or a reload is complete.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// A reload begins at this time of CLOCK_MONOTONIC.
    pub fn reloading(&mut self, monotonic: Duration) {
        self.message.clear();
        // A String takes any text.
        let _ = write!(
            self.message,
            "RELOADING=1\nMONOTONIC_USEC={}",
            monotonic.as_micros()
        );
        self.send(&self.message);
    }

    /// The service stops.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The line that `systemctl status` shows after a scan.
    pub fn status(&mut self, processes: usize, over: usize, next_scan: Duration) {
        self.message.clear();
        let next_scan = Rounded(next_scan);
        let _ = write!(
            self.message,
            "STATUS={processes} processes, {over} over, next scan in {next_scan}"
        );
        self.send(&self.message);
    }

    /// A full socket or a missing service manager must not stop the daemon.
    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(message.as_bytes());
        }
    }
}
