//! The processes that may be killed while the machine is short of memory: read without waiting for any of them,
//! together with what was learnt of them while there was time. Touches /proc.

use super::scan::Machine;
use super::victims::Victims;
use crate::policy::system_guard::{Candidate, ShortageStanding};
use crate::policy::{Policy, Protection};
use crate::proc::{Glance, Largest, Name, Process, Program, RuleMatch, Seen};
use crate::quantities::{Bytes, Now, Pid, ProcessKey, StartTime, Uid};
use std::time::{Duration, Instant};

/// A smaller process is no candidate, not even with its kin.
const SMALLEST: Bytes = Bytes::new(1 << 20);

/// So many processes may be candidates: the largest now, those that were at the last regular scan and may be swapped
/// out by now, and some whose main thread has exited.
const CANDIDATES: usize = 144;
const LEADERS: usize = 16;

/// What the names and the rules need of the largest processes is read no more often, while memory is not short: the
/// arguments of a process can't be read then.
const LEARNING: Duration = Duration::from_secs(5);
const KNOWN: usize = 64;

/// What was read of a process while there was time.
#[derive(Debug)]
struct Known {
    key: ProcessKey,
    uid: Uid,
    name: Name,
    is_cut: bool,
    alias: Option<Name>,
    rule_match: Option<RuleMatch>,
    program: Option<Program>,
    /// PSS as a share of RSS, where its metric is PSS.
    ratio: Option<f64>,
}

/// The machine at the last regular scan.
#[derive(Debug)]
pub(super) struct Before {
    pub(super) left: Bytes,
    pub(super) at: Instant,
    ticks: StartTime,
    /// The largest processes then.
    largest: Vec<(Pid, Bytes)>,
    /// No other one was larger.
    passed_over: Bytes,
}

/// All of them, and what is protected.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) all: Vec<Candidate>,
    largest: Largest,
    /// All that are read.
    pids: Vec<Pid>,
    /// What protected processes would give, and the one of them that would give most.
    protected: Bytes,
    largest_protected: Option<(Pid, Bytes)>,
    known: Vec<Known>,
    learnt: Option<Instant>,
    pub(super) before: Before,
}

/// What an order needs.
pub(super) struct Context<'c> {
    pub(super) policy: &'c Policy,
    pub(super) machine: &'c mut Machine,
    pub(super) victims: &'c mut Victims,
    pub(super) now: &'c Now,
}

impl Candidates {
    pub(super) fn new(now: &Now) -> Self {
        Self {
            all: Vec::with_capacity(CANDIDATES),
            largest: Largest::default(),
            pids: Vec::with_capacity(CANDIDATES),
            protected: Bytes::ZERO,
            largest_protected: None,
            known: Vec::with_capacity(KNOWN),
            learnt: None,
            before: Before {
                left: Bytes::ZERO,
                at: now.monotonic,
                ticks: now.ticks,
                largest: Vec::with_capacity(KNOWN),
                passed_over: Bytes::ZERO,
            },
        }
    }

    /// Brings the memory of the lists in: they are longer while memory is short than before.
    pub(super) fn touch(&mut self, any: Candidate) {
        self.all.resize(CANDIDATES, any);
        self.pids.resize(CANDIDATES, any.key.pid);
        self.all.clear();
        self.pids.clear();
    }

