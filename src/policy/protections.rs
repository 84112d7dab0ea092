//! What protects a process, however large it is: one list of tests in their order. The decision takes the first that
//! holds, `explain` shows them all. Pure.

use super::criteria::Policy;
use super::rules::{NamedBy, name_of};
use crate::config::{Action, UserMatch};
use crate::escape::Escaped;
use crate::proc::{Facts, Process, Program, Standing, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Now, Pid, ProcessKey, Rounded};
use std::fmt;
use std::time::Duration;

/// The kernel's OOM killer never takes a process with this oom_score_adj (OOM_SCORE_ADJ_MIN in
/// include/uapi/linux/oom.h), and neither does this daemon.
const NEVER: i16 = -1000;

/// A protection that no configuration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// It is pid 1.
    Init,
    /// It is a thread of the kernel.
    KernelThread,
    /// It is memory-monitor.
    Itself,
    /// Its oom_score_adj is -1000.
    OomScoreAdj,
    /// It is root's package manager.
    PackageManager,
}

impl BuiltIn {
    const ALL: [Self; 5] = [
        Self::Init,
        Self::KernelThread,
        Self::Itself,
        Self::OomScoreAdj,
        Self::PackageManager,
    ];

    fn holds(self, pid: Pid, facts: &Facts, own: Pid) -> bool {
        match self {
            Self::Init => pid == Pid::INIT,
            Self::KernelThread => facts.is_kernel_thread,
            Self::Itself => pid == own,
            Self::OomScoreAdj => facts.oom_score_adj == NEVER,
            Self::PackageManager => facts.is_package_manager,
        }
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "pid 1 is always protected",
            Self::KernelThread => "kernel threads are always protected",
            Self::Itself => "memory-monitor itself",
            Self::OomScoreAdj => "oom_score_adj is -1000",
            Self::PackageManager => "root's package managers are always protected",
        })
    }
}

/// What protects this process whatever is configured, None where nothing does; `own` is memory-monitor's PID.
pub fn built_in(process: &Process, own: Pid) -> Option<BuiltIn> {
    let facts = process.facts.as_ref().ok()?;
    let mut all = BuiltIn::ALL.into_iter();
    all.find(|built_in| built_in.holds(process.pid, facts, own))
}

/// Why a process is protected. An index is one of the configuration in force.
#[allow(
    clippy::large_enum_variant,
    reason = "a path in an array costs no allocation"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protection {
    /// Something that the decision needs can't be read: doubt never kills.
    Unreadable(Unreadable),
    /// Whatever is configured.
    BuiltIn(BuiltIn),
    /// Root has exempted it for a while, of which so much is left.
    Exempt(ProcessKey, Duration),
    /// It had a PID of `whitelist.pids` when the configuration was read.
    Pid(Pid),
    /// The entry of `whitelist.names` with this index matches it, how; and what there is to say of its program.
    Name(usize, NamedBy, Option<Program>),
    /// Its user is the entry of `whitelist.users` with this index.
    User(usize),
    /// It is root's and `protect_root` is true.
    Root,
    /// The rule with this number, from 1, protects it.
    Rule(usize),
    /// The rule with this number, from 1, only reports it.
    WarnOnly(usize),
}

impl Protection {
    /// Whether it is a name that the executable does not verify.
    pub fn is_unverified_name(&self) -> bool {
        matches!(self, Self::Name(_, _, Some(program)) if program.standing != Standing::RootAlone)
    }

    /// Whether it is by a rule, which comes after everything else.
    pub fn is_by_rule(&self) -> bool {
        matches!(self, Self::Rule(_) | Self::WarnOnly(_))
    }
}

/// A test whether something protects a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionTest {
    /// Whether its facts can't be read.
    Unreadable,
    /// Whether it is protected whatever is configured, for this reason.
    BuiltIn(BuiltIn),
    /// Whether it is exempt for a while.
    Exemption,
    /// `whitelist.pids`.
    Pids,
    /// `whitelist.names`.
    Names,
    /// `whitelist.users` and `protect_root`.
    Users,
    /// Whether its rule protects it, or its rule or its memory is in doubt.
    Rule,
}

