//! The memory of each group, as far as it has to be known to tell whether the group is over its threshold: of most
//! processes neither the group nor the PSS is read. Pure but for what the given reader reads.

use super::bounds::{Bounds, GroupStanding, GroupSum};
use super::kept::Kept;
use super::membership::{Found, GroupKey, MemberReader, Tree};
use crate::policy::Policy;
use crate::proc::{ProcessSize, Pss, Sizes, SystemMemory};
use crate::quantities::{Bytes, Metric};
use std::collections::HashMap;

/// So many groups have a sum, divided evenly among the `[[group]]`s, so that one can't leave none to the others; of
/// further ones, whose members are smaller, it can't be told.
const SUMS: usize = 512;
/// So many memberships are known.
const LINKS: usize = 131_072;
/// The groups of so many processes are found out before it is looked at what that has decided.
const BATCH: usize = 16;

/// That a process is a member of a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) sum: u16,
    pub(super) known: Known,
    pub(super) member: u32,
}

/// What is in a sum of the memory of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// What it has resident, as its memory was not read.
    No,
    /// Its PSS of an earlier scan.
    Kept,
    /// Its memory.
    Now,
}

/// What a group of the configuration is summed up by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    pub(super) threshold: Bytes,
    pub(super) metric: Metric,
    /// Whether there may be groups of it without a sum.
    has_unseen: bool,
    /// How many have one.
    sums: usize,
}

/// All groups. The memory is kept between two scans.
#[derive(Debug, Default)]
pub struct Sums {
    /// Whether all members are read, whatever that decides.
    is_thorough: bool,
    /// Whether something was left to the next time.
    pub(super) is_incomplete: bool,
    pub(super) all: Vec<GroupSum>,
    index: HashMap<(usize, GroupKey), u16>,
    pub(super) links: Vec<Link>,
    pub(super) traits: Vec<Traits>,
    pub(super) tree: Tree,
    pub(super) found: Vec<Found>,
    /// How many of the processes have their groups found out, the largest first.
    pub(super) next: usize,
    rest: Bytes,
    rest_swapped: Bytes,
    /// What was read of processes at earlier scans.
    pub(super) kept: Kept,
}

/// What is to be read next.
enum Step {
    Attribute,
    Pss(usize),
    Done,
}

impl Sums {
    /// Of all members of all groups, for a command that shows them.
    pub fn thorough() -> Self {
        Self {
            is_thorough: true,
            ..Self::default()
        }
    }

    /// All groups that have members, as far as was needed.
    pub fn all(&self) -> &[GroupSum] {
        &self.all
    }

    /// Whether it can't be told of each group, because there was no time left or there are too many.
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Of how many of these processes, the largest first, the groups are known.
    pub fn known(&self, sizes: &Sizes) -> (usize, usize) {
        (self.next, sizes.all().len())
    }

    /// Sums up the processes of these sizes on a machine with this memory, until it can be told of each group whether
    /// it is over its threshold, or the reader has no time left. What they have resident that is not the same is
    /// `occupied`, where that is known.
    pub fn sum(
        &mut self,
        policy: &Policy,
        sizes: &mut Sizes,
        memory: &SystemMemory,
        occupied: Option<Bytes>,
        reader: &mut dyn MemberReader,
    ) {
        self.begin(policy, sizes, memory, occupied);
        let may_be_over = policy.may_groups_be_over(memory, None, Some(sizes.total()));
        self.is_incomplete = false;
        let mut is_late = false;
        while !is_late {
            let step = if may_be_over || self.is_thorough {
                self.step(sizes)
            } else {
                Step::Done
            };
            match step {
                Step::Done => break,
                Step::Attribute => {
                    for _ in 0..BATCH {
                        self.attribute(policy, sizes, reader);
                    }
                }
                Step::Pss(sum) => {
                    is_late = !self.read_next(sum, sizes, reader);
                }
            }
            is_late |= reader.is_time_over();
        }
        for sum in 0..self.all.len() {
            self.judge_one(sum);
        }
        self.is_incomplete |= is_late;
        if is_late {
            self.kept.go_on();
        }
    }

