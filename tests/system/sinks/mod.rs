//! The log sinks, as a part of the library, over real files, pipes, terminals and datagram sockets. What the daemon
//! does where it can't log is in [`crate::log_file`].

#![allow(
    clippy::incompatible_msrv,
    reason = "std::io::pipe needs Rust 1.87: the tests do, the program does not"
)]

pub(crate) mod console;
pub(crate) mod file;
pub(crate) mod full_disk;
pub(crate) mod syslog;

use log::{Level, LevelFilter, Log, Record};
use memory_monitor::cli::Verbosity;
use memory_monitor::config::{LogFormat, LogSettings};
use memory_monitor::events::sinks::{LogSinks, Stderr, Style, SyslogSockets};
use std::fs::{self, File};
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Sinks in a directory of their own, with a pipe for standard error and a socket for /dev/log.
struct Bench {
    directory: TempDir,
    sinks: LogSinks,
    logger: Box<dyn Log>,
    settings: LogSettings,
    verbosity: Verbosity,
    stderr: Option<PipeReader>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Verbosity::Normal, Style::Plain)
    }

    fn with(verbosity: Verbosity, style: Style) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log_file = directory.path().join("log");
        Self::at(directory, &log_file, verbosity, style)
    }

    fn at(directory: TempDir, log_file: &Path, verbosity: Verbosity, style: Style) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let stderr = Stderr::new(File::from(OwnedFd::from(writer)), style);
        let settings = LogSettings {
            file: Some(log_file.to_owned()),
            syslog: false,
            level: LevelFilter::Info,
            format: LogFormat::Text,
        };
        let sockets = SyslogSockets {
            syslog: directory.path().join("dev-log"),
            journald: directory.path().join("journald"),
        };
        let level = verbosity.level(settings.level);
        let (sinks, logger) = LogSinks::over(&settings, level, Some(stderr), &sockets);
        Self {
            directory,
            sinks,
            logger,
            settings,
            verbosity,
            stderr: Some(reader),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self, level: Level, message: &str) {
        let arguments = format_args!("{message}");
        self.logger
            .log(&Record::builder().level(level).args(arguments).build());
    }

    fn info(&self, message: &str) {
        self.log(Level::Info, message);
    }

    fn switch_syslog_on(&mut self) {
        self.settings.syslog = true;
        self.apply();
    }

    fn apply(&self) {
        let level = self.verbosity.level(self.settings.level);
        self.sinks.apply(&self.settings, level);
    }

    fn listen(&self) -> UnixDatagram {
        listen(&self.path("dev-log"))
    }

    fn log_file(&self) -> Vec<String> {
        lines_of(&self.path("log"))
    }

    /// Everything that went to standard error; ends the sinks.
    fn finish(self) -> Vec<String> {
        let Self {
            sinks,
            logger,
            stderr,
            directory,
            ..
        } = self;
        drop((sinks, logger));
        let mut text = String::new();
        stderr.unwrap().read_to_string(&mut text).unwrap();
        drop(directory);
        text.lines().map(str::to_owned).collect()
    }
}

fn listen(path: &Path) -> UnixDatagram {
    let _ = fs::remove_file(path);
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// What waits in the socket, without time and process number.
fn received(socket: &UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 8192];
    let mut packets = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        packets.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    packets
}

fn lines_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(str::to_owned).collect()
}

/// `LEVEL - message` of a line, after its time was checked.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_at(19);
    let shape: String = time
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    assert_eq!(shape, "0000-00-00 00:00:00", "{line:?}");
    rest.strip_prefix(" - ").unwrap()
}

fn texts(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| without_time(line)).collect()
}

/// How many of `lines` say `what`.
fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.contains(what)).count()
}
