//! A configuration, the daemon that runs with it, and what it wrote.

use crate::harness::hog::GROUP;
use crate::harness::log_lines::Log;
use crate::harness::os;
use memory_monitor::paths;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine; only a failure waits for so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// About 20 MiB: only hogs have more.
pub(crate) const THRESHOLD_GB: &str = "0.02";
/// A grace period that no test outlives.
pub(crate) const LONG: &str = "300";

/// Waits for an event that can only be polled for.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A directory with a configuration in which nothing but hogs is over a threshold.
pub(crate) struct Machine {
    directory: TempDir,
    settings: BTreeMap<(&'static str, &'static str), String>,
    /// Stands for the settings.
    text: Option<String>,
}

impl Machine {
    /// With thresholds that only hogs reach, ten scans a second, an empty whitelist.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory below /tmp");
        // As root the daemon trusts and writes only what root alone can write.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), open).expect("a directory of ours");
        let (settings, text) = (BTreeMap::new(), None);
        let machine = Self {
            directory,
            settings,
            text,
        };
        let log_file = quoted(&machine.log_path());
        machine
            .with("thresholds.ram_percent_threshold", "100")
            .with("thresholds.ram_gb_threshold", THRESHOLD_GB)
            .with("thresholds.check_interval", "0.1")
            .with("whitelist.pids", "[1]")
            .with("whitelist.names", "[]")
            .with("whitelist.users", "[]")
            .with("settings.log_file", &log_file)
            .with("settings.enable_syslog", "false")
            .with("settings.term_timeout", LONG)
            .with("settings.max_kills_per_minute", "0")
    }

    /// With exactly this text as its configuration.
    pub(crate) fn of(text: &str) -> Self {
        let mut machine = Self::new();
        machine.text = Some(text.to_owned());
        machine.write_config();
        machine
    }

    /// With `value`, as TOML writes it, for the key `table.key`.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Changes the configuration file's contents from the next [`Self::write_config`] on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        let name = name.split_once('.').expect("table.key");
        self.settings.insert(name, value.to_owned());
    }

    /// The file `name` in the machine's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The path of the configuration file, as a word of a command.
    pub(crate) fn config_file(&self) -> String {
        self.path("config.toml").display().to_string()
    }

    /// The log file.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.path("log")
    }

    /// The log file's records.
    pub(crate) fn log(&self) -> Log {
        Log::at(&self.log_path())
    }

    /// Writes the configuration file, and returns its path.
    pub(crate) fn write_config(&self) -> PathBuf {
        let mut text = String::new();
        let mut open_table = "";
        for ((table, key), value) in &self.settings {
            if open_table != *table {
                writeln!(text, "[{table}]").expect("a String takes all");
                open_table = table;
            }
            writeln!(text, "{key} = {value}").expect("a String takes all");
        }
        let text = self.text.clone().unwrap_or(text);
        let path = self.path("config.toml");
        // A daemon may be reading it.
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            fs::write(&path, text).expect("a directory of ours");
        }
        path
    }

    /// The binary with this configuration.
    pub(crate) fn command(&self) -> Command {
        self.given(program(&[]))
    }

    /// Runs the binary with these words and this configuration.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        said(self.given(program(words)))
    }

    /// Writes a drop-in that only root can write.
    pub(crate) fn drop_in(&self, name: &str, text: &str) {
        let directory = self.path("config.d");
        fs::create_dir_all(&directory).expect("a directory of ours");
        fs::write(directory.join(name), text).expect("a directory of ours");
        for (path, mode) in [(directory.join(name), 0o644), (directory, 0o755)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        }
    }

    /// `program` with the option for this configuration.
    pub(crate) fn given(&self, mut program: Command) -> Command {
        program.arg("--config").arg(self.write_config());
        program
    }

    /// The binary for the user `uid`, who may not be able to reach the directory of the original, and who owns the log.
    pub(crate) fn binary_for(&self, uid: u32) -> Command {
        fs::File::create(self.log_path()).expect("a directory of ours");
        chown(self.log_path(), Some(uid), Some(GROUP)).expect("root gives files away");
        let copy = self.path("memory-monitor");
        fs::copy(binary(), &copy).expect("a directory of ours");
        let mut command = Command::new(copy);
        command.uid(uid).gid(GROUP);
        command
    }

    /// Starts the daemon; returns when its first scan is complete.
    pub(crate) fn start(&self) -> Daemon {
        let scans = self.log().scans();
        let daemon = self.launch(self.command());
        until("the first scan is complete", || self.log().scans() > scans);
        daemon
    }

    /// Starts this command as the daemon.
    pub(crate) fn launch(&self, command: Command) -> Daemon {
        Daemon::launch_as_service(command, &self.path("stderr"))
    }

    /// Starts the daemon as systemd does, and waits for the first of its messages to systemd that is wanted.
    pub(crate) fn start_until_told(&self, is_wanted: impl Fn(&str) -> bool) -> (Daemon, String) {
        let socket = self.path("systemd");
        let receiver = UnixDatagram::bind(&socket).expect("a directory of ours");
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &socket);
        let daemon = self.launch(command);
        let mut line = String::new();
        until("systemd is told of a scan", || {
            let mut buffer = [0; 4096];
            let length = receiver.recv(&mut buffer).expect("a socket of ours");
            line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            is_wanted(&line)
        });
        (daemon, line)
    }
}