    fn begin(
        &mut self,
        policy: &Policy,
        sizes: &mut Sizes,
        memory: &SystemMemory,
        occupied: Option<Bytes>,
    ) {
        self.all.clear();
        self.index.clear();
        self.links.clear();
        self.tree.clear();
        self.traits.clear();
        let groups = policy.config.groups.iter();
        self.traits.extend(groups.map(|group| Traits {
            threshold: group.thresholds.lowest(memory.total),
            metric: group.metric,
            has_unseen: true,
            sums: 0,
        }));
        let by_pss = self
            .traits
            .iter()
            .filter(|traits| traits.metric == Metric::Pss);
        let lowest = by_pss.map(|traits| traits.threshold).min();
        self.kept.begin(sizes.total(), occupied, lowest);
        sizes.sort();
        (self.next, self.rest, self.rest_swapped) = (0, sizes.total(), memory.swap_used());
    }

    /// What is to be read next.
    fn step(&self, sizes: &Sizes) -> Step {
        let has_more = self.next < sizes.all().len();
        if has_more && self.is_thorough {
            return Step::Attribute;
        }
        let may_be_over =
            |traits: &Traits| traits.has_unseen && self.rest_of(traits) > traits.threshold;
        if has_more && self.traits.iter().any(may_be_over) {
            return Step::Attribute;
        }
        let mut pss = None;
        for (index, sum) in self.all.iter().enumerate() {
            let Some(traits) = self.traits.get(sum.group) else {
                continue;
            };
            let bounds = Bounds {
                rest: self.rest_of(traits),
                ..sum.bounds
            };
            let is_open = bounds.standing(traits.threshold) == GroupStanding::Open;
            if !is_open && !self.is_thorough {
                continue;
            }
            let has_unread = bounds.unread > Bytes::ZERO && sum.cursor < self.links.len();
            if has_unread && (self.is_thorough || bounds.members() > traits.threshold) {
                pss = pss.or(Some(index));
            } else if has_more {
                return Step::Attribute;
            }
        }
        pss.map_or(Step::Done, Step::Pss)
    }

    /// What the processes whose group is not known can add to one.
    fn rest_of(&self, traits: &Traits) -> Bytes {
        match traits.metric {
            Metric::Rss | Metric::Pss => self.rest,
            Metric::Anon => self.rest.saturating_add(self.rest_swapped),
        }
    }

    /// Finds out the groups of the next process; false where there is none.
    pub(super) fn attribute(
        &mut self,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
    ) -> bool {
        let index = self.next;
        let Some(size) = sizes.get_mut(index) else {
            return false;
        };
        self.next += 1;
        self.rest = self.rest.saturating_sub(size.rss);
        self.found.clear();
        let found = &mut self.found;
        if let Some(member) = self.tree.groups_of(size.pid, policy, reader, found) {
            size.anonymous = member.anonymous;
            self.rest_swapped = self.rest_swapped.saturating_sub(member.swapped);
        }
        if size.pss == Pss::Unread {
            size.pss = self.kept.of(size);
        }
        let size = *size;
        for at in 0..self.found.len() {
            if let Some(found) = self.found.get(at).copied() {
                self.add(index, &size, &found);
            }
        }
        true
    }

