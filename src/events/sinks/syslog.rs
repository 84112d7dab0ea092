//! Syslog: datagrams to /dev/log. Connects at the record that needs it, never waits for long.

use super::health::Health;
use super::line::Line;
use super::stderr::PATIENCE;
use crate::sys::writable::wait_writable;
use ::syslog::{Facility, LogFormat, Logger, Severity};
use log::Level;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Where syslog listens, and where journald does under that name.
#[derive(Clone, Debug)]
pub struct SyslogSockets {
    /// What programs write to.
    pub syslog: PathBuf,
    /// Journald's own, to which the former is a link on most machines with systemd.
    pub journald: PathBuf,
}

impl Default for SyslogSockets {
    fn default() -> Self {
        Self {
            syslog: PathBuf::from("/dev/log"),
            journald: PathBuf::from("/run/systemd/journal/dev-log"),
        }
    }
}

pub(super) struct Syslog {
    sockets: SyslogSockets,
    socket: Option<UnixDatagram>,
    packet: Logger<Vec<u8>, LocalRfc3164>,
    pub(super) health: Health,
}

impl Syslog {
    pub(super) fn new(sockets: &SyslogSockets) -> Self {
        Self {
            socket: None,
            packet: Logger::new(Vec::new(), LocalRfc3164 { pid: process::id() }),
            health: Health::new("syslog", &sockets.syslog),
            sockets: sockets.clone(),
        }
    }

    /// Whether what is sent here ends in the journal.
    pub(super) fn leads_to_journald(&self) -> bool {
        // By device and inode, because a unit's private /dev can hold a link or a bind mount.
        let id = |path: &PathBuf| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        let journald = id(&self.sockets.journald);
        journald.is_some() && journald == id(&self.sockets.syslog)
    }

    pub(super) fn write(&mut self, line: &Line<'_>) {
        let result = self.try_write(line);
        self.health.note(result, 1);
    }

    fn try_write(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.packet.backend.clear();
        match line.level {
            Level::Error => self.packet.err(line),
            Level::Warn => self.packet.warning(line),
            Level::Info => self.packet.info(line),
            Level::Debug | Level::Trace => self.packet.debug(line),
        }
        .map_err(|error| io::Error::other(error.to_string()))?;
        let was_connected = self.socket.is_some();
        match self.send() {
            // A syslog daemon that was started anew has a new socket at the same path.
            Err(error) if was_connected && error.kind() != io::ErrorKind::WouldBlock => self.send(),
            result => result,
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        let result = match send_now(&socket, &self.packet.backend) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !self.health.is_failing() && wait_writable(socket.as_fd(), PATIENCE)? {
                    send_now(&socket, &self.packet.backend)
                } else {
                    Err(error)
                }
            }
            result => result,
        };
        match &result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            _ => self.socket = Some(socket),
        }
        result
    }

    /// The crate would open this socket so that a full one blocks the sender, for as long as a stopped
    /// syslog daemon likes.
    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.sockets.syslog)?;
        Ok(socket)
    }
}

fn send_now(socket: &UnixDatagram, packet: &[u8]) -> io::Result<()> {
    loop {
        match socket.send(packet) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(drop),
        }
    }
}

/// The syslog priority of a level.
pub(super) fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::LOG_ERR,
        Level::Warn => Severity::LOG_WARNING,
        Level::Info => Severity::LOG_INFO,
        Level::Debug | Level::Trace => Severity::LOG_DEBUG,
    }
}

/// RFC 3164 as syslog(3) sends it. The crate's own formatter writes UTC where the time must be local
/// (busybox's syslogd and syslog-ng believe it), and allocates for each record.
struct LocalRfc3164 {
    pid: u32,
}

impl LogFormat<&Line<'_>> for LocalRfc3164 {
    fn format<W: Write>(
        &self,
        out: &mut W,
        severity: Severity,
        line: &Line<'_>,
    ) -> ::syslog::Result<()> {
        let time = line.time;
        let month = usize::try_from(time.month - 1)
            .ok()
            .and_then(|index| MONTHS.get(index));
        write!(
            out,
            "<{}>{} {:2} {:02}:{:02}:{:02} memory-monitor[{}]: {}",
            Facility::LOG_DAEMON as u8 | severity as u8,
            month.unwrap_or(&MONTHS[0]),
            time.day,
            time.hour,
            time.minute,
            time.second,
            self.pid,
            line.message
        )
        .map_err(::syslog::Error::Write)
    }
}
