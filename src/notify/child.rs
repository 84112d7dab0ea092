//! Runs a program with a deadline: without a shell, in an environment and a process group of its own. When it takes too
//! long the group is killed. Signals nothing but that group.

use memory_monitor::sys::poll::Poll;
use memory_monitor::sys::process::{Signal, group_exists, open_pidfd, signal_group};
use memory_monitor::sys::script::PATH;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// After SIGKILL; a process that is blocked in the kernel is given up then.
const LAST: Duration = Duration::from_secs(20);
/// Between two tests whether the group has processes, which no descriptor tells.
const GROUP_POLL: Duration = Duration::from_millis(100);
/// Bytes of its output that are kept.
const KEPT: usize = 4096;

/// Why a program no longer runs.
#[derive(Debug)]
pub(crate) enum End {
    Exited(ExitStatus),
    /// It was killed at its deadline.
    TimedOut,
    /// It was killed because the notifier stops.
    Stopped,
}

/// What it wrote to both of its output streams.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The first bytes.
    pub(crate) text: Vec<u8>,
    /// How many bytes came after these.
    pub(crate) left_out: usize,
}

/// A command with nothing of the notifier in its environment.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Runs what [`command`] has made until it and all that it has started have ended, which is enforced after `timeout` or
/// when `stopped` becomes readable. Fails where it can't be started.
pub(crate) fn run(
    command: &mut Command,
    timeout: Duration,
    stopped: Option<BorrowedFd<'_>>,
) -> io::Result<(End, Output)> {
    Ok(Running::new(command.spawn()?).finish(timeout, stopped))
}

/// A program that was started.
struct Running {
    child: Child,
    pidfd: Option<OwnedFd>,
    streams: Vec<Box<dyn Stream>>,
    status: Option<ExitStatus>,
    output: Output,
}

trait Stream: Read + AsFd {}
impl<T: Read + AsFd> Stream for T {}

impl Running {
    fn new(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(|stream| Box::new(stream) as _);
        let stderr = child.stderr.take().map(|stream| Box::new(stream) as _);
        Self {
            pidfd: open_pidfd(child.id()),
            streams: stdout.into_iter().chain(stderr).collect(),
            status: None,
            output: Output::default(),
            child,
        }
    }

    fn finish(mut self, timeout: Duration, stopped: Option<BorrowedFd<'_>>) -> (End, Output) {
        let end = self.wait(timeout, stopped);
        if !matches!(end, End::Exited(_)) {
            for (signal, timeout) in [(Signal::Terminate, GRACE), (Signal::Kill, LAST)] {
                // Fails where the group is gone.
                let _ = signal_group(self.child.id(), signal);
                if let End::Exited(_) = self.wait(timeout, None) {
                    break;
                }
            }
        }
        (end, self.output)
    }

    /// Waits until the group has ended and its output is read; for `timeout`, or until `stopped` is readable.
    fn wait(&mut self, timeout: Duration, stopped: Option<BorrowedFd<'_>>) -> End {
        let deadline = Instant::now() + timeout;
        // What was written before the exit is read without a pause.
        let mut pause = Duration::ZERO;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let exited = self.status;
            let wait = match (exited, &self.pidfd) {
                (Some(_), _) => std::mem::replace(&mut pause, GROUP_POLL),
                (None, Some(_)) => left,
                (None, None) => GROUP_POLL,
            };
            let (is_stopped, was_read) = self.poll(wait.min(left), stopped);
            if self.status.is_none() {
                self.status = self.child.try_wait().ok().flatten();
            }
            match exited {
                Some(status) if !was_read && !group_exists(self.child.id()) => {
                    return End::Exited(status);
                }
                _ if is_stopped => return End::Stopped,
                _ if left.is_zero() => return End::TimedOut,
                _ => {}
            }
        }
    }

    /// Reads what the streams have; whether `stopped` is readable, and whether a stream was.
    fn poll(&mut self, timeout: Duration, stopped: Option<BorrowedFd<'_>>) -> (bool, bool) {
        let streams = self.streams.iter().map(|stream| stream.as_fd());
        let pidfd = self.pidfd.as_ref().filter(|_| self.status.is_none());
        let others = stopped.into_iter().chain(pidfd.map(AsFd::as_fd));
        let count = streams.len();
        let mut poll = Poll::with_capacity(count + 2);
        if poll.wait(streams.chain(others), Some(timeout)).is_err() {
            std::thread::sleep(GROUP_POLL);
        }
        let is_stopped = stopped.is_some() && poll.is_ready(count);
        let was_read = (0..count).any(|index| poll.is_ready(index));
        let mut index = 0;
        self.streams.retain_mut(|stream| {
            index += 1;
            !poll.is_ready(index - 1) || self.output.read(stream)
        });
        (is_stopped, was_read)
    }
}

impl Output {
    /// Reads what is there; false at the end of the stream.
    fn read(&mut self, stream: &mut impl Read) -> bool {
        let mut buffer = [0; KEPT];
        match stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                let read = buffer.get(..length).unwrap_or_default();
                let kept = length.min(KEPT - self.text.len());
                self.text.extend(read.iter().take(kept));
                self.left_out += length - kept;
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_beginning_of_the_output_is_kept() {
        let mut output = Output::default();
        let mut written = io::repeat(b'x').take(10_000);
        while output.read(&mut written) {}
        assert_eq!((output.text.len(), output.left_out), (KEPT, 10_000 - KEPT));
    }

    #[test]
    fn status_and_output_are_returned() {
        let mut shell = command("sh");
        shell.args(["-c", "echo out; echo err >&2; exit 3"]);
        let (end, output) = run(&mut shell, Duration::from_secs(60), None).unwrap();
        assert!(matches!(end, End::Exited(status) if status.code() == Some(3)));
        assert_eq!(output.text.len(), "out\nerr\n".len());
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let begun = Instant::now();
        let mut sleep = command("sleep");
        let (end, _) = run(sleep.arg("1000"), Duration::from_millis(100), None).unwrap();
        assert!(matches!(end, End::TimedOut), "{end:?}");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_is_killed_when_the_notifier_stops() {
        let (open, stopped) = UnixStream::pair().unwrap();
        drop(open);
        let child = command("sleep").arg("1000").spawn().unwrap();
        let leader = child.id();
        let (end, _) = Running::new(child).finish(LAST, Some(stopped.as_fd()));
        assert!(matches!(end, End::Stopped), "{end:?}");
        assert!(!group_exists(leader));
    }
}
