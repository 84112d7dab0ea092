//! What is stated of each event: [`Event::describe`] has one arm for each, and all that is stated of it is stated
//! there.

use super::description::{Counter, Description, Failure, debug, error, info, warning};
use super::event::Event;
use super::text::{Exempt, Files, MemoryInUse, Optional, Own, Owner, Shown, Thresholds};
use crate::escape::Escaped;
use crate::policy::{Delay, Protection, Times, Victim};
use crate::quantities::Rounded;
use crate::sys::process::Signal;
use crate::users::UserNames;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;

impl Event<'_> {
    /// Hands the description and the text to `tell`. The text is written when `tell` writes it, and only then users are
    /// looked up.
    #[allow(clippy::too_many_lines, reason = "one arm for each event")]
    #[allow(clippy::unreadable_literal, reason = "MESSAGE_IDs are only compared")]
    pub(crate) fn describe(
        &self,
        users: &RefCell<UserNames>,
        tell: &mut dyn FnMut(&Description<'_>, fmt::Arguments<'_>),
    ) {
        match *self {
            Self::Started(config) => tell(
                &info("started", 0xf916a100f090d2bcad25c44426877068),
                format_args!(
                    "memory-monitor {} started: {}",
                    env!("CARGO_PKG_VERSION"),
                    Files(config)
                ),
            ),
            Self::ConfigWarning(what) => tell(
                &warning("config_warning", 0x714ee3ae9d3e287cacb8657792b833fc),
                format_args!("Configuration: {what}"),
            ),
            Self::Reloaded(config) => tell(
                &info("reloaded", 0x05a42ae92401165561f8358fab9afc23),
                format_args!("Configuration reloaded: {}", Files(config)),
            ),
            Self::ReloadRejected(cause, is_first) => tell(
                &error("reload_rejected", 0x07e1649d3f7eecac91dbb0a65af8c942)
                    .notified()
                    .counts_if(is_first, Counter::Failure(Failure::Configuration)),
                format_args!("Configuration rejected, the previous one stays in force: {cause}"),
            ),
            Self::Changed(change) => tell(
                &info("changed", 0xd1131a753684ac543399bdd64b0d6642),
                format_args!("Configuration changed: {change}"),
            ),
            Self::Schedule(config, index, until) => {
                let description = info("schedule", 0x4dd478ef816a97f1aba456f26623a0d9);
                let (values, until) = (Thresholds(config), Optional(", until ", until));
                match index.map(|index| index + 1) {
                    Some(number) => tell(
                        &description,
                        format_args!("Schedule {number} in force: {values}{until}"),
                    ),
                    None => tell(
                        &description,
                        format_args!("No schedule in force: {values}{until}"),
                    ),
                }
            }
            Self::PidUnused(pid) => tell(
                &warning("pid_unused", 0x2b157ba39d909c256eec6064819e649a)
                    .with(|data| data.pid = Some(pid)),
                format_args!(
                    "whitelist.pids: no process has PID {pid}; the entry has no effect until the next reload"
                ),
            ),
            Self::PidEnded(pid) => tell(
                &warning("pid_ended", 0x6a985cdf32c9b35da85f0e5bb733f2ed)
                    .with(|data| data.pid = Some(pid)),
                format_args!(
                    "whitelist.pids: the process with PID {pid} has ended; another process with this PID is not protected"
                ),
            ),
            Self::OnlyOwnProcesses => tell(
                &warning("only_own_processes", 0x90753b5318cbe5f56fc22c04a11ba1c5),
                format_args!(
                    "Not running as root: only processes of this user can be killed, others are reported"
                ),
            ),
            Self::Hidepid(fix) => tell(
                &warning("hidepid", 0x6e8a655f071687a28961dea4e4f9a581),
                format_args!(
                    "/proc is mounted with hidepid: other users' processes can't be seen, {fix}"
                ),
            ),
            Self::FeatureUnavailable(what, cause) => tell(
                &debug("feature_unavailable", 0xbf7bba771c58e27087336a236ecb6242),
                format_args!("{what} unavailable, continuing without them: {cause}"),
            ),
            Self::Memory(memory) => tell(
                &info("memory", 0xe6ffb689e400014339bafb759331e1c3),
                format_args!("{}", MemoryInUse(memory)),
            ),
            Self::ScanComplete { scanned, killed } => tell(
                &info("scan_complete", 0x0b7eebdf158cf96332efc880777a47c2),
                format_args!("Scan complete. Scanned: {scanned}, Killed: {killed}"),
            ),
            Self::DryRun(dry_run) => tell(
                &info("dry_run", 0x97da53664513452f9e24c8e7ac9e0d36),
                format_args!("{dry_run}"),
            ),
            Self::ScanFailed(cause) => tell(
                &error("scan_failed", 0x87c4750eef673bc0360b03e84d11e69a).fails(Failure::Scan),
                format_args!("Scan failed: {cause}"),
            ),
            Self::Unreadable { count, errno } => {
                let description = warning("unreadable", 0xa85582491d6f3a1206f49e8e82988f75)
                    .fails(Failure::Unreadable);
                let text = "Processes that can't be read and are protected";
                match errno.map(io::Error::from_raw_os_error) {
                    Some(cause) => tell(&description, format_args!("{text}: {count} ({cause})")),
                    None => tell(
                        &description,
                        format_args!("{text}: {count} (unexpected format)"),
                    ),
                }
            }
            Self::Killing(process, breach) => tell(
                &warning("killing", 0x7897c3fb898ce88330f5cef3dc3769a6)
                    .notified()
                    .breach(process, breach)
                    .with(|data| data.signal = Some(Signal::Terminate)),
                format_args!("Killing process: {}", Shown::over(process, breach, users)),
            ),
            Self::WouldKill(process, breach) => tell(
                &warning("would_kill", 0xcab9a3fafd9e9cd22a81a52b4112eb39)
                    .notified()
                    .counts(Counter::WouldKill)
                    .breach(process, breach),
                format_args!(
                    "Would kill process: {}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::Reason(process, breach) => tell(
                &info("reason", 0xdbb9de3a13a989f54f07a878a999bfc0).breach(process, breach),
                format_args!(
                    "Reason: PID={} is over {breach}{}{}",
                    process.pid,
                    Own(process, breach),
                    Optional("; whitelist.names has its name, ", process.details.program)
                ),
            ),
            Self::Protected(process, share, shown) => {
                // What only reports, and what protects in doubt, is for the administrator to see.
                let is_warning = match shown.protection {
                    Protection::WarnOnly(..) => true,
                    Protection::Unreadable(_) => process.facts.is_ok(),
                    protection => protection.is_unverified_name(),
                };
                tell(
                    &info("protected", 0xfd73e4d93faf4c44db357ae950239672)
                        .warning_if(is_warning)
                        .with(|data| data.process = Some(process))
                        .with(|data| data.share = Some(share)),
                    format_args!(
                        "{}: {}, Reason: {shown}",
                        match shown.protection {
                            Protection::WarnOnly(..) => "Over its threshold, only reported",
                            _ => "Protected process",
                        },
                        Shown::protected(process, share, users)
                    ),
                );
            }
            Self::Exempted(exemption, left) => tell(
                &info("exempted", 0x8e1cbf4f2322ef09058c9b9d95c32acc)
                    .with(|data| data.exemption = Some(exemption))
                    .with(|data| data.duration = Some(left)),
                format_args!("Exempt for {}: {}", Rounded(left), Exempt(exemption)),
            ),
            Self::ExemptionOver(exemption, why) => tell(
                &info("exemption_over", 0xb713582f6ce3bc3cbc22a20b942a3492)
                    .with(|data| data.exemption = Some(exemption)),
                format_args!("Exemption over ({why}): {}", Exempt(exemption)),
            ),
            Self::ExemptionsRejected(path, cause) => tell(
                &warning("exemptions_rejected", 0xd2d4ab659986f8f7070b08e8e8cb16f9)
                    .fails(Failure::Exemptions),
                format_args!(
                    "Exemptions file rejected, the previous exemptions stay in force: Path={}, Error={cause}",
                    Escaped(path.as_os_str().as_bytes())
                ),
            ),
            Self::Near(process, breach) => tell(
                &warning("near", 0x957f98495b525a79422bf831d8754db4)
                    .notified()
                    .breach(process, breach),
                format_args!(
                    "Near its threshold: {}, Threshold: {breach}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::System(event) => event.describe(users, tell),
            Self::Group(event) => event.describe(users, tell),
            Self::InGroup(group, event) => event.describe(users, &mut |description, text| {
                tell(&description.with(|data| data.group = Some(group)), text);
            }),
            Self::KillDelayed(process, breach, delay, left) => tell(
                &info("kill_delayed", 0x6512c120dbc11a9401a712f75b05503c)
                    .warning_if(matches!(delay, Delay::Restart(_)))
                    .breach(process, breach)
                    .with(|data| data.duration = Some(left)),
                format_args!(
                    "Over its threshold, will be killed in {:.0} s unless it shrinks: {}, Reason: {delay}",
                    left.as_secs_f64(),
                    Shown::over(process, breach, users)
                ),
            ),
            Self::WorkersReturn(workers) => tell(
                &warning("workers_return", 0x8acb7513b2bf4e6b8f2795c47f122857)
                    .notified()
                    .with(|data| data.pid = Some(workers.parent)),
                format_args!(
                    "Workers come back as often as they are killed: Parent={}, Name={}; their parent starts them again",
                    workers.parent,
                    Escaped(workers.name.as_bytes())
                ),
            ),
            Self::UnitEmpty(unit, uid) => tell(
                &info("unit_empty", 0x6dc6752b805749e78bf09cd5c4dab891)
                    .with(|data| data.unit = Some(unit)),
                format_args!(
                    "Unit has no process left: Unit={}{}",
                    Escaped(unit.as_bytes()),
                    Optional(", User=", uid.map(|uid| Owner(uid, users)))
                ),
            ),
            Self::RestartLoop(found, wait) => tell(
                &warning("restart_loop", 0xf7a3331a00aaa10596421d546eb1e170)
                    .notified()
                    .counts(Counter::RestartLoop)
                    .with(|data| data.unit = Some(&found.unit))
                    .with(|data| data.duration = Some(wait)),
                format_args!(
                    "Restart loop: Name={} of Unit={} was killed {} and started again each time; the next kill waits {:.0} s",
                    Escaped(found.name.as_bytes()),
                    Escaped(found.unit.as_bytes()),
                    Times(found.kills),
                    wait.as_secs_f64()
                ),
            ),
            Self::KillLimitReached(process, breach, limit) => tell(
                &error("kill_limit_reached", 0x2f05b7c430199edcfddce04111660802)
                    .notified()
                    .fails(Failure::KillLimit)
                    .breach(process, breach),
                format_args!(
                    "Limit of {limit} kills a minute reached, not killed: {}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::NotPermitted(process, breach) => tell(
                &warning("not_permitted", 0xb95edc6b0f0503b4a62e63de5dac649f)
                    .notified()
                    .fails(Failure::NotPermitted)
                    .breach(process, breach),
                format_args!(
                    "Not permitted to signal process: {}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::SignalFailed(process, signal, cause) => tell(
                &error("signal_failed", 0x4c11d4f577cdc266d99d0c05f767e02a)
                    .notified()
                    .fails(Failure::Signal)
                    .with(|data| data.process = Some(process))
                    .with(|data| data.signal = Some(signal)),
                format_args!(
                    "Sending {} failed: {}: {cause}",
                    signal.name(),
                    Shown::owned(process, users)
                ),
            ),
            Self::Escalating(Victim {
                process, breach, ..
            }) => tell(
                &warning("escalating", 0xbb03b95cad2662894ea9ddf7a85d8ec8)
                    .notified()
                    .breach(process, breach)
                    .with(|data| data.signal = Some(Signal::Kill)),
                format_args!(
                    "Escalating to SIGKILL: {}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::KillCancelled(
                Victim {
                    process, breach, ..
                },
                reason,
            ) => tell(
                &info("kill_cancelled", 0x52a035558a14f8eae3550e029c5620f5).breach(process, breach),
                format_args!(
                    "Kill cancelled, the process is protected now: {}, Reason: {reason}",
                    Shown::over(process, breach, users)
                ),
            ),
            Self::Survives(
                Victim {
                    process, breach, ..
                },
                after,
            ) => tell(
                &warning("survives", 0xadc55bd7fcea05c54ff3133e5e8db257)
                    .notified()
                    .fails(Failure::SurvivesSigkill)
                    .breach(process, breach)
                    .with(|data| data.signal = Some(Signal::Kill))
                    .with(|data| data.duration = Some(after)),
                format_args!(
                    "Process survives SIGKILL, it is blocked in the kernel: {}, After={:.2}s",
                    Shown::owned(process, users),
                    after.as_secs_f64()
                ),
            ),
            Self::Ended(victim, after, is_unit_empty) => tell(
                &info("ended", 0xb05063b4ea513ee37c4af0f966cfeb89)
                    .notified()
                    .kept()
                    .counts(Counter::Ended)
                    .breach(&victim.process, &victim.breach)
                    .with(|data| data.signal = Some(victim.signal()))
                    .with(|data| data.duration = Some(after))
                    .with(|data| data.freed = victim.process.freed())
                    .with(|data| data.is_unit_empty = is_unit_empty),
                format_args!(
                    "Process ended: {}, Signal={}, After={:.2}s{}",
                    Shown::named(&victim.process),
                    victim.signal().name(),
                    after.as_secs_f64(),
                    Optional(", Freed=", victim.process.freed())
                ),
            ),
            Self::More { count, what } => tell(
                &info("more", 0xebdd7793c0d948d5918fdc5b152ec9cd),
                format_args!("And {count} more processes: {what}"),
            ),
            Self::Stopping(signal) => tell(
                &info("stopping", 0x83e17b172e82d47a38e2d0413a3b73c5),
                format_args!("Stopped by {signal}"),
            ),
            Self::LeftBehind(victim) => tell(
                &warning("left_behind", 0xd1e1bada2563427b80c32cfa7acf11ee)
                    .breach(&victim.process, &victim.breach),
                format_args!(
                    "Stopped before it has ended, it gets no further signal: {}",
                    Shown::owned(&victim.process, users)
                ),
            ),
        }
    }
}
