//! Which groups a process belongs to. Pure but for what the given reader reads.

use crate::config::{Group, GroupBy, NamePattern};
use crate::policy::Policy;
use crate::policy::rules::{Match, matches};
use crate::proc::{Member, Name, Pss, RuleInput};
use crate::quantities::{Bytes, Pid, ProcessKey, Uid};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Ancestors are followed so far: no shell nests so deep.
const DEEPEST: usize = 128;
/// So many processes are remembered with their parents.
const NODES: usize = 65_536;

/// Reads what has to be known of processes.
pub trait MemberReader {
    /// Hands a process to `take`; not where it has ended, or can't be read.
    fn member(&mut self, pid: Pid, take: &mut dyn FnMut(&Member<'_>));
    /// The PSS of a process.
    fn pss(&mut self, pid: Pid) -> Pss;
    /// Whether there is no time left: the rest is read the next time.
    fn is_time_over(&mut self) -> bool;
}

/// Which one of the groups of a `[[group]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKey {
    /// That of this user.
    User(Uid),
    /// That of the control group with this hash of its path. It is keyed: with any other one, a user could name control
    /// groups so that they are taken for another user's.
    Unit(u64),
    /// That of this process and its descendants.
    Tree(ProcessKey),
    /// The only one.
    All,
}

/// A group that a process belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) group: usize,
    pub(super) key: GroupKey,
    pub(super) unit: Name,
}

/// The memory of a process in a group.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemberMemory {
    pub(super) anonymous: Bytes,
    pub(super) swapped: Bytes,
}

/// A process with what its descendants need to know of it.
#[derive(Clone, Copy, Debug)]
struct Node {
    key: ProcessKey,
    parent: Option<Pid>,
    /// A bit for each group by tree that it matches.
    roots: u32,
}

/// The parents of processes, as far as they were asked for, and the key of the hashes of units.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: HashMap<Pid, Option<Node>>,
    units: RandomState,
}

impl Tree {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// One without processes, and without the memory for them.
    pub(super) fn emptied(&self) -> Self {
        Self {
            nodes: HashMap::new(),
            units: self.units.clone(),
        }
    }

    /// Adds the groups of a process to `found`; None where it has ended or can't be read.
    pub(super) fn groups_of(
        &mut self,
        pid: Pid,
        policy: &Policy,
        reader: &mut dyn MemberReader,
        found: &mut Vec<Found>,
    ) -> Option<MemberMemory> {
        let groups = &policy.config.groups;
        let has_trees = groups.iter().any(|group| group.by() == GroupBy::Tree);
        let (mut node, mut memory, units) = (None, None, &self.units);
        reader.member(pid, &mut |member| {
            memory = Some(MemberMemory {
                anonymous: member.anonymous,
                swapped: member.swapped,
            });
            node = Some(node_of(pid, groups, member));
            for (index, group) in groups.iter().enumerate() {
                let own = Some(&member.input).filter(|input| is_match(group, input));
                let own = own.and_then(|input| key_of(group, input, units));
                found.extend(own.map(|(key, unit)| Found {
                    group: index,
                    key,
                    unit,
                }));
            }
        });
        if has_trees {
            self.remember(pid, node);
            let parent = node.and_then(|node| node.parent);
            self.add_trees((node, parent), policy, reader, found);
        }
        memory
    }

    fn remember(&mut self, pid: Pid, node: Option<Node>) {
        if self.nodes.len() < NODES {
            self.nodes.insert(pid, node);
        }
    }

    /// The outermost of the ancestors that a group by tree matches is the root of its tree.
    fn add_trees(
        &mut self,
        (own, mut parent): (Option<Node>, Option<Pid>),
        policy: &Policy,
        reader: &mut dyn MemberReader,
        found: &mut Vec<Found>,
    ) {
        let groups = &policy.config.groups;
        let mut roots = [None; u32::BITS as usize];
        let mut add = |node: &Node| {
            for (bit, root) in roots.iter_mut().enumerate() {
                if node.roots & (1 << bit) != 0 {
                    *root = Some(node.key);
                }
            }
        };
        if let Some(node) = &own {
            add(node);
        }
        for _ in 0..DEEPEST {
            let Some(pid) = parent else { break };
            let node = if let Some(known) = self.nodes.get(&pid) {
                *known
            } else {
                let mut read = None;
                reader.member(pid, &mut |member| read = Some(node_of(pid, groups, member)));
                self.remember(pid, read);
                read
            };
            let Some(node) = node else { break };
            add(&node);
            parent = node.parent;
        }
        for (group, root) in roots.into_iter().enumerate() {
            found.extend(root.map(|root| Found {
                group,
                key: GroupKey::Tree(root),
                unit: Name::new(b""),
            }));
        }
    }
}

fn node_of(pid: Pid, groups: &[Group], member: &Member<'_>) -> Node {
    let mut roots = 0;
    for (bit, group) in groups.iter().enumerate().take(u32::BITS as usize) {
        if group.by() == GroupBy::Tree && is_match(group, &member.input) {
            roots |= 1 << bit;
        }
    }
    let facts = member.input.facts;
    Node {
        key: ProcessKey {
            pid,
            start_time: facts.start_time,
        },
        parent: facts.parent,
        roots,
    }
}

/// Whether a process certainly matches: what is in doubt is no member, and neither is one whose executable anyone can
/// forge.
fn is_match(group: &Group, input: &RuleInput<'_>) -> bool {
    let is_forged = group.matcher.exe.is_some() && input.is_exe_forgeable;
    !is_forged && matches!(matches(&group.matcher, input), Match::Yes)
}

/// The group of a process that matches, but for one by tree.
fn key_of(group: &Group, input: &RuleInput<'_>, units: &RandomState) -> Option<(GroupKey, Name)> {
    match group.by() {
        GroupBy::User => Some((GroupKey::User(input.facts.uid), Name::new(b""))),
        GroupBy::All => Some((GroupKey::All, Name::new(b""))),
        GroupBy::Tree => None,
        GroupBy::Unit => {
            let path = input.cgroup?.ok()?;
            let (above, unit) = unit_of(group.matcher.unit.as_ref()?, path)?;
            Some((GroupKey::Unit(units.hash_one(above)), Name::new(unit)))
        }
    }
}

/// The outermost part of the path of a control group that the pattern matches, after the path up to its end; None where
/// it matches none.
pub fn unit_of<'p>(pattern: &NamePattern, path: &'p [u8]) -> Option<(&'p [u8], &'p [u8])> {
    if pattern.text().contains('/') {
        return pattern.matches(path).then_some((path, path));
    }
    let mut end = 0;
    for part in path.split(|&byte| byte == b'/') {
        end += part.len();
        if !part.is_empty() && pattern.matches(part) {
            return Some((path.get(..end)?, part));
        }
        end += 1;
    }
    None
}
