//! The place of the process in the order in which victims are chosen while memory is short.

use crate::Error;
use crate::config::SystemAction;
use crate::policy::Policy;
use crate::policy::system_guard::{
    Candidate, Level, Need, Rank, Reading, ShortageStanding, Tier, rank,
};
use crate::proc::{Process, Sampler, Snapshot, SystemFiles, SystemMemory};
use crate::quantities::{Bytes, Now, ProcessKey};

/// All that may be killed now, and what would be needed.
#[derive(Debug)]
pub(super) struct Rivals {
    all: Vec<Candidate>,
    need: Need,
    /// The process that is explained; or why it is none of them.
    own: Result<ProcessKey, &'static str>,
    /// Whether hidepid hides some.
    hidepid: bool,
}

/// What is asked of each process.
#[derive(Clone, Copy)]
struct Question<'q> {
    policy: &'q Policy,
    sampler: &'q Sampler,
    memory: &'q SystemMemory,
    now: &'q Now,
}

impl Rivals {
    /// Reads all processes, and this one. None where the guard is off, or the kernel does not say what is available.
    pub(super) fn read(
        policy: &Policy,
        sampler: &mut Sampler,
        (process, is_thread): (&Process, bool),
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
        let question = Question {
            policy,
            sampler,
            memory: &snapshot.memory,
            now,
        };
        let candidates = snapshot.near.iter();
        let candidates = candidates.filter_map(|process| question.candidate(process).ok());
        let mut all: Vec<Candidate> = candidates.collect();
        let own = match () {
            () if is_thread => Err("it is a thread"),
            () if process.has_exited() => Err("it has exited"),
            () => question.candidate(process),
        };
        let own = own.map(|own| {
            // A scan leaves out what has no memory in RAM.
            if !all.iter().any(|other| other.key == own.key) {
                all.push(own);
            }
            own.key
        });
        Ok(Some(Self {
            all,
            need: Need::new(total, floor, left, left),
            own,
            hidepid: sampler.hides_processes(),
        }))
    }

    /// Whether this process would be the first victim, and its place.
    pub(super) fn place(&self) -> (bool, String) {
        let Self {
            all,
            need,
            own,
            hidepid,
        } = self;
        let is_own = |key: &ProcessKey| all.iter().find(|candidate| candidate.key == *key);
        let own = match own.as_ref().map(is_own) {
            Ok(Some(own)) => own,
            Ok(None) => return (false, String::new()),
            Err(why) => return (false, (*why).to_owned()),
        };
        let gives = own.gives;
        let Some(Rank { place, of }) = rank(&mut all.clone(), own.key, need) else {
            let least = need.least;
            return (
                false,
                format!("it frees {gives}, and {least} is worth a kill"),
            );
        };
        let tier = match own.tier {
            Tier::Normal => String::new(),
            tier => format!(", {} in the order", tier.name()),
        };
        let seen = if *hidepid {
            " that can be seen, /proc is mounted with hidepid"
        } else {
            ""
        };
        (
            place == 1,
            format!("place {place} of {of}{seen}, frees {gives}{tier}"),
        )
    }
}

impl Question<'_> {
    /// What the guard would see of a process; or why it is no candidate.
    fn candidate(self, process: &Process) -> Result<Candidate, &'static str> {
        const PROTECTED: &str = "it is protected";
        let facts = process.facts.map_err(|_| PROTECTED)?;
        let key = process.key().ok_or(PROTECTED)?;
        let glance = self.sampler.glance(self.policy, process.pid);
        let glance = glance.ok_or("what it would free can't be read")?;
        let is_session = glance.is_session;
        let standing = self
            .policy
            .standing(process, is_session, self.memory, self.now);
        let ShortageStanding::Candidate(tier) = standing else {
            return Err(PROTECTED);
        };
        Ok(Candidate {
            key,
            gives: glance.gives(process.pss_share()),
            took: Bytes::ZERO,
            oom_score_adj: facts.oom_score_adj,
            tier,
            kin: glance.kin(),
        })
    }
}
