//! Syslog: datagrams to /dev/log by the syslog crate. Connects at the record that needs it, never waits for long.

use super::line::severity;
use super::patience::{PATIENCE, send_patiently};
use super::sink::Output;
use super::sink_health::SinkHealth;
use crate::config;
use crate::events::text::Message;
use crate::sys::clock::local_time;
use ::syslog::{Facility, LogFormat, LoggerBackend, Severity};
use log::Record;
use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

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
    connection: Option<Connection>,
    formatter: LocalRfc3164,
    /// Whether standard error has brought the record that goes through to the journal.
    in_journal: Arc<AtomicBool>,
    health: SinkHealth,
}

impl Syslog {
    pub(super) fn new(sockets: &SyslogSockets, in_journal: &Arc<AtomicBool>) -> Self {
        Self {
            connection: None,
            formatter: LocalRfc3164 {
                pid: process::id(),
                packet: RefCell::default(),
            },
            health: SinkHealth::new("syslog", &sockets.syslog),
            sockets: sockets.clone(),
            in_journal: Arc::clone(in_journal),
        }
    }

    /// Whether what is sent here ends in the journal.
    fn leads_to_journald(&self) -> bool {
        // By device and inode, because a unit's private /dev can hold a link or a bind mount.
        let id = |path: &PathBuf| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        let journald = id(&self.sockets.journald);
        journald.is_some() && journald == id(&self.sockets.syslog)
    }

    fn try_write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let was_connected = self.connection.is_some();
        match self.send(record) {
            // A syslog daemon that was restarted has a new socket at the same path.
            Err(error) if was_connected && error.kind() != io::ErrorKind::WouldBlock => {
                self.send(record)
            }
            result => result,
        }
    }

    fn send(&mut self, record: &Record<'_>) -> io::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.sockets)?,
        };
        let patience = if self.health.is_failing() {
            Duration::ZERO
        } else {
            PATIENCE
        };
        let result = send_patiently(&mut connection, patience, |connection| {
            let severity = severity(record.level());
            let sent = self
                .formatter
                .format(&mut connection.0, severity, record.args());
            sent.map_err(|error| match error {
                ::syslog::Error::Write(error) | ::syslog::Error::Io(error) => error,
                ::syslog::Error::Initialization(error) => io::Error::other(error),
            })
        });
        match &result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            _ => self.connection = Some(connection),
        }
        result
    }
}

impl Output for Syslog {
    /// The journal has what systemd connects standard error to, and on most machines also what is sent to /dev/log. To
    /// show each record once whatever enable_syslog says, standard error carries every record, and what it has
    /// delivered is sent to /dev/log only where another syslog daemon listens there. (One that journald forwards to
    /// gets it from journald.)
    fn write(&mut self, record: &Record<'_>, _: config::LogFormat) {
        if self.in_journal.load(Ordering::Relaxed) && self.leads_to_journald() {
            return;
        }
        let result = self.try_write(record);
        self.health.note(result, 1);
    }

    fn health(&mut self) -> &mut SinkHealth {
        &mut self.health
    }

    fn is_quiet(&self) -> bool {
        true
    }
}

/// The crate's connection, over a socket that never blocks: one that the crate opens blocks for as long as a stopped
/// syslog daemon likes, and it would connect to a stream as well.
struct Connection(LoggerBackend);

impl Connection {
    fn open(sockets: &SyslogSockets) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&sockets.syslog)?;
        Ok(Self(LoggerBackend::Unix(socket)))
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            LoggerBackend::Unix(socket) => socket.as_fd(),
            LoggerBackend::UnixStream(stream) => stream.get_ref().as_fd(),
            LoggerBackend::Udp(socket, _) => socket.as_fd(),
            LoggerBackend::Tcp(stream) => stream.get_ref().as_fd(),
        }
    }
}

/// RFC 3164 as syslog(3) sends it. The crate's Formatter3164 writes UTC on Unix, where the time must be local
/// (busybox's syslogd and syslog-ng believe it), writes a day below 10 with a zero, and allocates four times a record.
struct LocalRfc3164 {
    pid: u32,
    /// The connection sends what is written at once, so the whole of it is made here; its memory is kept.
    packet: RefCell<Vec<u8>>,
}

impl LogFormat<&fmt::Arguments<'_>> for LocalRfc3164 {
    fn format<W: Write>(
        &self,
        out: &mut W,
        severity: Severity,
        text: &fmt::Arguments<'_>,
    ) -> ::syslog::Result<()> {
        let time = local_time(SystemTime::now());
        let month = usize::try_from(time.month - 1)
            .ok()
            .and_then(|index| MONTHS.get(index));
        let mut packet = self.packet.borrow_mut();
        packet.clear();
        write!(
            packet,
            "<{}>{} {:2} {:02}:{:02}:{:02} memory-monitor[{}]: {}",
            Facility::LOG_DAEMON as u8 | severity as u8,
            month.unwrap_or(&MONTHS[0]),
            time.day,
            time.hour,
            time.minute,
            time.second,
            self.pid,
            Message(*text)
        )
        .and_then(|()| out.write_all(&packet))
        .map_err(::syslog::Error::Write)
    }
}
