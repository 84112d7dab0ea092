//! What is known of the memory of a group, and what that says. Pure.

use super::membership::GroupKey;
use crate::proc::Name;
use crate::quantities::Bytes;

/// What is known of a group's memory: it has at least `known`, and at most what its other members have resident more,
/// and what the processes have whose group is not known. What was read of members at an earlier scan is likely still
/// so, which tells of most groups; nothing is killed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The memory of the members that it is known of.
    pub known: Bytes,
    /// What others had when they were read at an earlier scan.
    pub kept: Bytes,
    /// The resident memory of the others.
    pub unread: Bytes,
    /// What may belong to it beside them.
    pub rest: Bytes,
}

/// What the bounds say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupStanding {
    /// It can't be over its threshold.
    Within,
    /// It is over its threshold, or likely is; [`Bounds::proves`] tells.
    Over,
    /// It can't be told yet.
    Open,
}

impl Bounds {
    /// Of a group without members.
    pub const NONE: Self = Self {
        known: Bytes::ZERO,
        kept: Bytes::ZERO,
        unread: Bytes::ZERO,
        rest: Bytes::ZERO,
    };

    /// What they say of this threshold.
    pub fn standing(&self, threshold: Bytes) -> GroupStanding {
        if self.likely() > threshold {
            GroupStanding::Over
        } else if self.most() <= threshold {
            GroupStanding::Within
        } else {
            GroupStanding::Open
        }
    }

    /// The most that the members have that are known.
    pub fn members(&self) -> Bytes {
        self.likely().saturating_add(self.unread)
    }

    /// What the members have of which it was read, now or at an earlier scan.
    pub fn likely(&self) -> Bytes {
        self.known.saturating_add(self.kept)
    }

    /// The most that it has.
    pub fn most(&self) -> Bytes {
        self.members().saturating_add(self.rest)
    }

    /// Whether it certainly is over this threshold.
    pub fn proves(&self, threshold: Bytes) -> bool {
        self.known > threshold
    }
}

/// One group with the members that were found.
#[derive(Clone, Copy, Debug)]
pub struct GroupSum {
    /// The index of its `[[group]]`.
    pub group: usize,
    /// Which group of that it is.
    pub key: GroupKey,
    /// The part of a path that is the name of a group by unit; empty for others.
    pub unit: Name,
    /// How many members were found.
    pub members: usize,
    /// What is known of their memory.
    pub bounds: Bounds,
    /// What that says.
    pub standing: GroupStanding,
    /// Whether it is over its threshold by what was read now: nothing is killed or reported for less.
    pub is_proven: bool,
    /// The next link to be looked at for a member whose PSS is not known.
    pub(super) cursor: usize,
}
