//! Takes endings from the queue and tells people of them, at their pace. Logs how that went.

use super::people::{Message, People};
use super::reply::How;
use super::task::Task;
use super::{desktop, tty};
use crate::quantities::Uid;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// What the two ways are called in an answer.
pub(super) const TERMINALS: &str = "terminals";
pub(super) const DESKTOPS: &str = "desktops";

/// While nothing is to be said; it waits for the queue then.
const LONG: Duration = Duration::from_secs(3600);
const TEST: &str = "This is a test of memory-monitor";

/// Tells people until no more can come and all was told.
pub(super) fn run(tasks: &Receiver<Task>, mut people: People) {
    let mut is_open = true;
    // What is being told; the notifier is not idle meanwhile.
    let mut held = Vec::new();
    loop {
        for message in people.due(Instant::now()) {
            match message {
                Message::Terminals(owner, text) => drop(on_terminals(owner, &text)),
                Message::Desktops(text) => drop(on_desktops(&text)),
            }
        }
        let wait = people.wait(Instant::now());
        if wait.is_none() {
            held.clear();
        }
        if !is_open {
            // What was held back would come too late.
            return;
        }
        match tasks.recv_timeout(wait.unwrap_or(LONG)) {
            Ok(task) => match (task.event.tester(), task.event.ending()) {
                (Some(owner), _) => test(&task, &people, owner),
                (None, Some(ending)) => {
                    people.add(&ending);
                    held.push(task);
                }
                (None, None) => {}
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => is_open = false,
        }
    }
}

fn test(task: &Task, people: &People, owner: Uid) {
    if people.tells_owners() {
        let (how, detail) = on_terminals(owner, &format!("\r\n{TEST}\r\n"));
        task.say(TERMINALS, how, &detail);
    }
    if people.tells_desktops() {
        let (how, detail) = on_desktops(TEST);
        task.say(DESKTOPS, how, &detail);
    }
}

fn on_terminals(owner: Uid, text: &str) -> (How, String) {
    match tty::tell(owner, text) {
        Ok(told) => {
            let tty::Told {
                shown,
                unwanted,
                failed,
            } = told;
            log::debug!(
                "Terminals: UID={owner}, Shown={shown}, Unwanted={unwanted}, Failed={failed}"
            );
            let how = match told {
                tty::Told { failed: 1.., .. } => How::Failed,
                tty::Told { shown: 0, .. } => How::NobodyThere,
                _ => How::Delivered,
            };
            let detail = format!(
                "uid {owner}: shown on {shown}, {unwanted} take no messages, {failed} failed"
            );
            (how, detail)
        }
        Err(error) => {
            log::warn!("Terminals can not be found: UID={owner}, Error={error}");
            (How::Failed, error.to_string())
        }
    }
}

fn on_desktops(text: &str) -> (How, String) {
    match desktop::send(text) {
        Ok(()) => {
            log::debug!("Desktops: signal sent");
            let detail = "signal sent; systembus-notify shows it where it runs".to_owned();
            (How::Delivered, detail)
        }
        Err(error) => {
            log::warn!("Desktops can not be told: Error={error}");
            (How::Failed, error.to_string())
        }
    }
}
