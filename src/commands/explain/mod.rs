//! `memory-monitor explain PID`: why that process would, or would not, be killed. Sends no signal.

mod conclusion;
mod delay;
mod evidence;
mod groups;
mod shortage;
mod subject;
mod test;
mod view;

use crate::Error;
use crate::cli::ExplainOptions;
use crate::commands::context::{Context, absence};
use crate::events::Spelling;
use crate::quantities::Pid;
use crate::sys;
use crate::sys::clock::started_at;
use crate::sys::terminal::wants_colour;
use crate::users::UserNames;
use evidence::Evidence;
use std::io;
use view::Explanation;

pub(crate) fn run(options: &ExplainOptions) -> Result<(), Error> {
    let mut context = Context::open(options.config.as_deref())?;
    let spelling = Spelling::of_output(options.json);
    let explanation = explanation(&mut context, options.pid, spelling)?;
    if options.json {
        crate::commands::print_json(&explanation)
    } else {
        crate::commands::print(&explanation.text(wants_colour(&io::stdout())))
    }
}

/// The explanation as text without colours, the verdict first; where there is none, why.
pub(crate) fn text(context: &mut Context, pid: Pid) -> String {
    let explanation = match explanation(context, pid, Spelling::Escaped) {
        Ok(explanation) => explanation.text(false),
        Err(error) => return error.to_string(),
    };
    match explanation.split_once("\nVerdict: ") {
        Some((tests, verdict)) => format!("Verdict: {verdict}\n{tests}"),
        None => explanation,
    }
}

fn explanation(context: &mut Context, pid: Pid, spelling: Spelling) -> Result<Explanation, Error> {
    let Context {
        policy,
        written,
        sampler,
        schedule,
        daemon,
        ..
    } = context;
    let policy = &*policy;
    let absent = |error: &io::Error| absence(pid, error, sampler.hides_processes());
    let (process, handle) = sampler
        .try_hold(policy, pid)
        .map_err(|error| absent(&error))?;
    let ended = || absent(&io::Error::from_raw_os_error(libc::ESRCH));
    let details = sampler.details(&handle).ok_or_else(ended)?;
    let is_same = || process.key().is_some_and(|key| sampler.is_still(key));
    let permission = handle.ask_permission(&is_same);
    let now = sys::now();
    let groups = groups::read(policy, sampler, pid, &now)?;
    let subject = (&process, details.thread_of.is_some());
    let candidates = shortage::Rivals::read(policy, sampler, subject, &now)?;
    let uid = process.facts.as_ref().ok().map(|facts| facts.uid);
    let evidence = Evidence {
        policy,
        written,
        process: &process,
        details: &details,
        started: process.key().and_then(|key| started_at(key.start_time)),
        memory: sampler.memory()?,
        permission,
        schedule: schedule.and_then(|index| policy.config.schedules.get(index)),
        daemon: daemon.as_ref(),
        ledger: evidence::ledger(daemon.as_ref(), uid, &now),
        candidates,
        spelling,
        groups,
        now,
    };
    Ok(Explanation::new(&evidence, &mut UserNames::default()))
}
