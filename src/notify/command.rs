//! Commands: programs that are run for each event, with its fields in their environment. Only a program that root alone
//! can have written is run.

use crate::child::{self, End, Output};
use crate::event::Event;
use crate::queue::Task;
use memory_monitor::escape::{Escaped, OneLine};
use memory_monitor::events::notifier_test::Delivery;
use memory_monitor::sys::trust;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A program that runs longer is killed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Runs one program after another until the queue is closed; those that run are killed when `stopped` is readable.
pub(crate) fn run(tasks: &Mutex<Receiver<Task>>, stopped: &UnixStream) {
    loop {
        // One thread waits for the queue, the others for the lock.
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else {
            return;
        };
        let Some(program) = &task.program else {
            continue;
        };
        let path = Escaped(program.as_os_str().as_bytes());
        let (level, detail) = match run_one(program, &task.event, stopped) {
            Ok((end, output)) => {
                log_output(path, &output);
                match end {
                    End::Exited(status) if status.success() => {
                        (log::Level::Debug, status.to_string())
                    }
                    End::Exited(status) => (log::Level::Warn, status.to_string()),
                    End::TimedOut => {
                        let detail = format!("killed after {} s", TIMEOUT.as_secs());
                        (log::Level::Warn, detail)
                    }
                    End::Stopped => (log::Level::Warn, "killed with the notifier".to_owned()),
                }
            }
            Err(error) => (log::Level::Error, error),
        };
        log::log!(level, "Command: Path={path}, Result={detail}");
        let result = match level {
            log::Level::Debug => Delivery::Delivered,
            _ => Delivery::Failed,
        };
        task.answer(result, &detail);
    }
}

/// Fails where the program is not trusted, or can't be started.
fn run_one(program: &Path, event: &Event, stopped: &UnixStream) -> Result<(End, Output), String> {
    trust::check(program).map_err(|doubt| format!("rejected: {doubt}"))?;
    let mut command = child::command(program);
    for (name, value) in event.fields() {
        // An environment variable ends at a NUL; no name has one.
        if !value.contains('\0') {
            command.env(
                format!("MEMORY_MONITOR_{}", name.to_ascii_uppercase()),
                value,
            );
        }
    }
    child::run(&mut command, TIMEOUT, Some(stopped.as_fd()))
        .map_err(|error| format!("not started: {error}"))
}

fn log_output(path: Escaped<'_>, output: &Output) {
    for line in output.text.split(|&byte| byte == b'\n') {
        if !line.is_empty() {
            let line = String::from_utf8_lossy(line);
            log::info!("Command output: Path={path}, Line={}", OneLine(&line));
        }
    }
    if output.left_out > 0 {
        let bytes = output.left_out;
        log::info!("Command output left out: Path={path}, Bytes={bytes}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_for_event(program: &str) -> Result<(End, Output), String> {
        let (_open, stopped) = UnixStream::pair().unwrap();
        let text = r#"{"event":"ended","pid":7,"name":"a\u001b\n$(b)","percent":1.5}"#;
        let event = Event::read(text.as_bytes()).unwrap();
        run_one(Path::new(program), &event, &stopped)
    }

    #[test]
    fn the_environment_has_the_event_and_nothing_else() {
        let (end, output) = run_for_event("/usr/bin/env").unwrap();
        assert!(matches!(end, End::Exited(status) if status.success()));
        let text = String::from_utf8(output.text).unwrap();
        let expected = "LANG=C.UTF-8\nMEMORY_MONITOR_EVENT=ended\nMEMORY_MONITOR_NAME=a\x1b\n$(b)\n\
             MEMORY_MONITOR_PERCENT=1.5\nMEMORY_MONITOR_PID=7\n\
             PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&text), sorted(expected));
    }

    #[test]
    fn a_program_that_others_could_have_written_is_rejected() {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let program = directory.path().join("hook");
        std::fs::copy("/bin/true", &program).unwrap();
        let error = run_for_event(program.to_str().unwrap()).unwrap_err();
        assert!(error.starts_with("rejected: "), "{error}");
    }
}
