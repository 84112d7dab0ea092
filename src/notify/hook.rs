//! Runs one program for one event: without a shell, with an environment of nothing but the event, in a
//! process group of its own that is ended when it takes too long.

use super::event::Event;
use crate::sys::poll::Poll;
use crate::sys::process::{Signal, group_exists, open_pidfd, signal_group};
use crate::sys::trust::{self, Doubt};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// As long as a program may run.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How often is asked what no descriptor tells: whether a group has processes.
const ASKING: Duration = Duration::from_millis(100);
/// As much of its output is kept.
const KEPT: usize = 4096;
/// Where programs look for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How a run went.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) finish: Finish,
    pub(super) output: Output,
}

/// How it came to its end.
#[derive(Debug)]
pub(super) enum Finish {
    /// By itself.
    Status(ExitStatus),
    /// It took too long and was ended.
    TooLong,
    /// The notifier ends, and so did it.
    Stopped,
    /// It was not run.
    Refused(Doubt),
    /// The kernel did not run it.
    NotStarted(io::Error),
}

/// What it wrote, on both streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The beginning.
    pub(super) text: Vec<u8>,
    /// How many bytes came after that.
    pub(super) left_out: usize,
}

/// Runs `program` for `event`; until `stopped` can be read.
pub(super) fn run(program: &Path, event: &Event, stopped: &UnixStream) -> Finished {
    let mut output = Output::default();
    let finish = match trust::check(program) {
        Err(doubt) => Finish::Refused(doubt),
        Ok(()) => match start(program, event) {
            Err(error) => Finish::NotStarted(error),
            Ok(child) => Running::new(child).wait(stopped.as_fd(), &mut output),
        },
    };
    Finished { finish, output }
}

fn start(program: &Path, event: &Event) -> io::Result<Child> {
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
    for (name, value) in event.each() {
        // The kernel's strings end at a NUL; no name has one.
        if !value.contains('\0') {
            command.env(
                format!("MEMORY_MONITOR_{}", name.to_ascii_uppercase()),
                value,
            );
        }
    }
    command.spawn()
}

/// A program that was started, and what came of it so far.
struct Running {
    child: Child,
    pidfd: Option<OwnedFd>,
    streams: Vec<Box<dyn Stream>>,
    status: Option<ExitStatus>,
    /// Whether the streams were read once since then.
    was_drained: bool,
}

/// One of its output streams.
trait Stream: Read + AsFd {}
impl<T: Read + AsFd> Stream for T {}

impl Running {
    fn new(mut child: Child) -> Self {
        let mut streams: Vec<Box<dyn Stream>> = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            streams.push(Box::new(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            streams.push(Box::new(stderr));
        }
        Self {
            pidfd: open_pidfd(child.id()),
            streams,
            status: None,
            was_drained: false,
            child,
        }
    }

    /// Waits until it and whatever it started is over, or has to be.
    fn wait(mut self, stopped: BorrowedFd<'_>, output: &mut Output) -> Finish {
        let limit = Instant::now() + LIMIT;
        let is_stopped = loop {
            match self.step(Some(stopped), limit, output) {
                Step::Over(status) => return Finish::Status(status),
                Step::Stopped => break true,
                Step::TooLong => break false,
                Step::Goes => {}
            }
        };
        for (signal, time) in [(Signal::Terminate, GRACE), (Signal::Kill, LIMIT)] {
            // Nobody is left where this fails.
            let _ = signal_group(self.child.id(), signal);
            let limit = Instant::now() + time;
            while matches!(self.step(None, limit, output), Step::Goes) {}
        }
        if is_stopped {
            Finish::Stopped
        } else {
            Finish::TooLong
        }
    }

    fn step(
        &mut self,
        stopped: Option<BorrowedFd<'_>>,
        limit: Instant,
        output: &mut Output,
    ) -> Step {
        let left = limit.saturating_duration_since(Instant::now());
        let was_over = self.status.is_some();
        let timeout = match self.status {
            // Only what it wrote before its end is looked for.
            Some(_) if !std::mem::replace(&mut self.was_drained, true) => Duration::ZERO,
            None if self.pidfd.is_some() => left,
            _ => left.min(ASKING),
        };
        let streams = self.streams.iter().map(|stream| stream.as_fd());
        let first = streams.len();
        let pidfd = self.pidfd.as_ref().filter(|_| self.status.is_none());
        let others = stopped.into_iter().chain(pidfd.map(AsFd::as_fd));
        let mut poll = Poll::with_capacity(first + 2);
        if poll.wait(streams.chain(others), Some(timeout)).is_err() {
            std::thread::sleep(ASKING);
        }
        let mut index = 0;
        let mut wrote = false;
        self.streams.retain_mut(|stream| {
            let is_ready = poll.is_ready(index);
            index += 1;
            wrote |= is_ready;
            !is_ready || output.take(stream)
        });
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        match self.status {
            Some(status) if was_over && !wrote && !group_exists(self.child.id()) => {
                Step::Over(status)
            }
            _ if stopped.is_some() && poll.is_ready(first) => Step::Stopped,
            _ if left.is_zero() => Step::TooLong,
            _ => Step::Goes,
        }
    }
}

enum Step {
    Goes,
    Over(ExitStatus),
    Stopped,
    TooLong,
}

impl Output {
    /// Takes what is there; whether more may come.
    fn take(&mut self, stream: &mut impl Read) -> bool {
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

    fn event() -> Event {
        let text = r#"{"event":"ended","pid":7,"name":"a\u001b\n$(b)","percent":1.5}"#;
        Event::read(text.as_bytes()).unwrap()
    }

    fn ran(program: &str) -> Finished {
        let (_open, stopped) = UnixStream::pair().unwrap();
        run(Path::new(program), &event(), &stopped)
    }

    #[test]
    fn has_the_event_and_nothing_else_in_the_environment() {
        let Finished { finish, output } = ran("/usr/bin/env");
        assert!(matches!(finish, Finish::Status(status) if status.success()));
        let text = String::from_utf8(output.text).unwrap();
        let expected = format!(
            "LANG=C.UTF-8\nMEMORY_MONITOR_EVENT=ended\nMEMORY_MONITOR_NAME=a\x1b\n$(b)\n\
             MEMORY_MONITOR_PERCENT=1.5\nMEMORY_MONITOR_PID=7\nPATH={PATH}\n"
        );
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&text), sorted(&expected));
    }

    #[test]
    fn keeps_the_beginning_of_what_it_says() {
        let mut output = Output::default();
        let mut said = io::repeat(b'x').take(10_000);
        while output.take(&mut said) {}
        assert_eq!((output.text.len(), output.left_out), (KEPT, 10_000 - KEPT));
    }

    #[test]
    fn does_not_run_what_it_doubts() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let program = directory.path().join("hook");
        std::fs::copy("/bin/true", &program).unwrap();
        let finish = ran(program.to_str().unwrap()).finish;
        assert!(matches!(finish, Finish::Refused(_)), "{finish:?}");
    }

    #[test]
    fn is_ended_with_the_notifier() {
        let (open, stopped) = UnixStream::pair().unwrap();
        // Without an argument and with nothing on its standard input it would wait for ever.
        let child = Command::new("/bin/sleep")
            .arg("1000")
            .process_group(0)
            .spawn()
            .unwrap();
        let leader = child.id();
        drop(open);
        let finish = Running::new(child).wait(stopped.as_fd(), &mut Output::default());
        assert!(matches!(finish, Finish::Stopped), "{finish:?}");
        assert!(!group_exists(leader));
    }
}
