//! `memory-monitor scan`: the machine's processes with the verdict on each. Sends no signal.

mod group_figures;
mod key_press;
mod kinds;
mod names;
mod over;
mod peaks;
mod programs;
mod row;
mod scanner;
mod screen;
mod suggest;
mod suggestion;
mod sums;
mod system_figures;
mod table;
mod trend;
mod view;
mod watch;

use crate::Error;
use crate::cli::{Filter, ScanOptions, Shown, Verbosity};
use crate::commands::context::Context;
use crate::events::Spelling;
use crate::quantities::Uid;
use scanner::Scanner;
use std::num::NonZeroUsize;
pub use table::Layout;
pub use view::{ScanReport, View};

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
    let mut scanner = Scanner::of(View {
        user: wanted_user(&options.filter)?,
        name: options.filter.name.clone(),
        all: options.shown == Shown::All,
        top: options.top.map(NonZeroUsize::get),
        spelling: Spelling::of_output(options.json),
    });
    if options.watch {
        return watch::watch(scanner, &mut context);
    }
    scanner.scan(&mut context)?;
    let report = scanner.report(&context)?;
    if options.json {
        crate::commands::print_json(&report)
    } else if options.shown == Shown::Over {
        crate::commands::print(&report.over(&context.policy))
    } else {
        let layout = Layout {
            lines: None,
            ..Layout::of_stdout()
        };
        crate::commands::print(&report.table(layout))
    }
}

/// The user of `--user`, by name or, as with chown(1), by number.
fn wanted_user(filter: &Filter) -> Result<Option<Uid>, Error> {
    let Some(typed) = &filter.user else {
        return Ok(None);
    };
    match crate::commands::uid_of(typed)? {
        Some(uid) => Ok(Some(uid)),
        None => Err(crate::commands::no_such_user(
            typed,
            "a user of this machine",
        )),
    }
}
