//! What an explanation is made from.

use super::shortage::Rivals;
use crate::commands::group_row::GroupRow;
use crate::commands::groups::GroupVictim;
use crate::config::{Schedule, Written};
use crate::events::Spelling;
use crate::policy::{Kill, Ledger, Policy, Verdict};
use crate::proc::{Process, ProcessDetails, SystemMemory};
use crate::quantities::{Bytes, Now, Uid};
use crate::state::status::{DaemonStatus, RecentKill};
use std::io;
use std::time::{Duration, SystemTime};

#[derive(Debug)]
pub(super) struct Evidence<'e> {
    /// What the daemon would decide by.
    pub policy: &'e Policy,
    /// Its configuration as written.
    pub written: &'e Written,
    /// The process, held.
    pub process: &'e Process,
    /// What is shown of it beside what decides.
    pub details: &'e ProcessDetails,
    /// When it was started; None where that can't be read.
    pub started: Option<SystemTime>,
    /// The machine's memory.
    pub memory: SystemMemory,
    /// The kernel's answer to signal 0.
    pub permission: io::Result<()>,
    /// The schedule in force; None if there is none.
    pub schedule: Option<&'e Schedule>,
    /// The status of the running daemon; None if there is none.
    pub daemon: Option<&'e DaemonStatus>,
    /// What it has killed within the last minute; nothing if there is none.
    pub ledger: Ledger,
    /// What may be killed while memory is short; None where the guard is off.
    pub candidates: Option<Rivals>,
    /// How names are written.
    pub spelling: Spelling,
    /// Its groups; None where none is configured.
    pub groups: Option<OwnGroups>,
    /// The moment it is made for.
    pub now: Now,
}

impl Evidence<'_> {
    /// Why it would be killed for a group, where it is over no threshold of its own, or stays for plenty of memory;
    /// None where it would not.
    pub(super) fn group_victim(&self) -> Option<&GroupVictim> {
        let victim = self.groups.as_ref()?.victim.as_ref()?;
        let verdict = self.policy.judge(self.process, &self.memory, &self.now);
        matches!(verdict, Verdict::Within | Verdict::Plentiful(..)).then_some(victim)
    }
}

/// The groups of a process.
#[derive(Debug)]
pub(super) struct OwnGroups {
    /// As a scan shows them.
    pub rows: Vec<GroupRow>,
    /// Why it would be killed for one of them; None where it would not.
    pub victim: Option<GroupVictim>,
}

/// What the daemon knows of the kills of the last minute, as far as it decides about a process of this user.
pub(super) fn ledger(daemon: Option<&DaemonStatus>, own: Option<Uid>, now: &Now) -> Ledger {
    let Some(daemon) = daemon else {
        return Ledger::default();
    };
    let kills = daemon.recent_kills.iter().filter_map(|kill| {
        let RecentKill {
            at,
            uid,
            anonymous_bytes,
        } = *kill;
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))?;
        let age = now.wall.duration_since(at).unwrap_or_default();
        Some(Kill {
            at: now.monotonic.checked_sub(age)?,
            // An earlier daemon does not say whose they were, nor how large: those of all users count, and nothing is
            // larger.
            uid: uid.map(Uid::new).or(own)?,
            anonymous: anonymous_bytes.map_or(Bytes::new(u64::MAX), Bytes::new),
        })
    });
    let shortage = daemon.shortage.as_ref();
    Ledger::of_kills(kills, shortage.is_some_and(|note| note.over.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::StartTime;
    use std::time::Instant;

    #[test]
    fn those_that_an_earlier_daemon_has_killed_are_of_this_user() {
        let now = Now {
            monotonic: Instant::now() + Duration::from_secs(100),
            since_boot: Duration::from_secs(100),
            ticks: StartTime(10_000),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1000),
        };
        for (kills, expected) in [
            ("", &[][..]),
            ("930, 990", &[(10, 5, u64::MAX)]),
            (r#"{"at":990,"uid":9,"anonymous_bytes":7}"#, &[(10, 9, 7)]),
        ] {
            let daemon = DaemonStatus {
                recent_kills: serde_json::from_str(&format!("[{kills}]")).unwrap(),
                ..DaemonStatus::default()
            };
            let ledger = ledger(Some(&daemon), Some(Uid::new(5)), &now);
            let known = ledger.kills_within_minute(now.monotonic).map(|kill| {
                let age = now.monotonic.duration_since(kill.at).as_secs();
                (age, kill.uid.get(), kill.anonymous.get())
            });
            assert_eq!(known.collect::<Vec<_>>(), expected, "{kills}");
        }
    }
}
