//! The place of the process in the order in which victims are chosen while memory is short.

use crate::Error;
use crate::config::SystemAction;
use crate::policy::Policy;
use crate::policy::system_guard::{Candidate, Level, Need, Reading, ShortageStanding, Tier, rank};
use crate::proc::{Process, Sampler, Snapshot, SystemFiles};
use crate::quantities::{Bytes, Now, ProcessKey};

/// All that may be killed now, and what would be needed.
#[derive(Debug)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    need: Need,
}

impl Candidates {
    /// Reads all processes. None where the guard is off, or the kernel does not say what is available.
    pub(super) fn read(
        policy: &Policy,
        sampler: &mut Sampler,
        now: &Now,
    ) -> Result<Option<Self>, Error> {
        let config = &policy.config.system;
        let reading = Reading::of(&SystemFiles::open(sampler.root())?.read());
        let Some(reading) = reading.filter(|_| config.action != SystemAction::Off) else {
            return Ok(None);
        };
        let Level {
            total, left, floor, ..
        } = Level::of(config, &reading);
        let mut snapshot = Snapshot::default();
        sampler.scan_all(policy, &mut snapshot)?;
        let candidates = snapshot.near.iter();
        let candidates = candidates.filter_map(|process| {
            let (key, gives, kin, is_session) = seen(policy, sampler, process)?;
            match policy.standing(process, is_session, &snapshot.memory, now) {
                ShortageStanding::Protected(_) => None,
                ShortageStanding::Candidate(tier) => Some(Candidate {
                    key,
                    gives,
                    took: Bytes::ZERO,
                    oom_score_adj: process.facts.ok()?.oom_score_adj,
                    tier,
                    kin,
                }),
            }
        });
        Ok(Some(Self {
            all: candidates.collect(),
            need: Need::new(total, floor, left, left),
        }))
    }

    /// Whether this process would be the first victim, and its place.
    pub(super) fn place(&self, process: Option<ProcessKey>) -> (bool, String) {
        let Self { all, need } = self;
        let Some(own) = all.iter().find(|candidate| Some(candidate.key) == process) else {
            return (false, "it is protected".to_owned());
        };
        let gives = own.gives;
        let worth = all.iter().filter(|other| other.gives >= need.least);
        let count = worth.count();
        let Some(place) = rank(&mut all.clone(), own.key, need) else {
            let least = need.least;
            return (
                false,
                format!("it gives {gives}, and {least} is worth a kill"),
            );
        };
        let tier = match own.tier {
            Tier::Normal => String::new(),
            tier => format!(", {} in the order", tier.name()),
        };
        (
            place == 1,
            format!("place {place} of {count}, gives {gives}{tier}"),
        )
    }
}

/// What the guard would see of a process: its identity, what it gives, its kind, and whether it is in session.slice.
fn seen(
    policy: &Policy,
    sampler: &Sampler,
    process: &Process,
) -> Option<(ProcessKey, Bytes, u64, bool)> {
    let key = process.key()?;
    let glance = sampler.glance(policy, process.pid)?;
    Some((
        key,
        glance.gives(process.pss_share()),
        glance.kin(),
        glance.is_session,
    ))
}
