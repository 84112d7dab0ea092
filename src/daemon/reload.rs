//! Puts a configuration into force and reports that. Touches the policy, the log and what is written for the commands;
//! decides nothing.

use super::state;
use crate::cli::RunOptions;
use crate::config::{Config, Error, Loaded, idle_thresholds};
use crate::events::{Event, Reporter};
use crate::policy::Policy;
use crate::proc::Sampler;
use crate::sys::process;
use crate::users::Lookups;
use std::path::Path;

/// What a configuration is put into force in.
pub(super) struct Context<'c> {
    pub(super) options: &'c RunOptions,
    pub(super) policy: &'c mut Policy,
    pub(super) sampler: &'c Sampler,
    pub(super) reporter: &'c mut Reporter,
}

/// Reloads the configuration. A user database that does not answer delays that by 3 s and no more: a user that is
/// not found then keeps the uid it had. Fails as [`Config::reload_by`].
pub(super) fn load(before: &Config, file: Option<&Path>) -> Result<Loaded, Error> {
    let lookups = Lookups::begin();
    let uid_of = |name: &str| lookups.uid_of(name);
    before.reload_by(file, &uid_of, &|is_meant| lookups.uids_of(is_meant))
}

/// When a configuration is put into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Start,
    Reload,
}

/// Puts `loaded` into force.
pub(super) fn enforce(context: Context<'_>, mut loaded: Loaded, occasion: Occasion) {
    let is_reload = occasion == Occasion::Reload;
    let Context {
        options,
        policy,
        sampler,
        reporter,
    } = context;
    if is_reload {
        loaded.keep_users(&policy.config);
    }
    let Loaded {
        mut config,
        warnings,
        written,
        files,
    } = loaded;
    if options.dry_run {
        config.set_dry_run();
    }
    state::note_config(reporter.status(), &config, files);
    if is_reload {
        // What waits for the record of it finds the status, and `check` what is in force.
        reporter.write_status();
    }
    reporter.emit(&if is_reload {
        Event::Reloaded(&config)
    } else {
        Event::Started(&config)
    });
    if is_reload {
        for change in policy.config.changes(&config) {
            reporter.emit(&Event::Changed(&change));
        }
    }
    reporter.set_notified(config.notify.is_wanted());
    reporter.set_report_interval(config.report_interval);
    reporter.metrics().note_config(&config);
    let memory = sampler.memory().ok();
    let idle = memory.map_or(Vec::new(), |memory| {
        idle_thresholds(&config, &written, memory.total, memory.most_pss())
    });
    for warning in warnings.iter().chain(&idle) {
        reporter.emit(&Event::ConfigWarning(warning));
    }
    policy.pinned.clear();
    for &pid in &config.whitelist.pids {
        match sampler.identify_process(pid) {
            Ok(Some(key)) => policy.pinned.push(key),
            // One that hidepid hides can't be killed either; that it hides some is logged. A thread is no process.
            Ok(None) | Err(_) if process::exists(pid) && sampler.thread_of(pid).is_none() => {}
            Ok(None) | Err(_) => reporter.emit(&Event::PidUnused(pid)),
        }
    }
    policy.config = config;
}