impl ProtectionTest {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::Unreadable,
        Self::BuiltIn(BuiltIn::Init),
        Self::BuiltIn(BuiltIn::KernelThread),
        Self::BuiltIn(BuiltIn::Itself),
        Self::BuiltIn(BuiltIn::OomScoreAdj),
        Self::BuiltIn(BuiltIn::PackageManager),
        Self::Exemption,
        Self::Pids,
        Self::Names,
        Self::Users,
        Self::Rule,
    ];
}

impl Policy {
    /// What protects this process: the first test that holds; None where none does.
    pub fn protection(
        &self,
        process: &Process,
        memory: &SystemMemory,
        now: &Now,
    ) -> Option<Protection> {
        self.protections(process, memory, now)
            .find_map(|(_, answer)| answer)
    }

    /// All tests in their order, each with the protection where it holds.
    pub fn protections(
        &self,
        process: &Process,
        memory: &SystemMemory,
        now: &Now,
    ) -> impl Iterator<Item = (ProtectionTest, Option<Protection>)> {
        let tests = ProtectionTest::ALL.into_iter();
        tests.map(move |test| (test, self.answer(test, process, memory, now)))
    }

    fn answer(
        &self,
        test: ProtectionTest,
        process: &Process,
        memory: &SystemMemory,
        now: &Now,
    ) -> Option<Protection> {
        let facts = match &process.facts {
            Ok(facts) => facts,
            Err(unreadable) => {
                let is_tested = test == ProtectionTest::Unreadable;
                return is_tested.then_some(Protection::Unreadable(*unreadable));
            }
        };
        let (pid, start_time) = (process.pid, facts.start_time);
        let key = ProcessKey { pid, start_time };
        let whitelist = &self.config.whitelist;
        match test {
            ProtectionTest::Unreadable => None,
            ProtectionTest::BuiltIn(built_in) => built_in
                .holds(process.pid, facts, self.own)
                .then_some(Protection::BuiltIn(built_in)),
            ProtectionTest::Exemption => {
                let left = self.exemptions.left_of(key, now.since_boot)?;
                Some(Protection::Exempt(key, left))
            }
            ProtectionTest::Pids => self
                .pinned
                .contains(&key)
                .then_some(Protection::Pid(process.pid)),
            ProtectionTest::Names => self.name_protection(process, facts),
            ProtectionTest::Users => whitelist.protects_user(facts.uid).and_then(|user| {
                Some(match user {
                    UserMatch::ProtectRoot => Protection::Root,
                    UserMatch::Listed(user) => {
                        Protection::User(whitelist.users.iter().position(|own| own == user)?)
                    }
                })
            }),
            ProtectionTest::Rule => match self.doubt(process, memory.total) {
                Some(unreadable) => Some(Protection::Unreadable(unreadable)),
                None => self.rule_protection(process),
            },
        }
    }

    /// The entry of `whitelist.names` that protects this process. With `verify_names` a name does not protect where
    /// the executable is certainly another one; doubt protects, and is reported.
    fn name_protection(&self, process: &Process, facts: &Facts) -> Option<Protection> {
        let whitelist = &self.config.whitelist;
        let mut names = whitelist.names.iter().enumerate();
        let (index, by) = names.find_map(|(index, own)| Some((index, name_of(own, facts)?.0)))?;
        let program = process.details.program;
        if whitelist.verify_names {
            let is_refuted = program.is_some_and(|program| program.standing.is_refuted());
            return (!is_refuted).then_some(Protection::Name(index, by, program));
        }
        let renamed = program.filter(|program| program.standing.is_renamed());
        Some(Protection::Name(index, by, renamed))
    }

    /// Why the name of this process, which is in `whitelist.names`, does not protect it; None where it does.
    pub fn refuted_name(&self, process: &Process) -> Option<Program> {
        let program = process.details.program;
        program
            .filter(|program| self.config.whitelist.verify_names && program.standing.is_refuted())
    }

