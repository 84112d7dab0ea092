//! `scan --watch`: a scan every second on a terminal, with keys to sort, to filter and to explain. Sends no signal.

use super::key_press::{KeyPress, key};
use super::scanner::Scanner;
use super::screen::{Screen, SortBy};
use super::table::Layout;
use super::trend::Trends;
use crate::Error;
use crate::commands::context::Context;
use crate::commands::explain;
use crate::quantities::ProcessKey;
use crate::sys::keys::Keys;
use crate::sys::poll::Poll;
use crate::sys::signals::{self, Request, Signals};
use std::io::{self, IsTerminal};
use std::iter;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The time between two scans.
const SECOND: Duration = Duration::from_secs(1);

/// To the terminal's alternate screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Scans every second until a signal or q, and leaves the terminal as it was.
pub(super) fn watch(scanner: Scanner, context: &mut Context) -> Result<(), Error> {
    if !io::stdout().is_terminal() {
        return Err(Error::NoTerminal("--watch"));
    }
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    signals::ignore_keys();
    let keys = Keys::read();
    crate::commands::print(ENTER)?;
    let shows_all = scanner.view.all;
    let mut watch = Watch {
        scanner,
        shows_all,
        trends: Trends::default(),
        screen: Screen::default(),
        explained: None,
    };
    let watched = watch.run(context, &signals, keys.as_ref());
    crate::commands::print(LEAVE)?;
    watched
}

struct Watch {
    scanner: Scanner,
    /// Whether --all was given.
    shows_all: bool,
    trends: Trends,
    screen: Screen,
    /// The process that is explained, and the first line of the explanation that is shown.
    explained: Option<(ProcessKey, usize)>,
}

impl Watch {
    fn run(
        &mut self,
        context: &mut Context,
        signals: &Signals,
        keys: Option<&Keys>,
    ) -> Result<(), Error> {
        let mut poll = Poll::with_capacity(2);
        let mut next = Instant::now();
        loop {
            self.scanner.scan(context)?;
            self.trends.add(&self.scanner.snapshot);
            self.draw(context)?;
            next = (next + SECOND).max(Instant::now());
            loop {
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let descriptors = iter::once(signals.as_fd()).chain(keys.map(Keys::as_fd));
                poll.wait(descriptors, Some(left))
                    .map_err(|error| Error::System("poll", error))?;
                match signals.next() {
                    // SIGHUP: the terminal is gone.
                    Some(Request::Stop(_) | Request::Reload) => return Ok(()),
                    Some(Request::ReopenLog) | None => {}
                }
                if let Some(key) = key(|| keys.and_then(Keys::next)) {
                    if !self.take(key) {
                        return Ok(());
                    }
                    self.draw(context)?;
                }
            }
        }
    }

    /// Does what the key says; false where it ends the command.
    fn take(&mut self, key: KeyPress) -> bool {
        if let Some((_, first)) = &mut self.explained {
            match key {
                KeyPress::Up => *first = first.saturating_sub(1),
                KeyPress::Down => *first += 1,
                KeyPress::Character('q') => return false,
                _ => self.explained = None,
            }
            return true;
        }
        if self.screen.is_typing {
            self.screen.edit(key);
            return true;
        }
        match key {
            KeyPress::Character('q') => return false,
            KeyPress::Character('s') => self.screen.order = self.screen.order.next(),
            KeyPress::Character('/') => self.screen.is_typing = true,
            KeyPress::Escape => self.screen.filter.clear(),
            KeyPress::Up | KeyPress::Character('k') => self.screen.select(-1),
            KeyPress::Down | KeyPress::Character('j') => self.screen.select(1),
            KeyPress::Enter | KeyPress::Character('e') => {
                self.explained = self.screen.selected.map(|process| (process, 0));
            }
            KeyPress::Backspace | KeyPress::Character(_) => {}
        }
        true
    }

    fn draw(&mut self, context: &mut Context) -> Result<(), Error> {
        let layout = Layout::of_stdout();
        let text = if let Some((process, first)) = &mut self.explained {
            Screen::page(&explain::text(context, process.pid), first, layout)
        } else {
            let is_nearest =
                self.screen.order == SortBy::Threshold && self.screen.filter.is_empty();
            self.scanner.view.all = self.shows_all || !is_nearest;
            let report = self.scanner.report(context)?;
            self.screen.table(report, &self.trends, layout)
        };
        // Each line is overwritten and its rest cleared, so that nothing flickers; without a final newline nothing
        // scrolls.
        let text = text.trim_end_matches('\n').replace('\n', "\x1b[K\r\n");
        crate::commands::print(&format!("\x1b[H{text}\x1b[K\x1b[J"))
    }
}
