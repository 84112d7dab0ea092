//! A group of processes as events show it. Its user is looked up only when a sink writes the text.

use crate::escape::Escaped;
use crate::policy::Policy;
use crate::policy::groups::{GroupKey, GroupSum};
use crate::proc::Name;
use crate::quantities::{Bytes, Percent};
use crate::users::UserNames;
use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};

/// A group, by the label of its `[[group]]` and what its members have in common.
#[derive(Clone, Copy, Debug)]
pub struct GroupName<'e> {
    /// The number of its `[[group]]`, from 1.
    pub number: usize,
    /// The label of that.
    pub label: &'e str,
    /// Which group of it.
    pub key: GroupKey,
    /// The name of a group by unit.
    pub unit: &'e Name,
}

/// A group and its memory.
#[derive(Clone, Copy, Debug)]
pub struct GroupMemory<'e> {
    /// Which group.
    pub name: GroupName<'e>,
    /// How many members were found.
    pub members: usize,
    /// What they have by the metric of the group, at least.
    pub memory: Bytes,
    /// The same as a share of MemTotal.
    pub share: Percent,
}

impl<'e> GroupName<'e> {
    /// The name of what was summed up for the `[[group]]` with this label.
    pub fn of(label: &'e str, sum: &'e GroupSum) -> Self {
        Self {
            number: sum.group + 1,
            label,
            key: sum.key,
            unit: &sum.unit,
        }
    }
}

impl<'e> GroupMemory<'e> {
    /// The memory of what was summed up, on a machine with `total`; None where another configuration is in force by
    /// now.
    pub fn of(policy: &'e Policy, sum: &'e GroupSum, total: Bytes) -> Option<Self> {
        let memory = sum.bounds.known;
        Some(Self {
            name: GroupName::of(policy.group(sum)?.label(), sum),
            members: sum.members,
            memory,
            share: Percent::share(memory, total),
        })
    }
}

impl GroupName<'_> {
    /// `users/ann`, `sessions/session-3.scope`, `builds/4711`, or the label alone.
    pub fn shown<'n>(&'n self, users: &'n RefCell<UserNames>) -> impl Display + use<'n> {
        Shown(self, users)
    }
}

struct Shown<'n>(&'n GroupName<'n>, &'n RefCell<UserNames>);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(name, users) = self;
        f.write_str(name.label)?;
        match name.key {
            GroupKey::User(uid) => {
                write!(f, "/{}", Escaped(users.borrow_mut().name(uid)))
            }
            GroupKey::Unit(_) => write!(f, "/{}", Escaped(name.unit.as_bytes())),
            GroupKey::Tree(root) => write!(f, "/{}", root.pid),
            GroupKey::All => Ok(()),
        }
    }
}