    fn rule_protection(&self, process: &Process) -> Option<Protection> {
        let (number, rule) = self.rule(process)?;
        match rule.action {
            Action::Kill => None,
            Action::Warn => Some(Protection::WarnOnly(number)),
            Action::Protect => Some(Protection::Rule(number)),
        }
    }

    /// What can't be read of a process that may be over its threshold; None where nothing is missing.
    pub(super) fn doubt(&self, process: &Process, total: Bytes) -> Option<Unreadable> {
        if let Err(unreadable) = process.facts {
            return Some(unreadable);
        }
        let Some(matched) = process.details.rule_match else {
            let unreadable = Unreadable {
                file: "what the rules need",
                errno: None,
            };
            return (!self.config.rules.is_empty()).then_some(unreadable);
        };
        let Some((index, unreadable)) = matched.doubt else {
            return process.memory().err();
        };
        // An earlier rule may be its own: that counts where it could make a difference, which is where the process is
        // over the thresholds of the one or of the other.
        let other = self.config.rules.get(usize::from(index));
        let criteria = [self.criteria(process), self.general().of_rule(other)];
        let is_over =
            |thresholds: crate::config::Thresholds| process.rss > thresholds.lowest(total);
        criteria
            .iter()
            .any(|criteria| is_over(criteria.thresholds))
            .then_some(unreadable)
    }

    /// A protection by this policy in words.
    pub fn shown<'p>(&'p self, protection: &'p Protection) -> ShownProtection<'p> {
        ShownProtection {
            protection,
            policy: self,
        }
    }
}

/// A protection in words, with the entry of the configuration that it is by.
#[derive(Clone, Copy, Debug)]
pub struct ShownProtection<'p> {
    /// Which one it is.
    pub protection: &'p Protection,
    policy: &'p Policy,
}

impl fmt::Display for ShownProtection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whitelist = &self.policy.config.whitelist;
        match *self.protection {
            Protection::Unreadable(unreadable) => write!(f, "can't be read ({unreadable})"),
            Protection::BuiltIn(built_in) => built_in.fmt(f),
            Protection::Exempt(process, left) => {
                write!(f, "exempt for another {}", Rounded(left))?;
                match self.policy.exemptions.reason_of(process) {
                    "" => Ok(()),
                    reason => write!(f, ", {}", Escaped(reason.as_bytes())),
                }
            }
            Protection::Pid(pid) => write!(f, "whitelist.pids has {pid}"),
            Protection::Name(index, by, program) => {
                let pattern = whitelist.names.get(index);
                let text = pattern.map_or("", |pattern| pattern.text());
                write!(f, "whitelist.names has {}", Escaped(text.as_bytes()))?;
                f.write_str(match by {
                    NamedBy::Name => "",
                    NamedBy::Executable => ", the name of its executable",
                    NamedBy::Start => ", which its name may be the first 15 bytes of",
                })?;
                program.map_or(Ok(()), |program| write!(f, ", {program}"))
            }
            Protection::User(index) => {
                let text = whitelist.users.get(index).map_or("", |user| &user.text);
                write!(f, "whitelist.users has {}", Escaped(text.as_bytes()))
            }
            Protection::Root => f.write_str("whitelist.protect_root is true"),
            Protection::Rule(number) => self.write_rule(f, number, "protects it"),
            Protection::WarnOnly(number) => self.write_rule(f, number, "only warns"),
        }
    }
}

impl ShownProtection<'_> {
    fn write_rule(&self, f: &mut fmt::Formatter<'_>, number: usize, what: &str) -> fmt::Result {
        let rule = self.policy.config.rules.get(number - 1);
        match rule.and_then(|rule| rule.location.as_ref()) {
            Some(location) => write!(f, "rule {number} at {location} {what}"),
            None => write!(f, "rule {number} {what}"),
        }
    }
}
