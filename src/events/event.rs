//! What happens, as data; its text and its level are made here and nowhere else.

use crate::Error;
use crate::config;
use crate::escape::Escaped;
use crate::policy::{Breach, Delay, Exemption, Protection, RestartLoop, ShownProtection, Victim};
use crate::proc::{Process, SystemMemory};
use crate::quantities::{Bytes, Percent, Pid, Span};
use crate::sys::clock::LocalTime;
use crate::sys::process::Signal;
use crate::users::UserNames;
use std::fmt::{self, Write};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'e> {
    /// The daemon is about to make its first check.
    Started(&'e config::Config),
    /// Something in the configuration that is probably not meant so.
    ConfigWarning(&'e config::Warning),
    /// The configuration was read again and is in force.
    Reloaded(&'e config::Config),
    /// The configuration was read again and refused; one cause of possibly several.
    ReloadRejected(&'e str),
    /// One thing that a reload has changed.
    Changed(&'e config::Change),
    /// Another schedule holds, or none, until this time.
    Schedule(&'e config::Config, Option<usize>, Option<LocalTime>),
    /// A number of `whitelist.pids` that nobody had when the configuration was read.
    PidUnused(Pid),
    /// A process that was protected by its number has ended.
    PidEnded(Pid),
    /// This user may only signal its own processes.
    OnlyOwnProcesses,
    /// hidepid keeps other users' processes from us.
    Hidepid,
    /// Something that would help when memory is short is not to be had; all goes on without.
    FeatureUnavailable(&'static str, &'e io::Error),
    /// A check begins.
    Memory(&'e SystemMemory),
    /// A check is over.
    ScanComplete {
        /// Processes that were looked at.
        scanned: usize,
        /// Processes that were signalled.
        killed: usize,
    },
    /// A check found nothing out.
    ScanFailed(&'e Error),
    /// Processes that would not say their size.
    Unreadable {
        /// How many.
        count: usize,
        /// Why the first can't be read; None where it has an unexpected format.
        errno: Option<i32>,
    },
    /// A process was sent SIGTERM.
    Killing(&'e Process, &'e Breach),
    /// A process would have been sent SIGTERM.
    WouldKill(&'e Process, &'e Breach),
    /// The threshold it is over.
    Reason(&'e Process, &'e Breach),
    /// A process is over a threshold but protected.
    Protected(&'e Process, Percent, ShownProtection<'e>),
    /// Root has exempted a process for so long.
    Exempted(&'e Exemption, Duration),
    /// An exemption for a while is over, and why.
    ExemptionOver(&'e Exemption, &'static str),
    /// The file with the exemptions can't be read or believed.
    ExemptionsRejected(&'e Path, &'e io::Error),
    /// A process is near its threshold: the early warning.
    Near(&'e Process, &'e Breach),
    /// A process is over its threshold and ended later, after this time.
    KillDelayed(&'e Process, &'e Breach, &'e Delay, Duration),
    /// A unit comes back as often as it is ended; the next time it has so long.
    RestartLoop(&'e RestartLoop, Duration),
    /// A process is over a threshold, but too many were ended in the last minute.
    KillLimitReached(&'e Process, &'e Breach, u32),
    /// The kernel does not let us signal a process.
    NotPermitted(&'e Process, &'e Breach),
    /// A signal could not be sent for another reason.
    SignalFailed(&'e Process, Signal, &'e io::Error),
    /// A victim's grace time is over.
    Escalating(&'e Victim),
    /// A victim is protected by now and keeps its life.
    KillCancelled(&'e Victim),
    /// A victim has survived SIGKILL.
    Survives(&'e Victim, Duration),
    /// A victim has ended, so long after its SIGTERM.
    Ended(&'e Victim, Duration),
    /// The daemon ends because of this signal.
    Stopping(&'static str),
}

impl Event<'_> {
    /// How much it matters.
    pub fn level(&self) -> log::Level {
        match self {
            Self::ReloadRejected(_)
            | Self::ScanFailed(_)
            | Self::KillLimitReached(..)
            | Self::SignalFailed(..) => log::Level::Error,
            Self::ConfigWarning(_)
            | Self::PidUnused(_)
            | Self::PidEnded(_)
            | Self::OnlyOwnProcesses
            | Self::ExemptionsRejected(..)
            | Self::Hidepid
            | Self::Unreadable { .. }
            | Self::Killing(..)
            | Self::WouldKill(..)
            | Self::Near(..)
            | Self::RestartLoop(..)
            | Self::KillDelayed(_, _, Delay::Restart(_), _)
            | Self::NotPermitted(..)
            | Self::Escalating(_)
            | Self::Survives(..) => log::Level::Warn,
            // A size or a rule that can't be told: the process goes on, but somebody should know.
            Self::Protected(process, _, shown)
                if shown.protection.is_unverified_name()
                    || match shown.protection {
                        Protection::WarnOnly(_) => true,
                        Protection::Unreadable(_) => process.facts.is_ok(),
                        _ => false,
                    } =>
            {
                log::Level::Warn
            }
            Self::Started(_)
            | Self::Reloaded(_)
            | Self::Changed(_)
            | Self::Schedule(..)
            | Self::Memory(_)
            | Self::ScanComplete { .. }
            | Self::Reason(..)
            | Self::Protected(..)
            | Self::KillDelayed(..)
            | Self::Exempted(..)
            | Self::ExemptionOver(..)
            | Self::KillCancelled(_)
            | Self::Ended(..)
            | Self::Stopping(_) => log::Level::Info,
            Self::FeatureUnavailable(..) => log::Level::Debug,
        }
    }

    /// Its text in one line, appended to `out`.
    #[allow(clippy::too_many_lines)] // an arm an event
    pub fn write(&self, out: &mut String, users: &mut UserNames) -> fmt::Result {
        match self {
            Self::Started(config) => {
                write!(out, "memory-monitor {} started: ", env!("CARGO_PKG_VERSION"))?;
                write_config(out, config)
            }
            Self::ConfigWarning(warning) => write!(out, "Configuration: {warning}"),
            Self::Reloaded(config) => {
                out.write_str("Configuration read again: ")?;
                write_config(out, config)
            }
            Self::ReloadRejected(cause) => {
                write!(out, "Configuration refused, the old one stays in force: {cause}")
            }
            Self::PidUnused(pid) => write!(
                out,
                "PID={pid} of whitelist.pids is nobody's number now, it protects nobody until the \
                 configuration is read again"
            ),
            Self::PidEnded(pid) => write!(
                out,
                "PID={pid} of whitelist.pids has ended, another process with its number is not \
                 protected"
            ),
            Self::OnlyOwnProcesses => out.write_str(
                "Not running as root: only processes of this user can be ended, others are reported",
            ),
            Self::Hidepid => out.write_str(
                "/proc is mounted with hidepid: other users' processes can't be seen, run as root",
            ),
            Self::FeatureUnavailable(what, error) => write!(out, "Going on without {what}: {error}"),
            Self::Memory(memory) => write_memory(out, memory),
            Self::ScanComplete { scanned, killed } => {
                write!(out, "Scan complete. Scanned: {scanned}, Killed: {killed}")
            }
            Self::ScanFailed(error) => write!(out, "Scan failed: {error}"),
            Self::Unreadable { count, errno } => {
                write!(out, "Processes that could not be read and are protected: {count} (")?;
                match errno {
                    None => out.write_str("unexpected format)"),
                    Some(errno) => write!(out, "{})", io::Error::from_raw_os_error(*errno)),
                }
            }
            Self::Killing(process, breach) => {
                out.write_str("Killing process: ")?;
                write_breach(out, users, process, breach)
            }
            Self::WouldKill(process, breach) => {
                out.write_str("Would kill process: ")?;
                write_breach(out, users, process, breach)
            }
            Self::Reason(process, breach) => {
                write!(out, "Reason: PID={} is over {breach}", process.pid)?;
                match process.details.program {
                    Some(program) => write!(out, "; whitelist.names has its name, {program}"),
                    None => Ok(()),
                }
            }
            Self::Near(process, breach) => {
                out.write_str("Near its threshold: ")?;
                write_breach(out, users, process, breach)?;
                write!(out, ", Threshold: {breach}")
            }
            Self::KillDelayed(process, breach, wait, left) => {
                let left = left.as_secs_f64();
                write!(out, "Over its threshold, ended in {left:.0} s if it still is: ")?;
                write_breach(out, users, process, breach)?;
                write!(out, ", Reason: {wait}")
            }
            Self::RestartLoop(found, wait) => write_restart_loop(out, found, *wait),
            Self::Changed(change) => write!(out, "Configuration changed: {change}"),
            Self::Schedule(config, schedule, next) => write_schedule(out, config, *schedule, *next),
            Self::Protected(process, share, protection) => {
                write_protected(out, users, process, *share, *protection)
            }
            Self::Exempted(exemption, left) => {
                write!(out, "Exempt for {}: ", Span(*left))?;
                write_exemption(out, exemption)
            }
            Self::ExemptionOver(exemption, why) => {
                write!(out, "Exemption over ({why}): ")?;
                write_exemption(out, exemption)
            }
            Self::ExemptionsRejected(path, error) => {
                let path = Escaped(path.as_os_str().as_bytes());
                write!(out, "Exemptions not taken over, those before hold: Path={path}, Error={error}")
            }
            Self::KillLimitReached(process, breach, limit) => {
                write!(out, "Limit of {limit} kills a minute reached, not ended: ")?;
                write_breach(out, users, process, breach)
            }
            Self::NotPermitted(process, breach) => {
                out.write_str("Not permitted to signal process: ")?;
                write_breach(out, users, process, breach)
            }
            Self::SignalFailed(process, signal, error) => {
                write!(out, "Sending {} failed: ", signal.name())?;
                write_process(out, users, process)?;
                write!(out, ": {error}")
            }
            Self::Escalating(victim) => {
                out.write_str("Escalating to SIGKILL: ")?;
                write_breach(out, users, &victim.process, &victim.breach)
            }
            Self::KillCancelled(victim) => {
                out.write_str("No longer to be ended: ")?;
                write_breach(out, users, &victim.process, &victim.breach)
            }
            Self::Survives(victim, after) => {
                write!(out, "Process survives SIGKILL, it waits in the kernel: ")?;
                write_process(out, users, &victim.process)?;
                write!(out, ", After={:.2}s", after.as_secs_f64())
            }
            Self::Ended(victim, after) => {
                let signal = victim.signal().name();
                write!(out, "Process ended: PID={}", victim.key.pid)?;
                write_name(out, &victim.process)?;
                write!(out, ", Signal={signal}, After={:.2}s", after.as_secs_f64())?;
                write!(out, ", Freed={}", victim.last_rss)
            }
            Self::Stopping(signal) => write!(out, "Stopped by {signal}"),
        }
    }
}

/// `System Memory: 45.2% used (7.24GB / 16.00GB)`.
pub(crate) fn write_memory(out: &mut String, memory: &SystemMemory) -> fmt::Result {
    out.write_str("System Memory: ")?;
    match memory.used() {
        Some(used) => {
            let share = Percent::share(used, memory.total);
            write!(out, "{share:.1} used ({used} / {})", memory.total)
        }
        None => write!(
            out,
            "{} in total, the kernel does not say how much is used",
            memory.total
        ),
    }
}

/// `configuration "/etc/memory-monitor/config.toml", over 10.00% of RAM or 2.00GB, every 30 s`.
fn write_config(out: &mut String, config: &config::Config) -> fmt::Result {
    write!(out, "{}", config.origin)?;
    match config.drop_ins.len() {
        0 => {}
        1 => out.write_str(" and 1 drop-in")?,
        count => write!(out, " and {count} drop-ins")?,
    }
    out.write_str(", ends processes over ")?;
    write_values(out, config)?;
    out.write_str(if config.dry_run {
        ", dry run: signals nobody"
    } else {
        ""
    })
}

fn write_values(out: &mut String, config: &config::Config) -> fmt::Result {
    let thresholds = config.thresholds;
    match (thresholds.percent(), thresholds.amount()) {
        (Some(percent), Some(amount)) => write!(out, "{percent} of RAM or {amount}")?,
        (Some(percent), None) => write!(out, "{percent} of RAM")?,
        (None, Some(amount)) => write!(out, "{amount}")?,
        (None, None) => {}
    }
    write!(
        out,
        ", looks every {} s",
        config.check_interval.as_secs_f64()
    )
}

fn write_restart_loop(out: &mut String, found: &RestartLoop, wait: Duration) -> fmt::Result {
    write!(
        out,
        "Restart loop: Unit={} was ended {} times and came back each time, the next time it has \
         {:.0} s",
        Escaped(found.unit.as_bytes()),
        found.kills,
        wait.as_secs_f64()
    )
}

/// `Schedule 1 in force: ..., until 2025-10-03 17:00:00`.
fn write_schedule(
    out: &mut String,
    config: &config::Config,
    schedule: Option<usize>,
    next: Option<LocalTime>,
) -> fmt::Result {
    match schedule {
        Some(place) => write!(out, "Schedule {} in force: ends processes over ", place + 1)?,
        None => out.write_str("No schedule in force: ends processes over ")?,
    }
    write_values(out, config)?;
    match next {
        Some(next) => write!(out, ", until {next}"),
        None => Ok(()),
    }
}

/// `PID=12345, Name=chrome, Reason=backup`.
fn write_exemption(out: &mut String, exemption: &Exemption) -> fmt::Result {
    write!(
        out,
        "PID={}, Name={}",
        exemption.process.pid,
        Escaped(&exemption.name)
    )?;
    match exemption.reason.as_str() {
        "" => Ok(()),
        reason => write!(out, ", Reason={}", Escaped(reason.as_bytes())),
    }
}

fn write_protected(
    out: &mut String,
    users: &mut UserNames,
    process: &Process,
    share: Percent,
    protection: ShownProtection<'_>,
) -> fmt::Result {
    out.write_str(match protection.protection {
        Protection::WarnOnly(..) => "Over its threshold, only reported: ",
        _ => "Spared process: ",
    })?;
    write_process(out, users, process)?;
    if process.facts.is_ok() {
        write_ram(out, process.memory().unwrap_or(process.rss), share)?;
    }
    write!(out, ", Reason: {protection}")
}

/// `PID=12345, Name=chrome, User=john, RAM=3.50GB (21.88%)`.
fn write_breach(
    out: &mut String,
    users: &mut UserNames,
    process: &Process,
    breach: &Breach,
) -> fmt::Result {
    write_process(out, users, process)?;
    write_ram(out, breach.memory, breach.share)
}

fn write_ram(out: &mut String, rss: Bytes, share: Percent) -> fmt::Result {
    write!(out, ", RAM={rss} ({share})")
}

fn write_process(out: &mut String, users: &mut UserNames, process: &Process) -> fmt::Result {
    write!(out, "PID={}", process.pid)?;
    write_name(out, process)?;
    if let Ok(facts) = &process.facts {
        write!(out, ", User={}", Escaped(users.name(facts.uid)))?;
    }
    Ok(())
}

fn write_name(out: &mut String, process: &Process) -> fmt::Result {
    match &process.facts {
        Ok(facts) => write!(out, ", Name={}", Escaped(facts.name.as_bytes())),
        Err(_) => Ok(()),
    }
}