    fn add(&mut self, member: usize, size: &ProcessSize, found: &Found) {
        let share = SUMS / self.traits.len().max(1);
        let Some(traits) = self.traits.get_mut(found.group) else {
            return;
        };
        if found.key == GroupKey::All {
            traits.has_unseen = false;
        }
        let metric = traits.metric;
        let (sums, index) = (&mut self.all, &mut self.index);
        let (Ok(next), Ok(member)) = (u16::try_from(sums.len()), u32::try_from(member)) else {
            return;
        };
        if self.links.len() >= LINKS {
            self.is_incomplete = true;
            return;
        }
        let key = (found.group, found.key);
        let at = if let Some(at) = index.get(&key) {
            *at
        } else if traits.sums < share {
            traits.sums += 1;
            index.insert(key, next);
            sums.push(GroupSum {
                group: found.group,
                key: found.key,
                unit: found.unit,
                members: 0,
                bounds: Bounds::NONE,
                standing: GroupStanding::Open,
                is_proven: false,
                cursor: 0,
            });
            next
        } else {
            self.is_incomplete = true;
            return;
        };
        let Some(sum) = sums.get_mut(usize::from(at)) else {
            return;
        };
        sum.members += 1;
        let bounds = &mut sum.bounds;
        let known = match (size.by(metric), size.pss) {
            (Some(memory), _) => {
                bounds.known = bounds.known.saturating_add(memory);
                Known::Now
            }
            (None, Pss::Kept(pss)) => {
                bounds.kept = bounds.kept.saturating_add(pss);
                Known::Kept
            }
            (None, _) => {
                bounds.unread = bounds.unread.saturating_add(size.rss);
                Known::No
            }
        };
        self.links.push(Link {
            sum: at,
            known,
            member,
        });
    }

    /// Reads the PSS of the largest member of this sum of which it is not known; false where there is no time left.
    fn read_next(&mut self, sum: usize, sizes: &mut Sizes, reader: &mut dyn MemberReader) -> bool {
        loop {
            let Some(own) = self.all.get_mut(sum) else {
                return true;
            };
            let Some(link) = self.links.get_mut(own.cursor) else {
                return true;
            };
            if usize::from(link.sum) != sum || link.known != Known::No {
                own.cursor += 1;
                continue;
            }
            let Some(size) = sizes.get_mut(link.member as usize) else {
                return true;
            };
            if size.is_unread() {
                match reader.pss(size.pid) {
                    Pss::NoTime => return false,
                    pss => size.pss = pss,
                }
            }
            own.cursor += 1;
            let bounds = &mut own.bounds;
            // Of doubt: it may have any part of its resident memory.
            let Some(known) = size.by(Metric::Pss) else {
                return true;
            };
            link.known = Known::Now;
            bounds.unread = bounds.unread.saturating_sub(size.rss);
            bounds.known = bounds.known.saturating_add(known);
            return true;
        }
    }

    /// Reads on, also what was kept, until this group certainly is over its threshold without so much as well, or can't
    /// be.
    pub fn read_on(
        &mut self,
        sum: usize,
        without: Bytes,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
    ) {
        self.put_aside(sum, sizes);
        while let Some(own) = self.all.get(sum) {
            let threshold = self.traits.get(own.group).map(|traits| traits.threshold);
            let bounds = Bounds {
                rest: self.rest_of_sum(own),
                ..own.bounds
            };
            let is_decided = |threshold| {
                bounds.known.saturating_sub(without) > threshold
                    || bounds.most().saturating_sub(without) <= threshold
            };
            if threshold.is_none_or(is_decided) || reader.is_time_over() {
                return;
            }
            let has_unread = own.bounds.unread > Bytes::ZERO && own.cursor < self.links.len();
            let has_more = if has_unread {
                self.read_next(sum, sizes, reader)
            } else {
                self.attribute(policy, sizes, reader)
            };
            if !has_more {
                return;
            }
        }
    }

    pub(super) fn rest_of_sum(&self, sum: &GroupSum) -> Bytes {
        let traits = self.traits.get(sum.group);
        traits.map_or(self.rest, |traits| self.rest_of(traits))
    }

    /// There is nothing to be summed up: the memory for it is given back.
    pub fn clear(&mut self) {
        *self = Self {
            is_thorough: self.is_thorough,
            tree: self.tree.emptied(),
            ..Self::default()
        };
    }

    pub(super) fn metric(&self, sum: usize) -> Option<Metric> {
        let group = self.all.get(sum)?.group;
        Some(self.traits.get(group)?.metric)
    }
}
