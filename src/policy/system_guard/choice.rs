//! Which process is killed when memory is short: the one that takes it, or else the one whose end gives back most.
//! Pure.

use crate::quantities::{Bytes, Pid, ProcessKey, StartTime};
use std::cmp::Reverse;
use std::collections::HashMap;

/// So many victims of one kind are killed at once where none alone gives enough.
pub const MOST: usize = 8;

/// A process that may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identity.
    pub key: ProcessKey,
    /// What its end gives back.
    pub gives: Bytes,
    /// What it has taken since the last regular scan.
    pub took: Bytes,
    /// -1000 to 1000.
    pub oom_score_adj: i16,
    /// Its place in the order.
    pub tier: Tier,
    /// The same for all processes of its name, user and unit.
    pub kin: u64,
}

/// Those of a later tier are chosen only where the earlier ones give nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// `when_short = "first"`.
    First,
    /// Nothing says otherwise.
    Normal,
    /// `when_short = "last"`, session.slice, or an oom_score_adj of -500 or less.
    Last,
}

impl Tier {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::First, Self::Normal, Self::Last];

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Normal => "normal",
            Self::Last => "last",
        }
    }
}

/// What is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What gives less is not worth a kill.
    pub least: Bytes,
    /// What several processes together should give.
    pub wanted: Bytes,
    /// What the machine has lost since the last regular scan.
    pub lost: Bytes,
}

impl Need {
    /// On a machine with `total` memory of which `left` is left, and was `before` at the last regular scan.
    pub fn new(total: Bytes, floor: Bytes, left: Bytes, before: Bytes) -> Self {
        /// A tab of a browser on a large machine; a part of the memory on one where that would be all of it.
        const LEAST: u64 = 64 << 20;
        let least = LEAST.min(total.get() / 32).max(floor.get() / 8);
        let twice = Bytes::new(floor.get().saturating_mul(2));
        Self {
            least: Bytes::new(least),
            wanted: twice.saturating_sub(left).max(Bytes::new(least)),
            lost: before.saturating_sub(left),
        }
    }
}

/// Why these were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It took at least half of what was lost.
    Took,
    /// It gives most.
    Most,
    /// None alone gives enough, and these are of one kind.
    Kin,
}

/// The victims of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Why these and no others.
    pub why: Why,
    victims: [Option<Candidate>; MOST],
}

impl Choice {
    fn one(why: Why, victim: Candidate) -> Self {
        let mut victims = [None; MOST];
        if let Some(first) = victims.first_mut() {
            *first = Some(victim);
        }
        Self { why, victims }
    }

    /// The victims, the first one first.
    pub fn victims(&self) -> impl Iterator<Item = &Candidate> {
        self.victims.iter().flatten()
    }
}

/// The victims among these, which nothing protects; None where none of them is worth it.
pub fn choose(candidates: &[Candidate], need: &Need) -> Option<Choice> {
    Tier::ALL.into_iter().find_map(|tier| {
        let own = || of_tier(candidates, tier);
        let single = grower(own(), need).map(|grower| (Why::Took, grower));
        let single = single.or_else(|| Some((Why::Most, giver(own(), need)?)));
        match single {
            Some((why, victim)) => Some(Choice::one(why, *victim)),
            None => kin(candidates, tier, need),
        }
    })
}

/// The place of a process in the order in which all would be chosen, one choice after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// From 1; what is chosen together has the same.
    pub place: usize,
    /// How many would be chosen; the others are not worth a kill.
    pub of: usize,
}

/// The place of a process among these: what would be chosen if those before it were gone. None where it is not worth a
/// kill.
pub fn rank(candidates: &mut Vec<Candidate>, process: ProcessKey, need: &Need) -> Option<Rank> {
    retain_worth(candidates, need);
    let (mut place, mut of) = (None, 0);
    while let Some(choice) = choose(candidates, need) {
        let is_chosen = |key| choice.victims().any(|victim| victim.key == key);
        if is_chosen(process) {
            place = Some(of + 1);
        }
        of += choice.victims().count();
        candidates.retain(|candidate| !is_chosen(candidate.key));
    }
    place.map(|place| Rank { place, of })
}

