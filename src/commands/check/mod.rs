//! `memory-monitor check`: a configuration as it was understood, and what it matches now.

mod groups;
mod matches;
mod names;
mod output_files;
mod rules;
mod shared;
mod view;
mod week;
mod whitelist;

use crate::Error;
use crate::cli::CheckOptions;
use crate::commands::context::Context;
use crate::commands::groups as groups_now;
use crate::commands::peers::peers;
use crate::commands::status;
use crate::config::{Config, Warning};
use crate::events::Spelling;
use crate::paths;
use crate::policy::{Policy, Verdict};
use crate::proc::{Process, Snapshot};
use crate::quantities::Now;
use crate::sys;
use crate::sys::trust;
use crate::systemd::Unit;
use crate::users::UserNames;
use names::names;
use serde::Serialize;
use std::path::Path;
use view::{CheckReport, Checked};

/// Fails where the running daemon would reject a reload of this file, whose configuration is valid by itself: as it
/// does, files that have lost their content since it read them are no configuration.
fn check_reload(file: Option<&Path>, config: &Config, warnings: &[Warning]) -> Result<(), Error> {
    let Some(in_force) = status::files_in_force(file) else {
        return Ok(());
    };
    Ok(config.check_reload(warnings, &in_force)?)
}

/// What `--json` shows of a configuration that is rejected.
#[derive(Serialize)]
struct Rejected {
    valid: bool,
    errors: Vec<String>,
}

pub(crate) fn run(options: &CheckOptions) -> Result<(), Error> {
    let config = options.config.as_deref();
    let config = config.map(|file| {
        if file == Path::new("-") {
            Path::new(paths::STDIN)
        } else {
            file
        }
    });
    if options.quiet {
        let loaded = Config::load_once(config)?;
        return check_reload(config, &loaded.config, &loaded.warnings);
    }
    if options.names {
        let loaded = Config::load_once(config)?;
        return crate::commands::print(&names(&loaded.config));
    }
    let context = Context::open(config).and_then(|context| {
        check_reload(config, &context.policy.config, &context.warnings)?;
        Ok(context)
    });
    if let (Err(Error::Config(error)), true) = (&context, options.json) {
        let errors = error.causes().map(ToString::to_string).collect();
        crate::commands::print_json(&Rejected {
            valid: false,
            errors,
        })?;
    }
    let mut context = context?;
    let mut snapshot = Snapshot::default();
    groups_now::prepare(&context.policy, &mut snapshot);
    context.sampler.scan_all(&context.policy, &mut snapshot)?;
    let users = &mut UserNames::default();
    let now = sys::now();
    let (policy, sampler) = (&context.policy, &context.sampler);
    let groups = groups_now::read(policy, sampler, &mut snapshot, users, &now, None);
    let unit = Unit::ask("memory-monitor.service");
    let commands = context.policy.config.notify.command.iter();
    let untrusted_commands: Vec<_> = commands
        .filter_map(|command| trust::check(command).err())
        .collect();
    let shared = shared::notes(&context.policy, &snapshot, &context.sampler);
    let peers = peers(&context.sampler, &snapshot.near);
    let checked = Checked {
        policy: &context.policy,
        written: &context.written,
        warnings: &context.warnings,
        snapshot: &snapshot,
        sampler: &context.sampler,
        over: over(&context.policy, &snapshot, &now) + groups.victims.len(),
        groups: &groups.rows,
        unit: &unit,
        hidepid: context.sampler.hides_processes(),
        now: crate::commands::week_minute(),
        untrusted_commands: &untrusted_commands,
        shared: &shared,
        peers: &peers,
        spelling: Spelling::of_output(options.json),
    };
    let report = CheckReport::new(&checked);
    if options.json {
        crate::commands::print_json(&report)
    } else {
        crate::commands::print(&report.text())
    }
}

/// How many processes would be killed now for thresholds of their own.
fn over(policy: &Policy, snapshot: &Snapshot, now: &Now) -> usize {
    let verdict = |process: &Process| policy.judge(process, &snapshot.memory, now);
    let is_over = |process: &&Process| matches!(verdict(process), Verdict::Breach(_));
    snapshot.near.iter().filter(is_over).count()
}