/// The binary under test: what cargo has built, or the one that MEMORY_MONITOR names by its whole path.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let built = || env!("CARGO_BIN_EXE_memory-monitor").into();
    BINARY.get_or_init(|| std::env::var_os("MEMORY_MONITOR").map_or_else(built, PathBuf::from))
}

/// The notifier that [`binary`] starts: what cargo has built beside it, or the installed one.
pub(crate) fn notifier() -> PathBuf {
    let built = binary().with_file_name(paths::BUILT_NOTIFIER);
    if built.is_file() {
        built
    } else {
        paths::NOTIFIER.into()
    }
}

/// The binary with these words.
pub(crate) fn program(words: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(words);
    command
}

/// What a command printed, and its exit status; None where a signal ended it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Both streams.
    pub(crate) fn all(&self) -> String {
        [self.out.as_str(), &self.err].concat()
    }

    /// The JSON that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command that ends by itself.
pub(crate) fn said(mut command: Command) -> Said {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said {
        status: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// Runs the binary with these words.
pub(crate) fn run(words: &[&str]) -> Said {
    said(program(words))
}

/// Mounts this test's /proc again with this value of hidepid.
pub(crate) fn hide_processes(value: &str) {
    let option = format!("hidepid={value}");
    let (source, target) = (Path::new("proc"), Path::new("/proc"));
    os::mount(source, target, "proc", libc::MS_REMOUNT, &option);
}

/// The daemon, or what else runs for a whole test; its end is the end of this.
pub(crate) struct Daemon {
    child: Child,
    /// A file, unless it was started with something else.
    stderr: Option<PathBuf>,
}

impl Daemon {
    /// Starts `command`, with what it writes to stderr in the file `stderr`.
    pub(crate) fn launch(mut command: Command, stderr: &Path) -> Self {
        let file = fs::File::create(stderr).expect("a directory of ours");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        let child = command.spawn().expect("the daemon starts");
        let stderr = Some(stderr.to_owned());
        Self { child, stderr }
    }

    /// As [`Self::launch`], with the priority that the unit of the daemon gives it.
    pub(crate) fn launch_as_service(mut command: Command, stderr: &Path) -> Self {
        os::with_priority(&mut command);
        Self::launch(command, stderr)
    }

    /// One that was started already.
    pub(crate) fn of(child: Child) -> Self {
        let stderr = None;
        Self { child, stderr }
    }

    /// Its PID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        let bytes = self
            .stderr
            .as_ref()
            .map(|path| fs::read(path).expect("a file of ours"));
        let bytes = bytes.unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        os::signal(self.pid(), signal);
    }

    /// Stops it where it stands, as a machine under load may; [`Self::resume`] lets it go on.
    pub(crate) fn pause(&self) {
        self.signal(libc::SIGSTOP);
        let stat = format!("/proc/{}/stat", self.pid());
        until("the daemon is stopped", || {
            fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "))
        });
    }

    /// Ends [`Self::pause`].
    pub(crate) fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// Waits for its end, and returns how it ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the daemon has ended", || {
            status = self.child.try_wait().expect("a child of ours");
            status.is_some()
        });
        status.expect("until returns when there is one")
    }

    /// Stops it by SIGTERM, as systemd does; it must exit with status 0.
    pub(crate) fn stop(&mut self) {
        self.signal(libc::SIGTERM);
        let status = self.wait();
        assert_eq!(
            (status.code(), status.signal()),
            (Some(0), None),
            "{}",
            self.stderr()
        );
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Only what the test is about may decide it: the namespace's end takes care of the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!(
                "the end of the daemon's stderr:\n{}",
                end_of(&self.stderr())
            );
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log().bytes();
            eprintln!(
                "the end of the log:\n{}",
                end_of(&String::from_utf8_lossy(&log))
            );
        }
    }
}

/// A path as a string of TOML.
pub(crate) fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("UTF-8"))
}

/// The last lines, which are enough for a message.
fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
