//! The channels that the configuration asks for: starts their threads and hands events to their queues.

use crate::command;
use crate::desktop::Desktop;
use crate::event::Event;
use crate::mail::{self, Addresses};
use crate::messages;
use crate::queue::{Queue, Reply, Task};
use crate::terminals::Terminals;
use memory_monitor::config::Notify;
use memory_monitor::escape::Escaped;
use memory_monitor::events::notifier_test::Delivery;
use memory_monitor::sys::trust;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// How many programs run at once.
const COMMAND_THREADS: usize = 4;

/// All channels of a configuration.
#[derive(Debug)]
pub(crate) struct Channels {
    all: Vec<Channel>,
    busy: Arc<()>,
    threads: Vec<JoinHandle<()>>,
    /// Programs that run are killed when this is closed.
    stop: Option<UnixStream>,
}

#[derive(Debug)]
struct Channel {
    /// As the log and the selftest show it.
    name: Arc<str>,
    program: Option<Arc<Path>>,
    /// Mail and commands get every event; terminals and desktops only those of processes that have ended.
    is_for_all: bool,
    queue: Queue,
}

impl Channel {
    fn for_ends(name: &str, queue: Queue) -> Self {
        Self {
            name: name.into(),
            program: None,
            is_for_all: false,
            queue,
        }
    }
}

impl Channels {
    /// Fails where no thread or socket pair can be had.
    pub(crate) fn open(wanted: &Notify, host: &str) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let mut channels = Self {
            all: Vec::new(),
            busy: Arc::default(),
            threads: Vec::new(),
            stop: Some(stop),
        };
        if let Some(addresses) = Addresses::new(wanted, host) {
            let name = addresses.to_string();
            let (queue, tasks) = Queue::new();
            channels.start("mail", move || {
                mail::run(&tasks, &addresses, mail::INTERVAL);
            })?;
            channels.all.push(Channel {
                name: name.into(),
                program: None,
                is_for_all: true,
                queue,
            });
        }
        if !wanted.command.is_empty() {
            let (queue, tasks) = Queue::new();
            let shared = Arc::new((Mutex::new(tasks), stopped));
            for _ in 0..COMMAND_THREADS {
                let shared = Arc::clone(&shared);
                channels.start("command", move || command::run(&shared.0, &shared.1))?;
            }
            for program in &wanted.command {
                if let Err(doubt) = trust::check(program) {
                    log::error!("Command rejected: {doubt}");
                }
                let name = format!("command {}", Escaped(program.as_os_str().as_bytes()));
                let program = Some(program.as_path().into());
                channels.all.push(Channel {
                    name: name.into(),
                    program,
                    is_for_all: true,
                    queue: queue.clone(),
                });
            }
        }
        if wanted.tty {
            let terminals = Terminals::new(host);
            let (queue, tasks) = Queue::new();
            channels.start("terminals", move || messages::run(&tasks, terminals))?;
            channels.all.push(Channel::for_ends("terminals", queue));
        }
        if wanted.desktop {
            let (queue, tasks) = Queue::new();
            channels.start("desktops", move || {
                messages::run(&tasks, Desktop::default());
            })?;
            channels.all.push(Channel::for_ends("desktops", queue));
        }
        Ok(channels)
    }

    fn start(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Never waits: [`Queue::put`].
    pub(crate) fn hand_over(&mut self, event: Event, reply: Option<Reply>) {
        let (event, reply) = (Arc::new(event), reply.map(Arc::new));
        if let Some(reply) = &reply {
            self.announce(reply);
        }
        let is_for_some = event.ended().is_some() || event.tester().is_some();
        for channel in &mut self.all {
            if channel.is_for_all || is_for_some {
                channel.queue.put(Task {
                    event: Arc::clone(&event),
                    channel: Arc::clone(&channel.name),
                    program: channel.program.clone(),
                    reply: reply.clone(),
                    _busy: Arc::clone(&self.busy),
                });
            }
        }
    }

    /// Tells the selftest for which channels it has to wait.
    fn announce(&self, reply: &Reply) {
        for channel in &self.all {
            reply.send(&channel.name, None, "");
        }
        if self.all.is_empty() {
            let detail = "[notify] of the notifier's configuration names no channel";
            reply.send("configuration", Some(Delivery::NoRecipient), detail);
        }
    }

    /// Whether nothing waits and nothing is being sent.
    pub(crate) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.busy) == 1
    }

    /// Takes no more events; what waits is still sent.
    pub(crate) fn close(&mut self) {
        self.all.clear();
    }

    /// Kills the programs that run, tries once more to send the mail that waits, and waits for both.
    pub(crate) fn finish(mut self) {
        self.stop = None;
        self.close();
        for thread in self.threads {
            // A panic was reported by its thread.
            let _ = thread.join();
        }
    }
}

impl fmt::Display for Channels {
    /// `mail to a@example.com by localhost:25, command /bin/true, terminals`, or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.all.iter().map(|channel| &*channel.name).collect();
        f.write_str(match &*names.join(", ") {
            "" => "none",
            names => names,
        })
    }
}
