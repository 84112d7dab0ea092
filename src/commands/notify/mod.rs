//! `memory-monitor notify`: takes the daemon's events and tells people of them. Connects the socket, the
//! configuration and [`crate::notify`].

use crate::Error;
use crate::cli::NotifyOptions;
use crate::config::{self, NotifierConfig};
use crate::events::sinks::LogSinks;
use crate::notify::event::Event;
use crate::notify::listen::Listener;
use crate::notify::repeats::Repeats;
use crate::notify::reply::Reply;
use crate::notify::{Lanes, socket_path};
use crate::sys::host_name;
use crate::sys::inherited::keep_all_from_children;
use crate::sys::poll::Poll;
use crate::sys::signals::{Request, Signals};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// One that is started when there is something to tell ends when there was nothing for so long.
const IDLE: Duration = Duration::from_secs(600);
/// After an error of poll(2), which has none that passes.
const PAUSE: Duration = Duration::from_secs(1);
/// How often is asked for a second signal while it ends.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often is asked whether what is being told was told, once it could end.
const ASKING: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &NotifyOptions) -> Result<(), Error> {
    keep_all_from_children().map_err(|error| Error::System("reading /proc/self/fd", error))?;
    // Before any thread, so that none has them.
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    let listener = Listener::open().map_err(|error| Error::Listen(socket_path(), error))?;
    let config = NotifierConfig::load(options.config.as_deref());
    let sinks = LogSinks::install(&config.log, options.console.level(config.log.level))?;
    let mut notifier = Notifier {
        options,
        host: host_name(),
        lanes: None,
        before: Vec::new(),
        repeats: Repeats::default(),
        listener,
        sinks,
    };
    notifier.enforce(&config)?;
    let end = notifier.listen(&signals);
    log::info!("Notifier stopping: Reason={end}");
    notifier.finish(&signals);
    Ok(())
}

struct Notifier<'o> {
    options: &'o NotifyOptions,
    host: String,
    lanes: Option<Lanes>,
    /// Those of earlier configurations that have not told all.
    before: Vec<Lanes>,
    repeats: Repeats,
    listener: Listener,
    sinks: LogSinks,
}

impl Notifier<'_> {
    fn enforce(&mut self, config: &NotifierConfig) -> Result<(), Error> {
        for refused in config.refused.iter().flat_map(config::Error::causes) {
            log::error!("Configuration refused, what could be read of it holds: {refused}");
        }
        let lanes = Lanes::open(&config.notify, &self.host)
            .map_err(|error| Error::System("starting a thread", error))?;
        log::info!("Notifier ready: {lanes}");
        if let Some(mut before) = self.lanes.replace(lanes) {
            before.close();
            self.before.push(before);
        }
        Ok(())
    }

    /// Why it ends.
    fn listen(&mut self, signals: &Signals) -> &'static str {
        let mut poll = Poll::with_capacity(2);
        let mut last = Instant::now();
        loop {
            self.before.retain(|lanes| !lanes.is_idle());
            let timeout = if self.listener.is_on_demand() {
                let left = IDLE.saturating_sub(last.elapsed());
                let is_idle = self.lanes.as_ref().is_none_or(Lanes::is_idle);
                match (left.is_zero(), is_idle && self.before.is_empty()) {
                    (true, true) => return "nothing to tell",
                    (true, false) => Some(ASKING),
                    (false, _) => Some(left),
                }
            } else {
                None
            };
            let descriptors = [signals.as_fd(), self.listener.as_fd()];
            if poll.wait(descriptors.into_iter(), timeout).is_err() {
                std::thread::sleep(PAUSE);
            }
            while let Some(request) = signals.next() {
                match request {
                    Request::Stop(signal) => {
                        // What was sent before is told; the service manager's socket keeps it for the next.
                        while !self.listener.is_on_demand() && self.take() {}
                        return signal;
                    }
                    Request::Reload => self.reload(),
                    Request::ReopenLog => {}
                }
            }
            while self.take() {
                last = Instant::now();
            }
        }
    }

    /// Takes one event; whether there was one.
    fn take(&mut self) -> bool {
        let (datagram, from) = match self.listener.receive() {
            Ok(Some(taken)) => taken,
            Ok(None) => return false,
            Err(error) => {
                log::error!("Reading from the socket failed: Error={error}");
                std::thread::sleep(PAUSE);
                return false;
            }
        };
        let event = match Event::read(datagram) {
            Ok(event) => event,
            Err(error) => {
                log::warn!("What was sent is no event: Error={error}");
                return true;
            }
        };
        if !self.repeats.is_one(&event) {
            let token = event.token.clone().filter(|_| event.tester().is_some());
            let reply = token.and_then(|token| Reply::new(from, token));
            if let Some(lanes) = &mut self.lanes {
                lanes.hand_over(event, reply);
            }
        }
        true
    }

    fn reload(&mut self) {
        let config = NotifierConfig::load(self.options.config.as_deref());
        if let Some(refused) = &config.refused {
            for cause in refused.causes() {
                log::error!("Reload refused, the old configuration stays in force: {cause}");
            }
            return;
        }
        self.sinks
            .apply(&config.log, self.options.console.level(config.log.level));
        if let Err(error) = self.enforce(&config) {
            log::error!("Reload failed, the old configuration stays in force: {error}");
        }
    }

    /// Waits for what must be done before the end; a second signal is not waited for.
    fn finish(self, signals: &Signals) {
        let (done, is_done) = mpsc::channel::<()>();
        let all = self.before.into_iter().chain(self.lanes);
        let all: Vec<Lanes> = all.collect();
        std::thread::spawn(move || {
            for lanes in all {
                lanes.finish();
            }
            drop(done);
        });
        while is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            if let Some(Request::Stop(signal)) = signals.next() {
                log::warn!(
                    "Notifier stops at once, what it was doing is given up: Reason={signal}"
                );
                return;
            }
        }
    }
}
