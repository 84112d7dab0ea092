//! The first process of a machine: starts the contestant and the bystanders, and does a round whenever it is sent a
//! line.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use super::LOAD;
use super::contestant::Contestant;
use super::group::Inside;
use super::load::{Kind, NAME, Start};
use super::outcome::{First, Outcome};
use crate::program::Program;
use crate::{Result, kernel};

/// A round is over when nothing has changed for so long.
const QUIET: Duration = Duration::from_millis(1500);
/// How often a round looks: a hundredth of what takes 512 MiB.
const LOOK: Duration = Duration::from_millis(2);
/// Signals that lie further apart belong to different orders.
const ONE_ORDER: Duration = Duration::from_millis(100);
/// What `available_percent_threshold` is by default.
const FLOOR: u64 = 4;
/// Who runs the loads.
const USER: u32 = 1000;
/// Who runs the reader, and who the bystanders.
const READER: u32 = 1001;
const OTHER: u32 = 1002;

/// Is the first process of a pid and a mount namespace. Arguments: contestant, group, peers, lxcfs.
pub(crate) fn be_an_arena(arguments: &[OsString]) -> Result<ExitCode> {
    match Arena::start(arguments) {
        Ok(mut arena) => {
            println!("ready");
            arena.serve()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            println!("{error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

struct Arena {
    group: Inside,
    scratch: PathBuf,
    /// PID, name, bytes.
    bystanders: Vec<(i32, &'static str, u64)>,
    /// Ends when this is dropped.
    contestant: Option<Program>,
}

impl Arena {
    fn start(arguments: &[OsString]) -> Result<Self> {
        let [_, name, group, peers, lxcfs] = arguments else {
            return Err("usage: --arena CONTESTANT GROUP PEERS LXCFS".into());
        };
        let contestant = name
            .to_str()
            .and_then(Contestant::named)
            .ok_or("an unknown contestant")?;
        let group = Inside::enter(Path::new(group))?;
        // The kernel's killer does not choose the contestant, as the units of all of them say. Not permitted without
        // CAP_SYS_RESOURCE; then their size has to do.
        let _ = fs::write("/proc/self/oom_score_adj", "-1000");
        mount(&["--make-rprivate", "/"])?;
        for directory in ["/run", "/var/log", "/tmp"] {
            mount(&["-t", "tmpfs", "none", directory])?;
        }
        let scratch = PathBuf::from("/run/race");
        fs::create_dir(&scratch)?;
        let meminfo = Path::new(lxcfs).join("proc/meminfo");
        mount(&["--bind", &meminfo.to_string_lossy(), "/proc/meminfo"])?;
        let shown = fs::read_to_string("/proc/meminfo")?;
        let total = format!("{} kB", group.limit() >> 10);
        if !shown
            .lines()
            .next()
            .is_some_and(|line| line.ends_with(&total))
        {
            return Err("lxcfs does not show the memory of the group".into());
        }
        let mut arena = Self {
            group,
            scratch,
            bystanders: Vec::new(),
            contestant: None,
        };
        let database = arena.group.limit() / 100 * 6;
        arena.bystander("postgres", database)?;
        arena.bystander("sshd", 2 << 20)?;
        arena.bystander("bash", 2 << 20)?;
        std::thread::sleep(Duration::from_millis(500));
        arena.contestant = contestant.start(Path::new(peers), &arena.scratch)?;
        Ok(arena)
    }

    fn bystander(&mut self, name: &'static str, size: u64) -> Result<()> {
        let start = Start {
            after: Duration::ZERO,
            arguments: vec!["hold".into(), size.to_string()],
        };
        let user = if name == "sshd" { 0 } else { OTHER };
        let pid = self.spawn(&start, name, user, Stdio::null(), Stdio::null())?;
        self.bystanders.push((pid, name, size));
        Ok(())
    }

    /// Starts a process of a load. Its oom_score_adj is that of any process.
    fn spawn(
        &self,
        start: &Start,
        name: &str,
        user: u32,
        input: Stdio,
        output: Stdio,
    ) -> Result<i32> {
        // Its own executable: an entry of a whitelist completes a name by it.
        let program = self.scratch.join(name);
        if !program.exists() {
            fs::hard_link(std::env::current_exe()?, &program)
                .or_else(|_| fs::copy(std::env::current_exe()?, &program).map(|_| ()))?;
        }
        let mut command = Command::new(program);
        command
            .arg(LOAD)
            .args(&start.arguments)
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::null());
        // SAFETY: between fork and exec it makes async-signal-safe calls only.
        unsafe {
            command.pre_exec(move || {
                let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY);
                if file == -1 || libc::write(file, c"0".as_ptr().cast(), 1) != 1 {
                    return Err(io::Error::last_os_error());
                }
                libc::close(file);
                // Afterwards, its files in /proc are not its own until it has executed the program.
                if libc::setgid(user) == -1 || libc::setuid(user) == -1 {
                    return Err(io::Error::last_os_error());
                }
                Ok(())
            });
        }
        Ok(command.spawn()?.id().try_into()?)
    }

    fn serve(&mut self) -> Result<()> {
        for line in io::stdin().lock().lines() {
            let line = line?;
            let (kind, reader) = line.split_once(' ').ok_or("no kind")?;
            let kind = Kind::named(kind).ok_or("an unknown kind")?;
            match self.round(kind, reader == "true") {
                Ok(outcome) => println!("{}", outcome.line()),
                Err(error) => println!("{error}"),
            }
            io::stdout().flush()?;
        }
        Ok(())
    }

    fn round(&mut self, kind: Kind, reader: bool) -> Result<Outcome> {
        let (stamps, writer) = UnixStream::pair()?;
        stamps.set_nonblocking(true)?;
        let reader = reader.then(|| self.start_reader()).transpose()?;
        let mut starts = kind.starts(self.group.limit()).into_iter().peekable();
        let mut seen = Seen::at_the_start_of(&self.group, kind, stamps, reader.is_some())?;
        let mut ended = Vec::new();
        loop {
            let now = kernel::monotonic_time()?;
            if let Some(start) = starts.next_if(|start| now >= seen.begin + start.after) {
                let output = OwnedFd::from(writer.try_clone()?);
                self.spawn(&start, NAME, USER, Stdio::null(), Stdio::from(output))?;
                seen.changed = now;
            }
            seen.look(&self.group, now)?;
            while let Some((pid, status)) = reap()? {
                if let Some(at) = self.bystanders.iter().position(|it| it.0 == pid) {
                    ended.push(self.bystanders.remove(at));
                } else if Some(pid) != reader {
                    seen.ended(status, now);
                }
            }
            if starts.peek().is_none() && (seen.is_over(now) || loads(&[USER])?.is_empty()) {
                break;
            }
            std::thread::sleep(LOOK);
        }
        let outcome = seen.outcome(&self.group, ended.len())?;
        clear()?;
        for (_, name, size) in ended {
            self.bystander(name, size)?;
        }
        Ok(outcome)
    }

    /// A process that reads a file of twice the machine's memory.
    fn start_reader(&self) -> Result<i32> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/large");
        let size = self.group.limit() * 2;
        if fs::metadata(&file).map_or(0, |metadata| metadata.len()) < size {
            fs::File::create(&file)?.set_len(size)?;
        }
        let start = Start {
            after: Duration::ZERO,
            arguments: vec!["read".into()],
        };
        // Its user can't open the file.
        let input = Stdio::from(fs::File::open(&file)?);
        self.spawn(&start, "reader", READER, input, Stdio::null())
    }
}

/// What is seen in a round.
struct Seen {
    begin: Duration,
    /// When anything has changed.
    changed: Duration,
    anonymous: u64,
    longest: Duration,
    /// Whether a reader changes the page cache.
    beside_reader: bool,
    /// When less than the floor was left.
    crossed: Option<Duration>,
    oom_before: u64,
    oom_first: Option<Duration>,
    stamps: UnixStream,
    /// When each of the daemon's victims got its SIGTERM, or was seen to have ended by it.
    signals: Vec<Duration>,
    /// How many ended by SIGKILL, of the daemon or the kernel.
    killed: u64,
}

impl Seen {
    fn at_the_start_of(
        group: &Inside,
        kind: Kind,
        stamps: UnixStream,
        beside_reader: bool,
    ) -> Result<Self> {
        let begin = kernel::monotonic_time()?;
        Ok(Self {
            begin,
            changed: begin,
            anonymous: group.anonymous()?,
            longest: kind.longest(group.limit()),
            beside_reader,
            crossed: None,
            oom_before: group.oom_kills()?,
            oom_first: None,
            stamps,
            signals: Vec::new(),
            killed: 0,
        })
    }

    fn look(&mut self, group: &Inside, now: Duration) -> Result<()> {
        if self.oom_first.is_none() && group.oom_kills()? > self.oom_before {
            self.oom_first = Some(now);
        }
        let floor = group.limit() / 100 * FLOOR;
        if self.crossed.is_none() && !self.beside_reader && group.left()? < floor {
            self.crossed = Some(now);
        }
        let anonymous = group.anonymous()?;
        if anonymous.abs_diff(self.anonymous) > 1 << 20 {
            (self.changed, self.anonymous) = (now, anonymous);
        }
        let mut stamp = [0; 8];
        while self.stamps.read_exact(&mut stamp).is_ok() {
            let at = Duration::from_nanos(u64::from_ne_bytes(stamp));
            self.signals.push(at);
        }
        Ok(())
    }

    /// A process of the load has ended. One that handles SIGTERM has left a stamp.
    fn ended(&mut self, status: ExitStatus, now: Duration) {
        self.changed = now;
        match status.signal() {
            Some(libc::SIGTERM) => self.signals.push(now),
            Some(libc::SIGKILL) => self.killed += 1,
            _ => {}
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        now > self.changed + QUIET || now > self.begin + self.longest
    }

    fn outcome(mut self, group: &Inside, bystanders: usize) -> Result<Outcome> {
        let kernel_kills = group.oom_kills()? - self.oom_before;
        // The kernel counts its own.
        let killed_by_daemon = self.killed.saturating_sub(kernel_kills);
        self.signals.sort_unstable();
        let first = match (self.signals.first(), self.oom_first) {
            (Some(signal), Some(oom)) if *signal > oom => First::Kernel,
            (Some(_), _) => First::Daemon,
            (None, Some(_)) => First::Kernel,
            (None, None) if killed_by_daemon > 0 => First::Daemon,
            (None, None) => First::None,
        };
        let new_order = |pair: &&[Duration]| pair[1].saturating_sub(pair[0]) >= ONE_ORDER;
        let orders = match self.signals.windows(2).filter(new_order).count() {
            _ if self.signals.is_empty() => u64::from(killed_by_daemon > 0),
            others => u64::try_from(others)? + 1,
        };
        let signal = self.signals.first().copied();
        Ok(Outcome {
            first,
            orders,
            victims: u64::try_from(self.signals.len())? + killed_by_daemon,
            kernel_kills,
            bystanders: bystanders.try_into()?,
            late: self
                .crossed
                .zip(signal)
                .and_then(|(crossed, signal)| signal.checked_sub(crossed)),
        })
    }
}

/// The processes of these users.
fn loads(users: &[u32]) -> Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?.filter_map(io::Result::ok);
    let of_users = entries.filter(|it| it.metadata().is_ok_and(|it| users.contains(&it.uid())));
    Ok(of_users
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect())
}

/// Ends what is left of a load, and waits until its memory is back.
fn clear() -> Result<()> {
    loop {
        while reap()?.is_some() {}
        let rest = loads(&[USER, READER])?;
        if rest.is_empty() {
            break;
        }
        for pid in rest {
            // SAFETY: integers only; this is the first process of a pid namespace.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        std::thread::sleep(LOOK);
    }
    // A daemon that waits for its victims to end, or settles, has done so.
    std::thread::sleep(Duration::from_secs(1));
    Ok(())
}

fn mount(arguments: &[&str]) -> Result<()> {
    let output = Command::new("mount").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("mount {}: {}", arguments.join(" "), said.trim()).into())
}

/// A child, or a child of one, that has ended.
fn reap() -> Result<Option<(i32, ExitStatus)>> {
    let mut status = 0;
    // SAFETY: `status` is a live integer.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Ok(None),
        -1 => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(None),
            error => Err(error.into()),
        },
        pid => Ok(Some((pid, ExitStatus::from_raw(status)))),
    }
}
