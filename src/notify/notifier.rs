//! The loop: socket, signals and configuration -> [`Channels`]. Never waits for a channel before it has to stop.

use crate::channels::Channels;
use crate::deduplicate::WouldKill;
use crate::event::Event;
use crate::listener::Listener;
use crate::queue::Reply;
use memory_monitor::Error;
use memory_monitor::cli::NotifyOptions;
use memory_monitor::config::{self, NotifierConfig};
use memory_monitor::events::sinks::LogSinks;
use memory_monitor::sys::host_name;
use memory_monitor::sys::inherited::keep_all_from_children;
use memory_monitor::sys::poll::Poll;
use memory_monitor::sys::signals::{Request, Signals};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// One that a socket unit has started exits after this time without an event.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// Between two tests whether the channels are idle, once it could exit.
const IDLE_POLL: Duration = Duration::from_secs(5);
/// After a failure of poll(2) or recv(2), neither of which has a temporary one.
const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// Between two tests for a second signal while it stops.
const STOP_POLL: Duration = Duration::from_millis(100);

/// Runs until a signal stops it or, started by a socket unit, until it is idle.
pub(crate) fn run(options: &NotifyOptions) -> Result<(), Error> {
    keep_all_from_children().map_err(|error| Error::System("reading /proc/self/fd", error))?;
    // Before any thread is started, so that they inherit the blocked signals.
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    let listener = Listener::open()?;
    let config = NotifierConfig::load(options.config.as_deref());
    let sinks = LogSinks::install(&config.log, options.console.level(config.log.level))?;
    let mut notifier = Notifier {
        options,
        config,
        host: host_name(),
        channels: None,
        replaced: Vec::new(),
        would_kill: WouldKill::default(),
        listener,
        sinks,
    };
    notifier.enforce()?;
    let reason = notifier.listen(&signals);
    log::info!("Notifier stopping: Reason={reason}");
    notifier.finish(&signals);
    Ok(())
}

struct Notifier<'o> {
    options: &'o NotifyOptions,
    /// The one in force.
    config: NotifierConfig,
    host: String,
    channels: Option<Channels>,
    /// Those of earlier configurations that still have something to send.
    replaced: Vec<Channels>,
    would_kill: WouldKill,
    listener: Listener,
    sinks: LogSinks,
}

impl Notifier<'_> {
    fn enforce(&mut self) -> Result<(), Error> {
        let config = &self.config;
        for cause in config.rejected.iter().flat_map(config::Error::causes) {
            log::error!("Configuration rejected, what could be read of it is in force: {cause}");
        }
        let channels = Channels::open(&config.notify, &self.host)
            .map_err(|error| Error::System("starting a thread", error))?;
        log::info!("Notifier ready: Channels={channels}");
        if let Some(mut replaced) = self.channels.replace(channels) {
            replaced.close();
            self.replaced.push(replaced);
        }
        Ok(())
    }

    /// Handles events and signals; why it stops.
    fn listen(&mut self, signals: &Signals) -> &'static str {
        let mut poll = Poll::with_capacity(2);
        let mut last = Instant::now();
        loop {
            self.replaced.retain(|channels| !channels.is_idle());
            let left = IDLE_TIMEOUT.saturating_sub(last.elapsed());
            let timeout = match self.listener.is_on_demand() {
                false => None,
                true if !left.is_zero() => Some(left),
                true if self.is_idle() => return "idle",
                true => Some(IDLE_POLL),
            };
            let descriptors = [signals.as_fd(), self.listener.as_fd()];
            if poll.wait(descriptors.into_iter(), timeout).is_err() {
                std::thread::sleep(ERROR_PAUSE);
            }
            while let Some(request) = signals.next() {
                match request {
                    Request::Stop(signal) => {
                        // What was sent before is delivered; a socket unit keeps it for the next notifier.
                        while !self.listener.is_on_demand() && self.receive() {}
                        return signal;
                    }
                    Request::Reload => self.reload(),
                    Request::ReopenLog => {}
                }
            }
            while self.receive() {
                last = Instant::now();
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.replaced.is_empty() && self.channels.as_ref().is_none_or(Channels::is_idle)
    }

    /// Handles one datagram; false when there was none.
    fn receive(&mut self) -> bool {
        let (datagram, from) = match self.listener.receive() {
            Ok(Some(received)) => received,
            Ok(None) => return false,
            Err(error) => {
                log::error!("Reading from the socket failed: Error={error}");
                std::thread::sleep(ERROR_PAUSE);
                return false;
            }
        };
        match Event::read(datagram) {
            Ok(event) if self.would_kill.is_repeated(&event) => {}
            Ok(event) => {
                let reply = event.token().and_then(|token| Reply::new(from, token));
                if let Some(channels) = &mut self.channels {
                    channels.hand_over(event, reply);
                }
            }
            Err(error) => log::warn!("A datagram is not an event: Error={error}"),
        }
        true
    }

    fn reload(&mut self) {
        let config = match self.config.reload(self.options.config.as_deref()) {
            Ok(config) => config,
            Err(rejected) => {
                for cause in rejected.causes() {
                    log::error!("Configuration rejected, the previous one stays in force: {cause}");
                }
                return;
            }
        };
        let stderr = self.options.console.level(config.log.level);
        self.sinks.apply(&config.log, stderr);
        let before = std::mem::replace(&mut self.config, config);
        if let Err(error) = self.enforce() {
            log::error!("Reload failed, the previous configuration stays in force: {error}");
            self.config = before;
        }
    }

    /// Waits until the channels have sent what must be sent before the exit; a second signal ends the wait.
    fn finish(self, signals: &Signals) {
        let (done, is_done) = mpsc::channel::<()>();
        let all: Vec<Channels> = self.replaced.into_iter().chain(self.channels).collect();
        std::thread::spawn(move || {
            all.into_iter().for_each(Channels::finish);
            drop(done);
        });
        while is_done.recv_timeout(STOP_POLL) == Err(RecvTimeoutError::Timeout) {
            if let Some(Request::Stop(signal)) = signals.next() {
                log::warn!("Notifier stops at once, what was being sent is lost: Reason={signal}");
                return;
            }
        }
    }
}