/// Leaves out what can't be chosen, as all of its kind gives too little together: most processes of a machine, and each
/// of them costs a comparison with all others in each choice.
fn retain_worth(candidates: &mut Vec<Candidate>, need: &Need) {
    let mut sums: HashMap<(Tier, u64), Bytes> = HashMap::new();
    for candidate in candidates.iter() {
        let sum = sums.entry((candidate.tier, candidate.kin)).or_default();
        *sum = sum.saturating_add(candidate.gives);
    }
    candidates.retain(|candidate| {
        let sum = sums.get(&(candidate.tier, candidate.kin));
        sum.is_some_and(|sum| *sum >= need.least)
    });
}

fn of_tier(candidates: &[Candidate], tier: Tier) -> impl Iterator<Item = &Candidate> + Clone {
    let all = candidates.iter();
    all.filter(move |candidate| candidate.tier == tier)
}

/// The process that took at least half of what was lost.
fn grower<'c>(
    mut candidates: impl Iterator<Item = &'c Candidate>,
    need: &Need,
) -> Option<&'c Candidate> {
    // What is lost in a moment says nothing.
    if need.lost < need.least {
        return None;
    }
    let half = need.lost.get() / 2;
    let took =
        |candidate: &&Candidate| candidate.gives >= need.least && candidate.took.get() >= half;
    let first = candidates.by_ref().find(took)?;
    // Two can have taken a half each.
    Some(candidates.filter(took).fold(first, |best, other| {
        if (other.took, order(other)) > (best.took, order(best)) {
            other
        } else {
            best
        }
    }))
}

/// The process that gives most; of those within 10% of it the one that the kernel would take, and then the newest.
fn giver<'c>(
    candidates: impl Iterator<Item = &'c Candidate> + Clone,
    need: &Need,
) -> Option<&'c Candidate> {
    let worth = candidates.filter(|candidate| candidate.gives >= need.least);
    let most = worth.clone().map(|candidate| candidate.gives).max()?;
    let near = most.get() - most.get() / 10;
    worth
        .filter(|candidate| candidate.gives.get() >= near)
        .max_by_key(|candidate| order(candidate))
}

/// What decides between equals. A positive oom_score_adj decides nothing else: desktops set it for every small child.
fn order(candidate: &Candidate) -> (i16, ProcessOrder) {
    (candidate.oom_score_adj, newest(candidate))
}

type ProcessOrder = (StartTime, Pid);

fn newest(candidate: &Candidate) -> ProcessOrder {
    (candidate.key.start_time, candidate.key.pid)
}

/// The newest processes of the kind that has most together, until they give what is wanted.
fn kin(candidates: &[Candidate], tier: Tier, need: &Need) -> Option<Choice> {
    let own = || of_tier(candidates, tier);
    let sum = |kin: u64| {
        let all = own().filter(|candidate| candidate.kin == kin);
        all.map(|candidate| candidate.gives.get())
            .fold(0, u64::saturating_add)
    };
    let largest = own().max_by_key(|candidate| (sum(candidate.kin), Reverse(candidate.kin)))?;
    let (mut victims, mut given) = ([None; MOST], Bytes::ZERO);
    let mut last: Option<ProcessOrder> = None;
    for slot in &mut victims {
        if given >= need.wanted {
            break;
        }
        let older = own().filter(|candidate| {
            candidate.kin == largest.kin && last.is_none_or(|last| newest(candidate) < last)
        });
        let Some(next) = older.max_by_key(|candidate| newest(candidate)) else {
            break;
        };
        last = Some(newest(next));
        given = given.saturating_add(next.gives);
        *slot = Some(*next);
    }
    (given >= need.least).then_some(Choice {
        why: Why::Kin,
        victims,
    })
}
