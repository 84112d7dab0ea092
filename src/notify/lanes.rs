//! One queue for each way to people, so that a slow one holds up none of the others. Starts threads.

use super::event::Event;
use super::letter::Addresses;
use super::people::People;
use super::reply::{How, Reply};
use super::task::Task;
use super::{hooks, mail, tell};
use crate::config::Notify;
use crate::escape::Escaped;
use crate::sys::trust;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// As many events wait for a way at most.
const LONGEST_QUEUE: usize = 1000;
/// As many programs run at once at most.
const HOOKS_AT_ONCE: usize = 4;

/// The ways that are wanted.
#[derive(Debug)]
pub struct Lanes {
    /// With what it is called.
    mail: Option<(Queue<Task>, String)>,
    hooks: Option<Hooks>,
    /// With what they are called.
    people: Option<(Queue<Task>, Vec<String>)>,
    busy: Arc<()>,
    threads: Vec<JoinHandle<()>>,
    /// What runs is ended when this is closed.
    stop: Option<UnixStream>,
}

/// The programs that are run for each event.
#[derive(Debug)]
struct Hooks {
    queue: Queue<(Task, Arc<Path>)>,
    programs: Vec<Arc<Path>>,
}

impl Lanes {
    /// Opens what is wanted on this machine.
    pub fn open(wanted: &Notify, host: &str) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let stopped = Arc::new(stopped);
        let mut threads = Vec::new();
        let mut start = |name: &str, work: Box<dyn FnOnce() + Send>| -> io::Result<()> {
            threads.push(thread::Builder::new().name(name.to_owned()).spawn(work)?);
            Ok(())
        };
        let mut mail = None;
        if let Some(addresses) = Addresses::new(wanted, host) {
            let (queue, tasks) = Queue::new("mail");
            let way = addresses.to_string();
            start(
                "mail",
                Box::new(move || mail::run(&tasks, &addresses, mail::EVERY)),
            )?;
            mail = Some((queue, way));
        }
        let mut hooks = None;
        if !wanted.command.is_empty() {
            let (queue, tasks) = Queue::new("commands");
            let tasks = Arc::new(Mutex::new(tasks));
            for _ in 0..HOOKS_AT_ONCE {
                let (tasks, stopped) = (Arc::clone(&tasks), Arc::clone(&stopped));
                start("command", Box::new(move || hooks::run(&tasks, &stopped)))?;
            }
            let programs = wanted.command.iter();
            let programs = programs.map(|path| path.as_path().into()).collect();
            hooks = Some(Hooks { queue, programs });
        }
        let mut people = None;
        if wanted.tty || wanted.desktop {
            let (queue, tasks) = Queue::new("terminals and desktops");
            let ways = [
                (wanted.tty, tell::TERMINALS),
                (wanted.desktop, tell::DESKTOPS),
            ];
            let ways = ways.iter().filter(|(is_wanted, _)| *is_wanted);
            let ways = ways.map(|(_, way)| (*way).to_owned()).collect();
            let told = People::new(host.to_owned(), wanted.tty, wanted.desktop);
            start("people", Box::new(move || tell::run(&tasks, told)))?;
            people = Some((queue, ways));
        }
        let lanes = Self {
            mail,
            hooks,
            people,
            busy: Arc::default(),
            threads,
            stop: Some(stop),
        };
        lanes.doubt_programs();
        Ok(lanes)
    }

    /// Says which programs will not be run.
    fn doubt_programs(&self) {
        for program in self.programs() {
            if let Err(doubt) = trust::check(program) {
                log::error!("Command refused: {doubt}");
            }
        }
    }

    fn programs(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.hooks.iter().flat_map(|hooks| &hooks.programs)
    }

    /// Hands an event to each way that wants it. Never waits: what a full queue does not take is counted
    /// and said.
    pub fn hand_over(&mut self, event: Event, reply: Option<Reply>) {
        let task = Task::new(event, reply, &self.busy);
        self.announce(&task);
        if let Some((queue, _)) = &mut self.mail {
            queue.put(task.clone());
        }
        if let Some(Hooks { queue, programs }) = &mut self.hooks {
            for program in programs {
                queue.put((task.clone(), Arc::clone(program)));
            }
        }
        if let Some((queue, _)) = &mut self.people {
            if task.event.ending().is_some() || task.event.tester().is_some() {
                queue.put(task);
            }
        }
    }

    /// Tells who wants to know what is to be waited for.
    fn announce(&self, task: &Task) {
        let Some(reply) = &task.reply else {
            return;
        };
        let mail = self.mail.iter().map(|(_, way)| way.clone());
        let hooks = self.programs().map(|program| hooks::way(program));
        let people = self.people.iter().flat_map(|(_, ways)| ways.clone());
        let ways: Vec<String> = mail.chain(hooks).chain(people).collect();
        for way in &ways {
            reply.say(way, None, "");
        }
        if ways.is_empty() {
            let detail = "nothing is wanted: [notify] of the notifier's configuration is empty";
            reply.say("configuration", Some(How::NobodyThere), detail);
        }
    }

    /// Whether nothing waits or runs.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.busy) == 1
    }

    /// Takes no more events; what waits and what runs goes on.
    pub fn close(&mut self) {
        (self.mail, self.hooks, self.people) = (None, None, None);
    }

    /// Ends what runs, sends the mail that waits if that can be done now, and waits for both.
    pub fn finish(mut self) {
        self.stop = None;
        self.close();
        for thread in self.threads {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Display for Lanes {
    /// `Mail=1, Commands=2, Terminals=yes, Desktops=no`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.mail {
            Some((_, way)) => write!(f, "Mail={}", Escaped(way.as_bytes()))?,
            None => f.write_str("Mail=none")?,
        }
        f.write_str(", Commands=")?;
        for (index, program) in self.programs().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{}", Escaped(program.as_os_str().as_bytes()))?;
        }
        if self.programs().next().is_none() {
            f.write_str("none")?;
        }
        let people = self.people.as_ref().map(|(_, ways)| ways.join(" and "));
        write!(f, ", Told={}", people.as_deref().unwrap_or("nobody"))
    }
}

/// The near end of a queue.
#[derive(Debug)]
struct Queue<T> {
    name: &'static str,
    sender: SyncSender<T>,
    dropped: u64,
}

impl<T> Queue<T> {
    fn new(name: &'static str) -> (Self, Receiver<T>) {
        let (sender, receiver) = sync_channel(LONGEST_QUEUE);
        let queue = Self {
            name,
            sender,
            dropped: 0,
        };
        (queue, receiver)
    }

    fn put(&mut self, item: T) {
        match self.sender.try_send(item) {
            Ok(()) if self.dropped > 0 => {
                log::warn!(
                    "The queue takes events again: Queue={}, Dropped={}",
                    self.name,
                    self.dropped
                );
                self.dropped = 0;
            }
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped += 1;
                if self.dropped == 1 {
                    log::warn!("The queue is full, events are dropped: Queue={}", self.name);
                }
            }
        }
    }
}
