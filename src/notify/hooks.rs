//! Takes events from the queue and runs programs for them. Logs how that went.

use super::hook::{self, Finish, Finished};
use super::reply::How;
use super::task::Task;
use crate::escape::{Escaped, OneLine};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// What it is called in an answer.
pub(super) fn way(program: &Path) -> String {
    format!("command {}", Escaped(program.as_os_str().as_bytes()))
}

/// Runs one program after another until no more can come.
pub(super) fn run(tasks: &Mutex<Receiver<(Task, Arc<Path>)>>, stopped: &UnixStream) {
    loop {
        // One waits in the lock for the others, which wait for it.
        let next = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((task, program)) = next else {
            return;
        };
        let finished = hook::run(&program, &task.event, stopped);
        let detail = say(&program, &finished);
        let how = match finished.finish {
            Finish::Status(status) if status.success() => How::Delivered,
            _ => How::Failed,
        };
        task.say(&way(&program), how, &detail);
    }
}

/// Logs it; how it ended, in short.
fn say(program: &Path, finished: &Finished) -> String {
    let path = Escaped(program.as_os_str().as_bytes());
    for line in finished.output.text.split(|&byte| byte == b'\n') {
        if !line.is_empty() {
            let line = String::from_utf8_lossy(line);
            log::info!("Command said: Path={path}, Line={}", OneLine(&line));
        }
    }
    if finished.output.left_out > 0 {
        log::info!(
            "Command said more: Path={path}, Bytes={}",
            finished.output.left_out
        );
    }
    let (level, detail) = match &finished.finish {
        Finish::Status(status) if status.success() => (log::Level::Debug, status.to_string()),
        Finish::Status(status) => (log::Level::Warn, status.to_string()),
        Finish::TooLong => {
            let detail = format!("ended after {} s", hook::LIMIT.as_secs());
            (log::Level::Warn, detail)
        }
        Finish::Stopped => (log::Level::Warn, "ended with the notifier".to_owned()),
        Finish::Refused(doubt) => (log::Level::Error, format!("refused: {doubt}")),
        Finish::NotStarted(error) => (log::Level::Error, format!("not started: {error}")),
    };
    log::log!(level, "Command: Path={path}, Result={detail}");
    detail
}
