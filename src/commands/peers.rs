//! Other programs that kill when the machine as a whole is short of memory: which of them run, and how to choose. They
//! are found among the processes, by names that their executables verify: any user can call a process "earlyoom". What
//! hidepid hides is not known, and nothing is claimed of it.

use crate::config::SystemAction;
use crate::escape::OneLine;
use crate::events::Spelling;
use crate::proc::{
    Facts, Name, NoQuestions, Process, Questions, RuleFiles, RuleInput, RuleMatch, Sampler,
    Snapshot, Standing, SystemMemory, Unit,
};
use crate::quantities::{Bytes, Metric, Uid};
use crate::sys::effective_uid;
use serde::Serialize;

/// Their executables, or the script of nohang.
const KNOWN: [&str; 5] = ["systemd-oomd", "earlyoom", "nohang", "oomd", "bustd"];

/// The uids that systemd gives to services with DynamicUser=.
const DYNAMIC: std::ops::RangeInclusive<u32> = 61184..=65519;

/// One of these programs, which runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Peer {
    name: &'static str,
    pid: u32,
    /// Its service; None where it runs in none.
    unit: Option<String>,
}

/// Those among these processes.
pub(crate) fn peers(sampler: &Sampler, processes: &[Process]) -> Vec<Peer> {
    processes
        .iter()
        .filter_map(|process| {
            known(process.facts.as_ref().ok()?)?;
            // With its executable and its unit.
            let (process, _) = sampler.hold(&ByName, process.pid)?;
            let facts = process.facts.as_ref().ok()?;
            let name = known(facts).filter(|_| is_verified(&process, facts.uid))?;
            let unit = process.details.unit.filter(Unit::is_system_service);
            Some(Peer {
                name,
                pid: process.pid.get(),
                unit: unit.map(|unit| Spelling::Plain.text(unit.name.as_bytes())),
            })
        })
        .collect()
}

/// Those that run now; none where the processes can't be read.
pub(crate) fn running(sampler: &mut Sampler) -> Vec<Peer> {
    let mut snapshot = Snapshot::default();
    match sampler.scan_all(&ByName, &mut snapshot) {
        Ok(()) => peers(sampler, &snapshot.near),
        Err(_) => Vec::new(),
    }
}

/// That one of them runs beside memory-monitor, and how to choose, a sentence each; `action` is that of `[system]`.
pub(crate) fn notes(peers: &[Peer], action: SystemAction) -> Vec<String> {
    let note = |peer: &Peer| {
        let Peer { name, pid, unit } = peer;
        let kills = format!("{name} (PID {pid}) kills when the machine is short of memory");
        match action {
            SystemAction::Kill => {}
            SystemAction::Warn => {
                return format!("{kills}, and [system] only warns, so the two do not conflict");
            }
            SystemAction::Off => {
                return format!("{kills}, and [system] is off, so the two do not conflict");
            }
        }
        let stop = match unit {
            Some(unit) => format!("systemctl disable --now {}", OneLine(unit)),
            None => format!("stopping {name}"),
        };
        format!(
            "{kills}, as [system] does: leave that to one of the two, by action = \"warn\" in [system], or \
             by {stop}"
        )
    };
    peers.iter().map(note).collect()
}

fn known(facts: &Facts) -> Option<&'static str> {
    let mut known = KNOWN.into_iter();
    known.find(|name| name.as_bytes() == facts.name.as_bytes())
}

/// Whether its executable verifies its name or, where this user can't read that, it is of a user without a login.
fn is_verified(process: &Process, uid: Uid) -> bool {
    let program = process.details.program;
    program.is_some_and(|program| match program.standing {
        Standing::RootAlone => true,
        Standing::Unknown(_) => {
            let is_of_system = uid.is_of_system() || DYNAMIC.contains(&uid.get());
            is_of_system && uid != effective_uid()
        }
        _ => false,
    })
}

/// Asks for the executables of those that have such a name.
struct ByName;

impl ByName {
    const NOTHING: NoQuestions = NoQuestions(Bytes::ZERO);
}

impl Questions for ByName {
    fn sieve(&self, memory: &SystemMemory) -> Bytes {
        Self::NOTHING.sieve(memory)
    }

    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes> {
        Self::NOTHING.anonymous_sieve(total)
    }

    fn rule_files(&self) -> RuleFiles {
        Self::NOTHING.rule_files()
    }

    fn match_rule(&self, input: &RuleInput<'_>) -> RuleMatch {
        Self::NOTHING.match_rule(input)
    }

    fn metric(&self, matched: RuleMatch, rss: Bytes, total: Bytes) -> Metric {
        Self::NOTHING.metric(matched, rss, total)
    }

    fn matches_name(&self, name: &[u8]) -> bool {
        KNOWN.iter().any(|known| known.as_bytes() == name)
    }

    fn matches_longer_name(&self, _: &[u8]) -> bool {
        // None of them has the 15 bytes at which the kernel cuts.
        false
    }

    fn protecting_name<'f>(&self, facts: &'f Facts) -> Option<&'f Name> {
        known(facts).map(|_| &facts.name)
    }

    fn verifies(&self, name: &[u8], file: &[u8]) -> bool {
        name == file
    }
}
