//! `memory-monitor scan`: the machine's processes with the verdict on each. Sends no signal.

mod suggest;
mod suggestion;
mod table;
mod view;

use crate::Error;
use crate::cli::{self, Filter, ScanOptions, Verbosity};
use crate::commands::context::Context;
use crate::proc::{Snapshot, SystemFiles};
use crate::quantities::Uid;
use crate::sys::keys::Keys;
use crate::sys::poll::Poll;
use crate::sys::signals::{self, Request, Signals};
use crate::sys::terminal::wants_colour;
use crate::sys::{self, terminal, users};
use crate::users::UserNames;
use std::io::{self, IsTerminal};
use std::iter;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
pub use table::Layout;
pub use view::{ScanReport, View};

/// The time between two scans with `--watch`.
const SECOND: Duration = Duration::from_secs(1);

/// To the terminal's alternate screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

pub(crate) fn run(options: &ScanOptions) -> Result<(), Error> {
    let mut context = Context::open(options.config.as_deref())?;
    if options.console != Verbosity::Quiet {
        for warning in &context.warnings {
            crate::commands::warn(&warning.to_string());
        }
    }
    if let Some(time) = options.suggest {
        let suggestion = suggest::observe(&mut context, time)?;
        return if options.json {
            crate::commands::print_json(&suggestion)
        } else {
            crate::commands::print(&suggestion.text())
        };
    }
    let mut scan = Scan {
        view: View {
            user: wanted_user(&options.filter)?,
            name: options.filter.name.clone(),
            all: options.all,
            top: options.top.map(NonZeroUsize::get),
        },
        users: UserNames::default(),
        snapshot: Snapshot::default(),
    };
    if options.watch {
        scan.watch(&mut context)
    } else if options.json {
        crate::commands::print_json(&scan.report(&mut context)?)
    } else {
        let layout = Layout {
            lines: None,
            ..layout()
        };
        crate::commands::print(&scan.report(&mut context)?.table(layout))
    }
}

/// What is shown, and the memory that two scans share.
struct Scan {
    view: View,
    users: UserNames,
    snapshot: Snapshot,
}

impl Scan {
    fn report(&mut self, context: &mut Context) -> Result<ScanReport, Error> {
        let questions = &context.policy;
        context.sampler.scan_all(questions, &mut self.snapshot)?;
        let system = SystemFiles::open(context.sampler.root())?.read();
        let hidepid = context.sampler.hides_processes();
        Ok(ScanReport::new(
            &context.policy,
            &self.snapshot,
            &system,
            hidepid,
            &self.view,
            &sys::now(),
            &mut self.users,
        ))
    }

    /// Scans every second until a signal or q, and leaves the terminal as it was.
    fn watch(&mut self, context: &mut Context) -> Result<(), Error> {
        if !io::stdout().is_terminal() {
            return Err(Error::NoTerminal("--watch"));
        }
        let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
        signals::ignore_keys();
        let keys = Keys::read();
        crate::commands::print(ENTER)?;
        let watched = self.redraw(context, &signals, keys.as_ref());
        crate::commands::print(LEAVE)?;
        watched
    }

    fn redraw(
        &mut self,
        context: &mut Context,
        signals: &Signals,
        keys: Option<&Keys>,
    ) -> Result<(), Error> {
        let mut poll = Poll::with_capacity(2);
        let mut next = Instant::now();
        loop {
            let text = self.report(context)?.table(layout());
            // Each line is overwritten and its rest cleared, so that nothing flickers; without a final newline nothing
            // scrolls.
            let text = text.trim_end_matches('\n').replace('\n', "\x1b[K\r\n");
            crate::commands::print(&format!("\x1b[H{text}\x1b[K\x1b[J"))?;
            next = (next + SECOND).max(Instant::now());
            loop {
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let descriptors = iter::once(signals.as_fd()).chain(keys.map(Keys::as_fd));
                poll.wait(descriptors, Some(left))
                    .map_err(|error| Error::System("poll", error))?;
                if keys.and_then(Keys::next) == Some(b'q') {
                    return Ok(());
                }
                match signals.next() {
                    // SIGHUP: the terminal is gone.
                    Some(Request::Stop(_) | Request::Reload) => return Ok(()),
                    Some(Request::ReopenLog) | None => {}
                }
            }
        }
    }
}

/// The layout for standard output as it is now.
fn layout() -> Layout {
    let stdout = io::stdout();
    let size = terminal::size(stdout.as_fd());
    Layout {
        columns: size.map(|(columns, _)| columns),
        lines: size.map(|(_, lines)| lines),
        coloured: wants_colour(&stdout),
    }
}

/// The user of `--user`, by name or, as with chown(1), by number.
fn wanted_user(filter: &Filter) -> Result<Option<Uid>, Error> {
    let Some(typed) = &filter.user else {
        return Ok(None);
    };
    let by_name =
        users::uid_of(typed).map_err(|error| Error::System("looking up the user", error))?;
    match by_name.or_else(|| typed.parse().ok().map(Uid::new)) {
        Some(uid) => Ok(Some(uid)),
        None => Err(Error::Usage(cli::Error::Value(
            "--user",
            typed.clone(),
            "a user of this machine".to_owned(),
        ))),
    }
}