    /// What is known of processes is no longer so; it is read again after the next regular scan.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.learnt = None;
    }

    /// Finds all processes that may be killed, except those that were set aside, and what is protected.
    pub(super) fn gather(&mut self, set_aside: &[ProcessKey], context: &mut Context<'_>) {
        self.all.clear();
        self.pids.clear();
        (self.protected, self.largest_protected) = (Bytes::ZERO, None);
        self.largest.clear(SMALLEST);
        let (largest, pids) = (&mut self.largest, &mut self.pids);
        // One that can't be listed leaves those of the last scan.
        let _ = context.machine.sampler.walk(|pid, seen| match seen {
            Seen::Rss(rss) => largest.offer(pid, rss),
            Seen::DeadLeader if pids.len() < LEADERS => pids.push(pid),
            Seen::DeadLeader | Seen::Nothing | Seen::Unreadable(_) => {}
        });
        pids.extend(largest.sorted().iter().map(|(pid, _)| *pid));
        for (pid, _) in &self.before.largest {
            if !pids.contains(pid) {
                pids.push(*pid);
            }
        }
        for index in 0..self.pids.len() {
            if let Some(&pid) = self.pids.get(index) {
                self.add(pid, set_aside, context);
            }
        }
    }

    fn add(&mut self, pid: Pid, set_aside: &[ProcessKey], context: &Context<'_>) {
        let Context {
            policy,
            machine,
            victims,
            now,
        } = context;
        let Some(mut glance) = machine.sampler.glance(*policy, pid) else {
            return;
        };
        let key = glance.process.key();
        let Some(key) = key.filter(|_| machine.may_signal(key)) else {
            return;
        };
        let ratio = self.recall(&mut glance);
        let gives = glance.gives(ratio);
        match standing(policy, machine, &glance, now) {
            ShortageStanding::Protected(_) => {
                self.protected = self.protected.saturating_add(gives);
                if self.largest_protected.is_none_or(|(_, most)| most < gives) {
                    self.largest_protected = Some((pid, gives));
                }
            }
            ShortageStanding::Candidate(tier) => {
                let is_done = victims.ledger.is_victim(key) || set_aside.contains(&key);
                let (Ok(facts), false) = (glance.process.facts, is_done) else {
                    return;
                };
                if self.all.len() < CANDIDATES {
                    self.all.push(Candidate {
                        key,
                        gives,
                        took: self.took(key, &glance),
                        oom_score_adj: facts.oom_score_adj,
                        tier,
                        kin: glance.kin(),
                    });
                }
            }
        }
    }

    /// What a process has taken since the last regular scan.
    fn took(&self, key: ProcessKey, glance: &Glance) -> Bytes {
        let Before {
            ticks,
            largest,
            passed_over,
            ..
        } = &self.before;
        let process = &glance.process;
        let has = process
            .rss
            .saturating_add(process.details.swap.unwrap_or(Bytes::ZERO));
        let had = if key.start_time >= *ticks {
            Bytes::ZERO
        } else {
            let known = largest.iter().find(|(pid, _)| *pid == key.pid);
            known.map_or(*passed_over, |(_, rss)| *rss)
        };
        has.saturating_sub(had)
    }

    /// Adds to what was read of a process what is known of it, and returns its PSS as a share of its RSS where that is
    /// known.
    pub(super) fn recall(&self, glance: &mut Glance) -> Option<f64> {
        let key = glance.process.key()?;
        let known = self.known.iter().find(|known| known.key == key)?;
        let facts = glance.process.facts.as_mut().ok()?;
        // By another name it runs another program by now, and another user has other rules.
        if !known.name.as_bytes().starts_with(facts.name.as_bytes()) || known.uid != facts.uid {
            return None;
        }
        let details = &mut glance.process.details;
        // What is certain now is of now: it may be in another unit than it was.
        let is_certain = details.rule_match.is_some_and(|now| now.doubt.is_none());
        if !is_certain || facts.is_name_cut || facts.alias != known.alias {
            details.rule_match = known.rule_match;
        }
        (facts.name, facts.is_name_cut, facts.alias) = (known.name, known.is_cut, known.alias);
        glance.process.details.program = known.program;
        known.ratio
    }

    /// What protected processes would give, the one that would give most with what protects it, and whether
    /// processes that nothing protects, and that are too small, have more.
    pub(super) fn protected(
        &self,
        policy: &Policy,
        machine: &Machine,
        now: &Now,
    ) -> (Bytes, Option<(Process, Protection)>, bool) {
        let largest = self.largest_protected.and_then(|(pid, _)| {
            let mut glance = machine.sampler.glance(policy, pid)?;
            self.recall(&mut glance);
            match standing(policy, machine, &glance, now) {
                ShortageStanding::Protected(protection) => Some((glance.process, protection)),
                ShortageStanding::Candidate(_) => None,
            }
        });
        let small = self.all.iter().map(|candidate| candidate.gives);
        let small = small.fold(Bytes::ZERO, Bytes::saturating_add);
        (self.protected, largest, small > self.protected)
    }

    /// A regular scan has read the machine, of whose memory so much was left.
    pub(super) fn note_scan(&mut self, left: Bytes, machine: &mut Machine, now: &Now) {
        let largest = &mut machine.snapshot.largest;
        self.before = Before {
            left,
            at: now.monotonic,
            ticks: now.ticks,
            passed_over: largest.passed_over(),
            largest: std::mem::take(&mut self.before.largest),
        };
        self.before.largest.clear();
        self.before.largest.extend_from_slice(largest.sorted());
    }

    /// Reads what can't be read while memory is short of the processes that may be killed then: those with at least so
    /// much.
    pub(super) fn learn(&mut self, least: Bytes, policy: &Policy, machine: &Machine, now: &Now) {
        let is_due = |then| now.monotonic.saturating_duration_since(then) >= LEARNING;
        if !self.learnt.is_none_or(is_due) {
            return;
        }
        self.learnt = Some(now.monotonic);
        self.known.clear();
        let snapshot = &machine.snapshot;
        for &(pid, rss) in &self.before.largest {
            let near = snapshot.near.iter().find(|process| process.pid == pid);
            let read = || machine.sampler.read(policy, pid).filter(|_| rss >= least);
            let Some(process) = near.copied().or_else(read) else {
                continue;
            };
            let (Some(key), Ok(facts)) = (process.key(), process.facts) else {
                continue;
            };
            self.known.push(Known {
                key,
                uid: facts.uid,
                name: facts.name,
                is_cut: facts.is_name_cut,
                alias: facts.alias,
                rule_match: process.details.rule_match,
                program: process.details.program,
                ratio: process.pss_share(),
            });
        }
    }
}

pub(super) fn standing(
    policy: &Policy,
    machine: &Machine,
    glance: &Glance,
    now: &Now,
) -> ShortageStanding {
    let is_session = glance.is_session;
    policy.standing(&glance.process, is_session, &machine.snapshot.memory, now)
}
